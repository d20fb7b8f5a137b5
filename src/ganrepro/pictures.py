"""Image grids and PNG files."""

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from ganrepro.runs import write_atomically

SMALLEST = 32  # screen pixels; smaller tiles are enlarged


def grid(images: Tensor, columns: int) -> np.ndarray:
    """Images side by side in rows of `columns`, on black, 2 pixels apart: uint8 [height, width, 3].

    images: uint8 [n, channels, h, w] with 1 or 3 channels. Pictures under 32 pixels are enlarged by a whole
    factor, each pixel to a square.
    """
    factor = -(-SMALLEST // min(images.shape[2:]))
    large = images.cpu().repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    return make_grid(large, nrow=columns).permute(1, 2, 0).numpy()


def save_png(path: Path, picture: np.ndarray) -> None:
    """Writes uint8 [height, width, 3] as a PNG, whole or not at all; equal pictures give equal bytes."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    write_atomically(path, lambda file: image.save(file, format="PNG"))
