"""Few training images of many, as DeLiGAN and t-GAN train on them: fixed choices, the same for every seed."""

import numpy as np
import torch

from ganrepro.data.images import Images
from ganrepro.errors import UserError

PICKS = ("last_of_class", "random")


def few(train: Images, images: int | None, pick: str) -> Images:
    """`images` of the training images, in their stored order; None: all of them, whatever `pick` is.

    pick: "last_of_class", the last ones of each class, of all alike, as val-iisc/deligan's MNIST code takes the last
    50 of each digit; "random", a draw without regard to classes (numpy's default_rng(1); its CIFAR-10 code draws 2000
    with the seed 1, from another generator).
    Raises UserError for another pick, for fewer images than 1 or more than there are, and for last_of_class where
    images have no labels, do not divide evenly among the classes that occur, or a class has too few.
    """
    if pick not in PICKS:
        raise UserError(f"data.pick is {pick}; it must be {' or '.join(PICKS)}.")
    if images is None:
        return train
    if not 1 <= images <= len(train):
        raise UserError(f"data.images is {images}; it must be from 1 to the {len(train)} training images.")
    if pick == "random":
        return train[torch.from_numpy(np.sort(np.random.default_rng(1).permutation(len(train))[:images]))]
    return train[last_of_class(train.labels, images)]


def last_of_class(labels: torch.Tensor, images: int) -> torch.Tensor:
    """Where the last images / classes of each class stand among labels [n]: int64 [images], rising."""
    occurring, counts = labels.unique(return_counts=True)
    if (occurring < 0).any():
        raise UserError("data.pick=last_of_class needs labels for all training images: set data.pick=random.")
    each, rest = divmod(images, len(occurring))
    if rest or int(counts.min()) < each:
        raise UserError(
            f"data.images={images} cannot be as many of each of {len(occurring)} classes, of which the smallest has "
            f"{int(counts.min())}: give a multiple of {len(occurring)} that it has, or set data.pick=random."
        )
    return torch.cat([(labels == label).nonzero()[-each:, 0] for label in occurring]).sort().values
