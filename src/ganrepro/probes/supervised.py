"""The purely supervised network of D's architecture (Radford et al. 2016, section 5.2): is it the architecture alone?

Its 28.87 % are a validation error, of the best of 64 models of a random search. What was searched is not published:
learning rate, weight decay and dropout are ours, and so is the length of training.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.networks.layers import Dropout
from ganrepro.probes.base import untrained
from ganrepro.probes.features import Normalise, fixed_statistics, stage_outputs

EPOCHS, BATCH = 30, 50  # passes over the labelled images, and how many make a step
LEARNING_RATES, DECAYS, KEPT = (1e-4, 1e-2), (1e-6, 1e-2), (0.5, 1.0)  # log-uniform, log-uniform, uniform


@dataclass(frozen=True)
class Setting:
    """One point of the search."""

    lr: float
    decay: float
    keep: float


class SupervisedNetwork(nn.Module):
    """D's stages with freshly drawn weights, dropout, and a layer to the classes in place of its single output."""

    def __init__(
        self, discriminator: nn.Module, images: Tensor, classes: int, keep: float, noise: torch.Generator
    ) -> None:
        """images: a few, as D sees them, that say how many features there are. noise: of all draws, dropout's too."""
        super().__init__()
        fresh: Any = untrained(discriminator, noise).float()
        self.stages, self.dropout = fresh.stages, Dropout(keep)
        self.dropout.generator = noise
        features = stage_outputs(fresh, images)[-1].flatten(1).shape[1]
        self.output = nn.utils.skip_init(nn.Linear, features, classes)  # which would draw from the global generator
        nn.init.normal_(self.output.weight, 0.0, 0.02, generator=noise)
        nn.init.zeros_(self.output.bias)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> logits [n, classes]."""
        return self.output(self.dropout(self.stages(images).flatten(1)))


def settings(trials: int, noise: torch.Generator) -> list[Setting]:
    """Random points of the search."""

    def between(ends: tuple[float, float], share: float) -> float:
        return ends[0] * (ends[1] / ends[0]) ** share

    draws = torch.rand(trials, 3, generator=noise, dtype=torch.float64).tolist()
    low, high = KEPT
    return [Setting(between(LEARNING_RATES, a), between(DECAYS, b), low + (high - low) * c) for a, b, c in draws]


def supervised(
    discriminator: nn.Module,
    normalise: Normalise,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    classes: int,
    trials: int,
    noise: torch.Generator,
) -> tuple[float, float, Setting]:
    """Validation and test accuracy of the network that is best on validation images, and its setting.

    train, validation, test: uint8 pixels [n, channels, height, width] and int64 labels [n]; normalise: pixels -> what D
    sees. noise: on the CPU, where all of this runs.
    """
    found = []
    for setting in settings(trials, noise):
        network = fitted(discriminator, normalise, train, classes, setting, noise)
        found.append((accuracy(network, normalise, validation), network, setting))
    best, network, setting = max(found, key=lambda each: each[0])
    return best, accuracy(network, normalise, test), setting


def fitted(
    discriminator: nn.Module,
    normalise: Normalise,
    train: tuple[Tensor, Tensor],
    classes: int,
    setting: Setting,
    noise: torch.Generator,
) -> nn.Module:
    """One network, trained by Adam on cross entropy, in evaluation mode with fixed batch norms."""
    pixels, labels = train
    network = SupervisedNetwork(discriminator, normalise(pixels[:2]), classes, setting.keep, noise).train()
    optimizer = torch.optim.Adam(network.parameters(), setting.lr, (0.5, 0.999), weight_decay=setting.decay)
    with torch.enable_grad():
        for _ in range(EPOCHS):
            for which in torch.randperm(len(pixels), generator=noise).split(BATCH):
                if len(which) < 2:  # a batch norm of one image has no variance
                    continue
                optimizer.zero_grad()
                functional.cross_entropy(network(normalise(pixels[which])), labels[which]).backward()
                optimizer.step()
    return fixed_statistics(network, pixels, normalise)


@torch.no_grad()
def accuracy(network: nn.Module, normalise: Normalise, images: tuple[Tensor, Tensor]) -> float:
    """The share of images whose label the network gives."""
    pixels, labels = images
    said = torch.cat([network(normalise(part)).argmax(1) for part in pixels.split(500)])
    return (said == labels).double().mean().item()
