"""Lag-1 autocorrelation of successive samples."""

import math

import pytest
import torch

from ganrepro.probes.correlation import autocorrelation
from ganrepro.streams import stream


def test_by_hand():
    """1, 2, 3, 4 centred: -1.5, -0.5, 0.5, 1.5; (0.75 - 0.25 + 0.75) / 5 = 0.25."""
    assert autocorrelation(torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None]) == pytest.approx(0.25)
    assert autocorrelation(torch.tensor([0.0, 1.0] * 50)[:, None]) == pytest.approx(-0.99)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.9])
def test_a_markov_chain_gives_its_own(rho):
    """AR(1) pixels of stationary unit variance, each about a mean of its own: the autocorrelation is rho.

    4,000 steps of 16 pixels have a standard error of sqrt((1 - rho^2) / 64,000) < 0.004.
    """
    noise = torch.randn(4000, 4, 4, generator=stream(0, "noise"))
    chain = [noise[0]]
    for step in noise[1:]:
        chain.append(rho * chain[-1] + math.sqrt(1 - rho**2) * step)
    assert autocorrelation(torch.stack(chain) + torch.arange(16.0).view(4, 4)) == pytest.approx(rho, abs=0.016)


def test_equal_samples_have_none():
    assert math.isnan(autocorrelation(torch.full((10, 1, 2, 2), 0.5)))
