"""A mixture in the plane: how many of its Gaussians samples cover, and how far off they are (LSGAN, section 4.3)."""

from collections.abc import Sequence

import torch

from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Sampler, Streams
from ganrepro.metrics.coverage import covered
from ganrepro.metrics.transport import wasserstein1
from ganrepro.streams import stream

NEAR = 3.0  # standard deviations within which a sample belongs to a Gaussian; of a plane one's own, 0.989 do
QUARTER = 0.25  # of the way to the next Gaussian: so near, a picture of the density shows a sample as its own
KEPT = 2000  # points in an array


class RingEvaluation:
    """Neither paper nor authors' code has a criterion, only pictures of densities; this one is ours.

    modes: how many Gaussians are covered, i.e. have at least a tenth of their share of the samples within 3 std.
    modes_near: the same within a quarter of the distance to the next Gaussian, std or no std. It is what one sees in a
    picture, and tells a generator that has the ring but not its sharpness from one that has collapsed.
    high_quality: the share of samples within 3 std of any Gaussian; 0.989 for a perfect generator in the plane.
    w1: the exact Wasserstein-1 distance of samples to real points that hold every Gaussian in its proportion, and
    w1_floor: the same for real points drawn at random, the mean of three draws, the same in every run.
    Arrays, at the updates in `moments` and at the end: ring.npz with points float32 [2000, 2] and the data's means
    [modes, 2], stds and weights [modes].
    """

    monitor = "w1"
    mode = "min"
    at_start = True

    def __init__(
        self,
        samples: int = 5120,
        w1_points: int = 1000,
        moments: Sequence[int] = (0, 5000, 15000, 25000, 40000),
    ) -> None:
        """samples: 10 batches of 512, as the authors plot. moments: updates of the paper's pictures; one at which
        there is no evaluation has none. UserError for fewer than 2 samples or w1_points, or more of the latter.
        """
        if not 2 <= w1_points <= samples:
            raise UserError(
                f"evaluation.w1_points is {w1_points}; it must be at least 2, and at most samples={samples}."
            )
        self.samples, self.w1_points, self.moments = samples, w1_points, list(moments)
        self.floors: dict[str, float] = {}

    @torch.no_grad()
    def __call__(self, gan: Sampler, data: GaussianMixture, streams: Streams, final: bool) -> Evaluated:
        if not isinstance(data, GaussianMixture):
            raise UserError("RingEvaluation is for points of a mixture of Gaussians: data=ring or data=mixture.")
        points = gan.images(gan.latent.sample(self.samples, streams("samples"))).float().cpu()
        index, distance = data.nearest_mode(points)
        near = distance <= NEAR
        counts = torch.bincount(index[near], minlength=len(data.means))
        apart = torch.cdist(data.means, data.means).fill_diagonal_(torch.inf).min(1).values
        seen = distance * data.stds[index] <= QUARTER * apart[index]
        around = torch.bincount(index[seen], minlength=len(data.means))
        metrics = {
            "modes": float(covered(counts, data.weights, self.samples).sum()),
            "modes_near": float(covered(around, data.weights, self.samples).sum()),
            "high_quality": near.double().mean().item(),
            "w1": self.distance(points[: self.w1_points], data, streams("real")),
            "w1_floor": self.floor(data),
        }
        if not final and getattr(gan, "generator_updates", None) not in self.moments:
            return Evaluated(metrics, {})
        known = {name: getattr(data, name).numpy() for name in ("means", "stds", "weights")}
        return Evaluated(metrics, {"ring": {"points": points[:KEPT].numpy(), "counts": counts.numpy(), **known}})

    def distance(self, points: torch.Tensor, data: GaussianMixture, generator: torch.Generator) -> float:
        return wasserstein1(points, data.stratified(len(points), generator).cpu())

    def floor(self, data: GaussianMixture) -> float:
        """What a perfect generator's samples have for w1; computed once an evaluation object."""
        if data.fingerprint not in self.floors:
            draws = [(stream(0, "ring", "floor", draw), stream(0, "ring", "real", draw)) for draw in range(3)]
            distances = [self.distance(data.draw(self.w1_points, first), data, second) for first, second in draws]
            self.floors[data.fingerprint] = sum(distances) / len(distances)
        return self.floors[data.fingerprint]
