"""The page before all others: every claim of every paper with its verdict, every study with its page, every run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ganrepro.report.about import HEADER, about
from ganrepro.report.claims import NOT_RUN, Verdict, largest_decided, load_claims, paper_board
from ganrepro.report.kept import KeptPage, kept_verdicts
from ganrepro.report.page import Page, Section
from ganrepro.report.paper_page import TITLES, outcome
from ganrepro.report.records import SCALES, Run, reasons_not_run
from ganrepro.report.rendering import PageAt, Table
from ganrepro.report.runs_csv import write_runs
from ganrepro.report.study import verdict_table

WORDS = ("reproduced", "not reproduced", "inconclusive", NOT_RUN, "reported")
FILES = (
    "Every run that was drawn from is a row of [runs.csv](runs.csv). Where a paper and its authors' code differ, and"
    " where ours differs from both, stands in [deviations.md](deviations.md). Run folders are where the runs were made,"
    " and not in the repository: links to them lead somewhere only there."
)


def verdicts_of(
    runs: Sequence[Run], root: Path, claims_dir: Path, kept: Sequence[KeptPage] = ()
) -> dict[str, list[Verdict]]:
    """By paper, a verdict for each of its claims, at the largest scale that gives one; also without any run.

    kept: pages of runs that are not here.
    """
    missing = reasons_not_run(root)
    boards = {}
    for paper in sorted(path.stem for path in claims_dir.glob("*.yaml")):
        claims = load_claims(claims_dir, paper)
        board = largest_decided(paper_board(claims, runs, kept_verdicts(claims, kept)))
        boards[paper] = [without_data(verdict, missing) for verdict in board]
    return boards


def without_data(verdict: Verdict, missing: Mapping[tuple[str, str], str]) -> Verdict:
    """A verdict that waits for runs gets the reason why there are none."""
    reason = missing.get((verdict.claim["study"], verdict.scale))
    waits = verdict.word == NOT_RUN and not verdict.runs and not verdict.reason.startswith("needs")
    return replace(verdict, reason=reason) if reason and waits else verdict


def write_index(
    runs: Sequence[Run],
    verdicts: Mapping[str, Sequence[Verdict]],
    root: Path,
    out: Path,
    papers: Sequence[str],
    kept: Sequence[KeptPage] = (),
) -> Path:
    """Writes out/index.html, which is returned, index.md and runs.csv; the same runs give the same bytes.

    papers: those that have a page under `out`, as every study and scale of `runs` has. kept: pages of other runs there.
    """
    out.mkdir(parents=True, exist_ok=True)
    sections = [Section("Papers", [papers_table(verdicts, out, papers)], text=[FILES])]
    for paper, board in verdicts.items():
        sections.append(Section(TITLES.get(paper, paper), [verdict_table(board, scales=True)]))
    studies = studies_table(runs, reasons_not_run(root), out, kept)
    sections.append(Section("Studies", [studies], empty="There are no runs yet."))
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


def studies_table(
    runs: Sequence[Run], missing: Mapping[tuple[str, str], str], out: Path, kept: Sequence[KeptPage] = ()
) -> Table:
    """What there is of each study at each scale, on what it ran and for how long; and what was not run, and why."""
    notes = ["Minutes of all runs together, one after another, as measured; beside them how much was not training."]
    table = Table(["study", "scale", *HEADER], [], notes=notes)
    there = {(run.study, run.scale) for run in runs}
    pages = {(page.study, page.scale): page for page in kept}
    for study, scale in sorted(there | missing.keys() | pages.keys(), key=lambda it: (it[0], SCALES.index(it[1]))):
        if (study, scale) in there:
            row = about([run for run in runs if (run.study, run.scale) == (study, scale)])
        elif page := pages.get((study, scale)):
            row = [page.about.get(column, "") for column in HEADER]
            row[1] = ", ".join(filter(None, [row[1], "not here; the page is of earlier ones"]))
        else:
            row = ["", f"{NOT_RUN}: {missing[study, scale]}", "", "", "", ""]
        table.rows.append([study, scale, *row])
        has_page = (study, scale) in there | pages.keys()
        table.pages.append(PageAt(out / study / scale, study) if has_page else None)
    return table
