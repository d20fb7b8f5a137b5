"""The class-conditional networks of Radford et al. 2016, section 8.1 (dcgan_code mnist/train_cond_dcgan.py).

The one-hot label stands beside the input of every layer, at every position of a map. Both networks have a fully
connected hidden layer, and G ends in a sigmoid: the paper's own rules say otherwise. Batch norms have neither scale nor
shift, and normalise by the batch at hand as everywhere in that code.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.networks.dcgan import SLOPE, Drawn, batch_norm, grow, halves
from ganrepro.networks.lsgan import RANGES


def beside(x: Tensor, label: Tensor) -> Tensor:
    """[n, channels, height, width] or [n, units], one-hot [n, classes] -> the label as further channels or units."""
    if x.ndim == 4:
        label = label[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, label], 1)


class ConditionalDCGANGenerator(Drawn):
    """z and a label -> images in (0, 1).

    The last coordinate of a latent is the label's index. hidden: units of the fully connected layers in front of the
    one that makes `first` maps; channels: maps between the transposed convolutions of stride 2, of which there is one
    more. There are no biases, so `pixel_mean` is not used.
    """

    value_range = RANGES["sigmoid"]
    conditional = True

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        classes: int,
        hidden: Sequence[int],
        first: int,
        channels: Sequence[int],
        kernel: int,
        eps: float,
        weight_std: float,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__(shape, weight_std)
        self.classes = classes
        strides = [2] * (len(channels) + 1)
        self.base = (first, *(halves(size, strides)[0] for size in shape[1:]))
        widths = [*hidden, prod(self.base)]
        self.linears = nn.ModuleList(
            nn.Linear(inputs + classes, outputs, bias=False) for inputs, outputs in pairwise([latent_dim - 1, *widths])
        )
        self.unit_norms = nn.ModuleList(batch_norm(n, eps, running=False, affine=False, flat=True) for n in widths)
        maps = pairwise([first, *channels, shape[0]])
        self.convolutions = nn.ModuleList(
            grow(inputs + classes, outputs, kernel, 2, "strided")[0] for inputs, outputs in maps
        )
        self.map_norms = nn.ModuleList(batch_norm(n, eps, running=False, affine=False) for n in channels)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in (0, 1)."""
        label, x = functional.one_hot(z[:, -1].long(), self.classes).to(z.dtype), z[:, :-1]
        for linear, norm in zip(self.linears, self.unit_norms, strict=True):
            x = norm(linear(beside(x, label))).relu()
        x = x.unflatten(1, self.base)
        for convolution, norm in zip(self.convolutions[:-1], self.map_norms, strict=True):
            x = norm(convolution(beside(x, label))).relu()
        return self.convolutions[-1](beside(x, label)).sigmoid()


class ConditionalDCGANDiscriminator(Drawn):
    """Images and labels -> convolutions of stride 2 to `channels` maps -> layers of `hidden` units -> one logit."""

    critic_output = "logit"
    conditional = True

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        channels: Sequence[int],
        hidden: Sequence[int],
        kernel: int,
        eps: float,
        weight_std: float,
    ) -> None:
        super().__init__(shape, weight_std)
        self.classes = classes
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs + classes, outputs, kernel, 2, kernel // 2, bias=False)
            for inputs, outputs in pairwise([shape[0], *channels])
        )
        self.map_norms = nn.ModuleList(batch_norm(n, eps, running=False, affine=False) for n in channels[1:])
        last = [halves(size, [2] * len(channels))[0] for size in shape[1:]]
        widths = [channels[-1] * prod(last), *hidden]
        self.linears = nn.ModuleList(
            nn.Linear(inputs + classes, outputs, bias=False) for inputs, outputs in pairwise(widths)
        )
        self.unit_norms = nn.ModuleList(batch_norm(n, eps, running=False, affine=False, flat=True) for n in hidden)
        self.output = nn.Linear(widths[-1] + classes, 1, bias=False)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """[n, channels, height, width], int64 [n] -> logits [n]."""
        label = functional.one_hot(labels, self.classes).to(images.dtype)
        x = functional.leaky_relu(self.convolutions[0](beside(images, label)), SLOPE)
        for convolution, norm in zip(self.convolutions[1:], self.map_norms, strict=True):
            x = functional.leaky_relu(norm(convolution(beside(x, label))), SLOPE)
        x = x.flatten(1)
        for linear, norm in zip(self.linears, self.unit_norms, strict=True):
            x = functional.leaky_relu(norm(linear(beside(x, label))), SLOPE)
        return self.output(beside(x, label)).squeeze(1)
