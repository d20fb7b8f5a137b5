"""Walks by planted generators, and what all probes rest on: networks that answer each latent by itself."""

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganrepro.data.embedded import Digits
from ganrepro.latents import Label, Latent, Normal, Uniform
from ganrepro.networks.dcgan import DCGANGenerator
from ganrepro.probes.base import at_rest, images_of, map_readers, untrained
from ganrepro.probes.walk import largest_step, latent_walk, step_lengths
from ganrepro.streams import stream

DATA = Digits()
LATENT = Latent(z=Uniform(6, 1.0))


class Switch(nn.Module):
    """Grey by the first coordinate: in a jump at 0 where `sharp` is large, evenly where it is small; fresh, evenly."""

    told: ClassVar[list[Tensor]] = []  # last coordinates, of all copies

    def __init__(self, sharp: float) -> None:
        super().__init__()
        self.sharp = nn.Parameter(torch.tensor(sharp))

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.constant_(self.sharp, 1e-2)

    def forward(self, z: Tensor) -> Tensor:
        self.told.append(z[:, -1])
        return (0.5 + 0.5 * (self.sharp * z[:, :1]).tanh())[..., None, None].expand(-1, 1, 8, 8)


def narrow(norm: str = "batch", running: bool = False) -> DCGANGenerator:
    network = DCGANGenerator(
        6, (1, 8, 8), first=8, channels=[4], strides=[2, 2], kernel=5, norm=norm, eps=1e-8, running=running,
        sampling="strided", activation="relu", weight_std=0.3, output="sigmoid",
    )  # fmt: skip
    network.initialise(stream(0, "narrow"))
    return network


def test_steps_by_hand() -> None:
    places = torch.tensor([[0.0, 1, 2, 4], [0, 0, 3, 3], [1, 1, 1, 1]])
    lengths = step_lengths(places[..., None, None, None].expand(-1, -1, 1, 2, 2))
    assert lengths.tolist() == [[2, 2, 4], [0, 6, 0], [0, 0, 0]]
    assert largest_step(lengths)[:2].tolist() == [1.5, 3]
    assert largest_step(lengths)[2].isnan()


def test_even_steps_and_a_jump(noise: torch.Generator) -> None:
    even = latent_walk(Switch(1e-2), LATENT, DATA, noise).metrics
    assert even["largest_step/trained"] == pytest.approx(1, abs=1e-3)
    assert even["largest_step/ratio"] == pytest.approx(1, abs=1e-3)
    jump = latent_walk(Switch(1e5), LATENT, DATA, noise, segments=200, steps=10).metrics
    assert jump["largest_step/trained"] == pytest.approx(9, abs=0.05), "all of it in one of nine steps"
    assert jump["largest_step/untrained"] == pytest.approx(1, abs=1e-3)
    assert (jump["segments"], jump["steps"]) == (200, 10)


def test_a_generator_of_one_image_has_no_steps(noise: torch.Generator) -> None:
    assert math.isnan(latent_walk(Switch(0.0), LATENT, DATA, noise).metrics["largest_step/trained"])


def test_the_figure_is_a_chain(noise: torch.Generator) -> None:
    found = latent_walk(narrow(), LATENT, DATA, noise, segments=12).arrays
    for name in ("trained", "untrained"):
        assert found[name].shape == (10, 10, 1, 8, 8)
        assert np.array_equal(found[name][:-1, -1], found[name][1:, 0])
        assert found[f"steps_{name}"].shape == (12, 9)
    assert not np.array_equal(found["trained"], found["untrained"])


def test_a_walk_stays_in_its_class(noise: torch.Generator) -> None:
    Switch.told.clear()
    latent_walk(Switch(1.0), Latent(z=Normal(2, 1.0), label=Label(10)), DATA, noise)
    assert torch.cat(Switch.told).unique().numel() == 1


def test_repeatable_and_harmless() -> None:
    network = narrow()
    before, weights = torch.get_rng_state(), [weight.clone() for weight in network.parameters()]
    first, second = (latent_walk(network, LATENT, DATA, stream(3, "walk"), segments=5) for _ in range(2))
    assert first.metrics == second.metrics
    assert all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(*pair) for pair in zip(weights, network.parameters(), strict=True))


def test_at_rest_an_image_does_not_depend_on_its_company(noise: torch.Generator) -> None:
    network, reference = narrow(), LATENT.sample(100, noise)
    fixed = at_rest(network, reference)
    torch.testing.assert_close(images_of(fixed, reference), network.eval()(reference), rtol=0, atol=1e-5)
    some = images_of(fixed, reference[:3])
    torch.testing.assert_close(some, images_of(fixed, reference)[:3], rtol=0, atol=1e-5)
    assert (network(reference[:3]) - some).abs().max() > 0.01, "which by itself it does"


def test_averages_of_the_training_stay(noise: torch.Generator) -> None:
    network = narrow(running=True)
    network.train()(LATENT.sample(100, noise))
    expected = network.eval()(LATENT.sample(5, stream(0, "z")))
    fixed = at_rest(network, LATENT.sample(64, noise))
    torch.testing.assert_close(images_of(fixed, LATENT.sample(5, stream(0, "z"))), expected, rtol=0, atol=1e-6)
    fresh = untrained(network, noise)
    z = LATENT.sample(64, noise)
    same = narrow()  # goes by the batch
    same.load_state_dict({key: value for key, value in fresh.state_dict().items() if "running" not in key})
    torch.testing.assert_close(fresh.eval()(z), same.eval()(z), rtol=0, atol=1e-6)
    assert not torch.equal(fresh.output[0].weight, network.output[0].weight)


def test_readers_of_maps() -> None:
    """8 maps behind the fully connected layer, 4 in front of the image's."""
    assert [layer.weight.shape[0] for layer in map_readers(narrow())] == [8, 4]
