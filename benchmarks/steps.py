"""A training step of ours, with Lightning, rows and logger, against a plain loop that does the same arithmetic."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch

from benchmarks.paired import Ratio, ratio
from benchmarks.plain import PlainLoop
from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import module_of
from ganrepro.cells import cell_of, hydra_at
from ganrepro.data.images import ImageData, Images
from ganrepro.evaluation import Evaluated
from ganrepro.loggers import About, csv
from ganrepro.recorder import Recorder
from ganrepro.runs import RunFolder
from ganrepro.training import quiet_lightning

CONF = Path(__file__).parents[1] / "conf"
NEVER = 10**9
CLASSES = 10

FULL = ["experiment=gan_mnist", "network=gan2014/paper"]
RING = [  # the size of the LSGAN authors' 8 Gaussians: z 256, 128-128, batch 512, Adam
    "experiment=gan_mnist",
    "latent.z.dim=256",
    "network.generator.hidden=[128,128]",
    "network.generator.output_bias=zero",
    "network.discriminator.units=[128,128]",
    "network.discriminator.pieces=1",
    "network.discriminator.keep_input=1.0",
    "network.discriminator.keep_hidden=1.0",
    "batch_size=512",
    "optimizer=adam",
]
DCGAN, DCGAN_SHAPE = ["experiment=dcgan_faces", "scale=paper", "network=dcgan/paper"], (3, 64, 64)
HALF_DCGAN = [
    *DCGAN,
    "network.generator.first=512",
    "network.generator.channels=[256,128,64]",
    "network.discriminator.channels=[64,128,256,512]",
]


def random_data(
    shape: tuple[int, ...], n: int = 5000, scaling: str = "range", value_range: Sequence[float] | None = (0.0, 1.0)
) -> ImageData:
    pixels = torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Images(pixels, torch.arange(n) % CLASSES)
    return ImageData(
        "random",
        split,
        split[:10],
        split[:10],
        classes=[str(number) for number in range(CLASSES)],
        value_range=tuple(value_range) if value_range else None,
        scaling=scaling,
    )


def composed(overrides: list[str], shape: tuple[int, ...], tick: int) -> tuple[dict[str, Any], ImageData]:
    """The configuration of a run that never ends, evaluates or saves, and random data of `shape` in its scaling."""
    never = NEVER // tick * tick
    clock = [f"tick={tick}", f"updates={never}", f"evaluate_every={never}", f"checkpoint_every={never}"]
    with hydra_at(CONF):
        config = cell_of([*clock, *overrides], {}).config
    torch.set_num_threads(config["threads"])
    node = config["data"]
    return config, random_data(shape, scaling=node.get("scaling", "range"), value_range=node["value_range"])


def now(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def fit(
    module: AdversarialModule, data: ImageData, callback: L.Callback, device: torch.device, precision: str = "32-true"
) -> None:
    """Trains as a user's run does, rows and logger included, until `callback` stops it."""
    quiet_lightning()
    module.use_data(data)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        recorder = Recorder(run, lambda: Evaluated({}, {}), "none", "max", module.updates, module.updates, None)
        L.Trainer(
            accelerator=device.type, devices=1, precision=precision, max_epochs=-1,  # type: ignore[arg-type]
            logger=csv(About(run, {}, {})), log_every_n_steps=1, callbacks=[recorder, callback],
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        ).fit(module, train_dataloaders=range(1))  # fmt: skip


class InTurn(L.Callback):
    """Between two of our ticks, the plain loop's same number of updates."""

    def __init__(self, step: Callable[[], None], ticks: int, warm_up: int, device: torch.device) -> None:
        self.step, self.ticks, self.warm_up, self.device = step, ticks, warm_up, device
        self.ours: list[float] = []
        self.plain: list[float] = []

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.begun = now(self.device)

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        self.ours.append(now(self.device) - self.begun)
        begun = now(self.device)
        for _ in range(module.tick):
            self.step()
        self.plain.append(now(self.device) - begun)
        trainer.should_stop = len(self.ours) >= self.ticks + self.warm_up
        self.begun = now(self.device)


def step_ratio(overrides: list[str], shape: tuple[int, ...], tick: int, ticks: int) -> Ratio:
    """The paired ratio over ticks of `tick` updates each, everything our loop does included."""
    config, data = composed(overrides, shape, tick)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module, twin = (module_of(config, shape, seed, data.pixel_mean(), CLASSES) for seed in (0, 1))
    turns = InTurn(PlainLoop(twin, data, device).step, ticks, 3, device)
    fit(module, data, turns, device)
    return ratio(turns.ours[turns.warm_up :], turns.plain[turns.warm_up :])
