"""trainer=ddp: one seed trained by several processes of this machine, a GPU each.

Rank 0 is the process that would train alone: it holds the folder's lock, evaluates and writes. The others are its
children. They build the same module, take their part of every batch (ranks.py) and write nothing; so Hydra, the run
folder and the loggers know of one process. The children end when it does, and it ends its seed when one of them dies.
"""

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import Any

import lightning as L
import torch
from torch import distributed

from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import device_of, ranks_of
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.networks.deligan import MinibatchDiscrimination
from ganrepro.networks.weight_norm import NormedMinibatchDiscrimination
from ganrepro.ranks import Ranks, batch_norms, connected
from ganrepro.recorder import restore
from ganrepro.training import fit, module_to_train, set_up

SOON = 5.0  # seconds: by then the ranks that a dead one takes with it have ended
STUCK = 30.0  # seconds after which a rank that waits for a dead one is given up
GO_ON = "The same command goes on from the last checkpoint."


def check_ranks(cell: Cell, module: AdversarialModule) -> None:
    """UserError where this cell, which has several ranks, cannot be trained by them as by one process."""
    config, size = cell.config, ranks_of(cell.config["trainer"])
    batch, normed = config["batch_size"], batch_norms(module)
    if batch % size:
        near = " or ".join(str(n) for n in (batch - batch % size, batch - batch % size + size) if n)
        raise UserError(f"batch_size={batch} cannot be divided among {size} ranks: {near} can.")
    if normed and batch == size:
        raise UserError(f"batch_size={batch} leaves each of {size} ranks one image, and batch norm needs two.")
    if config["population"] > 1:
        raise UserError("trainer=ddp trains one seed at a time: add population=1, or leave it out.")
    if (config["workers"] or 1) > 1:
        raise UserError(f"trainer=ddp takes all its GPUs for one seed: leave out workers={config['workers']}.")
    if getattr(module.loss, "reduction", "mean") != "mean":
        raise UserError("trainer=ddp averages the ranks' losses, so they must be means: add reduction=mean.")
    if any(isinstance(layer, MinibatchDiscrimination | NormedMinibatchDiscrimination) for layer in module.modules()):
        raise UserError(
            "Minibatch discrimination compares the images of a whole batch, and a rank of trainer=ddp sees a part: "
            "set network.discriminator.kernels=0, or leave trainer=ddp out."
        )
    if config["trainer"]["sync_batchnorm"]:
        if not normed:
            raise UserError("trainer.sync_batchnorm=true does nothing: these networks have no batch norm.")
        if device_of(config["trainer"]["accelerator"]) != "cuda":
            raise UserError("trainer.sync_batchnorm=true: torch synchronises batch norm on GPUs only.")


@contextmanager
def together(cell: Cell, seed: int, state: dict[str, Any] | None) -> Iterator[Ranks]:
    """This process as rank 0, and the others of the cell beside it until the block ends; alone where there is but one.

    state: the checkpoint that all go on from, or None. Raises UserError when another rank was killed, and RuntimeError
    with its traceback when it failed.
    """
    size = ranks_of(cell.config["trainer"])
    if size == 1:
        yield Ranks()
        return
    over = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"{folder}/store"
        store, others = distributed.FileStore(meeting, size), []
        try:
            for rank in range(1, size):
                # A new interpreter, as CUDA needs it; end_with_parent() is for what daemon=True cannot see, a kill.
                process = get_context("spawn").Process(target=follow, args=(meeting, rank, cell, seed), daemon=True)
                process.start()
                others.append(process)
            while not store.check([f"rank {rank}" for rank in range(1, size)]):
                if any(process.exitcode is not None for process in others):
                    raise RuntimeError("another rank did not start")
                time.sleep(0.05)
            threading.Thread(target=give_up, args=(others, over), daemon=True).start()
            with connected(store, 0, size, place_of(cell, 0)) as ranks:
                ranks.told(state)
                yield ranks
                over.set()
            for process in others:
                process.join()
        except RuntimeError as error:  # of torch.distributed, or of a rank that did not start
            if (reason := cause(store, others)) is not None:
                raise reason from error
            raise
        finally:
            over.set()
            for process in others:
                process.kill()
            if distributed.is_initialized():
                distributed.destroy_process_group()


def place_of(cell: Cell, rank: int) -> torch.device:
    device = device_of(cell.config["trainer"]["accelerator"])
    return torch.device(device, rank) if device == "cuda" else torch.device(device)


def cause(store: distributed.Store, others: Sequence[BaseProcess]) -> Exception | None:
    """Why another rank ended, if one did: a kill before an error, which may be no more than its consequence."""
    late = time.monotonic() + SOON
    for rank, process in enumerate(others, 1):
        process.join(max(0.0, late - time.monotonic()))
        if process.exitcode is not None and process.exitcode < 0:
            return UserError(f"rank {rank} was killed ({signal.Signals(-process.exitcode).name}). {GO_ON}")
    return RuntimeError(store.get("failed").decode()) if store.check(["failed"]) else None


def give_up(others: Sequence[BaseProcess], over: threading.Event) -> None:
    """Ends this process where it waits for good for a rank that died: NCCL, unlike gloo, does not notice."""
    connection.wait([process.sentinel for process in others])
    if not over.wait(STUCK):
        print(f"error: a rank of this run died, and the others wait for it. {GO_ON}", file=sys.stderr, flush=True)
        os._exit(1)


def follow(meeting: str, rank: int, cell: Cell, seed: int) -> None:
    """The life of another rank than 0."""
    from ganrepro.cli import end_with_parent

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is rank 0's, which takes the others with it
    end_with_parent()
    size, store = ranks_of(cell.config["trainer"]), None
    try:
        set_up(cell.config)
        store = distributed.FileStore(meeting, size)
        store.set(f"rank {rank}", "here")
        with connected(store, rank, size, place_of(cell, rank)) as ranks:
            state = ranks.told(None)
            module = module_to_train(cell, seed, state is None)
            module.ranks = ranks
            fit(module, Follower(state), False, cell.config)
    except Exception as error:
        if store is not None and not store.check(["failed"]):  # the first is the cause
            store.set("failed", f"rank {rank}: {type(error).__name__}: {error}\n{traceback.format_exc()}")
        sys.exit(1)


class Follower(L.Callback):
    """What the Recorder of rank 0 does, without recording."""

    def __init__(self, state: dict[str, Any] | None) -> None:
        self.state = state

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, AdversarialModule)
        if self.state is not None:
            restore(module, self.state)
        trainer.should_stop = module.ranks.told(False)

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, AdversarialModule)
        trainer.should_stop = module.ranks.told(False)
