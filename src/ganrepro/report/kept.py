"""Verdicts of runs that are no longer here: a study's page keeps what it said, for its paper's page and the index."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganrepro.report.about import HEADER, about
from ganrepro.report.claims import NOT_RUN, Verdict, claim_hash
from ganrepro.report.measured import Claim
from ganrepro.report.records import SCALES, Run

FILE = "verdicts.json"
SAID = ("verdict", "ours", "seeds", "why", "stand_in", "claim")  # of a claim; the last is the hash of its entry
GONE = "by the page of runs that are not here"


@dataclass(frozen=True)
class KeptPage:
    """about: the columns of HEADER of its runs. verdicts: by claim, all of them strings."""

    study: str
    scale: str
    about: dict[str, str]
    verdicts: dict[str, dict[str, str]]


def keep(verdicts: Sequence[Verdict], runs: Sequence[Run], out: Path) -> None:
    """Writes out/verdicts.json beside the page of these runs."""
    said = {}
    for verdict in (one for one in verdicts if one.word != NOT_RUN):
        words = (verdict.word, verdict.ours, verdict.seeds, verdict.reason, verdict.stand_in, claim_hash(verdict.claim))
        said[verdict.claim["id"]] = dict(zip(SAID, words, strict=True))
    content = {"about": dict(zip(HEADER, about(runs), strict=True)), "verdicts": said}
    (out / FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def kept_pages(out: Path, runs: Sequence[Run]) -> list[KeptPage]:
    """The pages in `out` of studies and scales that none of these runs is of, as in a fresh clone."""
    there = {(run.study, run.scale) for run in runs}
    found = []
    for path in sorted(out.glob("*/*/*.md")):
        study, scale, file = path.parts[-3:]
        if file == f"{study}.md" and scale in SCALES and (study, scale) not in there:
            found.append(KeptPage(study, scale, **_read(path.with_name(FILE))))
    return found


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """What the file says; nothing where it is absent or damaged."""
    try:
        content = json.loads(path.read_text())
        columns = {column: str(content["about"][column]) for column in HEADER}
        said = {claim: {key: str(words[key]) for key in SAID} for claim, words in content["verdicts"].items()}
        return {"about": columns, "verdicts": said}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"about": {}, "verdicts": {}}


def kept_verdicts(claims: Sequence[Claim], pages: Sequence[KeptPage]) -> list[Verdict]:
    """What these pages say of these claims; of one that was rewritten since, the reason says so."""
    found = []
    for claim in claims:
        for page in pages:
            said = page.verdicts.get(claim["id"])
            if page.study == claim["study"] and said:
                changed = said["claim"] != claim_hash(claim)
                reasons = [said["why"], "the claim changed since these runs started" if changed else "", GONE]
                why = "; ".join(dict.fromkeys(filter(None, reasons)))
                found.append(Verdict(claim, page.scale, said["verdict"], why, changed=changed, kept=said))
    return found
