"""What judges samples: a network that is trained once on the real data, or Inception where its weights are on disk.

Samples are judged as pictures, in uint8, whatever range the generator's outputs have. Which network it is stands in
every record and array made with it: "classifier", "rotation net" or "inception".
"""

import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor, nn

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.judges import INCEPTION_FILES, INCEPTION_SHA256, Classifier, Inception
from ganrepro.metrics.frechet import frechet_distance
from ganrepro.recipes import Judge, Recipe, recipe_of
from ganrepro.runs import read_checkpoint, write_json, write_state
from ganrepro.streams import stream

# Sets of training images behind a floor, and images in all of them. Two sets' classes differ in number by chance, which
# moves a distance of a few hundred images by a factor of two.
DRAWS, DRAWN = 20, 40_000
ROWS_A_FEATURE = 3  # images behind each feature of a Frechet distance, at least
DIRECTIONS = 5000  # training images, at most, whose principal directions stand for the features where those are many


@dataclass(frozen=True)
class Judged:
    """What a scorer says of n images. features: float64 [n, dim]; log_probabilities: float64 [n, classes] or None."""

    features: Tensor
    log_probabilities: Tensor | None

    def __getitem__(self, which: slice) -> "Judged":
        return Judged(self.features[which], None if self.log_probabilities is None else self.log_probabilities[which])

    @property
    def probabilities(self) -> Tensor | None:
        return None if self.log_probabilities is None else self.log_probabilities.exp()

    @property
    def finite(self) -> bool:
        return bool(self.features.isfinite().all())


class Scorer:
    """A fixed network, and what it says of the real images.

    name: "classifier", "rotation net" or "inception". record: accuracy on the test images (None for Inception, of
    turns for the rotation net), seconds, recipe. Features of real images and floors are kept in `folder`.
    """

    def __init__(self, name: str, folder: Path, network: nn.Module, data: ImageData, record: dict[str, Any]) -> None:
        self.name, self.folder, self.network, self.data, self.record = name, folder, network, data, record
        self.kept: dict[str, Any] = {}

    @property
    def labelled(self) -> bool:
        """Whether its probabilities are those of the data's own classes."""
        return self.name == "classifier"

    @torch.no_grad()
    def judge(self, pixels: Tensor, batch: int = 500) -> Judged:
        """uint8 pixels [n, channels, height, width] on any device -> what the network says of them, on the CPU."""
        if pixels.dtype != torch.uint8:
            raise ValueError(f"pixels are {pixels.dtype}, not uint8")
        network = self.network.to(pixels.device)
        with torch.autocast(pixels.device.type, enabled=False):
            parts = [network(part) for part in pixels.split(batch)]
        features = torch.cat([features.cpu() for features, _ in parts]).double()
        named = parts[0][1] is not None
        return Judged(features, torch.cat([p.cpu() for _, p in parts]).double().log_softmax(1) if named else None)

    def judge_samples(self, images: Tensor, batch: int = 500) -> Judged:
        """A generator's images, judged as pictures; features and log-probabilities are NaN where it is not finite.

        Raises UserError for data without a fixed range: what their values mean as pictures depends on the batch.
        """
        if self.data.value_range is None:
            raise UserError("Samples are judged as pictures, and data.scaling=gcn has none: set data.scaling=range.")
        judged = self.judge(self.data.to_uint8(images), batch)
        broken = ~images.flatten(1).isfinite().all(1).cpu()
        judged.features[broken] = math.nan
        if judged.log_probabilities is not None:
            judged.log_probabilities[broken] = math.nan
        return judged

    def real(self, split: str, n: int, draw: int = 0) -> Judged:
        """What the network says of n real images of a split, always the same ones, taken at random.

        Not of the first n, since folders of classes are read one after the other. `draw` numbers further choices.
        """
        return self._keep(f"{split}-{n}-{draw}", lambda: self.judge(self.data_pixels(split, n, draw)))

    def data_pixels(self, split: str, n: int, draw: int = 0) -> Tensor:
        """The pixels behind `real`. Raises ValueError where the split holds fewer than n."""
        return self.data_images(split, n, draw).pixels

    def data_images(self, split: str, n: int, draw: int = 0) -> Images:
        """As `data_pixels`, with their labels."""
        return getattr(self.data, split)[self._chosen(split, n, draw)]

    def shares(self, split: str) -> Tensor:
        """The share of each class among all labels of a split: float64 [classes]."""
        labels = getattr(self.data, split).labels
        return torch.bincount(labels[labels >= 0], minlength=len(self.data.classes)).double() / len(labels)

    def count(self, split: str, samples: int) -> int:
        """How many images stand on each side of a comparison: `samples`, or what the split and train have."""
        return min(samples, len(getattr(self.data, split)), len(self.data.train))

    def frechet(self, judged: Judged, split: str) -> float:
        """The distance of the first `count` samples to as many real images. See `reduced` for few of them."""
        n = self.count(split, len(judged.features))
        return frechet_distance(self.reduced(judged[:n].features, n), self.reduced(self.real(split, n).features, n))

    def floor(self, split: str, n: int) -> float:
        """The distance of n training images to n of the split, the mean of up to 20 choices: a perfect generator's."""

        def compute() -> float:
            reference = self.reduced(self.real(split, n).features, n)
            sets = range(1, 1 + max(1, min(DRAWS, DRAWN // n)))
            draws = (self.judge(self.data_pixels("train", n, draw)).features for draw in sets)
            return float(np.mean([frechet_distance(self.reduced(each, n), reference) for each in draws]))

        return self._keep(f"floor-{split}-{n}", compute)

    def dims(self, n: int) -> int:
        """How many features a Frechet distance of n images has: at most a third of n."""
        return max(1, min(self.real("test", 1).features.shape[1], n // ROWS_A_FEATURE))

    def reduced(self, features: Tensor, n: int) -> Tensor:
        """Features [m, dim] in the first `dims(n)` principal directions of the training images' features.

        As they are where n images carry a covariance of all of them.
        """
        dims = self.dims(n)
        if dims == features.shape[1]:
            return features
        return features @ self._keep("directions", self._directions)[:, :dims]

    def _directions(self) -> Tensor:
        features = self.real("train", min(len(self.data.train), DIRECTIONS)).features
        return torch.linalg.eigh(features.T.cov()).eigenvectors.flip(1)

    def _chosen(self, split: str, n: int, draw: int) -> Tensor:
        size = len(getattr(self.data, split))
        if not 0 < n <= size:
            raise ValueError(f"{n} images of {split} are asked for, which has {size}")
        return torch.randperm(size, generator=stream(0, "scorer", split, draw))[:n]

    def _keep(self, key: str, compute: Callable[[], Any]) -> Any:
        """A value from memory, else from the scorer's folder, else computed and written there."""
        if key not in self.kept:
            path = self.folder / f"{key}.pt"
            try:
                stored = read_checkpoint(path)
                self.kept[key] = Judged(*stored["judged_log"]) if "judged_log" in stored else stored["value"]
            except (UserError, KeyError):  # absent, damaged, or of before: "judged" held probabilities
                value = self.kept[key] = compute()
                judged = isinstance(value, Judged)
                stored = {"judged_log": (value.features, value.log_probabilities)} if judged else {"value": value}
                with FileLock(self.folder / ".lock"):
                    write_state(path, stored)
        return self.kept[key]


LOADED: dict[tuple[Any, ...], Scorer] = {}  # of this process


def scorer_of(data: ImageData, folder: str | Path, prefer_inception: bool = False, recipe: str = "plain") -> Scorer:
    """The scorer of these data, made in `folder` when it is not there yet (seconds to minutes, once).

    A classifier where the training images are labelled with two classes or more. For others Inception if its weights
    are on disk (see `inception_weights`), else a network that tells which of four quarter turns an image has been
    given. prefer_inception: Inception for labelled data too, where its weights are on disk. recipe: a classifier's.
    Raises UserError for data that are not images, for images that are not square where they must be turned, and for
    a folder that cannot be written.
    """
    if not isinstance(data, ImageData):
        raise UserError("This evaluation judges pictures; the data are points.")
    home = Path(folder).expanduser().absolute()
    key = (data.fingerprint, data.value_range, home, prefer_inception, recipe)  # a scorer knows its data's range
    if key not in LOADED:
        labelled = len(data.classes) > 1 and bool((data.train.labels >= 0).all())
        weights = inception_weights(home) if prefer_inception or not labelled else None
        try:
            LOADED[key] = inception(data, home, weights) if weights else trained(data, home, labelled, recipe)
        except OSError as error:
            raise UserError(f"Cannot keep a scorer in {home}: {error.strerror or error}.") from error
    return LOADED[key]


def inception_weights(folder: Path) -> Path | None:
    """The file of Inception's weights, in `folder` or where data are (GANREPRO_DATA, else data/). Never fetched."""
    places = (folder, Path(os.environ.get("GANREPRO_DATA", "data")).expanduser())
    return next((place / name for place in places for name in INCEPTION_FILES if (place / name).exists()), None)


def inception(data: ImageData, folder: Path, weights: Path) -> Scorer:
    home = folder / f"inception-{data.fingerprint}-{INCEPTION_SHA256}"
    home.mkdir(parents=True, exist_ok=True)
    record = {"weights": weights.name, "accuracy": None}
    return Scorer("inception", home, Inception(weights.absolute()).eval(), data, record)


def trained(data: ImageData, folder: Path, labelled: bool, recipe: str) -> Scorer:
    """The classifier or rotation net of the data, from its folder or newly trained, by one process at a time."""
    name = "classifier" if labelled else "rotation net"
    if not labelled and data.shape[1] != data.shape[2]:
        raise UserError(f"{data.name} has no labels, and its images are not square: they cannot be turned.")
    by = recipe_of(recipe, data, labelled)
    home = folder / f"{name.replace(' ', '_')}-{data.fingerprint}-{by.hash}"
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".training"):
        try:
            network, record = read(home, by)
        except (OSError, ValueError, KeyError, RuntimeError, UserError) as error:
            if (home / "record.json").exists():
                print(f"The {name} in {home} is damaged and is made anew: {str(error).splitlines()[0]}", flush=True)
            for old in home.glob("*.pt"):  # what another network said of the real images
                old.unlink()
            network, record = by.fit()
            write_state(home / "weights.pt", network.state_dict())
            record["weights_sha256"] = digest(home / "weights.pt")
            write_json(home / "record.json", record)  # last: a folder without it is begun anew
    return Scorer(name, home, Classifier(network, labelled).eval(), data, record)


def read(home: Path, by: Recipe) -> tuple[Judge, dict[str, Any]]:
    record = json.loads((home / "record.json").read_text())
    if digest(home / "weights.pt") != record["weights_sha256"]:
        raise UserError("its weights are not those that were written.")
    network = by.untrained()
    network.load_state_dict(read_checkpoint(home / "weights.pt"))
    return network, record


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
