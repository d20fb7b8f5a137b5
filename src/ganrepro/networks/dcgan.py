"""The convolutional networks of Radford et al. 2016 (dcgan_code: faces, imagenet, svhn), the rules as switches.

G: a fully connected layer and transposed convolutions with ReLU. D: convolutions with LeakyReLU, one number at the end.
No layer has a bias but the batch norms, which always normalise by the batch at hand (lib/ops.py): so does sampling.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.lsgan import OUTPUTS, RANGES

SLOPE = 0.2  # of the LeakyReLU
PIECES = 2  # of a maxout channel
STD = 0.02  # of the weights, and of the batch norms' scales around 1

RECTIFIERS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(SLOPE),
    "tanh": nn.Tanh,
    "maxout": lambda: MaxPieces(PIECES),
}


class MaxPieces(nn.Module):
    """The maximum over groups of `pieces` consecutive channels or units."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels * pieces, ...] -> [n, channels, ...]."""
        return x.unflatten(1, (-1, self.pieces)).amax(2)


def pieces_of(activation: str) -> int:
    """How many maps a layer makes for each that its activation leaves."""
    return PIECES if activation == "maxout" else 1


def batch_norm(channels: int, eps: float, running: bool, affine: bool = True, flat: bool = False) -> nn.Module:
    """A batch norm over maps (or, flat, over units). running: sampling and features use averages kept in training."""
    kind = nn.BatchNorm1d if flat else nn.BatchNorm2d
    return kind(channels, eps=eps, affine=affine, track_running_stats=running)


def halves(size: int, strides: Sequence[int]) -> list[int]:
    """The sizes of maps from the smallest to the image's: 64 by 2, 2, 2, 2 is 4, 8, 16, 32, 64.

    UserError where a size cannot be divided.
    """
    sizes = [size]
    for stride in reversed(strides):
        if sizes[0] % stride or sizes[0] == 1 < stride:
            raise UserError(
                f"Images {size} pixels high or wide cannot be divided by {prod(strides)}: set data.size to a multiple."
            )
        sizes.insert(0, sizes[0] // stride)
    return sizes


def draw(network: nn.Module, weight_std: float, generator: torch.Generator) -> None:
    """Weights from N(0, weight_std), the scales of batch norm from N(1, 0.02), shifts 0."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, weight_std, generator=generator)
            assert layer.bias is None
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.reset_running_stats()
            if layer.affine:
                nn.init.normal_(layer.weight, 1.0, STD, generator=generator)
                nn.init.zeros_(layer.bias)


def grow(inputs: int, outputs: int, kernel: int, stride: int, sampling: str) -> list[nn.Module]:
    """`stride` times as high and wide: by a transposed convolution, or by repeated pixels and a plain convolution."""
    if sampling == "strided":
        padding = kernel // 2
        return [nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, output_padding=stride - 1, bias=False)]
    repeated = [nn.Upsample(scale_factor=stride)] if stride > 1 else []
    return [*repeated, nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, bias=False)]


def shrink(inputs: int, outputs: int, kernel: int, stride: int, sampling: str) -> tuple[nn.Module, list[nn.Module]]:
    """A convolution, and what follows its activation: nothing, or a max pool that does the shrinking in its place."""
    if sampling == "strided":
        return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), []
    return nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, bias=False), [nn.MaxPool2d(stride)] * (stride > 1)


class Drawn(nn.Module):
    """What the four networks of the paper share: they are of images, and drawn alike."""

    def __init__(self, shape: tuple[int, ...], weight_std: float) -> None:
        """UserError for a `shape` that is not (channels, height, width)."""
        super().__init__()
        if len(shape) != 3:
            raise UserError(f"{type(self).__name__} is for images: choose image data.")
        self.weight_std = weight_std

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        draw(self, self.weight_std, generator)


class DCGANGenerator(Drawn):
    """z -> fully connected to `first` maps -> transposed convolutions to `channels` maps -> the image.

    strides: of each transposed convolution, the last of which makes the image. hidden: fully connected layers in front
    of the first, which the guidelines warn of. `stages` are all layers but the image's, each with its norm and
    activation; the outputs of each are maps. norm: "batch" (all layers but the image's), "all" or "none".
    sampling: "strided", or "pooling" for repeated pixels. activation: "relu", "leaky_relu", "tanh" or "maxout".
    output: "tanh" or "sigmoid". running: batch norm outside training by running averages, not by the batch.
    There are no biases, so `pixel_mean` is not used. Raises UserError where the numbers do not go together.
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
        eps: float,
        running: bool,
        sampling: str,
        activation: str,
        weight_std: float,
        output: str,
        hidden: Sequence[int] = (),
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__(shape, weight_std)
        if len(strides) != len(channels) + 1:
            raise UserError("network.generator: strides has one number more than channels, the last for the image.")
        self.value_range = RANGES[output]
        base = (first, *(halves(size, strides)[0] for size in shape[1:]))
        pieces = pieces_of(activation)

        def finish(units: int, flat: bool = False) -> list[nn.Module]:
            norms = [batch_norm(units, eps, running, flat=flat)] if norm != "none" else []
            return [*norms, RECTIFIERS[activation]()]

        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([latent_dim, *hidden, prod(base)]):
            layers += [nn.Linear(inputs, outputs * pieces, bias=False), *finish(outputs * pieces, flat=True)]
        self.stages = nn.Sequential(nn.Sequential(*layers, nn.Unflatten(1, base)))
        for (inputs, outputs), stride in zip(pairwise([first, *channels]), strides[:-1], strict=True):
            maps = outputs * pieces
            self.stages.append(nn.Sequential(*grow(inputs, maps, kernel, stride, sampling), *finish(maps)))
        image = grow(channels[-1] if channels else first, shape[0], kernel, strides[-1], sampling)
        norms = [batch_norm(shape[0], eps, running)] if norm == "all" else []
        self.output = nn.Sequential(*image, *norms, OUTPUTS[output]())

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in `value_range`."""
        return self.output(self.stages(z))


class DCGANDiscriminator(Drawn):
    """Images -> convolutions of `strides` -> fully connected layers of `hidden` units, of which the rules want none ->
    one number. `stages` are the convolutions with their norm, activation and pool: their outputs are its features.

    norm: "batch" (all layers but the first and the last), "all" (the first too; there is nothing to normalise in a
    single number) or "none". sampling: "strided", or "pooling" for max pools. Others as in DCGANGenerator.
    """

    critic_output = "logit"

    def __init__(
        self,
        shape: tuple[int, ...],
        channels: Sequence[int],
        strides: Sequence[int],
        kernel: int,
        norm: str,
        eps: float,
        running: bool,
        sampling: str,
        activation: str,
        weight_std: float,
        hidden: Sequence[int] = (),
    ) -> None:
        super().__init__(shape, weight_std)
        if len(strides) != len(channels):
            raise UserError("network.discriminator: strides has as many numbers as channels.")
        pieces = pieces_of(activation)
        self.stages = nn.Sequential()
        for number, (inputs, outputs) in enumerate(pairwise([shape[0], *channels])):
            convolution, pool = shrink(inputs, outputs * pieces, kernel, strides[number], sampling)
            normed = norm == "all" or (norm == "batch" and number > 0)
            norms = [batch_norm(outputs * pieces, eps, running)] if normed else []
            self.stages.append(nn.Sequential(convolution, *norms, RECTIFIERS[activation](), *pool))
        height, width = (halves(size, strides)[0] for size in shape[1:])
        layers: list[nn.Module] = [nn.Flatten()]
        flat = [channels[-1] * height * width, *hidden]
        for inputs, outputs in pairwise(flat):
            layers.append(nn.Linear(inputs, outputs * pieces, bias=False))
            layers += [batch_norm(outputs * pieces, eps, running, flat=True)] if norm != "none" else []
            layers.append(RECTIFIERS[activation]())
        self.output = nn.Sequential(*layers, nn.Linear(flat[-1], 1, bias=False))

    def features(self, images: Tensor) -> list[Tensor]:
        """The outputs of every stage, [n, maps, height, width] each."""
        found = []
        for stage in self.stages:
            images = stage(images)
            found.append(images)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> logits [n]."""
        return self.output(self.stages(images)).squeeze(1)
