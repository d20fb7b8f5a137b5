"""A disk that is full: said plainly, nothing lost, and with room again the same command goes on bit by bit."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from test_train import contents, equal, trained

from ganrepro import cli
from ganrepro.assemble import folder_of
from ganrepro.cells import Cell
from ganrepro.runs import RunFolder, last_row, write_json, writing

Narrow = Callable[..., Cell]
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a failed write does not name its file


def fill(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """From the `room`-th whole file on there is no more space."""
    written = 0

    def sync(_: int) -> None:
        nonlocal written
        written += 1
        if written > room:
            raise FULL

    monkeypatch.setattr(os, "fsync", sync)


@pytest.mark.parametrize("room", [0, 1, 3, 6, 9, 12])
def test_whatever_is_being_written(
    narrow: Narrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], room: int
) -> None:
    """Configuration, pictures, checkpoints, best weights, arrays, record: what comes as the next whole file."""
    whole = trained(narrow(f"runs={tmp_path / 'whole'}"))
    capsys.readouterr()
    with monkeypatch.context() as full:
        fill(full, room)
        run = trained(narrow())
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "cannot write" in said
    assert "No space left on device" in said
    assert not run.done.exists()
    assert not list(run.path.rglob("*.part"))
    assert equal(contents(whole), contents(trained(narrow())))


def test_a_row_that_was_half_written(narrow: Narrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of both files are whole again after it, and the record has the times."""
    whole = trained(narrow(f"runs={tmp_path / 'whole'}"))
    rows, original = 0, RunFolder.append

    def append(run: RunFolder, file: Path, row: dict[str, object]) -> None:
        nonlocal rows
        original(run, file, row)
        rows += 1
        if rows >= 6:  # of metrics.jsonl and timing.jsonl, one after the other
            os.truncate(file, file.stat().st_size - 9)
            with writing(file):
                raise FULL

    with monkeypatch.context() as full:
        full.setattr(RunFolder, "append", append)
        run = trained(narrow())
    assert "No space left" in run.record["reason"]
    assert not run.timing.read_text().endswith("\n")
    assert equal(contents(whole), contents(trained(narrow())))
    assert last_row(run.timing)["generator_updates"] == 8


def test_a_full_disk_at_the_report_is_one_line(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(cli, "run", full)
    assert cli.guarded(Path("conf"), ["experiment=gan_mnist"]) == cli.ERROR
    assert capsys.readouterr().err == "error: No space left on device\n"


def test_an_error_that_cannot_be_recorded_is_said(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither error.txt nor the record can be written: the seed counts as cut off, the next one is tried."""
    cell = narrow("seeds=2")

    def full(*_: object) -> None:
        raise FULL

    with monkeypatch.context() as broken:
        broken.setattr("ganrepro.train.begin", full)
        broken.setattr(RunFolder, "write_record", full)
        broken.setattr(Path, "write_text", full)
        trained(cell)
    assert capsys.readouterr().out.count("No space left on device") == 2
    assert not list(folder_of(cell).rglob("error.txt"))


def test_the_file_before_stays_and_the_part_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "a.json", {"old": 1})
    fill(monkeypatch, 0)
    with pytest.raises(Exception, match=r"cannot write .*a\.json: No space left"):
        write_json(tmp_path / "a.json", {"new": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert "old" in (tmp_path / "a.json").read_text()
