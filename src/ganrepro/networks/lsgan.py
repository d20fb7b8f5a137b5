"""The convolutional networks of Mao et al. 2017 (xudonmao/LSGAN): scenes, stability grid, small variability, EBGAN's D.

All of them are DCGAN-shaped: a fully connected layer and transposed convolutions with ReLU in G, convolutions of
stride 2 with LeakyReLU in D, batch norm between. Every layer keeps its bias, also in front of a batch norm, as there.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.same import SameConv2d, SameTransposed2d

SLOPE = 0.2  # of the LeakyReLU

RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
OUTPUTS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def batch_norm(norm: str, channels: int, flat: bool = False) -> list[nn.Module]:
    """A batch norm over the maps (or, flat, the units), or nothing where `norm` is "none". UserError for another."""
    if norm == "none":
        return []
    if norm != "batch":
        raise UserError(f"norm={norm}: LSGAN's networks have batch or none.")
    kind = nn.BatchNorm1d if flat else nn.BatchNorm2d
    return [kind(channels, eps=1e-5, momentum=0.1)]  # momentum 0.1 is TensorFlow's decay of 0.9


def draw(network: nn.Module, weight_std: float, norm_std: float, generator: torch.Generator) -> None:
    """Draws all weights: truncated normal for D's convolutions, normal for everything else (ops.py), biases 0.

    Scales of batch norm start at 1, or from N(1, norm_std) as in stability_comparison.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            limit = 2 * weight_std  # tf.truncated_normal draws anew beyond two standard deviations
            nn.init.trunc_normal_(layer.weight, 0.0, weight_std, -limit, limit, generator=generator)
        elif isinstance(layer, (nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, weight_std, generator=generator)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.reset_running_stats()
            nn.init.normal_(layer.weight, 1.0, norm_std, generator=generator)
        else:
            continue
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)


def sizes_before(size: int, strides: Sequence[int]) -> list[int]:
    """The sizes of the maps in front of each transposed convolution, then the image's: 28 by 2, 2, 2 is 4, 7, 14, 28.

    UserError where a single pixel would be halved.
    """
    sizes = [size]
    for stride in reversed(strides):
        if sizes[0] == 1 and stride > 1:
            raise UserError(
                f"Images {size} pixels high or wide cannot be halved {sum(each > 1 for each in strides)} times: take "
                "larger ones (data.size=), or fewer channels and strides in both networks."
            )
        sizes.insert(0, -(-sizes[0] // stride))
    return sizes


class DeconvGenerator(nn.Module):
    """z -> fully connected to `first` maps -> transposed convolutions to `channels` maps -> the image.

    strides: of each transposed convolution, the last of which makes the image; the first maps are as small as these
    leave them. norm: "batch" behind all layers but the last, or "none"; norm_units: the first of them has a scale for
    each unit of the fully connected layer, not for each of its maps. output: "tanh" or "sigmoid".
    Biases start at zero, so `pixel_mean` is not used. Raises UserError where the numbers do not go together.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        first: int,
        channels: Sequence[int],
        strides: Sequence[int],
        kernel: int,
        norm: str,
        norm_std: float,
        weight_std: float,
        output: str = "tanh",
        norm_units: bool = False,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("DeconvGenerator makes images: choose image data, or network=ring for points.")
        if len(strides) != len(channels) + 1:
            raise UserError("network.generator: strides has one number more than channels, the last for the image.")
        self.value_range, self.norm_std, self.weight_std = RANGES[output], norm_std, weight_std
        heights, widths = (sizes_before(size, strides) for size in shape[1:])
        base = (first, heights[0], widths[0])
        reshape = nn.Unflatten(1, base)
        by_unit, by_map = [*batch_norm(norm, prod(base), flat=True), reshape], [reshape, *batch_norm(norm, first)]
        layers = [nn.Linear(latent_dim, prod(base)), *(by_unit if norm_units else by_map), nn.ReLU()]
        for number, (inputs, outputs) in enumerate(pairwise([first, *channels, shape[0]])):
            size = heights[number + 1], widths[number + 1]
            layers.append(SameTransposed2d(inputs, outputs, kernel, strides[number], size))
            layers += [*batch_norm(norm, outputs), nn.ReLU()] if number < len(channels) else [OUTPUTS[output]()]
        self.layers = nn.Sequential(*layers)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        draw(self, self.weight_std, self.norm_std, generator)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in `value_range`."""
        return self.layers(z)


def convolutions(inputs: int, channels: Sequence[int], kernel: int, norm: str) -> list[nn.Module]:
    """Stride-2 convolutions with LeakyReLU, each but the first with its norm."""
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise([inputs, *channels])):
        layers.append(SameConv2d(before, after, kernel, 2))
        layers += [*(batch_norm(norm, after) if number else []), nn.LeakyReLU(SLOPE)]
    return layers


class ConvDiscriminator(nn.Module):
    """Images -> stride-2 convolutions -> fully connected layers of `hidden` units -> one linear output."""

    critic_output = "logit"

    def __init__(
        self,
        shape: tuple[int, ...],
        channels: Sequence[int],
        kernel: int,
        norm: str,
        norm_std: float,
        weight_std: float,
        hidden: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("ConvDiscriminator judges images: choose image data, or network=ring for points.")
        self.norm_std, self.weight_std = norm_std, weight_std
        layers = [*convolutions(shape[0], channels, kernel, norm), nn.Flatten()]
        height, width = (sizes_before(size, [2] * len(channels))[0] for size in shape[1:])
        flat = [channels[-1] * height * width, *hidden]
        for inputs, outputs in pairwise(flat):
            layers += [nn.Linear(inputs, outputs), *batch_norm(norm, outputs, flat=True), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear(flat[-1], 1))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        draw(self, self.weight_std, self.norm_std, generator)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> [n], any real numbers."""
        return self.layers(images).squeeze(1)


class AutoencoderDiscriminator(nn.Module):
    """EBGAN's D on the same convolutions: encoder, mirrored decoder; its output is the error of reconstruction.

    Zhao et al. 2016 (arXiv 1609.03126), section 2.3. The LSGAN paper does not describe the D of its EBGAN.
    """

    critic_output = "energy"

    def __init__(
        self,
        shape: tuple[int, ...],
        channels: Sequence[int],
        kernel: int,
        norm: str,
        norm_std: float,
        weight_std: float,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("AutoencoderDiscriminator judges images: choose image data.")
        self.norm_std, self.weight_std = norm_std, weight_std
        self.encoder = nn.Sequential(*convolutions(shape[0], channels, kernel, norm))
        heights, widths = (sizes_before(size, [2] * len(channels)) for size in shape[1:])
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise([*reversed(channels), shape[0]]), start=1):
            layers.append(SameTransposed2d(before, after, kernel, 2, (heights[number], widths[number])))
            layers += [*batch_norm(norm, after), nn.ReLU()] if number < len(channels) else [nn.Tanh()]
        self.decoder = nn.Sequential(*layers)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        draw(self, self.weight_std, self.norm_std, generator)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] in [-1, 1] -> the mean squared error of each image's reconstruction, [n]."""
        return (self.decoder(self.encoder(images)) - images).square().mean((1, 2, 3))
