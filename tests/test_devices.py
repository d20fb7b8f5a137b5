"""Leases of GPUs, with pretended ones, over real processes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ganrepro import devices, training
from ganrepro.devices import leased, own_gpu, wait_for
from ganrepro.errors import UserError

HOLDER = """
import sys, time
from pathlib import Path
from ganrepro import devices
devices.LEASES = Path(sys.argv[1])
with devices.leased(["a", "b"], 1) as index:
    print(index, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(devices, "LEASES", tmp_path / "leases")
    monkeypatch.setattr(devices, "POLL", 0.01)
    return tmp_path / "leases"


@pytest.fixture
def holder(leases: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the first of two GPUs."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(leases)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two GPUs; the list of those that "cuda" was set to."""
    chosen: list[int] = []

    class Properties:
        def __init__(self, index: int) -> None:
            self.uuid = "ab"[index]

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", Properties)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    return chosen


def test_each_process_has_its_own_gpu_and_a_killed_one_gives_it_back(holder: subprocess.Popen[str]) -> None:
    with leased(["a", "b"], 1) as index:
        assert index == 1
    with leased(["b", "a"], 1) as index:
        assert index == 0, "by what a GPU is called, not by its number"
    holder.kill()
    holder.wait()
    with leased(["a", "b"], 1) as index:
        assert index == 0


def test_a_third_job_waits_for_the_first_that_ends(
    holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []

    def end_the_other_after_a_while(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            holder.kill()
            holder.wait()

    monkeypatch.setattr(time, "sleep", end_the_other_after_a_while)
    with leased(["a", "b"], 1) as first, leased(["a", "b"], 1) as second:
        assert (first, second) == (1, 0)
    assert len(slept) == 3
    assert capsys.readouterr().out == "Every GPU is at work for another job; waiting.\n"


def test_more_jobs_than_gpus_share_them_evenly() -> None:
    held = [wait_for(["a", "b"], shares=2) for _ in range(4)]
    assert [index for index, _ in held] == [0, 1, 0, 1]
    for _, lock in held:
        lock.release()


def test_cuda_means_the_leased_one(pretended: list[int], leases: Path) -> None:
    with own_gpu("cuda", None), own_gpu("cuda", 2):
        assert pretended == [0, 1]
    with own_gpu("cuda", 3), own_gpu("cuda", 3), own_gpu("cuda", 3):
        assert pretended[2:] == [0, 1, 0]
    with own_gpu("cpu", 3):
        pass
    assert len(pretended) == 5
    assert sorted(path.name for path in leases.iterdir()) == ["a.0", "a.1", "b.0"]


def test_a_gpu_that_is_named_alone_is_taken_as_it_is(
    pretended: list[int], monkeypatch: pytest.MonkeyPatch, leases: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with own_gpu("cuda", 4), own_gpu("cuda", 4):
        assert not pretended
    assert not leases.exists()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with own_gpu("cuda", None):
        assert pretended == [0]


def test_a_folder_of_somebody_else_is_said(pretended: list[int], leases: Path) -> None:
    leases.write_text("in the way")
    with pytest.raises(UserError, match="cannot lock a GPU in"), own_gpu("cuda", None):
        pass


def test_lightning_trains_on_the_leased_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    class Trainer:
        def __init__(self, **settings: object) -> None:
            given.update(settings)

        def fit(self, *_: object, **__: object) -> None:
            pass

    monkeypatch.setattr(training.L, "Trainer", Trainer)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    training.fit(None, None, False, {"trainer": {"accelerator": "cuda", "precision": "32-true"}})  # type: ignore[arg-type]
    assert (given["accelerator"], given["devices"]) == ("cuda", [1])
    training.fit(None, None, False, {"trainer": {"accelerator": "cpu", "precision": "32-true"}})  # type: ignore[arg-type]
    assert (given["accelerator"], given["devices"]) == ("cpu", 1)
