"""The run folder: its lock, its record, its checkpoints. One seed of a cell is one folder; nothing else is state."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
import yaml
from filelock import FileLock, Timeout

from ganrepro.errors import UserError, first_line

PATIENCE = 0.5  # seconds
FINISHED = ("done", "diverged")  # both are results; neither is tried again


class Busy(UserError):
    """Another process is training this folder."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a failure of the disk in the block, which may not name the file, into a UserError that does."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """`write(file)` into a neighbour that replaces `path` only once all of it is on disk. UserError where it cannot.

    The neighbour is this process's own, since two commands may write a cell's or a study's file at once.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)  # on a full disk its room is needed


def write_state(path: Path, state: dict[str, Any]) -> None:
    """What `read_checkpoint` reads, atomically. Through memory: torch hides a full disk behind an error of its own."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def write_json(path: Path, content: Any) -> None:
    """Atomically, sorted, indented."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, or {} where the file is absent, damaged or holds something else."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_wanted(cell: Path, seeds: list[int], updates: int) -> None:
    """What the last command asked of a cell, so that `make status` knows the seeds that have not begun."""
    write_json(cell / "wanted.json", {"seeds": seeds, "updates": updates})


def wanted(cell: Path) -> dict[str, Any]:
    """What `write_wanted` wrote, or no seeds."""
    return read_object(cell / "wanted.json") or {"seeds": [], "updates": 0}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The dictionary in a checkpoint, tensors on the CPU. Loads tensors and plain containers only.

    Raises UserError when the file is truncated or damaged: torch does not check the archive's CRCs, so we do.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise UserError(f"{path} is damaged (at {damaged}).")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except pickle.UnpicklingError:  # whose message says how to run it all the same
        raise UserError(f"{path} cannot be read as a checkpoint: it holds more than tensors and numbers.") from None
    except Exception as error:  # a damaged file makes zipfile and torch raise anything from zlib.error to KeyError
        raise UserError(f"{path} cannot be read as a checkpoint: {first_line(error)}") from None
    if not isinstance(state, dict):
        raise UserError(f"{path} is no checkpoint: it holds a {type(state).__name__}.")
    return state


def last_row(file: Path) -> dict[str, Any]:
    """The last whole line of a jsonl file, or {}."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - 400))
            lines = stream.read().decode(errors="replace").splitlines(keepends=True)
        return next(
            (json.loads(line) for line in reversed(lines) if line.startswith("{") and line.endswith("}\n")),
            {},
        )
    except (OSError, ValueError):
        return {}


def updates_of(checkpoint: Path) -> int:
    """The generator updates that a checkpoint's name says."""
    return int(checkpoint.stem.partition("=")[2])


def in_step(runs: Mapping[int, "RunFolder"]) -> list[dict[int, "RunFolder"]]:
    """Runs, by seed, in parts that have a starting point in common: a checkpoint after as many updates, or none yet.

    A run that was cut off may begin anew, to go on beside others; a finished one, which is made longer, may not.
    """
    parts: list[tuple[dict[int, RunFolder], set[int]]] = []
    for seed, run in runs.items():
        mine = run.starting_points()
        for members, shared in parts:
            if shared & mine:
                members[seed] = run
                shared &= mine
                break
        else:
            parts.append(({seed: run}, mine))
    return [members for members, _ in parts]


def shared_states(
    runs: Mapping[int, "RunFolder"], named: Path | None = None
) -> dict[int, dict[str, Any] | None] | None:
    """By seed, the newest checkpoint that all of `in_step`'s runs share, or None to begin anew.

    named: that of the only run instead. Newer ones are deleted: the rows before them will be. None in all when one
    cannot be read; it is renamed to .corrupt, and they may be in step no longer.
    """
    if named:
        return {seed: read_checkpoint(named) for seed in runs}
    updates = max(set.intersection(*(run.starting_points() for run in runs.values())), default=0)
    states: dict[int, dict[str, Any] | None] = {}
    for seed, run in runs.items():
        states[seed] = None
        for path in run.all_checkpoints() if updates else ():
            if updates_of(path) > updates:
                path.unlink()
            elif updates_of(path) == updates:
                try:
                    states[seed] = read_checkpoint(path)
                except UserError as error:
                    print(f"{error} Falling back to what there is before.", flush=True)
                    path.replace(path.with_suffix(".corrupt"))
                    return None
    return states


class RunFolder:
    """runs/<study>/<scale>/<cell>/seed=<n>/ and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics, self.timing = path / "metrics.jsonl", path / "timing.jsonl"
        self.samples, self.artifacts = path / "samples", path / "artifacts"
        self.checkpoints, self.best = path / "checkpoints", path / "checkpoints" / "best.pt"
        self.weights = path / "checkpoints" / "final.pt"  # of keep=weights
        self.done = path / "DONE"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder's lock; the kernel drops it when the process dies. Raises Busy, or UserError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=PATIENCE)  # is_locked holds it for an instant
            lock.acquire(poll_interval=0.01)
        except Timeout:
            raise Busy(f"{self.path} is being trained by another process.") from None
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror}") from None
        try:
            for part in self.path.rglob(".*.part"):  # of a process that was killed: the lock is ours
                part.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Whether some process is training here now."""
        if not (self.path / ".lock").exists():
            return False
        try:
            with FileLock(self.path / ".lock", blocking=False):
                return False
        except Timeout:
            return True
        except OSError:  # a folder that we cannot write to is not ours to train in
            return False

    @property
    def record(self) -> dict[str, Any]:
        """result.json, or {} before there is one."""
        return read_object(self.path / "result.json")

    @property
    def config(self) -> dict[str, Any]:
        """config.yaml. Raises UserError where it is absent or damaged."""
        try:
            config = yaml.safe_load((self.path / "config.yaml").read_text())
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(f"{self.path / 'config.yaml'} cannot be read: {first_line(error)}") from None
        if not isinstance(config, dict):
            raise UserError(f"{self.path / 'config.yaml'} holds no configuration.")
        return config

    def write_config(self, config: dict[str, Any]) -> None:
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        write_atomically(self.path / "config.yaml", lambda file: file.write(text.encode()))

    def write_record(self, record: dict[str, Any]) -> None:
        write_json(self.path / "result.json", record)

    def rows(self) -> list[dict[str, Any]]:
        """metrics.jsonl; a last line cut off by a kill is left out."""
        if not self.metrics.exists():
            return []
        text = self.metrics.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def reached(self) -> int:
        """Generator updates that its rows say, whether or not a record does."""
        row = last_row(self.timing)
        return row.get("generator_updates", self.record.get("generator_updates", 0))

    def append(self, file: Path, row: dict[str, Any]) -> None:
        with writing(file), file.open("a") as stream:
            stream.write(json.dumps(row) + "\n")

    # Checkpoints: updates=<n>.ckpt, two of them, each a plain dictionary. ---------------------------------------

    def all_checkpoints(self) -> list[Path]:
        """Newest first."""
        return sorted(self.checkpoints.glob("updates=*.ckpt"), reverse=True)

    def save_checkpoint(self, state: dict[str, Any], updates: int) -> None:
        """Writes atomically, then drops all but the two newest."""
        write_state(self.checkpoints / f"updates={updates:09d}.ckpt", state)
        for old in self.all_checkpoints()[2:]:
            old.unlink()

    def starting_points(self) -> set[int]:
        """The updates that training can go on from; 0, to begin anew, where there is no result to lose."""
        return {updates_of(path) for path in self.all_checkpoints()} | (set() if self.done.exists() else {0})

    def newest_checkpoint(self) -> dict[str, Any] | None:
        """The newest that can be read, or None; one line for each that cannot, which is renamed to .corrupt."""
        paths = self.all_checkpoints()
        for path in paths:
            try:
                return read_checkpoint(path)
            except UserError as error:
                then = "There is none before it." if path == paths[-1] else "Falling back to the one before."
                print(f"{error} {then}", flush=True)
                path.replace(path.with_suffix(".corrupt"))
        return None

    def rewind(self, metrics_bytes: int) -> None:
        """Cuts metrics.jsonl back to the length it had at a checkpoint, and timing.jsonl to its last whole line."""
        size = self.metrics.stat().st_size if self.metrics.exists() else 0
        if size < metrics_bytes:
            raise UserError(f"{self.metrics} is shorter than its checkpoint says; delete {self.path} to train anew.")
        if size:
            os.truncate(self.metrics, metrics_bytes)
        if self.timing.exists():
            os.truncate(self.timing, self.timing.read_bytes().rfind(b"\n") + 1)
