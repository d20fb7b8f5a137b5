"""Figure 4's networks against the fact sheet (section 4), and against the plain way to write them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional

from ganrepro.build import build
from ganrepro.errors import UserError
from ganrepro.networks.conditional import ConditionalDiscriminator, ConditionalGenerator, Told, ToldConv2d
from ganrepro.networks.layers import initialised
from ganrepro.networks.same import SameConv2d

GREY = (1, 28, 28)
CONDITIONS = ["mapped", "one_hot", "none"]


def small(condition: str, norm: str = "batch") -> tuple[Any, Any]:
    """Both networks on two-channel images 12x20 of three classes."""
    told = (3, condition, 5)
    make_g = lambda: ConditionalGenerator(7, (2, 12, 20), *told, 4, [6], 3, norm, 0.3)  # noqa: E731
    make_d = lambda: ConditionalDiscriminator((2, 12, 20), *told, [4, 6], [8], 5, norm, 0.3)  # noqa: E731
    return initialised(make_g, 0, "g"), initialised(make_d, 0, "d")


def latents(noise: torch.Generator, n: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(n) % 3
    return torch.cat([torch.randn(n, 6, generator=noise), labels[:, None].float()], 1), labels


def counts(option: str, shape: tuple[int, ...], classes: int, *words: str) -> list[int]:
    config: Any = OmegaConf.to_container(compose("config", [f"network={option}", *words]).network)
    with torch.device("meta"):
        networks = (
            build(config["generator"], latent_dim=1025, shape=shape, classes=classes),
            build(config["discriminator"], shape=shape, classes=classes),
        )
    return [sum(p.numel() for p in network.parameters()) for network in networks]


@pytest.mark.parametrize("option", ["lsgan_hwdb", "lsgan_hwdb/paper"])
def test_parameters_of_the_sheet(option: str, conf: Path) -> None:
    assert counts(option, GREY, 3740) == [9_417_857, 21_392_155]
    figure = "network.discriminator.channels=[256,320]"  # the figure's 256 maps, not the code's 257
    assert counts(option, GREY, 3740, figure)[1] == 21_392_155 - 26 - 25 * 320


def test_one_hot_and_untold_labels_in_numbers(conf: Path) -> None:
    """3,740 numbers, or none, in the place of the map's 256, wherever the label is told; and no map."""
    mapped, one_hot, none = (counts("lsgan_hwdb", GREY, 3740, f"condition={each}") for each in CONDITIONS)
    maps = 3741 * 256
    places = [6272, 320 * 25 + 1024 + 1]  # what each number is multiplied with
    for width, found in ((3740, one_hot), (0, none)):
        assert found == [m - maps + (width - 256) * place for m, place in zip(mapped, places, strict=True)]


@pytest.mark.parametrize(("scale", "shape", "classes"), [("workstation", GREY, 100), ("laptop", (1, 16, 16), 10)])
def test_narrow_families(scale: str, shape: tuple[int, ...], classes: int, conf: Path) -> None:
    narrow = counts(f"lsgan_hwdb/{scale}", shape, classes)
    assert all(number < full / 2 for number, full in zip(narrow, counts("lsgan_hwdb", shape, classes), strict=True))


def test_what_a_network_is_told(noise: torch.Generator) -> None:
    labels = torch.tensor([2, 0, 2])
    told = Told(3, "mapped", 4)
    one_hot = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 0, 1]])
    assert torch.equal(told(labels), one_hot @ told.linear.weight.t() + told.linear.bias)
    assert torch.equal(Told(3, "one_hot", 4)(labels), one_hot)
    assert Told(3, "none", 4)(labels).shape == (3, 0)
    told(labels).sum().backward()
    assert told.linear.weight.grad.tolist() == [[1.0, 0.0, 2.0]] * 4
    with pytest.raises(UserError, match="data with classes"):
        Told(0, "mapped", 4)


@pytest.mark.parametrize("size", [(7, 8), (14, 14), (2, 3)])
@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (3, 2), (3, 1)])
def test_told_convolution_is_joining_and_convolving(
    size: tuple[int, int], kernel: int, stride: int, noise: torch.Generator
) -> None:
    """The same weight in both, the same numbers and gradients in float64."""
    layer = ToldConv2d(3, 4, 6, kernel, stride).double()
    plain = SameConv2d(7, 6, kernel, stride).double()
    plain.load_state_dict(layer.state_dict())
    maps = torch.randn(2, 3, *size, dtype=torch.float64, generator=noise)
    told = torch.randn(2, 4, dtype=torch.float64, generator=noise).requires_grad_()
    ours, theirs = layer(maps, told), plain(torch.cat([maps, told[:, :, None, None].expand(-1, -1, *size)], 1))
    assert torch.allclose(ours, theirs, atol=1e-12)
    weights = torch.randn(ours.shape, dtype=torch.float64, generator=noise)
    found = torch.autograd.grad((ours * weights).sum(), [layer.weight, layer.bias, told])
    wanted = torch.autograd.grad((theirs * weights).sum(), [plain.weight, plain.bias, told])
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(found, wanted, strict=True))


def plain_discriminator(network: Any, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Figure 4's D as mcgan.py writes it: the label tiled over the maps and joined, before the next layer."""
    one_hot = functional.one_hot(labels, 3).float()
    y = network.told.linear(one_hot)

    def join(maps: torch.Tensor) -> torch.Tensor:
        return torch.cat([maps, y[:, :, None, None] * torch.ones(1, 1, *maps.shape[2:])], 1)

    h = join(functional.leaky_relu(network.first(images), 0.2))
    convolution = network.convolutions[0]
    h = network.map_norms[0](SameConv2d.forward(convolution, h))
    h = torch.cat([functional.leaky_relu(h, 0.2).flatten(1), y], 1)
    h = torch.cat([functional.leaky_relu(network.unit_norms[0](network.linears[0](h)), 0.2), y], 1)
    return network.output(h)[:, 0]


def test_the_discriminator_is_the_plain_one(noise: torch.Generator) -> None:
    _, network = small("mapped")
    images, labels = torch.rand(9, 2, 12, 20, generator=noise), torch.arange(9) % 3
    assert torch.allclose(network(images, labels), plain_discriminator(network, images, labels), atol=1e-5)


def test_the_generator_gets_the_label_beside_z(noise: torch.Generator) -> None:
    network, _ = small("mapped")
    z, labels = latents(noise)
    network.eval()
    joined = torch.cat([z[:, :6], network.told.linear(functional.one_hot(labels, 3).float())], 1)
    assert torch.allclose(network(z), network.images(joined), atol=1e-6)
    with torch.no_grad():
        assert network(z).shape == (9, 2, 12, 20)
        assert 0 <= network(z).min() < network(z).max() <= 1
    assert network.value_range == (0.0, 1.0)


def test_layers(conf: Path) -> None:
    """Batch norm by unit behind G's first layer; in D on neither the first nor the last."""
    generator, discriminator = small("mapped")
    found = [type(m).__name__ for m in generator.images.layers]
    assert found == [
        "Linear", "BatchNorm1d", "Unflatten", "ReLU", "SameTransposed2d", "BatchNorm2d", "ReLU", "SameTransposed2d",
        "Sigmoid",
    ]  # fmt: skip
    norms = [m.num_features for m in discriminator.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert norms == [6, 8]
    bare = small("mapped", "none")
    assert not any(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for network in bare for m in network.modules())
    assert all((m.weight == 1).all() for m in discriminator.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_labels_count_only_where_they_are_told(condition: str, noise: torch.Generator) -> None:
    generator, discriminator = small(condition)
    generator.eval()
    discriminator.eval()
    z, labels = latents(noise)
    other = z.clone()
    other[:, -1] = (labels + 1) % 3
    images = generator(z)
    assert torch.equal(images, generator(other)) is (condition == "none")
    outputs = discriminator(images, labels)
    assert outputs.shape == (9,)
    assert torch.equal(outputs, discriminator(images, (labels + 1) % 3)) is (condition == "none")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_gradients_reach_every_parameter(condition: str, noise: torch.Generator) -> None:
    networks = small(condition, "none")
    z, labels = latents(noise)
    networks[1](networks[0](z), labels).square().sum().backward()
    for network in networks:
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name


def test_networks_that_cannot_be() -> None:
    with pytest.raises(UserError, match="judges images"):
        ConditionalDiscriminator((2,), 3, "mapped", 5, [4, 6], [8], 5, "batch", 0.02)
    with pytest.raises(UserError, match="makes images"):
        ConditionalGenerator(7, (2,), 3, "mapped", 5, 4, [6], 3, "batch", 0.02)
    with pytest.raises(UserError, match="cannot be halved"):
        ConditionalGenerator(7, (1, 2, 2), 3, "mapped", 5, 4, [6], 3, "batch", 0.02)
