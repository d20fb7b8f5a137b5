"""A recogniser that needs no training: an image is what all its nearest training images are."""

from torch import Tensor

from ganrepro.probes.neighbours import Neighbours

NEIGHBOURS = 5  # the vote that must be unanimous
LIMIT = 0.99  # of held-out images lie nearer to a training image than the limit


def distance_limit(heldout: Neighbours) -> float:
    """How far from its nearest training image an image may lie: 99 % of held-out images lie nearer."""
    return heldout.distances[:, 0].quantile(LIMIT).item()


def recognised(neighbours: Neighbours, labels: Tensor, limit: float) -> Tensor:
    """Whether each image is a clear example of some class, bool [n].

    neighbours: its nearest training images (5 of them); labels: int64 [number of training images]. True where
    all of them carry one label and the nearest is at most `limit` away.
    """
    votes = labels[neighbours.indices]
    return (votes == votes[:, :1]).all(1) & (neighbours.distances[:, 0] <= limit)
