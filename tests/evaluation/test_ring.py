"""The ring's measures on points whose place is known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganrepro.data.embedded import Digits
from ganrepro.data.points import Ring
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, RingEvaluation
from ganrepro.latents import Latent, Normal
from ganrepro.streams import stream

RING = Ring()


def measured(images, final: bool = False, updates: int = 1, data: Ring = RING, **options) -> Evaluated:
    gan = SimpleNamespace(latent=Latent(z=Normal(2, 1.0)), images=images, generator_updates=updates)
    evaluation = RingEvaluation(**{"samples": 2000, "w1_points": 200, **options})
    return evaluation(gan, data, lambda *p: stream(0, "evaluation", *p), final)


def real(z: torch.Tensor) -> torch.Tensor:
    return RING.draw(len(z), stream(3, "real"))


def at(*places: int):
    """A generator of the means of these modes, in equal parts, off by the latents' noise."""
    return lambda z: RING.means.float()[torch.tensor(places)[torch.arange(len(z)) % len(places)]] + 0.005 * z


def test_the_data_themselves() -> None:
    found = measured(real)
    assert set(found.metrics) == {"modes", "modes_near", "high_quality", "w1", "w1_floor"}
    assert found.metrics["modes"] == found.metrics["modes_near"] == 8
    assert found.metrics["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.008)
    assert found.metrics["w1"] == pytest.approx(found.metrics["w1_floor"], rel=0.5)
    assert found.arrays == {}


def test_modes_that_are_left_out() -> None:
    for places in ((0,), (2, 5), (0, 1, 2, 3, 4, 5, 6)):
        assert measured(at(*places)).metrics["modes"] == len(places)
    metrics = measured(at(0)).metrics
    assert metrics["high_quality"] == 1
    chords = [2 * math.sin(math.pi * k / 8) for k in range(8)]
    assert metrics["w1"] == pytest.approx(sum(chords) / 8, abs=0.01), "an eighth stays, the others go along chords"


def test_a_blurred_ring_is_near_its_modes_and_covers_none() -> None:
    """Two neighbours are 2 sin(pi / 8) = 0.765 apart, a quarter of which is 0.191."""
    out = torch.tensor([[1.0, 0.0]])
    near, far = (measured(lambda z, r=r: at(0, 1, 2)(0 * z) + r * out).metrics for r in (0.19, 0.193))
    assert (near["modes"], near["modes_near"]) == (0, 3)
    assert far["modes_near"] < 3


def test_between_the_modes_nothing_is_covered() -> None:
    metrics = measured(lambda z: 0.01 * z).metrics
    assert (metrics["modes"], metrics["high_quality"]) == (0, 0)
    assert metrics["w1"] == pytest.approx(1, abs=0.02)


def test_a_tenth_of_its_share_covers_a_mode() -> None:
    """Of 2,000 samples a mode's share is 250."""
    for count, modes in ((25, 2), (24, 1)):
        points = RING.means.float()[[0] * (2000 - count) + [3] * count]
        assert measured(lambda z, points=points: points).metrics["modes"] == modes


def test_arrays_at_the_moments_and_at_the_end() -> None:
    assert set(measured(real, updates=5000).arrays) == {"ring"}
    assert set(measured(real, updates=0).arrays) == {"ring"}
    assert measured(real, updates=5000, moments=[10]).arrays == {}
    arrays = measured(real, final=True, samples=3000).arrays["ring"]
    assert (arrays["points"].dtype, arrays["points"].shape) == (np.float32, (2000, 2))
    assert arrays["counts"].sum() == pytest.approx(3000 * 0.989, rel=0.01)
    assert np.array_equal(arrays["means"], RING.means)
    assert arrays["stds"].tolist() == [0.01] * 8
    assert RingEvaluation.at_start


def test_points_that_are_not_finite() -> None:
    metrics = measured(lambda z: torch.where(torch.arange(len(z))[:, None] < 20, math.nan, real(z))).metrics
    assert metrics["modes"] == 8
    assert metrics["high_quality"] == pytest.approx(0.989 * 0.99, abs=0.01)
    assert math.isnan(metrics["w1"])
    gone = measured(lambda z: torch.full((len(z), 2), math.inf), final=True).metrics
    assert (gone["modes"], gone["high_quality"]) == (0, 0)


def test_a_doubled_mode_has_a_doubled_share() -> None:
    doubled = Ring(duplicate_first_mode=True)
    metrics = measured(lambda z: doubled.draw(len(z), stream(1, "x")), data=doubled).metrics
    assert metrics["modes"] == 8
    assert metrics["w1"] < measured(real, data=doubled).metrics["w1"]


def test_repeatable_and_harmless() -> None:
    before = torch.get_rng_state()
    assert measured(real).metrics == measured(real).metrics
    assert torch.equal(before, torch.get_rng_state())


def test_refusals() -> None:
    with pytest.raises(UserError, match="w1_points"):
        RingEvaluation(samples=10, w1_points=11)
    with pytest.raises(UserError, match="mixture"):
        measured(real, data=Digits())
