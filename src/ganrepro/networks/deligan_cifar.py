"""DeLiGAN's networks for CIFAR-10 (val-iisc/deligan, cifar/dg_cifar.py), which are openai/improved-gan's for it.

Theirs is a semi-supervised D of ten outputs, whose log-sum-exp tells real from fake. Here one output does, and a
classifying D has a second head for the classes.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.dcgan import grow, halves
from ganrepro.networks.layers import Dropout, InputNoise
from ganrepro.networks.mixture import MixtureGenerator, MixtureInput
from ganrepro.networks.weight_norm import (
    Moments,
    NormedConv2d,
    NormedLinear,
    NormedMinibatchDiscrimination,
    NormedTransposed2d,
    WeightNorm,
    rectified,
)

SLOPE = 0.2  # of the LeakyReLU
EPS = 1e-6  # of the batch norms (nn.py)
HEAD_STD = 0.1  # of what the last layers give at first: init_stdv in dg_cifar.py
IMAGE_VARIANCE = 0.25  # of CIFAR-10's pixels in [-1, 1]
# What data-dependent initialisation finds at full width, which varies little from draw to draw. 500 images of CIFAR-10:
# variance of the maps' averages; kernels' log scale, for which half the distance to the nearest other image is 1 on
# average. 100 images, the paper's batch: mean and variance of the minibatch's sums.
AVERAGES_VARIANCE, LOG_SCALE, SUMS_MEAN, SUMS_VARIANCE = 0.024, 2.4, 0.5, 0.17


class Shift(nn.Module):
    """Adds a learned number to each map or unit: what is left of a batch norm's scale and shift without the scale."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(units))

    def forward(self, x: Tensor) -> Tensor:
        """[n, units, ...] -> the same."""
        return x + self.bias.view(-1, *[1] * (x.ndim - 2))


def shifted_norm(units: int, running: bool, flat: bool = False) -> list[nn.Module]:
    """A batch norm with a shift and no scale, and ReLU. running, flat: as in dcgan.batch_norm."""
    kind = nn.BatchNorm1d if flat else nn.BatchNorm2d
    return [kind(units, eps=EPS, affine=False, track_running_stats=running), Shift(units), nn.ReLU()]


class DeLiGANCifarGenerator(MixtureGenerator):
    """z -> mixture and code -> fully connected to `first` maps -> transposed convolutions of stride 2 -> the image.

    components ... code: see MixtureInput; dg_cifar.py has 100 components of diagonal scales uniform on ±0.2
    (scale_init=0.2 scale_signs=true). first, channels: maps, 512 at 4x4 and 256, 128 there; the last transposed
    convolution makes the image and is weight-normalised, the others have batch norms without a scale. running: outside
    training these use running averages, not the batch at hand; dg_cifar.py samples by the batch.
    There are no biases to set, so `pixel_mean` is not used. UserError for sizes that cannot be halved so often.
    """

    value_range = (-1.0, 1.0)
    conditional = True

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        classes: int,
        components: int,
        scale: str,
        scale_init: float,
        scale_signs: bool,
        codeword: int,
        code: str,
        first: int,
        channels: Sequence[int],
        kernel: int,
        running: bool,
        weight_std: float,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("DeLiGANCifarGenerator makes images: choose image data.")
        self.weight_std = weight_std
        self.input = MixtureInput(
            latent_dim, components=components, scale=scale, scale_init=scale_init, scale_signs=scale_signs,
            codeword=codeword, code=code, classes=classes,
        )  # fmt: skip
        base = (first, *(halves(size, [2] * (len(channels) + 1))[0] for size in shape[1:]))
        units = prod(base)
        layers: list[nn.Module] = [nn.Linear(self.input.dim, units, bias=False)]
        layers += [*shifted_norm(units, running, flat=True), nn.Unflatten(1, base)]
        for inputs, outputs in pairwise([first, *channels]):
            layers += [*grow(inputs, outputs, kernel, 2, "strided"), *shifted_norm(outputs, running)]
        self.layers = nn.Sequential(*layers)
        self.output = NormedTransposed2d(channels[-1] if channels else first, shape[0], kernel)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights: N(0, weight_std), shifts 0, the mixture as MixtureInput has it."""
        self.input.initialise(generator)
        for layer in self.layers:
            if isinstance(layer, (nn.Linear, nn.ConvTranspose2d)):
                nn.init.normal_(layer.weight, 0.0, self.weight_std, generator=generator)
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                layer.reset_running_stats()
            elif isinstance(layer, Shift):
                nn.init.zeros_(layer.bias)
        self.output.draw(rectified(0.0), HEAD_STD, self.weight_std, generator)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in (-1, 1)."""
        return self.output(self.layers(self.input(z))).tanh()


class DeLiGANCifarDiscriminator(nn.Module):
    """Images -> convolutions in stages -> averages of maps -> minibatch discrimination -> one number.

    noise: standard deviation of what is added to its images in training. channels: maps of each stage of three 3x3
    convolutions, the third of stride 2, with dropout behind that keeps the share `keep`; after the last stage a 3x3
    convolution without padding and two of 1x1. kernels: of the minibatch discrimination; 0: there is none.
    dg_cifar.py: noise=0.2 channels=[96,192] keep=0.5 kernels=100 weight_std=0.05.
    All layers are weight-normalised. UserError for images too small for the convolution without padding.
    """

    critic_output = "logit"

    def __init__(
        self,
        shape: tuple[int, ...],
        noise: float,
        channels: Sequence[int],
        keep: float,
        kernels: int,
        weight_std: float,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError(f"{type(self).__name__} is for images: choose image data.")
        if -(-min(shape[1:]) // 2 ** len(channels)) < 3:
            raise UserError(
                f"Images {min(shape[1:])} pixels high or wide are too small for {len(channels)} stages and a 3x3 "
                "convolution without padding: set data.size larger, or fewer network.discriminator.channels."
            )
        self.noise, self.weight_std = noise, weight_std
        layers: list[nn.Module] = [InputNoise(noise)]
        for inputs, outputs in pairwise([shape[0], *channels]):
            for before, stride in ((inputs, 1), (outputs, 1), (outputs, 2)):
                layers += [NormedConv2d(before, outputs, 3, stride, padding=1), nn.LeakyReLU(SLOPE)]
            layers.append(Dropout(keep))
        for kernel in (3, 1, 1):
            layers += [NormedConv2d(channels[-1], channels[-1], kernel), nn.LeakyReLU(SLOPE)]
        self.trunk = nn.Sequential(*layers)
        self.widths = channels[-1], kernels  # averages, and sums of the minibatch
        self.minibatch = NormedMinibatchDiscrimination(channels[-1], kernels) if kernels else None
        self.source = NormedLinear(channels[-1] + kernels, 1)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        inputs = Moments(0.0, IMAGE_VARIANCE + self.noise**2)
        for layer in self.trunk:
            if isinstance(layer, WeightNorm):
                layer.draw(inputs, 1.0, self.weight_std, generator)
                inputs = rectified(SLOPE)
            elif isinstance(layer, Dropout):
                inputs = rectified(SLOPE, layer.keep)
        averages = torch.tensor([[inputs.mean], [AVERAGES_VARIANCE]]).expand(2, self.widths[0])
        if self.minibatch:
            self.minibatch.draw(LOG_SCALE, -SUMS_MEAN, self.weight_std, generator)
        sums = torch.tensor([[0.0], [SUMS_VARIANCE]]).expand(2, self.widths[1])
        self.source.draw(Moments(*torch.cat([averages, sums], 1)), HEAD_STD, self.weight_std, generator)

    def features(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> the maps' averages [n, features], each image's by itself."""
        return self.trunk(images).mean((2, 3))

    def judged(self, features: Tensor) -> Tensor:
        """[n, features] of a batch -> logits [n]."""
        return self.source(self.minibatch(features) if self.minibatch else features).squeeze(1)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> logits [n]."""
        return self.judged(self.features(images))


class ClassifyingDeLiGANCifarDiscriminator(DeLiGANCifarDiscriminator):
    """DeLiGANCifarDiscriminator that tells the class too, from the maps' averages alone: no other image has a say."""

    conditional = True

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        noise: float,
        channels: Sequence[int],
        keep: float,
        kernels: int,
        weight_std: float,
    ) -> None:
        """UserError for fewer than two classes, and as DeLiGANCifarDiscriminator."""
        super().__init__(shape, noise, channels, keep, kernels, weight_std)
        if classes < 2:
            raise UserError(f"A discriminator that tells the class needs data with classes; these have {classes}.")
        self.classifier = NormedLinear(channels[-1], classes)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        super().initialise(generator)
        averages = Moments(rectified(SLOPE).mean, AVERAGES_VARIANCE)
        self.classifier.draw(averages, HEAD_STD, self.weight_std, generator)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """[n, channels, height, width] -> logits [n] of being real, logits [n, classes]."""
        features = self.features(images)
        return self.judged(features), self.classifier(features)
