"""The runs a claim is about, and what each seed of them measured."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ganrepro.report.events import series
from ganrepro.report.records import Run, by_dose, select

Claim = Mapping[str, Any]
FEWEST_DOSES = 3  # two give a slope, three a response
FEWEST_LATER = 3  # rows
PER = 1000  # updates that a slope is told for
AT = {"final": "last", "best": "best", "mean": "mean of the rows", "change": "last row less the first"}
AT |= {"swing": "swing in the second half", "mean_after": "mean after {from:,} updates"}
AT |= {"slope_after": "slope after {from:,} updates, per 1,000"}  # in words, with the claim's fields
LATER = ("mean_after", "slope_after")


def rivals(claim: Claim) -> list[Mapping[str, Any]]:
    """The cells that the claim's own is compared with; [] for a claim about one cell."""
    versus = claim.get("versus", [])
    return [versus] if isinstance(versus, dict) else list(versus)


def is_factor(claim: Claim) -> bool:
    """Whether a difference of what is judged is the logarithm of a factor."""
    return bool(claim.get("log")) and claim["at"] != "swing"


def besides(claim: Claim) -> list[Claim]:
    """The second statements on the claim's runs, each as a claim."""
    kept = ("id", "at", "versus", "dose", "floor", "seeds", "from", "same")
    also = claim.get("also", [])
    return [
        {key: claim[key] for key in kept if key in claim} | part
        for part in ([also] if isinstance(also, dict) else also)
    ]


def chosen(claim: Claim, runs: Sequence[Run]) -> tuple[list[list[Run]], list[str]]:
    """The runs of the claim's cell (of all its doses together), then of each rival; and notes."""
    if "dose" in claim:
        doses, notes = by_dose(runs, claim["dose"], claim["cells"])
        return [[run for members in doses.values() for run in members]], notes
    found = [select(runs, cell) for cell in (claim["cells"], *rivals(claim))]
    return [members for members, _ in found], [note for _, notes in found for note in notes]


def names_of(claim: Claim) -> list[str]:
    """What the claim's metric may be called."""
    names = claim["metric"]
    return [names] if isinstance(names, str) else list(names)


def value_of(run: Run, claim: Claim, at: str) -> float | None:
    """The metric of a run that is done and has it, less `against`; its logarithm for a claim that says so.

    At `swing` the logarithm is taken of the rows.
    """
    if at == "swing":
        return run.swing(claim["metric"], bool(claim.get("log"))) if run.status == "done" else None
    if at in LATER:
        tell = {"mean_after": mean_after, "slope_after": slope_after}[at]
        return tell(run, claim["metric"], claim["from"]) if run.status == "done" else None
    value = next((found for name in names_of(claim) if (found := run.value(name, at)) is not None), None)
    less = run.value(claim["against"], at) if "against" in claim else 0.0
    if run.status != "done" or value is None or less is None:
        return None
    if not claim.get("log"):
        return value - less
    return math.log(value - less) if value > less else None


def mean_after(run: Run, key: str, start: float) -> float | None:
    """The mean of a scalar over the rows of more than `start` updates; None with fewer than three of them."""
    later = _later(run, key, start)
    return sum(value for _, value in later) / len(later) if later else None


def slope_after(run: Run, key: str, start: float) -> float | None:
    """The slope of these rows' least-squares line, per 1,000 updates."""
    later = _later(run, key, start)
    return slope([(updates / PER, value) for updates, value in later]) if later else None


def _later(run: Run, key: str, start: float) -> list[tuple[int, float]]:
    """(updates, value) of the later rows that hold the scalar; [] if these are too few, or hold what is not finite."""
    rows = [row for row in run.rows if key in row and row.get("generator_updates", 0) > start]
    later = [point for point in series(run, key) if point[0] > start and math.isfinite(point[1])]
    return later if len(later) == len(rows) >= FEWEST_LATER else []


def values_of(claim: Claim, groups: Sequence[Sequence[Run]], at: str) -> list[dict[int, float]]:
    """The judged value by seed: of the one cell, or the difference from each rival over the seeds both have."""
    own, *others = [_by_seed(claim, [run for run in members if run.finished], at) for members in groups]
    if not others:
        return [own]
    return [{seed: own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())} for other in others]


def _by_seed(claim: Claim, runs: Sequence[Run], at: str) -> dict[int, float]:
    """A seed's value: its run's, or the slope over its runs."""
    known = [(run, value) for run in runs if (value := value_of(run, claim, at)) is not None]
    if "dose" not in claim:
        return {run.seed: value for run, value in known}
    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for run, value in known:
        points[run.seed].append((math.log(float(run.choices[claim["dose"]])), value))
    return {seed: slope(p) for seed, p in sorted(points.items()) if len(p) >= FEWEST_DOSES}


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least-squares line through points of at least two different x."""
    centre = sum(x for x, _ in points) / len(points)
    return sum((x - centre) * y for x, y in points) / sum((x - centre) ** 2 for x, _ in points)
