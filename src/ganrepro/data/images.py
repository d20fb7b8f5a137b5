"""An image set in memory: three splits of uint8 pixels, and the way to and from the networks' range."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ganrepro.errors import UserError

RANGES = ((0.0, 1.0), (-1.0, 1.0))  # the range of a sigmoid output, and of a tanh output


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


class ImageData:
    """A named image set, split into train, validation and test.

    `shape` is (channels, height, width); `value_range` is (0, 1) or (-1, 1), the range networks see;
    `stand_in_for` names the data set that this one replaces, None for the real thing; `classes` holds the
    names of the labels 0, 1, ...
    """

    def __init__(
        self,
        name: str,
        train: Images,
        validation: Images,
        test: Images,
        classes: Sequence[str] = (),
        value_range: Sequence[float] = (0.0, 1.0),
        stand_in_for: str | None = None,
    ) -> None:
        """Raises UserError for another value range, ValueError for an empty split or unlike shapes."""
        low, high = map(float, value_range)
        if (low, high) not in RANGES:
            raise UserError(f"data.value_range is [{low:g}, {high:g}]; it must be [0, 1] or [-1, 1].")
        shapes = {tuple(split.pixels.shape[1:]) for split in (train, validation, test)}
        if len(shapes) != 1 or not all(map(len, (train, validation, test))):
            raise ValueError(f"{name}: splits must hold images of one shape, got {sorted(shapes)}")
        self.name = name
        self.train, self.validation, self.test = train, validation, test
        channels, height, width = shapes.pop()
        self.shape: tuple[int, int, int] = (channels, height, width)
        self.classes = list(classes)
        self.value_range = (low, high)
        self.stand_in_for = stand_in_for

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 pixels of any shape, on any device -> float32 in `value_range`; 0 and 255 are its ends."""
        low, high = self.value_range
        images = pixels.float().div_(255 / (high - low))
        return images.add_(low) if low else images

    def to_uint8(self, images: Tensor) -> Tensor:
        """Floating-point images in `value_range` -> uint8: scaled, rounded and clamped; NaN becomes 0."""
        low, high = self.value_range
        levels = (images.detach().float() - low) * (255 / (high - low))
        return levels.nan_to_num_(nan=0.0, posinf=255.0, neginf=0.0).round_().clamp_(0, 255).to(torch.uint8)

    def pixel_mean(self) -> Tensor:
        """The mean training image, float64 [channels, height, width] in `value_range`, on the CPU."""
        low, high = self.value_range
        total = self.train.pixels.sum(0, dtype=torch.int64).cpu().double()
        return total / len(self.train) * ((high - low) / 255) + low

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the SHA-256 over each split's size, pixels and labels; computed once."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(repr(tuple(split.pixels.shape)).encode())
            digest.update(split.pixels.cpu().contiguous().numpy().data)
            digest.update(split.labels.cpu().numpy().astype("<i8").data)
        return digest.hexdigest()[:16]
