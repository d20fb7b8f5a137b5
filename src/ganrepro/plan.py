"""What a command will do, how long it may take, and the disk it needs; and what is there already."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ganrepro.cells import Cell
from ganrepro.how_to_run import Choice
from ganrepro.population import groups
from ganrepro.runs import RunFolder
from ganrepro.train import state_of

WORDS = {"train": "to train", "resume": "to resume", "busy": "in training by another process", "skip": "done"}
TO_DO = ("train", "resume")
SECONDS_KNOWN = 5  # ticks of timing.jsonl before they are believed
PICTURES = 1_000_000  # bytes of samples, artifacts and rows, roughly


def plan(cells: list[Cell], folders: list[Path], sizes: list[int], how: Choice) -> str:
    """A line a cell: its folder, what its seeds need, what only it departs in; then how, the time and the disk.

    sizes: bytes of a run.
    """
    lines, seconds, disk, jobs, updates = [], 0.0, 0, 0, 0
    unknown = False
    for cell, folder, size in zip(cells, folders, sizes, strict=True):
        runs = runs_of(cell, folder)
        states = states_of(cell, runs)
        count = Counter(states)
        lines.append(f"  {folder}: " + ", ".join(f"{count[state]} {WORDS[state]}" for state in WORDS if count[state]))
        longer = [n for run in runs if (n := run.record.get("generator_updates", 0)) > cell.config["updates"]]
        if count["skip"] and longer:
            lines[-1] += f" (with up to {max(longer):,} updates, more than updates={cell.config['updates']})"
        if departures := said(set(cell.departures.items()) - set(shared(cells))):
            lines[-1] += f" ({departures})"
        missing = {seed: run for seed, run, state in zip(cell.seeds, runs, states, strict=True) if state in TO_DO}
        todo = list(missing.values())
        left = updates_left(cell, todo)
        per_update = seconds_per_update(folder)
        unknown |= bool(todo) and per_update is None
        seconds += left * (per_update or 0)
        disk += len(todo) * size
        jobs += sum(any(seed in missing for seed in group) for group in groups(cell.seeds, how.population))
        updates += left
    busy = max(1, min(how.workers, jobs))
    at_once = f"{busy} at once" if how.population == 1 else f"{busy} population{'s' * (busy > 1)} at once"
    time = f"about {duration(seconds / busy)} with {at_once}"
    if unknown:
        time = by_budget(cells[0], updates)
    if not jobs:
        return "\n".join([f"{heading(cells)}:", *lines])
    return "\n".join([f"{heading(cells)}:", *lines, f"  how: {how}", f"  time: {time}; disk: {disk / 1e6:.0f} MB"])


def runs_of(cell: Cell, folder: Path) -> list[RunFolder]:
    """The run folder of each of its seeds, whether or not it is there."""
    return [RunFolder(folder / f"seed={seed}") for seed in cell.seeds]


def states_of(cell: Cell, runs: Iterable[RunFolder]) -> list[str]:
    """What a command does with each of these runs: one of WORDS."""
    return ["busy" if run.is_locked() else state_of(run, cell) for run in runs]


def updates_left(cell: Cell, runs: Iterable[RunFolder]) -> int:
    """The updates that these runs have to go, all together."""
    return sum(cell.config["updates"] - min(run.reached(), cell.config["updates"]) for run in runs)


def heading(cells: list[Cell]) -> str:
    """The study and its scale, with the departures that all cells share."""
    departures = said(shared(cells))
    config = cells[0].config
    return f"{config['study']} at scale {config['scale']}" + (f" ({departures})" if departures else "")


def shared(cells: list[Cell]) -> list[tuple[str, str]]:
    return [item for item in cells[0].departures.items() if all(item in cell.departures.items() for cell in cells)]


def said(departures: Iterable[tuple[str, str]]) -> str:
    """ "data=mnist, updates=9"."""
    return ", ".join(f"{key}={value}" for key, value in sorted(departures))


def by_budget(cell: Cell, updates: int) -> str:
    """The time of so many updates by the study's budget, for want of any that were timed here."""
    seconds = budget_seconds(cell, updates)
    if seconds is None:
        return "not known before the first runs"
    return f"about {duration(seconds)} on two cores (by the study's budget)"


def budget_seconds(cell: Cell, updates: int) -> float | None:
    """The share of the study's budget that so many updates have; None where it has no budget."""
    budget = cell.config["budget"]
    return 60 * budget * updates / cell.study_updates if budget else None


def seconds_per_update(folder: Path) -> float | None:
    """The median over all ticks timed in this cell, or else in its study at this scale; None before there are any."""
    for files in (folder.glob("seed=*/timing.jsonl"), folder.parent.glob("*/seed=*/timing.jsonl")):
        speeds = [speed for file in files for speed in _speeds(file)]
        if len(speeds) >= SECONDS_KNOWN:
            return median(speeds)
    return None


def _speeds(file: Path) -> list[float]:
    rows = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
    return [
        after["seconds"] / (after["generator_updates"] - before["generator_updates"])
        for before, after in pairwise(rows)
        if after["generator_updates"] > before["generator_updates"]
    ]


def run_bytes(module: torch.nn.Module, optimizer: str) -> int:
    """Disk of one run: two checkpoints while it trains (weights and the optimizer's state) and the best weights."""
    weights = sum(parameter.nbytes for parameter in module.parameters())
    states = {"SGD": 1, "RMSprop": 1}.get(optimizer.rpartition(".")[2], 2)  # tensors per weight; Adam and its kin: 2
    return weights * (2 * (1 + states) + 1) + PICTURES


def duration(seconds: float) -> str:
    """ "42 s", "7 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def describe(record: dict[str, Any], locked: bool) -> str:
    """A run's status in one word: done, diverged, error, running, or cut off."""
    if locked:
        return "running"
    status = record.get("status", "cut off")
    return "cut off" if status == "running" else status
