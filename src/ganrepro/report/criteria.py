"""The tests a claim may name: the values by seed (at least two) and the claim's arguments give a finding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ganrepro.report.statistics import mean_interval, seeds_for_half_width


@dataclass(frozen=True)
class Finding:
    """What a test says of the values; `seeds` is about how many would settle it, None if more than anyone has."""

    word: str
    reason: str = ""
    seeds: int | None = None


def at_least(values: Sequence[float], threshold: float, precision: float = 0.0) -> Finding:
    """The interval lies at or above the threshold; or holds it, and is no wider than ± precision."""
    interval = mean_interval(values)
    if interval.low <= threshold <= interval.high:
        if interval.half_width <= precision:
            return Finding("reproduced")
        wanted = max(precision, abs(interval.mean - threshold))
        return Finding("inconclusive", seeds=seeds_for_half_width(values, wanted))
    return Finding("reproduced" if interval.low > threshold else "not reproduced")


def at_most(values: Sequence[float], threshold: float, strict: bool = False) -> Finding:
    """The interval lies at or below the threshold; strict: values that all equal it do not do."""
    if strict and set(values) == {threshold}:
        return Finding("not reproduced")
    return at_least([-value for value in values], -threshold)


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
