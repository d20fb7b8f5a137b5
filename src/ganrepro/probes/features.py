"""What D has learned, as features for a linear classifier (Radford et al. 2016, sections 5.1 and 5.2)."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.errors import UserError

SIDE = 4  # of the grid to which every map is pooled

Normalise = Callable[[Tensor], Tensor]  # uint8 pixels -> what networks see, as ImageData has it


def stage_outputs(network: Any, images: Tensor) -> list[Tensor]:
    """The maps of every convolutional stage of D, [n, maps, height, width] each; UserError for a D that has none."""
    if not hasattr(network, "features"):
        raise UserError(
            f"{type(network).__name__} has no `features`, the maps of its stages: choose another discriminator, "
            "e.g. that of network=dcgan."
        )
    return network.features(images)


def pooled_features(outputs: Sequence[Tensor]) -> Tensor:
    """Maps of every stage -> each map's maxima on a 4x4 grid, side by side: float32 [n, dims].

    A map of size s is cut into windows of s / 4. Smaller ones, as images of 16 pixels have them in the last stages,
    are taken as they are, so that there are fewer than 16 numbers of each. Raises UserError for a size above 4 that is
    no multiple of it.
    """
    pooled = [functional.max_pool2d(maps, [window(size) for size in maps.shape[2:]]) for maps in outputs]
    return torch.cat([maps.flatten(1) for maps in pooled], 1).float()


def window(size: int) -> int:
    """The height (width) of the windows of maps of that height (width)."""
    if size > SIDE and size % SIDE:
        raise UserError(f"Maps {size} pixels wide cannot be pooled to {SIDE}x{SIDE}: choose data.size 16, 32 or 64.")
    return max(1, size // SIDE)


@torch.no_grad()
def extract(network: nn.Module, pixels: Tensor, normalise: Normalise, batch: int = 500) -> np.ndarray:
    """The pooled features of all images: float32 [n, dims], 4 * n * dims bytes of memory.

    network: in evaluation mode, as `fixed_statistics` returns it. pixels: uint8 [n, channels, height, width], on any
    device. batch: images passed through at once, for memory only. Raises UserError as the functions above, ValueError
    where a batch norm would make an image's features depend on the others of its batch.
    """
    if any(layer.training or by_batch(layer) for layer in batch_norms(network)):
        raise ValueError("batch norm normalises by the batch at hand: extract from what fixed_statistics returns")
    weight = next(network.parameters())
    found = torch.empty(0)
    for start in range(0, len(pixels), batch):
        images = normalise(pixels[start : start + batch].to(weight.device)).to(weight.dtype)
        rows = pooled_features(stage_outputs(network, images))
        if start == 0:  # one array from the beginning: joining parts would hold everything twice
            found = torch.empty(len(pixels), rows.shape[1])
        found[start : start + batch] = rows
    return found.numpy()


@torch.no_grad()
def fixed_statistics(network: nn.Module, pixels: Tensor, normalise: Normalise, batch: int = 128) -> nn.Module:
    """A copy of the network, in evaluation mode, in which no image depends on the others of its batch.

    Every batch norm that normalises by the batch at hand gets fixed statistics: the average, over batches of these
    images in their order, of the batch's mean and biased variance, where a last batch that is not full weighs as much
    as any other (dcgan_code, svhn/svhn_semisup_analysis.py); one of a single image is left out, since a fully connected
    layer of it has no variance. As there, one pass is enough: each batch goes through the network with its own
    statistics in every layer, and what enters a batch norm is measured on the way.
    Batch norms that have running averages keep them. pixels, normalise: as in `extract`.
    """
    network = copy.deepcopy(network).eval()
    layers = [layer for layer in batch_norms(network) if by_batch(layer)]
    totals: dict[nn.Module, Tensor] = {layer: torch.zeros(2, layer.num_features).double() for layer in layers}

    def measure(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        axes = [axis for axis in range(inputs[0].ndim) if axis != 1]
        variance, mean = torch.var_mean(inputs[0], axes, correction=0)
        totals[layer] += torch.stack([mean, variance]).cpu()

    hooks = [layer.register_forward_pre_hook(measure) for layer in layers]
    weight = next(network.parameters())
    parts = [part for part in pixels.split(batch) if len(part) > 1]
    for part in parts if layers else ():
        network(normalise(part.to(weight.device)).to(weight.dtype))
    for hook in hooks:
        hook.remove()
    for layer, total in totals.items():
        layer.running_mean, layer.running_var = (total / len(parts)).to(weight)
    return network


def batch_norms(network: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    """All batch norms in a network."""
    return [layer for layer in network.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]


def by_batch(layer: nn.BatchNorm1d | nn.BatchNorm2d) -> bool:
    """Whether a batch norm has no statistics but those of the batch at hand, in evaluation mode too."""
    return layer.running_mean is None
