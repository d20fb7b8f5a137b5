"""Digits of a printed font that hardly vary: LSGAN's sets of small variability, rendered by ourselves."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError

DIGITS = "0123456789"
FONT = "STIXGeneral.ttf"  # Times-like, and comes with matplotlib: nothing is fetched
FINE = 4  # a picture is drawn so many times as large, turned there, and reduced at the end
DRAWN = 256  # pixels of the letters before they are fitted in


class RenderedDigits(ImageData):
    """White digits on black, as tall as the picture, at some place from left to right; half of them turned a little.

    As the sets that xudonmao/improved_LSGAN ships (small_variance_datasets): 1,000 pictures a digit, of which its
    shift makes no more than 10 to 18 distinct, 124 in all (here 10 to 17, and 119); in the second set half of them
    are turned besides, by up to 10 degrees either way. Validation and test, a fifth of train each, are further draws
    of the same kind (numpy's default_rng(0)), so they repeat training images. Outlines are drawn by Pillow's
    FreeType, whose versions may differ in an edge's grey, and so in the fingerprint.
    """

    def __init__(
        self,
        size: int = 28,
        per_class: int = 1000,
        rotation: float = 10.0,
        value_range: Sequence[float] = (0.0, 1.0),
        stand_in_for: str | None = None,
    ) -> None:
        """`size`: height and width. `per_class`: training images of each digit, at least 5. `rotation`: degrees.

        With a rotation above 0 half of the images are turned, uniformly between minus and plus so many degrees; with
        0 there is the shift alone. Raises UserError where these are out of range.
        """
        if size < 8 or per_class < 5 or not 0 <= rotation <= 45:
            raise UserError(
                f"data.size={size} data.per_class={per_class} data.rotation={rotation}: the size is at least 8, there "
                "are at least 5 images of a digit, and the rotation is from 0 to 45 degrees."
            )
        rng = np.random.default_rng(0)
        held_out = per_class // 5
        train, validation, test = (_drawn(rng, size, count, rotation) for count in (per_class, held_out, held_out))
        super().__init__("rendered_digits", train, validation, test, list(DIGITS), value_range, stand_in_for)


def _drawn(rng: np.random.Generator, size: int, per_class: int, rotation: float) -> Images:
    """So many pictures of each digit, in a random order."""
    labels = rng.permutation(np.repeat(np.arange(len(DIGITS)), per_class))
    turned = rng.random(len(labels)) < 0.5
    angles = np.where(turned, rng.uniform(-rotation, rotation, len(labels)), 0.0)
    pixels = [
        _picture(int(label), int(rng.integers(size - _width(int(label), size) + 1)), float(angle), size)
        for label, angle in zip(labels, angles, strict=True)
    ]
    return Images(torch.from_numpy(np.stack(pixels))[:, None], torch.from_numpy(labels.astype(np.int64)))


def _picture(label: int, shift: int, angle: float, size: int) -> np.ndarray:
    """One digit `shift` pixels from the left, turned counterclockwise about the middle: uint8 [size, size]."""
    canvas = Image.new("L", (size * FINE, size * FINE))
    canvas.paste(_glyph(label, size), (shift * FINE, 0))
    if angle:
        canvas = canvas.rotate(angle, Image.Resampling.BILINEAR)
    return np.asarray(canvas.reduce(FINE))


def _width(label: int, size: int) -> int:
    """Pixels that a digit takes from left to right."""
    return -(-_glyph(label, size).width // FINE)


@lru_cache(maxsize=64)
def _glyph(label: int, size: int) -> Image.Image:
    """A digit cut to its ink and brought to the picture's height, `FINE` times as large."""
    import matplotlib

    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", FONT), DRAWN)
    drawn = Image.new("L", (2 * DRAWN, 2 * DRAWN))
    ImageDraw.Draw(drawn).text((DRAWN // 2, DRAWN // 2), DIGITS[label], 255, font)
    ink = drawn.crop(drawn.getbbox())
    height = size * FINE
    return ink.resize((min(height, round(ink.width * height / ink.height)), height), Image.Resampling.BICUBIC)
