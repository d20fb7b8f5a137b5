"""One seed's training: begun anew or from a checkpoint, fitted by Lightning, concluded with its record."""

import json
import logging
import math
import shutil
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ganrepro import loggers
from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import classes_of, data_of, device_of, identity_of, module_of
from ganrepro.build import build
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated
from ganrepro.inputs import load_input
from ganrepro.modes import evaluating
from ganrepro.provenance import hardware, provenance
from ganrepro.ranks import synchronise
from ganrepro.recorder import Recorder, weights_of, write_arrays
from ganrepro.runs import RunFolder, write_state
from ganrepro.streams import stream


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

    def close(self, failed: bool, result: dict[str, Any] | None = None) -> None:
        """Ends its logger, once."""
        if self.open:
            loggers.close([self.logger], failed, result)
        self.open = False


def begin(cell: Cell, run: RunFolder, seed: int, claims: dict[str, str], state: dict[str, Any] | None) -> Training:
    """Everything that a seed needs to train on from a checkpoint, or anew; its folder is put where that stands."""
    config, data = cell.config, data_of(cell)
    go_back(run, state)
    (run.path / "error.txt").unlink(missing_ok=True)
    run.write_config(config)
    record = {**provenance(cell, data, identity_of(cell), seed, claims), "status": "running", "reason": None}
    if not run.done.exists():  # else it is made longer, and its result stands until there is a new one
        reached = {key: (state or {}).get(key, 0) for key in ("generator_updates", "images_seen")}
        run.write_record({**record, **reached})

    module = module_to_train(cell, seed, state is None)
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
    about = loggers.About(run, config, record)
    return Training(run, module, recorder, build(config["logger"], about=about), evaluate, record)


def module_to_train(cell: Cell, seed: int, anew: bool) -> AdversarialModule:
    """The seed's module with its data; one that begins anew has the weights that it goes on from."""
    data = data_of(cell)
    module = module_of(cell.config, data.shape, seed, data.pixel_mean(), classes_of(data))
    module.use_data(data)
    if cell.input and anew:
        load_input(module, cell, seed)
    if cell.config["trainer"].get("sync_batchnorm"):
        synchronise(module)
    return module


def conclude(one: Training, config: dict[str, Any]) -> None:
    """The last evaluation, the result and DONE; then what is not kept is deleted."""
    run = one.run
    result = finish(one.module, run, one.recorder, one.evaluate, one.record)
    one.close(failed=False, result=result)
    if config["keep"] == "weights":
        write_state(run.weights, weights_of(one.module))
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


def evaluator(module: AdversarialModule, data: Any, evaluation: Any, seed: int) -> Callable[[bool], Evaluated]:
    """`evaluate(final)`: from streams of its own, opened anew each time, so that it disturbs nothing."""

    def evaluate(final: bool) -> Evaluated:
        def streams(*purpose: str) -> torch.Generator:
            return stream(seed, "evaluation", *purpose, device=module.device)

        with evaluating(module):
            return evaluation(module, data, streams, final)

    return evaluate


def fit(module: AdversarialModule, recorder: L.Callback, logger: Any, config: dict[str, Any]) -> None:
    """Runs Lightning's loop over ticks until the clock reaches `updates` or the run diverges.

    KeyboardInterrupt after Ctrl-C; SystemExit when the process is told to end, as a scheduler does.
    """
    device = device_of(config["trainer"]["accelerator"])
    trainer = L.Trainer(
        accelerator=device,
        devices=[torch.cuda.current_device()] if device == "cuda" else 1,  # 1 would be the first GPU for every job
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
    except SystemExit as end:
        if end.code == 1:  # Lightning's answer to Ctrl-C; submitit's to a preemption is another
            raise KeyboardInterrupt from None
        raise
    except SIGTERMException:  # no error of the run, which would be recorded, but the end of the process
        raise SystemExit(128 + signal.SIGTERM) from None


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
            "train_seconds": round(sum(row["train_seconds"] for row in timing), 2),  # no evaluations, no pictures
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


def set_up(config: dict[str, Any]) -> None:
    """What a process needs once before it trains."""
    torch.set_num_threads(config["threads"])
    torch.backends.cudnn.allow_tf32 = False  # else a GPU's convolutions round to TF32 under precision=32-true
    quiet_lightning()


def quiet_lightning() -> None:
    """Lightning announces its hardware for every seed; a sweep has its own lines."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
