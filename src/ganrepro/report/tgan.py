"""t-GAN's studies: what each has on its page besides verdicts, the table of all cells and learning curves."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ganrepro.report import figures, figures_tgan, tgan_losses, tgan_noise
from ganrepro.report.image_studies import every_run, not_run
from ganrepro.report.measured import Claim
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run
from ganrepro.report.rendering import Table
from ganrepro.report.tgan_classes import class_table
from ganrepro.report.tgan_tables import Cells, arrays_of, cells_of, differences_table, diversity_table, read_as_asked
from ganrepro.report.tgan_timing import timing_table

CONTROLS = {"data.images", "data.pick"}  # departures that are shown beside a study's own cells
# The sections of the paper's page, in its order.
TITLES = {
    "tgan_toy": "The noise before and after training",
    "tgan_mnist": "MNIST",
    "tgan_fashion_mnist": "Fashion-MNIST",
    "tgan_cifar10": "CIFAR-10",
    "tgan_digits": "Embedded digits",
    "tgan_ablation": "What each part does",
    "tgan_pixelcnn": "Against PixelCNN",
}
MODELS = ("gan", "dcgan", "acgan", "deligan", "tgan")
OURS, BASE = "tgan", "base"
ABLATIONS = {  # what each cell of tgan_ablation is
    BASE: "t mixture with v = 3, code, classification loss",
    "noise_only": "t mixture alone",
    "gaussian_noise_only": "Gaussian mixture alone: DeLiGAN",
    "codeword": "no classification loss",
    "class_real": "D's classifier learns from real images only",
    "v1": "v = 1",
    "v2": "v = 2",
    "v5": "v = 5",
    "v10": "v = 10",
    "v30": "v = 30",
    "gaussian": "v = ∞: Gaussian mixture",
    "components_1": "1 component",
    "components_10": "10 components",
    "components_200": "200 components",
    "codeword_scaled": "code's mean from 0 to 1",
    "codeword_one_hot": "code's mean one-hot",
    "controller": "DeLiGAN's step controller",
    "full_scale": "full scale matrices",
    "no_penalty": "nothing draws the scales to 1",
}
PARTS = (  # of the ablation, each a step from the second to the first
    ("noise_only", "gaussian_noise_only"),
    ("codeword", "noise_only"),
    (BASE, "codeword"),
    ("class_real", "codeword"),
    (BASE, "class_real"),
)
TAILS = {"v1": 1.0, "v2": 2.0, BASE: 3.0, "v5": 5.0, "v10": 10.0, "v30": 30.0, "gaussian": math.inf}
COMPONENTS = {"components_1": 1.0, "components_10": 10.0, "components_200": 200.0}
COMPONENTS_OF_BASE = "latent.component.count"  # in a run's identity


def sections(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """What a study has of its own, drawn into `out`; [] for a study of another paper. Runs may be missing."""
    return OWN[study](study, runs, scale, out) if study in OWN else []


# Models --------------------------------------------------------------------------------------------------------


def models(study: str, runs: Sequence[Run], scale: str, out: Path) -> list[Section]:
    """Scores and distances by model, t-GAN less each other, classes, losses, a strip of samples of every run."""
    cells = cells_of(runs, "model", MODELS)
    every = every_run(study, runs, "model", "inception_score", out)
    if not cells:
        return [Section("Diversity", empty=not_run(study, scale, sweep=True)), *every]
    tables = [diversity_table(cells)]
    if OURS in cells:
        pairs = {f"{OURS} − {name}": (cells[OURS], members) for name, members in cells.items() if name != OURS}
        tables.append(differences_table(pairs, "difference"))
    losses = tgan_losses.section(cells, out / f"{study}_losses.png")
    return [Section("Diversity", tables), *classes(study, cells, out), losses, *every]


def classes(study: str, cells: Cells, out: Path, few: Collection[str] | None = None) -> list[Section]:
    """The modified score class by class, of these few cells where there are many; and samples with a class a line."""
    told = {title: members for title, members in cells.items() if few is None or title in few}
    drawn = figures.anew(out / f"{study}_per_class.png", lambda path: figures_tgan.per_class(told, path))
    caption = (
        "Above: the modified inception score of the samples read as each class, mean over seeds with its 95 % t "
        "interval; 1 is the least there is. Below: how many samples are read as it, over an equal share."
    )
    pictures = [Picture(drawn, "Class by class", caption)] if drawn else []
    made = [Section("Class by class", [class_table(told)], pictures, empty="No samples are read by class yet.")]
    shown = figures.anew(out / f"{study}_classes.png", lambda path: figures_tgan.class_sheets(sheets_of(cells), path))
    caption = (
        "A class a line: the one asked for, or of a model that is told none, the one read. The first seed of each, "
        "last update; grey where there is no sample."
    )
    if told_both := read_as_asked(cells):
        caption += f" Read as asked, by the scorer and by D's own head: {told_both}."
    return (
        [*made, Section("Samples by class", pictures=[Picture(shown, "Samples by class", caption)])] if shown else made
    )


def sheets_of(cells: Cells) -> dict[str, tuple[list[str], np.ndarray]]:
    """The classes' names and the samples of the first seed of each cell that has them."""
    found = {title: next(iter(arrays_of(members)), None) for title, members in cells.items()}
    return {
        title: ([str(name) for name in arrays["names"]], arrays["samples"])
        for title, arrays in found.items()
        if arrays is not None and arrays["samples"].ndim == 5
    }


# One thing at a time -------------------------------------------------------------------------------------------


def ablation(study: str, runs: Sequence[Run], scale: str, out: Path) -> list[Section]:
    """Every cell against the whole, parts against each other, sweeps of v and of components, and as `models`."""
    cells = cells_of(runs, "ablation", list(ABLATIONS))
    every = every_run(study, runs, "ablation", "inception_score", out)
    if not cells:
        return [Section("One thing changed at a time", empty=not_run(study, scale, sweep=True)), *every]
    pictures = [
        Picture(drawn, title, "At the last update. Grey: a line a seed. Blue: means with their 95 % t intervals.")
        for title, drawn in {
            "Degrees of freedom": _swept({TAILS[n]: m for n, m in cells.items() if n in TAILS}, "v", study, out),
            "Number of components": _swept(by_components(cells), "components", study, out),
        }.items()
        if drawn
    ]
    losses = tgan_losses.section(cells, out / f"{study}_losses.png")
    shown = Section("One thing changed at a time", ablation_tables(cells), pictures)
    parts = {name for step in PARTS for name in step}
    return [shown, *classes(study, cells, out, parts), losses, *every]


def ablation_tables(cells: Cells) -> list[Table]:
    """Scores by cell, each cell less the base, and the steps from noise alone to the whole."""
    named = {_explained(name): members for name, members in cells.items()}
    tables = [diversity_table(named, "cell")]
    if BASE in cells:
        others = {_explained(name): (members, cells[BASE]) for name, members in cells.items() if name != BASE}
        tables.append(differences_table(others, f"less {BASE}"))
    parts = {f"{a} − {b}": (cells[a], cells[b]) for a, b in PARTS if a in cells and b in cells}
    return [*tables, differences_table(parts, "step")] if parts else tables


def _explained(name: str) -> str:
    return f"{name}: {ABLATIONS[name]}" if name in ABLATIONS else name


def by_components(cells: Cells) -> dict[float, list[Run]]:
    """Cells by their number of components; the base's is in its runs' records."""
    found = {COMPONENTS[name]: members for name, members in cells.items() if name in COMPONENTS}
    count = (cells[BASE][0].record.get("identity") or {}).get(COMPONENTS_OF_BASE) if BASE in cells else None
    return found | ({float(count): cells[BASE]} if count else {})


def _swept(cells: Mapping[float, Sequence[Run]], label: str, study: str, out: Path) -> Path | None:
    return figures.anew(out / f"{study}_{label}.png", lambda path: figures_tgan.sweep(cells, label, path))


# The others ----------------------------------------------------------------------------------------------------


def toy(study: str, runs: Sequence[Run], scale: str, out: Path) -> list[Section]:
    return [tgan_noise.section(runs, out / f"{study}_noise.png", not_run(study, scale, sweep=True))]


def pixelcnn(study: str, runs: Sequence[Run], scale: str, out: Path) -> list[Section]:
    """What each costs and how its samples score, and samples by class."""
    cells = cells_of(runs, "model", ("pixelcnn", OURS))
    if not cells:
        return [Section("Time and scores", empty=not_run(study, scale, sweep=True))]
    return [Section("Time and scores", [timing_table(cells), diversity_table(cells)]), *classes(study, cells, out)]


OWN: dict[str, Callable[[str, Sequence[Run], str, Path], list[Section]]] = {
    "tgan_toy": toy,
    "tgan_mnist": models,
    "tgan_fashion_mnist": models,
    "tgan_cifar10": models,
    "tgan_digits": models,
    "tgan_ablation": ablation,
    "tgan_pixelcnn": pixelcnn,
}
