"""True disks that are full or read-only."""

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from commands import command, composed, ended, results, train
from kinds import MLP

FILLED = 12  # disks with room for a random part of a run


def test_a_full_disk_at_random_moments(tmp_path: Path, disk: Path) -> None:
    """A run, resumed on a disk with ever other room; each time it ends with a line, and what there was can be read."""
    own, log, chance = composed(MLP), tmp_path / "log", random.Random(0)
    assert ended(log, train, replace(own, config=own.config | {"runs": str(tmp_path / "whole")})) == 0
    wanted = results(tmp_path / "whole")
    cell = replace(own, config=own.config | {"runs": str(disk / "runs")})
    ballast, full = disk / "ballast", 0
    needed = sum(path.stat().st_size for path in (tmp_path / "whole").rglob("*"))
    for number in range(FILLED):
        shutil.rmtree(disk / "runs", ignore_errors=True)
        for _ in range(1 + number % 2):  # every other time it is full again when the run goes on
            fill(ballast, disk, chance.randrange(0, needed))
            assert ended(log, train, cell) == 0
            said = log.read_text()
            assert said.count("\n") == said.count("No space left on device"), said
            full += "No space left on device" in said
        ballast.unlink()
        assert ended(log, train, cell) == 0, log.read_text()
        assert log.read_text() == ""
        assert results(disk / "runs") == wanted
        assert not list(disk.rglob("*.part"))
    assert full >= FILLED // 2
    print(f"{full} times the disk was full")


def fill(ballast: Path, disk: Path, room: int) -> None:
    """Leaves `room` bytes on the disk."""
    ballast.unlink(missing_ok=True)
    free = shutil.disk_usage(disk).free
    ballast.write_bytes(bytes(max(0, free - room)))


def test_a_command_on_a_full_disk(tmp_path: Path, disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - 60_000))
    log = tmp_path / "log"
    assert ended(log, command, [*MLP, f"runs={disk / 'runs'}"]) == 1
    said = log.read_text()
    assert "No space left on device" in said
    assert "Traceback" not in said
    (disk / "ballast").unlink()
    assert ended(log, train, composed([*MLP, f"runs={disk / 'runs'}"])) == 0
    assert len(list(disk.rglob("DONE"))) == 1


def test_a_read_only_disk(tmp_path: Path, disk: Path) -> None:
    """Runs cannot be made there; those that are there can be looked at."""
    words, log = [*MLP, f"runs={disk / 'runs'}"], tmp_path / "log"
    assert ended(log, train, composed(words)) == 0
    before = results(disk / "runs")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert ended(log, command, [*words, "updates=48"]) == 1
    assert "cannot write there (Read-only file system)" in log.read_text().splitlines()[-1]
    assert ended(log, command, [*words, "updates=48", "plan=true"]) == 0
    assert "1 to resume" in log.read_text()
    assert ended(log, train, composed([*words, "updates=48"])) == 0
    assert "Read-only file system" in log.read_text()
    assert results(disk / "runs") == before
