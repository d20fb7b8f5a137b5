"""From images to bits, and equal bits among many: one pass over the images, whose codes alone stay in memory."""

import hashlib
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from ganrepro.networks.autoencoder import Autoencoder

SIDE = 32  # pixels, height and width of what is hashed


def small(pixels: Tensor) -> Tensor:
    """The centre square of uint8 [n, c, h, w] at 32x32, as uint8."""
    side = min(pixels.shape[2:])
    return functional.resize(functional.center_crop(pixels, [side, side]), [SIDE, SIDE], antialias=True)


def seen(pixels: Tensor) -> Tensor:
    """What the autoencoder sees of uint8 [n, c, h, w]: float32 [n, c * 32 * 32].

    The centre square at 32x32, in [-1, 1], less each image's own mean, so that brightness says nothing.
    """
    flat = small(pixels).flatten(1).float() / 127.5 - 1
    return flat - flat.mean(1, keepdim=True)


@torch.no_grad()
def hashed(network: Autoencoder, batches: Iterable[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Of batches of uint8 [m, c, h, w], read once: which units of the code are active, and a digest of the bytes.

    Both are uint8: [n, code / 8], a bit a unit, and [n, 16], of BLAKE2, the same for equal images.
    """
    bits, digests = [], []
    for pixels in batches:
        bits.append(np.packbits((network.code(seen(pixels)) > 0).numpy(), axis=1))
        digests.append(np.stack([digest(image.numpy()) for image in pixels]))
    return np.concatenate(bits), np.concatenate(digests)


def digest(image: np.ndarray) -> np.ndarray:
    return np.frombuffer(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), np.uint8)


def first_equal(rows: np.ndarray) -> np.ndarray:
    """For each row of [n, k] the lowest index of a row equal to it: int64 [n]; n log n by sorting."""
    order = np.lexsort(rows.T)  # stable: equal rows stay in their order
    ordered = rows[order]
    starts = np.ones(len(rows), bool)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(1)
    first = np.empty(len(rows), np.int64)
    first[order] = order[starts][np.cumsum(starts) - 1]
    return first
