"""Ratios of two pieces of work measured in turn, so that a busy machine slows both."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from scipy.stats import binom


@dataclass(frozen=True)
class Ratio:
    """The median over pairs of (other's seconds / ours), above 1 when ours is faster, with a 95 % interval."""

    low: float
    middle: float
    high: float
    ours: float
    other: float
    pairs: int

    def __str__(self) -> str:
        return (
            f"{self.middle:.3f} [{self.low:.3f}, {self.high:.3f}] from {self.pairs} pairs; "
            f"medians {self.ours * 1e3:.3g} ms (ours), {self.other * 1e3:.3g} ms"
        )


def ratio(ours: Sequence[float], other: Sequence[float]) -> Ratio:
    """The interval is the sign test's: order statistics of the paired ratios, free of any law."""
    ratios = sorted(b / a for a, b in zip(ours, other, strict=True))
    rank = max(int(binom.ppf(0.025, len(ratios), 0.5)) - 1, 0)
    return Ratio(ratios[rank], median(ratios), ratios[-1 - rank], median(ours), median(other), len(ratios))


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def in_turn(ours: Callable[[], object], other: Callable[[], object], pairs: int) -> Ratio:
    """Each once to warm up, then `pairs` times one after the other, the order alternating."""
    ours(), other()
    first, second = [], []
    for pair in range(pairs):
        if pair % 2:
            second.append(seconds(other))
            first.append(seconds(ours))
        else:
            first.append(seconds(ours))
            second.append(seconds(other))
    return ratio(first, second)
