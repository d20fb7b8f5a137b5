"""A GPU of its own for each of several jobs on one machine, by locks that the kernel drops when a job dies."""

import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ganrepro.errors import UserError

LEASES = Path(tempfile.gettempdir()) / f"ganrepro-gpus-{os.getuid()}"  # of this machine: a GPU is not on a shared disk
POLL = 0.5  # seconds


@contextmanager
def own_gpu(device: str, workers: int | None) -> Iterator[None]:
    """While the block lasts, "cuda" means a GPU that is leased to it; waits until one is free. Else nothing.

    workers: jobs at once on this machine; more than there are GPUs share them evenly. A GPU that CUDA_VISIBLE_DEVICES
    alone names is taken as it is: Ray, SLURM or the user has chosen it.
    """
    if device != "cuda" or (os.environ.get("CUDA_VISIBLE_DEVICES") and torch.cuda.device_count() == 1):
        yield
        return
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    with leased(names, math.ceil((workers or 1) / len(names))) as index:
        torch.cuda.set_device(index)
        yield


@contextmanager
def leased(names: Sequence[str], shares: int) -> Iterator[int]:
    """The index of one of these GPUs while the block lasts, of one with few jobs; waits until one has room.

    names: the same for a GPU in every process, whatever its number there. shares: jobs that a GPU takes at once.
    """
    index, lock = wait_for(names, shares)
    try:
        yield index
    finally:
        lock.release()


def wait_for(names: Sequence[str], shares: int) -> tuple[int, FileLock]:
    """The GPU's index and the lock that holds it. UserError where no lock can be made."""
    said = False
    while True:
        for share, (index, name) in product(range(shares), enumerate(names)):
            lock = FileLock(LEASES / f"{name}.{share}", blocking=False)
            try:
                LEASES.mkdir(mode=0o700, exist_ok=True)
                lock.acquire()
                return index, lock
            except Timeout:
                pass
            except OSError as error:
                raise UserError(f"cannot lock a GPU in {LEASES}: {error.strerror}") from None
        if not said:
            print("Every GPU is at work for another job; waiting.", flush=True)
            said = True
        time.sleep(POLL)
