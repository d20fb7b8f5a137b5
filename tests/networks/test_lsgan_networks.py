"""The networks of Mao et al. 2017 as the options have them, against the fact sheet (sections 3, 7, 11b)."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose
from omegaconf import OmegaConf
from torch import nn

from ganrepro.build import build
from ganrepro.errors import UserError
from ganrepro.networks.layers import initialised
from ganrepro.networks.lsgan import AutoencoderDiscriminator, ConvDiscriminator, DeconvGenerator, sizes_before

SCENE, GREY, STABILITY, COLOUR = (3, 112, 112), (1, 28, 28), (3, 64, 64), (3, 32, 32)


def conv(inputs: int, outputs: int, kernel: int) -> int:
    """Weights and biases of a convolution or of its transpose."""
    return inputs * outputs * kernel**2 + outputs


# Parameters by hand: fully connected, convolutions, then scale and shift of each batch norm.
STABILITY_G = 1025 * 4 * 4 * 512 + conv(512, 256, 5) + conv(256, 128, 5) + conv(128, 64, 5) + conv(64, 3, 5)
STABILITY_D = conv(3, 64, 5) + conv(64, 128, 5) + conv(128, 256, 5) + conv(256, 512, 5) + 4 * 4 * 512 + 1
TRUNK = conv(3, 64, 5) + conv(64, 128, 5) + conv(128, 256, 5) + conv(256, 512, 5)
DECODER = conv(512, 256, 5) + conv(256, 128, 5) + conv(128, 64, 5) + conv(64, 3, 5)
COUNTS = {
    "lsgan_scenes": (SCENE, 1024, 15_591_427, 4_333_441),
    "lsgan_ebgan": (SCENE, 1024, 15_591_427, TRUNK + DECODER + 2 * (128 + 256 + 512 + 256 + 128 + 64)),
    "lsgan_stability": (
        STABILITY, 1024, STABILITY_G + 2 * (512 + 256 + 128 + 64), STABILITY_D + 2 * (128 + 256 + 512),
    ),
    "lsgan_small_variability": (
        GREY, 100,
        101 * 8192 + conv(512, 256, 5) + conv(256, 128, 5) + conv(128, 1, 5) + 2 * (8192 + 256 + 128),
        conv(1, 20, 5) + conv(20, 50, 5) + (7 * 7 * 50 + 1) * 500 + 501 + 2 * (50 + 500),
    ),
    "lsgan_cifar10": (
        COLOUR, 100,
        101 * 8192 + conv(512, 256, 5) + conv(256, 128, 5) + conv(128, 3, 5) + 2 * (512 + 256 + 128),
        conv(3, 128, 5) + conv(128, 256, 5) + conv(256, 512, 5) + 8193 + 2 * (256 + 512),
    ),
}  # fmt: skip
FAMILIES = {
    "lsgan_stability": "lsgan_stability", "lsgan_small_variability": "lsgan_small_variability",
    "lsgan_cifar10": "lsgan_cifar10", "lsgan_scenes/lsgan": "lsgan_scenes", "lsgan_scenes/gan": "lsgan_scenes",
    "lsgan_scenes/ebgan": "lsgan_ebgan",
}  # fmt: skip
SMALL = {"lsgan_stability": (1, 32, 32), "lsgan_small_variability": GREY}  # images at laptop scale; others: 32x32 RGB


def built(option: str, shape: tuple[int, ...], z: int = 8, *words: str) -> tuple[Any, Any]:
    """Both networks of an option, with their weights."""
    config: Any = OmegaConf.to_container(compose("config", [f"network={option}", *words]).network)
    generator = initialised(lambda: build(config["generator"], latent_dim=z, shape=shape, pixel_mean=None), 0, "g")
    return generator, initialised(lambda: build(config["discriminator"], shape=shape), 0, "d")


def sizes(option: str, shape: tuple[int, ...], z: int) -> tuple[int, ...]:
    """Numbers of parameters; nothing is allocated."""
    config: Any = OmegaConf.to_container(compose("config", [f"network={option}"]).network)
    with torch.device("meta"):
        generator = build(config["generator"], latent_dim=z, shape=shape, pixel_mean=None)
        networks = generator, build(config["discriminator"], shape=shape)
    return tuple(sum(p.numel() for p in network.parameters()) for network in networks)


@pytest.mark.parametrize("option", COUNTS)
def test_parameters_of_the_sheet(option: str, conf: Path) -> None:
    shape, z, *wanted = COUNTS[option]
    assert sizes(option, shape, z) == tuple(wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family: str, conf: Path) -> None:
    """paper is the option itself; laptop is narrow and works both ways."""
    shape, z, *wanted = COUNTS[FAMILIES[family]]
    assert sizes(f"{family}/paper", shape, z) == tuple(wanted)
    small = SMALL.get(family, COLOUR)
    narrow = sizes(f"{family}/laptop", small, z)
    assert all(number < full / 10 for number, full in zip(narrow, wanted, strict=True))
    generator, discriminator = built(f"{family}/laptop", small)
    assert discriminator(generator(torch.zeros(2, 8))).shape == (2,)


def kinds(network: nn.Module) -> list[str]:
    """The layers in order, without the containers."""
    return [type(layer).__name__ for layer in network.modules() if not list(layer.children())]


def test_layers_of_figure_3(conf: Path) -> None:
    """Maps, kernels and strides as in the figure; batch norm behind all but G's last, and D's first and last layer."""
    with torch.device("meta"):
        config: Any = OmegaConf.to_container(compose("config", ["network=lsgan_scenes"]).network)
        generator = build(config["generator"], latent_dim=1024, shape=SCENE)
        discriminator = build(config["discriminator"], shape=SCENE)
        shapes: list[tuple[int, ...]] = []
        for layer in [*generator.modules(), *discriminator.modules()]:
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
        discriminator(generator(torch.zeros(2, 1024)))
    assert shapes == [
        (256, 14, 14), (256, 14, 14), (256, 28, 28), (256, 28, 28), (128, 56, 56), (64, 112, 112), (3, 112, 112),
        (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7),
    ]  # fmt: skip
    step = ["SameTransposed2d", "BatchNorm2d", "ReLU"]
    assert kinds(generator) == ["Linear", "Unflatten", "BatchNorm2d", "ReLU", *step * 6, "SameTransposed2d", "Tanh"]
    step = ["SameConv2d", "BatchNorm2d", "LeakyReLU"]
    assert kinds(discriminator) == ["SameConv2d", "LeakyReLU", *step * 3, "Flatten", "Linear"]
    assert {layer.kernel_size for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)} == {(3, 3)}
    assert {layer.kernel_size for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)} == {(5, 5)}
    assert {layer.negative_slope for layer in discriminator.modules() if isinstance(layer, nn.LeakyReLU)} == {0.2}
    norms = [m for n in (generator, discriminator) for m in n.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}
    layers = [m for n in (generator, discriminator) for m in n.modules() if hasattr(m, "bias")]
    assert all(layer.bias is not None for layer in layers)


def test_small_variability_norms_units(conf: Path) -> None:
    """arch.py normalises the fully connected layers by unit, G's before it is reshaped."""
    generator, discriminator = built("lsgan_small_variability", GREY)
    assert kinds(generator)[:4] == ["Linear", "BatchNorm1d", "Unflatten", "ReLU"]
    assert kinds(discriminator) == [
        "SameConv2d", "LeakyReLU", "SameConv2d", "BatchNorm2d", "LeakyReLU", "Flatten",
        "Linear", "BatchNorm1d", "LeakyReLU", "Linear",
    ]  # fmt: skip


@pytest.mark.parametrize(("norm", "of_g", "of_d"), [("both", 3, 2), ("no_g", 0, 2), ("no_gd", 0, 0)])
def test_norm_removes_batch_norm(norm: str, of_g: int, of_d: int, conf: Path) -> None:
    networks = built("lsgan_stability/laptop", (1, 32, 32), 8, f"norm={norm}")
    found = [sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules()) for network in networks]
    assert found == [of_g, of_d]
    assert all(layer.bias is not None for n in networks for layer in n.modules() if hasattr(layer, "bias"))


def test_first_weights(conf: Path) -> None:
    """Normal, D's convolutions truncated at two standard deviations, biases zero; scales from N(1, 0.02)."""
    generator, discriminator = built("lsgan_stability", STABILITY, 1024)
    for name, layer in [*generator.named_modules(), *discriminator.named_modules()]:
        if isinstance(layer, nn.Conv2d):
            assert 0.0395 < layer.weight.abs().max() <= 0.04, name
            assert layer.weight.std().item() == pytest.approx(0.02 * 0.8796, rel=0.03)  # of a normal cut at 2 sigma
        elif isinstance(layer, (nn.ConvTranspose2d, nn.Linear)):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.03), name
            assert layer.weight.abs().max() > 0.05
        elif isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1, abs=0.01)
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.3), name
            assert not layer.running_mean.any()
            assert (layer.running_var == 1).all()
        else:
            continue
        assert not layer.bias.any()


def test_scales_start_at_one_without_norm_std(conf: Path) -> None:
    generator, _ = built("lsgan_cifar10/laptop", COLOUR)
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms
    assert all((layer.weight == 1).all() for layer in norms)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("judge", [ConvDiscriminator, AutoencoderDiscriminator])
def test_gradients_reach_every_parameter(judge: Any, norm: str, noise: torch.Generator) -> None:
    shape = (2, 12, 20)
    generator = initialised(lambda: DeconvGenerator(5, shape, 6, [4], [2, 2], 3, norm, 0.02, 0.3), 0, "g")
    discriminator = initialised(lambda: judge(shape, [4, 6], 5, norm, 0.02, 0.3), 0, "d")
    images = generator(torch.randn(7, 5, generator=noise))
    assert images.shape == (7, *shape)
    discriminator(images).square().sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            if norm == "none" or "bias" not in name:  # a bias in front of a batch norm has a gradient of rounding only
                assert parameter.grad.abs().max() > 1e-9, name


@pytest.mark.parametrize("size", [8, 28, 32, 64, 112])
@pytest.mark.parametrize("channels", [1, 3])
def test_image_sizes(size: int, channels: int) -> None:
    shape = (channels, size, size)
    with torch.device("meta"):
        images = DeconvGenerator(4, shape, 4, [3, 2], [2, 2, 2], 5, "batch", 0.0, 0.02)(torch.zeros(2, 4))
        assert images.shape == (2, *shape)
        for judge in (ConvDiscriminator, AutoencoderDiscriminator):
            assert judge(shape, [2, 3, 4], 5, "batch", 0.0, 0.02)(images).shape == (2,)


def test_sizes_before() -> None:
    assert sizes_before(28, [2, 2, 2]) == [4, 7, 14, 28]
    assert sizes_before(112, [2, 1, 2, 1, 2, 2, 1]) == [7, 14, 14, 28, 28, 56, 112, 112]


@pytest.mark.parametrize(("output", "value_range"), [("tanh", (-1.0, 1.0)), ("sigmoid", (0.0, 1.0))])
def test_value_ranges(output: str, value_range: tuple[float, float], noise: torch.Generator) -> None:
    make = lambda: DeconvGenerator(5, (1, 8, 8), 8, [8], [2, 2], 5, "none", 0.0, 2.0, output)  # noqa: E731
    generator: Any = initialised(make, 0, "g")
    images = generator(torch.randn(50, 5, generator=noise))
    assert generator.value_range == value_range
    assert value_range[0] <= images.min() < value_range[0] + 0.01
    assert value_range[1] - 0.01 < images.max() <= value_range[1]


def test_evaluation_is_by_image(conf: Path, noise: torch.Generator) -> None:
    """In evaluation mode an image depends on its own latent only, and nothing is remembered of it."""
    generator, _ = built("lsgan_stability/laptop", (1, 32, 32))
    z = torch.randn(6, 8, generator=noise)
    generator(z)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    generator.eval()
    together = generator(z)
    assert torch.equal(together, generator(z))
    assert torch.allclose(generator(z[:1]), together[:1], atol=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    generator.train()
    assert not torch.allclose(generator(z[:3])[0], together[0], atol=1e-4)


def test_an_autoencoders_output_is_its_error(noise: torch.Generator) -> None:
    make = lambda: AutoencoderDiscriminator((1, 8, 8), [4, 6], 5, "none", 0.0, 0.02)  # noqa: E731
    judge: Any = initialised(make, 0, "d")
    assert judge.critic_output == "energy"
    with torch.no_grad():
        for parameter in judge.decoder.parameters():
            parameter.zero_()  # it then reconstructs zeros
    images = torch.rand(3, 1, 8, 8, generator=noise)
    assert torch.allclose(judge(images), images.square().mean((1, 2, 3)))


def test_networks_that_cannot_be() -> None:
    with pytest.raises(UserError, match="cannot be halved 4 times"):
        DeconvGenerator(4, (1, 4, 4), 4, [3, 3, 3], [2, 2, 2, 2], 5, "batch", 0.0, 0.02)
    with pytest.raises(UserError, match="cannot be halved 4 times"):
        ConvDiscriminator((1, 8, 4), [2, 2, 2, 2], 5, "batch", 0.0, 0.02)
    with pytest.raises(UserError, match="one number more"):
        DeconvGenerator(4, (1, 28, 28), 4, [3], [2], 5, "batch", 0.0, 0.02)
    with pytest.raises(UserError, match="makes images"):
        DeconvGenerator(4, (2,), 4, [3], [2, 2], 5, "batch", 0.0, 0.02)
    for judge in (ConvDiscriminator, AutoencoderDiscriminator):
        with pytest.raises(UserError, match="judges images"):
            judge((2,), [3], 5, "batch", 0.0, 0.02)
