"""Every run as a row of one file."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganrepro.report.records import Run
from ganrepro.report.tables import headline_of

COLUMNS = (
    "study", "scale", "cell", "seed", "status", "reason", "updates", "updates_wanted", "images_seen",
    "monitor", "last", "best", "best_updates", "test", "test_last", "test_best", "seconds", "train_seconds",
    "device", "hardware", "cores", "threads", "commit", "changed", "source_digest", "config_hash",
)  # fmt: skip


def write_runs(runs: Sequence[Run], path: Path) -> None:
    """A row a run, in the order given. last and best: of the monitor; test: its family's test score."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(row_of, runs))


def row_of(run: Run) -> dict[str, Any]:
    """The columns of a run; empty where its folder does not say."""
    record = run.record
    speed, hardware, metrics = (record.get(key) or {} for key in ("speed", "hardware", "metrics"))
    monitor, test = (*headline_of([run]), "", "")[:2]
    return {
        "study": run.study,
        "scale": run.scale,
        "cell": run.cell,
        "seed": run.seed,
        "status": run.status,
        "updates": record.get("generator_updates"),
        "monitor": monitor,
        "last": run.value(monitor),
        "best": run.value(monitor, "best"),
        "best_updates": (metrics.get("best") or {}).get("generator_updates"),
        "test": test,
        "test_last": run.value(test),
        "test_best": run.value(test, "best"),
        **{key: speed.get(key) for key in ("seconds", "train_seconds")},
        **{key: hardware.get(key) for key in ("device", "cores")},
        "hardware": hardware.get("name"),
        **{key: record.get(key) for key in ("reason", "updates_wanted", "images_seen", "threads", "commit")},
        "changed": record.get("dirty"),
        "source_digest": record.get("source_digest"),
        "config_hash": record.get("hash"),
    }
