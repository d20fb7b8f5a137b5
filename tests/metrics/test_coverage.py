"""Coverage and balance on counts whose answer is plain."""

import math

import pytest
import torch

from ganrepro.metrics.coverage import balance, covered


def test_a_tenth_of_its_share_covers_a_mode() -> None:
    shares = torch.full((4,), 0.25)
    assert covered(torch.tensor([970, 25, 5, 0]), shares, 1000).tolist() == [True, True, False, False]
    assert covered(torch.tensor([24, 976, 0, 0]), shares, 1000).tolist() == [False, True, False, False]


def test_shares_count_and_absent_classes_do_not() -> None:
    shares = torch.tensor([0.9, 0.1, 0.0], dtype=torch.float64)
    assert covered(torch.tensor([89, 10, 901]), shares, 1000).tolist() == [False, True, False]


def test_one_sample_is_needed_where_a_tenth_of_a_share_is_less() -> None:
    shares = torch.full((100,), 0.01)
    found = covered(torch.tensor([1] * 30 + [0] * 70), shares, 50)
    assert found.tolist() == [True] * 30 + [False] * 70


def test_balance() -> None:
    assert balance(torch.tensor([5, 5, 5])) == pytest.approx(1)
    assert balance(torch.tensor([9, 0, 0])) == 0
    assert balance(torch.tensor([5, 5, 0, 0])) == pytest.approx(0.5)
    assert math.isnan(balance(torch.tensor([0, 0])))
    assert math.isnan(balance(torch.tensor([4])))
