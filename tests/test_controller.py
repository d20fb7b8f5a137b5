"""DeLiGAN's controller: who steps, from which draws, how the threshold moves, and what is logged of it."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from test_adversarial import fit, module_for

from ganrepro.assemble import classes_of, data_of, module_of
from ganrepro.cells import Cell, cell_of
from ganrepro.recorder import checkpoint, restore

Narrow = Callable[..., Cell]


@pytest.fixture
def gan(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module whose steps are recorded instead of taken, and whose G has the losses that `say` lists."""
    module: Any = module_for(narrow("update=controlled", "z=fresh"))
    module.feed = module.data.feed(0)
    module.use_streams(torch.device("cpu"))
    module.stepped, module.script = [], []
    monkeypatch.setattr(module, "update_players", lambda losses: module.stepped.extend(losses))

    class Loss:
        def generator(self, outputs: torch.Tensor) -> torch.Tensor:
            in_evaluation = not module.players["generator"].training
            return torch.tensor(module.script.pop(0) if in_evaluation else 0.5)

        def discriminator(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
            return torch.tensor(0.5)

    module.loss = Loss()
    return module


def say(gan: Any, *losses: float) -> list[str]:
    """One round with these losses of G; who stepped."""
    gan.script, gan.stepped = list(losses), []
    gan.rule(gan)
    assert not gan.script
    return gan.stepped


def test_g_steps_above_the_threshold_and_d_otherwise(gan: Any) -> None:
    g, d = "generator", "discriminator"
    assert say(gan, 1.5, 0.99, 1.0, 1.01, 0.2) == [g, d, d, g, d]
    assert gan.images_seen == 10  # one real batch a round, whoever steps
    rows = gan.tick_means()
    assert (rows["steps/generator"], rows["steps/discriminator"]) == (2, 3)
    assert rows["loss/deciding"] == pytest.approx((1.5 + 0.99 + 1.0 + 1.01 + 0.2) / 5)  # whoever stepped
    assert gan.training
    say(gan, 0, 0, 0, 0, 0)
    assert gan.tick_means()["steps/generator"] == 1  # a round, over both
    assert gan.tick_means()["steps/discriminator"] == 4


def test_the_threshold_falls_after_two_steps_of_d_to_a_floor(gan: Any) -> None:
    say(gan, 2, 2, 2, 0, 0)
    assert gan.rule_state["threshold"] == pytest.approx(0.997)
    say(gan, 0, 2, 2, 2, 0)  # one step of D at the end
    assert gan.rule_state["threshold"] == pytest.approx(0.997)
    for _ in range(120):
        say(gan, 0, 0, 0, 0, 0)
    assert gan.rule_state["threshold"] == 0.7


def test_the_threshold_rises_after_more_than_three_steps_of_g_to_where_it_began(gan: Any) -> None:
    for _ in range(2):
        say(gan, 0, 0, 0, 0, 0)
    say(gan, 0, 0, 2, 2, 2)  # three in a row
    assert gan.rule_state["threshold"] == pytest.approx(0.994)
    say(gan, 2, 0, 2, 2, 2)  # four in a row were broken off
    assert gan.rule_state["threshold"] == pytest.approx(0.994)
    say(gan, 2, 2, 2, 2, 2)
    assert gan.rule_state["threshold"] == pytest.approx(0.997)
    for _ in range(5):
        say(gan, 2, 2, 2, 2, 2)
    assert gan.rule_state["threshold"] == 1.0


def test_a_checkpoint_goes_on_where_the_threshold_stood(narrow: Narrow, gan: Any) -> None:
    say(gan, 0, 0, 0, 0, 2)
    gan.stepped_by = gan.configure_optimizers()
    other: Any = module_for(narrow("update=controlled", "z=fresh"))
    other.stepped_by = other.configure_optimizers()
    other.use_streams(torch.device("cpu"))
    restore(other, checkpoint(gan, 0))
    assert other.rule_state == gan.rule_state == {"threshold": 1.0, "in_a_row": 1.0, "last": 1.0}


TINY_TGAN = [
    "experiment=tgan_digits", "update=controlled", "updates=2", "tick=1", "evaluate_every=1", "checkpoint_every=1",
    "batch_size=20", "data.size=8", "latent.component.count=4", "latent.noise.dim=3", "latent.codeword.dim=2",
    "network.generator.first=4", "network.generator.channels=[3]", "network.generator.kernel_sizes=[3,3]",
    "network.discriminator.channels=[3,4]", "network.discriminator.kernel_sizes=[3,3]",
    "network.discriminator.kernels=3", "network.discriminator.kernel_dim=2",
]  # fmt: skip


@pytest.mark.usefixtures("conf")
def test_in_training_the_z_that_decides_is_the_one_stepped_from_and_a_round_has_one_real_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = cell_of(TINY_TGAN, {}).config
    data = data_of(cell_of(TINY_TGAN, {}))
    gan: Any = module_of(config, data.shape, 0, data.pixel_mean(), classes_of(data))
    gan.use_data(data)
    generated: list[tuple[bool, torch.Tensor]] = []  # in training or not, and from which latents
    judged: list[torch.Tensor] = []  # real images that D saw
    decided: list[float] = []
    stepped: list[str] = []
    generate, discriminate, update_players = gan.generate, gan.discriminate, gan.update_players
    real_batch, adversarial = gan.real_batch, gan.loss.generator
    real: list[Any] = []

    def see(outputs: torch.Tensor) -> torch.Tensor:
        loss = adversarial(outputs)
        if gan.training:
            return loss
        decided.append(loss.item() + (len(decided) % 3 == 0))  # two steps of D to one of G, from a loss of log 2
        return torch.tensor(decided[-1])

    monkeypatch.setattr(gan, "generate", lambda z: (generated.append((gan.training, z)), generate(z))[1])
    monkeypatch.setattr(
        gan, "discriminate", lambda batch: (judged.append(batch.images.detach()), discriminate(batch))[1]
    )
    monkeypatch.setattr(gan, "real_batch", lambda: (real.append(real_batch()), real[-1])[1])
    monkeypatch.setattr(gan, "update_players", lambda losses: (stepped.extend(losses), update_players(losses))[1])
    monkeypatch.setattr(gan.loss, "generator", see)
    before = {name: value.clone() for name, value in gan.state_dict().items()}
    fit(gan)

    assert gan.generator_updates == len(real) == 2
    assert len(stepped) == len(decided) == 10
    for deciding, stepping in zip(generated[::2], generated[1::2], strict=True):
        assert (deciding[0], stepping[0]) == (False, True)
        assert torch.equal(deciding[1], stepping[1])
    draws = [z for _, z in generated[::2]]
    assert not any(torch.equal(one, other) for one, other in pairwise(draws))
    g, d = "generator", "discriminator"
    assert stepped == [g, d, d, g, d, d, g, d, d, g]
    for number, batch in enumerate(real):
        steps_of_d = stepped[5 * number : 5 * number + 5].count("discriminator")
        assert sum(torch.equal(batch.images, images) for images in judged) == steps_of_d
    assert gan.images_seen == 40
    moved = {name.split(".")[0] for name, value in gan.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"players", "critics"}
    assert gan.tick_means()["loss/deciding"] == pytest.approx(sum(decided[5:]) / 5)
