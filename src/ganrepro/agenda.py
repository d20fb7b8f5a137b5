"""What `make reproduce-all` has before it: the runs of each study that are there and those to make, time and disk."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

import yaml

from ganrepro import schema
from ganrepro.assemble import classes_of, data_of, folder_of, forget_data, is_measurement, module_of
from ganrepro.cells import Cell, cells_of
from ganrepro.checks import fetch_nothing
from ganrepro.errors import DataMissing, UserError
from ganrepro.plan import (
    PICTURES,
    TO_DO,
    budget_seconds,
    describe,
    duration,
    run_bytes,
    runs_of,
    states_of,
    updates_left,
)
from ganrepro.report.rendering import Table, to_text
from ganrepro.runs import FINISHED, RunFolder

# At scale=paper these train on what that study keeps of their data (conf/data/bedrooms/paper.yaml).
AFTER = {"dcgan_lsun": ["lsun_dedup"], "dcgan_guidelines": ["lsun_dedup"]}


@dataclass(frozen=True)
class Study:
    """A study's grid at one scale, and what lies in its run folders.

    folders: of its cells; none while its data are not there, since an address holds their fingerprint. size: bytes of a
    run, roughly. problem: why it cannot be looked at, or "". missing: whether that is for want of data.
    """

    name: str
    cells: Sequence[Cell] = ()
    folders: Sequence[Path] = ()
    size: int = PICTURES
    problem: str = ""
    missing: bool = False

    @cached_property
    def runs(self) -> list[tuple[Cell, RunFolder, str]]:
        """Each run with what a command does with it; of unknown folders all are to train."""
        folders = self.folders or [Path(self.name, cell.name) for cell in self.cells]
        found = []
        for cell, folder in zip(self.cells, folders, strict=True):
            runs = runs_of(cell, folder)
            found += [(cell, run, state) for run, state in zip(runs, states_of(cell, runs), strict=True)]
        return found

    @property
    def to_do(self) -> int:
        """How many runs are to train or to go on."""
        return sum(state in TO_DO for _, _, state in self.runs)

    @property
    def is_done(self) -> bool:
        return bool(self.folders) and all(state == "skip" for _, _, state in self.runs)

    @property
    def seconds(self) -> float | None:
        """What is left of its budget, on two cores; None where it has none."""
        shares = [budget_seconds(cell, updates_left(cell, [run])) for cell, run, state in self.runs if state in TO_DO]
        known = [share for share in shares if share is not None]
        return sum(known) if len(known) == len(shares) else None

    @property
    def disk(self) -> int:
        return self.to_do * self.size

    def unfinished(self) -> Iterator[tuple[RunFolder, str]]:
        """The runs that gave no result as yet, and why: the reason of an error, cut off, running, or not begun."""
        for _, run, _ in self.runs:
            record = run.record
            if record.get("status") not in FINISHED:
                state = describe(record, run.is_locked()) if run.path.exists() else "not begun"
                yield run, str(record.get("reason") or state).splitlines()[0]


def look(name: str, overrides: Sequence[str], fetch: bool = False) -> Study:
    """The study as it stands, with these overrides; needs `hydra_at`. fetch: whether absent data may be fetched."""
    try:
        cells = cells_of([f"experiment={name}", *overrides], sweep=True)
    except UserError as error:
        return Study(name, problem=str(error))
    can_fetch = any(may_fetch(cell) for cell in cells)
    if not fetch:
        for cell in cells:
            fetch_nothing(cell.config)
    try:
        return Study(name, cells, [folder_of(cell) for cell in cells], size_of(cells[0]))
    except DataMissing as error:
        is_open = can_fetch and not fetch
        return Study(name, cells, problem="" if is_open else str(error), missing=not is_open)
    except UserError as error:
        return Study(name, cells, problem=str(error))
    finally:
        forget_data()  # it would lie in memory beside that of the runs


def may_fetch(cell: Cell) -> bool:
    """Whether any of its data are fetched where they are absent."""
    leaves = schema.flatten(cell.config)
    return any(value for key, value in leaves.items() if key.rpartition(".")[2] == "download")


def size_of(cell: Cell) -> int:
    """Bytes of one of its runs."""
    if is_measurement(cell.config):
        return PICTURES
    data = data_of(cell)
    module = module_of(cell.config, data.shape, 0, data.pixel_mean(), classes_of(data))
    return run_bytes(module, cell.config["optimizer"]["_target_"])


def sources(folder: Path) -> dict[str, list[str]]:
    """Of each study the one whose runs it goes on from."""
    files = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
    return {
        name: [content["input"]["study"]] if content.get("input") else AFTER.get(name, [])
        for name, content in files.items()
    }


def in_order(folder: Path) -> list[str]:
    """All studies by name, but whatever another one goes on from before that one."""
    return list(TopologicalSorter(sources(folder)).static_order())


# In words ------------------------------------------------------------------------------------------------------


def agenda(studies: Sequence[Study], runs: Path) -> str:
    """A line a study, then all together; and the disk there is, where it will not do."""
    table = Table(["study", "runs", "to do", "time", "disk"], [], notes=["Time by the studies' budgets, on two cores."])
    for study in studies:
        if study.problem:
            state = f"{'not run' if study.missing else 'error'}: {study.problem.splitlines()[0]}"
            table.rows.append([study.name, "", state, "", ""])
        elif not study.to_do:
            table.rows.append([study.name, str(len(study.runs)), "done", "", ""])
        else:
            counts = [str(len(study.runs)), str(study.to_do)]
            table.rows.append([study.name, *counts, time_of([study]), megabytes(study.disk)])
    ready = [study for study in studies if not study.problem]
    disk = sum(study.disk for study in ready)
    text = f"{to_text(table)}In all: {sum(s.to_do for s in ready)} runs, {time_of(ready)}, {megabytes(disk)} of disk."
    there = next(path for path in (runs.absolute(), *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    return text + (f"\nOnly {megabytes(free)} are free at {runs}." if free < disk else "")


def time_of(studies: Sequence[Study]) -> str:
    """ "12 min", by the studies' budgets; "more than" that, or "time not known", where they have none."""
    known = [study.seconds for study in studies]
    total = sum(seconds for seconds in known if seconds is not None)
    if None not in known:
        return duration(total)
    return f"more than {duration(total)}" if total else "time not known"


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
