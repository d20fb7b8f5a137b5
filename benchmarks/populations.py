"""Aggregate updates a second of ring runs: one after the other, in two processes, and R at once in a population.

Each contender is a process of its own that trains as a user's run does, Lightning, rows and logger included, and waits
at the end of a tick until it is its turn: so all are measured in turns of some seconds on the same machine.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import lightning as L
import torch

from benchmarks.steps import CONF, NEVER
from ganrepro import loggers
from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import module_of
from ganrepro.cells import cell_of, hydra_at
from ganrepro.data.points import Ring
from ganrepro.evaluation import Evaluated
from ganrepro.population import Part, PopulationRecorder, population_of
from ganrepro.recorder import Recorder
from ganrepro.runs import RunFolder
from ganrepro.training import quiet_lightning

SIZES = (1, 8, 32, 80)
RING = ["experiment=lsgan_ring", "scale=paper"]


class Paced(L.Callback):
    """Trains for as many seconds as it is told, sends back how many updates it made in them and the seconds."""

    def __init__(self, line: Connection, device: str) -> None:
        self.line, self.device = line, device

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        self.until, self.begun, self.from_update = 0.0, 0.0, 0

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()
        if (now := time.perf_counter()) < self.until:
            return
        self.line.send((module.generator_updates - self.from_update, now - self.begun))
        seconds = self.line.recv()
        trainer.should_stop = seconds is None
        self.from_update, self.begun = module.generator_updates, time.perf_counter()
        self.until = self.begun + (seconds or 0)


def contender(line: Connection, size: int, threads: int, words: list[str], device: str) -> None:
    """The process: `size` runs of the ring in a population, or for 1 a run that trains alone."""
    torch.set_num_threads(threads)
    quiet_lightning()
    never = NEVER // 100 * 100
    clock = [f"updates={never}", f"evaluate_every={never}", f"checkpoint_every={never}"]
    with hydra_at(CONF):
        cell = cell_of([*RING, *words, *clock], {})
    data = Ring()
    modules = [module_of(cell.config, data.shape, seed) for seed in range(size)]
    with tempfile.TemporaryDirectory() as folder:
        recorders, lines = [], []
        for module in modules:
            module.use_data(data)
            run = RunFolder(Path(folder) / f"seed={module.seed}")
            run.path.mkdir()
            recorders.append(Recorder(run, lambda: Evaluated({}, {}), "none", "max", never, never, None))
            lines.append(loggers.csv(loggers.About(run, {}, {})))
        trained: AdversarialModule = modules[0]
        recorder: L.Callback = recorders[0]
        if size > 1:
            trained = population_of(modules, size)
            trained.use_data(data)
            recorder = PopulationRecorder({place: Part(recorders[place], lines[place], int) for place in range(size)})
        L.Trainer(
            accelerator=device, devices=1, max_epochs=-1, logger=lines[0] if size == 1 else False,
            log_every_n_steps=1, callbacks=[recorder, Paced(line, device)], enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        ).fit(trained, train_dataloaders=range(1))  # fmt: skip


@dataclass(frozen=True)
class Way:
    """So many processes with so many threads each, each with so many runs at once."""

    processes: int
    threads: int
    size: int


ALONE = Way(1, 1, 1)


class Contenders:
    """The processes of every way, each paused between its turns."""

    def __init__(self, ways: Iterable[Way], words: list[str], device: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.lines: dict[tuple[int, int], list[Connection]] = {}
        self.processes = []
        for way in ways:
            lines = self.lines.setdefault((way.threads, way.size), [])
            while len(lines) < way.processes:
                here, there = context.Pipe()
                arguments = (there, way.size, way.threads, words, device)
                process = context.Process(target=contender, args=arguments, daemon=True)
                process.start()
                there.close()
                here.recv()  # it has made its first tick
                lines.append(here)
                self.processes.append(process)

    def rate(self, way: Way, seconds: float) -> float:
        """Updates of all replicas of all processes together, a second."""
        lines = self.lines[way.threads, way.size][: way.processes]
        for line in lines:
            line.send(seconds)
        return sum(way.size * updates / passed for updates, passed in (line.recv() for line in lines))

    def close(self) -> None:
        for lines in self.lines.values():
            for line in lines:
                line.send(None)
        for process in self.processes:
            process.join()


def rates(
    ways: list[Way], words: list[str], device: str, rounds: int = 5, seconds: float = 2.0
) -> dict[Way, list[float]]:
    """Updates a second in each round; every round measures all ways."""
    contenders = Contenders(ways, words, device)
    for way in ways:  # to warm up
        contenders.rate(way, seconds / 2)
    found = [{way: contenders.rate(way, seconds) for way in ways} for _ in range(rounds)]
    contenders.close()
    return {way: [measured[way] for measured in found] for way in ways}


def table(title: str, found: dict[Way, list[float]]) -> str:
    """Medians, and medians of the ratios to runs in sequence of the same round, with their lowest and highest."""
    lines = [
        f"{title}, {len(found[ALONE])} rounds: updates/s of all runs together",
        "  processes threads   R  updates/s  against runs in sequence [lowest, highest]",
    ]
    for way, measured in found.items():
        ratios = sorted(rate / alone for rate, alone in zip(measured, found[ALONE], strict=True))
        lines.append(
            f"  {way.processes:9} {way.threads:7} {way.size:3} {median(measured):10.0f}"
            f"  {median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
        )
    return "\n".join(lines)


def main() -> None:
    """At the authors' batch, at the laptop's, and where nothing but starting operations counts."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    one = [Way(1, 1, size) for size in SIZES]
    two = [Way(2, 1, size) for size in SIZES]
    threads = [Way(1, 2, 1), Way(1, 2, 8)]
    for batch, tick, ways in (
        (512, 20, one + two + threads),
        (64, 50, one + two + threads),
        (16, 50, one),
        (1, 50, one),
    ):
        found = rates(ways, [f"batch_size={batch}", f"tick={tick}"], device)
        print(table(f"ring, batch {batch}, {device}", found), flush=True)


if __name__ == "__main__":
    main()
