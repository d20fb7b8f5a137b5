"""From uint8 pixels to what networks see, to what is measured, and back to something to look at.

A scaling has three spaces: the pixels; the networks' (`normalise`); and the measured one, in which likelihoods and
distances are computed (`measured` for pixels, `to_measured` for what a generator makes).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganrepro.errors import UserError

RANGES = ((0.0, 1.0), (-1.0, 1.0))  # the range of a sigmoid output, and of a tanh output
CHUNK = 1000  # images that are normalised at once for their mean, for memory only


@dataclass(frozen=True)
class Range:
    """Pixels 0 to 255 become `low` to `high`; measured in [0, 1] whatever the ends, so that runs of both compare."""

    low: float = 0.0
    high: float = 1.0

    @property
    def value_range(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def span(self) -> float:
        """high - low, against which a generator's spread is called small."""
        return self.high - self.low

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 pixels of any shape, on any device -> float32 in `value_range`; 0 and 255 are its ends."""
        images = pixels.float().div_(255 / self.span)
        return images.add_(self.low) if self.low else images

    def measured(self, pixels: Tensor) -> Tensor:
        """uint8 pixels of any shape -> float32 in [0, 1]."""
        return pixels.float() / 255

    def to_measured(self, images: Tensor) -> Tensor:
        """Images in `value_range` -> [0, 1]; what lies outside stays outside."""
        return (images - self.low) / self.span

    def displayed(self, images: Tensor, like: Tensor | None = None) -> Tensor:
        """Measured images -> uint8: times 255, rounded and clamped; NaN becomes 0. One scale serves all."""
        return _levels(images.detach() * 255)

    def to_uint8(self, images: Tensor) -> Tensor:
        """Floating-point images in `value_range` -> uint8: scaled, rounded and clamped; NaN becomes 0."""
        return _levels((images.detach().float() - self.low) * (255 / self.span))

    def pixel_mean(self, pixels: Tensor) -> Tensor:
        """The mean of uint8 [n, c, h, w] as networks see it: float64 [c, h, w] on the CPU."""
        total = pixels.sum(0, dtype=torch.int64).cpu().double()
        return total / len(pixels) * (self.span / 255) + self.low


@dataclass(frozen=True)
class ContrastNormalisation:
    """Global contrast normalisation: each image minus its own mean over all values, then scaled to the L2 norm `norm`.

    55 is the norm of the 2014 authors' CIFAR-10; pylearn2 (preprocessing.py, global_contrast_normalize) leaves an
    image undivided where its divisor, norm / 55, is below 1e-8. Among pixels only constant images are: they become 0.
    `values`: how many an image has. Images have no bounded range, and are measured as they are.
    """

    norm: float = 55.0
    values: int = 3 * 32 * 32

    @property
    def value_range(self) -> None:
        return None

    @property
    def span(self) -> float:
        """Two standard deviations of a normalised image's values.

        By construction an image has mean 0 and the mean square norm² / values; images in [-1, 1] of the strongest
        contrast have the standard deviation 1 and the span 2.
        """
        return 2 * self.norm / math.sqrt(self.values)

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 [..., c, h, w] on any device -> float32: mean 0 and L2 norm `norm`, or 0 for a constant image.

        Sums are those of integers, so an image does not depend on its batch, and a constant one gives exactly 0.
        """
        n, levels = math.prod(pixels.shape[-3:]), pixels.flatten(-3).int()
        total, squares = levels.sum(-1), (levels * levels).sum(-1)  # int64: sums of int32 are
        length = ((n * squares - total.square()).float() / n).sqrt_()
        factor = torch.where(length > 0, self.norm / length, 0.0)
        return pixels.float().sub_((total.float() / n)[..., None, None, None]).mul_(factor[..., None, None, None])

    def measured(self, pixels: Tensor) -> Tensor:
        """As networks see them."""
        return self.normalise(pixels)

    def to_measured(self, images: Tensor) -> Tensor:
        """The images themselves."""
        return images

    def displayed(self, images: Tensor, like: Tensor | None = None) -> Tensor:
        """Measured images -> uint8, all on one scale: divided by the largest finite |value| among `like`, or them.

        So zero is mid-grey, as in the paper's figure (the authors' show_samples_*_paper.py). NaN becomes 0.
        """
        images = images.detach()
        finite = (images if like is None else like).detach().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        largest = finite.abs().amax().item() if images.numel() else 0.0
        return _levels((images / (largest or 1.0) + 1) * 127.5)

    def to_uint8(self, images: Tensor) -> Tensor:
        """The networks' images as `displayed` has them."""
        return self.displayed(self.to_measured(images).float())

    def pixel_mean(self, pixels: Tensor) -> Tensor:
        """The mean of uint8 [n, c, h, w] as networks see it: float64 [c, h, w] on the CPU."""
        parts = [self.normalise(part).sum(0, dtype=torch.float64) for part in pixels.cpu().split(CHUNK)]
        return torch.stack(parts).sum(0) / len(pixels)


Scaling = Range | ContrastNormalisation


def scaling_of(name: str, value_range: Sequence[float] | None, values: int) -> Scaling:
    """What `data.scaling` and `data.value_range` say, for images of so many values.

    Raises UserError for another name or range, and for gcn with a range, which would be ignored.
    """
    if name == "gcn":
        if value_range is not None:
            raise UserError(
                f"data.value_range={_shown(value_range)} does not go with data.scaling=gcn, which has no range: "
                "set data.value_range=null, or data.scaling=range."
            )
        return ContrastNormalisation(values=values)
    if name != "range":
        raise UserError(f"data.scaling is {name}; it must be range or gcn.")
    if value_range is None or (low_high := tuple(map(float, value_range))) not in RANGES:
        raise UserError(f"data.value_range is {_shown(value_range)}; it must be [0, 1] or [-1, 1].")
    return Range(*low_high)


def _levels(values: Tensor) -> Tensor:
    """Floats about 0 to 255 as uint8; `values` is overwritten."""
    return values.nan_to_num_(nan=0.0, posinf=255.0, neginf=0.0).round_().clamp_(0, 255).to(torch.uint8)


def _shown(value_range: Sequence[float] | None) -> str:
    return "null" if value_range is None else f"[{', '.join(format(end, 'g') for end in value_range)}]"
