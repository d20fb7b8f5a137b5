"""Small fully connected networks for points of a line or a plane.

Leading axes, as of a population [replicas, n, dim], are batch axes like n.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod, sqrt

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class Perceptron(nn.Module):
    """Linear layers with an activation between them.

    gain: weights start orthogonal times this, biases at zero, as in the ring's code (xudonmao/LSGAN,
    mixture_gaussian/ls.py); without it, both start uniform on ± 1 / sqrt(inputs).
    """

    def __init__(self, widths: Sequence[int], activation: str, gain: float | None = None) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise UserError(f"activation={activation}: the networks of points have {' or '.join(ACTIVATIONS)}.")
        self.gain = gain
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers[:-1])

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights and biases."""
        for layer in self.layers:
            if not isinstance(layer, nn.Linear):
                continue
            if self.gain is not None:
                nn.init.orthogonal_(layer.weight, self.gain, generator=generator)
                nn.init.zeros_(layer.bias)
            else:
                bound = 1 / sqrt(layer.in_features)
                nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


class PointGenerator(Perceptron):
    """z -> a point, unbounded."""

    value_range = None

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        hidden: Sequence[int],
        activation: str,
        gain: float | None = None,
        pixel_mean: Tensor | None = None,
    ) -> None:
        if len(shape) != 1:
            raise UserError("PointGenerator makes points, not images: choose data=mixture, or another network.")
        super().__init__([latent_dim, *hidden, *shape], activation, gain)

    def forward(self, z: Tensor) -> Tensor:
        """[..., n, latent_dim] -> [..., n, dim]."""
        return self.layers(z)


class PointDiscriminator(Perceptron):
    """A point, times `input_scale` -> one logit."""

    critic_output = "logit"

    def __init__(
        self,
        shape: tuple[int, ...],
        hidden: Sequence[int],
        activation: str,
        gain: float | None = None,
        input_scale: float = 1.0,
    ) -> None:
        super().__init__([prod(shape), *hidden, 1], activation, gain)
        self.axes, self.input_scale = len(shape), input_scale

    def forward(self, points: Tensor) -> Tensor:
        """[..., n, dim] -> logits [..., n]."""
        flat = points.flatten(-self.axes)
        return self.layers(flat if self.input_scale == 1 else flat * self.input_scale).squeeze(-1)
