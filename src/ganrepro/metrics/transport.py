"""The exact Wasserstein-1 distance between two sets of points of equal size."""

import math

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def wasserstein1(first: Tensor, second: Tensor) -> float:
    """The mean Euclidean distance under the cheapest pairing of points [n, dim] with [n, dim], in float64.

    Cubic in n: about 0.1 s at 1,000. NaN where a point is not finite; ValueError for sets of unequal size.
    """
    if first.shape != second.shape or not len(first):
        raise ValueError(f"points must be two sets of one size, not {list(first.shape)} and {list(second.shape)}")
    if not (first.isfinite().all() and second.isfinite().all()):
        return math.nan
    # Without the matrix product, which loses half the digits of small distances.
    distances = torch.cdist(first.double().cpu(), second.double().cpu(), compute_mode="donot_use_mm_for_euclid_dist")
    rows, columns = linear_sum_assignment(distances.numpy())
    return distances[rows, columns].mean().item()
