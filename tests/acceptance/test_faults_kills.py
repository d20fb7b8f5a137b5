"""SIGKILL at random moments: what comes out, bit by bit, is the run never interrupted.

GANREPRO_KILLS says how many in all, GANREPRO_KILLS_SEED which moments. What is killed is the training of a cell, all
that writes into run folders; test_demo kills a command and its workers.
"""

import json
import os
import random
import signal
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from commands import composed, ended, kill, nothing, results, start, train
from kinds import KINDS

KILLS = int(os.environ.get("GANREPRO_KILLS", "50"))
SEED = os.environ.get("GANREPRO_KILLS_SEED", "0")
TIMING = "*/*/*/seed=*/timing.jsonl"


@pytest.mark.parametrize("kind", KINDS)
def test_kills_at_random_moments(kind: str, tmp_path: Path) -> None:
    """Two of three kills come after a row was written, wherever that is; the others at a moment after the start.

    Where a run ends before its moment has come, what it made is compared and another one is begun.
    """
    own, log = composed(KINDS[kind]), tmp_path / "log"
    ended(log, nothing)
    begun = time.monotonic()
    assert ended(log, train, replace(own, config=own.config | {"runs": str(tmp_path / "whole")})) == 0, log.read_text()
    whole, wanted = time.monotonic() - begun, results(tmp_path / "whole")
    training = seconds(tmp_path / "whole")
    chance, kills, in_training, compared = random.Random(f"{SEED} {kind}"), 0, 0, 0
    while True:
        runs = tmp_path / f"killed-{compared}"
        before = written(runs)
        process = start(log, train, replace(own, config=own.config | {"runs": str(runs)}))
        if kills < -(-KILLS // len(KINDS)):
            trains = kills % 3 > 0 and until_it_trains(process, runs, before)
            process.join(chance.uniform(0, training if trains else whole))
            kill(process)
        process.join()
        if process.exitcode == -signal.SIGKILL:
            kills, in_training = kills + 1, in_training + trains
            continue
        assert process.exitcode == 0, log.read_text()
        assert results(runs) == wanted
        assert not list(runs.rglob("*.part"))
        compared += 1
        if kills >= -(-KILLS // len(KINDS)):
            break
    print(f"{kind}: {kills} kills, {in_training} of them after a row was written; {compared} runs compared")


def until_it_trains(process: BaseProcess, runs: Path, before: int) -> bool:
    """Whether the process wrote a row; False where it ended first."""
    while process.is_alive():
        if written(runs) > before:
            return True
        time.sleep(0.002)
    return False


def written(runs: Path) -> int:
    """Bytes of timing.jsonl of all runs."""
    return sum(path.stat().st_size for path in runs.glob(TIMING))


def seconds(runs: Path) -> float:
    """What all runs took to train."""
    lines = [line for path in runs.glob(TIMING) for line in path.read_text().splitlines()]
    return sum(json.loads(line)["seconds"] for line in lines)
