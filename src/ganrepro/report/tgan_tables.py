"""t-GAN's tables: scores and distances by model, differences by seed, and modified inception scores class by class."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ganrepro.report.events import series
from ganrepro.report.image_studies import finished_cells, name_of
from ganrepro.report.records import Run
from ganrepro.report.rendering import Table
from ganrepro.report.scores import told
from ganrepro.report.statistics import Comparison, compare_paired, mean_interval, p_in_words
from ganrepro.report.tables import interval_or
from ganrepro.report.tgan_timing import parameters

Cells = dict[str, list[Run]]
METRICS = {  # heads of columns
    "inception_score": "IS",
    "inception_score_inception": "IS by Inception",
    "modified_inception_score": "m-IS",
    "frechet": "Frechet distance",
    "classes_covered": "classes covered",
    "intra_class_pixels": "distance within a class, pixels",
    "intra_class_features": "distance within a class, features",
    "nearest_train_pixels": "distance to the nearest training image",
    "consistency": "read as asked, by the scorer",
}
BY_HEAD = "read as asked, by D's own head"
OPTIONAL = {"inception_score_inception"}  # no column where no run has it
REAL = {"frechet": "real/frechet_floor"}  # what real images have under another name
OWN_NETWORKS = ("dcgan", "acgan")
COMPARED = ("inception_score", "modified_inception_score", "intra_class_pixels", "intra_class_features", "frechet")
ARRAYS = {"counts", "per_class", "real_counts", "real_per_class", "samples", "names", "scorer"}
CONFUSED = (
    "m-IS also rises when the classifier is confused, as by bad images: read it beside the IS, the distances and the "
    "real images' row. Overall it is the mean over the classes covered, those that are read in a tenth of an equal "
    "share of the samples, as the distances within a class are."
)


# Cells ---------------------------------------------------------------------------------------------------------


def cells_of(runs: Sequence[Run], axis: str, order: Sequence[str]) -> Cells:
    """The finished runs of each cell by what it is called: in this order of the axis' values, departures (†) last."""
    named = [(_called(members[0], axis), members) for members in finished_cells(runs)]
    names = [name for name, _ in named]
    titled = [
        (name if names.count(name) == 1 else f"{name} [{members[0].cell.rpartition('-')[2]}]", members)
        for name, members in named
    ]

    def place(members: Sequence[Run]) -> tuple[bool, int]:
        value = members[0].choices.get(axis, "")
        return bool(members[0].departures), order.index(value) if value in order else len(order)

    return dict(sorted(titled, key=lambda cell: place(cell[1])))


def _called(run: Run, axis: str) -> str:
    """ "tgan", or "acgan, data.images=null †"."""
    rest = {key: value for key, value in run.choices.items() if key != axis}
    parts = [run.choices[axis]] if axis in run.choices else []
    return ", ".join(parts + ([name_of(rest)] if rest else [])) + (" †" if run.departures else "") or "plain"


def by_seed(runs: Sequence[Run], metric: str) -> dict[int, float]:
    """What the runs that are done have for it at the last update."""
    found = {run.seed: run.value(metric) for run in told(runs, metric) if run.status == "done"}
    return {seed: value for seed, value in found.items() if value is not None}


def arrays_of(runs: Sequence[Run]) -> list[dict[str, np.ndarray]]:
    """classes.npz of each run that is done and has it whole, with a score for every class."""
    found = [run.arrays("classes") for run in runs if run.status == "done"]
    whole = [arrays for arrays in found if arrays is not None and arrays.keys() >= ARRAYS]
    return [arrays for arrays in whole if arrays["per_class"].shape == arrays["names"].shape]


# Models --------------------------------------------------------------------------------------------------------


def diversity_table(cells: Mapping[str, Sequence[Run]], head: str = "model") -> Table:
    """A row a cell, with intervals over seeds; above them the real test images, as the same code scores them."""
    everyone = [run for members in cells.values() for run in members]
    metrics = [
        metric for metric in METRICS if metric not in OPTIONAL or any(by_seed([run], metric) for run in everyone)
    ]
    columns = [*(METRICS[metric] for metric in metrics), BY_HEAD, "parameters, G + D", "training images", "seeds"]
    table = Table([head, *columns], [])
    table.rows.extend(_real_rows(everyone, metrics))
    table.folders.extend([None] * len(table.rows))
    for title, members in cells.items():
        shown = [interval_or(list(by_seed(members, metric).values()), "–") for metric in metrics]
        shown += [_by_head(members), _weights(members), _counts(members, "train_images")]
        done = sum(run.status == "done" for run in members)
        table.rows.append([title, *shown, f"{done} of {len(members)}"])
        table.folders.append(members[0].folder.parent)
    table.notes.extend(notes_on(everyone))
    return table


def _by_head(runs: Sequence[Run]) -> str:
    """ "0.82 [0.80, 0.84] (real ones: 0.99)": the last rows' shares of generated and of real images."""
    fake, real = (of_head(runs, kind) for kind in ("fake", "real"))
    return interval_or(fake, "–") + (f" (real ones: {mean_interval(real).mean:.3g})" if fake and real else "")


def of_head(runs: Sequence[Run], kind: str) -> list[float]:
    """What D's own head reads as asked at the end, of "fake" or "real" images, of each run that is done and has it."""
    rows = [series(run, f"class_accuracy/{kind}") for run in runs if run.status == "done"]
    return [points[-1][1] for points in rows if points and math.isfinite(points[-1][1])]


def read_as_asked(cells: Mapping[str, Sequence[Run]]) -> str:
    """ "acgan 91 % and 97 %, tgan 27 % and 82 %": means over seeds, of the cells that have both."""
    found = {
        title: (list(by_seed(runs, "consistency").values()), of_head(runs, "fake")) for title, runs in cells.items()
    }
    both = {title: [f"{mean_interval(each).mean:.0%}" for each in pair] for title, pair in found.items() if all(pair)}
    return ", ".join(f"{title} {scorer} and {head}" for title, (scorer, head) in both.items())


def _weights(runs: Sequence[Run]) -> str:
    known = sorted({count for run in runs if run.status == "done" and (count := parameters(run)) is not None})
    return " and ".join(f"{count:,.0f}" for count in known) or "–"


def _real_rows(runs: Sequence[Run], metrics: Sequence[str]) -> list[list[str]]:
    """One for every number of training images, that of the study's own cells first."""
    by_count: dict[float, list[Run]] = {}
    for run in sorted(runs, key=lambda run: bool(run.departures)):
        if run.status == "done" and (count := run.value("train_images")) is not None:
            by_count.setdefault(count, []).append(run)
    rows: list[list[str]] = []
    for count, members in by_count.items():
        shown = []
        for metric in metrics:
            key = REAL.get(metric, f"real/{metric}")
            known = sorted({value for run in members if (value := run.value(key)) is not None})
            shown.append(f"{known[0]:.4g}" if len(known) == 1 else interval_or(known, "–"))
        if set(shown) != {"–"}:
            rows.append(["real test images" + " †" * bool(rows), *shown, "–", "–", f"{count:,.0f}", ""])
    return rows


def notes_on(runs: Sequence[Run]) -> list[str]:
    """What scores and distances are of, and what not to read from them."""
    done = [run for run in runs if run.status == "done"]
    notes = [f"Mean over training seeds with its 95 % t interval, last update. {CONFUSED}"]
    if scorers := scorers_of(done):
        notes.append(
            f"Read by: {' and '.join(scorers)}. {_counts(done, 'images')} samples of each model, "
            f"{_counts(done, 'real/images')} test images. Distances are Euclidean, of pixels in [0, 1] and of the "
            "classifier's features; within a class, the mean over pairs of samples that are read as it."
        )
    if len(scorers) > 1:
        notes.append("Different scorers judged these runs: scores of runs that had not the same one do not compare.")
    if any(run.value(REAL["frechet"]) is not None for run in done):
        notes.append(
            "The real images' Frechet distance is that of as many training images to the test images: a perfect "
            "generator's."
        )
    if any(of_head(done, kind) for kind in ("fake", "real")):
        notes.append(
            "D's own head reads in training, mean over the last stretch of its steps; it may have learnt from such "
            "images, the scorer has not."
        )
    if any(run.choices.get("model") in OWN_NETWORKS for run in runs):
        notes.append(
            "DCGAN and ACGAN have networks of their own, below the paper's scale narrower ones than published, and a "
            "learning rate of their own: a difference from them is not of the noise alone."
        )
    if any(run.departures for run in runs):
        notes.append("† departs from the study's own grid, and enters only the claims that name it.")
    if lost := sum(run.status == "diverged" for run in runs):
        notes.append(f"{lost} of {len(runs)} runs diverged and are in no mean.")
    return notes


def scorers_of(runs: Sequence[Run]) -> list[str]:
    """ "classifier 0123456789ab, right on 99.30% of the test images": each that judged one of these runs."""
    found = set()
    for run in runs:
        for arrays in arrays_of([run]):
            accuracy = run.value("scorer_accuracy")
            accuracy = run.value("real/consistency") if accuracy is None else accuracy  # records without the first
            named = " ".join(
                [str(arrays["scorer"]), *([str(arrays["scorer_hash"])] if "scorer_hash" in arrays else [])]
            )
            found.add(named + (f", right on {accuracy:.2%} of the test images" if accuracy is not None else ""))
    return sorted(found)


def _counts(runs: Sequence[Run], metric: str) -> str:
    known = sorted({value for run in runs if run.status == "done" and (value := run.value(metric)) is not None})
    return " and ".join(f"{count:,.0f}" for count in known) or "–"


# Differences ---------------------------------------------------------------------------------------------------


def differences_table(pairs: Mapping[str, tuple[Sequence[Run], Sequence[Run]]], head: str) -> Table:
    """A row a pair of cells by its title: first less second, paired by seed, with its interval and p."""
    table = Table([head, *(f"{METRICS[metric]} [95 %], p" for metric in COMPARED), "pairs", "diverged"], [])
    for title, (first, second) in pairs.items():
        found = [compare_paired(by_seed(first, metric), by_seed(second, metric)) for metric in COMPARED]
        known = [compared.difference.n for compared in found if compared]
        lost = sum(run.status == "diverged" for run in (*first, *second))
        row = [title, *map(_shown, found), str(max(known, default=0)), f"{lost} of {len(first) + len(second)}"]
        table.rows.append(row)
        table.folders.append(tuple(dict.fromkeys(run.folder.parent for run in (*first, *second))))
    table.notes.append(
        "Paired by seed; p of the two-sided paired t test, not corrected for the number of rows and columns. Of the "
        "Frechet distance less is better."
    )
    return table


def _shown(compared: Comparison | None) -> str:
    return f"{compared.difference}, {p_in_words(compared.p)}" if compared else "–"
