"""Processes that train one seed together, each on its part of every batch: what they tell each other.

All hold the same weights. Each differentiates the losses of its part, and the mean of the gradients over the ranks is
that of the whole batch, because every loss is a mean over examples. Lightning's DDP wrapper does this in the backward
of one module; with several networks whose losses meet in any order, one message after each backward is simpler.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

T = TypeVar("T")

STEP = timedelta(minutes=10)  # for one round of all ranks
EVALUATION = timedelta(days=7)  # the others wait for rank 0, which evaluates alone


class Ranks:
    """Which of `size` processes this is. Rank 0 records what all train; Ranks() is a process that trains alone.

    Every method is called by all ranks at once, and waits for them.
    """

    def __init__(self, rank: int = 0, size: int = 1, patient: Any = None) -> None:
        self.rank, self.size, self.patient = rank, size, patient

    def part(self, n: int) -> slice:
        """Which of the n examples of a batch are this rank's."""
        each = n // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over the ranks, without gradients: the same bits on each."""
        if self.size == 1:
            return tensor.detach()
        total = tensor.detach().clone()
        distributed.all_reduce(total)
        return total.div_(self.size)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replaces tensors of one type by their means, in one message."""
        if not tensors:
            return
        means = self.mean(torch.cat([tensor.flatten() for tensor in tensors]))
        for tensor, mean in zip(tensors, means.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def told(self, value: T) -> T:
        """What rank 0 has there, however long it takes until it calls."""
        if self.size == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, 0, self.patient)
        return values[0]

    def gathered(self, value: T) -> list[T]:
        """At rank 0 what every rank has, in order; at the others nothing."""
        if self.size == 1:
            return [value]
        values: list[T] | None = [value] * self.size if self.rank == 0 else None
        distributed.gather_object(value, values, 0, self.patient)
        return values or []


@contextmanager
def connected(store: distributed.Store, rank: int, size: int, device: torch.device) -> Iterator[Ranks]:
    """The ranks that meet at `store`, by NCCL or, on a CPU, gloo. An error leaves the others to find out."""
    backend, at = ("nccl", device) if device.type == "cuda" else ("gloo", None)
    if at is not None:
        torch.cuda.set_device(at)  # where the trainer is from now on
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=STEP, device_id=at)
    yield Ranks(rank, size, distributed.new_group(backend="gloo", timeout=EVALUATION))
    distributed.destroy_process_group()


def synchronise(module: nn.Module) -> None:
    """Makes every batch norm one over all ranks, in training. torch has that for GPUs only."""
    for child in module.children():
        nn.SyncBatchNorm.convert_sync_batchnorm(child)


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]


def running_averages(module: nn.Module) -> list[Tensor]:
    """Of its batch norms: means and variances."""
    pairs = [(layer.running_mean, layer.running_var) for layer in batch_norms(module)]
    return [tensor for pair in pairs for tensor in pair if tensor is not None]


@torch.no_grad()
def checksum(module: nn.Module) -> str:
    """Of all weights: ranks that hold the same have the same."""
    return str(sum(parameter.double().sum().item() for parameter in module.parameters()))
