"""Several seeds of a cell trained at once: one module whose networks are stacked, and a member for each seed.

Members are ordinary modules: each draws its own weights, order, noise and dropout as it would alone, is evaluated,
recorded and saved by itself, and its parameters are views of the stacked ones. The losses keep a number for each
replica, and their sum is differentiated, so that no gradient crosses from one to another; optimizers that treat every
number alone do the rest. Batched products round otherwise than single ones: in float64 the first updates agree with
those of a run that trains alone to 1e-10, in float32 they part, with RMSProp sooner (its first steps have the size of
the learning rate whatever the gradient's, so they keep the sign of what is nothing but rounding). Hence `population`
is part of a run's address.

Seed n has place n % population, whoever is beside it, and a place without a member holds zeros. So its bits depend on
the seed and the population's size only: not on which seeds were asked for, are finished already, or diverged.
"""

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor

from ganrepro.adversarial import AdversarialModule
from ganrepro.errors import UserError
from ganrepro.modes import evaluating
from ganrepro.networks.stacked import stacked
from ganrepro.optimizers import RMSpropTF
from ganrepro.recorder import Recorder
from ganrepro.rules import DiscriminatorEvery

ELEMENTWISE = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, RMSpropTF)
# What a population does for its members; a paper that does one of these in its own way cannot be stacked.
ARGUMENTS = (
    "latent",
    "loss",
    "make_optimizer",
    "schedules",
    "weight",
    "update",
    "k",
    "z",
    "batch_size",
    "tick",
    "updates",
    "seed",
    "choose",
)
SHARED = ("generate", "discriminate", "critic_round", "draw_latent", "real_batch", "update_players", "training_step")


def groups(seeds: Iterable[int], size: int) -> list[list[int]]:
    """Seeds that train together: each at its place, seed % size, in the first group where that is free."""
    found: list[list[int]] = []
    for seed in seeds:
        free = (group for group in found if all(other % size != seed % size for other in group))
        group = next(free, None)
        if group is None:
            found.append([seed])
        else:
            group.append(seed)
    return found


class Population(AdversarialModule):
    """The rules, the clock and the optimizers of all members; what a paper says comes from the members' class.

    members: by place. `live` are those that still train. Tensors have a first axis of replicas: latents [R, n, dim],
    D's outputs [R, n], losses [R].
    """

    def __init__(self, members: Mapping[int, AdversarialModule], size: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.size, self.members, self.live = size, dict(members), dict(members)

    # Draws: each member's own. ----------------------------------------------------------------------------------

    def use_streams(self, device: torch.device) -> None:
        for member in self.members.values():
            member.use_streams(device)
            member.feed = copy.copy(self.feed)  # one copy of the images serves all
            member.feed.seed = member.seed

    def draw_latent(self) -> Tensor:
        return self.placed({place: member.draw_latent() for place, member in self.live.items()})

    def real_batch(self) -> Tensor:
        batches = {place: member.real_batch() for place, member in self.live.items()}
        self.images_seen += self.batch_size
        return self.placed(batches)

    def placed(self, tensors: Mapping[int, Tensor]) -> Tensor:
        """[n, ...] each -> [R, n, ...], zeros where no member is live."""
        if len(tensors) == self.size:
            return torch.stack([tensors[place] for place in range(self.size)])
        first = next(iter(tensors.values()))
        whole = first.new_zeros(self.size, *first.shape)
        for place, tensor in tensors.items():
            whole[place] = tensor
        return whole

    # Steps. -----------------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Also makes the members' parameters views: networks are on their device and in their precision by now."""
        for place, member in self.members.items():
            member.to(device=self.device, dtype=self.dtype)
            for name, network in self.networks.items():
                for whole, own in zip(network.parameters(), member.networks[name].parameters(), strict=True):
                    own.data = whole.data[place]
        optimizers = super().configure_optimizers()
        for optimizer in optimizers:
            if not isinstance(optimizer, ELEMENTWISE):
                names = ", ".join(kind.__name__ for kind in ELEMENTWISE)
                raise UserError(f"population goes with {names}: {type(optimizer).__name__} may mix the seeds.")
        for place, member in self.members.items():
            member.stepped_by = [Share(optimizer, place) for optimizer in optimizers]
        return optimizers

    def objective(self, name: str, loss: Tensor) -> Tensor:
        return super().objective(name, loss).sum()

    def training_step(self, batch: Any, batch_index: int) -> None:
        super().training_step(batch, batch_index)
        sums = {name: (total.cpu(), count) for name, (total, count) in self.sums.items()}
        for place, member in self.live.items():
            member.generator_updates = self.generator_updates
            member.losses = {name: loss[place].clone() for name, loss in self.losses.items()}
            member.sums = {
                name: (total[place] if total.ndim else total, count) for name, (total, count) in sums.items()
            }


class Share:
    """One member's part of a stacked optimizer, with the state_dict that it would have alone."""

    def __init__(self, optimizer: torch.optim.Optimizer, place: int) -> None:
        self.optimizer, self.place = optimizer, place

    @property
    def shapes(self) -> list[torch.Size]:
        return [parameter.shape for group in self.optimizer.param_groups for parameter in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """Of each tensor with the parameter's shape the member's part; a step count is everybody's."""
        whole, shapes = self.optimizer.state_dict(), self.shapes

        def part(value: Any, shape: torch.Size) -> Any:
            if not isinstance(value, Tensor):
                return value
            return (value[self.place] if value.shape == shape else value).clone()

        states = {
            index: {key: part(value, shapes[index]) for key, value in state.items()}
            for index, state in whole["state"].items()
        }
        return {**whole, "state": states}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Puts it back at the member's place and leaves the other places as they are."""
        whole, shapes = self.optimizer.state_dict(), self.shapes
        for index, state in saved["state"].items():
            shape, stacked_state = shapes[index], whole["state"].setdefault(index, {})
            for key, value in state.items():
                if isinstance(value, Tensor) and value.shape == shape[1:]:
                    if stacked_state.get(key) is None:
                        stacked_state[key] = value.new_zeros(shape)
                    stacked_state[key][self.place] = value
                else:
                    stacked_state[key] = value
        self.optimizer.load_state_dict({**whole, "param_groups": saved["param_groups"]})


def population_of(members: Sequence[AdversarialModule], size: int) -> Population:
    """The module that trains these seeds at once, at `size` places. UserError where they cannot be stacked."""
    first, kind = members[0], type(members[0])
    own = [name for name in SHARED if getattr(kind, name) is not getattr(AdversarialModule, name)]
    if own:
        raise UserError(f"population: {kind.__name__} has a {own[0]} of its own, for one seed at a time.")
    if first.choose is not None and not isinstance(first.choose, DiscriminatorEvery):
        raise UserError("population: who steps must not depend on one seed's losses.")
    places = {member.seed % size: member for member in members}
    in_order = [places.get(place) for place in range(size)]
    whole = {
        name: stacked([None if member is None else member.networks[name] for member in in_order])
        for name in first.networks
    }
    made = type(f"{kind.__name__}Population", (Population, kind), {})(
        places,
        size,
        players={name: whole[name] for name in first.players},
        critics={name: whole[name] for name in first.critics},
        **{name: getattr(first, name) for name in ARGUMENTS},
    )
    check_alike(made, first)
    return made


def check_population(module: AdversarialModule) -> None:
    """UserError unless modules like this one can be stacked."""
    population_of([copy.deepcopy(module)], 1).configure_optimizers()


@torch.no_grad()
def check_alike(population: Population, member: AdversarialModule) -> None:
    """That the stacked networks do for a member what its own do: a forward may count axes from the front."""
    z = member.latent.sample(2, torch.Generator().manual_seed(0))
    with evaluating(member), evaluating(population):
        fake = member.generate(z)
        alone = member.discriminate(fake)
        try:
            fakes = population.generate(z.expand(population.size, *z.shape))
            outputs = population.discriminate(fakes)
        except (RuntimeError, IndexError) as error:
            raise UserError(f"population needs fully connected networks: {str(error).splitlines()[0]}") from None
    place = member.seed % population.size
    for whole, own in ((fakes, fake), (outputs, alone)):
        if whole.shape != (population.size, *own.shape) or not torch.allclose(whole[place], own, rtol=1e-3, atol=1e-5):
            raise UserError("population needs fully connected networks: these mix replicas or examples.")


@dataclass
class Part:
    """What a member needs besides its module."""

    recorder: Recorder
    logger: Any
    conclude: Callable[[], None]


class PopulationRecorder(L.Callback):
    """Does for every member what its own Recorder does for a run alone; a member that diverges ends, the others go on.

    parts: by place. `conclude` is called once for each member that ends before the others.
    """

    def __init__(self, parts: Mapping[int, Part]) -> None:
        self.parts = parts

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, Population)
        for place, member in module.live.items():
            self.parts[place].recorder.start(member, [self.parts[place].logger])
            module.generator_updates, module.images_seen = member.generator_updates, member.images_seen
        trainer.should_stop = module.generator_updates >= module.updates
        self.begun = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, Population)
        trained, together = time.monotonic() - self.begun, len(module.live)
        for place, member in list(module.live.items()):
            part = self.parts[place]
            part.recorder.end_of_tick(member, [part.logger], trained, together)
            if part.recorder.reason is not None:
                part.conclude()
                del module.live[place]
        trainer.should_stop = module.generator_updates >= module.updates or not module.live
        self.begun = time.monotonic()
