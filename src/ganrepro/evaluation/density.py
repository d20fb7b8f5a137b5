"""Figure 1 of the 2014 paper: densities, D against its optimum, and where G takes each z, on the real line."""

from typing import Any, Protocol

import numpy as np
import torch
from scipy.stats import gaussian_kde
from torch import Tensor

from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams

BANDWIDTH = 0.05  # of the kernel estimate of G's density: a tenth of the data's narrowest bump
ARROWS = 25
TINY = 1e-12  # where neither density reaches it, nothing is compared


class LineGan(Protocol):
    latent: Any

    def images(self, z: Tensor) -> Tensor:
        """Latents [n, 1] -> points [n, 1]."""

    def discriminate(self, images: Tensor) -> Any:
        """Points -> logits [n]."""


class DensityEvaluation:
    """Compares G's density with the data's and D with p / (p + q), on a grid over [low, high].

    Metrics: js, the Jensen-Shannon divergence of p and q in nats; d_error, the mean |D - p / (p + q)| over the even
    mixture of both; d_deviation, E |D(x) - 1/2| over the data. Arrays (every time): density.npz with x, p, q, d [m]
    and z, g [25], evenly spaced latents and where they go.
    """

    monitor = "js"
    mode = "min"

    def __init__(self, low: float = -4.0, high: float = 4.0, points: int = 400, samples: int = 10000) -> None:
        """points: of the grid; samples: behind the estimate of G's density. UserError for values that cannot be."""
        if low >= high or points < 10 or samples < 10:
            raise UserError("evaluation: low must lie below high, and points and samples be at least 10.")
        self.low, self.high, self.points, self.samples = low, high, points, samples

    @torch.no_grad()
    def __call__(self, gan: LineGan, data: GaussianMixture, streams: Streams, final: bool) -> Evaluated:
        if data.shape != (1,) or gan.latent.dim != 1:
            raise UserError("DensityEvaluation is for points on a line and a latent of one coordinate.")
        generator = streams("samples")
        device = generator.device
        x = torch.linspace(self.low, self.high, self.points, dtype=torch.float64)
        p = data.density(x[:, None]).numpy()
        q = density_of(gan.images(gan.latent.sample(self.samples, generator)), x.numpy())
        dtype = next(gan.parameters()).dtype if isinstance(gan, torch.nn.Module) else torch.float32
        d = gan.discriminate(x[:, None].to(device, dtype)).double().sigmoid().cpu().numpy()
        z = gan.latent.quantiles(ARROWS).to(device)
        step = (self.high - self.low) / (self.points - 1)
        optimum = np.divide(p, p + q, out=np.full_like(p, 0.5), where=p + q > TINY)
        metrics = {
            "js": jensen_shannon(p, q, step),
            "d_error": float(((p + q) / 2 * np.abs(d - optimum)).sum() * step),
            "d_deviation": float((p * np.abs(d - 0.5)).sum() * step),
        }
        places = {"z": z[:, 0].cpu().numpy(), "g": gan.images(z)[:, 0].cpu().numpy()}
        return Evaluated(metrics, {"density": {"x": x.numpy(), "p": p, "q": q, "d": d, **places}})


def density_of(points: Tensor, x: np.ndarray) -> np.ndarray:
    """A kernel estimate of the density of points [n, 1] at x; all zero off a point on which all of them lie."""
    values = points[:, 0].double().cpu().numpy()
    spread = values.std(ddof=1)
    if not spread > TINY:
        return np.exp(-0.5 * ((x - values[0]) / BANDWIDTH) ** 2) / (BANDWIDTH * np.sqrt(2 * np.pi))
    return gaussian_kde(values, bw_method=BANDWIDTH / spread)(x)


def jensen_shannon(p: np.ndarray, q: np.ndarray, step: float) -> float:
    """JSD(p || q) in nats from values on a grid; between 0 and log 2."""
    middle = (p + q) / 2

    def divergence(density: np.ndarray) -> float:
        inside = density > TINY
        return float((density[inside] * np.log(density[inside] / middle[inside])).sum() * step)

    return (divergence(p) + divergence(q)) / 2
