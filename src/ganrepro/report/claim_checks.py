"""Whether an entry of conf/claims can be judged: its keys, its test and what that is given, its second statements."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ganrepro.errors import UserError
from ganrepro.report.criteria import COUNTED, TESTS
from ganrepro.report.events import wrong_rule
from ganrepro.report.measured import AT, LATER, Claim, rivals

KEYS = {"id", "says", "source", "figure", "study", "scales", "cells"}
KEYS |= {"metric", "at", "test", "arguments", "seeds", "needs"}
OPTIONAL = {"against", "dose", "floor", "data", "versus", "log", "rule", "ceiling", "cheaper", "also"}
OPTIONAL |= {"from", "several", "same"}
FLOORS = ({"metric", "below"}, {"metric", "above"}, {"metric", "above_metric", "share"})


def check(path: Path, entry: Any, taken: set[str]) -> None:
    """UserError for what cannot be judged, with the file and the entry's id. taken: ids of those before."""
    if not isinstance(entry, dict) or "id" not in entry or entry["id"] in taken:
        raise UserError(f"{path}: every claim is a mapping with an id of its own, not {str(entry)[:60]!r}.")
    wrong = (KEYS - entry.keys()) | (entry.keys() - KEYS - OPTIONAL)
    if wrong:
        raise UserError(f"{path}: {entry['id']}: missing or unknown: {', '.join(sorted(wrong))}.")
    tests = COUNTED if "rule" in entry else TESTS
    if entry["test"] not in tests or entry["at"] not in AT:
        names = f"test is one of {', '.join(tests)}; at is one of {', '.join(AT)}"
        raise UserError(f"{path}: {entry['id']}: {names}.")
    place = f"{path}: {entry['id']}"
    given = [()] * (1 + len(rivals(entry)) if "rule" in entry else 1)
    _check_arguments(place, tests[entry["test"]], given, entry["arguments"])
    if "rule" in entry and (why := wrong_rule(entry["metric"], entry["rule"])):
        raise UserError(f"{place}: rule: {why}.")
    _check_floors(f"{place}: floor", entry.get("floor", []))
    if "several" in entry and ("rule" in entry or entry["several"].keys() != {"each", "at_least"}):
        raise UserError(f"{place}: several: it has each and at_least, and takes no rule.")
    _check_rows(place, entry, entry)
    if "ceiling" in entry and (why := wrong_rule("success", entry["ceiling"]) if rivals(entry) else "it takes versus"):
        raise UserError(f"{place}: ceiling: {why}.")
    also = entry.get("also", [])
    for part in [also] if isinstance(also, dict) else also:
        _check_also(f"{place}: also", entry, part)


def _check_floors(place: str, floors: Any) -> None:
    for each in [floors] if isinstance(floors, dict) else floors:
        if each.keys() - {"says"} not in FLOORS:
            raise UserError(f"{place}: it has a metric, and either below or above, or above_metric with share.")


def _check_also(place: str, entry: Claim, part: Any) -> None:
    needed, own = {"says", "test", "arguments"}, {"metric", "against", "log", "at", "versus", "unless"}
    known = isinstance(part, dict) and needed <= part.keys() <= needed | own
    if not known or part["test"] not in TESTS or part.get("at", "final") not in AT:
        raise UserError(f"{place}: it has says, arguments, and a test of {', '.join(TESTS)}.")
    if own & part.keys() and ("metric" not in part or "rule" in entry):
        raise UserError(f"{place}: only a metric of its own takes {', '.join(sorted(own - {'metric'}))}; no rule does.")
    _check_rows(place, entry, part)
    _check_floors(f"{place}: unless", part.get("unless", []))
    if any(cell not in rivals(entry) for cell in rivals(part)):
        raise UserError(f"{place}: versus: these cells are not among the claim's.")
    _check_arguments(place, TESTS[part["test"]], [()], part["arguments"])


def _check_rows(place: str, entry: Claim, part: Claim) -> None:
    """What goes with an `at` that is told from the rows' course."""
    at = part.get("at", entry["at"])
    if at == "swing" and {"against", "rule"} & part.keys():
        raise UserError(f"{place}: at: swing takes no against and no rule.")
    if at in LATER and ("from" not in entry or {"against", "rule", "log"} & part.keys()):
        raise UserError(f"{place}: at: {at} takes from, and no against, no rule and no log.")


def _check_arguments(place: str, test: Callable[..., Any], first: Sequence[Any], arguments: Any) -> None:
    try:
        inspect.signature(test).bind(*first, **arguments)
    except TypeError as error:
        raise UserError(f"{place}: {test.__name__}: {error}.") from None
