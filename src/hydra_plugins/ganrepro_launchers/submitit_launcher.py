"""Jobs of SLURM through submitit, and the same on this machine to try them."""

import sys
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from hydra.core.utils import JobReturn

from hydra_plugins.ganrepro_launchers.jobs import Job, Jobs

POLL = 1.0  # seconds; submitit itself asks SLURM far less often


class SlurmLauncher(Jobs):
    """One array of jobs. submitit_folder: for their logs and pickles. max_num_timeout: how often a job that reached its
    time limit is requeued. parameters: submitit's, those of SLURM alone as slurm_partition, slurm_account, ...
    """

    cluster = "slurm"

    def __init__(
        self, submitit_folder: str, max_num_timeout: int, at_once: int | None = None, **parameters: Any
    ) -> None:
        super().__init__(at_once)
        self.folder, self.max_num_timeout = submitit_folder, max_num_timeout
        self.parameters = {name: value for name, value in parameters.items() if value is not None}

    @cached_property
    def executor(self) -> Any:
        from submitit import AutoExecutor

        executor = AutoExecutor(
            self.folder, cluster=self.cluster, **{f"{self.cluster}_max_num_timeout": self.max_num_timeout}
        )
        executor.update_parameters(**self.parameters)
        return executor

    def start(self, jobs: Sequence[Job]) -> list[Any]:
        return self.executor.submit_array(jobs) if jobs else []

    def ended(self, handles: Sequence[Any]) -> list[Any]:
        while not (done := [handle for handle in handles if handle.done()]):
            time.sleep(POLL)
        return done

    def outcome(self, handle: Any) -> JobReturn | None:
        from submitit.core.utils import UncompletedJobError

        try:
            return handle.result()
        except UncompletedJobError:
            print(f"job {handle.job_id} was lost; its log: {handle.paths.stderr}", file=sys.stderr)
            return None

    def stop(self, handles: Sequence[Any]) -> None:
        for handle in handles:
            handle.cancel()


class LocalLauncher(SlurmLauncher):
    """Processes on this machine, through the same code. submitit hides every GPU from them; ours lease one."""

    cluster = "local"
    variables = (*Jobs.variables, "CUDA_VISIBLE_DEVICES")
