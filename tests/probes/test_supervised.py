"""The network that sees labels alone: what its search draws, and that it learns what can be learnt."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from ganrepro.networks.dcgan import DCGANDiscriminator
from ganrepro.networks.layers import initialised
from ganrepro.probes.supervised import DECAYS, KEPT, LEARNING_RATES, SupervisedNetwork, settings, supervised

CLASSES = 2


def discriminator() -> DCGANDiscriminator:
    make = partial(
        DCGANDiscriminator, (1, 8, 8), channels=[4, 6], strides=[2, 2], kernel=3, norm="batch", eps=1e-8,
        running=False, sampling="strided", activation="leaky_relu", weight_std=0.2,
    )  # fmt: skip
    return initialised(make, 0, "d")  # type: ignore[return-value]


def halves(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy images that are bright on the left (class 0) or on the right."""
    draws = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % CLASSES
    pixels = torch.randint(0, 100, (n, 1, 8, 8), generator=draws)
    pixels[labels == 0, :, :, :4] += 100
    pixels[labels == 1, :, :, 4:] += 100
    return pixels.to(torch.uint8), labels


def normalise(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1


def test_the_search_is_over_what_it_says() -> None:
    found = settings(2000, torch.Generator().manual_seed(0))
    logs = torch.tensor([math.log10(each.lr) for each in found])
    assert (logs.min().item(), logs.max().item()) == pytest.approx((-4, -2), abs=0.02)
    assert logs.mean().item() == pytest.approx(-3, abs=0.05), "log-uniform"
    assert DECAYS[0] <= min(each.decay for each in found) <= max(each.decay for each in found) <= DECAYS[1]
    assert KEPT[0] <= min(each.keep for each in found) <= max(each.keep for each in found) <= KEPT[1]
    assert LEARNING_RATES[0] <= min(each.lr for each in found)


def test_it_learns_and_leaves_d_as_it_is() -> None:
    d = discriminator()
    before = {name: value.clone() for name, value in d.state_dict().items()}
    sets = halves(60, 0), halves(40, 1), halves(40, 2)
    state = torch.get_rng_state()
    best, test, setting = supervised(d, normalise, *sets, CLASSES, 2, torch.Generator().manual_seed(0))
    assert min(best, test) > 0.9
    assert torch.equal(torch.get_rng_state(), state), "nothing is drawn from the global generator"
    assert all(torch.equal(value, before[name]) for name, value in d.state_dict().items())
    again = supervised(d, normalise, *sets, CLASSES, 2, torch.Generator().manual_seed(0))
    assert (best, test, setting) == again


def test_labels_at_random_teach_nothing() -> None:
    train, validation, test = halves(60, 0), halves(400, 1), halves(400, 2)
    shuffled = train[0], train[1][torch.randperm(60, generator=torch.Generator().manual_seed(1))]
    _, found, _ = supervised(
        discriminator(), normalise, shuffled, validation, test, CLASSES, 1, torch.Generator().manual_seed(0)
    )
    assert 0.2 < found < 0.8


def test_its_weights_are_its_own() -> None:
    d = discriminator()
    images = normalise(halves(4, 0)[0])
    network = SupervisedNetwork(d, images, CLASSES, 1.0, torch.Generator().manual_seed(0))
    assert network(images).shape == (4, CLASSES)
    assert not any(
        torch.equal(ours, theirs)
        for ours, theirs in zip(network.stages.parameters(), d.stages.parameters(), strict=True)
        if theirs.ndim > 1
    )
