"""The page before all others: every claim of every paper with its verdict, every study with its page, every run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ganrepro.report.claims import NOT_RUN, Verdict, largest_decided, load_claims, paper_board
from ganrepro.report.page import Page, Section
from ganrepro.report.paper_page import TITLES, data_of, outcome, own_runs
from ganrepro.report.records import SCALES, Run, counted, reasons_not_run
from ganrepro.report.rendering import PageAt, Table
from ganrepro.report.runs_csv import write_runs
from ganrepro.report.study import commit_of, machine_of, verdict_table

WORDS = ("reproduced", "not reproduced", "inconclusive", NOT_RUN, "reported")
FILES = (
    "Every run is a row of [runs.csv](runs.csv). Where a paper and its authors' code differ, and where ours"
    " differs from both, stands in [deviations.md](deviations.md)."
)


def verdicts_of(runs: Sequence[Run], root: Path, claims_dir: Path) -> dict[str, list[Verdict]]:
    """By paper, a verdict for each of its claims, at the largest scale that gives one; also without any run."""
    missing = reasons_not_run(root)
    papers = sorted(path.stem for path in claims_dir.glob("*.yaml"))
    boards = {paper: largest_decided(paper_board(load_claims(claims_dir, paper), runs)) for paper in papers}
    return {paper: [without_data(verdict, missing) for verdict in board] for paper, board in boards.items()}


def without_data(verdict: Verdict, missing: Mapping[tuple[str, str], str]) -> Verdict:
    """A verdict that waits for runs gets the reason why there are none."""
    reason = missing.get((verdict.claim["study"], verdict.scale))
    waits = verdict.word == NOT_RUN and not verdict.runs and not verdict.reason.startswith("needs")
    return replace(verdict, reason=reason) if reason and waits else verdict


def write_index(
    runs: Sequence[Run], verdicts: Mapping[str, Sequence[Verdict]], root: Path, out: Path, papers: Sequence[str]
) -> Path:
    """Writes out/index.html, which is returned, index.md and runs.csv; the same runs give the same bytes.

    papers: those that have a page under `out`, as every study and scale of `runs` has.
    """
    out.mkdir(parents=True, exist_ok=True)
    sections = [Section("Papers", [papers_table(verdicts, out, papers)], text=[FILES])]
    for paper, board in verdicts.items():
        sections.append(Section(TITLES.get(paper, paper), [verdict_table(board, scales=True)]))
    sections.append(
        Section("Studies", [studies_table(runs, reasons_not_run(root), out)], empty="There are no runs yet.")
    )
    write_runs(runs, out / "runs.csv")
    return Page("What held up", outcome([v for board in verdicts.values() for v in board]), sections).write(
        out, "index"
    )


def papers_table(verdicts: Mapping[str, Sequence[Verdict]], out: Path, papers: Sequence[str]) -> Table:
    """How many claims of each paper have each verdict."""
    table = Table(["paper", "claims", *WORDS], [])
    for paper, board in verdicts.items():
        count = Counter(verdict.word for verdict in board)
        table.rows.append([TITLES.get(paper, paper), str(len(board)), *(str(count[word] or "") for word in WORDS)])
        table.pages.append(PageAt(out / paper, paper) if paper in papers else None)
    return table


def studies_table(runs: Sequence[Run], missing: Mapping[tuple[str, str], str], out: Path) -> Table:
    """What there is of each study at each scale, on what it ran and for how long; and what was not run, and why.

    A page that lies in `out` without runs here, as in a fresh clone, has a row too.
    """
    notes = ["Minutes of all runs together, one after another, as measured; beside them how much was not training."]
    table = Table(["study", "scale", "data", "runs", "hardware", "commit", "minutes", "evaluation"], [], notes=notes)
    there = {(run.study, run.scale) for run in runs}
    kept = pages_in(out) - there
    for study, scale in sorted(there | missing.keys() | kept, key=lambda place: (place[0], SCALES.index(place[1]))):
        members = [run for run in runs if (run.study, run.scale) == (study, scale)]
        if members:
            seconds, trained = (
                sum((run.record.get("speed") or {}).get(key, 0) for run in members)
                for key in ("seconds", "train_seconds")
            )
            share = f"{1 - trained / seconds:.0%}" if trained else ""
            where = [", ".join(sorted({of(run) for run in members} - {""})) for of in (machine_of, commit_of)]
            row = [data_of(own_runs(members)), counted(members), *where, f"{seconds / 60:.1f}", share]
        elif (study, scale) in kept:
            row = ["", "not here; the page is of earlier ones", "", "", "", ""]
        else:
            row = ["", f"{NOT_RUN}: {missing[study, scale]}", "", "", "", ""]
        table.rows.append([study, scale, *row])
        table.pages.append(PageAt(out / study / scale, study) if members or (study, scale) in kept else None)
    return table


def pages_in(out: Path) -> set[tuple[str, str]]:
    """(study, scale) of the pages of studies that lie in `out`."""
    found = {path.parts[-3:] for path in out.glob("*/*/*.md")}
    return {(study, scale) for study, scale, file in found if file == f"{study}.md" and scale in SCALES}
