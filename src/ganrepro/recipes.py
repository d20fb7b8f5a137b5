"""How a network that judges samples is trained: the plain recipe (ganrepro.judges), and one with augmented images.

Each has a hash of its own, and so a folder of its own: a change of the one leaves what the other judged.
"""

import hashlib
import inspect
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ganrepro import judges
from ganrepro.data.images import ImageData, Images
from ganrepro.judges import seen
from ganrepro.networks import pooled_classifier
from ganrepro.networks.classifier import ConvClassifier
from ganrepro.networks.layers import initialised
from ganrepro.networks.pooled_classifier import PooledClassifier
from ganrepro.streams import stream

RECIPES = ("plain", "augmented")
# ChunyuanLI/MNIST_Inception_Score at half its channels and an eighth of its features, so that a core has it in minutes.
WIDTH, FEATURES, KEEP = 16, 128, 0.5
EPOCHS, BATCH, LEARNING_RATE = 10, 64, 2e-3
DEGREES, SHIFT = 15, 2 / 28  # as there; the shift, its 2 of 28 pixels, is in proportion to the image

Judge = ConvClassifier | PooledClassifier


@dataclass(frozen=True)
class Recipe:
    """hash: 8 hex digits of all that makes a judge what it is, besides the data. untrained(): the network, its weights
    drawn. fit(): the network, trained, and its record with `accuracy` on the test images, `seconds` and `recipe`.
    """

    hash: str
    untrained: Callable[[], Judge]
    fit: Callable[[], tuple[Judge, dict[str, Any]]]


def recipe_of(name: str, data: ImageData, labelled: bool) -> Recipe:
    """name: "plain" or "augmented"; data without labels have the plain one. ValueError for another."""
    if name not in RECIPES:
        raise ValueError(f"a recipe is one of {', '.join(RECIPES)}, not {name!r}")
    if name == "augmented" and labelled:
        return Recipe(augmented_hash(), partial(untrained, data), partial(fit, data))
    plain = partial(judges.untrained, data, labelled), partial(judges.fit, data, labelled)
    return Recipe(judges.recipe_hash(), *plain)


# Augmented. ----------------------------------------------------------------------------------------------------


def augmented_hash() -> str:
    numbers = (WIDTH, FEATURES, KEEP, EPOCHS, BATCH, LEARNING_RATE, DEGREES, SHIFT)
    sources = [inspect.getsource(part) for part in (pooled_classifier, fit, seen, untrained, moved)]
    return hashlib.sha256((repr(numbers) + "".join(sources)).encode()).hexdigest()[:8]


def untrained(data: ImageData) -> PooledClassifier:
    make = partial(PooledClassifier, data.shape, len(data.classes), WIDTH, FEATURES, KEEP)
    network = initialised(make, 0, "augmented scorer")
    assert isinstance(network, PooledClassifier)
    return network


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each of [n, c, h, w] turned by up to 15 degrees and shifted by up to a fourteenth, border pixels going on."""
    turns, *shifts = 2 * torch.rand(3, len(images), generator=generator) - 1
    angles = turns * math.radians(DEGREES)
    across, down = (2 * SHIFT * shift for shift in shifts)  # the grid is 2 wide
    rows = [angles.cos(), -angles.sin(), across, angles.sin(), angles.cos(), down]
    grid = functional.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def fit(data: ImageData) -> tuple[PooledClassifier, dict[str, Any]]:
    """Trains by Adam with a rate that falls to 0 along a cosine. On the CPU, from streams of its own."""
    begun, network = time.monotonic(), untrained(data)
    print(f"Training the classifier that judges samples of {data.name}, on augmented images ...", flush=True)
    size, batches = len(data.train), math.ceil(len(data.train) / BATCH)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * batches)
    network.train()
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        for epoch in range(EPOCHS):
            generator = network.dropout.generator = stream(0, "augmented scorer", "epoch", epoch)
            # In equal parts, so that none is of one image: batch norm needs two.
            for which in torch.randperm(size, generator=generator).tensor_split(batches):
                images = moved(seen(data.train.pixels[which]), generator)
                optimizer.zero_grad()
                functional.cross_entropy(network(images), data.train.labels[which]).backward()
                optimizer.step()
                schedule.step()
    network.dropout.generator = None
    network.eval().requires_grad_(False)
    recipe = {"name": "augmented", "width": WIDTH, "features": FEATURES, "keep": KEEP, "batch": BATCH}
    recipe |= {"lr": LEARNING_RATE, "epochs": EPOCHS, "degrees": DEGREES, "shift": SHIFT, "optimizer": "Adam, cosine"}
    record = {"accuracy": right(network, data.test), "validation_accuracy": right(network, data.validation)}
    return network, {**record, "seconds": round(time.monotonic() - begun, 1), "recipe": recipe}


@torch.no_grad()
def right(network: PooledClassifier, images: Images) -> float:
    """The share of images that are read as what they are; NaN of none."""
    said = [network(seen(part)).argmax(1) for part in images.pixels.split(1000) if len(part)]
    return (torch.cat(said) == images.labels).double().mean().item() if said else math.nan
