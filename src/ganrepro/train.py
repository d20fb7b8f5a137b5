"""A cell -> its missing seeds -> trained one after the other, or a population at once."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ganrepro.assemble import data_of, device_of, is_measurement, ranks_of
from ganrepro.cells import Cell
from ganrepro.ddp import together
from ganrepro.devices import own_gpu
from ganrepro.errors import UserError, first_line
from ganrepro.inputs import check_input
from ganrepro.measure import measure_seed
from ganrepro.population import Part, PopulationRecorder, groups, population_of
from ganrepro.provenance import source_digest
from ganrepro.runs import FINISHED, Busy, RunFolder, in_step, read_checkpoint, shared_states, updates_of
from ganrepro.training import begin, conclude, fit, set_up


def state_of(run: RunFolder, cell: Cell) -> str:
    """What a sweep does with a seed: "skip", "resume" or "train"."""
    record = run.record
    if not record:
        return "train"
    if cell.config["rerun"] == "stale" and record.get("source_digest") != source_digest():
        return "train"
    enough = record.get("generator_updates", 0) >= cell.config["updates"] or record["status"] == "diverged"
    return "skip" if record["status"] in FINISHED and run.done.exists() and enough else "resume"


def check_startable(run: RunFolder, cell: Cell, seed: int) -> None:
    """UserError for a run that is to begin or go on and cannot."""
    if is_measurement(cell.config):
        return
    if cell.input and state_of(run, cell) != "skip" and not run.all_checkpoints():
        check_input(cell, seed)
    if state_of(run, cell) != "resume":
        return
    named, updates = named_checkpoint(cell.config), cell.config["updates"]
    checkpoints = [named] if named else run.all_checkpoints()
    if not checkpoints and run.done.exists() and run.weights.exists():
        raise UserError(f"{run.path}: only its weights were kept (keep=weights), so it cannot be made longer.")
    if not checkpoints and run.done.exists():
        raise UserError(f"{run.path}: it has no checkpoint that can be read, so it cannot be made longer.")
    reached = updates_of(named) if named else run.reached()
    if checkpoints and reached > updates:
        raise UserError(f"{run.path} has {reached:,} updates: type updates={reached} or more, or delete that folder.")


def train_cell(cell: Cell, folder: Path, claims: dict[str, str], say: Callable[[str], None] = print) -> None:
    """Trains every seed that is not there yet. A seed that fails is recorded as an error and the next one starts."""
    set_up(cell.config)
    for seeds in groups(cell.seeds, 1 if is_measurement(cell.config) else cell.config["population"]):
        with ExitStack() as locks:
            missing = {}
            for seed in seeds:
                run = RunFolder(folder / f"seed={seed}")
                with said(run.path, cell, say):
                    locks.enter_context(run.locked())
                    with recorded({seed: run}, cell):
                        if prepare(cell, run, seed):
                            missing[seed] = run
            for part in in_step(missing):
                with said(next(iter(part.values())).path, cell, say), recorded(part, cell), gpu_of(cell.config):
                    train_seeds(cell, part, claims)


def gpu_of(config: dict[str, Any]) -> AbstractContextManager[None]:
    """The lease of a GPU where the cell trains on one; the ranks of trainer=ddp take all there are."""
    chosen = config["model"] if is_measurement(config) else config["trainer"]
    alone = ranks_of(config["trainer"]) == 1
    return own_gpu(device_of(chosen.get("accelerator", "cpu")) if alone else "cpu", config["workers"])


def train_seeds(cell: Cell, runs: dict[int, RunFolder], claims: dict[str, str]) -> None:
    """Trains seeds that start from the same updates."""
    if is_measurement(cell.config) or cell.config["population"] == 1:
        for seed, run in runs.items():
            (measure_seed if is_measurement(cell.config) else train_seed)(cell, run, seed, claims)
    else:
        train_population(cell, runs, claims)


def prepare(cell: Cell, run: RunFolder, seed: int) -> bool:
    """Whether this seed is to be trained; UserError where it is and cannot."""
    state = state_of(run, cell)
    if state == "train" and run.record:
        put_aside(run)
    check_startable(run, cell, seed)
    return state != "skip"


@contextmanager
def said(path: Path, cell: Cell, say: Callable[[str], None]) -> Iterator[None]:
    """Says what goes wrong in the block in a line, and goes on after it."""
    try:
        yield
    except UserError as error:
        say(str(error) if isinstance(error, Busy) else f"{path}: {error}")
    except Exception as error:
        if cell.config["debug"]:
            raise
        told = " (error.txt has the traceback)" * (path / "error.txt").exists()  # on a full disk there is none
        say(f"{path}: {type(error).__name__}: {first_line(error)}{told}")


@contextmanager
def recorded(runs: dict[int, RunFolder], cell: Cell) -> Iterator[None]:
    """Records what goes wrong in the block with each of these runs; a result that was there before stays."""
    try:
        yield
    except Exception as error:
        for run in runs.values():
            if state_of(run, cell) == "skip":  # of a population, those that had ended
                continue
            with suppress(OSError, UserError):  # on a full disk; then it is said, and the run counts as cut off
                if not isinstance(error, UserError):
                    (run.path / "error.txt").write_text(traceback.format_exc())
                if not run.done.exists():
                    reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
                    run.write_record({**run.record, "status": "error", "reason": reason})
        raise


def train_seed(cell: Cell, run: RunFolder, seed: int, claims: dict[str, str]) -> None:
    """Trains one seed from where its folder stands to `updates`, evaluates it and writes its record."""
    named = named_checkpoint(cell.config)
    state = read_checkpoint(named) if named else run.newest_checkpoint()
    one = begin(cell, run, seed, claims, state)
    try:
        with together(cell, seed, state) as one.module.ranks:
            fit(one.module, one.recorder, one.logger, cell.config)
        conclude(one, cell.config)
    finally:
        one.close(failed=True)


def train_population(cell: Cell, runs: dict[int, RunFolder], claims: dict[str, str]) -> None:
    """Trains seeds that have a starting point in common at once, from the newest that they share; see population.py."""
    states = shared_states(runs, named_checkpoint(cell.config))
    if states is None:  # one could not be read, and without it they may share another, or none
        for part in in_step(runs):
            train_population(cell, part, claims)
        return
    size = cell.config["population"]
    members = {seed % size: begin(cell, run, seed, claims, states[seed]) for seed, run in runs.items()}
    try:
        population = population_of([one.module for one in members.values()], size)
        population.use_data(data_of(cell))
        ends = {place: partial(conclude, one, cell.config) for place, one in members.items()}
        parts = {place: Part(one.recorder, one.logger, ends[place]) for place, one in members.items()}
        fit(population, PopulationRecorder(parts), False, cell.config)
        for place in population.live:
            conclude(members[place], cell.config)
    finally:
        for one in members.values():
            one.close(failed=True)


def named_checkpoint(config: dict[str, Any]) -> Path | None:
    """The checkpoint that resume= names; None when it names a folder or nothing."""
    path = Path(config["resume"]) if config["resume"] else None
    return path if path and path.is_file() else None


def put_aside(run: RunFolder) -> None:
    """Moves what older sources made out of the way, for rerun=stale; nothing is deleted."""
    name = f"{run.path.name}-{run.record['source_digest']}"
    taken = len(list((run.path.parent / ".stale").glob(f"{name}*")))
    aside = run.path.parent / ".stale" / (f"{name}.{taken}" if taken else name)
    aside.mkdir(parents=True)
    for path in run.path.iterdir():
        if path.name != ".lock":
            path.replace(aside / path.name)
