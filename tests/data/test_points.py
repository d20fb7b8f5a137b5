"""Mixtures of Gaussians: draws against their density."""

import pytest
import torch
from scipy.stats import norm

from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError

LINE = GaussianMixture([[-1.0], [1.5]], [0.6, 0.4], [3.0, 1.0])


def test_density_is_the_sum_of_normal_densities(noise: torch.Generator) -> None:
    x = torch.linspace(-4, 4, 50, dtype=torch.float64)
    expected = 0.75 * norm.pdf(x, -1.0, 0.6) + 0.25 * norm.pdf(x, 1.5, 0.4)
    assert LINE.density(x[:, None]).numpy() == pytest.approx(expected, rel=1e-9)
    plane = GaussianMixture([[1.0, 2.0]], [0.5], [1.0])
    at = torch.tensor([[0.3, 2.2]])
    assert plane.density(at).item() == pytest.approx(norm.pdf(0.3, 1, 0.5) * norm.pdf(2.2, 2, 0.5), rel=1e-6)


def test_draws_have_the_mixture_s_moments(noise: torch.Generator) -> None:
    points = LINE.draw(200_000, noise)
    assert points.shape == (200_000, 1)
    assert (points > 0.4).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert points.mean().item() == pytest.approx(-0.375, abs=0.01)
    assert points.var().item() == pytest.approx(0.75 * 0.6**2 + 0.25 * 0.4**2 + 0.75 * 0.25 * 2.5**2, abs=0.02)


@pytest.mark.parametrize(
    ("means", "stds", "weights"),
    [([[0.0], [1.0, 2.0]], [1.0, 1.0], [1.0, 1.0]), ([[0.0]], [1.0, 1.0], [1.0]), ([[0.0]], [0.0], [1.0])],
)
def test_numbers_that_do_not_go_together(means: list[list[float]], stds: list[float], weights: list[float]) -> None:
    with pytest.raises(UserError, match="mixture"):
        GaussianMixture(means, stds, weights)


def test_the_fingerprint_is_of_the_numbers() -> None:
    prints = {GaussianMixture([[0.0]], [std], [1.0]).fingerprint for std in (1.0, 1.0, 2.0)}
    assert len(prints) == 2


@pytest.mark.parametrize("dim", [1, 2])
def test_pictures(dim: int, noise: torch.Generator) -> None:
    mixture = GaussianMixture([[0.0] * dim], [1.0], [1.0])
    picture = mixture.picture(mixture.draw(100, noise))
    assert picture.shape == (240, 240, 3)
    assert picture.std() > 5
    assert (mixture.picture(torch.full((10, dim), torch.nan)) != picture).any()
