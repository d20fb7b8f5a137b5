"""`python -m ganrepro.report`: draws every study and scale found under runs/ again, and their papers' pages."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ganrepro.errors import exit_code
from ganrepro.report.claims import load_claims, paper_board
from ganrepro.report.paper_page import papers_of, runs_of, write_paper
from ganrepro.report.records import read_runs
from ganrepro.report.study import write_study

WIDTH = 160  # columns, where no terminal says how many there are


def main(argv: list[str] | None = None) -> int:
    """Writes out/<study>/<scale>/ and out/<paper>/, then prints the pages and the claims board. 1 on a user's error."""
    parser = argparse.ArgumentParser(prog="python -m ganrepro.report", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs lie (default: runs)")
    parser.add_argument("--out", type=Path, default=Path("reports"), help="where to write (default: reports)")
    parser.add_argument("--claims", type=Path, default=Path("conf/claims"), help="default: conf/claims")
    arguments = parser.parse_args(argv)
    return exit_code(lambda: redraw(arguments.runs, arguments.out, arguments.claims))


def redraw(root: Path, out: Path, claims_dir: Path) -> None:
    """Every study and scale that has a run folder, then every paper that these are of."""
    runs = read_runs(root)
    found = sorted({(run.study, run.scale) for run in runs})
    if not found:
        print(f"No runs in {root}. `python run.py` says what to type.")
        return
    table = Table("claim", "scale", "verdict", "ours [95 %]", "why", title="Claims", title_justify="left")
    for study, scale in found:
        print(write_study(root, study, scale, out / study / scale, claims_dir))
    for paper in papers_of(runs, claims_dir):
        print(write_paper(root, paper, out / paper, claims_dir))
        for verdict in paper_board(load_claims(claims_dir, paper), runs_of(root, paper, claims_dir)):
            table.add_row(verdict.claim["id"], verdict.scale, verdict.word, verdict.ours, verdict.reason)
    for column in table.columns:
        column.overflow = "fold"  # a command is of no use when its end is cut off
    width = None if Console().is_terminal else WIDTH
    Console(markup=False, highlight=False, width=width).print(table)


if __name__ == "__main__":
    sys.exit(main())
