"""Points of a known distribution: endless, so no split is held out, and with a density to compare with."""

import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganrepro.errors import UserError
from ganrepro.feeds import PointFeed
from ganrepro.streams import stream


class GaussianMixture:
    """Round Gaussians with their own means, standard deviations and weights.

    `shape` is (dim,); a point has no bounded range, so `value_range` is None. `span`: the widest distance between
    two means, plus two standard deviations on each side.
    """

    value_range = None
    stand_in_for = None
    name = "mixture"

    def __init__(self, means: Sequence[Sequence[float]], stds: Sequence[float], weights: Sequence[float]) -> None:
        """means: [components][dim]; weights need not add up to 1. UserError where the numbers do not go together."""
        dims = {len(mean) for mean in means}
        if len(dims) != 1 or not len(means) == len(stds) == len(weights) or min([*stds, *weights]) <= 0:
            raise UserError("data: a mixture needs means of one length, and a std and a weight above 0 for each.")
        self.means = torch.tensor(means, dtype=torch.float64)
        self.stds = torch.tensor(stds, dtype=torch.float64)
        self.weights = torch.tensor(weights, dtype=torch.float64) / sum(weights)
        self.shape: tuple[int, ...] = (dims.pop(),)
        self.span = (torch.cdist(self.means, self.means).max() + 4 * self.stds.max()).item()
        text = json.dumps([list(map(list, means)), list(stds), list(weights)])
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, dim] on the generator's device."""
        device = generator.device
        which = torch.multinomial(self.weights.float().to(device), n, replacement=True, generator=generator)
        noise = torch.empty(n, *self.shape, device=device).normal_(generator=generator)
        return self.means.float().to(device)[which] + noise * self.stds.float().to(device)[which, None]

    def density(self, x: Tensor) -> Tensor:
        """float64 [n, dim] -> the density, float64 [n]."""
        squared = torch.cdist(x.double(), self.means).square()
        dim = self.shape[0]
        logs = self.weights.log() - squared / (2 * self.stds**2) - dim * (self.stds * (2 * torch.pi) ** 0.5).log()
        return logs.logsumexp(1).exp()

    def feed(self, seed: int, device: torch.device | str = "cpu") -> PointFeed:
        """Fresh points in batches, on `device`."""
        return PointFeed(self.draw, seed, device)

    def examples(self, n: int) -> Tensor:
        """n points, always the same."""
        return self.draw(n, stream(0, "examples"))

    def pixel_mean(self) -> None:
        """Nothing that an output could start at."""

    def picture(self, points: Tensor) -> np.ndarray:
        """A histogram over the line, or a scatter plot of the first two coordinates: uint8 [height, width, 3]."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes half a second, and images never need it
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3, 3), dpi=80, layout="constrained")
        FigureCanvasAgg(figure)
        axes, places = figure.add_subplot(), points.nan_to_num().double().cpu().numpy()
        low, high = (self.means.min() - 4 * self.stds.max()).item(), (self.means.max() + 4 * self.stds.max()).item()
        if places.shape[1] == 1:
            axes.hist(np.clip(places[:, 0], low, high), bins=32, range=(low, high), density=True, color="#009e73")
        else:
            axes.plot(places[:, 0], places[:, 1], ".", markersize=3, color="#009e73")
            axes.set_ylim(low, high)
        axes.set_xlim(low, high)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        return np.asarray(Image.open(buffer).convert("RGB"))

    def describe(self) -> dict[str, Any]:
        """What a record says of the data."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "shape": list(self.shape),
            "value_range": None,
            "stand_in_for": None,
        }
