"""What the features of D respond to: guided backpropagation (Springenberg et al. 2014), as in Radford et al. 2016,
section 6.2 and Figure 5.
"""

import math
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.probes.base import BATCH, REFERENCE, Found, at_rest, goes_into, map_readers, untrained

SHOWN, TOP = 6, 5  # Figure 5: six features, five images each
MEASURED = 64  # features behind the numbers, at most
TENTH = 0.1  # of the pixels


class Rectified(torch.autograd.Function):
    """LeakyReLU (slope 0: ReLU) whose gradient passes where its input and the gradient are both positive.

    The negative side, which a LeakyReLU lets through times its slope, is closed to gradients as a ReLU's is: the paper
    has no word on it, and negative evidence is what guiding is to leave out.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(inputs)
        return functional.leaky_relu(inputs, slope)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (inputs,) = ctx.saved_tensors
        return gradients[0].clamp(min=0) * (inputs > 0), None


class GuidedRectifier(nn.Module):
    """Stands in for a ReLU or LeakyReLU."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return Rectified.apply(x, self.slope)


def guided(network: nn.Module) -> nn.Module:
    """A copy with the same outputs and guided gradients; other activations keep their own gradient."""
    copy = deepcopy(network)
    for layer, name, child in rectifiers(copy):
        setattr(layer, name, GuidedRectifier(getattr(child, "negative_slope", 0.0)))
    return copy


def rectifiers(network: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Every ReLU and LeakyReLU, behind the layer that it is in and its name there."""
    return [
        (layer, name, child)
        for layer in network.modules()
        for name, child in layer.named_children()
        if isinstance(child, (nn.ReLU, nn.LeakyReLU))
    ]


def hindrance(discriminator: nn.Module, data: ImageData) -> str | None:
    """Why there are no guided gradients of this network on these data; None where nothing is in the way.

    The rule has no answer for maxout and tanh. Costs nothing, so that a training can ask before it begins.
    """
    readers = map_readers(discriminator)
    if len(readers) < 2 or not isinstance(readers[-1], nn.Flatten):
        needs = "a discriminator of convolutions that end in one number"
        return f"probe=guided_backprop needs {needs}; that of this run is none."
    if not rectifiers(discriminator):
        return "Guided backpropagation needs a discriminator with ReLU or LeakyReLU; this one has neither."
    if len(data.test) < TOP:
        return f"probe=guided_backprop looks for {TOP} images, and {data.name} has {len(data.test)} to look in."
    return None


class Responses(NamedTuple):
    """Of each feature its strongest images."""

    strength: Tensor  # float32 [features, TOP]
    images: Tensor  # int64 [features, TOP], which
    gradients: Tensor  # float32 [features, TOP, channels, height, width], guided


def responses(network: nn.Module, images: Tensor, layer: int) -> Responses:
    """The strongest responses of the features behind convolution number `layer` (from 1), and their gradients.

    network: `at_rest`. A feature is a map, its response to an image the largest value on it: a maximal axis-aligned
    response. Only the first MEASURED features.
    """
    following = map_readers(network)[layer]
    with torch.no_grad():
        parts = [goes_into(network, following, part)[:, :MEASURED].amax((2, 3)) for part in images.split(BATCH)]
    strength, which = (found.T for found in torch.cat(parts).topk(TOP, dim=0))
    copy = guided(network)
    following = map_readers(copy)[layer]
    features = torch.arange(len(which)).repeat_interleave(TOP)
    gradients = []
    for chosen, feature in zip(which.flatten().split(BATCH), features.split(BATCH), strict=True):
        leaves = images[chosen].clone().requires_grad_()
        with torch.enable_grad():
            maps = goes_into(copy, following, leaves)
            total = maps[torch.arange(len(chosen)), feature].amax((1, 2)).sum()
            gradients.append(torch.autograd.grad(total, leaves)[0])
    return Responses(strength, which, torch.cat(gradients).unflatten(0, which.shape))


def concentration(gradients: Tensor) -> Tensor:
    """The share of |gradient| in the strongest tenth of the pixels: [..., channels, height, width] -> [...].

    0.1 where it is even, 1 where a tenth has all; NaN where there is no gradient.
    """
    mass = gradients.abs().sum(-3).flatten(-2)
    strongest = mass.topk(math.ceil(TENTH * mass.shape[-1]), dim=-1).values
    return strongest.sum(-1) / mass.sum(-1)


def purity(labels: Tensor) -> float:
    """The mean over features of the largest share of one class among a feature's images: int64 [features, n]."""
    return float(np.mean([torch.bincount(each).max().item() / len(each) for each in labels]))


def guided_backprop(
    discriminator: nn.Module,
    data: ImageData,
    noise: torch.Generator,
    samples: int = 1000,
    layer: int | None = None,
) -> Found:
    """Guided gradients of D's features beside those of the same network with fresh weights.

    samples: test images searched, at least 5, taken at random. layer: which convolution's features, as they are after
        its norm, activation and pool, counted from 1; None is the last.
    concentration/trained, /untrained: mean share of |gradient| in the strongest tenth of the pixels, over `features`
        maps (64 at most) and their 5 strongest images each; maps that respond to nothing are left out, and
        silent/trained, /untrained is their share. purity/trained, /untrained (labelled data): the mean share of the
        most frequent class among a feature's 5 images. images: how many were searched. layer: its number.
    Arrays, for the first 6 features of both networks: responses_trained float32 [6, 5], gradients_trained float32
        [6, 5, channels, height, width], images_trained uint8, its images, and the same untrained.
    Raises UserError where there is a `hindrance`, and for a layer that D does not have.
    """
    if problem := hindrance(discriminator, data):
        raise UserError(problem)
    last = len(map_readers(discriminator)) - 1
    layer = last if layer is None else layer
    if not 1 <= layer <= last:
        raise UserError(f"layer={layer}: the discriminator has convolutions 1 to {last}.")
    chosen = some(data.test, samples, noise)
    images = data.normalise(chosen.pixels)
    metrics: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, network in {"trained": discriminator, "untrained": untrained(discriminator, noise)}.items():
        found = responses(at_rest(network, images[:REFERENCE]), images, layer)
        shares = concentration(found.gradients)
        metrics[f"concentration/{name}"] = shares.nanmean().item()
        metrics[f"silent/{name}"] = (found.strength[:, 0] <= 0).float().mean().item()
        if len(data.classes) > 1 and (chosen.labels >= 0).all():
            metrics[f"purity/{name}"] = purity(chosen.labels[found.images])
        metrics["features"] = float(len(shares))
        arrays |= {
            f"responses_{name}": found.strength[:SHOWN].numpy(),
            f"gradients_{name}": found.gradients[:SHOWN].numpy(),
            f"images_{name}": chosen.pixels[found.images[:SHOWN]].numpy(),
        }
    return Found(metrics | {"images": float(len(chosen)), "layer": float(layer)}, arrays)


def some(images: Images, n: int, noise: torch.Generator) -> Images:
    """At most n images of a split, taken at random: folders of classes are read one after the other."""
    return images[torch.randperm(len(images), generator=noise)[:n]]
