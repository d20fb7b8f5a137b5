"""SIGKILL of either of two ranks, and of both, while they train: what comes out is the run never interrupted."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from commands import CONF, results

from ganrepro.runs import RunFolder

WORDS = [
    "experiment=gan_mnist", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "updates=3000", "seeds=[0]",
    "network.generator.hidden=[64,64]", "network.discriminator.units=[32,32]", "tick=10", "evaluate_every=500",
    "checkpoint_every=100", "evaluation.samples=200",
]  # fmt: skip
KILLS = 6


def start(runs: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CONF.parent / "run.py"), *WORDS, f"runs={runs}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def other_rank(pid: int) -> int:
    """The process that rank 0 started, multiprocessing's own helper aside."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    [child] = [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return int(child)


def ended(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_kills_of_either_rank(tmp_path: Path) -> None:
    process = start(tmp_path / "whole")
    out, _ = process.communicate()
    assert process.returncode == 0, out
    chance = random.Random(0)
    for number in range(KILLS):
        found = list((tmp_path / "killed").glob("gan_mnist/laptop/*/seed=0/timing.jsonl"))
        size = found[0].stat().st_size if found else 0
        process = start(tmp_path / "killed")
        while not found or found[0].stat().st_size <= size:  # until it trains
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.01)
            found = list((tmp_path / "killed").glob("gan_mnist/laptop/*/seed=0/timing.jsonl"))
        time.sleep(chance.uniform(0, 0.3))
        assert not list((tmp_path / "killed").rglob("DONE")), f"finished after {number} kills: make it longer"
        other = other_rank(process.pid)
        victims = [[other], [process.pid], [process.pid, other]][number % 3]
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        out, _ = process.communicate()
        if victims == [other]:
            assert process.returncode == 1
            assert "rank 1 was killed (SIGKILL). The same command goes on from the last checkpoint." in out
        else:
            assert process.returncode == -signal.SIGKILL
        late = time.monotonic() + 30
        while not ended(other) and time.monotonic() < late:
            time.sleep(0.1)
        assert ended(other), "rank 1 outlived rank 0"
    process = start(tmp_path / "killed")
    out, _ = process.communicate()
    assert process.returncode == 0, out
    print(f"{KILLS} kills of two ranks")
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    [run] = (tmp_path / "killed").glob("gan_mnist/laptop/*/seed=0")
    assert RunFolder(run).record["status"] == "done"
