"""The Frechet distance between two sets of features, each taken for a Gaussian (Heusel et al. 2017)."""

import math

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance


class Given(nn.Module):
    """Stands where torchmetrics expects the network: the features have been computed already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of features [n, dim] and [m, dim], in float64.

    m are means, S covariances (n - 1). NaN where a feature is not finite; ValueError for fewer than two on a side.
    With no more rows than features the covariances are singular and the distance is dominated by n: compare only
    distances of equal n, or use fewer features.
    """
    if first.ndim != 2 or second.ndim != 2 or min(len(first), len(second)) < 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"features must be [n, dim] and [m, dim], not {list(first.shape)} and {list(second.shape)}")
    if not (first.isfinite().all() and second.isfinite().all()):
        return math.nan
    centre = second.double().mean(0)  # sums of squares lose digits far from the origin, and a shift changes nothing
    metric = FrechetInceptionDistance(feature=Given(first.shape[1]), sync_on_compute=False)
    metric.update(first.double() - centre, real=True)
    metric.update(second.double() - centre, real=False)
    return max(0.0, torch.nan_to_num(metric.compute(), nan=math.nan).item())
