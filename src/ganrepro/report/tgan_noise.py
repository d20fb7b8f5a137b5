"""The toy in the plane: what training makes of the noise, as a picture and in numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganrepro.report import figures, figures_ring, figures_tgan
from ganrepro.report.image_studies import finished_cells, name_of
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run
from ganrepro.report.rendering import Table
from ganrepro.report.tables import interval_or

NEEDED = {"noise", "points", "means", "stds", "weights"}
Moments = tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]


def section(runs: Sequence[Run], path: Path, empty: str) -> Section:
    cells = {name_of(members[0].choices): members for members in finished_cells(runs)}
    rows = {title: found[0] for title, members in cells.items() if (found := moments_of(members))}
    drawn = figures.anew(path, lambda where: figures_tgan.noise(rows, where))
    caption = (
        "Densities, in equal steps of their logarithm over two decades; the first seed of each cell. Dots: the means "
        "of G's mixture. A window holds 19 in 20 of the coordinates, and its half width stands in the corner: the same "
        "for both of noise, and for samples and data."
    )
    pictures = [Picture(drawn, "The noise before and after training", caption)] if drawn else []
    return Section("The noise", [noise_table(cells)], pictures, empty=empty)


def moments_of(runs: Sequence[Run]) -> list[Moments]:
    """The arrays before the first and after the last update, of each run that is done and has both."""
    found = []
    for run in runs:
        moments = [arrays for arrays in figures_ring.moments(run).values() if arrays.keys() >= NEEDED]
        if run.status == "done" and len(moments) > 1:
            found.append((moments[0], moments[-1]))
    return found


def noise_table(cells: Mapping[str, Sequence[Run]]) -> Table:
    """A row a cell: how far the mixture's means and scales went, the longest noise vector, and how good samples are."""
    header = ["cell", "means' spread, before", "after", "mean scale, before", "after", "longest noise vector"]
    table = Table([*header, "modes", "W1", "W1 floor", "seeds"], [])
    for title, members in cells.items():
        found = [pair for pair in moments_of(members) if all("mixture_means" in arrays for arrays in pair)]
        mixture = [interval_or([spread(pair[when]["mixture_means"]) for pair in found], "–") for when in (0, 1)]
        mixture += [interval_or([scale(pair[when]) for pair in found], "–") for when in (0, 1)]
        done = [run for run in members if run.status == "done"]
        values = [
            [value for run in done if (value := run.value(metric)) is not None]
            for metric in ("noise_largest", "modes", "w1", "w1_floor")
        ]
        seeds = f"{len(done)} of {len(members)}"
        table.rows.append([title, *mixture, *(interval_or(each, "–") for each in values), seeds])
        table.folders.append(members[0].folder.parent)
    table.notes.append(
        "Mean over training seeds with its 95 % t interval, last update. Spread: the root of the mean squared distance "
        "of a mixture's means from their centre. Scale: the mean of its absolute diagonals."
    )
    return table


def spread(means: np.ndarray) -> float:
    return float(np.sqrt(((means - means.mean(axis=0)) ** 2).sum(axis=1).mean()))


def scale(arrays: Mapping[str, np.ndarray]) -> float:
    return float(np.abs(arrays["mixture_scales"]).mean())
