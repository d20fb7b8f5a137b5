"""Processes on this machine."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool

from hydra.core.utils import JobReturn
from joblib.externals.loky import ProcessPoolExecutor

from hydra_plugins.ganrepro_launchers.jobs import Job, Jobs

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class JoblibLauncher(Jobs):
    """n_jobs processes that carry out one job after another, each in a loky pool of its own: a pool ends with any of
    its processes. inner_max_num_threads: of BLAS in each.
    """

    def __init__(self, n_jobs: int, inner_max_num_threads: int) -> None:
        super().__init__(n_jobs)
        self.threads = dict.fromkeys(THREADS, str(inner_max_num_threads))
        self.idle: list[ProcessPoolExecutor] = []
        self.busy: dict[Future[JobReturn], ProcessPoolExecutor] = {}

    def start(self, jobs: Sequence[Job]) -> list[Future[JobReturn]]:
        handles = []
        for job in jobs:
            pool = self.idle.pop() if self.idle else ProcessPoolExecutor(1, env=self.threads)
            handles.append(pool.submit(job))
            self.busy[handles[-1]] = pool
        return handles

    def ended(self, handles: Sequence[Future[JobReturn]]) -> list[Future[JobReturn]]:
        return list(wait(handles, return_when=FIRST_COMPLETED).done)

    def outcome(self, handle: Future[JobReturn]) -> JobReturn | None:
        pool = self.busy.pop(handle)
        try:
            outcome = handle.result()
        except (BrokenProcessPool, SystemExit):  # SIGKILL, SIGTERM
            pool.shutdown()
            return None
        self.idle.append(pool)
        return outcome

    def stop(self, handles: Sequence[Future[JobReturn]]) -> None:
        for pool in [*self.idle, *self.busy.values()]:
            pool.shutdown(kill_workers=True)
