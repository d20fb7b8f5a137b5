"""A training step of ours, with Lightning, rows and logger, against a plain loop that does the same arithmetic."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch.nn.functional import softplus

from benchmarks.paired import Ratio, ratio
from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import module_of
from ganrepro.cells import cell_of, hydra_at
from ganrepro.data.images import ImageData, Images
from ganrepro.evaluation import Evaluated
from ganrepro.loggers import About, csv
from ganrepro.losses import LeastSquares
from ganrepro.recorder import Recorder
from ganrepro.rules import d_then_g, simultaneous
from ganrepro.runs import RunFolder
from ganrepro.training import quiet_lightning

CONF = Path(__file__).parents[1] / "conf"
NEVER = 10**9

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


def random_data(
    shape: tuple[int, ...], n: int = 5000, scaling: str = "range", value_range: Sequence[float] | None = (0.0, 1.0)
) -> ImageData:
    pixels = torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Images(pixels, torch.zeros(n, dtype=torch.int64))
    return ImageData(
        "random",
        split,
        split[:10],
        split[:10],
        value_range=tuple(value_range) if value_range else None,
        scaling=scaling,
    )


def global_contrast(pixels: torch.Tensor) -> torch.Tensor:
    """What one would write by hand: mean 0 and norm 55 for each image."""
    images = pixels.float()
    images = images - images.mean((1, 2, 3), keepdim=True)
    return images * (55 / torch.linalg.vector_norm(images, dim=(1, 2, 3), keepdim=True))


def plain_loop(module: AdversarialModule, data: ImageData, device: torch.device) -> Callable[[], None]:
    """One update as one would write it by hand: same networks, data on the device, fused optimizers, no Lightning."""
    generator, discriminator = module.players["generator"].to(device), module.critics["discriminator"].to(device)
    constraints = [network.constrain for network in (generator, discriminator) if hasattr(network, "constrain")]
    module.use_streams(device)
    players = {"generator": generator, "discriminator": discriminator}
    g_optimizer, d_optimizer = (module.make_optimizer(name, network.parameters()) for name, network in players.items())
    g_parameters, d_parameters = list(generator.parameters()), list(discriminator.parameters())
    pixels, draws = data.train.pixels.to(device), torch.Generator(device).manual_seed(0)
    batch, order, seen = module.batch_size, torch.empty(0, dtype=torch.int64), 0

    def next_batch() -> torch.Tensor:
        nonlocal order, seen
        if seen + batch > len(order):
            order, seen = torch.randperm(len(pixels), generator=draws, device=device), 0
        taken = pixels[order[seen : seen + batch]]
        seen += batch
        if data.value_range is None:
            return global_contrast(taken)
        return taken.float() / 127.5 - 1 if data.value_range[0] == -1 else taken.float() / 255

    def generate() -> torch.Tensor:
        return generator(module.latent.sample(batch, module.streams["latent"]))

    def at_once() -> None:
        """The 2014 GAN, as the authors' code has it."""
        real, fake = next_batch(), generate()
        real_logits, fake_logits = discriminator(real), discriminator(fake)
        d_loss = 0.5 * (softplus(-real_logits).mean() + softplus(fake_logits).mean())
        g_loss = softplus(-fake_logits).mean()
        g_optimizer.zero_grad(set_to_none=True)
        d_optimizer.zero_grad(set_to_none=True)
        d_loss.backward(inputs=d_parameters, retain_graph=True)
        g_loss.backward(inputs=g_parameters)
        g_optimizer.step()
        d_optimizer.step()
        for constrain in constraints:
            constrain()

    def in_turn() -> None:
        """LSGAN with the labels 0, 1, 1 and one z for both steps."""
        fake = generate()
        real_outputs, fake_outputs = discriminator(next_batch()), discriminator(fake.detach())
        d_optimizer.zero_grad(set_to_none=True)
        (((real_outputs - 1) ** 2).mean() / 2 + (fake_outputs**2).mean() / 2).backward(inputs=d_parameters)
        d_optimizer.step()
        g_optimizer.zero_grad(set_to_none=True)
        (((discriminator(fake) - 1) ** 2).mean() / 2).backward(inputs=g_parameters)
        g_optimizer.step()

    if isinstance(module.loss, LeastSquares):
        assert (module.rule, module.k, module.z) == (d_then_g, 1, "shared")
        return in_turn
    assert (module.rule, module.z) == (simultaneous, "shared")
    return at_once


class InTurn(L.Callback):
    """Between two of our ticks, the plain loop's same number of updates."""

    def __init__(self, step: Callable[[], None], ticks: int, warm_up: int, device: torch.device) -> None:
        self.step, self.ticks, self.warm_up, self.device = step, ticks, warm_up, device
        self.ours: list[float] = []
        self.plain: list[float] = []

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.begun = self.now()

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        self.ours.append(self.now() - self.begun)
        begun = self.now()
        for _ in range(module.tick):
            self.step()
        self.plain.append(self.now() - begun)
        trainer.should_stop = len(self.ours) >= self.ticks + self.warm_up
        self.begun = self.now()


def step_ratio(overrides: list[str], shape: tuple[int, ...], tick: int, ticks: int) -> Ratio:
    """The paired ratio over ticks of `tick` updates each, everything our loop does included."""
    quiet_lightning()
    never = NEVER // tick * tick
    clock = [f"tick={tick}", f"updates={never}", f"evaluate_every={never}", f"checkpoint_every={never}"]
    with hydra_at(CONF):
        cell = cell_of([*clock, *overrides], {})
    torch.set_num_threads(cell.config["threads"])
    node = cell.config["data"]
    data = random_data(shape, scaling=node.get("scaling", "range"), value_range=node["value_range"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module, twin = (module_of(cell.config, shape, seed, data.pixel_mean()) for seed in (0, 1))
    module.use_data(data)
    turns = InTurn(plain_loop(twin, data, device), ticks, 3, device)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        recorder = Recorder(run, lambda: Evaluated({}, {}), "none", "max", never, never, None)
        L.Trainer(
            accelerator=device.type, devices=1, max_epochs=-1, logger=csv(About(run, "bench", "bench", 0, {})),
            log_every_n_steps=1, callbacks=[recorder, turns], enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        ).fit(module, train_dataloaders=range(1))  # fmt: skip
    return ratio(turns.ours[turns.warm_up :], turns.plain[turns.warm_up :])
