"""What a run did or did not do: succeed, collapse early, collapse late. What rates are counted from."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ganrepro.report.records import Run
from ganrepro.report.statistics import Count

BOUNDS = {"at_least", "at_most"}
Rule = Mapping[str, Any]


def success(run: Run, at: str, rule: Rule) -> bool | None:
    """Whether every metric of the rule lies within its bounds `at` final or best; a diverged run has failed.

    rule: {metric: {at_least: number, at_most: number, if_labelled: true}}, at least one bound each. A metric marked
    `if_labelled` is left out where the run's data have no classes, so that it was not recorded; without any other
    metric of the rule nothing can be said: None. One that was recorded and is no finite number, as where samples are
    not finite, has failed.
    """
    if run.status == "diverged":
        return False
    values = {metric: run.value(metric, at) for metric in rule}
    recorded = (run.record.get("metrics") or {}).get(at) or {}
    if any(value is None and metric in recorded for metric, value in values.items()):
        return False
    return keeps(values, rule) if run.status == "done" else None


def keeps(values: Mapping[str, float | None], rule: Rule) -> bool | None:
    """Whether values by metric lie within the rule's bounds."""
    kept = True
    for metric, bounds in rule.items():
        value = values.get(metric)
        if value is None and bounds.get("if_labelled"):
            continue
        if value is None:
            return None
        kept &= bounds.get("at_least", value) <= value <= bounds.get("at_most", value)
    return kept


def collapse(run: Run, at: str, rule: Rule) -> bool | None:
    """Whether a metric lies below its bar at every evaluation from an update on; a diverged run has collapsed.

    rule: {metric, below, from}; `at` says nothing here. None without an evaluation from then on.
    """
    if run.status == "diverged":
        return True
    late = [row for row in series(run, rule["metric"]) if row[0] >= rule["from"]]
    return all(value < rule["below"] for _, value in late) if late and run.status == "done" else None


def late(run: Run, at: str, rule: Rule) -> bool | None:
    """Whether a metric (less is better) ended `factor` times worse than at the best update, or the run diverged.

    rule: {metric, factor}; `at` says nothing here.
    """
    if run.status == "diverged":
        return True
    last, best = run.value(rule["metric"], "final"), run.value(rule["metric"], "best")
    return None if last is None or best is None or run.status != "done" else last > rule["factor"] * best


EVENTS: dict[str, Callable[[Run, str, Rule], bool | None]] = {"success": success, "collapse": collapse, "late": late}
NEEDS = {"collapse": {"metric", "below", "from"}, "late": {"metric", "factor"}}
CALLED = {"success": "success rate", "collapse": "share of collapsed runs", "late": "share of runs that end far off"}


def series(run: Run, metric: str) -> list[tuple[int, float]]:
    """(generator updates, value) of every row that holds the metric, in order."""
    return [
        (int(row["generator_updates"]), float(row[metric]))
        for row in run.rows
        if isinstance(row.get(metric), int | float) and "generator_updates" in row
    ]


def collapse_time(run: Run, metric: str, full: float) -> int | None:
    """The first evaluated update from which on the metric stays below `full`; None if it ends full, or without rows."""
    rows = series(run, metric)
    if not rows or rows[-1][1] >= full:
        return None
    whole = [place for place, (_, value) in enumerate(rows) if value >= full]
    return rows[whole[-1] + 1 if whole else 0][0]


def count(runs: Iterable[Run], event: str, at: str, rule: Rule) -> tuple[Count, list[Run]]:
    """How many finished runs did it, and those of which it is not known."""
    finished = [run for run in runs if run.finished]
    did = [EVENTS[event](run, at, rule) for run in finished]
    unknown = [run for run, known in zip(finished, did, strict=True) if known is None]
    return Count(did.count(True), len(did) - len(unknown)), unknown


def wrong_rule(event: str, rule: Any) -> str:
    """What is wrong with a rule of a claims file, or ""."""
    if event not in EVENTS:
        return f"metric is one of {', '.join(EVENTS)}"
    if not isinstance(rule, dict) or not rule:
        return "a rule is a mapping"
    if event != "success":
        return "" if rule.keys() == NEEDS[event] else f"a rule of {event} has {', '.join(sorted(NEEDS[event]))}"
    for metric, bounds in rule.items():
        known = isinstance(bounds, dict) and bounds.keys() & BOUNDS and bounds.keys() <= BOUNDS | {"if_labelled"}
        if not known or not all(isinstance(bounds[key], int | float) for key in bounds.keys() & BOUNDS):
            return f"{metric} has at_least or at_most with a number, and if_labelled"
    return "" if any(not bounds.get("if_labelled") for bounds in rule.values()) else "every metric is if_labelled"
