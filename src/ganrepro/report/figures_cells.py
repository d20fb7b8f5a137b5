"""Pictures of many runs: a metric's course cell by cell, success rates, and sets of images with their names."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from PIL import Image, ImageDraw, ImageFont

from ganrepro.report import figures, sheets
from ganrepro.report.events import series
from ganrepro.report.records import Run

RED = "#be1414"
NARROW = 100  # a logarithmic axis whose end is less than so many times its begin needs ticks between the powers of ten


def thousands(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))


def logarithmic(axis: Axis) -> None:
    """Ticks at powers of ten, and at multiples of those where they would be few; call it when all is drawn."""
    low, high = axis.get_view_interval()
    axis.set_minor_locator(NullLocator())  # a third of the time that drawing takes
    if high < NARROW * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high > 5 * low else range(1, 10)))
        axis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,g}"))


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
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.25)
        thousands(panel)
    if log:
        logarithmic(axes[0, 0].yaxis)  # which all panels share
    for spare in list(axes.flat)[len(cells) :]:
        spare.set_axis_off()
    figure.supxlabel("generator updates", fontsize=9)
    figure.supylabel(metric, fontsize=9)
    return figures.render(figure, path)


def rates(rows: Sequence[tuple[str, Mapping[str, tuple[float, float, float]]]], path: Path) -> Path | None:
    """Success rates with their intervals, a line a row: (title, {name: (rate, low, high)}), a colour a name.

    None if empty.
    """
    if not any(by_name for _, by_name in rows):
        return None
    names = list(dict.fromkeys(name for _, by_name in rows for name in by_name))
    figure = Figure(figsize=(7.5, 0.5 * len(rows) + 1.0), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for line, (_, by_name) in enumerate(rows):
        if line % 2:
            axes.axhspan(line - 0.5, line + 0.5, color="#f2f2f0", zorder=0)
        for place, name in enumerate(names):
            if name in by_name:
                rate, low, high = by_name[name]
                height = line + 0.32 * (place - (len(names) - 1) / 2)
                axes.plot([low, high], [height] * 2, color=figures.COLOURS[place], linewidth=2, alpha=0.6)
                axes.plot(rate, height, "o", color=figures.COLOURS[place], markersize=7, clip_on=False, zorder=3)
    axes.set_yticks(range(len(rows)), [title for title, _ in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-0.01, 1.01)
    axes.set_xlabel("share of runs that succeed (Wilson 95 %)", fontsize=9)
    axes.grid(axis="x", alpha=0.25)
    keys = [Line2D([], [], color=figures.COLOURS[n], marker="o", label=name) for n, name in enumerate(names)]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(names), fontsize=9)
    return figures.render(figure, path)


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
    return figures.save(sheet, path)
