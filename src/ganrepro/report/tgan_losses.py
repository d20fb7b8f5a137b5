"""Where t-GAN's losses end: curves of every seed with log 2 and 2 log 2 drawn in, and their levels and slopes."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganrepro.report import figures
from ganrepro.report.events import series
from ganrepro.report.figures_cells import RED, thousands
from ganrepro.report.measured import mean_after, slope_after
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run
from ganrepro.report.rendering import Table
from ganrepro.report.tables import interval_or

SETTLED = 7500  # updates, from which on the paper sees G's loss flat
PLAYERS = {"generator": "#0072b2", "discriminator": "#d55e00"}
CALLED = {"generator": "G", "discriminator": "D"}
STEPS, GREEN = "steps/generator", "#009e73"
DECIDING = "loss/deciding"  # of the controller (rules.py)
ROUND = 5  # its steps in a round
POINTS = 200  # of a line
HIGHEST = 6.0  # loss that is drawn; a losing player's has no bound
PANELS = 3  # side by side


def adversarial(run: Run, player: str) -> str:
    """The metric of a player's loss without what other terms add; a run without such terms has one loss.

    Under the controller G's is the one that decides, of all steps: those that G takes are chosen for their high loss.
    """
    part = DECIDING if player == "generator" and any(DECIDING in row for row in run.rows) else f"loss/source_{player}"
    return part if any(part in row for row in run.rows) else f"loss/{player}"


def section(cells: Mapping[str, Sequence[Run]], path: Path) -> Section:
    drawn = figures.anew(path, lambda where: loss_curves(cells, where))
    caption = (
        "Thick: the adversarial parts, thin and dashed: all that a player minimises. A line a seed, means over up to "
        f"{POINTS} stretches; losses above {HIGHEST:g} are cut off. Green, on the right: how many of a round's five "
        "steps are G's, where a controller decides; G's thick line is then the loss that decides. A cross where a run "
        "diverged."
    )
    pictures = [Picture(drawn, "Losses while training", caption)] if drawn else []
    return Section("Losses", [losses_table(cells)], pictures, empty="No losses are recorded yet.")


def losses_table(cells: Mapping[str, Sequence[Run]]) -> Table:
    """A row a cell and player: the mean of the adversarial part's later rows, its slope, and the total's mean."""
    header = ["cell", "loss of", "from update", "level [95 %]", "where D says 1/2", "slope per 1,000 updates [95 %]"]
    table = Table([*header, "level with all terms [95 %]", "G's steps a round", "seeds"], [])
    for title, members in cells.items():
        done = [run for run in members if run.status == "done"]
        start = _start(done)
        for player in PLAYERS:
            levels = _known([mean_after(run, adversarial(run, player), start) for run in done])
            slopes = _known([slope_after(run, adversarial(run, player), start) for run in done])
            totals = _known([mean_after(run, f"loss/{player}", start) for run in done])
            steps = _known([mean_after(run, STEPS, start) for run in done]) if player == "generator" else []
            half = "0.693" if player == "generator" else "1.386"
            row = [title, CALLED[player], f"{start:,}", interval_or(levels, "–"), half, interval_or(slopes, "–")]
            row += [interval_or(totals, "–"), interval_or(steps, "–"), f"{len(levels)} of {len(members)}"]
            if levels:
                table.rows.append(row)
                table.folders.append(members[0].folder.parent)
    table.notes.append(
        f"Levels and slopes are of the updates after {SETTLED:,}, of shorter runs of the second half. An undecided D "
        "has 2 log 2 = 1.386 and leaves G log 2 = 0.693."
    )
    return table


def _start(runs: Sequence[Run]) -> int:
    reached = min((int(run.record.get("generator_updates") or 0) for run in runs), default=0)
    return SETTLED if reached > SETTLED else reached // 2


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def loss_curves(cells: Mapping[str, Sequence[Run]], path: Path) -> Path | None:
    """A panel a cell. None without rows."""
    if not any(series(run, f"loss/{player}") for runs in cells.values() for run in runs for player in PLAYERS):
        return None
    columns = min(PANELS, len(cells))
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(max(5.5, 4.0 * columns), 2.7 * rows + 0.7), dpi=100, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    tops = [_panel(axes, title, runs) for axes, (title, runs) in zip(panels.flat, cells.items(), strict=False)]
    panels[0, 0].set_ylim(0, min(HIGHEST, max(2.0, 1.1 * max(tops))))
    for spare in list(panels.flat)[len(cells) :]:
        spare.set_axis_off()
    for lowest in list(panels.flat)[max(0, len(cells) - columns) : len(cells)]:
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel("generator updates", fontsize=9)
    keys = [Line2D([], [], color=PLAYERS[player], linewidth=2, label=f"{CALLED[player]}'s loss") for player in PLAYERS]
    keys.append(Line2D([], [], color="k", linestyle=":", label="log 2 and 2 log 2"))
    if any(series(run, STEPS) for runs in cells.values() for run in runs):
        keys.append(Line2D([], [], color=GREEN, label="G's steps a round"))
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=9)
    return figures.render(figure, path)


def _panel(axes: Axes, title: str, runs: Sequence[Run]) -> float:
    """Draws one cell; returns how high its losses go, but for the highest fiftieth."""
    shares = axes.twinx() if any(series(run, STEPS) for run in runs) else None
    shown: list[float] = []
    for run in runs:
        for player, colour in PLAYERS.items():
            part, total = adversarial(run, player), f"loss/{player}"
            for metric, style, width in ((part, "-", 1.1), (total, "--", 0.5)):
                if (metric != part or style == "-") and (points := thinned(series(run, metric))):
                    marker = "." if len(points) == 1 else None
                    axes.plot(
                        *zip(*points, strict=True), style, color=colour, linewidth=width, alpha=0.7, marker=marker
                    )
                    shown += [value for _, value in points]
                    if run.status == "diverged":
                        axes.plot(*points[-1], "x", color=RED, markersize=8, markeredgewidth=2)
        if shares is not None and (points := thinned(series(run, STEPS))):
            shares.plot(*zip(*points, strict=True), color=GREEN, linewidth=0.7, alpha=0.7)
    for level in (math.log(2), 2 * math.log(2)):
        axes.axhline(level, color="k", linestyle=":", linewidth=1)
    if shares is not None:
        shares.set_ylim(0, ROUND)
        shares.tick_params(labelsize=8, colors=GREEN)
    axes.set_title(title.replace(" †", " (departs)"), fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    thousands(axes)
    return float(np.percentile(shown, 98)) if shown else 0.0


def thinned(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """Means over successive stretches, where there are more points than a line can show; finite ones only."""
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite:
        return []
    parts = np.array_split(np.array(finite, float), min(POINTS, len(finite)))
    return [(float(x), float(y)) for x, y in (part.mean(axis=0) for part in parts)]
