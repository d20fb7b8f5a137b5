"""Are samples copies? Nearest training images (Goodfellow et al. 2014, Figure 2) and how near they are."""

from typing import NamedTuple

import torch
from torch import Tensor

SPARE = 4  # float32 products may swap near ties, so a few more are measured exactly


class Neighbours(NamedTuple):
    """For n images their k nearest candidates, nearest first."""

    distances: Tensor  # float32 [n, k], L2
    indices: Tensor  # int64 [n, k], among the candidates


def nearest(images: Tensor, candidates: Tensor, k: int = 1, chunk: int = 100) -> Neighbours:
    """The k candidates at the smallest L2 distance from each image (all, if there are fewer).

    images: floating point [n, ...], candidates: [m, ...] of the same scale, both flattened. Candidates are found
    with one float32 matrix product for `chunk` images; the k + 4 best are then measured by subtraction, so that
    the distances and their order are right to float32 rounding.
    """
    candidates = candidates.flatten(1).float()
    norms = candidates.square().sum(1)
    k = min(k, len(candidates))
    found = []
    with torch.autocast(images.device.type, enabled=False):
        for block in images.flatten(1).float().split(chunk):
            ranks = torch.addmm(norms, block, candidates.T, alpha=-2)  # squared distance less the image's own norm
            likely = ranks.topk(min(k + SPARE, len(candidates)), dim=1, largest=False).indices
            exact = torch.linalg.vector_norm(block[:, None] - candidates[likely], dim=2)
            distances, order = exact.sort(dim=1, stable=True)
            found.append((distances[:, :k], likely.gather(1, order)[:, :k]))
    return Neighbours(*map(torch.cat, zip(*found, strict=True)))


def copies(samples: Tensor, heldout: Tensor, quantile: float = 0.01) -> float:
    """The share of samples that lie nearer to a training image than nearly all held-out images do.

    samples, heldout: [n], distances to the nearest training image. The threshold is the `quantile` of heldout's,
    so a generator that draws from the data's own distribution scores about `quantile`, one that recites 1.
    """
    return (samples < heldout.quantile(quantile)).float().mean().item()
