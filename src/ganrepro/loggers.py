"""Dashboards. metrics.jsonl is the truth; a logger is a view of it, with generator_updates as its x-axis."""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from PIL import Image

from ganrepro.errors import UserError
from ganrepro.runs import RunFolder


@dataclass(frozen=True)
class About:
    """What a dashboard is told of one seed."""

    folder: RunFolder
    study: str
    cell: str
    seed: int
    config: dict[str, Any]


def csv(about: About) -> Logger:
    """csv/metrics.csv in the run folder. Lightning starts that file anew, so the rows so far are written again."""
    shutil.rmtree(about.folder.path / "csv", ignore_errors=True)
    logger = CSVLogger(about.folder.path, name="", version="csv")
    for row in about.folder.rows():
        log_row([logger], row)
    return logger


def tensorboard(about: About) -> Logger:
    """Event files in tensorboard/ of the run folder."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("logger=tensorboard needs the package tensorboard: pip install 'ganrepro[tensorboard]'")
    return TensorBoardLogger(about.folder.path, name="", version="tensorboard")


def wandb(about: About, project: str, offline: bool) -> Logger:
    """One W&B run a seed, grouped by study and cell, with generator_updates as the step of every metric."""
    if offline:  # thirty lines a seed that say nothing; online they have the run's address
        os.environ.setdefault("WANDB_SILENT", "true")
    logger = WandbLogger(
        project=project,
        offline=offline,
        name=f"seed={about.seed}",
        group=f"{about.study}/{about.cell}",
        job_type=about.cell,
        save_dir=about.folder.path,
        config={**about.config, "seed": about.seed},
    )
    logger.experiment.define_metric("generator_updates")
    logger.experiment.define_metric("*", step_metric="generator_updates")
    return logger


def log_row(loggers: Iterable[Logger], row: dict[str, Any]) -> None:
    """One row of metrics.jsonl, at its generator_updates."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.log(row)
        else:
            logger.log_metrics(row, step=row["generator_updates"])
            logger.save()


def log_picture(loggers: Iterable[Logger], path: Path, updates: int) -> None:
    """A picture of samples, where the logger can show one."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            import wandb

            logger.experiment.log({"samples": wandb.Image(str(path)), "generator_updates": updates})
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image("samples", np.asarray(Image.open(path)), updates, dataformats="HWC")


def close(loggers: Iterable[Logger], failed: bool) -> None:
    """Ends each logger; a W&B run of a crashed training gets exit code 1, so that it does not show as finished."""
    for logger in loggers:
        logger.finalize("failed" if failed else "success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish(exit_code=int(failed))
