"""From what a claim's runs measured to a finding: its test, and what can keep the test from saying anything."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ganrepro.errors import UserError
from ganrepro.report.criteria import COUNTED, TESTS, Finding, extremes, report_only
from ganrepro.report.events import count
from ganrepro.report.floors import floor, undecided
from ganrepro.report.measured import FEWEST_DOSES, Claim, besides, is_factor, rivals, value_of, values_of
from ganrepro.report.records import Run
from ganrepro.report.several import several
from ganrepro.report.statistics import Count, Interval, mean_interval

Groups = Sequence[Sequence[Run]]
WORST = ("not reproduced", "inconclusive", "reproduced", "reported")  # a claim is as good as its worst part


@dataclass(frozen=True)
class Outcome:
    """`value`: an interval for the first comparison. `shown`: all of them in a reader's words, "" for the plain one."""

    finding: Finding
    value: Interval | None
    shown: str = ""


def measure(claim: Claim, groups: Groups, at: str) -> tuple[Interval | None, str]:
    """What is judged, without judging it: (interval, words) as in Outcome."""
    if "rule" in claim:
        counts = [count(members, claim["metric"], at, claim["rule"])[0] for members in groups]
        if not all(c.n for c in counts):
            return None, ""
        return counts[0].rate, " against ".join(f"{c.rate} ({c})" for c in counts)
    intervals = [mean_interval(list(values.values())) if values else None for values in values_of(claim, groups, at)]
    shown = [str(factor(i) if is_factor(claim) else i) for i in intervals if i]
    plain = len(groups) == 1 and not is_factor(claim)
    return intervals[0], "" if plain else " and ".join(shown)


def factor(interval: Interval) -> Interval:
    """A difference of logarithms as the factor it is."""
    return Interval(_exp(interval.mean), _exp(interval.low), _exp(interval.high), interval.n)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def find(claim: Claim, groups: Groups, at: str) -> Outcome:
    """`groups`: the runs of the claim's cell, then of each rival, with a finished run in each."""
    value, shown = measure(claim, groups, at)
    finished = [[run for run in members if run.finished] for members in groups]
    if "rule" in claim:
        return Outcome(_of_counts(claim, finished, at), value, shown)
    parts = [_of_values(claim, finished, at, place) for place in range(max(1, len(rivals(claim))))]
    return Outcome(_besides(claim, _together(claim, parts), groups), value, shown)


def _besides(claim: Claim, finding: Finding, groups: Groups) -> Finding:
    """The worst of the finding and of those on second statements with a metric of their own, with all reasons."""
    for also in besides(claim):
        if "metric" not in also:
            continue
        places = [rivals(claim).index(cell) for cell in rivals(also)]
        outcome = find(also, [groups[0], *(groups[place + 1] for place in places)], also["at"])
        shown = outcome.shown or str(outcome.value or "")
        told = "; ".join(filter(None, [shown, outcome.finding.reason]))
        said = f"{also['says']}: {outcome.finding.word}{f' ({told})' if told else ''}"
        word = min(finding.word, outcome.finding.word, key=WORST.index)
        finding = replace(finding, word=word, reason="; ".join(filter(None, [finding.reason, said])))
    return finding


def _together(claim: Claim, parts: Sequence[Finding]) -> Finding:
    """The worst of the findings against each rival, with all of their reasons."""
    if len(parts) == 1:
        return parts[0]
    named = [f"than {named_cell(cell)}: {part.word}" for cell, part in zip(rivals(claim), parts, strict=True)]
    reasons = [f"{name} ({part.reason})" if part.reason else name for name, part in zip(named, parts, strict=True)]
    return Finding(min((part.word for part in parts), key=WORST.index), "; ".join(reasons))


def named_cell(cell: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in cell.items()) or "the plain cell"


# Counts. -------------------------------------------------------------------------------------------------------


def _of_counts(claim: Claim, groups: Groups, at: str) -> Finding:
    tallies = [count(members, claim["metric"], at, claim["rule"]) for members in groups]
    counts, unknown = [tally for tally, _ in tallies], [run for _, runs in tallies for run in runs]
    everyone = [run for members in groups for run in members]
    if min(c.n for c in counts) == 0:
        return _with_lost(Finding("inconclusive"), everyone, unknown)
    finding = COUNTED[claim["test"]](*counts, **claim["arguments"])
    if (fewest := min(c.n for c in counts)) < claim["seeds"]:
        return _with_lost(_too_few(claim, fewest, finding), everyone, unknown)
    if reason := hidden(claim, groups, at):
        return _with_lost(Finding("inconclusive", reason), everyone, unknown)
    return _with_lost(_needing(finding), everyone, unknown)


# Values. -------------------------------------------------------------------------------------------------------


def _of_values(claim: Claim, groups: Groups, at: str, place: int) -> Finding:
    """Against the rival in this place, or of the one cell."""
    concerned = [groups[0], groups[place + 1]] if len(groups) > 1 else [groups[0]]
    everyone = [run for members in concerned for run in members]
    lost = [run for run in everyone if value_of(run, claim, at) is None]
    values = list(values_of(claim, groups, at)[place].values())
    finding = _tested(claim, values, concerned, everyone, lost, at)
    finding = _with_costs(claim, finding, concerned)
    finding = _with_lost(finding, everyone, lost)
    return _with_also(claim, finding, values)


def _tested(
    claim: Claim, values: Sequence[float], groups: Groups, everyone: Sequence[Run], lost: Sequence[Run], at: str
) -> Finding:
    """The test's finding, unless there are too few seeds, or a floor or ceiling hides what it would say."""
    fewest = claim["seeds"]
    if not values and len(lost) < len(everyone):
        where = f"{FEWEST_DOSES} doses of {claim['dose']}" if "dose" in claim else "both cells"
        return Finding("inconclusive", f"no seed is done in {where}")
    if not values:
        return Finding("not reproduced" if len({run.seed for run in everyone}) >= fewest else "inconclusive")
    if claim["test"] == "report_only":
        return Finding(report_only(values).word, undecided(claim, groups, at))
    test = TESTS[claim["test"]] if "several" not in claim else partial(several, claim, groups, at)
    finding = test(values, **claim["arguments"]) if len(values) > 1 else None
    if len(values) < fewest:
        return _too_few(claim, len(values), finding)
    if reason := undecided(claim, groups, at):
        return Finding("reported", reason)
    if reason := floor(claim, groups, at) or hidden(claim, groups, at) or unlike(claim, everyone):
        return Finding("inconclusive", reason)
    if finding is None:
        raise UserError(f"{claim['id']}: seeds: {fewest} gives no interval; a judged claim needs at least 2.")
    return _needing(finding)


def _too_few(claim: Claim, n: int, finding: Finding | None) -> Finding:
    about = max(claim["seeds"], finding.seeds or 0) if finding else claim["seeds"]
    return Finding("inconclusive", f"{n} of at least {claim['seeds']} seeds; needs about {about} seeds")


def _needing(finding: Finding) -> Finding:
    """An open finding with how many seeds would settle it."""
    if finding.word != "inconclusive":
        return finding
    many = f"about {finding.seeds}" if finding.seeds else "far more"
    return Finding("inconclusive", "; ".join(filter(None, [finding.reason, f"needs {many} seeds"])))


def hidden(claim: Claim, groups: Groups, at: str) -> str:
    """Why two cells of which all runs succeed, or none, cannot be told apart, or ""."""
    if "ceiling" not in claim:
        return ""
    counts: list[Count] = [count(members, "success", at, claim["ceiling"])[0] for members in groups]
    return extremes(counts[0], counts[1])


def unlike(claim: Claim, runs: Sequence[Run]) -> str:
    """Why runs that have to share a field of their records do not compare, or ""."""
    apart = [field for field in claim.get("same", ()) if len({str(run.record.get(field)) for run in runs}) > 1]
    return f"these runs differ in {' and '.join(apart)}" if apart else ""


def _with_costs(claim: Claim, finding: Finding, groups: Groups) -> Finding:
    """The rule of `cheaper`: every cost is lower than the rival's, or the claim is not reproduced."""
    reasons, word = [finding.reason] if finding.reason else [], finding.word
    for key in claim.get("cheaper", ()):
        costs = [[v for run in members if (v := run.value(key)) is not None] for members in groups]
        if not all(costs):
            reasons.append(f"{key} is not recorded")
            word = "inconclusive" if word == "reproduced" else word
            continue
        ours, other = (sum(values) / len(values) for values in costs)
        reasons.append(f"{key} {counted(ours)} against {counted(other)}")
        word = word if ours < other else "not reproduced"
    return replace(finding, word=word, reason="; ".join(reasons))


def counted(cost: float) -> str:
    """Whole numbers in full, others to four figures."""
    return f"{cost:,.0f}" if cost == round(cost) else f"{cost:,.4g}"


def _with_also(claim: Claim, finding: Finding, values: Sequence[float]) -> Finding:
    """What the same values say of a second statement, beside the verdict on the first."""
    for also in besides(claim) if len(values) >= claim["seeds"] else ():
        if "metric" not in also:
            word = TESTS[also["test"]](values, **also["arguments"]).word
            finding = replace(finding, reason="; ".join(filter(None, [finding.reason, f"{also['says']}: {word}"])))
    return finding


def _with_lost(finding: Finding, finished: Sequence[Run], lost: Sequence[Run]) -> Finding:
    """The rule for runs without a value: they are counted in the reason, and no claim is reproduced despite them."""
    if not lost:
        return finding
    diverged = sum(run.status == "diverged" for run in lost)
    told = f"{diverged} of {len(finished)} runs diverged" if diverged else ""
    missing = len(lost) - diverged
    without = f"{missing} of {len(finished)} runs did not record it" if missing else ""
    word = "inconclusive" if finding.word == "reproduced" else finding.word
    if len(lost) == len(finished) and missing:  # nothing was measured, so nothing was refuted
        word = "inconclusive"
    held = "the other runs support it" if finding.word == "reproduced" else ""
    return Finding(word, "; ".join(filter(None, [finding.reason, told, without, held])))
