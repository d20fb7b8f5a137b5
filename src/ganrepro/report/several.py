"""A claim about several of many metrics of one kind, such as the scores of the classes."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ganrepro.report.criteria import TESTS, Finding
from ganrepro.report.measured import Claim, values_of
from ganrepro.report.records import Run


def several(
    claim: Claim, groups: Sequence[Sequence[Run]], at: str, values: Sequence[float], **arguments: Any
) -> Finding:
    """The claim's test of each metric that begins with its `several`'s prefix: it has to hold of so many of them.

    groups: the finished runs of the claim's cell, and of a rival. values: by seed, of the claim's own metric: a metric
    that not all of these seeds have stays open. Refuted where too few hold or are open.
    """
    prefix, wanted = claim["several"]["each"], claim["several"]["at_least"]
    runs = [run for members in groups for run in members]
    names = sorted({key for run in runs for key in _recorded(run, at) if key.startswith(prefix)})
    found: dict[str, dict[str, Finding]] = defaultdict(dict)
    for name in names:
        known = list(values_of({**claim, "metric": name}, groups, at)[0].values())
        tested = TESTS[claim["test"]](known, **arguments) if len(known) == len(values) else Finding("inconclusive")
        found[tested.word][name.removeprefix(prefix)] = tested
    holds, open_ = found["reproduced"], found["inconclusive"]
    reason = f"in {len(holds)} of {len(names)}" + (f" ({', '.join(holds)})" if holds else "")
    reason += f", open in {len(open_)}" if open_ else ""
    if len(holds) >= wanted:
        return Finding("reproduced", reason)
    if names and len(holds) + len(open_) < wanted:
        return Finding("not reproduced", reason)
    needed = sorted(each.seeds for each in open_.values() if each.seeds)[: wanted - len(holds)]
    return Finding("inconclusive", reason, needed[-1] if len(needed) == wanted - len(holds) else None)


def _recorded(run: Run, at: str) -> dict[str, Any]:
    return (run.record.get("metrics") or {}).get(at) or {}
