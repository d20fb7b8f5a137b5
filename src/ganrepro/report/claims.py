"""A paper's statements as tests over runs, written down before the runs, and their verdicts.

One file a paper in conf/claims. Each entry has:

    id, says, source, figure   the statement in short, where it stands, the paper's own figure (or null)
    study, scales              whose runs judge it, and at which scales they can
    cells                      the choices of the cell that is judged, {} for the study's plain one
    metric, at                 an evaluation scalar `at: final` or `best`, or a dotted path into the record
    against (optional)         a second metric of the same run: judged is metric - against, so paired by seed
    floor (optional)           {metric, below}: where this metric's mean is below, nothing can be told
    test, arguments            one of TESTS and its arguments
    seeds                      the fewest seeds that give a verdict
    needs                      what a scale not listed lacks

A run that diverged has no value that may be averaged, and is never left out either: a claim that the other runs
support is then `inconclusive`, with the count; if every run diverged it is `not reproduced`.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ganrepro.errors import UserError
from ganrepro.report.records import Run, select
from ganrepro.report.statistics import Interval, mean_interval, seeds_for_half_width

Claim = Mapping[str, Any]
KEYS = {"id", "says", "source", "figure", "study", "scales", "cells"}
KEYS |= {"metric", "at", "test", "arguments", "seeds", "needs"}
OPTIONAL = {"against", "floor"}


@dataclass(frozen=True)
class Finding:
    """What a test says of the values; `seeds` is about how many would settle it, None if more than anyone has."""

    word: str
    reason: str = ""
    seeds: int | None = None


@dataclass(frozen=True)
class Verdict:
    claim: Claim
    scale: str
    word: str  # reproduced, not reproduced, inconclusive, not run; reported where nothing is judged
    reason: str
    value: Interval | None = None  # ours, at the claim's `at`
    other: Interval | None = None  # the same at the other of final and best, where it is recorded
    runs: tuple[Run, ...] = ()  # those it rests on, diverged ones too
    notes: tuple[str, ...] = ()
    changed: bool = False  # since some of these runs started

    @property
    def ours(self) -> str:
        """ "225.3 [220.1, 230.5] (best), 219.0 [211.2, 226.8] (last)"; "" without a value."""
        at, other = ("best", "last") if self.claim["at"] == "best" else ("last", "best")
        if self.value is None:
            return ""
        return f"{self.value} ({at}), {self.other} ({other})" if self.other else str(self.value)


# Tests: the values by seed (at least two) and the claim's arguments -> a finding. -------------------------------


def at_least(values: Sequence[float], threshold: float, precision: float = 0.0) -> Finding:
    """The interval lies at or above the threshold; or holds it, and is no wider than ± precision."""
    interval = mean_interval(values)
    if interval.low <= threshold <= interval.high:
        if interval.half_width <= precision:
            return Finding("reproduced")
        wanted = max(precision, abs(interval.mean - threshold))
        return Finding("inconclusive", seeds=seeds_for_half_width(values, wanted))
    return Finding("reproduced" if interval.low > threshold else "not reproduced")


def at_most(values: Sequence[float], threshold: float) -> Finding:
    """The interval lies at or below the threshold."""
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

# Reading. ------------------------------------------------------------------------------------------------------


def claim_hash(entry: Claim) -> str:
    """8 hex digits over everything the entry says; comments and layout do not count."""
    text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def load_claims(claims_dir: Path) -> list[Claim]:
    """Every claim of every file, in order; [] without the folder. UserError where an entry cannot be judged."""
    claims: list[Claim] = []
    for path in sorted(claims_dir.glob("*.yaml")):
        try:
            entries = yaml.safe_load(path.read_text()) or []
        except (OSError, yaml.YAMLError) as error:
            raise UserError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
        for entry in entries:
            _check(path, entry, {claim["id"] for claim in claims})
            claims.append(entry)
    return claims


def _check(path: Path, entry: Any, taken: set[str]) -> None:
    if not isinstance(entry, dict) or "id" not in entry or entry["id"] in taken:
        raise UserError(f"{path}: every claim is a mapping with an id of its own, not {str(entry)[:60]!r}.")
    wrong = (KEYS - entry.keys()) | (entry.keys() - KEYS - OPTIONAL)
    if wrong:
        raise UserError(f"{path}: {entry['id']}: missing or unknown: {', '.join(sorted(wrong))}.")
    if entry["test"] not in TESTS or entry["at"] not in ("final", "best"):
        raise UserError(f"{path}: {entry['id']}: test is one of {', '.join(TESTS)}; at is final or best.")
    try:
        inspect.signature(TESTS[entry["test"]]).bind([], **entry["arguments"])
    except TypeError as error:
        raise UserError(f"{path}: {entry['id']}: {entry['test']}: {error}.") from None


def claims_for(study: str, claims_dir: Path) -> dict[str, str]:
    """The hash of each claim this study judges, by id: what a run's record carries."""
    return {claim["id"]: claim_hash(claim) for claim in load_claims(claims_dir) if claim["study"] == study}


# Judging. ------------------------------------------------------------------------------------------------------


def judge(claim: Claim, runs: Sequence[Run], scale: str) -> Verdict:
    """The verdict from the runs of the claim's study at this scale."""
    if scale not in claim["scales"]:
        return Verdict(claim, scale, "not run", f"needs {claim['needs']}")
    chosen, notes = select(runs, claim["cells"])
    finished = [run for run in chosen if run.finished]
    if not finished:
        return Verdict(claim, scale, "not run", f"no finished run yet: {command(claim, scale)}")
    values = _values(finished, claim, claim["at"])
    other = _values(finished, claim, "final" if claim["at"] == "best" else "best")
    finding = _with_lost(_finding(claim, values, finished), finished, values)
    ids = {run.record.get("claims", {}).get(claim["id"]) for run in finished}
    changed = ids != {claim_hash(claim)}
    stand_in = stand_in_of(finished)
    reasons = [finding.reason, f"on {stand_in}" if stand_in else ""]
    reasons.append("the claim changed since these runs started" if changed else "")
    return Verdict(
        claim,
        scale,
        finding.word,
        "; ".join(filter(None, reasons)),
        mean_interval(list(values.values())) if values else None,
        mean_interval(list(other.values())) if other and other != values else None,
        tuple(finished),
        tuple(notes),
        changed,
    )


def _values(runs: Sequence[Run], claim: Claim, at: str) -> dict[int, float]:
    """The judged value of every run that is done and has it, by seed."""
    values = {}
    for run in runs:
        value = run.value(claim["metric"], at)
        less = run.value(claim["against"], at) if "against" in claim else 0.0
        if run.status == "done" and value is not None and less is not None:
            values[run.seed] = value - less
    return values


def _finding(claim: Claim, values: Mapping[int, float], finished: Sequence[Run]) -> Finding:
    """The test's finding, unless there are too few seeds or the floor hides what it would say."""
    fewest = claim["seeds"]
    if not values:
        return Finding("not reproduced" if len(finished) >= fewest else "inconclusive")
    if claim["test"] == "report_only":
        return report_only(list(values.values()))
    finding = TESTS[claim["test"]](list(values.values()), **claim["arguments"]) if len(values) > 1 else None
    if len(values) < fewest:
        about = max(fewest, finding.seeds or 0) if finding else fewest
        return Finding("inconclusive", f"{len(values)} of at least {fewest} seeds; needs about {about} seeds")
    if reason := _floor(claim, finished):
        return Finding("inconclusive", reason)
    if finding is None:
        raise UserError(f"{claim['id']}: seeds: {fewest} gives no interval; a judged claim needs at least 2.")
    if finding.word == "inconclusive":
        many = f"about {finding.seeds}" if finding.seeds else "far more"
        return Finding("inconclusive", "; ".join(filter(None, [finding.reason, f"needs {many} seeds"])))
    return finding


def _floor(claim: Claim, finished: Sequence[Run]) -> str:
    """Why nothing can be told, or ""."""
    if "floor" not in claim:
        return ""
    key, below = claim["floor"]["metric"], claim["floor"]["below"]
    levels = [run.value(key, claim["at"]) for run in finished if run.status == "done"]
    known = [level for level in levels if level is not None]
    if not known:
        return f"{key} is not recorded, so the floor is unknown"
    level = sum(known) / len(known)
    return f"at the floor: {key} is {level:.2g}, below {below:g}" if level < below else ""


def _with_lost(finding: Finding, finished: Sequence[Run], values: Mapping[int, float]) -> Finding:
    """The rule for runs without a value: they are counted in the reason, and no claim is reproduced despite them."""
    lost = [run for run in finished if run.seed not in values]
    if not lost:
        return finding
    diverged = sum(run.status == "diverged" for run in lost)
    count = f"{diverged} of {len(finished)} runs diverged" if diverged else ""
    missing = len(lost) - diverged
    without = f"{missing} of {len(finished)} runs did not record it" if missing else ""
    word = "inconclusive" if finding.word == "reproduced" else finding.word
    if not values and missing:  # nothing was measured, so nothing was refuted
        word = "inconclusive"
    held = "the other runs support it" if finding.word == "reproduced" else ""
    return Finding(word, "; ".join(filter(None, [finding.reason, count, without, held])))


def stand_in_of(runs: Sequence[Run]) -> str:
    """ "digits, standing in for MNIST" where the data are not the paper's, else ""."""
    data = [run.record.get("data") or {} for run in runs]
    stand_ins = {f"{d.get('name')}, standing in for {d['stand_in_for']}" for d in data if d.get("stand_in_for")}
    return " and ".join(sorted(stand_ins))


def command(claim: Claim, scale: str) -> str:
    """What to type for the runs a claim needs."""
    choices = "".join(f" {key}={value}" for key, value in claim["cells"].items())
    return f"python run.py experiment={claim['study']} scale={scale}{choices}"


def board(claims: Sequence[Claim], runs: Sequence[Run], study: str, scale: str) -> list[Verdict]:
    """The verdicts of a study's claims at one scale, in the order of the files; `runs` may hold other studies."""
    mine = [run for run in runs if run.study == study and run.scale == scale]
    return [judge(claim, mine, scale) for claim in claims if claim["study"] == study]
