"""The networks of Radford et al. 2016 against the fact sheet (sections 2.2 to 2.6), and each of their switches."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from ganrepro.errors import UserError
from ganrepro.networks.dcgan import DCGANDiscriminator, DCGANGenerator, MaxPieces, grow, halves, shrink
from ganrepro.networks.dcgan_conditional import ConditionalDCGANDiscriminator, ConditionalDCGANGenerator, beside
from ganrepro.networks.layers import initialised

COMMON: dict[str, Any] = {"kernel": 5, "norm": "batch", "eps": 1e-8, "running": False, "sampling": "strided"}
NARROW: dict[str, Any] = {**COMMON, "weight_std": 0.2}


def generator(shape: tuple[int, ...] = (1, 16, 16), **changes: Any) -> DCGANGenerator:
    given = {"first": 8, "channels": [6], "strides": [2, 2], "activation": "relu", "output": "tanh"}
    return initialised(partial(DCGANGenerator, 5, shape, **{**NARROW, **given, **changes}), 0, "g")  # type: ignore


def discriminator(shape: tuple[int, ...] = (1, 16, 16), **changes: Any) -> DCGANDiscriminator:
    given = {"channels": [6, 8], "strides": [2, 2], "activation": "leaky_relu"}
    return initialised(partial(DCGANDiscriminator, shape, **{**NARROW, **given, **changes}), 0, "d")  # type: ignore


def norms(network: nn.Module) -> list[int]:
    return [layer.num_features for layer in network.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]


@pytest.mark.parametrize(("kernel", "stride", "size"), [(5, 2, 8), (3, 2, 6), (3, 1, 7)])
def test_transposed_convolutions_are_the_gradients_of_padded_ones(kernel: int, stride: int, size: int) -> None:
    draws = torch.Generator().manual_seed(0)
    [up] = grow(2, 3, kernel, stride, "strided")
    down, _ = shrink(3, 2, kernel, stride, "strided")
    weight = torch.randn(2, 3, kernel, kernel, generator=draws)
    up.weight.data = down.weight.data = weight
    image = torch.randn(1, 3, size, size, generator=draws, requires_grad=True)
    maps = torch.randn(1, 2, size // stride, size // stride, generator=draws)
    (gradient,) = torch.autograd.grad((down(image) * maps).sum(), image)
    assert torch.allclose(up(maps), gradient, atol=1e-5)


def test_pools_shrink_and_repeated_pixels_grow() -> None:
    up = grow(1, 1, 3, 2, "pooling")
    with torch.no_grad():
        up[1].weight.zero_()  # type: ignore[operator, union-attr]
        up[1].weight[0, 0, 1, 1] = 1.0  # type: ignore[index]
    grown = nn.Sequential(*up)(torch.tensor([[[[1.0, 2.0]]]]))
    assert grown.squeeze().tolist() == [[1, 1, 2, 2]] * 2
    convolution, pool = shrink(1, 1, 3, 2, "pooling")
    assert convolution.stride == (1, 1)
    assert nn.Sequential(*pool)(torch.arange(16.0).view(1, 1, 4, 4)).squeeze().tolist() == [[5, 7], [13, 15]]
    assert shrink(1, 1, 3, 1, "pooling")[1] == []


def test_maxout_takes_the_larger_of_neighbours() -> None:
    assert MaxPieces(2)(torch.tensor([[1.0, 3.0, -2.0, -5.0]])).tolist() == [[3.0, -2.0]]


def test_batch_norm_is_by_the_batch_at_hand_also_in_evaluation() -> None:
    """Section 2.2: no running averages. The norm's outputs have the mean and spread of its own shift and scale."""
    network = discriminator().eval()
    draws = torch.Generator().manual_seed(0)
    few, many = torch.rand(4, 1, 16, 16, generator=draws), torch.rand(64, 1, 16, 16, generator=draws)
    norm = network.stages[1][1]
    seen: list[torch.Tensor] = []
    norm.register_forward_hook(lambda *found: seen.append(found[2]))
    network(few), network(many)
    for maps in seen:
        spread, mean = torch.std_mean(maps, (0, 2, 3), correction=0)
        assert torch.allclose(mean, norm.bias, atol=1e-5)
        assert torch.allclose(spread, norm.weight.abs(), rtol=1e-3)
    assert not torch.allclose(network(few), network(torch.cat([few, many]))[:4], rtol=1e-2)


def test_running_averages_are_a_switch() -> None:
    network = discriminator(running=True)
    images = torch.rand(64, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    network(images)
    network.eval()
    assert torch.allclose(network(images)[:4], network(images[:4]), atol=1e-5)


def test_where_batch_norm_stands() -> None:
    assert norms(generator()) == [8 * 4 * 4, 6], "a scale a unit, then a scale a map; none behind the image's layer"
    assert norms(discriminator()) == [8], "none behind the first layer"
    assert norms(generator(norm="all")) == [8 * 4 * 4, 6, 1]
    assert norms(discriminator(norm="all")) == [6, 8]
    assert norms(generator(norm="none")) == norms(discriminator(norm="none")) == []
    assert norms(generator(hidden=[7])) == [7, 8 * 4 * 4, 6]
    assert norms(discriminator(hidden=[7])) == [8, 7]


@pytest.mark.parametrize("make", [generator, discriminator])
def test_weights_start_as_in_the_scripts(make: Any) -> None:
    network = make(weight_std=0.02, **({"first": 64} if make is generator else {"channels": [64, 64]}))
    weights = [layer.weight for layer in network.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]
    assert torch.cat([weight.flatten() for weight in weights]).std().item() == pytest.approx(0.02, rel=0.05)
    scales = [layer.weight for layer in network.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
    spread, mean = torch.std_mean(torch.cat(scales))
    assert mean.item() == pytest.approx(1, abs=0.01)
    assert 0.01 < spread.item() < 0.03
    biased = [layer for layer in network.modules() if getattr(layer, "bias", None) is not None]
    assert all(isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) for layer in biased), "no other layer has a bias"


@pytest.mark.parametrize("changes", [{"sampling": "pooling"}, {"activation": "maxout"}, {"hidden": [7]}])
def test_switches_keep_the_shapes(changes: dict[str, Any]) -> None:
    images = generator(**changes)(torch.rand(3, 5))
    assert images.shape == (3, 1, 16, 16)
    network = discriminator(**changes)
    assert network(images).shape == (3,)
    assert [tuple(maps.shape[1:]) for maps in network.features(images)] == [(6, 8, 8), (8, 4, 4)]


def test_the_parts_of_d_are_the_whole() -> None:
    network = discriminator(norm="none")
    images = torch.rand(3, 1, 16, 16)
    assert torch.equal(network.output(network.features(images)[-1]).squeeze(1), network(images))


def test_labels_stand_beside_every_position() -> None:
    label = torch.eye(3)[[2, 0]]
    assert beside(torch.ones(2, 1), label).tolist() == [[1, 0, 0, 1], [1, 1, 0, 0]]
    maps = beside(torch.zeros(2, 1, 4, 5), label)
    assert maps.shape == (2, 4, 4, 5)
    assert maps[0, 3].eq(1).all()
    assert maps[1, 1].eq(1).all()
    assert maps.sum() == 2 * 20


def test_conditional_networks_listen_in_every_layer() -> None:
    """The gradient of the output in each layer's weights on the label's channels is not zero."""
    make = partial(ConditionalDCGANGenerator, 6, (1, 8, 8), 3, [7], 4, [4], 5, 1e-8, 0.2)
    g, d = (
        initialised(make, 0, "g"),
        initialised(partial(ConditionalDCGANDiscriminator, (1, 8, 8), 3, [4, 5], [7], 5, 1e-8, 0.2), 0, "d"),
    )
    z = torch.cat([torch.rand(6, 5), torch.tensor([0, 1, 2, 0, 1, 2])[:, None]], 1)
    images = g(z)
    assert images.shape == (6, 1, 8, 8)
    (d(images, z[:, -1].long()) ** 2).sum().backward()
    for network in (g, d):
        for name, weight in network.named_parameters():
            assert weight.grad is not None
            told = weight.grad[-3:] if "convolutions" in name and network is g else weight.grad[:, -3:]
            assert told.any(), name
    norms_of = [layer for layer in d.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert norms_of
    assert not any(layer.affine for layer in norms_of), "neither scale nor shift (section 2.6)"


def test_sizes_must_divide() -> None:
    assert halves(64, [2, 2, 2, 2]) == [4, 8, 16, 32, 64]
    assert halves(32, [2, 1, 2, 1, 2, 1]) == [4, 8, 8, 16, 16, 32, 32]
    with pytest.raises(UserError, match=r"28 pixels high or wide cannot be divided by 8"):
        generator((1, 28, 28), channels=[6, 4], strides=[2, 2, 2])
    with pytest.raises(UserError, match="one number more than channels"):
        generator(strides=[2])
    with pytest.raises(UserError, match="as many numbers as channels"):
        discriminator(strides=[2])
    with pytest.raises(UserError, match="DCGANGenerator is for images: choose image data"):
        generator((2,))
