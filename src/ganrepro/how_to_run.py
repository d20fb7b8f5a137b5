"""How a study is best run on this machine: in how many processes, and what another population or threads would give.

Threads and population are part of a run's address, since they change its last bits: they are as the study says, and
only recommended here. Workers change nothing but the time, so they are chosen.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import device_of, ranks_of
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.population import check_population, groups

# Updates a second of all runs together in a population of so many seeds, against one after the other, by the size of an
# update in millions: weights of all networks x batch (the ring's 66,691 x 1, 16, 64, 512). From benchmarks/results.md;
# nothing was measured on a GPU yet. Between measured updates the larger one counts, so that no more is promised.
POPULATION: dict[str, dict[float, dict[int, float]]] = {
    "cpu": {
        0.07: {8: 3.6, 32: 4.2, 80: 3.8},
        1.1: {8: 2.8, 32: 3.3, 80: 3.0},
        4.3: {8: 1.8, 32: 1.8, 80: 1.9},
        34.2: {8: 1.0, 32: 1.1, 80: 1.1},
    }
}
WORTH = 1.2  # what is less is no reason for another address


@dataclass(frozen=True)
class Hardware:
    """device: "cpu", "cuda" or "mps". cores: of the processor. gpus: how many CUDA sees."""

    device: str
    cores: int
    gpus: int = 0


@dataclass(frozen=True)
class Choice:
    """Processes at once, threads of each, seeds that each trains at once; and what would be faster, in words."""

    workers: int
    threads: int
    population: int
    advice: str = ""
    ranks: int = 1  # processes that train one seed together

    def __str__(self) -> str:
        words = [f"workers={self.workers}", f"threads={self.threads}", f"population={self.population}"]
        words += [f"ranks={self.ranks}"] * (self.ranks > 1)
        return " ".join(words) + (f"; {self.advice}" if self.advice else "")


def this_machine(accelerator: str) -> Hardware:
    """The machine, and the device that trainer.accelerator means on it."""
    return Hardware(device_of(accelerator), os.cpu_count() or 1, torch.cuda.device_count())


def jobs_at_once(config: Mapping[str, Any], hardware: Hardware) -> int:
    """One a GPU, or as many as the cores carry: two jobs with two threads each on two cores crawl."""
    return max(1, hardware.gpus if hardware.device == "cuda" else hardware.cores // config["threads"])


def stackable_weights(module: AdversarialModule) -> int | None:
    """How many weights the networks have, or None where a population cannot train them."""
    try:
        check_population(module)
    except UserError:
        return None
    return sum(parameter.numel() for parameter in module.parameters())


def how_to_run(cell: Cell, hardware: Hardware, cells: int = 1, weights: int | None = None) -> Choice:
    """The choice for so many cells like this one, by measured gains; a pure function.

    weights: of networks that can be stacked, as `stackable_weights` counts them; None leaves out the advice.
    """
    config = cell.config
    threads, population = config["threads"], config["population"]
    if (ranks := ranks_of(config["trainer"])) > 1:
        return Choice(1, threads, population, ranks=ranks)
    most = config["workers"] or jobs_at_once(config, hardware)
    workers = min(most, cells * len(groups(cell.seeds, population)))
    if weights is None or config["workers"]:
        return Choice(workers, threads, population)
    work = weights * config["batch_size"] / 1e6

    def duration(size: int) -> float:
        """In turns of a run that trains alone: so many jobs after another, each of `size` runs."""
        jobs = cells * len(groups(cell.seeds, size))
        return math.ceil(jobs / most) * size / gain(POPULATION.get(hardware.device, {}), work, size)

    best = min(range(1, len(cell.seeds) + 1), key=duration)
    faster = duration(population) / duration(best)
    if faster >= WORTH:
        return Choice(workers, threads, population, said(f"population={best}", faster))
    if hardware.device == "cpu" and threads > 1 and cells * len(groups(cell.seeds, population)) >= hardware.cores:
        # On a busy machine two processes made 1.3 times as many updates as one, two threads 0.02 times as many: they
        # wait for each other at every operation.
        return Choice(workers, threads, population, "threads=1, a process a core, would be faster (of another address)")
    return Choice(workers, threads, population)


def said(word: str, faster: float) -> str:
    return f"{word} would be about {faster:.1f} times as fast (of another address)"


def gain(table: dict[float, dict[int, float]], work: float, size: int) -> float:
    """Of a population of `size`, between measured sizes in proportion to their logarithms; 1 where none is known."""
    row = {1: 1.0} | next((table[known] for known in sorted(table) if known >= work), {})
    below = max(known for known in row if known <= size)
    above = min((known for known in row if known >= size), default=below)
    share = 0.0 if above == below else math.log(size / below) / math.log(above / below)
    return row[below] + share * (row[above] - row[below])
