"""Planted generators in which one map draws a square: it is found, and nothing else goes with it."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganrepro.data.embedded import Digits
from ganrepro.errors import UserError
from ganrepro.latents import Latent, Uniform
from ganrepro.networks.dcgan import DCGANGenerator
from ganrepro.probes.base import at_rest, goes_into, map_readers
from ganrepro.probes.forget import change, forget, rates, without
from ganrepro.scorers import Judged
from ganrepro.streams import stream

DATA = Digits()
LATENT = Latent(z=Uniform(3, 1.0))
SQUARE, GROUND, BAR = range(3)  # maps


def places(z: Tensor) -> Tensor:
    """Where the 2x2 square is, bool [n, 8, 8]: in the upper six rows; nowhere where the last coordinate is below 0."""
    top, left = ((z[:, :2].T + 1) * 2.5).long().clamp(0, 4)
    rows, columns = (torch.arange(8) - start[:, None] for start in (top, left))
    inside = ((rows >= 0) & (rows < 2))[:, :, None] & ((columns >= 0) & (columns < 2))[:, None]
    return inside & (z[:, 2] > 0)[:, None, None]


class Planted(nn.Module):
    """Three maps: a square somewhere, an even ground, and a bar in the last two rows; their sum is the image."""

    def __init__(self, bar: bool = True) -> None:
        super().__init__()
        self.bar = 0.4 * bar
        self.last, self.image = nn.Conv2d(3, 3, 1, bias=False), nn.Conv2d(3, 1, 1, bias=False)
        self.last.weight.data = torch.eye(3)[..., None, None]
        self.image.weight.data = torch.ones(1, 3, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        ground = torch.full((len(z), 8, 8), 0.2)
        bar = torch.zeros(len(z), 8, 8)
        bar[:, 6:] = self.bar
        return self.image(self.last(torch.stack([0.6 * places(z), ground, bar], dim=1)).relu())


class Blank(Planted):
    """Its maps do not depend on where the square is."""

    def forward(self, z: Tensor) -> Tensor:
        return self.image(self.last(torch.full((len(z), 3, 8, 8), 0.2)))


class Detector:
    """Stands for a classifier: class 1 where there is a square, sure of it; features are two plain ones."""

    data = DATA

    def judge_samples(self, images: Tensor) -> Judged:
        there = (images.amax((1, 2, 3)) > 0.7).double()
        features = torch.stack([there, images.mean((1, 2, 3)).double()], 1)
        return Judged(features, torch.stack([1 - there, there], 1).log())

    def judge(self, pixels: Tensor) -> Judged:
        return self.judge_samples(DATA.normalise(pixels))

    def reduced(self, features: Tensor, n: int) -> Tensor:
        return features


def test_the_map_of_the_square_is_found_by_boxes(noise: torch.Generator) -> None:
    z = LATENT.sample(60, noise)
    z = z[z[:, 2] > 0]
    found = forget(Planted(), LATENT, DATA, z, places(z), noise, samples=100)
    weights, metrics = found.arrays["weights"], found.metrics
    assert weights[SQUARE] > 0
    assert weights[GROUND] == 0, "the same everywhere"
    assert weights[BAR] < 0, "never in a box"
    assert (metrics["maps"], metrics["maps_dropped"]) == (3, 1)
    assert (metrics["annotated"], metrics["positions"], metrics["samples"]) == (len(z), 4 * len(z), 100)
    assert metrics["change/marked"] == pytest.approx(0.6)
    assert metrics["change/unmarked"] == pytest.approx(0, abs=1e-6)
    ground = np.full((10, 1, 8, 8), 51)
    ground[:, :, 6:] = 153
    assert np.array_equal(found.arrays["dropped"], ground), "the square is gone, the rest is there"
    assert (found.arrays["before"] == 204).any()


def test_the_same_by_who_has_it(noise: torch.Generator) -> None:
    """Without boxes: all positions of samples with a square against all of the others'."""
    z = LATENT.sample(200, noise)
    marks = (z[:, 2] > 0)[:, None, None].expand(-1, 8, 8)
    found = forget(Planted(bar=False), LATENT, DATA, z, marks, noise, 300, Detector(), 1)
    metrics = found.metrics
    assert (metrics["maps_dropped"], metrics["positions"]) == (1, 5000)
    assert metrics["rate/before"] == pytest.approx(0.5, abs=0.1)
    assert (metrics["rate/dropped"], metrics["kept/dropped"]) == (0, 1)
    assert metrics["change/unmarked"] == pytest.approx(0, abs=1e-6)
    assert metrics["change/dropped"] == pytest.approx(0.6 * 4 / 64 * metrics["rate/before"], rel=1e-4)
    assert (found.arrays["before"].max((1, 2, 3)) == 204).all(), "those that have it are shown"
    assert metrics["rest_images"] == round(300 * (1 - metrics["rate/before"]))
    assert metrics["frechet_rest/before"] == pytest.approx(metrics["frechet_rest/dropped"])


def test_rates_by_hand() -> None:
    def judged(*classes: int) -> Judged:
        return Judged(torch.zeros(4, 1), torch.eye(3)[list(classes)].double().log())

    found = rates({"before": judged(0, 1, 1, 2), "dropped": judged(1, 1, 2, 2), "random": judged(0, 0, 0, 0)}, 0)
    assert found == pytest.approx(
        {
            "rate/before": 0.25, "rate/dropped": 0, "rate/random": 1, "lost/dropped": 1, "lost/random": 0,
            "kept/dropped": 2 / 3, "kept/random": 0,
        }
    )  # fmt: skip


def narrow() -> DCGANGenerator:
    network = DCGANGenerator(
        3, (1, 8, 8), first=8, channels=[6], strides=[2, 2], kernel=5, norm="batch", eps=1e-8, running=False,
        sampling="strided", activation="relu", weight_std=0.3, output="sigmoid",
    )  # fmt: skip
    network.initialise(stream(0, "narrow"))
    return network


@pytest.mark.parametrize("dropped", [[0, 3], [7]])
def test_weights_at_zero_are_maps_at_zero(dropped: list[int], noise: torch.Generator) -> None:
    """The second-highest of 8 maps of 2x2 and 6 of 4x4 are the 8; norms behind them go by what is left."""
    network, z = narrow(), LATENT.sample(64, noise)
    chosen = torch.zeros(8, dtype=torch.bool)
    chosen[dropped] = True
    reader = map_readers(network)[0]
    assert goes_into(network, reader, z).shape == (64, 8, 2, 2)
    hook = reader.register_forward_pre_hook(lambda _, given: (given[0] * ~chosen[:, None, None],))
    expected = network(z)
    hook.remove()
    torch.testing.assert_close(at_rest(without(network, chosen), z)(z), expected, rtol=0, atol=1e-5)
    assert (network(z) - expected).abs().max() > 0.01


def test_a_real_network_is_left_as_it_was(noise: torch.Generator) -> None:
    network, z = narrow(), LATENT.sample(64, noise)
    before = network(z)
    marks = torch.zeros(64, 8, 8, dtype=torch.bool)
    marks[:, :4, :4] = True
    metrics = forget(network, LATENT, DATA, z, marks, noise, 64).metrics
    assert torch.equal(network(z), before)
    assert 0 < metrics["maps_dropped"] < 8
    assert metrics["positions"] == 64, "one of four positions"
    assert metrics["change/dropped"] > 0


def test_change_is_measured_between_0_and_1() -> None:
    wide = Digits(value_range=(-1.0, 1.0))
    assert change(torch.tensor([1.0]), torch.tensor([-1.0]), wide).item() == 1
    assert change(torch.tensor([1.0]), torch.tensor([0.0]), DATA).item() == 1


def test_refusals(noise: torch.Generator) -> None:
    z = LATENT.sample(64, noise)
    for marks in (torch.zeros(64, 8, 8, dtype=torch.bool), torch.ones(64, 8, 8, dtype=torch.bool)):
        with pytest.raises(UserError, match="2x2 maps"):
            forget(narrow(), LATENT, DATA, z, marks, noise)
    single = nn.Sequential(nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 1, 1))
    with pytest.raises(UserError, match="has fewer"):
        forget(single, LATENT, DATA, z, places(z), noise)
    with pytest.raises(UserError, match="no map"):
        forget(Blank(), LATENT, DATA, z, places(z), noise)


def test_nothing_global_is_drawn(noise: torch.Generator) -> None:
    network, z = Planted(), LATENT.sample(60, noise)
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (
        forget(network, LATENT, DATA, z, places(z), stream(1, "forget"), 50, Detector(), 1).metrics for _ in range(2)
    )
    assert first == second
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
