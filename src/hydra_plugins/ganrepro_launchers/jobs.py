"""What the launchers share: a job that any process can carry out, and the loop that starts jobs and collects them."""

import os
import sys
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from ganrepro.errors import JobsLost


@dataclass(frozen=True)
class Job:
    """One point of a sweep. Calling it carries it out, in any process that sees the folder the command was typed in."""

    number: int
    overrides: tuple[str, ...]
    config: DictConfig
    hydra_context: HydraContext
    task_function: TaskFunction
    singletons: dict[Any, Any]
    folder: str
    environment: dict[str, str | None]

    def __call__(self) -> JobReturn:
        os.chdir(self.folder)  # a worker of Ray starts elsewhere
        for name, value in self.environment.items():
            os.environ.pop(name, None)
            os.environ |= {name: value} if value is not None else {}
        setup_globals()
        Singleton.set_state(self.singletons)
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(self.overrides))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = self.number
        return run_job(
            hydra_context=self.hydra_context,
            task_function=self.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )

    def checkpoint(self) -> Any:
        """For submitit, before it requeues a job: the same again, since a run goes on from its folder's checkpoints."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class Jobs(Launcher):
    """Starts as many jobs as may run at once, then one for each that ended, however it did.

    at_once: how many; None for all of them, where a scheduler makes them wait. variables: of the environment, which a
    job is to have as this process has them.
    """

    variables: tuple[str, ...] = ("GANREPRO_DATA",)

    def __init__(self, at_once: int | None) -> None:
        self.at_once = at_once or sys.maxsize

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Raises JobsLost after the others have ended, if some were killed."""
        setup_globals()
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        hydra = (self.config, self.hydra_context, self.task_function, Singleton.get_state())
        around = (os.getcwd(), {name: os.environ.get(name) for name in self.variables})
        jobs = [
            Job(number, tuple(overrides), *hydra, *around)
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        returns = self.carry_out(jobs)
        if lost := len(jobs) - len(returns):
            raise JobsLost(f"{lost} of {len(jobs)} jobs were killed (out of memory?). The same command goes on.")
        return [returns[job.number] for job in jobs]

    def carry_out(self, jobs: Sequence[Job]) -> dict[int, JobReturn]:
        """By number, the outcomes of those that were not killed."""
        waiting, running, found = list(jobs), dict[Any, Job](), dict[int, JobReturn]()
        try:
            while waiting or running:
                free = self.at_once - len(running)
                begun, waiting = waiting[:free], waiting[free:]
                running |= zip(self.start(begun), begun, strict=True)
                for handle in self.ended(list(running)):
                    job = running.pop(handle)
                    if outcome := self.outcome(handle):
                        found[job.number] = outcome
        finally:
            self.stop(list(running))
        return found

    @abstractmethod
    def start(self, jobs: Sequence[Job]) -> Sequence[Hashable]:
        """Starts these jobs and returns a handle for each."""

    @abstractmethod
    def ended(self, handles: Sequence[Any]) -> Sequence[Hashable]:
        """Those that have ended; waits for one."""

    @abstractmethod
    def outcome(self, handle: Any) -> JobReturn | None:
        """What a job that ended returned; None if it was killed."""

    @abstractmethod
    def stop(self, handles: Sequence[Any]) -> None:
        """Ends what is still running, after Ctrl-C or an error, and frees what the launcher holds."""
