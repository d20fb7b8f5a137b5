"""A paper's statements as tests over runs, written down before the runs, and their verdicts.

One file a paper in conf/claims. Each entry has:

    id, says, source, figure   the statement in short, where it stands, the paper's own figure (or null)
    study, scales              whose runs judge it, and at which scales they can
    cells                      the choices of the cell that is judged, {} for the study's plain one
    metric, at                 an evaluation scalar `at: final` or `best`, or a dotted path into the record; or a
                               scalar of metrics.jsonl `at: mean` (over the rows that hold it) or `change` (the last
                               such row less the first)
    against (optional)         a second metric of the same run: judged is metric - against, so paired by seed
    dose (optional)            an axis of the study's grid whose values are positive numbers: see below
    floor (optional)           {metric, below}: where this metric's mean is below, nothing can be told
    data (optional)            the name of the only data that can judge it; runs on other data are `not run`
    test, arguments            one of TESTS and its arguments
    seeds                      the fewest seeds that give a verdict
    needs                      what a scale not listed, or a stand-in for `data`, lacks

With `dose` a seed's value is not the metric of one run but the least-squares slope of the metric against log(dose),
natural, over the seed's runs in the cells that differ in this coordinate only: their other choices are `cells`, and
they have no departures. A seed counts that is done in at least three doses, whichever these are; its slope is per
e-fold of the dose, so a test of it is a test of the dose response.

A run that diverged has no value that may be averaged, and is never left out either: a claim that the other runs
support is then `inconclusive`, with the count; if every run diverged it is `not reproduced`. With `dose` this holds
for the runs of every dose.
"""

import hashlib
import inspect
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ganrepro.errors import UserError
from ganrepro.report.criteria import TESTS, Finding, report_only
from ganrepro.report.records import Run, by_dose, scales_of, select, shown_cell
from ganrepro.report.statistics import Interval, mean_interval

Claim = Mapping[str, Any]
KEYS = {"id", "says", "source", "figure", "study", "scales", "cells"}
KEYS |= {"metric", "at", "test", "arguments", "seeds", "needs"}
OPTIONAL = {"against", "dose", "floor", "data"}
AT = {"final": "last", "best": "best", "mean": "mean of the rows", "change": "last row less the first"}
OTHER = {"final": "best", "best": "final"}  # what is shown beside
FEWEST_DOSES = 3  # two give a slope, three a response


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
        if self.value is None:
            return ""
        at = self.claim["at"]
        if self.other:
            return f"{self.value} ({AT[at]}), {self.other} ({AT[OTHER[at]]})"
        return str(self.value) if at in OTHER else f"{self.value} ({AT[at]})"


# Reading. ------------------------------------------------------------------------------------------------------


def claim_hash(entry: Claim) -> str:
    """8 hex digits over everything the entry says; comments and layout do not count."""
    text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def load_claims(claims_dir: Path, paper: str = "*") -> list[Claim]:
    """Every claim of every file, or of one paper's, in order; [] without it. UserError where one cannot be judged."""
    claims: list[Claim] = []
    for path in sorted(claims_dir.glob(f"{paper}.yaml")):
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
    if entry["test"] not in TESTS or entry["at"] not in AT:
        names = f"test is one of {', '.join(TESTS)}; at is one of {', '.join(AT)}"
        raise UserError(f"{path}: {entry['id']}: {names}.")
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
    chosen, notes = _chosen(claim, runs)
    finished = [run for run in chosen if run.finished]
    instead = finished or [run for run in shown_cell(runs)[0] if run.finished and "data" in claim]
    if reason := _other_data(claim, instead):
        return Verdict(claim, scale, "not run", reason, runs=tuple(instead), notes=tuple(notes))
    if scale not in claim["scales"]:
        return Verdict(claim, scale, "not run", f"needs {claim['needs']}")
    if not finished:
        return Verdict(claim, scale, "not run", f"no finished run yet: {command(claim, scale)}")
    values = _values(finished, claim, claim["at"])
    other = _values(finished, claim, OTHER[claim["at"]]) if claim["at"] in OTHER else {}
    lost = [run for run in finished if _value(run, claim, claim["at"]) is None]
    finding = _with_lost(_finding(claim, values, finished, lost), finished, lost)
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


def _chosen(claim: Claim, runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs of the claim's cell, or of its cells, one a dose; and notes."""
    if "dose" not in claim:
        return select(runs, claim["cells"])
    doses, notes = by_dose(runs, claim["dose"], claim["cells"])
    return [run for members in doses.values() for run in members], notes


def _value(run: Run, claim: Claim, at: str) -> float | None:
    """The metric of a run that is done and has it, less `against`."""
    value = run.value(claim["metric"], at)
    less = run.value(claim["against"], at) if "against" in claim else 0.0
    return value - less if run.status == "done" and value is not None and less is not None else None


def _values(runs: Sequence[Run], claim: Claim, at: str) -> dict[int, float]:
    """The judged value by seed: its run's, or the slope over its runs."""
    known = [(run, value) for run in runs if (value := _value(run, claim, at)) is not None]
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


def _finding(claim: Claim, values: Mapping[int, float], finished: Sequence[Run], lost: Sequence[Run]) -> Finding:
    """The test's finding, unless there are too few seeds or the floor hides what it would say."""
    fewest = claim["seeds"]
    if not values and len(lost) < len(finished):
        return Finding("inconclusive", f"no seed is done in {FEWEST_DOSES} doses of {claim['dose']}")
    if not values:
        return Finding("not reproduced" if len({run.seed for run in finished}) >= fewest else "inconclusive")
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


def _with_lost(finding: Finding, finished: Sequence[Run], lost: Sequence[Run]) -> Finding:
    """The rule for runs without a value: they are counted in the reason, and no claim is reproduced despite them."""
    if not lost:
        return finding
    diverged = sum(run.status == "diverged" for run in lost)
    count = f"{diverged} of {len(finished)} runs diverged" if diverged else ""
    missing = len(lost) - diverged
    without = f"{missing} of {len(finished)} runs did not record it" if missing else ""
    word = "inconclusive" if finding.word == "reproduced" else finding.word
    if len(lost) == len(finished) and missing:  # nothing was measured, so nothing was refuted
        word = "inconclusive"
    held = "the other runs support it" if finding.word == "reproduced" else ""
    return Finding(word, "; ".join(filter(None, [finding.reason, count, without, held])))


def _other_data(claim: Claim, finished: Sequence[Run]) -> str:
    """Why these runs cannot judge a claim about one data set, or ""."""
    names = {str((run.record.get("data") or {}).get("name")) for run in finished}
    if "data" not in claim or names <= {claim["data"]}:
        return ""
    return f"needs {claim['needs']}; these runs are on {stand_in_of(finished) or ' and '.join(sorted(names))}"


def judged(claim: Claim) -> str:
    """What is judged, in a word: "recognised/lines − recognised/random"."""
    metric = claim["metric"] + (f" − {claim['against']}" if "against" in claim else "")
    return f"slope of {metric} against log {claim['dose']}" if "dose" in claim else metric


def stand_in_of(runs: Sequence[Run]) -> str:
    """ "digits, standing in for MNIST" where the data are not the paper's, else ""."""
    data = [run.record.get("data") or {} for run in runs]
    stand_ins = {f"{d.get('name')}, standing in for {d['stand_in_for']}" for d in data if d.get("stand_in_for")}
    return " and ".join(sorted(stand_ins))


def command(claim: Claim, scale: str) -> str:
    """What to type for the runs a claim needs."""
    choices = "".join(f" {key}={value}" for key, value in claim["cells"].items())
    sweep = "-m " if "dose" in claim else ""  # a dose response needs the study's whole grid
    return f"python run.py {sweep}experiment={claim['study']} scale={scale}{choices}"


def board(claims: Sequence[Claim], runs: Sequence[Run], study: str, scale: str) -> list[Verdict]:
    """The verdicts of a study's claims at one scale, in the order of the files; `runs` may hold other studies."""
    mine = [run for run in runs if run.study == study and run.scale == scale]
    return [judge(claim, mine, scale) for claim in claims if claim["study"] == study]


def paper_board(claims: Sequence[Claim], runs: Sequence[Run]) -> list[Verdict]:
    """The verdicts of each claim at every scale that its study has runs at; without any, at the claim's first scale."""
    verdicts = []
    for claim in claims:
        mine = [run for run in runs if run.study == claim["study"]]
        for scale in scales_of(mine) or claim["scales"][:1]:
            verdicts.append(judge(claim, [run for run in mine if run.scale == scale], scale))
    return verdicts
