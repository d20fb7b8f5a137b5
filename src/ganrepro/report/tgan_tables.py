"""t-GAN's tables: scores and distances by model, differences by seed, and modified inception scores class by class."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ganrepro.report.image_studies import finished_cells, name_of
from ganrepro.report.records import Run
from ganrepro.report.rendering import Table
from ganrepro.report.scores import told
from ganrepro.report.statistics import Comparison, compare_paired, mean_interval, p_in_words
from ganrepro.report.tables import interval_or

Cells = dict[str, list[Run]]
METRICS = {  # heads of columns
    "inception_score": "IS",
    "modified_inception_score": "m-IS",
    "frechet": "Frechet distance",
    "classes_covered": "classes covered",
    "intra_class_pixels": "distance within a class, pixels",
    "intra_class_features": "distance within a class, features",
    "nearest_train_pixels": "distance to the nearest training image",
    "consistency": "read as asked for",
}
COMPARED = ("inception_score", "modified_inception_score", "intra_class_pixels", "intra_class_features", "frechet")
ARRAYS = {"counts", "per_class", "real_counts", "real_per_class", "samples", "names", "scorer"}
CONFUSED = (
    "m-IS also rises when the classifier is confused, as by bad images: read it beside the IS, the distances and the "
    "real images' row."
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
    table = Table([head, *METRICS.values(), "training images", "seeds"], [])
    everyone = [run for members in cells.values() for run in members]
    table.rows.extend(_real_rows(everyone))
    table.folders.extend([None] * len(table.rows))
    for title, members in cells.items():
        values = {metric: list(by_seed(members, metric).values()) for metric in METRICS}
        shown = [interval_or(found, "–") for found in values.values()]
        done = sum(run.status == "done" for run in members)
        table.rows.append([title, *shown, _counts(members, "train_images"), f"{done} of {len(members)}"])
        table.folders.append(members[0].folder.parent)
    table.notes.extend(notes_on(everyone))
    return table


def _real_rows(runs: Sequence[Run]) -> list[list[str]]:
    """One for every number of training images, that of the study's own cells first."""
    by_count: dict[float, list[Run]] = {}
    for run in sorted(runs, key=lambda run: bool(run.departures)):
        if run.status == "done" and (count := run.value("train_images")) is not None:
            by_count.setdefault(count, []).append(run)
    rows: list[list[str]] = []
    for count, members in by_count.items():
        shown = []
        for metric in METRICS:
            known = sorted({value for run in members if (value := run.value(f"real/{metric}")) is not None})
            shown.append(f"{known[0]:.4g}" if len(known) == 1 else interval_or(known, "–"))
        if set(shown) != {"–"}:
            rows.append(["real test images" + " †" * bool(rows), *shown, f"{count:,.0f}", ""])
    return rows


def notes_on(runs: Sequence[Run]) -> list[str]:
    """What scores and distances are of, and what not to read from them."""
    done = [run for run in runs if run.status == "done"]
    notes = [f"Mean over training seeds with its 95 % t interval, last update. {CONFUSED}"]
    scorers = sorted({str(arrays["scorer"]) for arrays in arrays_of(done)})
    if scorers and (accuracy := sorted({v for run in done if (v := run.value("real/consistency")) is not None})):
        shown = " and ".join(f"{value:.2%}" for value in accuracy)
        notes.append(
            f"Read by: {', '.join(scorers)}, right on {shown} of the test images. {_counts(done, 'images')} samples of "
            f"each model, {_counts(done, 'real/images')} test images. Distances are Euclidean, of pixels in [0, 1] and "
            "of the classifier's features; within a class, the mean over pairs of samples that are read as it."
        )
    if any(run.departures for run in runs):
        notes.append("† departs from the study's own grid, and enters only the claims that name it.")
    if lost := sum(run.status == "diverged" for run in runs):
        notes.append(f"{lost} of {len(runs)} runs diverged and are in no mean.")
    return notes


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


# Classes -------------------------------------------------------------------------------------------------------


def class_table(cells: Mapping[str, Sequence[Run]]) -> Table:
    """A row a class: each cell's modified score with its interval over seeds, and how many samples are read as it."""
    found = {title: arrays for title, members in cells.items() if (arrays := arrays_of(members))}
    table = Table(["class", "real: m-IS; images", *(f"{title}: m-IS [95 %]; samples" for title in found)], [])
    if not found:
        return table
    first = next(iter(found.values()))[0]
    for place, name in enumerate(first["names"].tolist()):
        real = f"{_score(first['real_per_class'][place])}; {first['real_counts'][place]:,}"
        table.rows.append([str(name), real, *(_of_class(arrays, place) for arrays in found.values())])
    table.notes.append(f"Class by class, of the class read. Mean numbers of samples over seeds. {CONFUSED}")
    return table


def _of_class(arrays: Sequence[Mapping[str, np.ndarray]], place: int) -> str:
    """ "1.52 [1.40, 1.64]; 480"; with how many seeds have samples of the class, where not all do."""
    scores = scores_of(arrays, place)
    counts = [float(each["counts"][place]) for each in arrays]
    lacking = f" (n = {len(scores)})" if len(scores) < len(arrays) else ""
    return f"{interval_or(scores, '–')}{lacking}; {mean_interval(counts).mean:,.0f}"


def scores_of(arrays: Sequence[Mapping[str, np.ndarray]], place: int) -> list[float]:
    """The modified scores of one class, of the seeds that have samples of it."""
    return [float(each["per_class"][place]) for each in arrays if math.isfinite(each["per_class"][place])]


def _score(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"
