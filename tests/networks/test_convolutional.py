"""The convolutional CIFAR-10 networks (fact sheet 1.6), at full width on the meta device, narrower by hand."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from ganrepro.errors import UserError
from ganrepro.networks.convolutional import ConvolutionalMaxoutDiscriminator, DeconvolutionalGenerator
from ganrepro.networks.layers import Dropout, initialised

CIFAR = (3, 32, 32)
generator = partial(
    DeconvolutionalGenerator, latent_dim=6, shape=CIFAR, hidden=[20], channels=2, init_range=0.05,
    pixel_mean=torch.full(CIFAR, 0.5),
)  # fmt: skip
discriminator = partial(
    ConvolutionalMaxoutDiscriminator, shape=CIFAR, channels=[3, 4, 5], channel_pieces=2, units=[6], pieces=3,
    init_range=0.05, keep_input=0.8, keep_hidden=0.5,
)  # fmt: skip


def made(make: Any, seed: int = 0) -> Any:
    return initialised(make, seed, "network")


def shapes(make: Any) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(parameter.shape) for name, parameter in make().named_parameters()}


def test_shapes_of_the_sheet() -> None:
    assert sorted(shapes(partial(generator, latent_dim=100, hidden=[8000], channels=80)).values()) == sorted([
        (8000, 100), (8000,), (8000, 8000), (8000,), (80, 3, 5, 5), (3, 32, 32),
    ])  # fmt: skip
    assert list(shapes(partial(discriminator, channels=[32, 32, 192], units=[500], pieces=5)).values()) == [
        (64, 3, 8, 8), (64,), (64, 32, 8, 8), (64,), (384, 32, 5, 5), (384,), (2500, 4800), (2500,), (1, 500), (1,),
    ]  # fmt: skip


def test_initial_values() -> None:
    for network in (made(generator), made(discriminator)):
        for name, parameter in network.named_parameters():
            if name.endswith("weight"):
                assert 0.03 < parameter.abs().max() <= 0.05, name
            else:
                assert not parameter.any(), name


def test_transposed_convolution_and_untied_bias_by_loops(noise: torch.Generator) -> None:
    network = made(generator).double()
    with torch.no_grad():
        network.output_bias.copy_(torch.randn(CIFAR, generator=noise))
    z = torch.randn(4, 6, generator=noise).double()
    first, second = network.layers[0], network.layers[2]
    code = (z @ first.weight.T + first.bias).clamp(min=0)
    code = (code @ second.weight.T + second.bias).sigmoid().reshape(4, 2, 10, 10)
    images = network.output_bias.expand(4, *CIFAR).clone()
    for i in range(10):
        for j in range(10):
            patch = torch.einsum("nc,cohw->nohw", code[:, :, i, j], network.deconvolution.weight)
            images[:, :, 3 * i : 3 * i + 5, 3 * j : 3 * j + 5] += patch
    assert network.value_range is None
    assert torch.allclose(network(z), images)


def test_another_image_size_is_refused() -> None:
    with pytest.raises(UserError, match="makes images of 32x32, not 28x28"):
        generator(shape=(1, 28, 28))
    assert generator(shape=(1, 32, 32))(torch.zeros(2, 6)).shape == (2, 1, 32, 32)


def test_order_of_the_discriminators_layers() -> None:
    names = [type(layer).__name__ for layer in discriminator().layers]
    assert names == [
        "Dropout", "MaxoutConvolution", "Dropout", "MaxoutConvolution", "Dropout", "MaxoutConvolution", "Dropout",
        "Flatten", "Maxout", "Dropout", "Linear",
    ]  # fmt: skip
    keeps = [layer.keep for layer in discriminator().modules() if isinstance(layer, Dropout)]
    assert keeps == [0.8, 0.5, 0.5, 0.5, 0.5]  # on the input of all five layers


def test_dropout_is_by_element_and_off_in_evaluation(noise: torch.Generator) -> None:
    network = made(discriminator)
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.generator = noise
    images = torch.randn(4, *CIFAR, generator=noise)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))
    assert network(images).shape == (4,)
    kept = network.train().layers[0](torch.ones(1, *CIFAR))[0] > 0
    assert kept.any(0).float().mean() > kept.float().mean() + 0.1  # the channels of a pixel are not dropped together


def test_gradients_reach_every_parameter(noise: torch.Generator) -> None:
    for network, inputs in ((made(generator), (6,)), (made(discriminator).eval(), CIFAR)):
        network(torch.randn(16, *inputs, generator=noise)).square().sum().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name


@pytest.mark.parametrize("make", [generator, discriminator])
def test_same_seed_same_bits(make: Any) -> None:
    one, same, other = (made(make, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_no_norm_limits() -> None:
    """The YAML has them commented out."""
    networks: list[nn.Module] = [generator(), discriminator()]
    assert not any(hasattr(network, "constrain") for network in networks)
