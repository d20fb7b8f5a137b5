"""`python -m ganrepro.report`: draws every study and scale found under runs/, their papers' pages and the index."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from joblib import Parallel, cpu_count, delayed
from rich.console import Console
from rich.table import Table

from ganrepro.errors import exit_code
from ganrepro.report.index import verdicts_of, write_index
from ganrepro.report.kept import kept_pages
from ganrepro.report.page import Page
from ganrepro.report.paper_page import papers_of, write_paper
from ganrepro.report.records import Run, read_runs
from ganrepro.report.study import study_page

WIDTH = 160  # columns, where no terminal says how many there are


def main(argv: list[str] | None = None) -> int:
    """Writes out/<study>/<scale>/, out/<paper>/, index and runs.csv; prints the claims board. 1 on a user's error."""
    parser = argparse.ArgumentParser(prog="python -m ganrepro.report", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs lie (default: runs)")
    parser.add_argument("--out", type=Path, default=Path("reports"), help="where to write (default: reports)")
    parser.add_argument("--claims", type=Path, default=Path("conf/claims"), help="default: conf/claims")
    arguments = parser.parse_args(argv)
    return exit_code(lambda: redraw(arguments.runs, arguments.out, arguments.claims))


def redraw(root: Path, out: Path, claims_dir: Path) -> None:
    """Every study and scale that has a run folder, every paper that these are of, and the index with all claims."""
    runs = read_runs(root)
    if not runs:
        print(f"No runs in {root}. `python run.py` says what to type.")
        return
    drawn, kept = draw_studies(runs, root, out, claims_dir), kept_pages(out, runs)
    papers = papers_of(runs, claims_dir)
    for paper in papers:
        print(write_paper(root, paper, out / paper, claims_dir, drawn, kept), flush=True)
    verdicts = verdicts_of(runs, root, claims_dir, kept)
    page = write_index(runs, verdicts, root, out, papers, kept)
    table = Table("claim", "scale", "verdict", "ours [95 %]", "why", title="Claims", title_justify="left")
    for verdict in (verdict for board in verdicts.values() for verdict in board):
        table.add_row(verdict.claim["id"], verdict.scale, verdict.word, verdict.ours, verdict.reason)
    for column in table.columns:
        column.overflow = "fold"  # a command is of no use when its end is cut off
    width = None if Console().is_terminal else WIDTH
    Console(markup=False, highlight=False, width=width).print(table)
    print(page)


def draw_studies(runs: Sequence[Run], root: Path, out: Path, claims_dir: Path) -> dict[tuple[str, str], Page]:
    """Writes the page of every study and scale, as many at once as there are cores; returns them."""
    places = sorted({(run.study, run.scale) for run in runs})
    pages = Parallel(n_jobs=min(cpu_count(), len(places)), return_as="generator")(
        delayed(draw_study)(root, study, scale, out / study / scale, claims_dir) for study, scale in places
    )
    drawn = {}
    for place, page in zip(places, pages, strict=True):
        print(out.joinpath(*place, "index.html"), flush=True)
        drawn[place] = page
    return drawn


def draw_study(root: Path, study: str, scale: str, out: Path, claims_dir: Path) -> Page:
    page = study_page(root, study, scale, out, claims_dir)
    page.write(out, study)
    return page


if __name__ == "__main__":
    sys.exit(main())
