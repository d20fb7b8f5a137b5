"""What every evaluation is given and gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData

SHOWN = 64  # samples kept for pictures

Streams = Callable[..., torch.Generator]  # purpose -> a fresh generator, the same for the same purpose


class Sampler(Protocol):
    """What is evaluated: an AdversarialModule, as far as samples go."""

    @property
    def latent(self) -> Any:
        """`latent.sample(n, generator)`: float32 [n, dim]."""

    def images(self, z: Tensor) -> Tensor:
        """Latents -> float32 images [n, channels, height, width] in the networks' range."""


class Pair(Protocol):
    """G and D, as an AdversarialModule has them."""

    players: Any
    latent: Any
    loss: Any
    generate: Callable[[Tensor], Any]
    discriminate: Callable[[Any], Any]


@dataclass
class Evaluated:
    """`metrics`: scalars by name. `arrays`: by file name under artifacts/, the arrays in it by name."""

    metrics: dict[str, float]
    arrays: dict[str, dict[str, np.ndarray]]


def displayed(images: Tensor, data: ImageData, like: Tensor | None = None) -> np.ndarray:
    """Measured images as uint8, as the paper's figures scale them: on the scale of `like`, or else on their own."""
    return data.scaling.displayed(images, like).cpu().numpy()


def on_cpu(generator: torch.Generator) -> torch.Generator:
    """A generator of the same seed on the CPU: what it draws does not depend on the device that trains."""
    return torch.Generator().manual_seed(generator.initial_seed())
