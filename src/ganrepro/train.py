"""A cell -> its missing seeds -> fit, evaluate, record."""

import json
import logging
import math
import shutil
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from omegaconf import OmegaConf

from ganrepro import loggers
from ganrepro.adversarial import AdversarialModule, evaluating
from ganrepro.assemble import classes_of, data_of, device_of, identity_of, is_measurement, module_of
from ganrepro.build import build
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated
from ganrepro.inputs import check_input, load_input
from ganrepro.measure import measure_seed
from ganrepro.population import Part, PopulationRecorder, groups, population_of
from ganrepro.provenance import hardware, provenance, source_digest
from ganrepro.recorder import Recorder, weights_of, write_arrays
from ganrepro.runs import (
    FINISHED,
    Busy,
    RunFolder,
    in_step,
    read_checkpoint,
    shared_states,
    updates_of,
    write_atomically,
)
from ganrepro.streams import stream


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
    torch.set_num_threads(cell.config["threads"])
    quiet_lightning()
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
                with said(next(iter(part.values())).path, cell, say), recorded(part, cell):
                    train_seeds(cell, part, claims)


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
        say(f"{path}: {type(error).__name__}: {str(error).splitlines()[0]} (error.txt has the traceback)")


@contextmanager
def recorded(runs: dict[int, RunFolder], cell: Cell) -> Iterator[None]:
    """Records what goes wrong in the block with each of these runs; a result that was there before stays."""
    try:
        yield
    except Exception as error:
        for run in runs.values():
            if state_of(run, cell) == "skip":  # of a population, those that had ended
                continue
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


@dataclass
class Training:
    """A seed that is being trained. record: what is known of it before the first update."""

    run: RunFolder
    module: AdversarialModule
    recorder: Recorder
    logger: Any
    evaluate: Callable[[bool], Evaluated]
    record: dict[str, Any]
    open: bool = True

    def close(self, failed: bool) -> None:
        """Ends its logger, once."""
        if self.open:
            loggers.close([self.logger], failed)
        self.open = False


def begin(cell: Cell, run: RunFolder, seed: int, claims: dict[str, str], state: dict[str, Any] | None) -> Training:
    """Everything that a seed needs to train on from a checkpoint, or anew; its folder is put where that stands."""
    config, data = cell.config, data_of(cell)
    go_back(run, state)
    (run.path / "error.txt").unlink(missing_ok=True)
    OmegaConf.save(OmegaConf.create(config), run.path / "config.yaml")
    record = {**provenance(cell, data, identity_of(cell), seed, claims), "status": "running", "reason": None}
    if not run.done.exists():  # else it is made longer, and its result stands until there is a new one
        reached = {key: (state or {}).get(key, 0) for key in ("generator_updates", "images_seen")}
        run.write_record({**record, **reached})

    module = module_of(config, data.shape, seed, data.pixel_mean(), classes_of(data))
    module.use_data(data)
    if cell.input and state is None:
        load_input(module, cell, seed)
    evaluation = build(config["evaluation"])
    evaluate = evaluator(module, data, evaluation, seed)
    recorder = Recorder(
        run,
        lambda: evaluate(False),
        evaluation.monitor,
        evaluation.mode,
        config["evaluate_every"],
        config["checkpoint_every"],
        state,
        getattr(evaluation, "at_start", False),
    )
    about = loggers.About(run, config["study"], run.path.parent.name, seed, config)
    return Training(run, module, recorder, build(config["logger"], about=about), evaluate, record)


def conclude(one: Training, config: dict[str, Any]) -> None:
    """The last evaluation, the result and DONE; then what is not kept is deleted."""
    run = one.run
    result = finish(one.module, run, one.recorder, one.evaluate, one.record)
    one.close(failed=False)
    if config["keep"] == "weights":
        write_atomically(run.weights, lambda file: torch.save(weights_of(one.module), file))
    run.write_record(result)
    run.done.touch()  # before anything goes: a kill here leaves too much, never too little
    for old in run.all_checkpoints()[int(config["keep"] == "full") :]:
        old.unlink()


def go_back(run: RunFolder, state: dict[str, Any] | None) -> None:
    """Cuts metrics.jsonl back to the checkpoint that is gone on from; None starts anew."""
    if state is not None:
        run.rewind(state["metrics_bytes"])
        return
    if run.done.exists():
        raise UserError("it has no checkpoint that can be read, so it cannot be made longer.")
    for path in (run.metrics, run.timing):
        path.unlink(missing_ok=True)
    for path in (run.samples, run.checkpoints):
        shutil.rmtree(path, ignore_errors=True)


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


def evaluator(module: AdversarialModule, data: Any, evaluation: Any, seed: int) -> Callable[[bool], Evaluated]:
    """`evaluate(final)`: from streams of its own, opened anew each time, so that it disturbs nothing."""

    def evaluate(final: bool) -> Evaluated:
        def streams(*purpose: str) -> torch.Generator:
            return stream(seed, "evaluation", *purpose, device=module.device)

        with evaluating(module):
            return evaluation(module, data, streams, final)

    return evaluate


def fit(module: AdversarialModule, recorder: L.Callback, logger: Any, config: dict[str, Any]) -> None:
    """Runs Lightning's loop over ticks until the clock reaches `updates`, the run diverges, or Ctrl-C."""
    trainer = L.Trainer(
        accelerator=device_of(config["trainer"]["accelerator"]),
        devices=1,
        precision=config["trainer"]["precision"],
        max_epochs=-1,
        logger=logger,
        log_every_n_steps=1,
        callbacks=[recorder],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(module, train_dataloaders=range(1))
    except SystemExit:  # Lightning's answer to Ctrl-C
        raise KeyboardInterrupt from None


def finish(
    module: AdversarialModule,
    run: RunFolder,
    recorder: Recorder,
    evaluate: Callable[[bool], Evaluated],
    record: dict[str, Any],
) -> dict[str, Any]:
    """The last evaluation and result.json's content."""
    final: dict[str, float] = {}
    if recorder.reason is None:
        evaluated = evaluate(True)
        final = {"generator_updates": module.generator_updates, **evaluated.metrics}
        for name, arrays in evaluated.arrays.items():
            write_arrays(run.artifacts / f"{name}.npz", arrays)
        recorder.keep_if_best(module, final)
    timing = [json.loads(line) for line in run.timing.read_text().splitlines()]
    return {
        **record,
        "status": "diverged" if recorder.reason else "done",
        "reason": recorder.reason,
        "generator_updates": module.generator_updates,
        "images_seen": module.images_seen,
        "metrics": {
            "monitor": recorder.monitor,
            "mode": "max" if recorder.sign > 0 else "min",
            "final": final,
            "best": recorder.best or {},
        },
        "speed": {
            "seconds": round(sum(row["seconds"] for row in timing), 2),
            "images_per_second": round(float(np.median([row["images_per_second"] for row in timing])), 1),
            "samples_per_second": round(sampling_speed(module), 1),
        },
        "hardware": hardware(module.device.type),
    }


def sampling_speed(module: AdversarialModule, n: int = 1000) -> float:
    """Images a second of one pass through G, the best of three."""
    seconds = math.inf
    for _ in range(3):
        begun = time.perf_counter()
        module.sample(n)
        seconds = min(seconds, time.perf_counter() - begun)
    return n / seconds


def quiet_lightning() -> None:
    """Lightning announces its hardware for every seed; a sweep has its own lines."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
