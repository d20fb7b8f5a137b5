"""`make status`: every cell under runs/, what its seeds are, and the time left to those that were cut off."""

import argparse
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ganrepro.plan import describe, duration, seconds_per_update
from ganrepro.runs import RunFolder, wanted

WIDTH = 160  # columns, where no terminal says how many there are
WORDS = ("done", "diverged", "running", "cut off", "error", "not begun")


def main() -> None:
    """Prints one row a cell."""
    parser = argparse.ArgumentParser(prog="python -m ganrepro.status", description=main.__doc__)
    parser.add_argument("--runs", default="runs", type=Path)
    root = parser.parse_args().runs
    table = Table("study", "scale", "cell", *WORDS, "time left", box=None)
    for cell in sorted({path.parent for name in ("seed=*", "wanted.json") for path in root.glob(f"*/*/*/{name}")}):
        table.add_row(*cell.relative_to(root).parts, *row(cell))
    if not table.rows:
        print(f"No runs in {root}. `python run.py` says what to type.")
    else:
        console = Console()
        (console if console.is_terminal else Console(width=WIDTH)).print(table)


def row(cell: Path) -> list[str]:
    """How many seeds are in each state, and the time left to all that have not ended."""
    runs = [RunFolder(path) for path in sorted(cell.glob("seed=*"))]
    states = [describe(run.record, run.is_locked()) for run in runs]
    count = Counter(states)
    asked = wanted(cell)
    count["not begun"] = sum(not (cell / f"seed={seed}").exists() for seed in asked["seeds"])
    left = count["not begun"] * asked["updates"] + sum(
        run.record.get("updates_wanted", 0) - run.record.get("generator_updates", 0)
        for run, state in zip(runs, states, strict=True)
        if state not in ("done", "diverged")
    )
    speed = seconds_per_update(cell)
    time = "" if not left else "unknown" if speed is None else duration(left * speed)
    return [*(str(count[word] or "") for word in WORDS), time]


if __name__ == "__main__":
    main()
