"""What lies in W&B's offline files, read without W&B's service: the record that `wandb sync` would send."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

HEADER, BLOCK, FRAME = 7, 32768, 7  # bytes; LevelDB's log format
WHOLE, LAST = 1, 4  # kinds of a frame that end a record
PATIENCE = 30.0  # seconds: `finish` returns before the last of an offline run is on disk


class Offline:
    """One offline-run-* folder: who it is, its configuration, rows, summary and exit code."""

    def __init__(self, folder: Path) -> None:
        [file] = folder.glob("*.wandb")
        self.folder = folder
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        for record in whole(file):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config |= values(record.run.config.update)
            elif kind == "config":
                self.config |= values(record.config.update)
            elif kind == "summary":
                self.summary |= values(record.summary.update)
            elif kind == "history":
                self.rows.append(values(record.history.item))
            elif kind == "exit":
                self.exit_code = record.exit.exit_code


def offline(folder: Path) -> list[Offline]:
    """The offline runs in folder/wandb, the first begun first."""
    return [Offline(path) for path in sorted((folder / "wandb").glob("offline-run-*"))]


def values(items: Any) -> dict[str, Any]:
    """JSON by key; of nested keys the path, joined by dots."""
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def whole(file: Path) -> list[Record]:
    """The records of a run that has ended."""
    until = time.monotonic() + PATIENCE
    while True:
        found = list(records(file.read_bytes()))
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        assert time.monotonic() < until, f"{file} has no end"
        time.sleep(0.02)


def records(content: bytes) -> Iterator[Record]:
    at, parts = HEADER, b""
    while at + FRAME <= len(content):
        left = BLOCK - at % BLOCK
        if left < FRAME:
            at += left
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + FRAME : at + FRAME + size]
        at += FRAME + size
        if kind in (WHOLE, LAST):
            yield Record.FromString(parts)
            parts = b""
