"""ACGAN's networks (Odena et al. 2017) in the size that clvrai/ACGAN-PyTorch has for CIFAR-10 (network.py).

G is that code's _netG_CIFAR10_v3; D's six convolutions are the paper's for ImageNet, on 32x32 images as there. 28x28
images are ours: G's second layer makes 7x7 maps of 4x4 instead of 8x8, and D's maps are 14, 7 and 4 pixels wide
instead of 16, 8 and 4, so that the numbers of weights stay the same.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.errors import UserError
from ganrepro.networks.dcgan_conditional import beside
from ganrepro.networks.layers import Dropout
from ganrepro.networks.lsgan import sizes_before
from ganrepro.networks.same import SameTransposed2d

SLOPE = 0.2  # of the LeakyReLU
STD = 0.02  # of all weights (Odena et al. 2017), and of the batch norms' scales around 1 (clvrai utils.py)


class ACGANNetwork(nn.Module):
    """What both networks share: they are of images of a class, and drawn alike."""

    conditional = True

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        """UserError for a `shape` that is not (channels, height, width), and for fewer than two classes."""
        super().__init__()
        if len(shape) != 3:
            raise UserError(f"{type(self).__name__} is for images: choose image data.")
        if classes < 2:
            raise UserError(f"{type(self).__name__} needs data with classes to tell apart; there are {classes}.")
        self.classes = classes

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights; biases and shifts are 0."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                nn.init.normal_(layer.weight, 0.0, STD, generator=generator)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.reset_running_stats()
                nn.init.normal_(layer.weight, 1.0, STD, generator=generator)
            else:
                continue
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class ACGANGenerator(ACGANNetwork):
    """Noise beside the one-hot label -> fully connected to `first` units -> transposed convolutions -> the image.

    The last coordinate of a latent is the label's index. channels: maps between the transposed convolutions, with
    batch norm and ReLU. The first of these makes maps as small as the others, `kernel` wide and of stride 2, need to
    double them up to the image: 4x4 for 32x32 by three. `first` units are linear, and only they have biases, which
    start at zero: `pixel_mean` is not used.
    """

    value_range = (-1.0, 1.0)

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        classes: int,
        first: int,
        channels: Sequence[int],
        kernel: int,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__(shape, classes)
        if latent_dim < 2 or not channels:
            raise UserError("ACGANGenerator needs a latent of noise and a label, and maps (channels).")
        heights, widths = (sizes_before(size, [2] * len(channels)) for size in shape[1:])
        unfold = nn.ConvTranspose2d(first, channels[0], (heights[0], widths[0]), bias=False)
        layers = [nn.Linear(latent_dim - 1 + classes, first), nn.Unflatten(1, (first, 1, 1)), unfold]
        for number, (inputs, outputs) in enumerate(pairwise([*channels, shape[0]]), start=1):
            double = SameTransposed2d(inputs, outputs, kernel, 2, (heights[number], widths[number]))
            double.register_parameter("bias", None)
            layers += [nn.BatchNorm2d(inputs), nn.ReLU(), double]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in (-1, 1)."""
        label = functional.one_hot(z[:, -1].long(), self.classes).to(z.dtype)
        return self.layers(beside(z[:, :-1], label))


class ACGANDiscriminator(ACGANNetwork):
    """Images -> 3x3 convolutions to `channels` maps -> one logit and, from the same maps, one for each class.

    strides: of the convolutions. Each has LeakyReLU and dropout that keeps `keep` behind it, and all but the first a
    batch norm between.
    """

    critic_output = "logit"

    def __init__(
        self, shape: tuple[int, ...], classes: int, channels: Sequence[int], strides: Sequence[int], keep: float
    ) -> None:
        super().__init__(shape, classes)
        if len(strides) != len(channels):
            raise UserError("network.discriminator: strides has as many numbers as channels.")
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise([shape[0], *channels])):
            layers.append(nn.Conv2d(inputs, outputs, 3, strides[number], padding=1, bias=False))
            layers += [*([nn.BatchNorm2d(outputs)] if number else []), nn.LeakyReLU(SLOPE), Dropout(keep)]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        flat = channels[-1] * prod(sizes_before(size, strides)[0] for size in shape[1:])
        self.output, self.classifier = nn.Linear(flat, 1), nn.Linear(flat, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[n, channels, height, width] -> logits [n] and class logits [n, classes]."""
        found = self.trunk(images)
        return self.output(found).squeeze(1), self.classifier(found)
