"""Dashboards. metrics.jsonl is the truth; a logger is a view of it, with generator_updates as its x-axis."""

import importlib.util
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from PIL import Image

from ganrepro.errors import UserError
from ganrepro.runs import RunFolder, updates_of


@dataclass(frozen=True)
class About:
    """What a dashboard is told of one seed."""

    folder: RunFolder
    study: str
    cell: str
    seed: int
    config: dict[str, Any]


def check(node: dict[str, Any]) -> None:
    """UserError where the logger that a configuration names cannot work here."""
    name = node["_target_"].rpartition(".")[2]
    if name == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise UserError("logger=tensorboard needs the package tensorboard: pip install 'ganrepro[tensorboard]'")
    if name == "wandb" and not node["offline"]:
        import wandb as service

        if not service.login(prompt=False):
            raise UserError("logger.offline=false: W&B has no key here; `wandb login`, or leave the runs offline.")


def csv(about: About) -> Logger:
    """csv/metrics.csv in the run folder. Lightning starts that file anew, so the rows so far are written again."""
    shutil.rmtree(about.folder.path / "csv", ignore_errors=True)
    logger = CSVLogger(about.folder.path, name="", version="csv")
    for row in about.folder.rows():
        log_row([logger], row)
    return logger


def tensorboard(about: About) -> Logger:
    """Event files in tensorboard/ of the run folder, begun anew like the csv: a kill may have left more in them."""
    shutil.rmtree(about.folder.path / "tensorboard", ignore_errors=True)
    logger = TensorBoardLogger(about.folder.path, name="", version="tensorboard")
    rows = about.folder.rows()
    for row in rows:
        log_row([logger], row)
    for path in sorted(about.folder.samples.glob("updates=*.png")):
        if rows and updates_of(path) <= rows[-1]["generator_updates"]:
            log_picture([logger], path, updates_of(path))
    return logger


def wandb(about: About, project: str, offline: bool) -> Logger:
    """One W&B run a seed, grouped by study and cell, with generator_updates as the step of every metric.

    Its id is kept in the run folder, so that a resumed seed goes on in its own W&B run.
    """
    kept = about.folder.path / "wandb_id"
    begun = kept.exists()
    if not begun:
        kept.write_text(secrets.token_hex(4))
    if offline:  # thirty lines a seed that say nothing; online they have the run's address
        os.environ.setdefault("WANDB_SILENT", "true")
    logger = WandbLogger(
        project=project,
        offline=offline,
        id=kept.read_text(),
        resume="allow",
        name=f"seed={about.seed}",
        group=f"{about.study}/{about.cell}",
        job_type=about.cell,
        save_dir=about.folder.path,
        config={**about.config, "seed": about.seed},
    )
    logger.experiment.define_metric("generator_updates")
    logger.experiment.define_metric("*", step_metric="generator_updates")
    for row in [] if begun else about.folder.rows():  # trained so far with another logger
        log_row([logger], row)
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
