"""Tasks of a Ray cluster, or of one that is started on this machine and ended with the command."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.utils import JobReturn

from hydra_plugins.ganrepro_launchers.jobs import Job, Jobs


class RayLauncher(Jobs):
    """ray.init: arguments of ray.init(). ray.remote: those of ray.remote(), which say what a job needs."""

    def __init__(self, at_once: int | None, ray: Mapping[str, Any]) -> None:
        super().__init__(at_once)
        self.init, self.remote = dict(ray["init"]), dict(ray["remote"])

    def start(self, jobs: Sequence[Job]) -> list[Any]:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import; nothing is sent unless asked
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        if not ray.is_initialized():
            # Of no address Ray makes whatever cluster was last started here, also one that is no more.
            address = self.init.get("address") or os.environ.get("RAY_ADDRESS") or "local"
            ray.init(**{**self.init, "address": address})
        task = ray.remote(**self.remote)(carry_out)
        return [task.remote(job) for job in jobs]

    def ended(self, handles: Sequence[Any]) -> list[Any]:
        import ray

        return ray.wait(list(handles))[0]

    def outcome(self, handle: Any) -> JobReturn | None:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            return ray.get(handle)
        except RayTaskError:  # an error of ours, outside of what Hydra catches
            raise
        except RayError:
            return None

    def stop(self, handles: Sequence[Any]) -> None:
        import ray

        for handle in handles:
            ray.cancel(handle, force=True)
        ray.shutdown()


def carry_out(job: Job) -> JobReturn:
    """The task: Ray asks for a function."""
    return job()
