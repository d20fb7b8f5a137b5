"""The Frechet distance against its closed form."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from ganrepro.metrics.frechet import frechet_distance
from ganrepro.streams import stream


def whitened(n: int, dim: int, name: str) -> torch.Tensor:
    """float64 [n, dim] whose sample mean is exactly 0 and whose sample covariance is exactly the identity."""
    x = torch.randn(n, dim, dtype=torch.float64, generator=stream(0, name))
    x = x - x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T


def test_two_gaussians_with_known_moments() -> None:
    """Diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2."""
    first = whitened(400, 5, "a") * torch.tensor([1.0, 2.0, 3.0, 0.5, 1.0]) + torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    second = whitened(300, 5, "b") * torch.tensor([2.0, 2.0, 1.0, 1.0, 3.0])
    assert frechet_distance(first, second) == pytest.approx(0 + 1 + 4 + 9 + 16 + 1 + 0 + 4 + 0.25 + 4, rel=1e-9)


def test_covariances_that_do_not_commute() -> None:
    generator = stream(0, "mix")
    first = whitened(500, 6, "a") @ torch.randn(6, 6, dtype=torch.float64, generator=generator)
    second = whitened(500, 6, "b") @ torch.randn(6, 6, dtype=torch.float64, generator=generator)
    one, other = np.cov(first.numpy().T), np.cov(second.numpy().T)
    expected = np.trace(one + other - 2 * sqrtm(one @ other).real)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)


def test_float32_features_far_from_the_origin_lose_nothing() -> None:
    first, second = whitened(400, 3, "a").float(), (2 * whitened(400, 3, "b")).float()
    assert frechet_distance(first, second) == pytest.approx(3, rel=1e-5)
    assert frechet_distance(first + 1000, second + 1000) == pytest.approx(3, rel=1e-3)


def test_equal_sets_and_features_that_are_dead() -> None:
    features = torch.cat([whitened(100, 8, "a"), torch.zeros(100, 4)], 1)
    assert frechet_distance(features, features.flip(0)) == pytest.approx(0, abs=1e-6)
    one_point = torch.ones(50, 12, dtype=torch.float64)
    assert frechet_distance(one_point, one_point) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(features, torch.zeros(9, 12)) == pytest.approx(8, rel=1e-6)


def test_not_finite_and_not_possible() -> None:
    assert math.isnan(frechet_distance(torch.full((3, 2), torch.nan), torch.ones(3, 2)))
    assert math.isnan(frechet_distance(torch.ones(3, 2), torch.full((3, 2), torch.inf)))
    for first, second in ((torch.ones(1, 2), torch.ones(3, 2)), (torch.ones(3, 2), torch.ones(3, 3))):
        with pytest.raises(ValueError, match="features must be"):
            frechet_distance(first, second)


def test_draws_nothing() -> None:
    before = torch.get_rng_state()
    frechet_distance(torch.ones(3, 2), torch.zeros(3, 2))
    assert torch.equal(before, torch.get_rng_state())
