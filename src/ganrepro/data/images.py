"""An image set in memory: splits of uint8 pixels, and the way to and from the networks' range."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.scaling import scaling_of
from ganrepro.errors import UserError
from ganrepro.feeds import ImageFeed
from ganrepro.pictures import grid


@dataclass(frozen=True)
class Images:
    """One split. `pixels` is uint8 [n, channels, height, width], `labels` int64 [n], -1 where unlabelled."""

    pixels: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4:
            raise ValueError(f"pixels are {self.pixels.dtype} {list(self.pixels.shape)}, not uint8 [n, c, h, w]")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.pixels.shape[:1]:
            raise ValueError(f"labels are {self.labels.dtype} {list(self.labels.shape)}, not int64 [n]")

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, which: slice | Tensor) -> "Images":
        """The images that a slice or an int64 tensor of indices picks, in its order."""
        return Images(self.pixels[which], self.labels[which])


Fold = tuple[Images, Images]  # validation, test


class ImageData:
    """A named image set, split into train, validation and test.

    `shape` is (channels, height, width); `scaling` says what networks see of the pixels and what is measured;
    `value_range` is (0, 1) or (-1, 1), the range networks see, or None where it has no bounds; `folds` are pairs of
    validation and test, of which the first is `validation` and `test`; `stand_in_for` names the data set that this
    one replaces, None for the real thing; `classes` holds the names of the labels 0, 1, ...
    """

    def __init__(
        self,
        name: str,
        train: Images,
        validation: Images,
        test: Images,
        classes: Sequence[str] = (),
        value_range: Sequence[float] | None = (0.0, 1.0),
        stand_in_for: str | None = None,
        scaling: str = "range",
        further_folds: Sequence[Fold] = (),
    ) -> None:
        """`scaling`: "range", or "gcn", which goes with value_range None. `further_folds`: those after the first.

        Raises UserError for another scaling or value range, ValueError for an empty split or unlike shapes.
        """
        self.folds: list[Fold] = [(validation, test), *further_folds]
        splits = [train, *(split for fold in self.folds for split in fold)]
        shapes = {tuple(split.pixels.shape[1:]) for split in splits}
        if len(shapes) != 1 or not all(map(len, splits)):
            raise ValueError(f"{name}: splits must hold images of one shape, got {sorted(shapes)}")
        self.name = name
        self.train, self.validation, self.test = train, validation, test
        channels, height, width = shapes.pop()
        self.shape: tuple[int, int, int] = (channels, height, width)
        self.classes = list(classes)
        self.scaling = scaling_of(scaling, value_range, channels * height * width)
        self.value_range: tuple[float, float] | None = self.scaling.value_range
        self.span = self.scaling.span
        self.stand_in_for = stand_in_for

    def feed(self, seed: int, device: torch.device | str = "cpu") -> ImageFeed:
        """The training images of one seed in batches, on `device`."""
        return ImageFeed(self.train.pixels, self.normalise, seed, device, self.train.labels)

    def examples(self, n: int) -> Tensor:
        """The first n training images, in the networks' range."""
        return self.normalise(self.train.pixels[:n])

    def picture(self, images: Tensor) -> np.ndarray:
        """Images in the networks' range as a grid of eight columns: uint8 [height, width, 3]."""
        return grid(self.to_uint8(images), 8)

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 pixels [..., c, h, w], on any device -> float32, what networks see."""
        return self.scaling.normalise(pixels)

    def to_uint8(self, images: Tensor) -> Tensor:
        """Floating-point images in the networks' range -> uint8; NaN becomes 0.

        Without a range they are put on one scale, so images that are shown together are passed together.
        """
        return self.scaling.to_uint8(images)

    def pixel_mean(self) -> Tensor:
        """The mean training image as networks see it, float64 [channels, height, width] on the CPU."""
        return self.scaling.pixel_mean(self.train.pixels)

    def describe(self) -> dict[str, Any]:
        """What a record says of the data."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "shape": list(self.shape),
            "value_range": list(self.value_range) if self.value_range else None,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "stand_in_for": self.stand_in_for,
            "classes": len(self.classes),
        }

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the SHA-256 over each split's size, pixels and labels; computed once."""
        digest = hashlib.sha256()
        for split in (self.train, *(split for fold in self.folds for split in fold)):
            digest.update(repr(tuple(split.pixels.shape)).encode())
            digest.update(split.pixels.cpu().contiguous().numpy().data)
            digest.update(split.labels.cpu().numpy().astype("<i8").data)
        return digest.hexdigest()[:16]


def refolded(validation: Images, test: Images, folds: int) -> list[Fold]:
    """The held-out images divided anew `folds` times, as TFD's are; for one fold, as they are.

    Fold i takes validation and test together in the order of a fixed permutation (numpy's default_rng(i)): the first
    third is its validation, the rest its test. Raises UserError where that leaves one of them empty.
    """
    if folds == 1:
        return [(validation, test)]
    n = len(validation) + len(test)
    if folds < 1 or n < 3:
        raise UserError(f"data.folds is {folds}, with {n} images held out; at least 1 fold and 3 images are needed.")
    held = Images(torch.cat([validation.pixels, test.pixels]), torch.cat([validation.labels, test.labels]))
    orders = [torch.from_numpy(np.random.default_rng(fold).permutation(n)) for fold in range(folds)]
    return [(held[order[: n // 3]], held[order[n // 3 :]]) for order in orders]
