"""The LSGAN paper's Figure 2 as numbers: where each loss gives G no gradient."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganrepro.report import figures
from ganrepro.report.events import series
from ganrepro.report.figures_cells import thousands
from ganrepro.report.records import Run

LOSSES = {"gan": ("#0072b2", "sigmoid cross entropy"), "lsgan": ("#d55e00", "least squares")}


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
