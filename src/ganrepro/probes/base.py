"""What the probes share: networks that answer each input by itself, untrained copies of them, and their maps."""

from collections.abc import Mapping
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.latents import Label, Latent
from ganrepro.probes.features import batch_norms, fixed_statistics

REFERENCE = 256  # inputs behind the statistics of batch norms that keep none; dcgan_code trains and samples with 128
BATCH = 256  # for memory only


class Found(NamedTuple):
    """`metrics`: numbers by name, sample counts among them. `arrays`: what pictures are drawn of."""

    metrics: dict[str, float]
    arrays: Mapping[str, np.ndarray]


def at_rest(network: nn.Module, inputs: Tensor) -> nn.Module:
    """A copy in evaluation mode, whose batch norms that keep no averages normalise by the statistics of `inputs`.

    DCGAN's norms normalise by the batch at hand, so that an output would depend on what else is asked for: the points
    of a walk are no draw from the prior. Give at least 64 inputs that are one, as in training. On `inputs` the copy
    is the network.
    """
    return fixed_statistics(network, inputs, lambda batch: batch, len(inputs))


@torch.no_grad()
def untrained(network: nn.Module, noise: torch.Generator) -> nn.Module:
    """A copy on the CPU with freshly drawn weights; batch norms keep no averages, those of the training not being its.

    noise: on the CPU, so that the draws do not depend on the device that trains.
    """
    copy = deepcopy(network).cpu()
    for layer in batch_norms(copy):
        layer.track_running_stats = False
        layer.running_mean = layer.running_var = layer.num_batches_tracked = None
    copy.initialise(noise)  # type: ignore[operator]
    return copy


@torch.no_grad()
def images_of(generator: nn.Module, z: Tensor) -> Tensor:
    """Latents [n, dim] -> float32 images [n, channels, height, width], by a network `at_rest`."""
    return torch.cat([generator(part) for part in z.split(BATCH)])


def map_readers(network: nn.Module) -> list[nn.Module]:
    """The layers that take maps in, from the input to the output: convolutions, and what flattens the last maps."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Flatten)
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


def goes_into(network: nn.Module, layer: nn.Module, inputs: Tensor) -> Tensor:
    """What `layer` is given, [n, maps, height, width], when the network is given `inputs`."""
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    try:
        network(inputs)
    finally:
        hook.remove()
    return seen[0]


def is_told(latent: Latent) -> bool:
    """Whether a latent's last coordinate is a class that the networks are told."""
    return isinstance(latent.blocks[-1], Label)


def refuse_told(latent: Latent, probe: str) -> None:
    """UserError for networks that are told the class."""
    if is_told(latent):
        raise UserError(f"probe={probe} is for networks that are not told the class, and those of this run are.")
