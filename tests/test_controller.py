"""DeLiGAN's controller: who steps, and how the threshold moves."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_adversarial import module_for

from ganrepro.cells import Cell
from ganrepro.recorder import checkpoint, restore

Narrow = Callable[..., Cell]


@pytest.fixture
def gan(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module whose steps are recorded instead of taken, and whose G has the losses that `say` lists."""
    module: Any = module_for(narrow("update=controlled"))
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
    assert gan.tick_means()["steps/generator"] == pytest.approx(0.4)
    assert gan.training


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
    other: Any = module_for(narrow("update=controlled"))
    other.stepped_by = other.configure_optimizers()
    other.use_streams(torch.device("cpu"))
    restore(other, checkpoint(gan, 0))
    assert other.rule_state == gan.rule_state == {"threshold": 1.0, "in_a_row": 1.0, "last": 1.0}
