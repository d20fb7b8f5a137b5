"""FidelityEvaluation, and at the end the probes of Radford et al. 2016 that need nobody's choice (ganrepro.probes)."""

import copy
import math
from typing import Any, Protocol

import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams, on_cpu
from ganrepro.evaluation.fidelity import FidelityEvaluation
from ganrepro.probes.base import REFERENCE, Found, at_rest, images_of, is_told
from ganrepro.probes.guided import guided_backprop, hindrance
from ganrepro.probes.memorisation import memorisation
from ganrepro.probes.walk import latent_walk
from ganrepro.scorers import scorer_of


class Convolutional(Protocol):
    """A GAN whose G has `stages`, as DCGAN's."""

    players: Any
    critics: Any
    latent: Any

    def images(self, z: Tensor) -> Tensor:
        """Latents -> images in the networks' range."""


class ProbedEvaluation:
    """FidelityEvaluation's metrics and arrays, with the spread of G's filters; at the end what the probes find.

    filter_rank: how many independent maps the highest of G amount to, over their number: the exponential of the
        entropy of their covariance's eigenvalues. Section 7 has filters that collapse to one oscillating mode.
    walk/...: see probes.walk.latent_walk. filters/...: probes.guided.guided_backprop. memory/...:
        probes.memorisation.memorisation, on `samples` images. All of these on the CPU.
    There are no filters/... and no filters.npz where guided backpropagation cannot be done: a D whose activations it
        has no rule for (maxout, tanh), that is no convolutional network or is told the class, and fewer than 5 test
        images. The first evaluation prints the reason; all the rest is measured.
    Arrays, at the end, besides fidelity.npz: walk.npz, filters.npz, memory.npz.
    """

    monitor = FidelityEvaluation.monitor
    mode = FidelityEvaluation.mode

    def __init__(self, samples: int = 2000, batch: int = 500, scorers: str = "runs/.scorers") -> None:
        """As FidelityEvaluation."""
        self.fidelity = FidelityEvaluation(samples, batch, scorers)
        self.said: set[str] = set()  # reasons that were printed

    @torch.no_grad()
    def __call__(self, gan: Convolutional, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        generator = gan.players["generator"]
        if not hasattr(generator, "stages"):
            raise UserError(f"ProbedEvaluation needs a generator with stages; {type(generator).__name__} has none.")
        unguided = no_filters(gan, data)
        if unguided and unguided not in self.said:
            print(f"filters/... are left out: {unguided}", flush=True)
            self.said.add(unguided)
        measured = self.fidelity(gan, data, streams, final)
        z = gan.latent.sample(self.fidelity.batch, streams("filter_rank")).to(next(generator.parameters()).dtype)
        measured.metrics["filter_rank"] = effective_rank(generator.stages(z))
        if final and not math.isnan(measured.metrics["frechet"]):
            for name, found in self.probes(gan, data, streams, guided=not unguided).items():
                measured.metrics.update({f"{name}/{key}": value for key, value in found.metrics.items()})
                measured.arrays[name] = dict(found.arrays)
        return measured

    def probes(self, gan: Convolutional, data: ImageData, streams: Streams, guided: bool) -> dict[str, Found]:
        networks = gan.players["generator"], gan.critics["discriminator"]
        generator, discriminator = (copy.deepcopy(network).cpu().float() for network in networks)
        z = gan.latent.sample(self.fidelity.samples, on_cpu(streams("memory")))
        reference = gan.latent.sample(REFERENCE, on_cpu(streams("memory_reference")))
        images = images_of(at_rest(generator, reference), z)
        scorer = scorer_of(data, self.fidelity.scorers)
        found = {"walk": latent_walk(generator, gan.latent, data, on_cpu(streams("walk")))}
        if guided:
            found["filters"] = guided_backprop(discriminator, data, on_cpu(streams("filters")))
        return found | {"memory": memorisation(images, data, on_cpu(streams("memory_test")), scorer)}


def no_filters(gan: Convolutional, data: ImageData) -> str | None:
    """Why D has no guided gradients; None where it has."""
    if is_told(gan.latent):
        return "the discriminator is told the class."
    return hindrance(gan.critics["discriminator"], data)


def effective_rank(maps: Tensor) -> float:
    """Of [n, channels, ...] over the number of channels: 1 where all vary alike and apart, 1 / channels where as one.

    The exponential of the entropy of the eigenvalues of the channels' covariance, over the channels. NaN where maps
    are not finite or do not vary.
    """
    rows = maps.transpose(0, 1).flatten(1).double().cpu()
    covariance = torch.cov(rows)
    if not covariance.isfinite().all():
        return torch.nan
    values = torch.linalg.eigvalsh(covariance).clamp(min=0)
    shares = values / values.sum()
    return (torch.special.entr(shares).sum().exp() / len(rows)).item()
