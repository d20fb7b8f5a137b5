"""Does the generator still make different images? (Goodfellow et al. 2014, section 6: "the Helvetica scenario".)"""

import torch

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import SHOWN, Evaluated, Sampler, Streams, displayed
from ganrepro.metrics.parzen import float64_device
from ganrepro.probes.neighbours import nearest


class DiversityEvaluation:
    """How far apart samples lie from each other, and how many classes they fall into.

    diversity: the mean L2 distance between two samples over that between two validation images; 0 if all z give one
        image, 1 for the data's own spread (pure noise can exceed it).
    classes (labelled data): exp of the entropy of the labels of the nearest training images, over the number of
        classes; 1 / classes where all samples fall into one.
    """

    monitor = "diversity"
    mode = "max"

    def __init__(self, samples: int = 1000, batch: int = 1000) -> None:
        """samples: behind each number; batch: images generated at once, for memory only. UserError below 2 and 1."""
        if samples < 2 or batch < 1:
            raise UserError(f"evaluation.samples={samples} evaluation.batch={batch}: at least 2 and 1 are needed.")
        self.samples, self.batch = samples, batch

    @torch.no_grad()
    def __call__(self, gan: Sampler, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        z = gan.latent.sample(self.samples, streams("samples"))
        images = data.scaling.to_measured(torch.cat([gan.images(part) for part in z.split(self.batch)]))
        images = images.to(float64_device(images.device))
        real = data.scaling.measured(data.validation.pixels[: self.samples].to(images.device))
        metrics = {"diversity": (distance(images) / distance(real)).item()}
        labels = data.train.labels.to(images.device)
        if (labels >= 0).all():
            train = data.scaling.measured(data.train.pixels.to(images.device))
            found = labels[nearest(images, train).indices[:, 0]]
            shares = torch.bincount(found, minlength=len(data.classes)).double() / len(found)
            metrics["classes"] = (torch.special.entr(shares).sum().exp() / len(data.classes)).item()
        arrays = {"samples": {"samples": displayed(images[:SHOWN], data)}} if final else {}
        return Evaluated(metrics, arrays)


def distance(images: torch.Tensor) -> torch.Tensor:
    """The mean L2 distance between two different images of [n, ...]."""
    return torch.nn.functional.pdist(images.flatten(1)).mean()
