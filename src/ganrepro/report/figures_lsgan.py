"""The pictures of the LSGAN paper's studies of images: curves cell by cell, gradients, sets of known quality."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from PIL import Image, ImageDraw, ImageFont

from ganrepro.report import figures, sheets
from ganrepro.report.events import series
from ganrepro.report.records import Run

LOSSES = {"gan": ("#0072b2", "sigmoid cross entropy"), "lsgan": ("#d55e00", "least squares")}
RED = "#be1414"


def thousands(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))


def curves_by_cell(
    cells: Mapping[str, Sequence[Run]], columns: int, metric: str, path: Path, log: bool = True
) -> Path | None:
    """The metric against updates, a panel a cell, a line a seed, all on one scale. None without rows.

    log: on a logarithmic scale, without values that are not above 0. A cross ends the line of a run that diverged;
    runs without rows are counted.
    """
    if not any(series(run, metric) for runs in cells.values() for run in runs):
        return None
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(max(4.2 * columns, 5.5), 1.9 * rows + 0.6), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    colours = {title: figures.COLOURS[place % columns] for place, title in enumerate(cells)}
    for panel, (title, runs) in zip(axes.flat, cells.items(), strict=False):
        for run in runs:
            points = [(x, y) for x, y in series(run, metric) if np.isfinite(y) and (y > 0 or not log)]
            if points:
                panel.plot(*zip(*points, strict=True), "-", color=colours[title], linewidth=1, alpha=0.7)
                if len(points) == 1:
                    panel.plot(*points[0], ".", color=colours[title])
                if run.status == "diverged":
                    panel.plot(*points[-1], "x", color=RED, markersize=8, markeredgewidth=2)
        without = sum(not series(run, metric) for run in runs)
        said = f"{without} without a value" if without else ""
        panel.text(0.98, 0.95, said, transform=panel.transAxes, fontsize=8, ha="right", va="top", color=RED)
        panel.set_title(textwrap.fill(title, 52), fontsize=9)
        panel.set_yscale("log" if log else "linear")
        panel.minorticks_off()  # a third of the time that drawing takes
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.25)
        thousands(panel)
    for spare in list(axes.flat)[len(cells) :]:
        spare.set_axis_off()
    figure.supxlabel("generator updates", fontsize=9)
    figure.supylabel(metric, fontsize=9)
    return figures.render(figure, path)


def rates(rows: Sequence[tuple[str, Mapping[str, tuple[float, float, float]]]], path: Path) -> Path | None:
    """Success rates with their intervals, a line a pair of cells: (title, {loss: (rate, low, high)}). None if empty."""
    if not any(by_loss for _, by_loss in rows):
        return None
    losses = list(dict.fromkeys(loss for _, by_loss in rows for loss in by_loss))
    figure = Figure(figsize=(7.5, 0.5 * len(rows) + 1.0), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for line, (_, by_loss) in enumerate(rows):
        if line % 2:
            axes.axhspan(line - 0.5, line + 0.5, color="#f2f2f0", zorder=0)
        for place, loss in enumerate(losses):
            if loss in by_loss:
                rate, low, high = by_loss[loss]
                height = line + 0.32 * (place - (len(losses) - 1) / 2)
                axes.plot([low, high], [height] * 2, color=figures.COLOURS[place], linewidth=2, alpha=0.6)
                axes.plot(rate, height, "o", color=figures.COLOURS[place], markersize=7, clip_on=False, zorder=3)
    axes.set_yticks(range(len(rows)), [title for title, _ in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-0.01, 1.01)
    axes.set_xlabel("share of runs that succeed at the last update (Wilson 95 %)", fontsize=9)
    axes.grid(axis="x", alpha=0.25)
    keys = [Line2D([], [], color=figures.COLOURS[n], marker="o", label=loss) for n, loss in enumerate(losses)]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(losses), fontsize=9)
    return figures.render(figure, path)


# Gradients -----------------------------------------------------------------------------------------------------


def gradients(curve: Mapping[str, np.ndarray] | None, cells: Mapping[str, Sequence[Run]], path: Path) -> Path | None:
    """Left: |dL_G/dlogit| of both losses over logits. Right: the share of samples where it vanishes, while training.

    curve: arrays `outputs`, `gan`, `lsgan` [n], or None. cells: runs by the loss they are trained with. None without
    either.
    """
    keys = [f"vanishing/{loss}" for loss in LOSSES]
    trained = {loss: runs for loss, runs in cells.items() if any(series(run, key) for run in runs for key in keys)}
    panels = (curve is not None) + len(trained)
    if not panels:
        return None
    figure = Figure(figsize=(3.9 * panels + 0.4, 3.9), dpi=100, layout="constrained")
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    if curve is not None:
        _gradient_curves(axes.pop(0), curve)
    for panel, (trained_with, runs) in zip(axes, trained.items(), strict=True):
        for loss, (colour, _) in LOSSES.items():
            for run in runs:
                if points := series(run, f"vanishing/{loss}"):
                    panel.plot(*zip(*points, strict=True), "-", color=colour, linewidth=1, alpha=0.75)
        panel.set_title(f"trained with {LOSSES.get(trained_with, ('', trained_with))[1]}", fontsize=10)
        panel.set_xlabel("generator updates", fontsize=9)
        panel.set_ylabel("share of samples with no gradient", fontsize=9)
        panel.set_ylim(-0.03, 1.03)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.25)
        thousands(panel)
    handles = [Line2D([], [], color=colour, label=name) for colour, name in LOSSES.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9)
    return figures.render(figure, path)


def _gradient_curves(axes: Axes, curve: Mapping[str, np.ndarray]) -> None:
    for loss, (colour, _) in LOSSES.items():
        known = curve[loss] > 0  # least squares is flat at one point, which has no logarithm
        axes.plot(curve["outputs"][known], curve[loss][known], color=colour, linewidth=2)
    axes.set_yscale("log")
    axes.set_title("gradient of G's loss", fontsize=10)
    axes.set_xlabel("D's output on a sample", fontsize=9)
    axes.set_ylabel("|dL/d output|", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)


# Pictures with words -------------------------------------------------------------------------------------------


def labelled_strips(rows: Sequence[tuple[str, np.ndarray]], path: Path, side: int = 44) -> Path | None:
    """A line a set: its name, then its images, uint8 [n, channels, height, width]. None if empty."""
    if not rows:
        return None
    font = ImageFont.load_default(size=14)
    strips = [sheets.row(images, side) for _, images in rows]
    left = int(max(font.getlength(name) for name, _ in rows)) + 22
    width = left + max(strip.width for strip in strips) + 8
    tops = np.cumsum([6] + [strip.height + 6 for strip in strips])
    sheet = Image.new("RGB", (width, int(tops[-1])), figures.WHITE)
    draw = ImageDraw.Draw(sheet)
    for (name, _), strip, top in zip(rows, strips, tops[:-1].tolist(), strict=True):
        draw.text((left - 12, top + strip.height // 2), name, figures.INK, font, anchor="rm")
        sheet.paste(strip, (left, top))
    return figures.save(sheet, path, sheets.LARGEST)
