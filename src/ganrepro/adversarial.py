"""The LightningModule every paper shares: players, clock, streams of randomness, ticks, sampling."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from ganrepro.feeds import Feed
from ganrepro.latents import Latent
from ganrepro.modes import evaluating
from ganrepro.networks.layers import Random
from ganrepro.ranks import Ranks, checksum, running_averages
from ganrepro.rules import RULES
from ganrepro.streams import stream

Schedule = Callable[[float, int, int], float]
Choose = Callable[[str, Mapping[str, Tensor], int], bool]


class AdversarialModule(L.LightningModule):
    """Players that train against each other by manual optimization.

    players, critics: networks by name; G is "generator", D is "discriminator". Each has an optimizer of its own,
        made by `make_optimizer(name, parameters)`.
    schedules: optimizer setting ("lr", "momentum") -> function of (start value, updates, finished epochs).
    weight: factor on each player's loss.
    update, k, z: see `ganrepro.rules`. batch_size: images in each real and each fake batch.
    choose: optional; called with a player's name, the newest losses and the generator updates so far before that
        player steps; False skips it.

    The clock is ours: `generator_updates` (rounds of the rule) and `images_seen` (real images drawn). Lightning's
    `global_step` counts every step of every optimizer and is used for nothing.
    A Lightning epoch is a tick: one training_step that runs `tick` rounds, so that logging costs once a tick.
    """

    def __init__(
        self,
        players: Mapping[str, nn.Module],
        critics: Mapping[str, nn.Module],
        latent: Latent,
        loss: Any,
        make_optimizer: Callable[[str, Iterator[nn.Parameter]], torch.optim.Optimizer],
        schedules: Mapping[str, Schedule],
        weight: Mapping[str, float],
        *,
        update: str,
        k: int,
        z: str,
        batch_size: int,
        tick: int,
        updates: int,
        seed: int,
        choose: Choose | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.players, self.critics = nn.ModuleDict(players), nn.ModuleDict(critics)
        self.latent, self.loss, self.weight = latent, loss, dict(weight)
        self.make_optimizer, self.schedules = make_optimizer, dict(schedules)
        self.update, self.rule, self.k, self.z = update, RULES[update], k, z
        self.batch_size, self.tick, self.updates, self.seed = batch_size, tick, updates, seed
        self.choose = choose
        self.generator_updates = 0
        self.images_seen = 0
        self.losses: dict[str, Tensor] = {}
        self.rule_state: dict[str, float] = {}  # what a rule remembers from round to round
        self.sums: dict[str, tuple[Tensor, int]] = {}
        self.streams: dict[str, torch.Generator] = {}
        self.ranks = Ranks()  # of several processes that train together (ganrepro.ddp), which this is
        self.streams_of_others: list[dict[str, Tensor]] = []  # at rank 0, where the other ranks' streams stand
        self.stepped_by: list[Any] = []  # in a population (ganrepro.population): its optimizers, this member's part

    # What a paper says: its losses from D's outputs. -----------------------------------------------------------

    def discriminator_loss(self, real_outputs: Any, fake_outputs: Any) -> Tensor:
        raise NotImplementedError

    def generator_loss(self, fake_outputs: Any) -> Tensor:
        raise NotImplementedError

    def generate(self, z: Tensor) -> Any:
        """Latents [n, dim] -> what D judges: images [n, channels, height, width] in the generator's value range."""
        return self.players["generator"](z)

    def discriminate(self, batch: Any) -> Any:
        """What `generate` or `real_batch` gives -> D's raw outputs."""
        return self.critics["discriminator"](batch)

    def source(self, outputs: Any) -> Tensor:
        """Of D's outputs those that tell real from generated, which the adversarial loss is of."""
        return outputs

    def critic_round(self, fake: Any) -> Tensor:
        """D's loss on the next real batch against `fake`."""
        return self.discriminator_loss(self.discriminate(self.real_batch()), self.discriminate(fake))

    # Draws. -----------------------------------------------------------------------------------------------------

    def use_data(self, data: Any) -> None:
        """Trains on what `data.feed(seed, device)` gives."""
        self.data = data

    def use_streams(self, device: torch.device) -> None:
        """Opens this seed's streams on `device` and hands every layer that draws its own."""
        self.streams = {"latent": stream(self.seed, "latent", device=device)}
        rank: tuple[str | int, ...] = ("rank", self.ranks.rank) if self.ranks.rank else ()
        for name, module in self.named_modules():
            if isinstance(module, Random):
                module.generator = self.streams[name] = stream(self.seed, "dropout", name, *rank, device=device)

    def draw_latent(self) -> Tensor:
        """Every rank draws those of the whole batch and takes its part."""
        return self.latents(self.batch_size, self.streams["latent"])[self.ranks.part(self.batch_size)]

    @property
    def next_examples(self) -> tuple[int, int]:
        """Of the next `batch_size` real examples those that this rank takes: how many lie before them, and how many."""
        part = self.ranks.part(self.batch_size)
        return self.images_seen + part.start, part.stop - part.start

    def real_batch(self) -> Any:
        """The next `batch_size` real examples, or this rank's part of them."""
        batch = self.feed.batch(*self.next_examples)
        self.images_seen += self.batch_size
        return batch.to(self.dtype)

    def images(self, z: Tensor) -> Tensor:
        """What evaluations look at: the images of float32 latents, as float32; the caller chooses the mode."""
        return self.players["generator"](z.to(self.dtype)).float()

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """n latents [n, dim] in the networks' precision."""
        return self.latent.sample(n, generator).to(self.dtype)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n images [n, channels, height, width] on the CPU, in the data's value range.

        The same n images each time, drawn from (seed, "samples"), unless a generator (on the module's device) is
        given.
        """
        generator = generator or stream(self.seed, "samples", device=self.device)
        with evaluating(self):
            return self.players["generator"](self.latents(n, generator)).cpu()

    # Steps. -----------------------------------------------------------------------------------------------------

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All players and critics by name."""
        return {**dict(self.players.items()), **dict(self.critics.items())}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [self.make_optimizer(name, network.parameters()) for name, network in self.networks.items()]

    def on_fit_start(self) -> None:
        self.feed: Feed = self.data.feed(self.seed, self.device)
        self.use_streams(self.device)
        self.parameters_of = {name: list(network.parameters()) for name, network in self.networks.items()}
        # Raw optimizers save about 0.3 ms a round (benchmarks/), but skip what Lightning does for other precisions
        # and for ranks of its own: two of them with a raw backward end with different weights and no error.
        self.raw = self.trainer.world_size == 1 and self.trainer.precision in ("32-true", "64-true")
        optimizers = self.optimizers(use_pl_optimizer=not self.raw)
        self.optimizer_of = dict(zip(self.networks, optimizers, strict=True))  # type: ignore[arg-type]
        self.starts = [{setting: each.defaults[setting] for setting in self.schedules} for each in self.raw_optimizers]

    @property
    def raw_optimizers(self) -> list[Any]:
        return self.stepped_by or self.optimizers(use_pl_optimizer=False)  # type: ignore[return-value]

    def update_players(self, losses: Mapping[str, Tensor]) -> None:
        """Differentiates each loss with respect to its own player only, then lets those players step together."""
        self.losses.update({name: self.ranks.mean(loss) for name, loss in losses.items()})
        stepping = [
            name for name in losses if self.choose is None or self.choose(name, self.losses, self.generator_updates)
        ]
        for name in stepping:
            self.optimizer_of[name].zero_grad(set_to_none=True)
            backward = Tensor.backward if self.raw else self.manual_backward
            backward(
                self.objective(name, losses[name]), inputs=self.parameters_of[name], retain_graph=name != stepping[-1]
            )
            if self.ranks.size > 1:
                self.ranks.average([weights.grad for weights in self.parameters_of[name] if weights.grad is not None])
        for name in losses if self.choose is not None else ():
            self.log_mean(f"steps/{name}", torch.tensor(float(name in stepping)))
        for name in stepping:
            self.optimizer_of[name].step()
            if constrain := getattr(self.networks[name], "constrain", None):
                constrain()
        for name, loss in losses.items():
            self.log_mean(f"loss/{name}", loss)

    def objective(self, name: str, loss: Tensor) -> Tensor:
        """The number that player `name` differentiates."""
        return loss if self.weight[name] == 1 else loss * self.weight[name]

    def apply_schedules(self) -> None:
        """Sets each scheduled setting to its value at the present clock."""
        epoch = self.images_seen // self.feed.size
        for setting, schedule in self.schedules.items():
            for optimizer, starts in zip(self.raw_optimizers, self.starts, strict=True):
                value = schedule(starts[setting], self.generator_updates, epoch)
                for group in optimizer.param_groups:
                    group[setting] = value

    def training_step(self, batch: Any, batch_index: int) -> None:
        """Runs the rounds up to the next multiple of `tick`, or to `updates`."""
        self.sums = {}
        before = torch.get_rng_state()
        end = min(self.generator_updates + self.tick - self.generator_updates % self.tick, self.updates)
        while self.generator_updates < end:
            self.apply_schedules()
            self.rule(self)
            self.generator_updates += 1
        if not torch.equal(before, torch.get_rng_state()):
            raise RuntimeError("something drew from torch's global generator in training: give it a stream")
        if self.ranks.size > 1:
            self.bring_together()

    def bring_together(self) -> None:
        """At the end of a tick: what each rank logged, averaged or drew by itself, so that rank 0 can record for all.

        Raises RuntimeError where ranks no longer hold the same weights.
        """
        totals = torch.stack([total.to(self.device, torch.float64) for total, _ in self.sums.values()])
        means = self.ranks.mean(totals)
        self.sums = {name: (mean, self.sums[name][1]) for name, mean in zip(self.sums, means, strict=True)}
        self.ranks.average(running_averages(self))
        streams = {name: generator.get_state() for name, generator in self.streams.items()}
        gathered = self.ranks.gathered((checksum(self), streams))
        if len({weights for weights, _ in gathered}) > 1:
            raise RuntimeError("the ranks no longer hold the same weights")
        self.streams_of_others = [streams for _, streams in gathered[1:]]

    def log_mean(self, name: str, value: Tensor) -> None:
        """Adds to the mean that is logged under `name` at the end of the tick; stays on the device."""
        total, count = self.sums.get(name, (0.0, 0))
        self.sums[name] = (total + value.detach(), count + 1)

    def tick_means(self) -> dict[str, float]:
        """Means over the tick of all that was logged, as Python numbers."""
        return {name: float(total) / count for name, (total, count) in self.sums.items()}
