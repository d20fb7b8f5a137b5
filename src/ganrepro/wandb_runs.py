"""W&B's runs, of seeds and of studies: how they begin and end, and what becomes of the work when W&B fails."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from ganrepro.errors import UserError

CLOCK = "generator_updates"  # the step of every metric
PATIENCE = 30.0  # seconds that a run waits for the server at its start
UPLOAD = 300.0  # seconds that it waits at its end; what is not sent by then stays on disk, for `wandb sync`


class WandbRun(Logger):
    """One W&B run, with its files in folder/wandb.

    It is a view. Where W&B cannot begin or go on, whatever the reason, a line says so, and it is told nothing more.
    arguments: further ones of `wandb.init`, such as id, group, job_type, name, config.
    """

    def __init__(self, folder: Path, project: str, offline: bool, **arguments: Any) -> None:
        super().__init__()
        self.folder, self.run = folder, None
        try:
            self.run = start(folder, project, offline, arguments)
        except Exception as error:
            self.give_up(error)

    @property
    def name(self) -> str:
        return "wandb"

    @property
    def version(self) -> str | None:
        """The run's id."""
        return self.run and self.run.id

    def tell(self, act: Callable[[Any], Any]) -> None:
        """`act(run)`."""
        if self.run is not None:
            try:
                act(self.run)
            except Exception as error:
                self.give_up(error)

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """A row. It holds its own clock, so `step` is not needed."""
        self.tell(lambda run: run.log(dict(metrics)))

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Lightning offers what the module was built with; the configuration was told at the start."""

    def conclude(self, failed: bool) -> None:
        """Ends it; with exit code 1 for a crash, so that it does not show as finished."""
        self.tell(lambda run: run.finish(exit_code=int(failed)))
        self.run = None

    def give_up(self, error: Exception) -> None:
        run, self.run = self.run, None
        print(f"W&B shows no more of {self.folder} ({in_a_line(error)}); nothing else changes.", flush=True)
        with suppress(Exception):  # it may be what fails
            if run is not None:
                run.finish(exit_code=1)


def start(folder: Path, project: str, offline: bool, arguments: dict[str, Any]) -> Any:
    """Begins a run, or goes on with the one of the same id. OSError where it could not be written."""
    import wandb

    (folder / "wandb").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder / "wandb"):  # else W&B goes to the system's temporary folder, unasked
        pass
    settings = wandb.Settings(
        silent=offline,  # thirty lines a run that say nothing; online they have the run's address
        console="off",
        disable_git=True,  # a remote's address can hold a key; the commit is in our configuration
        disable_code=True,
        init_timeout=PATIENCE,
        finish_timeout=UPLOAD,
    )
    return wandb.init(
        dir=folder,
        project=project,
        mode="offline" if offline else "online",
        resume="allow",
        reinit="create_new",  # the members of a population are open side by side
        settings=settings,
        **arguments,
    )


def image(path: Path, caption: str | None = None) -> Any:
    """A picture as W&B takes it."""
    import wandb

    return wandb.Image(str(path), caption=caption)


def has_key() -> bool:
    """Whether W&B finds a key, in the environment or where `wandb login` put it. UserError where it is none."""
    import wandb

    try:
        return bool(wandb.login(prompt=False, verify=False))
    except wandb.Error:  # its words may quote the key
        raise UserError("W&B's key is malformed; `wandb login --relogin` asks for another.") from None


def group_of(study: str, scale: str) -> str:
    """The group that the runs of a study's cells and its report are in."""
    return f"{study}/{scale}"


def in_a_line(error: Exception) -> str:
    """What went wrong, in one line that holds no key."""
    text = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0].rstrip(": ")
    key = os.environ.get("WANDB_API_KEY")
    return text.replace(key, "<key>") if key else text
