"""The DCGAN paper's studies: what each has on its page besides verdicts, the table of all cells and learning curves."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ganrepro.report import dcgan_tables, dedup, figures, figures_cells, figures_dcgan
from ganrepro.report.dcgan_probes import ALL, probed
from ganrepro.report.events import Rule, count
from ganrepro.report.findings import factor
from ganrepro.report.image_studies import (
    every_run,
    finished_cells,
    lines_of,
    name_of,
    not_run,
    rule_of,
    shown_fisher,
    shown_rate,
    success_notes,
    trained_for,
)
from ganrepro.report.measured import Claim, rivals
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run
from ganrepro.report.rendering import Table, to_latex
from ganrepro.report.scores import rests_on, told
from ganrepro.report.statistics import compare_paired, p_in_words
from ganrepro.report.tables import AT, NAMES

CONTROLS: set[str] = set()  # departures that are shown beside a study's own cells
# The sections of the paper's page, in its order.
TITLES = {
    "dcgan_guidelines": "The architecture's rules",
    "dcgan_lsun": "Bedrooms",
    "lsun_dedup": "Near-duplicates",
    "dcgan_faces": "Faces",
    "dcgan_imagenet32": "ImageNet",
    "dcgan_cifar10_features": "Table 1: CIFAR-10 by D's features",
    "dcgan_svhn": "Street-view digits",
    "dcgan_svhn_features": "Table 2: street-view digits from 1,000 labels",
    "dcgan_mnist_conditional": "Labelled digits, judged by their nearest neighbours",
}
BASE = "base"
GUIDELINES = {  # what each cell of dcgan_guidelines breaks
    BASE: "none is broken",
    "no_norm": "no batch norm",
    "norm_all": "batch norm in every layer",
    "pooling": "pooling in place of strides",
    "fully_connected": "fully connected hidden layers",
    "tanh_g": "tanh in G",
    "leaky_relu_g": "LeakyReLU in G",
    "relu_d": "ReLU in D",
    "maxout_d": "maxout in D",
    "norm_g_only": "batch norm in G alone",
    "norm_d_only": "batch norm in D alone",
    "sigmoid_output": "sigmoid output",
    "lr_high": "learning rate 0.001",
    "beta1_high": "beta1 of 0.9",
}
STRIPS = 4  # lines of samples of each run, a class a column


def sections(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """What a study has of its own, drawn into `out`; [] for a study of another paper. Runs may be missing."""
    claims = [claim for claim in claims if claim["study"] == study]
    return OWN[study](study, runs, claims, scale, out) if study in OWN else []


# The rules -----------------------------------------------------------------------------------------------------


def guidelines(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """Success rates and distances by the rule broken, a strip of samples of every run, curves cell by cell."""
    rule = rule_of(claims)
    every = every_run(study, runs, "guideline", "valid/frechet", out, rule)
    if rule is None:
        return every
    if not any(run.finished for run in runs):
        return [Section("Rules broken", empty=not_run(study, scale, sweep=True)), *every]
    drawn = figures.anew(out / f"{study}_rates.png", lambda path: figures_cells.rates(_rates(runs, rule), path))
    caption = "The table's rates at the last and at the best update."
    pictures = [Picture(drawn, "Success rates", caption)] if drawn else []
    return [Section("Rules broken", [guideline_table(runs, claims, rule)], pictures), *every]


def cells_of(runs: Sequence[Run]) -> list[tuple[str, dict[str, list[Run]]]]:
    """Runs by rule in the order of GUIDELINES, by their other choices in words, which are "plain" for the own grid."""
    axis = "guideline"
    known = {run.choices[axis]: None for run in runs if axis in run.choices}
    order = [rule for rule in GUIDELINES if rule in known] + [rule for rule in known if rule not in GUIDELINES]
    lines = lines_of(runs, axis, order)
    return [(name, {rule: by_rule[rule] for rule in order if rule in by_rule}) for name, by_rule in lines.items()]


def guideline_table(runs: Sequence[Run], claims: Sequence[Claim], rule: Rule) -> Table:
    """A row a rule and update: who succeeds, and how far samples lie from real images as a multiple of the base's."""
    header = ["rule broken", "at", "succeeded [Wilson 95 %]", "Fisher's p against base"]
    header += ["Frechet distance over base's [95 %]", "p", "pairs", "diverged", "the paper says"]
    table = Table(header, [])
    for name, by_rule in cells_of(runs):
        for broken, members in by_rule.items():
            says = "; ".join(claim["says"] for claim in claims if _is_about(claim, members[0].choices)) or "–"
            finished = [run for run in members if run.finished]
            lost = f"{sum(run.status == 'diverged' for run in finished)} of {len(finished)}"
            for at in AT:
                rates = [count(each, "success", at, rule)[0] for each in (members, by_rule.get(BASE, []))]
                p = "–" if broken == BASE else shown_fisher(*rates)
                distances = "–", "–", ""
                if broken != BASE:
                    distances = _over_base(members, by_rule.get(BASE, []), at)
                row = [_called(broken, name), NAMES[at], shown_rate(rates[0]), p, *distances, lost]
                table.rows.append([*row, says if at == AT[0] else ""])
                table.folders.append(members[0].folder.parent)
    table.notes.extend([*success_notes(runs, rule), *rests_on([run for run in runs if run.finished])])
    table.notes.append(
        "Fisher's exact test, two-sided, against the runs that break no rule. Distances to test images are paired by "
        "seed: the mean of their logarithms' differences, as a factor; above 1 the broken rule is worse. Neither is "
        f"corrected for the number of rows. {_counts(runs)}"
    )
    return table


def _over_base(members: Sequence[Run], base: Sequence[Run], at: str) -> tuple[str, str, str]:
    """The factor, its p and how many pairs it is from."""
    compared = compare_paired(_logarithms(members, at), _logarithms(base, at))
    if compared is None:
        return "–", "–", ""
    return str(factor(compared.difference)), p_in_words(compared.p), str(compared.difference.n)


def _logarithms(runs: Sequence[Run], at: str) -> dict[int, float]:
    found = {run.seed: run.value("frechet", at) for run in told(runs, "frechet") if run.status == "done"}
    return {seed: math.log(distance) for seed, distance in found.items() if distance and distance > 0}


def _called(broken: str, name: str) -> str:
    """ "no_norm: no batch norm"; with what else was chosen, for a cell that departs."""
    said = f"{broken}: {GUIDELINES[broken]}" if broken in GUIDELINES else broken
    return said + ("" if name == "plain" else f", {name}")


def _is_about(claim: Claim, choices: Mapping[str, str]) -> bool:
    """Whether a claim's rival is this cell; where it has none, whether the cell is its own."""
    asked = [{key: str(value) for key, value in cell.items()} for cell in rivals(claim) or [claim["cells"]]]
    return choices in asked


def _counts(runs: Sequence[Run]) -> str:
    """ "5 seeds, 600 updates of each network."."""
    done = [run for run in runs if run.status == "done"]
    updates = sorted({int(run.record["generator_updates"]) for run in done})
    trained = ", ".join(f"{n:,}" for n in updates)
    return f"{len({run.seed for run in runs})} seeds, {trained} updates of each network."


def _rates(runs: Sequence[Run], rule: Rule) -> list[tuple[str, dict[str, tuple[float, float, float]]]]:
    rows = []
    for name, by_rule in cells_of(runs):
        for broken, members in by_rule.items():
            counts = {f"{NAMES[at]} update": count(members, "success", at, rule)[0] for at in AT}
            shown = {at: (c.rate.mean, c.rate.low, c.rate.high) for at, c in counts.items() if c.n}
            rows.append((_called(broken, name.replace(" †", " (departs)")), shown))
    return [(title, shown) for title, shown in rows if shown]


# Pictures and features -----------------------------------------------------------------------------------------


def pictures(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """What the probes found, a strip of samples of every run, curves."""
    choosing = {"dcgan_lsun": ("forget",), "dcgan_faces": ("arithmetic", "pose"), "dcgan_svhn": ("arithmetic",)}
    found = probed(study, runs, scale, out, (*ALL, *choosing.get(study, ())))
    return [found, *every_run(study, runs, "", "valid/frechet", out)]


def cifar10(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    return _features(study, "Table 1", dcgan_tables.table1(runs), "table1.tex", runs, scale, out)


def svhn(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    return _features(study, "Table 2", dcgan_tables.table2(runs), "table2.tex", runs, scale, out)


def _features(
    study: str, title: str, table: Table, file: str, runs: Sequence[Run], scale: str, out: Path
) -> list[Section]:
    """The paper's table, which is written to a file besides, a strip of samples of every run, curves."""
    (out / file).write_text(to_latex(table))
    text = trained_for(runs) or [not_run(study, scale)]
    return [Section(title, [table], text=text), *every_run(study, runs, "", "valid/frechet", out)]


# Labelled digits -----------------------------------------------------------------------------------------------


def labelled(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """Errors by the size of the training set, samples with a class a column, a strip of samples of every run."""
    tables = [dcgan_tables.neighbours_table(runs, valid) for valid in (False, True)]
    cells = {name_of(members[0].choices): members for members in finished_cells(runs)}
    found = {title: arrays for title, members in cells.items() if (arrays := dcgan_tables.one_nn_arrays(members))}
    drawn = figures.anew(out / f"{study}.png", lambda path: figures_dcgan.neighbours(found, path))
    caption = "Errors on test images; the training set grows from left to right."
    shown = [Picture(drawn, "Errors by size", caption)] if drawn else []
    text = trained_for(runs) or [not_run(study, scale)]
    made = [Section("Nearest neighbours", tables, shown, text)]
    return [*made, *by_class(study, runs, scale, out), *every_run(study, runs, "", "valid/one_nn/error", out)]


def by_class(study: str, runs: Sequence[Run], scale: str, out: Path) -> list[Section]:
    """Samples of the classes asked for, a class a column, a few lines of every seed that has them."""
    rows = []
    for run in runs:
        samples = (run.arrays("one_nn") or {}).get("samples")
        if samples is not None and samples.ndim == 5:
            name = name_of(run.choices) + ", " if run.choices else ""
            titles = [f"{name}seed {run.seed}", *[""] * (STRIPS - 1)]
            rows += list(zip(titles, samples[:, :STRIPS].swapaxes(0, 1), strict=False))
    drawn = figures.anew(out / f"{study}_classes.png", lambda path: figures_cells.labelled_strips(rows, path))
    caption = f"A class a column, {STRIPS} lines of each seed, last update."
    picture = [Picture(drawn, "Classes asked for", caption)] if drawn else []
    return [Section("Classes asked for", pictures=picture, empty=not_run(study, scale))]


OWN: dict[str, Callable[..., list[Section]]] = {
    "dcgan_guidelines": guidelines,
    "dcgan_lsun": pictures,
    "lsun_dedup": dedup.sections,
    "dcgan_faces": pictures,
    "dcgan_imagenet32": pictures,
    "dcgan_cifar10_features": cifar10,
    "dcgan_svhn": pictures,
    "dcgan_svhn_features": svhn,
    "dcgan_mnist_conditional": labelled,
}
