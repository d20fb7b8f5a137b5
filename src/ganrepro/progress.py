"""How far a sweep is, read from the run folders, so that it works with every launcher."""

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from ganrepro.cells import Cell
from ganrepro.plan import describe, duration
from ganrepro.runs import RunFolder, last_row

TERMINAL_SECONDS, FILE_SECONDS = 1.0, 15.0


class Progress:
    """While the block runs: updates, images/s and time left, in place on a terminal, else a line now and then.

    Each cell gets one line when its last seed is finished.
    """

    def __init__(self, cells: Sequence[Cell], folders: Sequence[Path]) -> None:
        self.cells = [
            (folder.name, [RunFolder(folder / f"seed={seed}") for seed in cell.seeds], cell.config["updates"])
            for cell, folder in zip(cells, folders, strict=True)
        ]
        self.console = Console()
        self.begun, self.at_start = time.monotonic(), sum(self.updates().values())
        self.finished = {name for name, runs, wanted in self.cells if self.ended(runs, wanted)}
        self.stop = threading.Event()

    def __enter__(self) -> "Progress":
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def watch(self) -> None:
        """Looks at the folders until the block ends."""
        if self.console.is_terminal:
            with Live(console=self.console, refresh_per_second=4, transient=True) as live:
                while not self.stop.wait(TERMINAL_SECONDS):
                    live.update(self.line())
                    self.report_cells()
        else:
            while not self.stop.wait(FILE_SECONDS):
                print(self.line(), flush=True)
                self.report_cells()
        self.report_cells()

    def line(self) -> str:
        """The sweep in one line."""
        updates = self.updates()
        done, total = sum(updates.values()), sum(len(runs) * wanted for _, runs, wanted in self.cells)
        passed, fresh = time.monotonic() - self.begun, done - self.at_start
        left = duration((total - done) * passed / fresh) if fresh > 0 else "unknown"
        speed = sum(
            row.get("images_per_second", 0) for run in updates if (row := last_row(run.timing)) and run.is_locked()
        )
        ended = sum(self.ended([run], wanted) for _, runs, wanted in self.cells for run in runs)
        return (
            f"{done:,} of {total:,} updates, {ended} of {len(updates)} runs finished, "
            f"{speed:,.0f} images/s, {left} left"
        )

    def updates(self) -> dict[RunFolder, int]:
        """Generator updates of every run so far."""
        return {
            run: min(last_row(run.timing).get("generator_updates", 0), wanted)
            for _, runs, wanted in self.cells
            for run in runs
        }

    def ended(self, runs: list[RunFolder], wanted: int) -> bool:
        return all(run.done.exists() and run.record.get("updates_wanted", 0) >= wanted for run in runs)

    def report_cells(self) -> None:
        """One line for each cell whose seeds have all ended since the last look."""
        for name, runs, wanted in self.cells:
            if name not in self.finished and self.ended(runs, wanted):
                self.finished.add(name)
                words = [describe(run.record, run.is_locked()) for run in runs]
                seconds = sum(run.record["speed"]["seconds"] for run in runs if "speed" in run.record)
                count = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
                self.console.print(f"{name}: {count} ({duration(seconds)})", highlight=False, soft_wrap=True)
                sys.stdout.flush()
