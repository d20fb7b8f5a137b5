"""What happens at the end of a tick: rows, evaluation, pictures, checkpoints, divergence, stopping."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch

from ganrepro.adversarial import AdversarialModule
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated
from ganrepro.loggers import log_picture, log_row
from ganrepro.pictures import save_png
from ganrepro.runs import RunFolder, read_checkpoint, write_atomically, write_state

SHOWN = 64  # samples in a picture, always from the same latents
CONSTANT = 1e-4  # of the data's span: below this spread over samples at every pixel, G ignores its latent


class Recorder(L.Callback):
    """Writes the run folder while training.

    evaluate: called without arguments at multiples of `evaluate_every` updates; must draw from streams of its own.
    state: a checkpoint to go on from, or None. at_start: whether the untrained networks are evaluated too.
    After training, `reason` is None or why the run diverged; `best` is the best evaluated row so far.
    As a callback it serves a run that trains alone; a population calls `start` and `end_of_tick` for each member.
    """

    def __init__(
        self,
        folder: RunFolder,
        evaluate: Callable[[], Evaluated],
        monitor: str,
        mode: str,
        evaluate_every: int,
        checkpoint_every: int,
        state: dict[str, Any] | None,
        at_start: bool = False,
    ) -> None:
        self.folder, self.evaluate, self.state = folder, evaluate, state
        self.monitor, self.sign = monitor, 1 if mode == "max" else -1
        self.evaluate_every, self.checkpoint_every, self.at_start = evaluate_every, checkpoint_every, at_start
        self.reason: str | None = None
        self.best: dict[str, Any] | None = None

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, AdversarialModule)
        self.start(module, trainer.loggers)
        ended = module.generator_updates >= module.updates  # cut off between the last row and DONE
        trainer.should_stop = module.ranks.told(ended)

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, AdversarialModule)
        self.end_of_tick(module, trainer.loggers, time.monotonic() - self.begun)
        trainer.should_stop = module.ranks.told(module.generator_updates >= module.updates or self.reason is not None)

    def start(self, module: AdversarialModule, loggers: Sequence[Any]) -> None:
        """Goes back to the checkpoint, or writes what there is before the first update."""
        if self.state is not None:
            restore(module, self.state)
            for row in self.rows_so_far():
                self.consider(row)
        else:
            save_png(self.folder.samples / "real.png", module.data.picture(module.data.examples(SHOWN)))
            self.draw_samples(module, loggers)
            if self.at_start:
                row = {"generator_updates": 0, "images_seen": 0, **self.measure(0)}
                self.folder.append(self.folder.metrics, row)
                log_row(loggers, row)
        self.begun, self.images = time.monotonic(), module.images_seen

    def end_of_tick(
        self, module: AdversarialModule, loggers: Sequence[Any], trained: float, together: int | None = None
    ) -> None:
        """trained: seconds since the last tick's end. together: how many trained in them, in a population."""
        updates, row = module.generator_updates, module.tick_means()
        self.reason = not_finite(row)
        row = {"generator_updates": updates, "images_seen": module.images_seen, **row}
        last, due = updates >= module.updates, updates % self.evaluate_every == 0
        keep = last or updates % self.checkpoint_every < module.tick
        if not self.reason and keep:
            self.reason = self.draw_samples(module, loggers)
        if not self.reason and (keep or due):
            self.reason = not_finite(dict(module.named_parameters()))
        if not self.reason and due:
            row |= self.measure(updates)
        self.folder.append(self.folder.metrics, row)
        log_row(loggers, row)
        self.keep_if_best(module, row)
        if not self.reason and keep:
            self.folder.save_checkpoint(checkpoint(module, self.folder.metrics.stat().st_size), updates)
        self.write_timing(module, trained, together)

    def measure(self, updates: int) -> dict[str, float]:
        """The evaluation's scalars; what it wants to be drawn of this moment goes into artifacts/."""
        evaluated = self.evaluate()
        for name, arrays in evaluated.arrays.items():
            write_arrays(self.folder.artifacts / f"{name}-updates={updates:07d}.npz", arrays)
        return evaluated.metrics

    def rows_so_far(self) -> list[dict[str, Any]]:
        """The rows up to the checkpoint, and the one behind best.pt: a last evaluation has none in metrics.jsonl.

        Not that of the untrained networks, which is never the best. None of them count when best.pt cannot be read, so
        that `best` never is an update whose weights are lost.
        """
        try:
            best = read_checkpoint(self.folder.best)["metrics"]
        except UserError as error:
            if self.folder.best.exists():
                print(f"{error} The best update is looked for anew.", flush=True)
                self.folder.best.replace(self.folder.best.with_suffix(".corrupt"))
            return []
        assert self.state is not None
        trained = [row for row in self.folder.rows() if row["generator_updates"] > 0]
        return trained + [best] * (best["generator_updates"] <= self.state["generator_updates"])

    def keep_if_best(self, module: AdversarialModule, row: dict[str, Any]) -> None:
        """Writes best.pt if an evaluated row is the best so far."""
        if self.consider(row):
            write_state(self.folder.best, {**weights_of(module), "metrics": row})

    def consider(self, row: dict[str, Any]) -> bool:
        """Whether an evaluated row is the best so far; NaN never is."""
        value = row.get(self.monitor, math.nan)
        better = not math.isnan(value) and (
            self.best is None or self.sign * value > self.sign * self.best[self.monitor]
        )
        if better:
            self.best = row
        return better

    def draw_samples(self, module: AdversarialModule, loggers: Sequence[Any]) -> str | None:
        """Saves and logs the picture of the present samples; says so if they are all the same."""
        samples = module.sample(SHOWN)
        path = self.folder.samples / f"updates={module.generator_updates:07d}.png"
        save_png(path, module.data.picture(samples))
        log_picture(loggers, path, module.generator_updates)
        constant = bool(samples.std(0).max() < CONSTANT * module.data.span)
        return "constant output" if constant and module.generator_updates else None

    def write_timing(self, module: AdversarialModule, trained: float, together: int | None) -> None:
        """One row of timing.jsonl: seconds of this tick with and without what was done at its end.

        In a population they are an equal share of what all members took together, and `together` is how many; images
        a second are those that this run saw pass, which was beside the others.
        """
        now, share = time.monotonic(), together or 1
        row = {
            "generator_updates": module.generator_updates,
            "seconds": round((now - self.begun) / share, 4),
            "train_seconds": round(trained / share, 4),
            "images_per_second": round((module.images_seen - self.images) / trained, 1),
        } | ({"together": together} if together else {})
        self.folder.append(self.folder.timing, row)
        self.begun, self.images = now, module.images_seen


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Atomically, as .npz."""
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def not_finite(values: dict[str, Any]) -> str | None:
    """The names of numbers or tensors that hold a NaN or an infinity, as a reason, or None."""
    bad = [name for name, value in values.items() if not torch.as_tensor(value).isfinite().all()]
    return f"not finite: {', '.join(bad[:3])}" if bad else None


def weights_of(module: AdversarialModule) -> dict[str, Any]:
    """What can be sampled from, and no more: the networks and when they were so."""
    networks = {
        name: {key: apart(tensor) for key, tensor in network.state_dict().items()}
        for name, network in module.networks.items()
    }
    return {"networks": networks, "generator_updates": module.generator_updates}


def apart(tensor: torch.Tensor) -> torch.Tensor:
    """A member's weights are a part of its population's, and torch.save would write them all."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def checkpoint(module: AdversarialModule, metrics_bytes: int) -> dict[str, Any]:
    """All that training goes on from: networks, optimizers, clock, streams, and where metrics.jsonl stood."""
    others = {"streams_of_others": module.streams_of_others} if module.streams_of_others else {}
    return {
        **weights_of(module),
        **others,
        "losses": dict(module.losses),  # what a `choose` hook looks at first
        "rule_state": dict(module.rule_state),
        "optimizers": [optimizer.state_dict() for optimizer in module.raw_optimizers],
        "streams": {name: generator.get_state() for name, generator in module.streams.items()},
        "images_seen": module.images_seen,
        "metrics_bytes": metrics_bytes,
    }


def restore(module: AdversarialModule, state: dict[str, Any]) -> None:
    """The inverse of `checkpoint`."""
    for name, network in module.networks.items():
        network.load_state_dict(state["networks"][name])
    module.losses = {name: loss.to(module.device) for name, loss in state.get("losses", {}).items()}
    module.rule_state = dict(state.get("rule_state", {}))
    for optimizer, saved in zip(module.raw_optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    streams = [state["streams"], *state.get("streams_of_others", [])][module.ranks.rank]
    for name, generator in module.streams.items():
        generator.set_state(streams[name])
    module.generator_updates, module.images_seen = state["generator_updates"], state["images_seen"]
