"""The pictures of the 2014 paper that its other studies give: Figures 1 and 2, the theory, the gradients, the doses."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image, ImageDraw, ImageFont

from ganrepro.report import figures
from ganrepro.report.records import Run
from ganrepro.report.statistics import mean_interval

MOMENTS = 4  # Figure 1's panels
ARROWS = 25  # from z to x, at most
TINY = 1e-12  # where neither density reaches it there is no best D to draw
DENSITIES = {"x", "p", "q", "d", "z", "g"}
GREEN, BLUE, GREY = "#00803c", "#0050c8", "#8a8a8a"

# (style, colour, width) of each line of Figure 1, as in the paper; its p / (p + q) is ours.
LINES = {
    "p, the data": (":", "k", 1.6),
    "q, the generator": ("-", GREEN, 1.8),
    "D(x)": ("--", BLUE, 1.6),
    "p / (p + q)": ("-", GREY, 0.8),
}

# Figure 1 ------------------------------------------------------------------------------------------------------


def figure1(run: Run, path: Path) -> Path | None:
    """Densities, D and G's map at four moments side by side. None without density-updates=<n>.npz."""
    moments = chosen_moments(run)
    if not moments:
        return None
    figure = Figure(figsize=(3.1 * len(moments) + 0.8, 4.4), dpi=100, layout="constrained")
    axes = figure.subplots(2, len(moments), squeeze=False, height_ratios=(3, 1), sharex=True)
    p, q = (max(float(np.nanmax(arrays[key])) for arrays in moments.values()) for key in ("p", "q"))
    top = 1.08 * max(1.0, p, min(q, 2 * p))  # an untrained G's density can be a spike
    for place, (updates, arrays) in enumerate(moments.items()):
        upper, lower = axes[0, place], axes[1, place]
        _densities(upper, arrays, top)
        upper.set_title(f"{updates:,} updates", fontsize=10)
        upper.tick_params(labelsize=8, labelleft=place == 0)
        _map(lower, arrays, place == 0)
    keys = [Line2D([], [], ls=s, color=c, linewidth=w, label=label) for label, (s, c, w) in LINES.items()]
    figure.legend(handles=keys, loc="outside lower center", ncols=4, fontsize=9)
    return figures.render(figure, path)


def chosen_moments(run: Run) -> dict[int, dict[str, np.ndarray]]:
    """The first recorded moment, two between at equal steps of log(updates), and the last: arrays by updates."""
    found = {}
    for file in sorted((run.folder / "artifacts").glob("density-updates=*.npz")):
        arrays = run.arrays(file.stem)
        if arrays is not None and arrays.keys() >= DENSITIES:
            found[int(file.stem.rpartition("=")[2])] = arrays
    return {updates: found[updates] for updates in spread(sorted(found), MOMENTS)}


def spread(updates: Sequence[int], wanted: int) -> list[int]:
    """`wanted` of the sorted numbers: first, last, and the nearest to equal steps of the logarithm between."""
    if len(updates) <= wanted:
        return list(updates)
    first, last = math.log(max(1, updates[0] or updates[1])), math.log(updates[-1])
    chosen, left = [updates[0], updates[-1]], list(updates[1:-1])
    for step in range(1, wanted - 1):
        target = first + step * (last - first) / (wanted - 1)
        nearest = min(left, key=lambda n: abs(math.log(n) - target))
        left.remove(nearest)
        chosen.append(nearest)
    return sorted(chosen)


def _densities(axes: Axes, arrays: Mapping[str, np.ndarray], top: float) -> None:
    """Drawn as in the paper, on one scale: D and the densities are both of the order of 1."""
    x, p, q = arrays["x"], arrays["p"], arrays["q"]
    total = p + q
    best = np.divide(p, total, out=np.full_like(total, np.nan), where=total > TINY)
    for y, (style, colour, width) in zip((p, q, arrays["d"], best), LINES.values(), strict=True):
        axes.plot(x, y, style, color=colour, linewidth=width)
    axes.set_xlim(float(x.min()), float(x.max()))
    axes.set_ylim(0, top)
    axes.grid(alpha=0.2)


def _map(axes: Axes, arrays: Mapping[str, np.ndarray], first: bool) -> None:
    """Arrows from a line of z to a line of x, where G takes them; z is stretched to the width of the panel."""
    low, high = float(arrays["x"].min()), float(arrays["x"].max())
    order = np.argsort(arrays["z"], kind="stable")
    order = order[np.unique(np.linspace(0, len(order) - 1, min(ARROWS, len(order))).round().astype(int))]
    z, g = arrays["z"][order], arrays["g"][order]
    span = float(np.ptp(z)) or 1.0
    starts = low + (0.04 + 0.92 * (z - z.min()) / span) * (high - low)
    for start, end in zip(starts, g, strict=True):
        axes.annotate("", (end, 1), (start, 0), arrowprops={"arrowstyle": "-|>", "color": "k", "linewidth": 0.6})
    axes.hlines([0, 1], low, high, color="k", linewidth=1)
    axes.set_ylim(-0.12, 1.12)
    axes.set_yticks([0, 1], ["z", "x"] if first else ["", ""])
    axes.tick_params(labelsize=8, left=False)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


# Figure 2 ------------------------------------------------------------------------------------------------------


def figure2(panels: Sequence[tuple[str, str, Run | None]], path: Path) -> Path | None:
    """Panels two by two: (title, what is under it, a run or None for a panel that was not run). None without a run."""
    sheets = [figures.neighbours_sheet(run, side=84) if run else None for _, _, run in panels]
    drawn = [sheet for sheet in sheets if sheet]
    if not drawn:
        return None
    width, height = max(sheet.width for sheet in drawn), max(sheet.height for sheet in drawn)
    bold, plain = ImageFont.load_default(size=19), ImageFont.load_default(size=15)
    across, down = width + 24, height + 64
    page = Image.new("RGB", (2 * across, -(-len(panels) // 2) * down), figures.WHITE)
    draw = ImageDraw.Draw(page)
    for place, ((title, about, _), sheet) in enumerate(zip(panels, sheets, strict=True)):
        x, y = place % 2 * across + 12, place // 2 * down + 8
        draw.text((x, y), title, figures.INK, bold)
        draw.text((x, y + 25), about, figures.INK, plain)
        if sheet:
            page.paste(sheet, (x - 4, y + 46))
        else:
            draw.rectangle((x, y + 50, x + width - 8, y + 46 + height - 4), (236, 236, 236))
            draw.text((x + width // 2, y + 46 + height // 2), "not run", figures.RED, bold, anchor="mm")
    return figures.save(page, path)


# Theory, gradients, doses --------------------------------------------------------------------------------------


def theory(runs: Sequence[Run], path: Path) -> Path | None:
    """D and the value as learned against the closed forms, all toys of all seeds. None without theory.npz."""
    keys = {"d", "d_formula", "value", "jsd"}
    arrays = [a for run in runs if (a := run.arrays("theory")) is not None and a.keys() >= keys]
    if not arrays:
        return None
    d, formula, value, jsd = (
        np.concatenate([a[k].ravel() for a in arrays]) for k in ("d", "d_formula", "value", "jsd")
    )
    figure = Figure(figsize=(9, 4.2), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    _against(left, formula, d, "p / (p + q)", "D, learned")
    closed = -math.log(4) + 2 * jsd
    _against(right, closed, value, "−log 4 + 2 JSD(p, q)", "value at the learned D")
    right.plot(
        [-math.log(4)], [-math.log(4)], "s", color="k", fillstyle="none", markersize=10, label="−log 4, at p = q"
    )
    right.legend(fontsize=8, loc="upper left")
    return figures.render(figure, path)


def _against(axes: Axes, x: np.ndarray, y: np.ndarray, across: str, up: str) -> None:
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    axes.plot(x, y, ".", color=BLUE, markersize=5, alpha=0.6)
    axes.set_title(f"largest difference {np.abs(y - x).max():.1g}", fontsize=10)
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)


def saturation(runs: Sequence[Run], path: Path) -> Path | None:
    """The norms of G's two gradients at the same networks against updates, a line a seed. None without rows."""
    kinds = {  # the first is wider, to be seen where D is 1/2 and both are the same
        "gradient/non_saturating": (BLUE, 2.2, "−log D(G(z))"),
        "gradient/saturating": ("#d55e00", 0.9, "log(1 − D(G(z)))"),
    }
    figure = Figure(figsize=(7.5, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for run in runs:
        for key, (colour, width, _) in kinds.items():
            points = [(row["generator_updates"], row[key]) for row in run.rows if _positive(row.get(key))]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, linewidth=width, alpha=0.8)
    if not axes.lines:
        return None
    axes.set_yscale("log")
    axes.set_xlabel("generator updates", fontsize=9)
    axes.set_ylabel("norm of G's gradient", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    keys = [Line2D([], [], color=c, lw=width, label=f"G minimises {name}") for c, width, name in kinds.values()]
    axes.legend(handles=keys, fontsize=9)
    return figures.render(figure, path)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def dose_response(doses: Mapping[float, Sequence[Run]], metric: str, axis: str, path: Path) -> Path | None:
    """The final metric against the dose, a line a seed, and the mean with its interval. None without values."""
    values = {
        dose: {run.seed: v for run in runs if run.status == "done" and (v := run.value(metric)) is not None}
        for dose, runs in doses.items()
    }
    known = {dose: by_seed for dose, by_seed in values.items() if by_seed}
    if not known:
        return None
    figure = Figure(figsize=(6.5, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for seed in sorted({seed for by_seed in known.values() for seed in by_seed}):
        points = [(dose, by_seed[seed]) for dose, by_seed in known.items() if seed in by_seed]
        axes.plot(*zip(*points, strict=True), ".-", color=GREY, linewidth=0.8, markersize=5)
    means = [mean_interval(list(by_seed.values())) for by_seed in known.values()]
    halves = [mean.half_width if mean.n > 1 else 0.0 for mean in means]
    axes.errorbar(list(known), [m.mean for m in means], halves, fmt="o", color=BLUE, capsize=4, markersize=5)
    for dose, runs in doses.items():
        if lost := sum(run.status == "diverged" for run in runs):
            axes.annotate(f"{lost} diverged", (dose, 0), (0, 4), "data", "offset points", color="#be1414", fontsize=8)
    axes.set_xscale("log")
    axes.set_xticks(list(doses), [f"{dose:g}" for dose in doses])
    axes.minorticks_off()
    axes.set_ylim(min(0.0, *axes.get_ylim()), max(1.0, *axes.get_ylim()) * 1.03)
    axes.set_xlabel(axis.replace("_", " "), fontsize=9)
    axes.set_ylabel(metric, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    return figures.render(figure, path)
