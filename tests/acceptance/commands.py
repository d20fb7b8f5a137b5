"""What a command does, in a process that starts at once: it is forked from a server that has imported everything."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from ganrepro import cli
from ganrepro.assemble import folder_of
from ganrepro.cells import Cell, cell_of, hydra_at
from ganrepro.runs import RunFolder, read_checkpoint
from ganrepro.train import train_cell

CONF = Path(__file__).parents[2] / "conf"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["ganrepro.cli", "ganrepro.cells", "ganrepro.train", "ganrepro.report"])


def command(words: list[str]) -> int:
    """`python run.py` with these words; its exit code."""
    sys.argv = ["run.py", *words]
    return cli.guarded(CONF, words)


def composed(words: list[str]) -> Cell:
    """The cell of such a command, for `train`, which is what a command has trained by Hydra."""
    with hydra_at(CONF):
        return cell_of(words, {})


def nothing() -> None:
    """Has the server started, which takes as long as all imports, so that it is not part of what is timed next."""


def train(cell: Cell) -> None:
    train_cell(cell, folder_of(cell), {})


def start(log: Path, work: Callable[..., int | None], *arguments: Any) -> BaseProcess:
    """`work(*arguments)` in a process, the head of a group of its own; what it says is appended to `log`.

    work: a function of a module, whose result is the exit code.
    """
    process = CONTEXT.Process(target=_inside, args=(log, work, arguments))
    process.start()
    return process


def ended(log: Path, work: Callable[..., int | None], *arguments: Any) -> int | None:
    """The exit code of such a process; what it says replaces what the log held."""
    log.unlink(missing_ok=True)
    process = start(log, work, *arguments)
    process.join()
    return process.exitcode


def kill(process: BaseProcess) -> None:
    """SIGKILL to the process and all that it started; to nothing where it has ended."""
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # not yet the head of its group
        process.kill()


def _inside(log: Path, work: Callable[..., int | None], arguments: tuple[Any, ...]) -> None:
    os.setsid()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(work(*arguments))


def results(runs: Path) -> dict[str, bytes]:
    """By name, the bytes of all results under a folder of runs: records, rows, arrays, pictures, every last tensor."""
    found = {}
    for folder in sorted(runs.glob("*/*/*/seed=*")):
        run, name = RunFolder(folder), f"{folder.parent.name}/{folder.name}"
        metrics = {key: run.record.get(key) for key in ("status", "generator_updates", "images_seen", "metrics")}
        found[f"{name}/record"] = json.dumps(metrics, sort_keys=True).encode()
        files = [run.metrics, *run.samples.glob("*"), *run.artifacts.glob("*")]
        found |= {f"{name}/{path.name}": path.read_bytes() for path in files if path.exists()}
        for checkpoint in run.all_checkpoints()[:1]:
            found |= {f"{name}/{key}": value for key, value in _leaves(read_checkpoint(checkpoint))}
    return found


def _leaves(node: Any, name: str = "checkpoint") -> list[tuple[str, bytes]]:
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        return [leaf for key, value in items for leaf in _leaves(value, f"{name}.{key}")]
    return [(name, node.numpy().tobytes() if isinstance(node, torch.Tensor) else repr(node).encode())]
