"""Intervals over training seeds. Everything is at the 95 % level, two-sided."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
MANY = 1000  # seeds beyond which "how many would it need" has no useful answer


@dataclass(frozen=True)
class Interval:
    """A mean (or rate) of n values with its 95 % interval; infinite where one value leaves it open."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        """ "212.3 [205.1, 219.5]", to two figures of the half width; the bare number for one value."""
        if not math.isfinite(self.half_width):
            return f"{self.mean:.4g}"
        figures = decimals(self.half_width)
        if figures is None:
            return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]"
        mean, low, high = (f"{value:.{figures}f}" for value in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}]"


def decimals(uncertainty: float) -> int | None:
    """Decimals that show two figures of an uncertainty; None where it is nothing but rounding, or not finite."""
    if uncertainty < 1e-8 or not math.isfinite(uncertainty):
        return None
    return max(0, 1 - math.floor(math.log10(uncertainty)))


def mean_interval(values: Sequence[float]) -> Interval:
    """Student's t interval of the mean. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Interval(mean, -math.inf, math.inf, 1)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def rate_interval(successes: int, n: int) -> Interval:
    """Wilson's interval of a share of n > 0 runs."""
    low, high = stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return Interval(successes / n, float(low), float(high), n)


@dataclass(frozen=True)
class Comparison:
    """first - second over the seeds both have; p of the paired t test, None where one pair leaves it open."""

    difference: Interval
    p: float | None


def compare_paired(first: Mapping[int, float], second: Mapping[int, float]) -> Comparison | None:
    """Compares values by seed; None without a seed in common."""
    pairs = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    if not pairs:
        return None
    difference = mean_interval(pairs)
    if len(pairs) == 1:
        return Comparison(difference, None)
    spread = float(np.std(pairs, ddof=1))
    if spread == 0:  # t is 0/0 or infinite
        return Comparison(difference, 1.0 if difference.mean == 0 else 0.0)
    t = difference.mean / (spread / math.sqrt(len(pairs)))
    return Comparison(difference, float(2 * stats.t.sf(abs(t), len(pairs) - 1)))


def p_in_words(p: float | None) -> str:
    """ "0.033", "< 0.001", or "–" for none."""
    if p is None:
        return "–"
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def seeds_for_half_width(values: Sequence[float], wanted: float) -> int | None:
    """About how many seeds make the t interval's half width at most `wanted`, if they scatter as `values` do.

    To settle on which side of a bar the mean lies, `wanted` is its distance from the bar. None beyond MANY, and
    without at least two values to tell the scatter from.
    """
    if len(values) < 2:
        return None
    n = np.arange(2, MANY + 1)
    halves = stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    enough = np.flatnonzero(halves <= wanted)
    return int(n[enough[0]]) if len(enough) else None


@dataclass(frozen=True)
class Count:
    """`hits` of n runs; n may be 0."""

    hits: int
    n: int

    @property
    def rate(self) -> Interval:
        """The share with Wilson's interval; everything from 0 to 1 where there are no runs."""
        return rate_interval(self.hits, self.n) if self.n else Interval(math.nan, 0.0, 1.0, 0)

    def __str__(self) -> str:
        return f"{self.hits} of {self.n}"


def fisher(first: Count, second: Count) -> float:
    """p of Fisher's exact test, two-sided, that both shares are the same."""
    table = [[count.hits, count.n - count.hits] for count in (first, second)]
    return float(stats.fisher_exact(table).pvalue)


def seeds_for_fisher(first: Count, second: Count) -> int | None:
    """About how many runs of each make Fisher's p significant if the shares stay as they are; None beyond MANY."""
    shares = [count.hits / count.n for count in (first, second)]
    if shares[0] == shares[1]:
        return None

    def significant(n: int) -> bool:
        return fisher(*(Count(round(share * n), n) for share in shares)) < 1 - LEVEL

    return first_from(2, significant)


def seeds_for_side(count: Count, bar: float) -> int | None:
    """About how many runs put the whole Wilson interval on one side of `bar`; None beyond MANY."""
    share = count.hits / count.n

    def settled(n: int) -> bool:
        rate = Count(round(share * n), n).rate
        return not rate.low <= bar <= rate.high

    return None if share == bar else first_from(2, settled)


def first_from(least: int, enough: Callable[[int], bool]) -> int | None:
    """The first number of runs that is enough, up to MANY: shares are rounded to whole runs, so it is no bisection."""
    return next((n for n in range(least, MANY + 1) if enough(n)), None)
