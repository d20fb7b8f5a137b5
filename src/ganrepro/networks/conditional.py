"""Networks that are told a class: Figure 4 of Mao et al. 2017 (xudonmao/LSGAN, mcgan.py).

The one-hot label goes through a linear map, one of its own in G and in D. G gets the result beside z; D gets it beside
the outputs of each of its convolutions and layers but the last, at every position of a map.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.errors import UserError
from ganrepro.networks.lsgan import SLOPE, DeconvGenerator, batch_norm, draw, sizes_before
from ganrepro.networks.same import SameConv2d, same_padding


class Told(nn.Module):
    """Labels -> what a network is told of them, `width` numbers each.

    condition: "mapped", the one-hot label through a linear map to `mapped` numbers; "one_hot", that itself; "none",
    nothing. Raises UserError for data without classes.
    """

    def __init__(self, classes: int, condition: str, mapped: int) -> None:
        super().__init__()
        if classes < 1:
            raise UserError("Networks that are told the class need data with classes.")
        self.classes, self.condition = classes, condition
        self.width = {"mapped": mapped, "one_hot": classes, "none": 0}[condition]
        if condition == "mapped":
            self.linear = nn.Linear(classes, mapped)

    def forward(self, labels: Tensor) -> Tensor:
        """int64 [n] -> [n, width]."""
        if self.condition == "mapped":  # a one-hot vector times a matrix is a row of it
            return functional.embedding(labels, self.linear.weight.t()) + self.linear.bias
        if self.condition == "one_hot":
            return functional.one_hot(labels, self.classes).float()
        return torch.empty(len(labels), 0, device=labels.device)


class ToldConv2d(SameConv2d):
    """SameConv2d of maps [n, inputs, ...] beside `told` numbers an image, each of them a map that is alike everywhere.

    The same numbers as joining and convolving: `weight` is [outputs, inputs + told, kernel, kernel]. The constant maps
    are not made. A tap gives the same at every position where it lies inside, so that each image needs its products
    with the taps only, to be added up by position: a fiftieth of the work in Figure 4's second convolution.
    """

    def __init__(self, inputs: int, told: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__(inputs + told, outputs, kernel, stride)
        self.parts = (inputs, told)

    def forward(self, maps: Tensor, told: Tensor) -> Tensor:  # type: ignore[override]
        """[n, inputs, height, width], [n, told] -> [n, outputs, ceil(height / stride), ceil(width / stride)]."""
        of_maps, of_told = self.weight.split(self.parts, 1)
        convolved = self.convolve(maps, of_maps)
        if not self.parts[1]:
            return convolved
        rows, columns = (self.inside(size, told) for size in maps.shape[2:])
        taps = (told @ of_told.transpose(0, 1).flatten(1)).unflatten(1, (-1, *self.kernel_size))
        return convolved + rows @ taps.to(rows.dtype) @ columns.t()

    def inside(self, size: int, like: Tensor) -> Tensor:
        """[positions, kernel]: 1 where a tap lies on one of the image's `size` rows, 0 where on the padding."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        position = torch.arange(-(-size // stride), device=like.device) * stride - same_padding(size, kernel, stride)[0]
        row = position[:, None] + torch.arange(kernel, device=like.device)
        return ((row >= 0) & (row < size)).to(like.dtype)


class ConditionalGenerator(nn.Module):
    """z and a label -> images, as DeconvGenerator makes them, in (0, 1).

    The last coordinate of a latent is the label's index. channels: maps between the transposed convolutions, each of
    stride 2, of which there is one more. Biases start at zero, so `pixel_mean` is not used.
    """

    value_range = (0.0, 1.0)
    conditional = True

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        classes: int,
        condition: str,
        mapped: int,
        first: int,
        channels: Sequence[int],
        kernel: int,
        norm: str,
        weight_std: float,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.weight_std = weight_std
        self.told = Told(classes, condition, mapped)
        self.images = DeconvGenerator(
            latent_dim - 1 + self.told.width, shape, first, channels, [2] * (len(channels) + 1), kernel, norm, 0.0,
            weight_std, output="sigmoid", norm_units=True,
        )  # fmt: skip

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights; scales of batch norm start at 1."""
        draw(self, self.weight_std, 0.0, generator)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in (0, 1)."""
        told = self.told(z[:, -1].long())
        return self.images(torch.cat([z[:, :-1], told.to(z.dtype)], 1))


class ConditionalDiscriminator(nn.Module):
    """Images and labels -> stride-2 convolutions -> layers of `hidden` units -> one linear output.

    channels: maps of each convolution. norm: "batch" in all layers but the first and the last, or "none".
    """

    critic_output = "logit"
    conditional = True

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        condition: str,
        mapped: int,
        channels: Sequence[int],
        hidden: Sequence[int],
        kernel: int,
        norm: str,
        weight_std: float,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("ConditionalDiscriminator judges images: choose image data.")
        self.weight_std = weight_std
        self.told = Told(classes, condition, mapped)
        width = self.told.width
        self.first = SameConv2d(shape[0], channels[0], kernel, 2)
        self.convolutions = nn.ModuleList(
            ToldConv2d(inputs, width, outputs, kernel, 2) for inputs, outputs in pairwise(channels)
        )
        self.map_norms = nn.ModuleList(nn.Sequential(*batch_norm(norm, maps)) for maps in channels[1:])
        last_height, last_width = (sizes_before(size, [2] * len(channels))[0] for size in shape[1:])
        flat = [channels[-1] * last_height * last_width, *hidden]
        self.linears = nn.ModuleList(nn.Linear(inputs + width, outputs) for inputs, outputs in pairwise(flat))
        self.unit_norms = nn.ModuleList(nn.Sequential(*batch_norm(norm, units, flat=True)) for units in hidden)
        self.output = nn.Linear(flat[-1] + width, 1)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights; scales of batch norm start at 1."""
        draw(self, self.weight_std, 0.0, generator)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """[n, channels, height, width], int64 [n] -> [n], any real numbers."""
        told = self.told(labels).to(images.dtype)
        maps = functional.leaky_relu(self.first(images), SLOPE)
        for convolution, norm in zip(self.convolutions, self.map_norms, strict=True):
            maps = functional.leaky_relu(norm(convolution(maps, told)), SLOPE)
        units = maps.flatten(1)
        for linear, norm in zip(self.linears, self.unit_norms, strict=True):
            units = functional.leaky_relu(norm(linear(torch.cat([units, told], 1))), SLOPE)
        return self.output(torch.cat([units, told], 1)).squeeze(1)
