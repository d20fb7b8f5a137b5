"""Wasserstein-1 where it is known."""

import itertools
import math

import pytest
import torch

from ganrepro.metrics.transport import wasserstein1
from ganrepro.streams import stream


def test_a_shift_moves_everything_by_itself() -> None:
    points = torch.randn(200, 2, generator=stream(0, "points"))
    order = torch.randperm(200, generator=stream(0, "order"))
    assert wasserstein1(points, points[order]) == pytest.approx(0, abs=1e-12)
    assert wasserstein1(points, points[order] + torch.tensor([3.0, 4.0])) == pytest.approx(5, rel=1e-6)


def test_on_the_line_it_pairs_sorted_points() -> None:
    first, second = (torch.randn(300, 1, generator=stream(0, name)) for name in "ab")
    expected = (first.sort(0).values - second.sort(0).values).abs().mean().item()
    assert wasserstein1(first, second) == pytest.approx(expected, rel=1e-6)


def test_it_is_the_best_of_all_pairings() -> None:
    first, second = (torch.randn(6, 3, generator=stream(1, name)).double() for name in "ab")
    best = min((first - second[list(order)]).norm(dim=1).mean().item() for order in itertools.permutations(range(6)))
    assert wasserstein1(first, second) == pytest.approx(best, rel=1e-12)


def test_small_distances_keep_their_digits() -> None:
    points = torch.randn(50, 2, generator=stream(0, "points")).double() + 100
    assert wasserstein1(points, points + torch.tensor([1e-7, 0.0])) == pytest.approx(1e-7, rel=1e-4)


def test_not_finite_and_unequal() -> None:
    assert math.isnan(wasserstein1(torch.tensor([[math.inf, 0.0]]), torch.zeros(1, 2)))
    with pytest.raises(ValueError, match="one size"):
        wasserstein1(torch.zeros(3, 2), torch.zeros(4, 2))
