"""The tests a claim may name. The values by seed (at least two), or how many of the runs of one cell or of two did
something, give a finding with the claim's arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ganrepro.report.statistics import (
    LEVEL,
    Count,
    fisher,
    mean_interval,
    seeds_for_fisher,
    seeds_for_half_width,
    seeds_for_side,
)


@dataclass(frozen=True)
class Finding:
    """What a test says of the values; `seeds` is about how many would settle it, None if more than anyone has."""

    word: str
    reason: str = ""
    seeds: int | None = None


def at_least(values: Sequence[float], threshold: float, precision: float = 0.0, strict: bool = False) -> Finding:
    """The interval lies at or above the threshold; or holds it, and is no wider than ± precision.

    strict: values that all equal the threshold do not do.
    """
    if strict and set(values) == {threshold}:
        return Finding("not reproduced")
    interval = mean_interval(values)
    if interval.low <= threshold <= interval.high:
        if interval.half_width <= precision:
            return Finding("reproduced")
        wanted = max(precision, abs(interval.mean - threshold))
        return Finding("inconclusive", seeds=seeds_for_half_width(values, wanted))
    return Finding("reproduced" if interval.low > threshold else "not reproduced")


def at_most(values: Sequence[float], threshold: float, strict: bool = False) -> Finding:
    """The interval lies at or below the threshold; strict: values that all equal it do not do."""
    return at_least([-value for value in values], -threshold, strict=strict)


def within(values: Sequence[float], low: float, high: float) -> Finding:
    """The whole interval lies inside [low, high]: equivalence, stricter than the usual 90 % interval asks."""
    interval = mean_interval(values)
    if low <= interval.low and interval.high <= high:
        return Finding("reproduced")
    if interval.high < low or interval.low > high:
        return Finding("not reproduced")
    wanted = min(abs(interval.mean - low), abs(interval.mean - high))
    return Finding("inconclusive", seeds=seeds_for_half_width(values, wanted))


def above_each(values: Sequence[float], rows: Mapping[str, float]) -> Finding:
    """The interval lies above every row's figure; not reproduced if it lies below one."""
    findings = {f"{name} {figure:g}": at_least(values, figure) for name, figure in rows.items()}
    said = {"reproduced": "above", "not reproduced": "below", "inconclusive": "cannot be told from"}
    reason = ", ".join(f"{said[finding.word]} {row}" for row, finding in findings.items())
    words = [finding.word for finding in findings.values()]
    word = next((word for word in ("not reproduced", "inconclusive") if word in words), "reproduced")
    needed = [finding.seeds for finding in findings.values() if finding.word == "inconclusive"]
    seeds = None if None in needed else max((n for n in needed if n is not None), default=None)
    return Finding(word, reason, seeds)


def report_only(values: Sequence[float]) -> Finding:
    """Shown, not judged: the paper gives nothing to judge it by."""
    return Finding("reported")


TESTS: dict[str, Callable[..., Finding]] = {
    test.__name__: test for test in (at_least, at_most, within, above_each, report_only)
}


# Of counts. ----------------------------------------------------------------------------------------------------


def more_often(first: Count, second: Count, never: float = 1.0) -> Finding:
    """Fisher's test tells the shares apart, the first is the larger, and the second may be `never` or less.

    The second may be so unless its Wilson interval lies wholly above.
    """
    p = fisher(first, second)
    said = f"Fisher's p = {p:.2g}"
    if p >= 1 - LEVEL:
        return Finding("inconclusive", said, seeds_for_fisher(first, second))
    if first.rate.mean < second.rate.mean:
        return Finding("not reproduced", f"{said}, the other way round")
    if second.rate.low > never:
        return Finding("not reproduced", f"{said}: the order holds, but {second} is more than {never:g}")
    return Finding("reproduced", said)


def most_and_few(first: Count, second: Count, bar: float = 0.5) -> Finding:
    """The first share's Wilson interval lies above the bar and the second's below; refuted if one lies across."""
    if first.rate.high < bar or second.rate.low > bar:
        return Finding("not reproduced")
    if first.rate.low > bar and second.rate.high < bar:
        return Finding("reproduced")
    needed = [seeds_for_side(count, bar) for count in (first, second)]
    return Finding("inconclusive", seeds=None if None in needed else max(n for n in needed if n is not None))


def mostly(count: Count, bar: float = 0.5) -> Finding:
    """The share's Wilson interval lies above the bar; refuted if it lies below."""
    if count.rate.low > bar or count.rate.high < bar:
        return Finding("reproduced" if count.rate.low > bar else "not reproduced", f"in {count} runs")
    return Finding("inconclusive", f"in {count} runs", seeds_for_side(count, bar))


def it_happens(count: Count, rare: float) -> Finding:
    """It was seen once; not reproduced where it was not and Wilson's interval says it is rarer than `rare`."""
    if count.hits:
        return Finding("reproduced", f"in {count} runs")
    if count.rate.high <= rare:
        return Finding("not reproduced", f"in none of {count.n} runs")
    return Finding("inconclusive", f"in none of {count.n} runs", seeds_for_side(count, rare))


def extremes(first: Count, second: Count) -> str:
    """Why two cells that always, or never, succeed say nothing of each other, or ""."""
    if not (first.n and second.n) or {first.hits / first.n, second.hits / second.n} not in ({0.0}, {1.0}):
        return ""
    place, how = ("ceiling", "always") if first.hits else ("floor", "never")
    return f"at the {place}: both {how} succeed ({first} and {second} runs)"


COUNTED: dict[str, Callable[..., Finding]] = {
    test.__name__: test for test in (more_often, most_and_few, mostly, it_happens)
}
