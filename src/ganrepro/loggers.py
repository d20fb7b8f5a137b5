"""Dashboards. metrics.jsonl is the truth; a logger is a view of it, with generator_updates as its x-axis."""

import importlib.util
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from PIL import Image

from ganrepro.errors import UserError
from ganrepro.runs import RunFolder, updates_of
from ganrepro.wandb_runs import CLOCK, WandbRun, group_of, has_key, image

TOLD = ("label", "commit", "dirty", "source_digest", "hardware", "versions")  # of the record, to W&B


@dataclass(frozen=True)
class About:
    """What a dashboard is told of one seed. record: as it stands before the first update."""

    folder: RunFolder
    config: dict[str, Any]
    record: dict[str, Any]


def check(node: dict[str, Any]) -> None:
    """UserError where the logger that a configuration names cannot work here."""
    name = node["_target_"].rpartition(".")[2]
    if name == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise UserError("logger=tensorboard needs the package tensorboard: pip install 'ganrepro[tensorboard]'")
    if name == "wandb" and not node["offline"] and not has_key():
        raise UserError("logger.offline=false: W&B has no key here; `wandb login`, or leave the runs offline.")


def csv(about: About) -> Logger:
    """csv/metrics.csv in the run folder. Lightning starts that file anew, so the rows so far are written again."""
    shutil.rmtree(about.folder.path / "csv", ignore_errors=True)
    logger = CSVLogger(about.folder.path, name="", version="csv")
    show_so_far(logger, about.folder)
    return logger


def tensorboard(about: About) -> Logger:
    """Event files in tensorboard/ of the run folder, begun anew like the csv: a kill may have left more in them."""
    shutil.rmtree(about.folder.path / "tensorboard", ignore_errors=True)
    logger = TensorBoardLogger(about.folder.path, name="", version="tensorboard")
    show_so_far(logger, about.folder)
    return logger


def wandb(about: About, project: str, offline: bool) -> Logger:
    """One W&B run a seed: its group is the study at its scale, its job type the cell.

    Its id is kept in the run folder, so that a resumed seed goes on in its own W&B run.
    """
    record, cell = about.record, about.folder.path.parent.name
    kept = about.folder.path / "wandb_id"
    begun = kept.exists()
    logger = WandbRun(
        about.folder.path,
        project,
        offline,
        id=kept.read_text() if begun else secrets.token_hex(4),
        group=group_of(record["study"], record["scale"]),
        job_type=cell,
        name=f"{cell}, seed {record['seed']}",
        tags=[record["paper"], record["study"], record["scale"]],
        config={**about.config, "cell": cell, "seed": record["seed"], **{key: record[key] for key in TOLD}},
    )
    logger.tell(lambda run: run.define_metric(CLOCK))
    logger.tell(lambda run: run.define_metric("*", step_metric=CLOCK))
    if not begun and logger.version:
        kept.write_text(logger.version)
        show_so_far(logger, about.folder)  # trained with another logger
    return logger


def show_so_far(logger: Logger, folder: RunFolder) -> None:
    """The rows that there are, and the pictures up to the last of them."""
    rows = folder.rows()
    for row in rows:
        log_row([logger], row)
    for path in sorted(folder.samples.glob("updates=*.png")):
        if rows and updates_of(path) <= rows[-1][CLOCK]:
            log_picture([logger], path, updates_of(path))


def log_row(loggers: Iterable[Logger], row: dict[str, Any]) -> None:
    """One row of metrics.jsonl, at its generator_updates."""
    for logger in loggers:
        logger.log_metrics(row, step=row[CLOCK])
        logger.save()


def log_picture(loggers: Iterable[Logger], path: Path, updates: int) -> None:
    """A picture of samples, where the logger can show one."""
    for logger in loggers:
        if isinstance(logger, WandbRun):
            logger.tell(lambda run: run.log({"samples": image(path), CLOCK: updates}))
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image("samples", np.asarray(Image.open(path)), updates, dataformats="HWC")


def close(loggers: Iterable[Logger], failed: bool, result: dict[str, Any] | None = None) -> None:
    """Ends each logger. result: of a run that ended; its last and best metrics become the W&B run's summary."""
    summary = {key: result[key] for key in ("status", "reason")} | result["metrics"] if result else {}
    for logger in loggers:
        logger.finalize("failed" if failed else "success")
        if isinstance(logger, WandbRun):
            logger.tell(lambda run: run.summary.update(summary))
            logger.conclude(failed)
