"""The run folder under faults: kills, damage, two writers."""

import multiprocessing
import os
import random
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
import torch

from ganrepro.errors import UserError
from ganrepro.runs import Busy, RunFolder, write_atomically


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "seed=0")


def state(updates: int) -> dict[str, object]:
    return {"generator_updates": updates, "networks": {"generator": {"w": torch.full((100,), float(updates))}}}


def test_two_checkpoints_are_kept_and_the_newest_is_read(run: RunFolder) -> None:
    for updates in (5, 10, 200):
        run.save_checkpoint(state(updates), updates)
    assert [path.name for path in run.all_checkpoints()] == ["updates=000000200.ckpt", "updates=000000010.ckpt"]
    newest = run.newest_checkpoint()
    assert newest is not None
    assert newest["generator_updates"] == 200


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_newest_falls_back_in_one_line(
    run: RunFolder, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run.save_checkpoint(state(5), 5)
    run.save_checkpoint(state(10), 10)
    path = run.all_checkpoints()[0]
    whole = bytearray(path.read_bytes())
    flipped = whole.copy()
    flipped[whole.find(torch.full((100,), 10.0).numpy().tobytes()) + 7] ^= 1
    path.write_bytes(
        {"truncated": whole[: len(whole) // 2], "flipped": flipped, "empty": b"", "text": b"hello"}[damage]
    )
    newest = run.newest_checkpoint()
    assert newest is not None
    assert newest["generator_updates"] == 5
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "updates=000000010.ckpt" in out
    assert "Falling back" in out


def test_damage_at_random_places_falls_back_or_does_no_harm(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """GANREPRO_DAMAGES says how often. A turned bit in what nothing reads, such as a date, is no damage."""
    run.save_checkpoint(state(5), 5)
    run.save_checkpoint(state(10), 10)
    path, chance = run.all_checkpoints()[0], random.Random(0)
    whole, before = path.read_bytes(), 0
    for number in range(damages := int(os.environ.get("GANREPRO_DAMAGES", "40"))):
        at = chance.randrange(len(whole))
        turned = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        path.write_bytes(turned if number % 2 else whole[:at])
        newest = run.newest_checkpoint()
        assert newest is not None
        before += newest["generator_updates"] == 5
        assert torch.equal(newest["networks"]["generator"]["w"], torch.full((100,), float(newest["generator_updates"])))
        assert capsys.readouterr().out.count("Falling back to the one before.") == (newest["generator_updates"] == 5)
    assert before >= damages // 2, "every cut"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, lambda file: file.write(b"old"))

    def fails(file: object) -> None:
        raise OSError("disk full")

    with pytest.raises(UserError, match=r"cannot write .*a\.json: disk full"):
        write_atomically(path, fails)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_rows_leave_out_a_line_cut_by_a_kill_and_rewind_cuts_back(run: RunFolder) -> None:
    run.path.mkdir(parents=True)
    run.append(run.metrics, {"generator_updates": 1})
    size = run.metrics.stat().st_size
    run.append(run.metrics, {"generator_updates": 2})
    with run.metrics.open("a") as file:
        file.write('{"generator_upd')
    assert [row["generator_updates"] for row in run.rows()] == [1, 2]
    run.rewind(size)
    assert [row["generator_updates"] for row in run.rows()] == [1]
    with pytest.raises(UserError, match="shorter than its checkpoint says"):
        run.rewind(size + 5)


def hold(path: Path, held: Event, release: Event) -> None:
    with RunFolder(path).locked():
        held.set()
        release.wait(30)


def test_a_folder_has_one_writer_and_a_dead_one_lets_go(run: RunFolder) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(run.path, held, release))
    other.start()
    assert held.wait(60)
    assert run.is_locked()
    with pytest.raises(Busy, match="another process"), run.locked():
        pass
    other.kill()
    other.join()
    assert not run.is_locked()
    with run.locked():
        pass


def test_no_permission_to_write(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot write to"), RunFolder(tmp_path / "runs" / "seed=0").locked():
        pass
