"""A cell -> its missing seeds -> build, fit, evaluate, record."""

import json
import logging
import math
import shutil
import time
import traceback
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from omegaconf import OmegaConf

from ganrepro import loggers
from ganrepro.adversarial import AdversarialModule, evaluating
from ganrepro.build import build, locate
from ganrepro.cells import Cell
from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated
from ganrepro.latents import Latent
from ganrepro.networks.layers import initialised
from ganrepro.provenance import address_hash, hardware, provenance, source_digest
from ganrepro.recorder import Recorder, network_states
from ganrepro.runs import FINISHED, Busy, RunFolder, read_checkpoint, write_atomically
from ganrepro.streams import stream

CRITICS = ("discriminator",)


def device_of(accelerator: str) -> str:
    """ "cpu", "cuda" or "mps"; UserError when the one asked for is absent."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if accelerator == "auto":
        return "cuda" if present["cuda"] else "cpu"
    if not present[accelerator]:
        raise UserError(f"trainer.accelerator={accelerator}: there is none here; trainer=auto takes what there is.")
    return accelerator


def data_of(cell: Cell) -> ImageData:
    """The cell's data, read once a process."""
    return _read(json.dumps(cell.config["data"], sort_keys=True))


@lru_cache(maxsize=4)
def _read(node: str) -> ImageData:
    return build(json.loads(node))


def folder_of(cell: Cell) -> Path:
    """runs/<study>/<scale>/<choices>-<hash8>: found by its hash, so that a new name for a choice loses nothing."""
    address = address_hash(identity_of(cell))
    parent = Path(cell.config["runs"]) / cell.config["study"] / cell.config["scale"]
    return next(parent.glob(f"*-{address}"), parent / f"{cell.name}-{address}")


def identity_of(cell: Cell) -> dict[str, Any]:
    """All that changes results: the configuration's leaves, the data's fingerprint, the kind of device."""
    device = device_of(cell.config["trainer"]["accelerator"])
    return {**cell.identity(), "data.fingerprint": data_of(cell).fingerprint, "device": device}


def module_of(
    config: dict[str, Any], shape: tuple[int, int, int], seed: int, pixel_mean: torch.Tensor | None = None
) -> AdversarialModule:
    """The paper's module with freshly drawn networks for images of `shape` (channels, height, width)."""
    latent = Latent(**build(config["latent"]))
    given: dict[str, dict[str, Any]] = {
        "generator": {"latent_dim": latent.dim, "shape": shape, "pixel_mean": pixel_mean},
        "discriminator": {"shape": shape},
    }
    networks = {
        name: initialised(partial(build, node, **given[name]), seed, name) for name, node in config["network"].items()
    }
    optimizer = {key: value for key, value in config["optimizer"].items() if key != "schedules"}
    return locate(config["model"]["_target_"])(
        players={name: network for name, network in networks.items() if name not in CRITICS},
        critics={name: networks[name] for name in CRITICS},
        latent=latent,
        loss=build(config["loss"]),
        make_optimizer=lambda parameters: build(optimizer, params=parameters),
        schedules=build(config["optimizer"].get("schedules", {})),
        seed=seed,
        **{key: config[key] for key in ("weight", "update", "k", "z", "batch_size", "tick", "updates")},
    )


def check_fit(cell: Cell) -> AdversarialModule:
    """Builds the cell as it will be trained and passes two images through; UserError where pieces do not fit."""
    data = data_of(cell)
    module = module_of(cell.config, data.shape, 0, data.pixel_mean())
    generator: Any = module.players["generator"]
    discriminator: Any = module.critics["discriminator"]
    if generator.value_range != data.value_range:
        raise UserError(
            f"The generator's images lie in {generator.value_range}, the data's in {data.value_range}: "
            f"set data.value_range={list(generator.value_range)}"
        )
    if discriminator.critic_output != module.loss.critic_output:
        raise UserError(
            f"{type(module.loss).__name__} needs a discriminator that gives a {module.loss.critic_output}; "
            f"{type(discriminator).__name__} gives a {discriminator.critic_output}."
        )
    images = module.sample(2)
    if tuple(images.shape[1:]) != data.shape:
        raise UserError(f"The generator makes images of {list(images.shape[1:])}, the data's are {list(data.shape)}.")
    with evaluating(module):
        outputs = module.discriminate(images)
    if module.loss.critic_output == "logit" and outputs.shape != (2,):
        raise UserError(f"The discriminator gives {list(outputs.shape[1:])} numbers an image; the loss needs one.")
    return module


def state_of(run: RunFolder, cell: Cell) -> str:
    """What a sweep does with a seed: "skip", "resume" or "train"."""
    record = run.record
    if not record:
        return "train"
    if cell.config["rerun"] == "stale" and record.get("source_digest") != source_digest():
        return "train"
    enough = record.get("generator_updates", 0) >= cell.config["updates"] or record["status"] == "diverged"
    return "skip" if record["status"] in FINISHED and run.done.exists() and enough else "resume"


def train_cell(cell: Cell, folder: Path, claims: dict[str, str], say: Callable[[str], None] = print) -> None:
    """Trains every seed that is not there yet. A seed that fails is recorded as an error and the next one starts."""
    torch.set_num_threads(cell.config["threads"])
    quiet_lightning()
    for seed in cell.seeds:
        run = RunFolder(folder / f"seed={seed}")
        try:
            with run.locked():
                if state_of(run, cell) != "skip":
                    train_seed(cell, run, seed, claims)
        except Busy as error:
            say(str(error))
        except UserError as error:
            if run.path.is_dir() and not run.done.exists():
                run.write_record({**run.record, "status": "error", "reason": str(error)})
            say(f"{run.path}: {error}")
        except Exception as error:
            (run.path / "error.txt").write_text(traceback.format_exc())
            run.write_record({**run.record, "status": "error", "reason": f"{type(error).__name__}: {error}"})
            if cell.config["debug"]:
                raise
            say(f"{run.path}: {type(error).__name__}: {str(error).splitlines()[0]} (error.txt has the traceback)")


def train_seed(cell: Cell, run: RunFolder, seed: int, claims: dict[str, str]) -> None:
    """Trains one seed from where its folder stands to `updates`, evaluates it and writes its record."""
    config, data = cell.config, data_of(cell)
    if state_of(run, cell) == "train" and run.record:
        put_aside(run)
    state = starting_point(run, config)
    run.done.unlink(missing_ok=True)
    (run.path / "error.txt").unlink(missing_ok=True)
    OmegaConf.save(OmegaConf.create(config), run.path / "config.yaml")
    record = {**provenance(cell, data, identity_of(cell), seed, claims), "status": "running", "reason": None}
    reached = (state or {}).get("generator_updates", 0)
    run.write_record({**record, "generator_updates": reached, "images_seen": (state or {}).get("images_seen", 0)})

    module = module_of(config, data.shape, seed, data.pixel_mean())
    module.use_data(data)
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
    )
    about = loggers.About(run, config["study"], run.path.parent.name, seed, config)
    logger = build(config["logger"], about=about)
    failed = True
    try:
        fit(module, recorder, logger, config)
        result = finish(module, run, recorder, evaluate, record)
        failed = False
    finally:
        loggers.close([logger], failed)
    if config["keep"] == "weights":
        keep_weights(run, module)
    run.write_record(result)
    run.done.touch()
    for old in run.all_checkpoints()[1:]:
        old.unlink()


def starting_point(run: RunFolder, config: dict[str, Any]) -> dict[str, Any] | None:
    """The checkpoint to go on from, with metrics.jsonl cut back to it; None starts anew."""
    named = Path(config["resume"]) if config["resume"] else None
    if named is not None and named.is_file():
        state: dict[str, Any] | None = read_checkpoint(named)
    else:
        state = run.newest_checkpoint()
    if state is None:
        if run.done.exists():
            raise UserError("only its weights were kept (keep=weights), so it cannot be made longer.")
        for path in (run.metrics, run.timing):
            path.unlink(missing_ok=True)
        for path in (run.samples, run.checkpoints):
            shutil.rmtree(path, ignore_errors=True)
        return None
    run.rewind(state["metrics_bytes"])
    return state


def put_aside(run: RunFolder) -> None:
    """Moves what older sources made out of the way, for rerun=stale; nothing is deleted."""
    name = f"{run.path.name}-{run.record['source_digest']}"
    taken = len(list((run.path.parent / ".stale").glob(f"{name}*")))
    aside = run.path.parent / ".stale" / (f"{name}.{taken}" if taken else name)
    aside.mkdir(parents=True)
    for path in run.path.iterdir():
        if path.name != ".lock":
            path.replace(aside / path.name)


def evaluator(module: AdversarialModule, data: ImageData, evaluation: Any, seed: int) -> Callable[[bool], Evaluated]:
    """`evaluate(final)`: from streams of its own, opened anew each time, so that it disturbs nothing."""

    def evaluate(final: bool) -> Evaluated:
        def streams(*purpose: str) -> torch.Generator:
            return stream(seed, "evaluation", *purpose, device=module.device)

        def generate(z: torch.Tensor) -> torch.Tensor:
            return module.generate(z.to(module.dtype)).float()

        with evaluating(module):
            return evaluation(generate, module.latent.sample, data, streams, final)

    return evaluate


def fit(module: AdversarialModule, recorder: Recorder, logger: Any, config: dict[str, Any]) -> None:
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
        recorder.consider(final)
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


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Atomically, as .npz."""
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def sampling_speed(module: AdversarialModule, n: int = 1000) -> float:
    """Images a second of one pass through G, the best of three."""
    seconds = math.inf
    for _ in range(3):
        begun = time.perf_counter()
        module.sample(n)
        seconds = min(seconds, time.perf_counter() - begun)
    return n / seconds


def keep_weights(run: RunFolder, module: AdversarialModule) -> None:
    """keep=weights: the last networks instead of the checkpoints; the best ones stay where they are."""
    weights = {"networks": network_states(module), "generator_updates": module.generator_updates}
    write_atomically(run.checkpoints / "final.pt", lambda file: torch.save(weights, file))
    for path in run.all_checkpoints():
        path.unlink()


def quiet_lightning() -> None:
    """Lightning announces its hardware for every seed; a sweep has its own lines."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
