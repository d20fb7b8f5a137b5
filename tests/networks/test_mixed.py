"""The fully connected networks for TFD and CIFAR-10 (fact sheet 1.4 and 1.5), at full width on the meta device."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.layers import Dropout, initialised
from ganrepro.networks.mlp import FaceGenerator, LinearGenerator, MaxoutDiscriminator, StackedGenerator

TFD, CIFAR = (1, 48, 48), (3, 32, 32)
SMALL = (1, 3, 4)
MEAN = torch.linspace(0, 0.9, 12, dtype=torch.float64).reshape(SMALL)

face = partial(
    FaceGenerator, latent_dim=5, shape=SMALL, hidden=[30, 20], init_range=0.05, sigmoid_bias=-2.0, sparse_init=10,
    max_norm=1.9365, pixel_mean=MEAN,
)  # fmt: skip
stacked = partial(StackedGenerator, **{**face.keywords, "latent_dim": 7}, added=[40, 5])
linear = partial(
    LinearGenerator, latent_dim=5, shape=SMALL, hidden=[30, 20], init_range=0.05, output_init_range=0.5, pixel_mean=MEAN
)
maxout = partial(
    MaxoutDiscriminator, shape=SMALL, units=[6, 7], pieces=3, init_range=0.5, keep_input=0.8, keep_hidden=0.5
)


def made(make: Any, seed: int = 0) -> Any:
    return initialised(make, seed, "network")


def shapes(make: Any) -> list[tuple[int, ...]]:
    with torch.device("meta"):
        return [tuple(parameter.shape) for parameter in make().parameters()]


def norms(network: nn.Module) -> Tensor:
    return torch.cat([layer.weight.norm(dim=1) for layer in network.modules() if isinstance(layer, nn.Linear)]).detach()


def test_shapes_of_the_sheet() -> None:
    tfd = {"latent_dim": 100, "shape": TFD, "hidden": [8000, 8000], "sparse_init": 100}
    first = [(8000, 100), (8000,), (8000, 8000), (8000,), (2304, 8000), (2304,)]
    assert shapes(partial(face, **tfd)) == first
    assert shapes(partial(stacked, **tfd, added=[8000, 100])) == [(8000, 100), (8000,), (100, 8000), (100,), *first]
    assert shapes(partial(maxout, shape=TFD, units=[1200, 1200], pieces=5)) == [
        (6000, 2304), (6000,), (6000, 1200), (6000,), (1, 1200), (1,),
    ]  # fmt: skip
    assert shapes(partial(linear, latent_dim=100, shape=CIFAR, hidden=[8000, 8000])) == [
        (8000, 100), (8000,), (8000, 8000), (8000,), (3072, 8000), (3072,),
    ]  # fmt: skip


def test_face_generator_starts_as_the_yaml_says() -> None:
    network = made(face)
    rectifier, sigmoid = network.layers[0], network.layers[2]
    for layer in (rectifier, sigmoid):
        assert 0.045 < layer.weight.abs().max() <= 0.05
    assert not rectifier.bias.any()
    assert (sigmoid.bias == -2).all()
    assert network.output.weight.count_nonzero(1).tolist() == [10] * 12
    assert torch.allclose(network.output.bias.sigmoid().double(), MEAN.flatten().clamp(min=1e-7), rtol=1e-5, atol=0)


def test_linear_generator_starts_as_the_yaml_says() -> None:
    network = made(linear)
    for layer, half_width in ((network.layers[0], 0.05), (network.layers[2], 0.05), (network.output, 0.5)):
        assert half_width * 0.9 < layer.weight.abs().max() <= half_width
        assert not layer.bias.any()


@pytest.mark.parametrize(("make", "latent"), [(face, 5), (stacked, 7), (linear, 5)])
def test_images_by_hand(make: Any, latent: int, noise: torch.Generator) -> None:
    network = made(make)
    z = x = torch.randn(9, latent, generator=noise)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    for index, layer in enumerate(layers[:-1]):  # rectifiers and sigmoids take turns
        x = x @ layer.weight.T + layer.bias
        x = x.clamp(min=0) if index % 2 == 0 else 1 / (1 + (-x).exp())
    x = x @ layers[-1].weight.T + layers[-1].bias
    images = network(z)
    assert images.shape == (9, *SMALL)
    if network.value_range == (0.0, 1.0):
        x = 1 / (1 + (-x).exp())
    else:
        assert network.value_range is None
        assert images.min() < 0
    assert torch.allclose(images, x.reshape(9, *SMALL), atol=1e-6)


@pytest.mark.parametrize("make", [face, stacked, linear, partial(maxout, max_norm=1.0)])
def test_same_seed_same_bits(make: Any) -> None:
    one, same, other = (made(make, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("make", "inputs"), [(face, (5,)), (stacked, (7,)), (linear, (5,)), (partial(maxout, max_norm=1.0), SMALL)]
)
def test_gradients_reach_every_parameter(make: Any, inputs: tuple[int, ...], noise: torch.Generator) -> None:
    network = made(make)
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.generator = noise
    network(torch.randn(64, *inputs, generator=noise)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("make", [face, stacked, maxout])
def test_constrain_limits_every_layer(make: Any) -> None:
    limit = 0.6
    network = made(partial(make, max_norm=limit))
    before = norms(network)
    assert before.max() > limit > before.min()
    old = {name: parameter.clone() for name, parameter in network.named_parameters()}
    network.constrain()
    assert norms(network).max() <= limit * (1 + 1e-6)
    for name, parameter in network.named_parameters():
        rows = old[name].norm(dim=1) <= limit if name.endswith("weight") else slice(None)
        assert torch.equal(parameter[rows], old[name][rows]), name


@pytest.mark.parametrize("make", [face, stacked, maxout])
def test_without_a_limit_nothing_is_changed(make: Any) -> None:
    network, same = (made(partial(make, max_norm=None)) for _ in range(2))
    network.constrain()
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), same.parameters(), strict=True))


def test_the_sparse_layer_is_cut_by_the_first_constrain() -> None:
    """100 draws from N(0, 1) have norm 10: the authors' limit of 1.9365 takes hold at once."""
    network = made(partial(face, hidden=[30, 200], sparse_init=100))
    assert network.output.weight.norm(dim=1).min() > 0.7 * math.sqrt(100)
    network.constrain()
    assert torch.allclose(network.output.weight.norm(dim=1), torch.tensor(1.9365))
    assert network.output.weight.count_nonzero(1).tolist() == [100] * 12


def test_more_nonzero_weights_than_inputs() -> None:
    with pytest.raises(UserError, match="sparse_init=21: the output layer has only 20 inputs"):
        face(sparse_init=21)


def test_load_input_takes_the_first_stage_over(noise: torch.Generator) -> None:
    first, second = made(face, seed=3), made(stacked, seed=4)
    added = [parameter.clone() for parameter in second.added.parameters()]
    second.load_input(first.state_dict())
    z = torch.randn(6, 7, generator=noise)
    assert torch.equal(second(z), first(second.added(z)))
    assert all(torch.equal(*pair) for pair in zip(second.added.parameters(), added, strict=True))
    before = first.output.weight.clone()
    with torch.no_grad():
        second.first_stage.output.weight.zero_()
    assert torch.equal(first.output.weight, before)  # a copy, not the same memory


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (partial(face, hidden=[30, 21]), r"layers\.2\.bias is \[21\], here \[20\]"),
        (partial(face, latent_dim=6), r"layers\.0\.weight is \[30, 6\], here \[30, 5\]"),
        (partial(face, hidden=[30, 30, 20]), r"layers\.2\.bias is \[30\], here \[20\]"),
        (maxout, "layers.2.linear.bias is .*, here absent|layers.0.bias is absent"),
    ],
)
def test_load_input_refuses_another_kind(other: Any, words: str) -> None:
    network = made(stacked)
    before = [parameter.clone() for parameter in network.parameters()]
    with pytest.raises(UserError, match=words) as error:
        network.load_input(made(other).state_dict())
    assert "\n" not in str(error.value)
    assert all(torch.equal(*pair) for pair in zip(network.parameters(), before, strict=True))
