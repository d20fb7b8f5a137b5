"""The LSGAN paper's studies: what each has on its page besides verdicts, the table of all cells and learning curves."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganrepro.report import figures, figures_cells, figures_lsgan, lsgan_ring
from ganrepro.report.events import Rule, keeps
from ganrepro.report.findings import counted
from ganrepro.report.image_studies import name_of, rule_in_words, rule_of
from ganrepro.report.lsgan_images import images, scenes, small_variability, stability
from ganrepro.report.measured import Claim
from ganrepro.report.page import Picture, Section
from ganrepro.report.papers import errors_table
from ganrepro.report.records import Run, by_cell
from ganrepro.report.rendering import Table
from ganrepro.report.tables import AT, NAMES, interval_or, plain_cells

CONTROLS = {"norm"}  # departures that are shown beside a study's own cells
# The sections of the paper's page, in its order.
TITLES = {
    "lsgan_theory": "Theory",
    "lsgan_gradients": "Gradients",
    "lsgan_codings": "Labels",
    "lsgan_scenes": "Scenes",
    "lsgan_cifar10": "CIFAR-10",
    "lsgan_hwdb": "Characters",
    "lsgan_calibration": "What counts as success",
    "lsgan_stability": "Stability",
    "lsgan_ring": "Eight Gaussians",
    "lsgan_ring_factors": "What decides who collapses",
    "lsgan_small_variability": "Digits with little variability",
}
THEORY = {
    "opt_d_error": "|D(x) − (b p(x) + a q(x)) / (p(x) + q(x))|, D trained to its optimum",
    "chi2_error": "|criterion of G − χ²(p + q ‖ 2q) / 2|, at that D, where b − c = 1 and b − a = 2",
}


def sections(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """What a study has of its own, drawn into `out`; [] for a study of another paper."""
    judges = "lsgan_stability" if study == "lsgan_calibration" else study  # whose rule of success it is for
    claims = [claim for claim in claims if claim["study"] == judges]
    made = OWN[study](study, runs, claims, scale, out) if study in OWN else []
    return [section for section in made if not section.is_empty]


def theory(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    return [Section("Theory", [errors_table([run for run in runs if not run.choices], THEORY)])]


def gradients(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """Figure 2 as numbers, and what came of it in training."""
    by_loss = {v: [run for run in runs if run.choices == {"loss": v}] for v in figures_lsgan.LOSSES}
    needed = {"outputs", *figures_lsgan.LOSSES}
    arrays = (found for run in runs if (found := run.arrays("logits")) is not None and found.keys() >= needed)
    curve = next(arrays, None)
    drawn = figures.anew(out / f"{study}.png", lambda path: figures_lsgan.gradients(curve, by_loss, path))
    caption = (
        "Left: the gradient of G's loss by D's output on one sample. Right: the share of samples whose gradient is "
        "below 1 % of an undecided D's, a line a seed, of both losses at the same outputs."
    )
    pictures = [Picture(drawn, "Figure 2: where each loss gives no gradient", caption)] if drawn else []
    table = Table(["loss", *(f"at D's output {x:g}" for x in (-8, -4, 0, 1, 4, 8))], [])
    for loss in figures_lsgan.LOSSES if curve is not None else ():
        assert curve is not None
        places = [abs(curve["outputs"] - x).argmin() for x in (-8, -4, 0, 1, 4, 8)]
        table.rows.append([loss, *(f"{curve[loss][place]:.3g}" for place in places)])
    return [Section("Figure 2", [table], pictures), *images(study, runs, claims, scale, out)]


def hwdb(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """Classes asked for against classes read, what the condition costs, and the characters."""
    keys = ["agreement", "confidence", "readable", "parameters/generator", "parameters/discriminator", "megabytes"]
    table = Table(["condition", "at", *keys, "seeds"], [])
    for cell in plain_cells(runs):
        for at in AT:
            found = [list(cell.values(key, at).values()) for key in keys]
            if any(found):
                mean = [interval_or(values, "–") for values in found[:3]]
                costs = [counted(values[0]) if values else "–" for values in found[3:]]
                table.rows.append([cell.label, NAMES[at], *mean, *costs, str(max(map(len, found)))])
                table.folders.append(cell.folder)
    known = [v for run in runs if (v := run.value("accuracy")) is not None]
    note = f"The classifier that reads them is right on {max(known):.1%} of real test images." if known else ""
    table.notes.extend([note] if note else [])
    first = {_slug(run): run for run in _first_seeds(runs)}
    pictures = [picture for name, run in first.items() if (picture := asked(run, out / f"asked_{name}.png"))]
    return [Section("Classes asked for", [table], pictures), *images(study, runs, claims, scale, out)]


def asked(run: Run, path: Path) -> Picture | None:
    """Eight samples of each class asked for, a class a line. None without conditional.npz."""
    path.unlink(missing_ok=True)
    arrays = run.arrays("conditional")
    if arrays is None or "samples" not in arrays or arrays["samples"].ndim != 5:
        return None
    names = [str(name) for name in arrays.get("names", range(len(arrays["samples"])))]
    rows = [(_printable(name, at), part) for at, (name, part) in enumerate(zip(names, arrays["samples"], strict=True))]
    drawn = figures_cells.labelled_strips(rows, path)
    title = f"Classes asked for, {name_of(run.choices)}"
    return Picture(drawn, title, f"A class a line. Seed {run.seed}, last update.") if drawn else None


def _printable(name: str, place: int) -> str:
    """The pictures' font has no Chinese characters."""
    return name if name.isascii() else f"class {place}"


def calibration(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """What the measures say of sets of known quality, whether these would count as success, and the sets."""
    done = [run for run in runs if run.status == "done" and not run.choices]
    found = [arrays for run in done if (arrays := run.arrays("calibration")) is not None]
    found = [arrays for arrays in found if arrays.keys() >= {"sets", "metrics", "table", "strips"}]
    if not found:
        return []
    table = calibration_table(found, rule_of(claims))
    names = [_said(name) for name in found[0]["sets"]]
    rows = list(zip(names, found[0]["strips"], strict=True))
    drawn = figures.anew(out / f"{study}.png", lambda path: figures_cells.labelled_strips(rows, path))
    pictures = [Picture(drawn, "The sets", "Eight pictures of each.")] if drawn else []
    return [Section("Sets of known quality", [table], pictures)]


def calibration_table(found: Sequence[Mapping[str, Any]], rule: Rule | None) -> Table:
    """A row a set: the means over all draws of all seeds, and how many draws would succeed by the rule."""
    sets, metrics = ([str(name) for name in found[0][key]] for key in ("sets", "metrics"))
    shown = [metric for metric in metrics if not metric.startswith("valid/")]
    table = Table(["set", *shown, *(["succeed"] if rule else [])], [])
    draws = np.concatenate([arrays["table"] for arrays in found], axis=1)
    for place, name in enumerate(sets):
        means = dict(zip(metrics, draws[place].mean(axis=0).tolist(), strict=True))
        row = [_said(name), *(f"{means[metric]:.4g}" for metric in shown)]
        if rule:
            kept = [keeps(dict(zip(metrics, draw.tolist(), strict=True)), rule) for draw in draws[place]]
            row.append(f"{kept.count(True)} of {len(kept)}")
        table.rows.append(row)
    table.notes.append(f"Means over {draws.shape[1]} draws.")
    table.notes.extend([f"Succeed: {rule_in_words(rule)}."] if rule else [])
    return table


def _said(name: object) -> str:
    return str(name).replace("_", " ")


def _first_seeds(runs: Sequence[Run]) -> list[Run]:
    """The first seed of each cell that has its arrays."""
    return [
        next((run for run in members if run.arrays("conditional") is not None), members[0])
        for members in by_cell(runs).values()
    ]


def _slug(run: Run) -> str:
    return run.cell.partition("-")[0].replace("=", "_").replace(",", "_")


OWN: dict[str, Callable[..., list[Section]]] = {
    "lsgan_stability": stability,
    "lsgan_small_variability": small_variability,
    "lsgan_cifar10": images,
    "lsgan_scenes": scenes,
    "lsgan_codings": images,
    "lsgan_theory": theory,
    "lsgan_gradients": gradients,
    "lsgan_hwdb": hwdb,
    "lsgan_calibration": calibration,
    "lsgan_ring": lsgan_ring.ring,
    "lsgan_ring_factors": lsgan_ring.factors,
}
