"""Small fully connected networks for points of a line or a plane."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod, sqrt

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class Perceptron(nn.Module):
    """Linear layers with an activation between them; weights and biases start uniform on ± 1 / sqrt(inputs)."""

    def __init__(self, widths: Sequence[int], activation: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers[:-1])

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights and biases."""
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
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
        pixel_mean: Tensor | None = None,
    ) -> None:
        if len(shape) != 1:
            raise UserError("PointGenerator makes points, not images: choose data=mixture, or another network.")
        super().__init__([latent_dim, *hidden, *shape], activation)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, dim]."""
        return self.layers(z)


class PointDiscriminator(Perceptron):
    """A point -> one logit."""

    critic_output = "logit"

    def __init__(self, shape: tuple[int, ...], hidden: Sequence[int], activation: str) -> None:
        super().__init__([prod(shape), *hidden, 1], activation)

    def forward(self, points: Tensor) -> Tensor:
        """[n, dim] -> logits [n]."""
        return self.layers(points.flatten(1)).squeeze(1)
