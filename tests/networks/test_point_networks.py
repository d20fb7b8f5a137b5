"""The fully connected networks: first weights of the ring's, and leading axes as a population has them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose
from omegaconf import OmegaConf
from torch import nn

from ganrepro.build import build
from ganrepro.errors import UserError
from ganrepro.networks.layers import Maxout, initialised
from ganrepro.networks.mlp import (
    FaceGenerator,
    LinearGenerator,
    MaxoutDiscriminator,
    RectifierGenerator,
    StackedGenerator,
)
from ganrepro.networks.points import PointDiscriminator, PointGenerator


def networks(option: str) -> tuple[Any, Any]:
    config: Any = OmegaConf.to_container(compose("config", [f"network={option}"]).network)
    generator = initialised(lambda: build(config["generator"], latent_dim=256, shape=(2,)), 0, "g")
    return generator, initialised(lambda: build(config["discriminator"], shape=(2,)), 0, "d")


@pytest.mark.parametrize(("option", "gain"), [("ring", 1.4), ("ring_metz", 0.8)])
def test_weights_start_orthogonal(option: str, gain: float, conf: Path) -> None:
    for network in networks(option):
        for layer in network.layers:
            if isinstance(layer, nn.Linear):
                weight = layer.weight if layer.out_features <= layer.in_features else layer.weight.t()
                assert torch.allclose(weight @ weight.t(), gain**2 * torch.eye(len(weight)), atol=1e-5)
                assert not layer.bias.any()


def test_layers_of_the_sheet(conf: Path) -> None:
    """Section 8: 256-128-128-2 against 2-128-128-1 with tanh; Metz et al.'s ReLU, one hidden layer in D."""
    found = {option: [widths(network) for network in networks(option)] for option in ("ring", "ring_metz")}
    assert found == {
        "ring": [[256, "Tanh", 128, "Tanh", 128], [2, "Tanh", 128, "Tanh", 128]],
        "ring_metz": [[256, "ReLU", 128, "ReLU", 128], [2, "ReLU", 128]],
    }


def widths(network: Any) -> list[Any]:
    return [layer.in_features if isinstance(layer, nn.Linear) else type(layer).__name__ for layer in network.layers]


def test_input_scale(conf: Path, noise: torch.Generator) -> None:
    _, metz = networks("ring_metz")
    points = torch.randn(5, 2, generator=noise)
    assert torch.equal(metz(points), metz.layers(points / 4)[:, 0])
    _, plain = networks("ring")
    assert torch.equal(plain(points), plain.layers(points)[:, 0])


def test_without_a_gain_weights_are_uniform() -> None:
    network: Any = initialised(lambda: PointDiscriminator((2,), [400], "tanh"), 0, "d")
    first = network.layers[0]
    assert 0.68 < first.weight.abs().max() <= 0.5**0.5
    assert 0.68 < first.bias.abs().max() <= 0.5**0.5


def test_images_are_not_points() -> None:
    with pytest.raises(UserError, match="makes points"):
        PointGenerator(4, (1, 8, 8), [3], "tanh")


MEAN = torch.full((1, 3, 4), 0.3)
GENERATORS = {
    "points": lambda: PointGenerator(5, (2,), [4], "tanh", 1.4),
    "rectifier": lambda: RectifierGenerator(5, (1, 3, 4), [6], 0.5, "zero"),
    "face": lambda: FaceGenerator(5, (1, 3, 4), [6, 6], 0.5, -2.0, 3, None, MEAN),
    "stacked": lambda: StackedGenerator(5, (1, 3, 4), [6, 4], [6, 6], 0.5, -2.0, 3, None, MEAN),
    "linear": lambda: LinearGenerator(5, (1, 3, 4), [6, 6], 0.5, 0.5),
}
DISCRIMINATORS = {
    "points": (lambda: PointDiscriminator((2,), [4], "relu", 0.8, 0.25), (2,)),
    "points on images": (lambda: PointDiscriminator((1, 3, 4), [4], "relu"), (1, 3, 4)),
    "maxout": (lambda: MaxoutDiscriminator((1, 3, 4), [4, 4], 3, 0.5, 1.0, 1.0), (1, 3, 4)),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_take_leading_axes(name: str, noise: torch.Generator) -> None:
    network = initialised(GENERATORS[name], 0, "g")
    z = torch.randn(3, 7, 5, generator=noise)
    together, apart = network(z), torch.stack([network(each) for each in z])
    assert together.shape == apart.shape
    assert torch.allclose(together, apart, atol=1e-6)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminators_take_leading_axes(name: str, noise: torch.Generator) -> None:
    make, shape = DISCRIMINATORS[name]
    network = initialised(make, 0, "d")
    examples = torch.randn(3, 7, *shape, generator=noise)
    together = network(examples)
    assert together.shape == (3, 7)
    assert torch.allclose(together, torch.stack([network(each) for each in examples]), atol=1e-6)


def test_maxout_takes_leading_axes(noise: torch.Generator) -> None:
    layer, x = Maxout(4, 5, 3), torch.randn(2, 6, 4, generator=noise)
    assert torch.allclose(layer(x), torch.stack([layer(each) for each in x]), atol=1e-6)
