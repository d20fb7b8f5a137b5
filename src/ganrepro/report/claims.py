"""A paper's statements as tests over runs, written down before the runs, and their verdicts.

One file a paper in conf/claims. Each entry has:

    id, says, source, figure   the statement in short, where it stands, the paper's own figure (or null)
    study, scales              whose runs judge it, and at which scales they can
    cells                      the choices of the cell that is judged, {} for the study's plain one
    metric, at                 an evaluation scalar `at: final` or `best`, or a dotted path into the record
                               (probes.<probe>.<scalar> is what a probe of the run found); or a scalar of metrics.jsonl
                               `at: mean` (over the rows that hold it), `change` (the last such row less the first) or
                               `swing` (the standard deviation of at least three such rows of the run's second half;
                               with log, of their logarithms; it takes no `against`), or `mean_after` and
                               `slope_after` (their mean, and the slope of their least-squares line per 1,000 updates,
                               over at least three rows of more updates than `from`; no `against`, no `log`). A list
                               of metrics: the first that a run has, where one cell's runs call it otherwise
    from (optional)            generator updates, for these two; without a longer run the claim is `not run`
    against (optional)         a second metric of the same run: judged is metric - against, so paired by seed
    log (optional)             true: judged is the logarithm, so that a difference is a factor
    versus (optional)          the choices of a second cell of the same study, or a list of them: judged is the
                               difference from it, paired by seed; from each of a list, and the worst verdict counts
    rule (optional)            judged is not a value but how many runs did what `metric` then names, an event of
                               events.py (success, collapse, late), by this rule; `versus` is counted beside it
    dose (optional)            an axis of the study's grid whose values are positive numbers: see below
    floor (optional)           {metric, below} or {metric, above}, or a list of these: where this metric's mean is
                               there, nothing can be told of the runs. {metric, above_metric, share}: where in one of
                               the cells compared its mean is above this share of the other metric's. `says`: what the
                               reason begins with, in place of "at the floor"
    ceiling (optional)         a rule of success: where every run of both cells succeeds by it, or none does, nothing
                               can be told
    cheaper (optional)         metrics that must besides be lower than the rival's, on the average
    several (optional)         {each: prefix, at_least: number}: the test is of every metric that begins so, one by one,
                               and has to hold of so many; `metric` is what is shown of all of them
    same (optional)            fields of the record, such as hardware, that have to be the same in all runs compared
    also (optional)            a second statement, or a list of them: {says, test, arguments} on the same values is
                               told in the reason. With a metric of its own (and `against`, `log`, `at` and one or
                               some of the claim's `versus` where wanted) it has to hold too: the worst verdict counts.
                               Its own `unless` is as `floor`: where it says so, this statement is open against that
                               rival, is told, and does not count
    data (optional)            the name of the only data that can judge it; runs on other data are `not run`
    test, arguments            one of TESTS and its arguments; with a rule, of COUNTED
    seeds                      the fewest seeds that give a verdict
    needs                      what a scale not listed, or a stand-in for `data`, lacks

With `dose` a seed's value is not the metric of one run but the least-squares slope of the metric against log(dose),
natural, over the seed's runs in the cells that differ in this coordinate only: their other choices are `cells`, and
they have no departures. A seed counts that is done in at least three doses, whichever these are; its slope is per
e-fold of the dose, so a test of it is a test of the dose response.

A run that diverged has no value that may be averaged, and is never left out either: a claim that the other runs
support is then `inconclusive`, with the count; if every run diverged it is `not reproduced`. With `dose` this holds
for the runs of every dose, with `versus` for those of both cells. Where runs are counted, one that diverged has not
succeeded, and has collapsed.

Runs on other data than the paper's judge a claim on these: the reason then names them and what they stand in for.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ganrepro.errors import UserError
from ganrepro.report.claim_checks import check
from ganrepro.report.events import CALLED
from ganrepro.report.findings import find, measure, named_cell
from ganrepro.report.measured import AT, LATER, Claim, chosen, is_factor, names_of, rivals
from ganrepro.report.records import SCALES, Run, scales_of, shown_cell
from ganrepro.report.statistics import Interval

OTHER = {"final": "best", "best": "final"}  # what is shown beside
NOT_RUN = "not run"


@dataclass(frozen=True)
class Verdict:
    claim: Claim
    scale: str
    word: str  # reproduced, not reproduced, inconclusive, not run; reported where nothing is judged
    reason: str
    value: Interval | None = None  # ours, at the claim's `at`; with several rivals, beside the first
    other: Interval | None = None  # the same at the other of final and best, where it is recorded
    shown: tuple[str, str] = ("", "")  # `value` and `other` in words, where their own are not all there is to say
    runs: tuple[Run, ...] = ()  # those it rests on, diverged ones too
    notes: tuple[str, ...] = ()
    changed: bool = False  # since some of these runs started
    kept: Mapping[str, str] | None = None  # what a page said of runs that are no longer here; see kept.py

    @property
    def seeds(self) -> str:
        """How many gave a value; "" without one."""
        return self.kept["seeds"] if self.kept else str(self.value.n) if self.value else ""

    @property
    def stand_in(self) -> str:
        """What stood in for the paper's data, as `stand_in_of` says it."""
        return self.kept["stand_in"] if self.kept else stand_in_of(self.runs)

    @property
    def ours(self) -> str:
        """ "225.3 [220.1, 230.5] (best), 219.0 [211.2, 226.8] (last)"; "" without a value."""
        if self.kept:
            return self.kept["ours"]
        if self.value is None:
            return ""
        at, value, other = self.claim["at"], self.shown[0] or self.value, self.shown[1] or self.other
        if self.other:
            return f"{value} ({AT[at]}), {other} ({AT[OTHER[at]]})"
        return str(value) if at in OTHER else f"{value} ({AT[at].format(**self.claim)})"


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
            check(path, entry, {claim["id"] for claim in claims})
            claims.append(entry)
    return claims


def claims_for(study: str, claims_dir: Path) -> dict[str, str]:
    """The hash of each claim this study judges, by id: what a run's record carries."""
    return {claim["id"]: claim_hash(claim) for claim in load_claims(claims_dir) if claim["study"] == study}


# Judging. ------------------------------------------------------------------------------------------------------


def judge(claim: Claim, runs: Sequence[Run], scale: str, at: str | None = None) -> Verdict:
    """The verdict from the runs of the claim's study at this scale; `at`: in place of the claim's own."""
    written, claim = claim, {**claim, "at": at or claim["at"]}
    groups, notes = chosen(claim, runs)
    finished = [run for members in groups for run in members if run.finished]
    instead = finished or [run for run in shown_cell(runs)[0] if run.finished and "data" in claim]
    if reason := _other_data(claim, instead):
        return Verdict(claim, scale, NOT_RUN, reason, runs=tuple(instead), notes=tuple(notes))
    if scale not in claim["scales"]:
        return Verdict(claim, scale, NOT_RUN, f"needs {claim['needs']}")
    if lacking := _lacking(claim, groups):
        return Verdict(claim, scale, NOT_RUN, f"{lacking}: {command(claim, scale)}", runs=tuple(finished))
    if reason := _too_short(claim, finished):
        return Verdict(claim, scale, NOT_RUN, reason, runs=tuple(finished), notes=tuple(notes))
    if reason := _unprobed(claim, finished):
        return Verdict(claim, scale, NOT_RUN, reason, runs=tuple(finished), notes=tuple(notes))
    outcome = find(claim, groups, claim["at"])
    beside = measure(claim, groups, OTHER[claim["at"]]) if claim["at"] in OTHER else (None, "")
    if beside == (outcome.value, outcome.shown):
        beside = (None, "")
    changed = {run.record.get("claims", {}).get(claim["id"]) for run in finished} != {claim_hash(written)}
    stand_in = stand_in_of(finished)
    reasons = [outcome.finding.reason, f"on {stand_in}" if stand_in else ""]
    reasons.append("the claim changed since these runs started" if changed else "")
    return Verdict(
        claim,
        scale,
        outcome.finding.word,
        "; ".join(filter(None, reasons)),
        outcome.value,
        beside[0],
        (outcome.shown, beside[1]),
        tuple(finished),
        tuple(notes),
        changed,
    )


def _lacking(claim: Claim, groups: Sequence[Sequence[Run]]) -> str:
    """Which of the claim's cells have no finished run, or ""."""
    empty = [not any(run.finished for run in members) for members in groups]
    if all(empty):
        return "no finished run yet"
    cells = [claim["cells"], *rivals(claim)]
    names = [named_cell(cell) for cell, is_empty in zip(cells, empty, strict=True) if is_empty] if any(empty) else []
    return f"no finished run yet of {' and of '.join(names)}" if names else ""


def _other_data(claim: Claim, finished: Sequence[Run]) -> str:
    """Why these runs cannot judge a claim about one data set, or ""."""
    names = {str((run.record.get("data") or {}).get("name")) for run in finished}
    if "data" not in claim or names <= {claim["data"]}:
        return ""
    return f"needs {claim['needs']}; these runs are on {stand_in_of(finished) or ' and '.join(sorted(names))}"


def _too_short(claim: Claim, finished: Sequence[Run]) -> str:
    """Why these runs end before the claim's `from`, or ""."""
    wanted = max((int(run.record.get("updates_wanted") or 0) for run in finished), default=0)
    if claim["at"] not in LATER or wanted > claim["from"]:
        return ""
    return f"needs runs longer than {claim['from']:,} updates; the longest of these has {wanted:,}"


def _unprobed(claim: Claim, finished: Sequence[Run]) -> str:
    """What to type where a claim rests on a probe that none of these runs has, or ""."""
    probes = {name.split(".")[1] for name in names_of(claim) if name.startswith("probes.")}
    lacking = sorted(probe for probe in probes if not any(probe in run.probes for run in finished))
    commands = " and ".join(f"python run.py probe={probe} run=<each run>" for probe in lacking)
    return f"no probe of these runs yet: {commands}" if commands else ""


def judged(claim: Claim) -> str:
    """What is judged, in a word: "recognised/lines − recognised/random"."""
    if "rule" in claim:
        what = CALLED[claim["metric"]]
    else:
        what = " or ".join(names_of(claim)) + (f" − {claim['against']}" if "against" in claim else "")
    if "dose" in claim:
        return f"slope of {what} against log {claim['dose']}"
    if not rivals(claim):
        return what
    cell, *others = (" ".join(f"{axis}={value}" for axis, value in cell.items()) for cell in _apart(claim))
    tie = "against" if "rule" in claim else "over" if is_factor(claim) else "−"
    return f"{what}, {cell} {tie} {f' and {tie} '.join(others)}"


def _apart(claim: Claim) -> list[dict[str, Any]]:
    """The claim's cell and its rivals by the choices that are not the same in all of them."""
    cells = [claim["cells"], *rivals(claim)]
    same = {axis for axis in claim["cells"] if len({str(cell.get(axis)) for cell in cells}) == 1}
    return [{axis: value for axis, value in cell.items() if axis not in same} for cell in cells]


def stand_in_of(runs: Sequence[Run]) -> str:
    """ "digits, standing in for MNIST" where the data are not the paper's, else ""."""
    data = [run.record.get("data") or {} for run in runs]
    stand_ins = {f"{d.get('name')}, standing in for {d['stand_in_for']}" for d in data if d.get("stand_in_for")}
    return " and ".join(sorted(stand_ins))


def command(claim: Claim, scale: str) -> str:
    """What to type for the runs a claim needs; of a rival that is outside the study's grid, a command of its own."""
    whole_grid = "dose" in claim or rivals(claim)
    words = f"experiment={claim['study']} scale={scale}"
    if not whole_grid:
        return f"python run.py {words}{_typed(claim['cells'])}"
    apart = [cell for cell in rivals(claim) if cell.keys() - claim["cells"].keys()]
    return " and ".join([f"python run.py -m {words}", *(f"python run.py {words}{_typed(cell)}" for cell in apart)])


def _typed(choices: Mapping[str, Any]) -> str:
    return "".join(f" {key}={value}" for key, value in choices.items())


def board(claims: Sequence[Claim], runs: Sequence[Run], study: str, scale: str) -> list[Verdict]:
    """The verdicts of a study's claims at one scale, in the order of the files; `runs` may hold other studies."""
    mine = [run for run in runs if run.study == study and run.scale == scale]
    return [judge(claim, mine, scale) for claim in claims if claim["study"] == study]


def paper_board(claims: Sequence[Claim], runs: Sequence[Run], kept: Sequence[Verdict] = ()) -> list[Verdict]:
    """The verdicts of each claim at every scale that its study has runs at; without any, at the claim's first scale.

    kept: of runs that are not here, at other scales.
    """
    verdicts = []
    for claim in claims:
        mine = [run for run in runs if run.study == claim["study"]]
        found = {verdict.scale: verdict for verdict in kept if verdict.claim["id"] == claim["id"]}
        for scale in scales_of(mine) or claim["scales"][: int(not found)]:
            found[scale] = judge(claim, [run for run in mine if run.scale == scale], scale)
        verdicts += sorted(found.values(), key=lambda verdict: [*SCALES, verdict.scale].index(verdict.scale))
    return verdicts


def largest_decided(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """One verdict a claim: at the largest scale that gives one; where none does, why not at the cheapest."""
    chosen: dict[str, Verdict] = {}
    for verdict in verdicts:  # the scales of a claim come from the cheapest on
        if verdict.word != NOT_RUN or verdict.claim["id"] not in chosen:
            chosen[verdict.claim["id"]] = verdict
    return list(chosen.values())
