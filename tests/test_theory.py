"""Propositions 1 and 2 and Theorem 1 of the 2014 paper; section 3.3 of the LSGAN paper."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganrepro.errors import UserError
from ganrepro.losses import LeastSquares, NonSaturating, Saturating
from ganrepro.streams import stream
from ganrepro.theory import DiscreteToys, LeastSquaresToys, Toy, jensen_shannon, optimal_discriminator, pearson

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


# Least squares -------------------------------------------------------------------------------------------------------

HALF = Toy(torch.tensor([3, 1]), torch.tensor([1, 3]))  # p = (3/4, 1/4), q = (1/4, 3/4)


def least_squares(loss: LeastSquares, updates: int = 100, seed: int = 0, toys: int = 3) -> dict[str, float]:
    return LeastSquaresToys(loss, toys=toys)(lambda *p: stream(seed, *p), updates).metrics


def test_pearson_by_hand() -> None:
    assert pearson(*HALF.densities) == pytest.approx(2 * 0.5**2)  # (2q - 1)^2 / 1 on both symbols
    assert pearson(HALF.densities[0], HALF.densities[0]) == 0


@pytest.mark.parametrize(
    ("labels", "d", "criterion"),
    [
        # D = (b p + a q) / (p + q), and C = 1/2 sum of (p + q) (D - c)^2, where p + q = 1 on both symbols.
        ((-1.0, 1.0, 0.0), [0.5, -0.5], (0.25 + 0.25) / 2),  # half of the chi-square, 1/2
        ((0.0, 1.0, 1.0), [0.75, 0.25], (0.0625 + 0.5625) / 2),  # 1/4 + chi-square / 8
    ],
)
def test_the_optimum_by_hand(labels: tuple[float, float, float], d: list[float], criterion: float) -> None:
    loss = LeastSquares(*labels)
    learned, formula, criteria = LeastSquaresToys(loss).optimum(loss, [HALF], 100, stream(0, "test"))
    assert learned.tolist() == pytest.approx(d, abs=1e-6)
    assert formula.tolist() == pytest.approx(d)
    assert criteria.tolist() == pytest.approx([criterion], abs=1e-9)


@pytest.mark.parametrize("labels", [(0.0, 1.0, 1.0), (-1.0, 1.0, 0.0), (0.2, 1.7, -0.4), (1.0, 0.0, 0.0)])
def test_closed_forms_of_any_coding(labels: tuple[float, float, float]) -> None:
    assert all(error < 1e-6 for error in least_squares(LeastSquares(*labels)).values())


def test_zero_one_one_has_another_criterion_with_the_same_minimum() -> None:
    """1/2 sum q^2 / (p + q) = 1/4 + chi^2 / 8: not half the chi-square, but least at p = q too."""
    measured = LeastSquaresToys(LeastSquares())(lambda *p: stream(0, *p), 100).arrays["theory"]
    criterion, chi2 = measured["criterion"], measured["chi2"]
    assert abs(criterion - (0.25 + chi2 / 8)).max() < 1e-8
    assert abs(criterion - chi2 / 2).max() > 0.05
    assert criterion.argmin() == chi2.argmin() == len(chi2) - 1  # the toy with p = q
    assert criterion[-1] == pytest.approx(0.25, abs=1e-7)
    assert chi2[-1] == 0


class Misread(LeastSquares):
    """Says one coding and trains with another: real images are pulled to half the label."""

    def discriminator(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return self.distance(real, self.real / 2) + self.distance(fake, self.fake)


class Mistargeted(LeastSquares):
    """G wants of D what is not c."""

    def generator(self, fake: torch.Tensor) -> torch.Tensor:
        return self.distance(fake, self.target - 0.5)


def test_a_wrong_coding_is_found_out() -> None:
    assert least_squares(Misread())["opt_d_error"] > 0.1
    assert least_squares(Mistargeted())["criterion_error"] > 0.1
    assert least_squares(Mistargeted())["opt_d_error"] < 1e-6


def test_least_squares_errors_are_large_when_not_trained() -> None:
    hardly = least_squares(LeastSquares(), updates=1)
    assert hardly["opt_d_error"] > 1e-2
    assert hardly["chi2_error"] > 1e-4
    assert least_squares(LeastSquares(), seed=1) != least_squares(LeastSquares())


def test_losses_that_have_no_such_forms() -> None:
    for loss in (NonSaturating(), LeastSquares(reduction="sum")):
        with pytest.raises(UserError, match="least squares"):
            LeastSquaresToys(loss)
    with pytest.raises(UserError, match="cannot be"):
        LeastSquaresToys(LeastSquares(), toys=0)
