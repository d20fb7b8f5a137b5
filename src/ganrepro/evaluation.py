"""What is measured of a generator, and the arrays that its figures need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.metrics.parzen import SIGMA_IMAGES, ParzenLogLikelihood, float64_device
from ganrepro.probes.correlation import autocorrelation
from ganrepro.probes.lines import straight_lines
from ganrepro.probes.neighbours import copies, nearest
from ganrepro.probes.recogniser import NEIGHBOURS, distance_limit, recognised

Generate = Callable[[Tensor], Tensor]  # z [n, dim] -> images [n, c, h, w] in the data's value range

SHOWN = 64  # samples kept for pictures
ROWS, COLUMNS = 4, 5  # samples in a panel of Figure 2 (authors' show_samples_*_paper.py)
SHOWN_LINES = 10


@dataclass
class Evaluated:
    """`metrics`: scalars by name. `arrays`: by file name under artifacts/, the arrays in it by name."""

    metrics: dict[str, float]
    arrays: dict[str, dict[str, np.ndarray]]


class LikelihoodEvaluation:
    """The evaluation of the 2014 paper: Parzen log-likelihood, and at the end copies, lines and independence.

    Everything is measured with pixels in [0, 1], as in the paper: networks of range (-1, 1) are mapped there, so
    log-likelihoods and distances of both ranges compare. Every draw comes from a stream opened for it.
    """

    monitor = "parzen/validation"
    mode = "max"

    def __init__(
        self,
        samples: int = 10000,
        sigma_images: int = SIGMA_IMAGES,
        test_images: int | None = None,
        sigmas: Sequence[float] = (0.1, 1.0, 10),
        batch: int = 1000,
        lines: int = 100,
        line_steps: int = 10,
        probe_images: int = 1000,
    ) -> None:
        """Defaults are those of the authors' parzen_ll.py where it has them.

        samples: drawn for the Parzen window, its kernel centres.
        sigma_images: first validation images, which choose sigma; test_images: None for all. Where the data hold
            fewer, all are used; the metrics say how many.
        sigmas: lowest, highest and number of log-spaced candidates.
        batch: images generated at once, for memory only.
        lines, line_steps: lines between successive random latents, and points on each, ends included.
        probe_images: images behind each share, evenly spaced over the test set (MNIST's first half is easier).
        Raises UserError for values that cannot be.
        """
        low, high, count = sigmas if len(sigmas) == 3 else (0.0, 0.0, 0.0)
        if not 0 < low <= high or count < 1 or count != int(count):
            raise UserError(
                f"evaluation.sigmas is {list(sigmas)}; it must be [lowest, highest, number], e.g. [0.1, 1.0, 10]."
            )
        given = {
            "samples": (samples, ROWS * COLUMNS),
            "sigma_images": (sigma_images, 1),
            "test_images": (test_images, 1),
            "batch": (batch, 1),
            "lines": (lines, 1),
            "line_steps": (line_steps, 3),
            "probe_images": (probe_images, ROWS * COLUMNS),
        }
        for name, (value, least) in given.items():
            if value is not None and value < least:
                raise UserError(f"evaluation.{name} is {value}; it must be at least {least}.")
        self.sigmas = np.geomspace(low, high, int(count)).tolist()
        self.samples, self.sigma_images, self.test_images = samples, sigma_images, test_images
        self.batch, self.lines, self.line_steps, self.probe_images = batch, lines, line_steps, probe_images

    @torch.no_grad()
    def __call__(
        self,
        generate: Generate,
        latent: Callable[[int, torch.Generator], Tensor],
        data: ImageData,
        streams: Callable[..., torch.Generator],
        final: bool,
    ) -> Evaluated:
        """Measures `generate`, whose network the caller has put into evaluation mode.

        latent(n, generator) -> z [n, dim]; streams(purpose) -> a fresh generator, the same for the same purpose.
        Without `final` only the likelihood and the spread of samples, and no arrays.
        """
        images = self._images(generate, latent(self.samples, streams("samples")), data)
        metrics, parzen = self._likelihood(images, data)
        metrics["sample_std"] = images.std(0, correction=0).mean().item()
        if not final:
            return Evaluated(metrics, {})
        z = straight_lines(latent(self.lines + 1, streams("lines")), self.line_steps)
        lines = self._images(generate, z.flatten(0, 1), data).unflatten(0, z.shape[:2])
        shares, panel = self._neighbourhood(images, lines, data)
        metrics |= shares | {"autocorrelation": autocorrelation(images)}
        arrays = {
            "samples": {"samples": as_uint8(images[:SHOWN])},
            "nearest": panel,
            "lines": {"images": as_uint8(lines[:SHOWN_LINES])},
            "parzen": parzen,
        }
        return Evaluated(metrics, arrays)

    def _images(self, generate: Generate, z: Tensor, data: ImageData) -> Tensor:
        """The images of z, in batches: float32 [n, c, h, w] in [0, 1] on a device that has float64."""
        low, high = data.value_range
        images = torch.cat([generate(part).float() for part in z.split(self.batch)])
        return ((images - low) / (high - low)).to(float64_device(images.device))

    def _likelihood(self, images: Tensor, data: ImageData) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The Parzen scalars, and the arrays of parzen.npz."""
        metric = ParzenLogLikelihood(self.sigmas, self.sigma_images).to(images.device)
        metric.update(images, "samples")
        metric.update(unit(data.validation.pixels[: self.sigma_images], images.device), "validation")
        metric.update(unit(data.test.pixels[: self.test_images], images.device), "test")
        result = metric.compute()
        names = {
            "parzen/test": "log_likelihood",
            "parzen/test_se": "standard_error",
            "parzen/validation": "validation_log_likelihood",
            "parzen/sigma": "sigma",
            "parzen/samples": "samples",
            "parzen/validation_images": "validation_images",
            "parzen/test_images": "test_images",
        }
        arrays = {"sigmas": "sigmas", "validation": "validation_by_sigma", "test": "test_by_image"}
        return (
            {name: float(result[key]) for name, key in names.items()},
            {name: result[key].reshape(-1).cpu().numpy() for name, key in arrays.items()},
        )

    def _neighbourhood(
        self, images: Tensor, lines: Tensor, data: ImageData
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """What nearest training images tell: copies, distances, recognised shares, and nearest.npz."""
        train = unit(data.train.pixels, images.device)
        shown = images[: self.probe_images]
        samples = nearest(shown, train, NEIGHBOURS)
        heldout = nearest(unit(spread(data.test.pixels, self.probe_images), images.device), train, NEIGHBOURS)
        metrics = {
            "copies": copies(samples.distances[:, 0], heldout.distances[:, 0]),
            "nearest/samples": samples.distances[:, 0].quantile(0.5).item(),
            "nearest/heldout": heldout.distances[:, 0].quantile(0.5).item(),
        }
        labels = data.train.labels.to(images.device)
        if (labels >= 0).all():
            inner = spread(lines[:, 1:-1].flatten(0, 1), self.probe_images)
            probes = {"random": samples, "lines": nearest(inner, train, NEIGHBOURS), "heldout": heldout}
            limit = distance_limit(heldout)
            for name, found in probes.items():
                metrics[f"recognised/{name}"] = recognised(found, labels, limit).float().mean().item()
        ends = slice(COLUMNS - 1, ROWS * COLUMNS, COLUMNS)  # the last sample of each row
        panel = {
            "samples": as_uint8(images[: ROWS * COLUMNS]),
            "neighbours": as_uint8(train[samples.indices[ends, 0]]),
            "distances": samples.distances[ends, 0].cpu().numpy(),
        }
        return metrics, panel


def unit(pixels: Tensor, device: torch.device) -> Tensor:
    """uint8 pixels -> float32 in [0, 1] on `device`."""
    return pixels.to(device).float() / 255


def as_uint8(images: Tensor) -> np.ndarray:
    """Images in [0, 1] -> uint8, clamped and rounded."""
    return (images * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def spread(images: Tensor, n: int) -> Tensor:
    """At most n images, evenly spaced from the first to the last."""
    if len(images) <= n:
        return images
    return images[torch.linspace(0, len(images) - 1, n, dtype=torch.float64).round().long().to(images.device)]
