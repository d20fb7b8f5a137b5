"""Figure 1's numbers on a generator and a discriminator in closed form."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.evaluation import DensityEvaluation
from ganrepro.evaluation.density import density_of, jensen_shannon
from ganrepro.latents import Latent, Normal
from ganrepro.streams import stream

DATA = GaussianMixture([[0.0]], [1.0], [1.0])


def streams(*purpose: str) -> torch.Generator:
    return stream(0, *purpose)


def gan(shift: float, logits) -> SimpleNamespace:
    """z ~ N(0, 1) is moved by `shift`."""
    return SimpleNamespace(latent=Latent(z=Normal(1, 1.0)), images=lambda z: z + shift, discriminate=logits)


def test_a_perfect_pair() -> None:
    """G has the data's density and D is 1/2 everywhere."""
    found = DensityEvaluation(samples=50_000)(gan(0.0, lambda x: torch.zeros(len(x))), DATA, streams, True)
    assert found.metrics["js"] < 0.002
    assert found.metrics["d_deviation"] == 0
    assert found.metrics["d_error"] < 0.03
    arrays = found.arrays["density"]
    assert arrays["g"] == pytest.approx(arrays["z"])
    assert arrays["q"] == pytest.approx(arrays["p"], abs=0.03)


def test_a_shifted_generator_against_its_optimal_discriminator() -> None:
    """For N(0,1) against N(1,1) the optimal logit is 1/2 - x."""
    found = DensityEvaluation(samples=50_000, low=-5, high=6)(
        gan(1.0, lambda x: 0.5 - x[:, 0]), DATA, streams, False
    ).metrics
    assert found["d_error"] < 0.02
    x = np.linspace(-5, 6, 4001)
    p, q = norm.pdf(x), norm.pdf(x, 1)
    assert found["js"] == pytest.approx(jensen_shannon(p, q, x[1] - x[0]), abs=0.01)
    assert found["d_deviation"] == pytest.approx((p * abs(p / (p + q) - 0.5)).sum() * (x[1] - x[0]), abs=0.01)


def test_jensen_shannon_ends() -> None:
    x = np.linspace(-20, 20, 4001)
    step = x[1] - x[0]
    assert jensen_shannon(norm.pdf(x), norm.pdf(x), step) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon(norm.pdf(x, -9), norm.pdf(x, 9), step) == pytest.approx(math.log(2), abs=1e-3)


def test_a_collapsed_generator_has_a_density_too() -> None:
    x = np.linspace(-1, 1, 2001)
    assert density_of(torch.full((100, 1), 0.3), x).sum() * (x[1] - x[0]) == pytest.approx(1, abs=1e-6)


def test_refusals() -> None:
    with pytest.raises(UserError, match="low must lie below high"):
        DensityEvaluation(low=1, high=0)
    plane = GaussianMixture([[0.0, 0.0]], [1.0], [1.0])
    with pytest.raises(UserError, match="on a line"):
        DensityEvaluation()(gan(0.0, torch.zeros_like), plane, streams, True)
