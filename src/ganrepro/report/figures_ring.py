"""Pictures of generators of points in the plane: densities over time, and how many modes each run has when."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from scipy.ndimage import gaussian_filter

from ganrepro.report import figures
from ganrepro.report.events import collapse_time, series
from ganrepro.report.records import Run

MOMENTS = (0.0, 1 / 8, 3 / 8, 5 / 8, 1.0)  # of the run: 0, 5k, 15k, 25k and 40k of the paper's 40,000 updates
KERNEL = 0.1  # its standard deviation, of how far the data reach
LEVELS = 30  # of a density (xudonmao/LSGAN, mixture_gaussian)
CELLS = 160  # across a density
PER_ROW = 10  # small pictures side by side
MEAN, LATE, GREY = "#d55e00", "#d55e00", "#8a8a8a"
Density = Mapping[str, np.ndarray]


def moments(run: Run) -> dict[int, Density]:
    """What was recorded (of much, nearest to MOMENTS), by updates: arrays with `points` [n, 2], `means` [modes, 2]."""
    found = dict(sorted(_recorded(run), key=lambda pair: pair[0]))
    if len(found) <= len(MOMENTS):
        return found
    end = int(run.record.get("updates_wanted") or max(found))
    nearest = [min(found, key=lambda n: abs(n - share * end)) for share in MOMENTS]
    return {updates: found[updates] for updates in sorted(set(nearest))}


def _recorded(run: Run) -> Iterable[tuple[int, Density]]:
    for file in sorted((run.folder / "artifacts").glob("ring-updates=*.npz")):
        arrays = run.arrays(file.stem)
        if arrays is not None and _whole(arrays):
            yield int(file.stem.rpartition("=")[2]), arrays
    last = run.arrays("ring")
    if last is not None and _whole(last):
        yield int(run.record.get("generator_updates") or 0), last


def _whole(arrays: Density) -> bool:
    return arrays.keys() >= {"points", "means"} and arrays["points"].ndim == arrays["means"].ndim == 2


def last_of(run: Run) -> Density | None:
    """The newest recorded arrays, also of a run that diverged."""
    found = dict(_recorded(run))
    return found[max(found)] if found else None


def modes_of(runs: Iterable[Run]) -> int:
    """How many different modes the data have; 8, the paper's, where nothing says so."""
    known = (arrays for run in runs if (arrays := last_of(run)) is not None)
    return max((len(np.unique(arrays["means"].round(6), axis=0)) for arrays in known), default=8)


# Densities -----------------------------------------------------------------------------------------------------


def over_time(rows: Mapping[str, Run], path: Path) -> Path | None:
    """A row a run by its title: the densities at the paper's moments, then the data's. None without arrays."""
    found = {title: shown for title, run in rows.items() if (shown := moments(run))}
    if not found:
        return None
    columns = max(map(len, found.values())) + 1
    figure = Figure(figsize=(1.75 * columns + 0.4, 1.95 * len(found) + 0.2), dpi=100, layout="constrained")
    axes = figure.subplots(len(found), columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for line, (title, shown) in enumerate(found.items()):
        for column, (updates, arrays) in enumerate(shown.items()):
            draw_density(axes[line, column], arrays["points"], arrays["means"])
            axes[line, column].set_title(f"{updates:,}", fontsize=9)
        arrays = next(reversed(shown.values()))
        draw_density(axes[line, -1], data_points(arrays), arrays["means"])
        axes[line, -1].set_title("data", fontsize=9)
        axes[line, 0].set_ylabel(textwrap.fill(title, 24), fontsize=9 if len(title) <= 24 else 7)
    return figures.render(figure, path)


def every_last(rows: Mapping[str, Sequence[Run]], path: Path) -> Path | None:
    """A block of rows a cell by its title: the last density of every seed, with what became of it. None without any."""
    shown = {title: [(run, last_of(run)) for run in runs] for title, runs in rows.items()}
    if not any(arrays for runs in shown.values() for _, arrays in runs):
        return None
    lines = [(title, runs[at : at + PER_ROW]) for title, runs in shown.items() for at in range(0, len(runs), PER_ROW)]
    columns = max(len(runs) for _, runs in lines)
    figure = Figure(figsize=(1.15 * columns + 0.5, 1.3 * len(lines) + 0.1), dpi=100, layout="constrained")
    axes = figure.subplots(len(lines), columns, squeeze=False)
    for line, (title, runs) in enumerate(lines):
        for column in range(columns):
            axes[line, column].set_axis_off()
        for column, (run, arrays) in enumerate(runs):
            panel = axes[line, column]
            framed(panel)
            good = run.status == "done"
            if arrays is not None:
                draw_density(panel, arrays["points"], arrays["means"])
            said = "" if good else f" {run.status}"
            panel.set_title(f"{run.seed}{said}", fontsize=8, color="black" if good else "#be1414", pad=2)
        axes[line, 0].set_ylabel(textwrap.fill(title, 18), fontsize=9 if len(title) <= 18 else 6)
    return figures.render(figure, path)


def draw_density(axes: Axes, points: np.ndarray, means: np.ndarray) -> None:
    """Filled contours of a kernel estimate, in a window around the data, with the data's means as small rings.

    The kernel is the same in every panel, a tenth as wide as the data reach from their centre: a rule of thumb, like
    Scott's, would be as narrow as the one mode that is left. How many samples lie outside stands in the corner.
    """
    centre = means.mean(axis=0)
    reach = float(np.abs(means - centre).max()) or 1.0
    half, width = 1.45 * reach, KERNEL * reach
    edges = [np.linspace(c - half, c + half, CELLS + 1) for c in centre]
    finite = points[np.isfinite(points).all(axis=1)]
    counts = np.histogram2d(finite[:, 0], finite[:, 1], bins=edges)[0]
    density = gaussian_filter(counts, width / (2 * half / CELLS), mode="constant")
    middle = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    if density.max() > 0:
        levels = np.linspace(0.03 * density.max(), density.max(), LEVELS)
        axes.contourf(*middle, density.T, levels=levels, cmap="Blues", vmin=-0.15 * density.max())
    axes.plot(*means.T, "o", color=MEAN, fillstyle="none", markersize=4, markeredgewidth=0.7)
    outside = 1 - counts.sum() / max(len(points), 1)
    if outside > 0.005:
        axes.text(0.98, 0.02, f"{outside:.0%} outside", transform=axes.transAxes, fontsize=6, ha="right", color=MEAN)
    framed(axes)
    axes.set(xlim=(edges[0][0], edges[0][-1]), ylim=(edges[1][0], edges[1][-1]), aspect="equal")


def framed(axes: Axes) -> None:
    """A thin frame and no ticks."""
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set(color="0.75", linewidth=0.8)


def data_points(arrays: Density, n: int = 5120) -> np.ndarray:
    """The data as good as drawn: their own scatter is small beside the kernel."""
    weights = arrays.get("weights", np.full(len(arrays["means"]), 1 / len(arrays["means"])))
    return np.repeat(arrays["means"], np.round(weights * n).astype(int), axis=0)


# Modes ---------------------------------------------------------------------------------------------------------


def modes_over_time(rows: Mapping[str, Sequence[Run]], modes: int, metric: str, path: Path) -> Path | None:
    """A panel a cell: a line of colour a seed, the number of modes against updates. None without rows.

    metric: which count of them.

    A tick marks the update from which on a run never has all modes again; a cross, where it diverged.
    """
    shown = {title: [r for r in runs if series(r, metric)] for title, runs in rows.items()}
    shown = {title: runs for title, runs in shown.items() if runs}
    if not shown:
        return None
    heights = [len(runs) for runs in shown.values()]
    figure = Figure(figsize=(9, 0.24 * sum(heights) + 0.75 * len(shown) + 0.5), dpi=100, layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    colours = ListedColormap([_shade(0.75 * n / modes) for n in range(modes)] + [_shade(1.0)])
    norm = BoundaryNorm(np.arange(modes + 2) - 0.5, modes + 1)
    mesh = None
    for panel, (title, runs) in zip(axes, shown.items(), strict=True):
        for line, run in enumerate(runs):
            x, y = (np.asarray(side, float) for side in zip(*series(run, metric), strict=True))
            edges = np.append(x, x[-1] + (x[-1] - x[-2] if len(x) > 1 else 1))
            mesh = panel.pcolormesh(edges, [line - 0.42, line + 0.42], y[None], cmap=colours, norm=norm)
            lost = collapse_time(run, metric, modes)
            if lost is not None and lost > x[0]:
                panel.plot([lost, lost], [line - 0.42, line + 0.42], color=LATE, linewidth=2)
            if run.status == "diverged":
                panel.plot(edges[-1], line, "x", color="#be1414", markersize=8, markeredgewidth=2, clip_on=False)
        panel.set_yticks(range(len(runs)), [str(run.seed) for run in runs], fontsize=7)
        panel.set_ylim(len(runs) - 0.4, -0.6)
        panel.set_ylabel("seed", fontsize=8)
        panel.set_title(title, fontsize=10, loc="left")
        panel.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        panel.tick_params(labelsize=8)
    axes[-1].set_xlabel("generator updates", fontsize=9)
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=axes.tolist(), ticks=range(modes + 1), pad=0.01, aspect=30)
        bar.set_label("modes", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    key = Line2D([], [], color=LATE, linewidth=2, label="never again all modes")
    figure.legend(handles=[key], loc="outside upper right", fontsize=8)
    return figures.render(figure, path)


def _shade(share: float) -> tuple[float, float, float]:
    """From nearly white to dark blue: more modes are darker, in grey too."""
    light, dark = np.array([0.93, 0.94, 0.95]), np.array([0.02, 0.25, 0.45])
    return tuple(light + (dark - light) * share)


# Factors -------------------------------------------------------------------------------------------------------


def factors(cells: Mapping[str, Mapping[str, Sequence[float]]], modes: int, path: Path) -> Path | None:
    """Modes near to at the end by factor (downwards) and loss (side by side): a dot a seed, a bar at the mean.

    cells: values by seed, by loss, by factor in the order of reading. None without values.
    """
    losses = list(dict.fromkeys(loss for by_loss in cells.values() for loss, values in by_loss.items() if values))
    if not losses:
        return None
    figure = Figure(figsize=(7.5, 0.52 * len(cells) + 1.1), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    step = 0.62 / len(losses)
    for line, by_loss in enumerate(cells.values()):
        if line % 2:
            axes.axhspan(line - 0.5, line + 0.5, color="#f2f2f0", zorder=0)
        for place, loss in enumerate(losses):
            values = by_loss.get(loss, ())
            colour, height = figures.COLOURS[place], line - 0.31 + (place + 0.5) * step
            spread = np.linspace(-0.3, 0.3, len(values)) * step if len(values) > 1 else np.zeros(len(values))
            axes.plot(values, height + spread, "o", color=colour, markersize=4, alpha=0.55, markeredgewidth=0)
            if len(values):
                axes.plot(
                    [np.mean(values)] * 2, [height - 0.45 * step, height + 0.45 * step], color=colour, linewidth=3
                )
    axes.set_yticks(range(len(cells)), list(cells), fontsize=9)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.set_xlim(-0.3, modes + 0.3)
    axes.set_xticks(range(modes + 1))
    axes.set_xlabel("modes it is near to at the last update", fontsize=9)
    axes.grid(axis="x", alpha=0.25)
    keys = [Line2D([], [], color=figures.COLOURS[n], marker="o", label=loss) for n, loss in enumerate(losses)]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(losses), fontsize=9)
    return figures.render(figure, path)
