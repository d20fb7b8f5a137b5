"""What keeps a claim's test from saying anything: a metric of the same runs that is too low, or too high."""

from collections.abc import Mapping, Sequence
from typing import Any

from ganrepro.report.measured import Claim
from ganrepro.report.records import Run

Groups = Sequence[Sequence[Run]]


def undecided(claim: Claim, groups: Groups, at: str) -> str:
    """Why a second statement is told and not judged (`unless`), or ""."""
    reason = floor({"floor": claim.get("unless", [])}, groups, at)
    return f"inconclusive: {reason}" if reason else ""


def floor(claim: Claim, groups: Groups, at: str) -> str:
    """Why nothing can be told of runs that another metric says are too bad, or ""."""
    floors = claim.get("floor", [])
    reasons = []
    for bound in [floors] if isinstance(floors, dict) else floors:
        # Of a bound that is another metric of the same run, every cell has to keep to its own.
        cells = groups if "above_metric" in bound else [[run for members in groups for run in members]]
        reasons.append(next(filter(None, (_at_floor(bound, cell, at) for cell in cells)), ""))
    return "; ".join(filter(None, reasons))


def _at_floor(bound: Mapping[str, Any], finished: Sequence[Run], at: str) -> str:
    key, low, high, said = bound["metric"], bound.get("below"), bound.get("above"), bound.get("says", "at the floor")
    level = _level(key, finished, at)
    if level is None:
        return f"{key} is not recorded, so the floor is unknown"
    if other := bound.get("above_metric"):
        reference = _level(other, finished, at)
        if reference is None:
            return f"{other} is not recorded, so the floor is unknown"
        share = bound["share"]
        times = "" if share == 1 else f"{share:g} times "
        above = level > share * reference
        return f"{said}: {key} is {level:.3g}, above {times}{other}, {reference:.3g}" if above else ""
    if low is not None and level < low:
        return f"{said}: {key} is {level:.2g}, below {low:g}"
    return f"{said}: {key} is {level:.2g}, above {high:g}" if high is not None and level > high else ""


def _level(key: str, runs: Sequence[Run], at: str) -> float | None:
    """The mean over the runs that are done and have it."""
    levels = [run.value(key, at if at == "best" else "final") for run in runs if run.status == "done"]
    known = [level for level in levels if level is not None]
    return sum(known) / len(known) if known else None
