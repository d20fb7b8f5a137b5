import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganrepro.report.statistics import (
    Interval,
    compare_paired,
    decimals,
    mean_interval,
    rate_interval,
    seeds_for_half_width,
)

T2 = 4.302652729911275  # t quantile 0.975 with 2 degrees of freedom, from tables


def test_t_interval_by_hand():
    interval = mean_interval([1, 2, 3])  # s = 1, so half = T2 / sqrt(3)
    assert (interval.mean, interval.n) == (2, 3)
    assert interval.half_width == pytest.approx(T2 / math.sqrt(3), rel=1e-9)
    assert interval.low == pytest.approx(2 - 2.48413771, abs=1e-7)


def test_one_value_leaves_the_interval_open():
    interval = mean_interval([5.0])
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert str(interval) == "5"
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


def test_wilson_by_hand():
    # 8 of 10 at z = 1.959964: centre (0.8 + z²/20) / (1 + z²/10), half z sqrt(0.016 + z²/400) / (1 + z²/10)
    interval = rate_interval(8, 10)
    assert interval.mean == 0.8
    assert (interval.low, interval.high) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert rate_interval(0, 3).low == pytest.approx(0)


def test_paired_by_hand():
    # differences 1, 2, 3 over the common seeds: t = 2 / (1 / sqrt 3) = 3.4641, p = 0.07418
    compared = compare_paired({0: 2, 1: 4, 2: 6, 7: 0}, {0: 1, 1: 2, 2: 3, 9: 0})
    assert (compared.difference.mean, compared.difference.n) == (2, 3)
    assert compared.p == pytest.approx(0.0741799, abs=1e-6)


def test_paired_without_scatter_or_partners():
    assert compare_paired({0: 1}, {1: 1}) is None
    assert compare_paired({0: 3}, {0: 1}).p is None
    assert compare_paired({0: 1, 1: 2}, {0: 1, 1: 2}).p == 1
    assert compare_paired({0: 2, 1: 3}, {0: 1, 1: 2}).p == 0


def test_seeds_for_half_width():
    # s = 1: t(3) / 2 = 1.591 at n = 4, t(4) / sqrt 5 = 1.2417 at n = 5
    assert seeds_for_half_width([1, 2, 3], 1.5) == 5
    assert seeds_for_half_width([1, 2, 3], 1.2) == 6
    assert seeds_for_half_width([1, 2, 3], 0.001) is None
    assert seeds_for_half_width([1, 1], 0.0) == 2
    assert seeds_for_half_width([1], 10) is None


@given(st.lists(st.integers(-100, 100), min_size=3, max_size=8))
def test_seeds_for_the_present_half_width_is_at_most_the_present_number(values):
    assert seeds_for_half_width(values, mean_interval(values).half_width * (1 + 1e-9)) <= len(values)


def test_numbers_are_shown_to_two_figures_of_the_half_width():
    assert str(Interval(212.345, 205.1, 219.59, 3)) == "212.3 [205.1, 219.6]"
    assert str(Interval(0.0123456, 0.0118, 0.0129, 3)) == "0.01235 [0.01180, 0.01290]"
    assert str(Interval(1234.5, 1000, 1469, 3)) == "1234 [1000, 1469]"
    assert str(Interval(0.25, 0.25, 0.25, 3)) == "0.25 [0.25, 0.25]"
    assert decimals(0.5) == 2
