"""Guided backpropagation in closed form."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.networks.dcgan import DCGANDiscriminator
from ganrepro.networks.lsgan import AutoencoderDiscriminator
from ganrepro.networks.mlp import MaxoutDiscriminator
from ganrepro.probes.guided import concentration, guided, guided_backprop, hindrance, purity, responses
from ganrepro.streams import stream

DATA = Digits(value_range=(-1.0, 1.0))


def layers(*weights: list[list[float]], rectifier: nn.Module | None = None) -> nn.Sequential:
    """1x1 convolutions with these weights [outputs][inputs], each with its rectifier, then one number."""
    network = nn.Sequential()
    for weight in weights:
        convolution = nn.Conv2d(len(weight[0]), len(weight), 1, bias=False)
        convolution.weight.data = torch.tensor(weight)[..., None, None]
        network.extend([convolution, rectifier or nn.ReLU()])
    return network.extend([nn.Flatten(), nn.Linear(16 * len(weights[-1]), 1)])


@pytest.fixture
def images() -> Tensor:
    """Eight, of positive pixels."""
    return torch.rand(8, 1, 4, 4, generator=stream(0, "images")) + 0.1


def at_brightest(images: Tensor, value: float) -> Tensor:
    """`value` at the brightest pixel of each image, else 0."""
    return torch.where(images == images.amax((1, 2, 3), keepdim=True), value, 0.0)


def test_one_layer_gives_its_kernel_where_it_responds_most() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(49, 1))
    kernel = network[0].weight.data.copy_(torch.tensor([[1.0, 2, 0], [0, 5, -1], [3, 0, 0]]))
    images = torch.zeros(6, 1, 7, 7)
    for number in range(6):
        images[number, 0, 2, 4] = number + 1  # the response is largest where the 5 lies on it
    found = responses(network, images, 1)
    assert found.images.tolist() == [[5, 4, 3, 2, 1]]
    assert found.strength.tolist() == [[30, 25, 20, 15, 10]]
    assert torch.equal(found.gradients[0, 0, 0, 1:4, 3:6], kernel[0, 0])
    assert found.gradients.abs().sum() == 5 * kernel.abs().sum()


def test_negative_gradients_are_closed(images: Tensor) -> None:
    """3x - 2x: the plain gradient is 1, the guided one what comes through the positive weight."""
    network = layers([[1.0], [2.0]], [[3.0, -1.0]])
    found = responses(network, images, 2)
    order = images.amax((1, 2, 3)).argsort(descending=True)[:5]
    assert torch.equal(found.images[0], order)
    assert torch.equal(found.gradients[0], at_brightest(images[order], 3.0))


def test_the_negative_side_of_leaky_relu_is_closed(images: Tensor) -> None:
    """x + 10 * 0.2 x: the plain gradient is 3; the unit below 0 passes values but no gradient."""
    network = layers([[1.0], [-1.0]], [[1.0, -10.0]], rectifier=nn.LeakyReLU(0.2))
    torch.testing.assert_close(guided(network)(images), network(images))
    found = responses(network, images, 2)
    torch.testing.assert_close(found.strength[0], 3 * images.amax((1, 2, 3)).topk(5).values)
    assert torch.equal(found.gradients[0], at_brightest(images[found.images[0]], 1.0))


def test_an_earlier_layer(images: Tensor) -> None:
    found = responses(layers([[1.0], [-2.0]], [[3.0, -1.0]]), images, 1)
    assert torch.equal(found.gradients[0], at_brightest(images[found.images[0]], 1.0))
    assert not found.gradients[1].any(), "nothing here makes the second feature respond"
    assert not found.strength[1].any()


def test_concentration_by_hand() -> None:
    one, even = torch.zeros(3, 10, 10), -torch.ones(3, 10, 10)
    one[:, 4, 4] = torch.tensor([1.0, -2, 3])
    half = torch.cat([torch.full((1, 1, 10), 9.0), torch.ones(1, 9, 10)], dim=1).expand(3, -1, -1)
    found = concentration(torch.stack([one, even, half, torch.zeros(3, 10, 10)]))
    assert found[:3].tolist() == pytest.approx([1, 0.1, 0.5])
    assert found[3].isnan()


def test_purity_by_hand() -> None:
    assert purity(torch.tensor([[1, 1, 1, 1, 1], [0, 1, 2, 3, 3]])) == pytest.approx((1 + 0.4) / 2)


def discriminator(channels: list[int], **changed: str) -> DCGANDiscriminator:
    options = {"norm": "batch", "sampling": "strided", "activation": "leaky_relu"} | changed
    network = DCGANDiscriminator(
        (1, 8, 8), channels, [2] * len(channels), kernel=5, eps=1e-8, running=False, weight_std=0.02, **options
    )
    network.initialise(stream(0, "discriminator"))
    return network


def test_a_planted_discriminator_against_random_filters(noise: torch.Generator) -> None:
    """Kernels of one pixel leave one pixel of gradient, of 64; random 5x5 kernels spread it."""
    network = discriminator([10], norm="none")
    network.stages[0][0].weight.data.zero_()[:, :, 2, 2] = 1
    found = guided_backprop(network, DATA, noise, samples=200)
    assert found.metrics["concentration/trained"] == 1
    assert 0.2 < found.metrics["concentration/untrained"] < 0.8
    assert found.metrics["silent/trained"] == 0
    assert (found.metrics["features"], found.metrics["images"], found.metrics["layer"]) == (10, 200, 1)
    assert found.arrays["gradients_trained"].shape == (6, 5, 1, 8, 8)
    assert np.array_equal(found.arrays["images_trained"].max((2, 3, 4)), np.full((6, 5), 255))
    assert np.array_equal(found.arrays["responses_trained"], np.ones((6, 5)))


def test_silent_features_are_counted_and_left_out(noise: torch.Generator) -> None:
    network = discriminator([4], norm="none", activation="relu")
    network.stages[0][0].weight.data.zero_()[:3, :, 2, 2] = 1
    found = guided_backprop(network, DATA, noise, samples=50).metrics
    assert found["silent/trained"] == 0.25
    assert found["concentration/trained"] == 1


def test_batch_norms_are_at_rest(noise: torch.Generator) -> None:
    """An image's gradient is the same whichever images are looked at with it."""
    network = discriminator([4, 6])
    found = guided_backprop(network, DATA, noise, samples=100)
    assert found.metrics["layer"] == 2
    assert np.isfinite(found.arrays["gradients_trained"]).all()
    assert found.metrics["purity/trained"] >= 0.2
    assert guided_backprop(network, DATA, noise, samples=100, layer=1).metrics["features"] == 4


def test_refusals(noise: torch.Generator) -> None:
    with pytest.raises(UserError, match="convolutions 1 to 2"):
        guided_backprop(discriminator([4, 6]), DATA, noise, layer=3)
    with pytest.raises(UserError, match="neither"):
        guided_backprop(discriminator([4, 6], activation="maxout"), DATA, noise, samples=20)
    assert hindrance(discriminator([4, 6]), DATA) is None
    flat = MaxoutDiscriminator((1, 8, 8), [5], 2, 0.01, 0.8, 0.5)
    with pytest.raises(UserError, match="of convolutions that end in one number"):
        guided_backprop(flat, DATA, noise)
    energy = AutoencoderDiscriminator((1, 8, 8), [4, 6], 3, "none", 0.02, 0.02)
    with pytest.raises(UserError, match="of convolutions that end in one number"):
        guided_backprop(energy, DATA, noise)
    few = ImageData("few", DATA.train, DATA.validation, DATA.test[:4], value_range=(-1.0, 1.0))
    with pytest.raises(UserError, match="has 4 to look in"):
        guided_backprop(discriminator([4]), few, noise)
    assert math.isfinite(guided_backprop(discriminator([4]), DATA, noise, samples=5).metrics["silent/trained"])
