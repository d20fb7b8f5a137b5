"""`python -m ganrepro.report`: draws every study and scale found under runs/ again."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ganrepro.errors import UserError
from ganrepro.report.claims import board, load_claims
from ganrepro.report.records import read_runs
from ganrepro.report.study import write_study


def main(argv: list[str] | None = None) -> int:
    """Writes out/<study>/<scale>/ for each, then prints the pages and the claims board. 1 on an error of the user's."""
    parser = argparse.ArgumentParser(prog="python -m ganrepro.report", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs lie (default: runs)")
    parser.add_argument("--out", type=Path, default=Path("reports"), help="where to write (default: reports)")
    parser.add_argument("--claims", type=Path, default=Path("conf/claims"), help="default: conf/claims")
    arguments = parser.parse_args(argv)
    try:
        redraw(arguments.runs, arguments.out, arguments.claims)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def redraw(root: Path, out: Path, claims_dir: Path) -> None:
    """Every study and scale that has a run folder."""
    runs = read_runs(root)
    found = sorted({(run.study, run.scale) for run in runs})
    if not found:
        print(f"No runs in {root}. `python run.py` says what to type.")
        return
    claims = load_claims(claims_dir)
    table = Table("claim", "scale", "verdict", "ours [95 %]", "why", title="Claims", title_justify="left")
    for study, scale in found:
        print(write_study(root, study, scale, out / study / scale, claims_dir))
        for verdict in board(claims, runs, study, scale):
            table.add_row(verdict.claim["id"], scale, verdict.word, verdict.ours, verdict.reason)
    Console(markup=False, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
