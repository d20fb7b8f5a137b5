"""The appendix of the DCGAN paper as a picture: errors against the size of the nearest neighbours' training set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganrepro.report import figures
from ganrepro.report.figures_cells import logarithmic

SAMPLES, REAL = figures.COLOURS[0], "#444444"


def neighbours(cells: Mapping[str, Sequence[Mapping[str, np.ndarray]]], path: Path) -> Path | None:
    """Errors on test images against the number of samples, a panel a cell, a line a seed; dashed: of real images.

    cells: what one_nn.npz of each seed holds (counts, errors, real_counts, real_errors), by title. None if empty.
    """
    if not any(cells.values()):
        return None
    figure = Figure(figsize=(max(6.0, 4.2 * len(cells)), 3.8), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(cells), squeeze=False, sharey=True)[0]
    for axes, (title, found) in zip(panels, cells.items(), strict=True):
        for arrays in found:
            axes.plot(arrays["real_counts"], 100 * arrays["real_errors"], "s--", color=REAL, linewidth=1, markersize=4)
            axes.plot(arrays["counts"], 100 * arrays["errors"], ".-", color=SAMPLES, linewidth=1, alpha=0.75)
        axes.set_xscale("log")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("images in the classifier's training set", fontsize=9)
        axes.set_ylabel("error on test images [%]", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
        logarithmic(axes.xaxis)
    keys = [Line2D([], [], color=SAMPLES, marker=".", label="DCGAN's samples, a line a seed")]
    keys.append(Line2D([], [], color=REAL, linestyle="--", marker="s", markersize=4, label="real training images"))
    figure.legend(handles=keys, loc="outside lower center", ncols=2, fontsize=9)
    return figures.render(figure, path)
