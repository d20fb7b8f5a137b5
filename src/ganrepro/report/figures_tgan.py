"""t-GAN's pictures: scores class by class, samples class by class, sweeps, and the noise before and after training."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from ganrepro.report import figures, figures_ring, sheets
from ganrepro.report.figures_gan import BLUE, GREY
from ganrepro.report.records import Run
from ganrepro.report.statistics import mean_interval
from ganrepro.report.tgan_classes import scores_of
from ganrepro.report.tgan_tables import METRICS, arrays_of, by_seed

BLOCKS, SIDE, GAP = 3, 32, 2  # sheets side by side; pixels of a sample, and between two
SWEPT = ("inception_score", "modified_inception_score", "intra_class_features")
DATA = 2000  # points drawn of the data
CELLS = 160  # across a density
KERNEL = 0.03  # of half a density's window


# Classes -------------------------------------------------------------------------------------------------------


def per_class(cells: Mapping[str, Sequence[Run]], path: Path) -> Path | None:
    """Above, the modified score of each class by cell, with intervals; below, how many samples are read as it.

    None without classes.npz.
    """
    found = {title: arrays for title, members in cells.items() if (arrays := arrays_of(members))}
    if not found:
        return None
    first = next(iter(found.values()))[0]
    names = [str(name) for name in first["names"]]
    figure = Figure(figsize=(max(7.5, 0.24 * len(names) * (len(found) + 1)), 5.2), dpi=100, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    width = 0.8 / len(found)
    colours = dict(zip(found, _palette(len(found)), strict=True))
    for place, (title, arrays) in enumerate(found.items()):
        x = np.arange(len(names)) - 0.4 + (place + 0.5) * width
        _scores(upper, x, [scores_of(arrays, n) for n in range(len(names))], width, colours[title])
        counts = np.stack([each["counts"] for each in arrays]).mean(axis=0)
        lower.bar(x, counts / counts.sum() * len(names), width * 0.9, color=colours[title])
    spread = np.arange(len(names))[:, None] + [-0.44, 0.44]
    for (left, right), score in zip(spread, first["real_per_class"], strict=True):
        upper.plot([left, right], [score, score], color="k", linewidth=1.5)
    upper.set_ylabel("m-IS", fontsize=9)
    upper.set_ylim(bottom=1)
    lower.axhline(1, color="k", linewidth=0.8, linestyle=":")
    lower.set_ylabel("samples, over an equal share", fontsize=9)
    lower.set_xticks(range(len(names)), [textwrap.fill(name, 10) for name in names], fontsize=8)
    lower.set_xlim(-0.6, len(names) - 0.4)
    for axes in (upper, lower):
        axes.tick_params(labelsize=8)
        axes.grid(axis="y", alpha=0.25)
    keys = [Line2D([], [], color=colours[title], linewidth=6, label=_plain(title)) for title in found]
    keys.append(Line2D([], [], color="k", label="real test images"))
    figure.legend(handles=keys, loc="outside lower center", ncols=min(4, len(keys)), fontsize=9)
    return figures.render(figure, path)


def _scores(axes: Axes, x: np.ndarray, scores: Sequence[Sequence[float]], width: float, colour: str) -> None:
    """Bars from 1, the least that there is, with intervals where there are two seeds."""
    for at, values in zip(x, scores, strict=True):
        if values:
            interval = mean_interval(values)
            half = interval.half_width if interval.n > 1 else 0.0
            axes.bar(at, interval.mean - 1, width * 0.9, bottom=1, color=colour)
            axes.errorbar(at, interval.mean, half, color="0.25", linewidth=0.8)


def _palette(n: int) -> list[str]:
    """Without black, which real images have."""
    colours = [colour for colour in figures.COLOURS if colour != "#000000"]
    return colours[:n] if n <= len(colours) else figures.palette(max(n, len(figures.COLOURS) + 1))[:n]


def _plain(title: str) -> str:
    """The pictures' font has no dagger."""
    return title.replace(" †", " (departs)")


def class_sheets(blocks: Mapping[str, tuple[Sequence[str], np.ndarray]], path: Path) -> Path | None:
    """A block a cell by its title: the classes' names, and a line of samples of each, uint8 [classes, n, c, h, w].

    None if empty. A place without a sample is left grey.
    """
    if not blocks:
        return None
    font, large = ImageFont.load_default(size=12), ImageFont.load_default(size=14)
    left = int(max(font.getlength(name) for names, _ in blocks.values() for name in names)) + 14
    width = max(samples.shape[1] for _, samples in blocks.values()) * (SIDE + GAP) + left + 16
    width = max(width, *(int(large.getlength(_plain(title))) + 20 for title in blocks))
    height = max(len(names) for names, _ in blocks.values()) * (SIDE + GAP) + 36
    columns = min(BLOCKS, len(blocks))
    sheet = Image.new("RGB", (columns * width, -(-len(blocks) // columns) * height), figures.WHITE)
    draw = ImageDraw.Draw(sheet)
    for place, (title, (names, samples)) in enumerate(blocks.items()):
        x, y = place % columns * width + 8, place // columns * height + 8
        draw.text((x, y), _plain(title), figures.INK, large)
        for line, (name, images) in enumerate(zip(names, samples, strict=True)):
            top = y + 22 + line * (SIDE + GAP)
            draw.text((x + left - 8, top + SIDE // 2), name, figures.INK, font, anchor="rm")
            for column, image in enumerate(images):
                corner = (x + left + column * (SIDE + GAP), top)
                _tile(sheet, draw, image, corner)
    return figures.save(sheet, path)


def _tile(sheet: Image.Image, draw: ImageDraw.ImageDraw, image: np.ndarray, corner: tuple[int, int]) -> None:
    if image.any():
        sheet.paste(sheets.row(image[None], SIDE), corner)
    else:
        draw.rectangle((*corner, corner[0] + SIDE - 1, corner[1] + SIDE - 1), (232, 232, 232))


# Sweeps --------------------------------------------------------------------------------------------------------


def sweep(cells: Mapping[float, Sequence[Run]], label: str, path: Path) -> Path | None:
    """Scores against a number on a logarithmic axis, infinity at its right end: a line a seed, means with intervals.

    None with fewer than two numbers that have values.
    """
    cells = dict(sorted(cells.items()))
    known = {x: members for x, members in cells.items() if any(by_seed(members, metric) for metric in SWEPT)}
    if len(known) < 2:
        return None
    places = _places(list(cells))
    figure = Figure(figsize=(11, 3.4), dpi=100, layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(SWEPT)), SWEPT, strict=True):
        values = {x: by_seed(members, metric) for x, members in known.items()}
        for seed in sorted({seed for found in values.values() for seed in found}):
            line = [(places[x], found[seed]) for x, found in values.items() if seed in found]
            axes.plot(*zip(*line, strict=True), ".-", color=GREY, linewidth=0.7, markersize=4, alpha=0.7)
        means = {places[x]: mean_interval(list(found.values())) for x, found in values.items() if found}
        halves = [mean.half_width if mean.n > 1 else 0.0 for mean in means.values()]
        middles = [mean.mean for mean in means.values()]
        axes.errorbar(list(means), middles, halves, fmt="o", color=BLUE, capsize=3, markersize=5, zorder=3)
        for x, members in cells.items():
            if lost := sum(run.status == "diverged" for run in members):
                _say_lost(axes, places[x], f"{lost} diverged")
        if math.inf in places:
            axes.axvline(places[math.inf] - 0.25, color=GREY, linestyle=":", linewidth=1)
        axes.set_xticks(list(places.values()), ["∞" if math.isinf(x) else f"{x:g}" for x in places])
        axes.set_xlabel(label, fontsize=9)
        axes.set_title(METRICS[metric], fontsize=10)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
    return figures.render(figure, path)


def _say_lost(axes: Axes, x: float, said: str) -> None:
    """At the foot, right of the number's place."""
    where = axes.get_xaxis_transform()
    axes.annotate(said, (x, 0.02), (5, 0), where, "offset points", fontsize=8, color="#be1414", rotation=90)


def _places(numbers: Sequence[float]) -> dict[float, float]:
    """Logarithms to base 10; infinity half a decade to the right of the largest."""
    finite = {x: math.log10(x) for x in numbers if math.isfinite(x)}
    end = max(finite.values(), default=0.0) + 0.5
    return {x: finite.get(x, end) for x in numbers}


# Noise ---------------------------------------------------------------------------------------------------------


def noise(rows: Mapping[str, tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]], path: Path) -> Path | None:
    """A row a cell by its title: the noise before and after training, G's samples, the data. None if empty.

    rows: ring.npz at the first and at the last update, with `noise` and where G has a mixture `mixture_means`.
    """
    if not rows:
        return None
    figure = Figure(figsize=(9.2, 2.3 * len(rows) + 0.2), dpi=100, layout="constrained")
    axes = figure.subplots(len(rows), 4, squeeze=False)
    for panels, (title, (before, after)) in zip(axes, rows.items(), strict=True):
        half = max(window(before["noise"]), window(after["noise"]))
        for panel, arrays, when in zip(panels, (before, after), ("before", "after"), strict=False):
            density(panel, arrays["noise"], half)
            panel.plot(*arrays.get("mixture_means", np.empty((0, 2))).T, ".", color=figures_ring.MEAN, markersize=3)
            panel.set_title(f"noise {when} training", fontsize=9)
        data = data_points(after)
        half = max(window(after["points"]), window(data))
        for panel, points, name in zip(panels[2:], (after["points"], data), ("samples", "data"), strict=True):
            density(panel, points, half)
            panel.set_title(name, fontsize=9)
        panels[0].set_ylabel(textwrap.fill(title, 26), fontsize=8)
    return figures.render(figure, path)


def window(points: np.ndarray) -> float:
    """Half the side of a square around 0 with 19 in 20 of all coordinates: heavy tails have no end to show."""
    finite = np.abs(points[np.isfinite(points).all(axis=1)])
    return float(np.percentile(finite, 95)) * 1.3 if len(finite) else 1.0


def data_points(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Of the data's Gaussians, in their proportions; the same every time."""
    counts = np.round(arrays["weights"] * DATA).astype(int)
    draws = np.random.default_rng(0).standard_normal((counts.sum(), arrays["means"].shape[1]))
    return np.repeat(arrays["means"], counts, axis=0) + np.repeat(arrays["stds"], counts)[:, None] * draws


def density(axes: Axes, points: np.ndarray, half: float) -> None:
    """Filled contours of a kernel estimate, in equal steps of its logarithm over two decades; how much is outside."""
    edges = np.linspace(-half, half, CELLS + 1)
    finite = points[np.isfinite(points).all(axis=1)]
    counts = np.histogram2d(finite[:, 0], finite[:, 1], bins=[edges, edges])[0]
    smooth = gaussian_filter(counts, KERNEL * CELLS / 2, mode="constant")
    middle = (edges[1:] + edges[:-1]) / 2
    if smooth.max() > 0:
        share = np.log10(np.maximum(smooth / smooth.max(), 1e-9))
        axes.contourf(middle, middle, share.T, levels=np.linspace(-2, 0, 13), cmap="Blues", vmin=-2.3, extend="max")
    outside = 1 - counts.sum() / max(len(points), 1)
    if outside > 0.0005:
        axes.text(
            0.98, 0.02, f"{outside:.1%} outside", transform=axes.transAxes, fontsize=6, ha="right", color="#be1414"
        )
    figures_ring.framed(axes)
    axes.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")
    axes.text(0.02, 0.97, f"±{half:.2g}", transform=axes.transAxes, fontsize=6, va="top", color="0.4")
