"""Weight normalisation (Salimans & Kingma 2016) as openai/improved-gan has it (mnist_svhn_cifar10/nn.py).

Each unit's weights are a direction of length 1 times a gain. The authors pass 500 images through the untrained network
and set gain and bias so that what a unit gives has mean 0 and variance 1 over them. Networks are drawn without data
here, so gain and bias come from the moments that the inputs have by design: since directions have no preference, a
unit's variance is then right on average over the units, whatever the inputs' correlations, but not for each of them.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

EPS = 1e-6  # added to a direction's squared length before its root
DIM = 5  # numbers of a minibatch kernel


class Moments(NamedTuple):
    """What a layer's inputs are like over images: mean and variance, one number for all or one for each input."""

    mean: float | Tensor
    variance: float | Tensor


def rectified(slope: float, keep: float = 1.0) -> Moments:
    """Of max(x, slope * x) for x from N(0, 1), behind dropout that keeps the share `keep` and divides by it."""
    mean = (1 - slope) / math.sqrt(2 * math.pi)
    return Moments(mean, (1 + slope**2) / 2 / keep - mean**2)


class WeightNorm(nn.Module):
    """Weights of which each output's have the length |gain|, and biases. Subclasses say how they are applied.

    direction: of the weight's shape, whose axis `outputs_at` is that of the outputs. learned: whether gains are
    trained, which in these networks they are in the last layers only; others keep what `draw` set.
    """

    direction: nn.Parameter
    bias: nn.Parameter
    gain: Tensor

    def __init__(self, shape: tuple[int, ...], outputs_at: int, learned: bool) -> None:
        super().__init__()
        outputs = shape[outputs_at]
        self.outputs_at = outputs_at
        self.others = tuple(axis for axis in range(len(shape)) if axis != outputs_at)
        self.direction = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(outputs))
        if learned:
            self.gain = nn.Parameter(torch.empty(outputs))
        else:
            self.register_buffer("gain", torch.empty(outputs))

    @property
    def weight(self) -> Tensor:
        """What multiplies the inputs, of `direction`'s shape."""
        length = (self.direction.square().sum(self.others, keepdim=True) + EPS).sqrt()
        return self.direction * (self.gain.view_as(length) / length)

    def reached(self) -> float:
        """The share of a unit's weights that one of its outputs meets."""
        return 1.0

    @torch.no_grad()
    def draw(self, inputs: Moments, std: float, weight_std: float, generator: torch.Generator) -> None:
        """Directions from N(0, weight_std), then gains and biases for outputs of mean 0 and standard deviation `std`.

        inputs: their moments, independent of each other as far as their means go. Of a [inputs] tensor of moments
        each belongs to one input of a linear layer.
        """
        nn.init.normal_(self.direction, 0.0, weight_std, generator=generator)
        nn.init.ones_(self.gain)
        unit = self.weight
        variance = (unit.square() * inputs.variance).sum(self.others) * self.reached()
        self.gain.copy_(std / variance.sqrt())
        self.bias.copy_(-self.gain * (unit * inputs.mean).sum(self.others) * self.reached())


class NormedConv2d(WeightNorm):
    """A convolution, padded with zeros."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__((outputs, inputs, kernel, kernel), 0, learned=False)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, height, width] -> [n, outputs, height', width']."""
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class NormedTransposed2d(WeightNorm):
    """The transposed convolution that doubles height and width, its gains trained. kernel: an odd number."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__((inputs, outputs, kernel, kernel), 1, learned=True)
        self.kernel = kernel

    def reached(self) -> float:
        """With stride 2 a quarter of the kernel, on average over neighbours, which meet different ones."""
        return 1 / 4

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, height, width] -> [n, outputs, 2 height, 2 width]."""
        return functional.conv_transpose2d(x, self.weight, self.bias, 2, self.kernel // 2, output_padding=1)


class NormedLinear(WeightNorm):
    """A fully connected layer, its gains trained."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__((outputs, inputs), 0, learned=True)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs] -> [n, outputs]."""
        return functional.linear(x, self.weight, self.bias)


class NormedMinibatchDiscrimination(nn.Module):
    """For each kernel how many other images of the batch lie near, beside the features (improved-gan's MinibatchLayer).

    A kernel maps an image to five numbers; its sum of exp(-L1 distance) over all other images, plus a bias, is what it
    gives. Each of the numbers is a projection on a direction of length 1 times a learned scale. Not DeLiGAN's layer
    for MNIST (networks/deligan.py), which divides by a total over the batch and has no scales. A sum grows with the
    batch, in evaluation as in training.
    """

    def __init__(self, features: int, kernels: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.empty(features, kernels, DIM))
        self.log_scale = nn.Parameter(torch.empty(kernels, DIM))
        self.bias = nn.Parameter(torch.empty(kernels))

    def draw(self, log_scale: float, bias: float, weight_std: float, generator: torch.Generator) -> None:
        """Directions from N(0, weight_std), the others as given."""
        nn.init.normal_(self.directions, 0.0, weight_std, generator=generator)
        nn.init.constant_(self.log_scale, log_scale)
        nn.init.constant_(self.bias, bias)

    def forward(self, features: Tensor) -> Tensor:
        """[n, features] -> [n, features + kernels]. An image alone has no others: its sums are 0."""
        kernels = self.directions * (self.log_scale.exp() / self.directions.square().sum(0).sqrt())
        projected = torch.tensordot(features, kernels, 1)
        distances = (projected[:, None] - projected).abs().sum(-1)  # [n, n, kernels]
        others = 1 - torch.eye(len(features), dtype=features.dtype, device=features.device)
        near = ((-distances).exp() * others[..., None]).sum(1)
        return torch.cat([features, near + self.bias], 1)
