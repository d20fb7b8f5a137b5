"""Near-duplicates made on purpose, so that those a search finds and those it misses can be counted.

Four kinds, as slight as a second upload of one photograph may be; how slight is our choice, made before any search.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

CROP = 32  # a crop loses one part in so many of the height and of the width, and at least a pixel
BRIGHTNESS = 0.1  # a factor from 1 - this to 1 + this
QUALITY = (50, 90)  # of the JPEG file, from 1 to 100
NOISE = 0.02  # standard deviation, of the range of pixels


@dataclass(frozen=True)
class Planted:
    """pixels: uint8 [n, c, h, w]. sources: int64 [n], the images they were made from. kinds: a word for each."""

    pixels: Tensor
    sources: Tensor
    kinds: list[str]


def near_duplicates(pixels: Tensor, n: int, generator: torch.Generator) -> Planted:
    """One near-duplicate each of n images of uint8 [images, c, h, w], drawn without repetition; the kinds in turn.

    c is 1 or 3. n is at most the number of images.
    """
    sources = torch.randperm(len(pixels), generator=generator)[:n]
    kinds = [list(KINDS)[at % len(KINDS)] for at in range(n)]
    made = [KINDS[kind](pixels[source], generator) for kind, source in zip(kinds, sources.tolist(), strict=True)]
    return Planted(torch.stack(made) if made else pixels[:0], sources, kinds)


def cropped(image: Tensor, generator: torch.Generator) -> Tensor:
    height, width = image.shape[1:]
    high, wide = height - max(1, height // CROP), width - max(1, width // CROP)
    top = int(torch.randint(height - high + 1, (), generator=generator))
    left = int(torch.randint(width - wide + 1, (), generator=generator))
    return functional.resized_crop(image, top, left, high, wide, [height, width], antialias=True)


def brightened(image: Tensor, generator: torch.Generator) -> Tensor:
    factor = 1 + BRIGHTNESS * (2 * torch.rand((), generator=generator).item() - 1)
    return (image * factor).round().clamp(0, 255).to(torch.uint8)


def compressed(image: Tensor, generator: torch.Generator) -> Tensor:
    """Through a JPEG file of Pillow's, whose encoder comes with it."""
    quality, file = int(torch.randint(QUALITY[0], QUALITY[1] + 1, (), generator=generator)), io.BytesIO()
    functional.to_pil_image(image).save(file, "JPEG", quality=quality)
    return functional.pil_to_tensor(Image.open(file))


def noisy(image: Tensor, generator: torch.Generator) -> Tensor:
    added = torch.randn(image.shape, generator=generator) * (255 * NOISE)
    return (image + added).round().clamp(0, 255).to(torch.uint8)


KINDS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "cropped": cropped,
    "brightened": brightened,
    "compressed": compressed,
    "noisy": noisy,
}
