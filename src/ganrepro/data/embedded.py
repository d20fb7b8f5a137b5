"""Pictures that come inside an installed package: no download, for laptops and tests."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError

TRAIN, VALIDATION = 1197, 300  # of 1,797; the last 300 are the test split


class Digits(ImageData):
    """scikit-learn's 1,797 handwritten digits, the test part of UCI's optdigits.

    8x8 grey pictures with 17 levels, 0 (paper) to 16 (ink), scaled by 255/16 to uint8. Neighbours in the
    stored order tend to share a writer, so the split into 1197 / 300 / 300 follows a fixed permutation
    (numpy's default_rng(0)).
    """

    def __init__(
        self, size: int = 8, value_range: Sequence[float] = (0.0, 1.0), stand_in_for: str | None = None
    ) -> None:
        """`size`: height and width after Pillow's antialiased bilinear resizing (8: as stored).

        Pillow resizes in integers, so the pixels and the fingerprint are the same on every machine.
        Raises UserError for a size below 1.
        """
        if size < 1:
            raise UserError(f"data.size is {size}; it must be at least 1.")
        stored = load_digits()
        levels = np.rint(stored.images * (255 / 16)).astype(np.uint8)
        resized = [Image.fromarray(level).resize((size, size), Image.Resampling.BILINEAR) for level in levels]
        pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in resized]))[:, None]
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(pixels)))
        images = Images(pixels, torch.from_numpy(stored.target.astype(np.int64)))[order]
        super().__init__(
            "digits",
            train=images[:TRAIN],
            validation=images[TRAIN : TRAIN + VALIDATION],
            test=images[TRAIN + VALIDATION :],
            classes=[str(name) for name in stored.target_names],
            value_range=value_range,
            stand_in_for=stand_in_for,
        )
