"""DeLiGAN's networks for MNIST and for points (val-iisc/deligan mnist/dg_mnist.py and Toy/dg_toy.py).

GAN, DeLiGAN and t-GAN share them: what differs is G's input (ganrepro.networks.mixture) and, in t-GAN, a class head on
D's trunk. Every layer keeps its bias, also in front of a batch norm, as there.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.errors import UserError
from ganrepro.networks.lsgan import SLOPE, draw, sizes_before
from ganrepro.networks.mixture import MixtureGenerator, MixtureInput
from ganrepro.networks.points import Perceptron, PointDiscriminator
from ganrepro.networks.same import SameConv2d, SameTransposed2d

STD = 0.02  # of the weights, and of the scales of G's batch norms around 1
MINIBATCH_STD = 0.05  # of the minibatch layer's weights
MOMENTUM = 0.1  # TensorFlow's decay of 0.9
G_EPS, D_EPS = 1e-5, 1e-3  # of the batch norms: G's own function, and D's tf.contrib.layers.batch_norm by default


def unit_uniform(network: nn.Module, generator: torch.Generator) -> None:
    """Linear layers from U(± sqrt(3 / inputs)), biases 0: what TensorFlow 0.x draws when it is told nothing."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            bound = sqrt(3 / layer.in_features)
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.zeros_(layer.bias)


class DeLiGANGenerator(MixtureGenerator):
    """Latents -> MixtureInput -> fully connected to `first` maps -> transposed convolutions of stride 2 -> the image.

    components, scale, scale_init, scale_signs, codeword, code: of MixtureInput. channels: maps between the transposed
    convolutions; kernel_sizes: of each of them, the last of which makes the image. The first maps are as small as SAME
    convolutions of stride 2 leave them: 28 pixels by three are 4, 7, 14, 28. Batch norm and ReLU behind all layers but
    the last, the first of them with a scale for each unit. Biases start at zero, so `pixel_mean` is not used.
    Raises UserError where the numbers do not go together.
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
        codeword: int,
        code: str,
        first: int,
        channels: Sequence[int],
        kernel_sizes: Sequence[int],
        scale_signs: bool = False,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("DeLiGANGenerator makes images: choose image data, or ToyGenerator for points.")
        if len(kernel_sizes) != len(channels) + 1:
            raise UserError("network.generator: kernel_sizes has one number more than channels, for the image.")
        self.input = MixtureInput(latent_dim, components, scale, scale_init, scale_signs, codeword, code, classes)
        heights, widths = (sizes_before(size, [2] * len(kernel_sizes)) for size in shape[1:])
        base = (first, heights[0], widths[0])
        self.linear = nn.Linear(self.input.dim, prod(base))
        layers = [nn.BatchNorm1d(prod(base), G_EPS, MOMENTUM), nn.ReLU(), nn.Unflatten(1, base)]
        for number, (inputs, outputs) in enumerate(pairwise([first, *channels, shape[0]])):
            size = heights[number + 1], widths[number + 1]
            layers.append(SameTransposed2d(inputs, outputs, kernel_sizes[number], 2, size))
            layers += [nn.BatchNorm2d(outputs, G_EPS, MOMENTUM), nn.ReLU()] if number < len(channels) else [nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights and the mixture; transposed convolutions from a normal cut at two standard deviations."""
        self.input.initialise(generator)
        unit_uniform(self.linear, generator)
        for layer in self.layers:
            if isinstance(layer, nn.ConvTranspose2d):
                nn.init.trunc_normal_(layer.weight, 0.0, STD, -2 * STD, 2 * STD, generator=generator)
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                layer.reset_running_stats()
                nn.init.normal_(layer.weight, 1.0, STD, generator=generator)
            else:
                continue
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in (-1, 1)."""
        return self.layers(self.linear(self.input(z)))


class MinibatchDiscrimination(nn.Module):
    """How like each example is to its batch, `kernels` numbers (Salimans et al. 2016), as DeLiGAN's code counts it.

    Kernel b maps an example to `dim` numbers M_ib; the likeness of two is exp(-|M_ib - M_jb|_1), summed over all j,
    i itself among them. There it is divided by its total over examples and kernels, so that the outputs of a batch of
    n add up to 1: with 64 kernels and n = 50 they are about 3e-4 and say next to nothing. Improved GAN's code does not
    divide, leaves out i, and has biases. Each column of weights has a norm of its own, exp(log_norm).
    """

    def __init__(self, features: int, kernels: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, kernels, dim))
        self.log_norm = nn.Parameter(torch.empty(kernels, dim))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the weights' directions; norms start at 1."""
        nn.init.normal_(self.weight, 0.0, MINIBATCH_STD, generator=generator)
        nn.init.zeros_(self.log_norm)

    def forward(self, x: Tensor) -> Tensor:
        """[n, features] -> [n, kernels], above 0, the sum of all 1."""
        weight = self.weight * (self.log_norm.exp() / self.weight.norm(dim=0))
        mapped = torch.einsum("nf,fkd->knd", x, weight)
        likeness = torch.cdist(mapped, mapped, p=1.0).neg().exp().sum(2)
        return (likeness / likeness.sum()).t()


class DeLiGANDiscriminator(nn.Module):
    """Images -> convolutions of stride 2 -> the maximum of each map -> MinibatchDiscrimination beside it -> one logit.

    channels, kernel_sizes: of the convolutions, with LeakyReLU and, but for the first, batch norm. kernels, kernel_dim:
    of MinibatchDiscrimination; 0 kernels: without it, and an image's logit is its own affair outside training.
    Raises UserError where the numbers do not go together.
    """

    critic_output = "logit"

    def __init__(
        self,
        shape: tuple[int, ...],
        channels: Sequence[int],
        kernel_sizes: Sequence[int],
        kernels: int,
        kernel_dim: int,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError("DeLiGANDiscriminator judges images: choose image data, or ToyDiscriminator for points.")
        if len(kernel_sizes) != len(channels):
            raise UserError("network.discriminator: kernel_sizes has as many numbers as channels.")
        for size in shape[1:]:
            sizes_before(size, [2] * len(channels))  # raises for images that are too small
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise([shape[0], *channels])):
            layers.append(SameConv2d(inputs, outputs, kernel_sizes[number], 2))
            layers += [*([nn.BatchNorm2d(outputs, D_EPS, MOMENTUM)] if number else []), nn.LeakyReLU(SLOPE)]
        self.trunk = nn.Sequential(*layers)
        self.minibatch = MinibatchDiscrimination(channels[-1], kernels, kernel_dim) if kernels else None
        self.output = nn.Linear(channels[-1] + kernels, 1)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights; scales of batch norm start at 1."""
        draw(self, STD, 0.0, generator)
        if self.minibatch is not None:
            self.minibatch.initialise(generator)

    def pooled(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> the maximum of each of the last maps, [n, maps]."""
        maps = self.trunk(images)
        return functional.max_pool2d(maps, maps.shape[2:]).flatten(1)

    def logit(self, pooled: Tensor) -> Tensor:
        """[n, maps] -> [n]."""
        joined = pooled if self.minibatch is None else torch.cat([pooled, self.minibatch(pooled)], 1)
        return self.output(joined).squeeze(1)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> logits [n]."""
        return self.logit(self.pooled(images))


class ClassifyingDeLiGANDiscriminator(DeLiGANDiscriminator):
    """t-GAN's D: DeLiGAN's with the auxiliary classifier, a linear layer on the pooled features (Sun et al. 2020).

    It stands in front of the minibatch layer, so that a class does not depend on what else is in the batch.
    """

    conditional = True

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        channels: Sequence[int],
        kernel_sizes: Sequence[int],
        kernels: int,
        kernel_dim: int,
    ) -> None:
        super().__init__(shape, channels, kernel_sizes, kernels, kernel_dim)
        if classes < 2:
            raise UserError(f"A classifying D tells classes apart, and the data have {classes or 'none'}.")
        self.classifier = nn.Linear(channels[-1], classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """[n, channels, height, width] -> logits [n] and class logits [n, classes]."""
        pooled = self.pooled(images)
        return self.logit(pooled), self.classifier(pooled)


class ToyGenerator(MixtureGenerator):
    """Latents -> MixtureInput without a class code -> tanh layers -> a point, each coordinate in (-1, 1) by tanh."""

    value_range = None  # as the data's, whose points may lie anywhere

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        components: int,
        scale: str,
        scale_init: float,
        hidden: Sequence[int],
        scale_signs: bool = False,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise UserError("ToyGenerator makes points, not images: choose data of points, or DeLiGANGenerator.")
        self.input = MixtureInput(latent_dim, components, scale, scale_init, scale_signs, 0, "none", 0)
        self.layers = Perceptron([self.input.dim, *hidden, *shape], "tanh").layers

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights and the mixture."""
        self.input.initialise(generator)
        unit_uniform(self.layers, generator)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, dim]."""
        return self.layers(self.input(z)).tanh()


class ToyDiscriminator(PointDiscriminator):
    """A point -> tanh layers -> one logit, drawn as DeLiGAN's."""

    def __init__(self, shape: tuple[int, ...], hidden: Sequence[int]) -> None:
        super().__init__(shape, hidden, "tanh")

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        unit_uniform(self.layers, generator)
