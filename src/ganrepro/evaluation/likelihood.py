"""The evaluation of the 2014 paper: likelihood, neighbours, lines, independence."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation.base import SHOWN, Evaluated, Sampler, Streams, displayed
from ganrepro.metrics.parzen import SIGMA_IMAGES, ParzenLogLikelihood, float64_device
from ganrepro.probes.correlation import autocorrelation
from ganrepro.probes.lines import straight_lines
from ganrepro.probes.neighbours import copies, nearest
from ganrepro.probes.recogniser import NEIGHBOURS, distance_limit, recognised

ROWS, COLUMNS = 4, 5  # samples in a panel of Figure 2 (authors' show_samples_*_paper.py)
SHOWN_LINES = 10


SCALARS = {
    "parzen/test": "log_likelihood",
    "parzen/test_se": "standard_error",
    "parzen/validation": "validation_log_likelihood",
    "parzen/sigma": "sigma",
    "parzen/samples": "samples",
    "parzen/validation_images": "validation_images",
    "parzen/test_images": "test_images",
}


class LikelihoodEvaluation:
    """The evaluation of the 2014 paper: Parzen log-likelihood, and at the end copies, lines and independence.

    Everything is measured with pixels in [0, 1], as in the paper: networks of range (-1, 1) are mapped there, so
    log-likelihoods and distances of both ranges compare. Images under global contrast normalisation are measured as
    the networks see them. Every draw comes from a stream opened for it.
    """

    monitor = "parzen/validation"
    mode = "max"

    def __init__(
        self,
        samples: int = 10000,
        sigma_images: int | None = SIGMA_IMAGES,
        test_images: int | None = None,
        sigmas: Sequence[float] = (0.1, 1.0, 10),
        batch: int = 1000,
        lines: int = 100,
        line_steps: int = 10,
        probe_images: int = 1000,
    ) -> None:
        """Defaults are those of the authors' parzen_ll.py where it has them.

        samples: drawn for the Parzen window, its kernel centres.
        sigma_images: first validation images, which choose sigma; test_images; both of every fold, None for all.
            Where the data hold fewer, all are used; the metrics say how many.
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
    def __call__(self, gan: Sampler, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        """Measures `gan`, which the caller has put into evaluation mode.

        Without `final` only the likelihood and the spread of samples, and no arrays.
        """
        images = self._images(gan, gan.latent.sample(self.samples, streams("samples")), data)
        metrics, parzen = self._likelihood(images, data)
        metrics["sample_std"] = images.std(0, correction=0).mean().item()
        if not final:
            return Evaluated(metrics, {})
        z = straight_lines(gan.latent.sample(self.lines + 1, streams("lines")), self.line_steps)
        lines = self._images(gan, z.flatten(0, 1), data).unflatten(0, z.shape[:2])
        shares, panel = self._neighbourhood(images, lines, data)
        metrics |= shares | {"autocorrelation": autocorrelation(images)}
        arrays = {
            "samples": {"samples": displayed(images[:SHOWN], data)},
            "nearest": panel,
            "lines": {"images": displayed(lines[:SHOWN_LINES], data)},
            "parzen": parzen,
        }
        return Evaluated(metrics, arrays)

    def _images(self, gan: Sampler, z: Tensor, data: ImageData) -> Tensor:
        """The images of z, in batches: float32 [n, c, h, w] as they are measured, on a device that has float64."""
        images = torch.cat([gan.images(part) for part in z.split(self.batch)])
        return data.scaling.to_measured(images).to(float64_device(images.device))

    def _likelihood(self, images: Tensor, data: ImageData) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The Parzen scalars, and the arrays of parzen.npz.

        With several folds each one's validation images choose its sigma and its test images are scored: the values
        are means over folds and the error is that of the mean across folds (section 5 on TFD; n - 1 is ours, the
        paper does not say).
        """
        results = [self._fold(images, *fold, data) for fold in data.folds]
        values = {name: [float(result[key]) for result in results] for name, key in SCALARS.items()}
        metrics = {name: fmean(of_folds) for name, of_folds in values.items()}
        if len(results) > 1:
            metrics["parzen/folds"] = float(len(results))
            metrics["parzen/test_se"] = stdev(values["parzen/test"]) / math.sqrt(len(results))
        arrays = {
            "sigmas": results[0]["sigmas"].reshape(-1),
            "validation": torch.stack([result["validation_by_sigma"].reshape(-1) for result in results]).squeeze(0),
            "test": torch.cat([result["test_by_image"].reshape(-1) for result in results]),
        }
        return metrics, {name: array.cpu().numpy() for name, array in arrays.items()}

    def _fold(self, images: Tensor, validation: Images, test: Images, data: ImageData) -> dict[str, Tensor]:
        metric = ParzenLogLikelihood(self.sigmas, self.sigma_images or len(validation), sync_on_compute=False)
        metric = metric.to(images.device)
        metric.update(images, "samples")
        parts = {"validation": validation.pixels[: self.sigma_images], "test": test.pixels[: self.test_images]}
        for role, pixels in parts.items():
            metric.update(data.scaling.measured(pixels.to(images.device)), role)
        return metric.compute()

    def _neighbourhood(
        self, images: Tensor, lines: Tensor, data: ImageData
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """What nearest training images tell: copies, distances, recognised shares, and nearest.npz."""
        train = data.scaling.measured(data.train.pixels.to(images.device))
        shown = images[: self.probe_images]
        samples = nearest(shown, train, NEIGHBOURS)
        test = data.scaling.measured(spread(data.test.pixels, self.probe_images).to(images.device))
        heldout = nearest(test, train, NEIGHBOURS)
        metrics = {
            "copies": copies(samples.distances[:, 0], heldout.distances[:, 0]),
            "nearest/samples": samples.distances[:, 0].quantile(0.5).item(),
            "nearest/heldout": heldout.distances[:, 0].quantile(0.5).item(),
        }
        labels = data.train.labels.to(images.device)
        if len(data.classes) > 1 and (labels >= 0).all():
            inner = spread(lines[:, 1:-1].flatten(0, 1), self.probe_images)
            probes = {"random": samples, "lines": nearest(inner, train, NEIGHBOURS), "heldout": heldout}
            limit = distance_limit(heldout)
            for name, found in probes.items():
                metrics[f"recognised/{name}"] = recognised(found, labels, limit).float().mean().item()
        ends = slice(COLUMNS - 1, ROWS * COLUMNS, COLUMNS)  # the last sample of each row
        twenty, neighbours = images[: ROWS * COLUMNS], train[samples.indices[ends, 0]]
        panel = {
            "samples": displayed(twenty, data),
            "neighbours": displayed(neighbours, data, like=twenty),
            "distances": samples.distances[ends, 0].cpu().numpy(),
        }
        return metrics, panel


def spread(images: Tensor, n: int) -> Tensor:
    """At most n images, evenly spaced from the first to the last."""
    if len(images) <= n:
        return images
    return images[torch.linspace(0, len(images) - 1, n, dtype=torch.float64).round().long().to(images.device)]
