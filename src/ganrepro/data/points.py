"""Points of a known distribution: endless, so no split is held out, and with a density to compare with."""

import hashlib
import io
import json
import math
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

    def stratified(self, n: int, generator: torch.Generator) -> Tensor:
        """n points, of each Gaussian as many as its weight asks for: float32 [n, dim], those of one after another.

        So a sample that is compared has no mode missing by chance. What cannot be divided goes to the largest
        remainders, the first of equal ones.
        """
        device, shares = generator.device, n * self.weights
        counts = (shares + 1e-9).floor().long()
        left = n - int(counts.sum())
        counts[(counts - shares).argsort(stable=True)[:left]] += 1
        which = torch.arange(len(counts)).repeat_interleave(counts).to(device)
        noise = torch.empty(n, *self.shape, device=device).normal_(generator=generator)
        return self.means.float().to(device)[which] + noise * self.stds.float().to(device)[which, None]

    def nearest_mode(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The Gaussian that each of [n, dim] is nearest to, counted in its std, and that distance.

        int64 [n] and float64 [n] on the points' device; a point that is not finite is infinitely far.
        """
        places = points.detach().double()
        finite = places.isfinite().all(1)
        places = torch.where(finite[:, None], places, 0.0)
        # Differences, since cdist's matrix form loses digits that a std of a hundredth of the radius needs.
        apart = (places[:, None] - self.means.to(places.device)).square().sum(2).sqrt() / self.stds.to(places.device)
        distance, index = apart.min(1)
        return index, distance.where(finite, math.inf)

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
        return _drawn(figure)

    def describe(self) -> dict[str, Any]:
        """What a record says of the data."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "shape": list(self.shape),
            "value_range": None,
            "stand_in_for": None,
        }


class Ring(GaussianMixture):
    """Equal Gaussians, evenly spaced on a circle in the plane; the first is at the top, the others follow clockwise.

    With the defaults that is LSGAN's ring as its paper has it. `shape` is (2,); `means` is [modes, 2].
    """

    name = "ring"

    def __init__(
        self, modes: int = 8, radius: float = 1.0, std: float = 0.01, duplicate_first_mode: bool = False
    ) -> None:
        """`duplicate_first_mode`: the first Gaussian has twice the weight of each other one.

        xudonmao/LSGAN, stability_comparison/mixture_gaussian asks for 9 angles from 0 to 2 pi, both ends included:
        8 places, of which the one at (0, radius) weighs 2/9. Raises UserError for fewer than two modes, and for a
        radius or std of 0 or less.
        """
        if modes < 2 or min(radius, std) <= 0:
            raise UserError(f"data.modes={modes} data.radius={radius} data.std={std}: 2 modes, and numbers above 0.")
        angles = [2 * math.pi * mode / modes for mode in range(modes)]
        # Rounded, since the last bits of sin and cos are the platform's and would get into the fingerprint.
        means = [
            [round(radius * math.sin(angle), 12) + 0.0, round(radius * math.cos(angle), 12) + 0.0] for angle in angles
        ]
        super().__init__(means, [std] * modes, [1.0 + duplicate_first_mode] + [1.0] * (modes - 1))
        self.radius = radius

    def picture(self, points: Tensor) -> np.ndarray:
        """Points, and a circle around each mode, of three std or as wide as can be seen: uint8 [240, 240, 3].

        The window is of two radii whatever the points, so that pictures compare; one outside is drawn on its edge.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import EllipseCollection
        from matplotlib.figure import Figure

        window = 2 * self.radius
        figure = Figure(figsize=(3, 3), dpi=80, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot(aspect="equal", xlim=(-window, window), ylim=(-window, window))
        axes.set_xticks([-self.radius, 0, self.radius])
        axes.set_yticks([-self.radius, 0, self.radius])
        width = np.maximum(6 * self.stds.numpy(), 0.16 * self.radius)
        axes.add_collection(
            EllipseCollection(
                width, width, np.zeros_like(width), units="x", offsets=self.means.numpy(), transOffset=axes.transData,
                facecolors="none", edgecolors="#999999", linewidths=0.8,
            )
        )  # fmt: skip
        places = np.clip(points.detach().double().cpu().numpy(), -window, window)
        axes.plot(places[:, 0], places[:, 1], ".", markersize=3, markeredgewidth=0, alpha=0.6, color="#009e73")
        return _drawn(figure)


class Blobs(GaussianMixture):
    """The toy data of DeLiGAN (val-iisc/deligan, Toy): a fixed set of points in the plane, of one Gaussian or of two.

    One has mean 0 and std 0.3; two have std 0.15 and lie at (0.6, 0.6) and (-0.6, -0.6). What is measured is the
    distance to the Gaussians; the set, always the same, is what is trained on.
    """

    name = "blobs"

    def __init__(self, modes: int = 2, points: int = 400) -> None:
        """Raises UserError for other numbers of modes, and for fewer than one point."""
        if modes not in (1, 2) or points < 1:
            raise UserError(f"data.modes={modes} data.points={points}: blobs are 1 or 2, of at least one point.")
        means, std = ([[0.0, 0.0]], 0.3) if modes == 1 else ([[0.6, 0.6], [-0.6, -0.6]], 0.15)
        super().__init__(means, [std] * modes, [1.0] * modes)
        self.points = self.stratified(points, stream(0, "blobs", modes))
        self.fingerprint = f"{self.fingerprint}-{points}"

    def feed(self, seed: int, device: torch.device | str = "cpu") -> PointFeed:
        """The points in batches, in another order every time they have all been seen."""

        def shuffled(n: int, generator: torch.Generator) -> Tensor:
            points = self.points.to(generator.device)
            return points[torch.randperm(n, generator=generator, device=generator.device)]

        return PointFeed(shuffled, seed, device, size=len(self.points))

    def examples(self, n: int) -> Tensor:
        """n of the points at most, taken evenly from all."""
        return self.points[:: max(1, len(self.points) // n)][:n]


def _drawn(figure: Any) -> np.ndarray:
    """A matplotlib figure as uint8 [height, width, 3]."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return np.asarray(Image.open(buffer).convert("RGB"))
