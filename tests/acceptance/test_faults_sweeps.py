"""Two commands at once, Ctrl-C, a clock that jumps, losses that are no numbers."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import CONF, command, composed, ended, results, start, train
from kinds import KINDS, MLP

from ganrepro.cells import Cell
from ganrepro.errors import INTERRUPTED
from ganrepro.runs import RunFolder

PAIRS = 5
DAY = 86_400


def in_folder(words: list[str], runs: Path) -> Cell:
    return composed([*words, f"runs={runs}"])


def jumping(cell: Cell) -> None:
    """Trains while the clock on the wall jumps by up to ten days, forwards or back, at every look at it."""
    chance, now, now_ns = random.Random(0), time.time, time.time_ns
    time.time = lambda: now() + chance.uniform(-10, 10) * DAY
    time.time_ns = lambda: now_ns() + int(chance.uniform(-10, 10) * DAY * 1e9)
    train(cell)


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for work, runs in ((train, tmp_path / "whole"), (jumping, tmp_path / "jumped")):
        assert ended(log, work, in_folder(MLP, runs)) == 0
        assert log.read_text() == ""
    assert results(tmp_path / "jumped") == results(tmp_path / "whole")
    [timing] = (tmp_path / "jumped").glob("*/*/*/seed=*/timing.jsonl")
    rows = [json.loads(line) for line in timing.read_text().splitlines()]
    assert all(0 < row["train_seconds"] <= row["seconds"] < DAY for row in rows)
    assert 0 < RunFolder(timing.parent).record["speed"]["seconds"] < DAY


def test_two_at_once_train_each_run_once(tmp_path: Path) -> None:
    """Pairs that begin together on an empty folder: who comes second says so, and touches nothing."""
    words, logs = [*MLP, "seeds=2"], [tmp_path / "one", tmp_path / "other"]
    assert ended(logs[0], train, in_folder(words, tmp_path / "whole")) == 0
    wanted = results(tmp_path / "whole")
    for pair in range(PAIRS):
        runs = tmp_path / f"runs-{pair}"
        cell = in_folder(words, runs)
        both = [start(log, train, cell) for log in logs]
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]
        assert results(runs) == wanted
        said = "".join(log.read_text() for log in logs)
        assert said.count("\n") == said.count("is being trained by another process"), said
        for timing in runs.glob("*/*/*/seed=*/timing.jsonl"):
            assert timing.read_text().count("\n") == 12  # a row a tick, each once


def test_two_commands_at_once_end_with_one_report(tmp_path: Path) -> None:
    words, logs = [*MLP, f"runs={tmp_path / 'runs'}"], [tmp_path / "one", tmp_path / "other"]
    both = [start(log, command, words) for log in logs]
    for process in both:
        process.join()
    texts = [log.read_text() for log in logs]
    assert not any("Traceback" in text or "error:" in text for text in texts), texts
    for process, text in zip(both, texts, strict=True):
        assert process.exitcode == int("not finished" in text)
        assert ("not finished" in text) <= ("is being trained by another process" in text)
    assert any(process.exitcode == 0 for process in both)
    assert len(list((tmp_path / "runs").rglob("DONE"))) == 1


def test_ctrl_c_in_a_sweep_with_workers(tmp_path: Path) -> None:
    """Four runs, two workers, SIGINT to all of them while two train; then the same command ends as if undisturbed."""
    words = [
        "-m", *MLP, "loss=gan,gan_saturating", "seeds=2", "updates=2000", "evaluate_every=1000", "checkpoint_every=50",
        "workers=2",
    ]  # fmt: skip
    killed = [sys.executable, str(CONF.parent / "run.py"), *words, f"runs={tmp_path / 'killed'}"]
    process = subprocess.Popen(
        killed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    pattern = "gan_mnist/laptop/*/seed=*/checkpoints/updates=*.ckpt"
    while len({path.parents[1] for path in (tmp_path / "killed").glob(pattern)}) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, errors
    assert "The same command goes on" in errors
    assert "Traceback" not in output + errors, errors
    assert not any(RunFolder(path).is_locked() for path in (tmp_path / "killed").glob("gan_mnist/laptop/*/seed=*"))
    done = len(list((tmp_path / "killed").rglob("DONE")))
    assert done < 4
    again = subprocess.run(killed, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "to resume" in again.stdout
    log = tmp_path / "log"
    for loss in ("gan", "gan_saturating"):
        one = [*words[1:-1], "workers=1", f"loss={loss}", f"runs={tmp_path / 'whole'}"]
        assert ended(log, train, composed([word for word in one if word != "loss=gan,gan_saturating"])) == 0
    assert results(tmp_path / "killed") == results(tmp_path / "whole")


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_is_no_number_is_a_result(kind: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = [*KINDS[kind], "optimizer.lr=1e30", "lr_g=null", "lr_d=null", f"runs={tmp_path / 'runs'}"]
    assert ended(log, train, composed(words)) == 0
    assert log.read_text() == ""
    runs = [RunFolder(path) for path in (tmp_path / "runs").glob("*/*/*/seed=*")]
    assert runs
    for run in runs:
        assert run.record["status"] == "diverged"
        assert "not finite" in run.record["reason"]
        assert run.done.exists()
        assert run.rows()
