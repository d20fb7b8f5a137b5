"""The study `lsun_dedup`: near-duplicates among training images, and how many of planted ones are found."""

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.dedup.hashing import first_equal, hashed, small
from ganrepro.dedup.planting import KINDS, Planted, near_duplicates
from ganrepro.dedup.training import trained
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams

BATCH = 1000  # images hashed at once, for memory only
SHOWN = 12  # pairs in a picture
# Of the range of pixels, root mean square: what differs by less is near-duplicate by any standard. Of 1,000 rooms each
# one's nearest other is 0.12 away or more, of 4,000 CIFAR-10 images 0.06.
ALIKE = 0.05

Pairs = tuple[np.ndarray, np.ndarray]  # int64 [n] each: images, and those they are put beside


class Deduplication:
    """Images with one code are near-duplicates; of each such group the first by index is kept (section 4.1.1).

    Metrics: images, kept, removed; equal: how many of the removed have the bytes of an earlier image; active: units
    of a code, on average; largest_group: images with one code; loss: of the autoencoder.
    With planted near-duplicates, which come after the images and count among them: recall, the share of them that has
    its source's code; recall/<kind>; false_positives, the share of the removed images that are neither planted from
    nor equal to an earlier one with their code; unlike, the share that besides differs from the one that stays by more
    than 5 % of the range of pixels, since real images have near-duplicates that nobody planted. Both are NaN where
    nothing is removed.
    Arrays: dedup.npz with kept int64 [k], the training images that stay; removed and instead_of int64 [r], those that
    do not and the image that stays for each; fingerprint, of the data they are indices of; and pairs of pictures uint8
    [pairs, 2, c, h, w], drawn from all: collided, and with planted ones wrong (false positives) and missed.
    """

    needs_data = True
    iterates = True
    mode = "max"

    def __init__(
        self,
        data: ImageData,
        code: int = 128,
        noise: float = 4.0,
        keep: float = 0.5,
        weight_std: float = 0.001,
        lr: float = 0.001,
        batch: int = 128,
        planted: int = 0,
    ) -> None:
        """code: units. The rest but planted: see `trained`. planted: how many images get a near-duplicate.

        Planting copies the images into memory. UserError for data that are not pictures or fewer than `planted`.
        """
        if not isinstance(data, ImageData):
            raise UserError("lsun_dedup looks for near-duplicates among pictures; these data have none.")
        if not 0 <= planted <= len(data.train):
            raise UserError(f"model.planted={planted}: {data.name} has {len(data.train)} images to make them from.")
        self.data, self.planted = data, planted
        self.train = partial(trained, code=code, noise=noise, keep=keep, weight_std=weight_std, lr=lr, batch=batch)
        self.monitor = "recall" if planted else "removed"

    def __call__(self, streams: Streams, updates: int) -> Evaluated:
        own = self.data.train.pixels
        planted = near_duplicates(own, self.planted, streams("planted"))
        pixels = torch.cat([own, planted.pixels]) if self.planted else own
        network, loss = self.train(pixels, streams, updates)
        bits, digests = hashed(network, pixels.split(BATCH))
        first, equal = first_equal(bits), first_equal(digests)
        metrics = counts(bits, first, equal) | {"loss": loss}
        arrays = index(first[: len(own)]) | {"fingerprint": np.array(self.data.fingerprint)}
        if self.planted:
            found, chosen = judged(pixels, first, equal, planted)
            metrics |= found
        else:
            removed = np.flatnonzero(first != np.arange(len(first)))
            chosen = {"collided": (removed, first[removed])}
        arrays |= {name: pairs(pixels, *which, streams("shown", name)) for name, which in chosen.items()}
        print(said(metrics), flush=True)
        return Evaluated(metrics, {"dedup": arrays})


def counts(bits: np.ndarray, first: np.ndarray, equal: np.ndarray) -> dict[str, float]:
    """What there is of images, bits and collisions. first, equal: the first image with each one's code, its bytes."""
    removed = int((first != np.arange(len(first))).sum())
    return {
        "images": float(len(first)),
        "kept": float(len(first) - removed),
        "removed": float(removed),
        "equal": float((equal != np.arange(len(equal))).sum()),
        "active": float(np.bitwise_count(bits).sum(1, dtype=np.int64).mean()),
        "largest_group": float(np.bincount(first).max()),
    }


def index(first: np.ndarray) -> dict[str, np.ndarray]:
    """Which images stay, which do not, and which stays instead of each of these."""
    removed = first != np.arange(len(first))
    return {"kept": np.flatnonzero(~removed), "removed": np.flatnonzero(removed), "instead_of": first[removed]}


def judged(
    pixels: Tensor, first: np.ndarray, equal: np.ndarray, planted: Planted
) -> tuple[dict[str, float], dict[str, Pairs]]:
    """The metrics of planted near-duplicates, and which images make the pairs `collided`, `wrong` and `missed`.

    first, equal: int64 [n], the first image with each one's code, and with its bytes; the planted ones come last. An
    image's origin is the first one that is equal to it or to its source.
    """
    everyone, sources, own = np.arange(len(first)), planted.sources.numpy(), len(first) - len(planted.sources)
    origin = np.append(equal[:own], equal[sources])
    before = first_equal(np.stack([first, origin], 1))  # the first image with each one's code and origin
    right = np.flatnonzero(before != everyone)
    wrong = np.flatnonzero((before == everyone) & (first != everyone))
    missed = np.flatnonzero(first[own:] != first[sources])
    unlike = (distances(pixels, wrong, first[wrong]) > ALIKE).sum()
    removed = len(right) + len(wrong) or math.nan
    found = {"false_positives": len(wrong) / removed, "unlike": float(unlike / removed)}
    found |= recalls(~np.isin(np.arange(len(sources)), missed), planted.kinds)
    return found, {
        "collided": (right, before[right]),
        "wrong": (wrong, first[wrong]),
        "missed": (own + missed, sources[missed]),
    }


def recalls(found: np.ndarray, kinds: list[str]) -> dict[str, float]:
    """The share of planted images that are found, bool [n], over all and kind by kind."""
    of = np.array(kinds)
    return {"recall": float(found.mean())} | {
        f"recall/{kind}": float(found[of == kind].mean()) for kind in KINDS if kind in kinds
    }


def distances(pixels: Tensor, which: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Of each pair of images at 32x32 the root of the mean squared difference, of the range of pixels: float [n]."""
    one, other = (small(pixels[torch.from_numpy(of)]).flatten(1).double() / 255 for of in (which, beside))
    return (one - other).square().mean(1).sqrt().numpy()


def pairs(pixels: Tensor, which: np.ndarray, beside: np.ndarray, generator: torch.Generator) -> np.ndarray:
    """Up to 12 images of `which`, taken at random, each after the one `beside` it: uint8 [pairs, 2, c, h, w]."""
    drawn = np.sort(torch.randperm(len(which), generator=generator)[:SHOWN].numpy())
    return torch.stack([pixels[torch.from_numpy(of[drawn])] for of in (beside, which)], 1).numpy()


def said(metrics: dict[str, float]) -> str:
    """What was found, in a line."""
    text = f"Near-duplicates: {metrics['removed']:,.0f} of {metrics['images']:,.0f} images removed"
    if "recall" in metrics and metrics["removed"]:
        text += (
            f"; of planted ones {metrics['recall']:.1%} found; of the removed {metrics['false_positives']:.2%} neither "
            f"planted nor equal to another, {metrics['unlike']:.2%} unlike the one that stays"
        )
    return f"{text}."
