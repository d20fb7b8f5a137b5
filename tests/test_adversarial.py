"""The rules step by step against loops written out here, gradients, streams, the clock and the hook."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import module_of
from ganrepro.cells import Cell
from ganrepro.data.images import ImageData, Images
from ganrepro.modes import evaluating
from ganrepro.streams import stream
from ganrepro.training import quiet_lightning

Narrow = Callable[..., Cell]


def data(n: int = 23) -> ImageData:
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2) * 10
    split = Images(pixels.contiguous(), torch.zeros(n, dtype=torch.int64))
    return ImageData("ramp", split, split[:5], split[:5])


class StopAt(L.Callback):
    """Ends training when the clock reaches `updates`."""

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        trainer.should_stop = module.generator_updates >= module.updates


def module_for(cell: Cell) -> AdversarialModule:
    module = module_of(cell.config, data().shape, 0, data().pixel_mean())
    module.use_data(data())
    return module


def fit(module: AdversarialModule, precision: str = "32-true", callback: L.Callback | None = None) -> AdversarialModule:
    quiet_lightning()
    trainer = L.Trainer(
        accelerator="cpu", devices=1, max_epochs=-1, precision=precision, logger=False,  # type: ignore[arg-type]
        callbacks=[callback or StopAt()], enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, train_dataloaders=range(1))
    return module


def trained(cell: Cell, **changes: Any) -> AdversarialModule:
    module = module_for(cell)
    for name, value in changes.items():
        setattr(module, name, value)
    return fit(module)


def weights(module: AdversarialModule) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(one: AdversarialModule, other: AdversarialModule) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


class ByHand:
    """The same networks and streams, stepped by plain torch: v <- mu v + g, p <- p - lr v."""

    def __init__(self, cell: Cell) -> None:
        self.module = module_for(cell)
        self.module.use_streams(torch.device("cpu"))
        self.g, self.d = self.module.players["generator"], self.module.critics["discriminator"]
        self.z = stream(0, "latent")
        self.order = [
            index for epoch in range(9) for index in torch.randperm(23, generator=stream(0, "order", epoch)).tolist()
        ]
        self.speed: dict[nn.Parameter, Tensor] = {}
        self.rate, self.images = 0.1, data().train.pixels / 255

    def real(self) -> Tensor:
        index, self.order = self.order[:10], self.order[10:]
        return self.images[index]

    def fake(self) -> Tensor:
        return self.g(self.module.latent.sample(10, self.z))

    def gradients(self, loss: Tensor, network: nn.Module) -> list[tuple[nn.Parameter, Tensor]]:
        parameters = list(network.parameters())
        return list(zip(parameters, torch.autograd.grad(loss, parameters, retain_graph=True), strict=True))

    def step(self, *changes: list[tuple[nn.Parameter, Tensor]]) -> None:
        with torch.no_grad():
            for parameter, gradient in chain(*changes):
                self.speed[parameter] = self.speed.get(parameter, torch.zeros(())) * 0.5 + gradient
                parameter -= self.rate * self.speed[parameter]

    def d_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.module.loss.discriminator(self.d(real), self.d(fake))


PLAIN = ("optimizer=sgd", "updates=3", "tick=3", "evaluate_every=3", "checkpoint_every=3")


def close(module: AdversarialModule, hand: ByHand) -> None:
    for (name, a), b in zip(module.named_parameters(), hand.module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7, msg=name)


def test_simultaneous_is_the_authors_joint_step(narrow: Narrow) -> None:
    """Halved D loss; one z and one dropout mask for both losses; both gradients from the same parameters."""
    cell = narrow(*PLAIN)
    hand = ByHand(cell)
    for _ in range(3):
        real, fake_logits = hand.real(), hand.d(hand.fake())
        d_loss = hand.module.loss.discriminator(hand.d(real), fake_logits) / 2
        g_loss = hand.module.loss.generator(fake_logits)
        hand.step(hand.gradients(d_loss, hand.d), hand.gradients(g_loss, hand.g))
    close(trained(cell), hand)


def test_simultaneous_with_fresh_z(narrow: Narrow) -> None:
    cell = narrow(*PLAIN, "z=fresh")
    hand = ByHand(cell)
    for _ in range(3):
        real, fake_logits = hand.real(), hand.d(hand.fake())
        d_loss = hand.module.loss.discriminator(hand.d(real), fake_logits) / 2
        g_loss = hand.module.loss.generator(hand.d(hand.fake()))
        hand.step(hand.gradients(d_loss, hand.d), hand.gradients(g_loss, hand.g))
    close(trained(cell), hand)


@pytest.mark.parametrize("z", ["fresh", "shared"])
def test_d_then_g_is_algorithm_1(narrow: Narrow, z: str) -> None:
    """k = 2 updates of D, each on its own batch and z, then G; as printed: nothing halved, G minimises log(1 - D)."""
    cell = narrow(*PLAIN, "variant=as_printed", "k=2", f"z={z}")
    hand = ByHand(cell)
    for _ in range(3):
        for _ in range(2):
            fake = hand.fake()
            hand.step(hand.gradients(hand.d_loss(hand.real(), fake), hand.d))
        fake = hand.fake() if z == "fresh" else fake
        hand.step(hand.gradients(torch.log1p(-hand.d(fake).sigmoid()).mean(), hand.g))
    close(trained(cell), hand)


@pytest.mark.parametrize("z", ["fresh", "shared"])
def test_alternate_batches_gives_each_batch_to_one_player(narrow: Narrow, z: str) -> None:
    cell = narrow(*PLAIN, "update=alternate_batches", "k=2", f"z={z}", "weight.discriminator=1")
    hand = ByHand(cell)
    for _ in range(3):
        hand.real()
        latent = hand.module.latent.sample(10, hand.z)
        hand.step(hand.gradients(hand.module.loss.generator(hand.d(hand.g(latent))), hand.g))
        for step in range(2):
            if z == "fresh" or step:
                latent = hand.module.latent.sample(10, hand.z)
            hand.step(hand.gradients(hand.d_loss(hand.real(), hand.g(latent)), hand.d))
    module = trained(cell)
    close(module, hand)
    assert module.images_seen == 3 * 3 * 10


RULES = ["simultaneous", "d_then_g", "alternate_batches"]


@pytest.mark.parametrize("update", RULES)
@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_gradients_reach_every_parameter_and_only_their_player(narrow: Narrow, update: str, precision: str) -> None:
    """Each player in its turn: after its backward all its parameters have gradients, the other's have none."""
    seen: dict[str, set[str]] = {}

    class Watching(StopAt):
        def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
            assert isinstance(pl_module, AdversarialModule)
            update_players = pl_module.update_players

            def watched(losses: Mapping[str, Tensor]) -> None:
                for network in pl_module.networks.values():
                    network.zero_grad(set_to_none=True)
                update_players(losses)
                for name, network in pl_module.networks.items():
                    got = [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]
                    assert all(got) if name in losses else not any(got), (name, list(losses))
                    seen.setdefault("+".join(losses), set()).add(name)

            pl_module.update_players = watched  # type: ignore[method-assign]

    wide = ("network.discriminator.keep_hidden=1.0", "network.discriminator.init_range=0.5")
    cell = narrow("updates=2", "tick=2", f"update={update}", *wide)
    module = fit(module_for(cell), precision, Watching())
    phases = {"discriminator+generator"} if update == "simultaneous" else {"discriminator", "generator"}
    assert set(seen) == phases
    assert module.raw == (precision != "bf16-mixed")


def test_lightnings_path_gives_the_raw_path_s_weights(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = narrow()
    raw = trained(cell)
    monkeypatch.setattr(L.Trainer, "world_size", 2)  # what the raw path must refuse
    general = trained(cell)
    assert raw.raw
    assert not general.raw
    assert same(raw, general)


def test_same_seed_same_bits_other_seed_other_bits(narrow: Narrow) -> None:
    cell = narrow()
    assert same(trained(cell), trained(cell))
    assert not same(trained(cell), trained(cell, seed=1))


def test_a_draw_from_the_global_generator_raises(narrow: Narrow) -> None:
    module = module_for(narrow())
    module.critics["discriminator"].layers.insert(1, nn.Dropout(0.5))  # type: ignore[operator, union-attr]
    with pytest.raises(RuntimeError, match="torch's global generator"):
        fit(module)


def test_nothing_global_is_drawn_or_left_behind(narrow: Narrow) -> None:
    before = torch.get_rng_state()
    trained(narrow())
    assert torch.equal(before, torch.get_rng_state())


def test_every_pass_shows_every_image_once(narrow: Narrow) -> None:
    """23 images in batches of 10: batches are full, and each 23 in a row are one permutation."""
    module = module_for(narrow())
    module.feed = data().feed(0)
    shown = torch.cat([module.real_batch()[:, 0, 0, 0] * 25.5 for _ in range(7)]).round().int().tolist()
    first, second, third = shown[:23], shown[23:46], shown[46:69]
    assert sorted(first) == sorted(second) == sorted(third) == list(range(23))
    assert first != second


def test_a_batch_larger_than_the_data(narrow: Narrow) -> None:
    module = module_for(narrow("batch_size=50"))
    module.feed = data().feed(0)
    assert len(module.real_batch()) == module.images_seen == 50


def test_the_clock_counts_rounds_whatever_k_is(narrow: Narrow) -> None:
    module = trained(narrow("update=d_then_g", "k=3"))
    assert (module.generator_updates, module.images_seen) == (8, 8 * 3 * 10)


def test_choose_decides_who_steps(narrow: Narrow) -> None:
    """DeLiGAN trains G only above a loss; here G never may: it stays as it was, D moves, both losses are known."""
    asked: list[tuple[str, set[str], int]] = []

    def only_d(name: str, losses: Mapping[str, Tensor], updates: int) -> bool:
        asked.append((name, set(losses), updates))
        return name == "discriminator"

    cell = narrow("update=d_then_g")
    start = module_for(cell)
    end = trained(cell, choose=only_d)
    g, d = (
        [torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True)]
        for one, other in zip(start.networks.values(), end.networks.values(), strict=True)
    )
    assert all(g)
    assert not any(d)
    assert asked[1] == ("generator", {"discriminator", "generator"}, 0)
    assert asked[-1][2] == 7
    assert end.tick_means()["steps/discriminator"] == 1
    assert end.tick_means()["steps/generator"] == 0


def test_what_choose_saw_last_is_in_a_checkpoint(narrow: Narrow) -> None:
    """A hook that decides by the losses must find them after a resume too."""
    from ganrepro.recorder import checkpoint, restore

    module = trained(narrow())
    module.losses = {"discriminator": torch.tensor(0.25)}
    other = trained(narrow())
    restore(other, checkpoint(module, 0))
    assert other.losses == module.losses


def test_generator_steps_lets_d_step_in_every_nth_round(narrow: Narrow) -> None:
    """Eight rounds with generator_steps=3: D steps in rounds 0, 3 and 6, so its optimizer counts three steps."""
    module = trained(narrow("generator_steps=3", "optimizer=adam", "tick=8", "evaluate_every=8", "checkpoint_every=8"))
    steps = [optimizer.state[next(iter(optimizer.state))]["step"] for optimizer in module.raw_optimizers]
    assert [int(step) for step in steps] == [8, 3]
    assert module.tick_means()["steps/discriminator"] == pytest.approx(3 / 8)


def test_constrain_follows_every_step(narrow: Narrow) -> None:
    calls: list[str] = []
    module = module_for(narrow("update=d_then_g", "k=2"))
    for name, network in module.networks.items():
        network.constrain = lambda name=name: calls.append(name)  # type: ignore[assignment]
    fit(module)
    assert calls == ["discriminator", "discriminator", "generator"] * 8


def test_schedules_follow_the_clock(narrow: Narrow) -> None:
    module = trained(narrow("optimizer.schedules.lr.factor=2.0", "optimizer.schedules.momentum.last_epoch=2"))
    group = module.raw_optimizers[0].param_groups[0]
    assert group["lr"] == pytest.approx(0.1 / 2**7)
    assert group["momentum"] == pytest.approx(0.7)


def test_evaluating_puts_modes_back(narrow: Narrow) -> None:
    module = module_for(narrow())
    module.critics.eval()
    with evaluating(module):
        assert not any(child.training for child in module.modules())
        assert not torch.is_grad_enabled()
    assert module.players.training
    assert not module.critics.training


def test_sampling_is_repeatable_and_harmless(narrow: Narrow) -> None:
    module = trained(narrow())
    states = {name: generator.get_state() for name, generator in module.streams.items()}
    first, again, other = module.sample(5), module.sample(5), module.sample(5, stream(3, "x"))
    assert first.shape == (5, 1, 2, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert all(torch.equal(states[name], generator.get_state()) for name, generator in module.streams.items())
