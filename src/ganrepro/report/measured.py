"""The runs a claim is about, and what each seed of them measured."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ganrepro.report.records import Run, by_dose, select

Claim = Mapping[str, Any]
FEWEST_DOSES = 3  # two give a slope, three a response


def rivals(claim: Claim) -> list[Mapping[str, Any]]:
    """The cells that the claim's own is compared with; [] for a claim about one cell."""
    versus = claim.get("versus", [])
    return [versus] if isinstance(versus, dict) else list(versus)


def is_factor(claim: Claim) -> bool:
    """Whether a difference of what is judged is the logarithm of a factor."""
    return bool(claim.get("log")) and claim["at"] != "swing"


def besides(claim: Claim) -> list[Claim]:
    """The second statements on the claim's runs, each as a claim."""
    kept = ("id", "at", "versus", "dose", "floor", "seeds")
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


def value_of(run: Run, claim: Claim, at: str) -> float | None:
    """The metric of a run that is done and has it, less `against`; its logarithm for a claim that says so.

    At `swing` the logarithm is taken of the rows.
    """
    if at == "swing":
        return run.swing(claim["metric"], bool(claim.get("log"))) if run.status == "done" else None
    value = run.value(claim["metric"], at)
    less = run.value(claim["against"], at) if "against" in claim else 0.0
    if run.status != "done" or value is None or less is None:
        return None
    if not claim.get("log"):
        return value - less
    return math.log(value - less) if value > less else None


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
