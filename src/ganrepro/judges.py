"""The networks behind scorers: how they see pixels, and how those of our own are trained."""

import hashlib
import inspect
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.networks import classifier
from ganrepro.networks.classifier import ConvClassifier
from ganrepro.networks.layers import initialised
from ganrepro.networks.pooled_classifier import PooledClassifier
from ganrepro.streams import stream

WIDTH, BATCH, LEARNING_RATE = 32, 64, 1e-3
EPOCHS, MOST_SHOWN = 20, 250_000  # passes over the training images, but no more images in all
TURNS = 4

INCEPTION_FILES = (  # one file under the names that pytorch-fid (which torchmetrics uses) and torch-fidelity give it
    "pt_inception-2015-12-05-6726825d.pth",
    "weights-inception-2015-12-05-6726825d.pth",
)
INCEPTION_SHA256 = "6726825d"  # its first digits, which the names end with


class Classifier(nn.Module):
    """A network of ours on uint8 pixels, which it sees in [-1, 1]: features [n, dim] and logits."""

    def __init__(self, network: ConvClassifier | PooledClassifier, names_classes: bool) -> None:
        """names_classes: whether its logits say anything of the data's classes; else there are none."""
        super().__init__()
        self.network, self.names_classes = network, names_classes

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.network.features(seen(pixels))
        return features, self.network.output(features) if self.names_classes else None


class Inception(nn.Module):
    """Inception v3 on uint8 pixels, grey ones as three equal channels: features [n, 2048], logits [n, 1008].

    TensorFlow's network and resizing, as the published scores have them; logits without the bias, as in theirs.
    """

    def __init__(self, weights: Path) -> None:
        """Raises UserError where the package torch-fidelity is missing or the file is not the published one."""
        super().__init__()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError:
            raise UserError(f"{weights} is there, but its network is not: pip install torch-fidelity") from None
        if not hashlib.sha256(weights.read_bytes()).hexdigest().startswith(INCEPTION_SHA256):
            raise UserError(f"{weights} is truncated or corrupt: its SHA-256 does not begin with {INCEPTION_SHA256}.")
        try:  # torch-fidelity lets a file run code, and eight digits can be forged
            torch.load(weights, map_location="cpu", weights_only=True)
        except Exception as error:
            raise UserError(f"{weights} is refused: it holds more than tensors.") from error
        names = ["2048", "logits_unbiased"]
        with torch.random.fork_rng(devices=[]):  # its layers draw first weights before the file's replace them
            self.network = FeatureExtractorInceptionV3("inception-v3-compat", names, str(weights))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(pixels.expand(-1, 3, -1, -1) if pixels.shape[1] == 1 else pixels)


def seen(pixels: Tensor) -> Tensor:
    """uint8 -> what a scorer's network sees: float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def recipe_hash() -> str:
    """8 hex digits of all that makes a scorer what it is, besides the data."""
    numbers = (WIDTH, BATCH, LEARNING_RATE, EPOCHS, MOST_SHOWN)
    sources = [inspect.getsource(part) for part in (classifier, fit, seen, untrained, turned)]
    text = repr(numbers) + "".join(sources)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def untrained(data: ImageData, labelled: bool) -> ConvClassifier:
    classes = len(data.classes) if labelled else TURNS
    network = initialised(partial(ConvClassifier, data.shape, classes, WIDTH), 0, "scorer")
    assert isinstance(network, ConvClassifier)
    return network


def turned(images: Tensor, turns: Tensor) -> Tensor:
    """Each of [n, c, size, size] turned counterclockwise by so many quarters, int64 [n]."""
    return torch.stack([torch.rot90(images, k, (2, 3)) for k in range(TURNS)])[turns, torch.arange(len(turns))]


def fit(data: ImageData, labelled: bool) -> tuple[ConvClassifier, dict[str, Any]]:
    """Trains by Adam with a rate that falls to 0 along a cosine. On the CPU, from streams of its own."""
    begun, network = time.monotonic(), untrained(data, labelled)
    name = "classifier" if labelled else "rotation net"
    print(f"Training the {name} that judges samples of {data.name} ...", flush=True)
    size = len(data.train)
    epochs = max(1, min(EPOCHS, MOST_SHOWN // size))
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    steps = epochs * math.ceil(size / BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        for epoch in range(epochs):
            generator = stream(0, "scorer", "order", epoch)
            for which in torch.randperm(size, generator=generator).split(BATCH):
                images, labels = seen(data.train.pixels[which]), data.train.labels[which]
                if not labelled:
                    labels = torch.randint(TURNS, (len(which),), generator=generator)
                    images = turned(images, labels)
                optimizer.zero_grad()
                functional.cross_entropy(network(images), labels).backward()
                optimizer.step()
                schedule.step()
    network.requires_grad_(False)
    pixels, labels = data.test.pixels, data.test.labels
    if not labelled:
        labels = torch.randint(TURNS, (len(pixels),), generator=stream(0, "scorer", "test"))
        pixels = turned(pixels, labels)
    with torch.no_grad():
        said = torch.cat([network(seen(part)).argmax(1) for part in pixels.split(1000)])
    recipe = {"width": WIDTH, "batch": BATCH, "lr": LEARNING_RATE, "epochs": epochs, "optimizer": "Adam, cosine"}
    accuracy = (said == labels).double().mean().item()
    return network, {"accuracy": accuracy, "seconds": round(time.monotonic() - begun, 1), "recipe": recipe}
