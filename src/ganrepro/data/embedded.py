"""Pictures that come inside an installed package: no download, for laptops and tests."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from ganrepro.data.few import few
from ganrepro.data.images import ImageData, Images, refolded
from ganrepro.errors import UserError

TRAIN, VALIDATION = 1197, 300  # of 1,797; the last 300 are the test split
TRAIN_FACES, VALIDATION_FACES = 60, 20  # of 100; the last 20 are the test split

PHOTOGRAPHS = ("china", "flower", "astronaut", "chelsea", "coffee", "rocket")  # scikit-learn's two come first
REGION, PATCH, STEP = 64, 32, 16  # pixels; a region holds nine patches
HELD_OUT_REGIONS = 33  # for validation, and as many for test, of 326


class Digits(ImageData):
    """scikit-learn's 1,797 handwritten digits, the test part of UCI's optdigits.

    8x8 grey pictures with 17 levels, 0 (paper) to 16 (ink), scaled by 255/16 to uint8. Neighbours in the
    stored order tend to share a writer, so the split into 1197 / 300 / 300 follows a fixed permutation
    (numpy's default_rng(0)).
    """

    def __init__(
        self,
        size: int = 8,
        value_range: Sequence[float] = (0.0, 1.0),
        stand_in_for: str | None = None,
        images: int | None = None,
        pick: str = "last_of_class",
    ) -> None:
        """`size`: height and width after Pillow's antialiased bilinear resizing (8: as stored).

        Pillow resizes in integers, so the pixels and the fingerprint are the same on every machine.
        `images`, `pick`: how many training images are kept, and which (ganrepro.data.few); None: all.
        Raises UserError for a size below 1, and as `few` does.
        """
        stored = load_digits()
        pixels = _resized(np.rint(stored.images * (255 / 16)).astype(np.uint8), size)
        digits = Images(pixels, torch.from_numpy(stored.target.astype(np.int64)))[_order(len(pixels))]
        super().__init__(
            "digits",
            train=few(digits[:TRAIN], images, pick),
            validation=digits[TRAIN : TRAIN + VALIDATION],
            test=digits[TRAIN + VALIDATION :],
            classes=[str(name) for name in stored.target_names],
            value_range=value_range,
            stand_in_for=stand_in_for,
        )


class Faces(ImageData):
    """The 100 faces of scikit-image's `lfw_subset`, cut out of Labeled Faces in the Wild: 25x25 grey.

    They are stored as float64 in [0, 1], faces before as many pieces of background, which are left out; here
    times 255, rounded. The split into 60 / 20 / 20 follows a fixed permutation (numpy's default_rng(0)).
    """

    def __init__(
        self,
        size: int = 25,
        value_range: Sequence[float] = (0.0, 1.0),
        folds: int = 1,
        stand_in_for: str | None = None,
    ) -> None:
        """`size`: as in Digits (25: as stored). `folds`: as in `refolded`."""
        from skimage.data import lfw_subset

        pixels = _resized(np.rint(lfw_subset()[:100] * 255).astype(np.uint8), size)
        images = Images(pixels, torch.zeros(len(pixels), dtype=torch.int64))[_order(len(pixels))]
        end = TRAIN_FACES + VALIDATION_FACES
        first, *others = refolded(images[TRAIN_FACES:end], images[end:], folds)
        super().__init__(
            "faces", images[:TRAIN_FACES], *first, ["face"], value_range, stand_in_for, further_folds=others
        )


class Patches(ImageData):
    """32x32 RGB pieces of six colour photographs: scikit-learn's two, and four that scikit-image's wheel holds.

    Each photograph is cut into 64x64 regions, each region into nine patches, 16 pixels apart. The splits are of
    regions, by a fixed permutation of all (numpy's default_rng(0)), so that patches of two splits never overlap:
    2,340 / 297 / 297. A label is the photograph. Three of these are JPEG files, so the decoder has a say in the
    fingerprint.
    """

    def __init__(
        self,
        size: int = PATCH,
        value_range: Sequence[float] | None = (0.0, 1.0),
        scaling: str = "range",
        stand_in_for: str | None = None,
    ) -> None:
        """`size`: as in Digits, of the 32x32 patches. `scaling`: as in `ImageData`."""
        regions = [
            (photograph[top : top + REGION, left : left + REGION], label)
            for label, photograph in enumerate(photographs())
            for top in range(0, photograph.shape[0] - REGION + 1, REGION)
            for left in range(0, photograph.shape[1] - REGION + 1, REGION)
        ]
        shuffled = [regions[at] for at in _order(len(regions)).tolist()]
        test, validation = shuffled[:HELD_OUT_REGIONS], shuffled[HELD_OUT_REGIONS : 2 * HELD_OUT_REGIONS]
        super().__init__(
            "patches",
            train=_patches(shuffled[2 * HELD_OUT_REGIONS :], size),
            validation=_patches(validation, size),
            test=_patches(test, size),
            classes=PHOTOGRAPHS,
            value_range=value_range,
            stand_in_for=stand_in_for,
            scaling=scaling,
        )


def photographs() -> Iterator[np.ndarray]:
    """uint8 [height, width, 3] each, in the order of PHOTOGRAPHS."""
    from skimage import data

    yield from load_sample_images().images
    for name in PHOTOGRAPHS[2:]:
        yield getattr(data, name)()


def _patches(regions: Sequence[tuple[np.ndarray, int]], size: int) -> Images:
    """Every patch of the regions, in the order of a fixed permutation; a region comes with its label."""
    starts = range(0, REGION - PATCH + 1, STEP)
    cut = [region[top : top + PATCH, left : left + PATCH] for region, _ in regions for top in starts for left in starts]
    labels = torch.tensor([label for _, label in regions]).repeat_interleave(len(starts) ** 2)
    return Images(_resized(np.stack(cut), size), labels)[_order(len(cut))]


def _order(n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).permutation(n))


def _resized(pictures: np.ndarray, size: int) -> torch.Tensor:
    """uint8 [n, height, width] or [n, height, width, channels] -> uint8 [n, channels, size, size]."""
    if size < 1:
        raise UserError(f"data.size is {size}; it must be at least 1.")
    resized = [Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR) for picture in pictures]
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in resized]))
    return pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()
