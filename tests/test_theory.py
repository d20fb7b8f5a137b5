"""Propositions 1 and 2 and Theorem 1 of the 2014 paper."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganrepro.errors import UserError
from ganrepro.losses import NonSaturating, Saturating
from ganrepro.streams import stream
from ganrepro.theory import DiscreteToys, Toy, jensen_shannon, optimal_discriminator

COUNTS = st.lists(st.integers(1, 30), min_size=2, max_size=6)


def optimum(toy: Toy) -> tuple[torch.Tensor, float]:
    logits, loss = optimal_discriminator(toy, NonSaturating(), 200, stream(0, "test"))
    return logits.sigmoid(), -loss


@settings(max_examples=25, deadline=None)
@given(COUNTS, st.integers(0, 5))
def test_the_trained_d_is_p_over_p_plus_q_and_its_value_is_the_divergence(counts: list[int], turn: int) -> None:
    other = counts[turn % len(counts) :] + counts[: turn % len(counts)]
    toy = Toy(torch.tensor(counts), torch.tensor(other))
    p, q = toy.densities
    d, value = optimum(toy)
    assert (d - p / (p + q)).abs().max() < 1e-5
    assert value == pytest.approx(-math.log(4) + 2 * jensen_shannon(p, q), abs=1e-8)
    assert value >= -math.log(4) - 1e-9


def test_at_p_equal_q_the_value_is_minus_log_4_and_d_is_a_half() -> None:
    d, value = optimum(Toy(torch.tensor([3, 1, 4]), torch.tensor([3, 1, 4])))
    assert value == pytest.approx(-math.log(4), abs=1e-12)
    assert (d - 0.5).abs().max() < 1e-6


def test_jensen_shannon_is_known_at_its_ends() -> None:
    half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    assert jensen_shannon(half, half) == 0
    sure = torch.tensor([1 - 1e-12, 1e-12], dtype=torch.float64)
    assert jensen_shannon(sure, sure.flip(0)) == pytest.approx(math.log(2), abs=1e-9)


def test_errors_are_small_when_trained_and_large_when_not() -> None:
    """The measurement can fail: after two iterations D is not at its optimum."""
    toys = DiscreteToys(NonSaturating(), toys=4)
    trained, hardly = (toys(lambda *p: stream(0, *p), updates) for updates in (100, 2))
    assert all(error < 1e-6 for error in trained.metrics.values())
    assert hardly.metrics["opt_d_error"] > 1e-2
    arrays = trained.arrays["theory"]
    assert {name: array.shape for name, array in arrays.items()} == {
        "d": (40,), "d_formula": (40,), "value": (5,), "jsd": (5,)
    }  # fmt: skip
    assert DiscreteToys(Saturating(), toys=4)(lambda *p: stream(0, *p), 100).metrics == trained.metrics
    assert DiscreteToys(NonSaturating(), toys=4)(lambda *p: stream(1, *p), 100).metrics != trained.metrics


def test_toys_that_cannot_be() -> None:
    with pytest.raises(UserError, match="cannot be"):
        DiscreteToys(NonSaturating(), symbols=9, atoms=8)
