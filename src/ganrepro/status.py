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
    table = Table("study", "scale", box=None)
    table.add_column("cell", overflow="fold")  # whole, so that the folder can be found
    for word in (*WORDS, "time left"):
        table.add_column(word)
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
    asked = wanted(cell)
    new = [seed for seed in asked["seeds"] if not (cell / f"seed={seed}").exists()]
    states, left = ["not begun"] * len(new), len(new) * asked["updates"]
    for run in runs:
        updates = max(run.record.get("updates_wanted", 0), asked["updates"] if seed_of(run) in asked["seeds"] else 0)
        state = describe(run.record, run.is_locked())
        if state == "done" and run.record["generator_updates"] < updates:  # it is to be made longer
            state = "cut off" if run.reached() > run.record["generator_updates"] else "not begun"
        states.append(state)
        left += max(0, updates - run.reached()) if state not in ("done", "diverged") else 0
    count = Counter(states)
    speed = seconds_per_update(cell)
    time = "" if not left else "unknown" if speed is None else duration(left * speed)
    return [*(str(count[word] or "") for word in WORDS), time]


def seed_of(run: RunFolder) -> int:
    return int(run.path.name.partition("=")[2])


if __name__ == "__main__":
    main()
