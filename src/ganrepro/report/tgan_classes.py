"""t-GAN's modified inception scores class by class."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ganrepro.report.records import Run
from ganrepro.report.rendering import Table
from ganrepro.report.statistics import mean_interval
from ganrepro.report.tables import interval_or
from ganrepro.report.tgan_tables import CONFUSED, arrays_of


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
