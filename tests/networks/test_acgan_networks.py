"""ACGAN's networks against the fact sheet (t-GAN, section 4)."""

from functools import partial
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from ganrepro.errors import UserError
from ganrepro.networks.acgan import ACGANDiscriminator, ACGANGenerator
from ganrepro.networks.layers import Dropout, initialised
from ganrepro.networks.same import SameTransposed2d
from ganrepro.streams import stream

GREY, COLOUR = (1, 28, 28), (3, 32, 32)
FULL_G: dict[str, Any] = {"first": 384, "channels": [192, 96, 48], "kernel": 4}
STRIDES = [2, 1, 2, 1, 2, 1]
FULL_D: dict[str, Any] = {"channels": [16, 32, 64, 128, 256, 512], "strides": STRIDES, "keep": 0.5}
NARROW_G: dict[str, Any] = {"first": 7, "channels": [6, 5, 4], "kernel": 4}
NARROW_D: dict[str, Any] = {"channels": [4, 5, 6, 7], "strides": [2, 1, 2, 1], "keep": 0.5}


def made(make: Any, *arguments: Any, **options: Any) -> Any:
    """A network with its weights."""
    return initialised(partial(make, *arguments, **options), 0, "network")


def with_streams(network: nn.Module, seed: int) -> None:
    """Gives every dropout its generator, as AdversarialModule.use_streams does."""
    for name, layer in network.named_modules():
        if isinstance(layer, Dropout):
            layer.generator = stream(seed, "dropout", name)


@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_parameters_of_the_sheet(shape: tuple[int, ...]) -> None:
    """G: 110-384, 4x4 kernels of 192, 96, 48. D: 3x3 kernels of 16 to 512, heads on 4x4 maps; 28x28 changes nothing."""
    with torch.device("meta"):
        generator, discriminator = ACGANGenerator(101, shape, 10, **FULL_G), ACGANDiscriminator(shape, 10, **FULL_D)
    deconvs = 16 * (384 * 192 + 192 * 96 + 96 * 48 + 48 * shape[0])
    convs = 9 * (shape[0] * 16 + 16 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    found = [sum(parameter.numel() for parameter in network.parameters()) for network in (generator, discriminator)]
    assert found == [
        111 * 384 + deconvs + 2 * (192 + 96 + 48),
        convs + 2 * (32 + 64 + 128 + 256 + 512) + (16 * 512 + 1) * 11,
    ]


@pytest.mark.parametrize(
    ("shape", "maps"),
    [(GREY, [4, 7, 14, 28, 14, 14, 7, 7, 4, 4]), (COLOUR, [4, 8, 16, 32, 16, 16, 8, 8, 4, 4])],
)
def test_layers_of_the_sheet(shape: tuple[int, ...], maps: list[int]) -> None:
    with torch.device("meta"):
        generator, discriminator = ACGANGenerator(101, shape, 10, **FULL_G), ACGANDiscriminator(shape, 10, **FULL_D)
        sizes: list[int] = []
        for layer in [*generator.modules(), *discriminator.modules()]:
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.register_forward_hook(lambda _, __, output: sizes.append(output.shape[2]))
        discriminator.eval()  # dropout has no stream here
        logits, classes = discriminator(generator(torch.zeros(2, 101)))
    assert (logits.shape, classes.shape) == ((2,), (2, 10))
    assert sizes == maps
    names = [[type(layer).__name__ for layer in part] for part in (generator.layers, discriminator.trunk)]
    step = ["BatchNorm2d", "ReLU", "SameTransposed2d"]
    assert names[0] == ["Linear", "Unflatten", "ConvTranspose2d", *step * 3, "Tanh"]
    step = ["Conv2d", "BatchNorm2d", "LeakyReLU", "Dropout"]
    assert names[1] == ["Conv2d", "LeakyReLU", "Dropout", *step * 5, "Flatten"]
    assert {layer.negative_slope for layer in discriminator.modules() if isinstance(layer, nn.LeakyReLU)} == {0.2}
    assert {layer.keep for layer in discriminator.modules() if isinstance(layer, Dropout)} == {0.5}


def test_at_32_pixels_its_layers_are_the_codes(noise: torch.Generator) -> None:
    """clvrai/ACGAN-PyTorch has ConvTranspose2d(inputs, outputs, 4, 2, 1)."""
    ours, theirs = SameTransposed2d(3, 2, 4, 2, (8, 8)), nn.ConvTranspose2d(3, 2, 4, 2, 1)
    theirs.load_state_dict(ours.state_dict())  # the biases too, which the networks leave out
    maps = torch.randn(2, 3, 4, 4, generator=noise)
    assert torch.allclose(ours(maps), theirs(maps), atol=1e-6)


def test_first_weights() -> None:
    for network in (made(ACGANGenerator, 101, COLOUR, 10, **FULL_G), made(ACGANDiscriminator, COLOUR, 10, **FULL_D)):
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                assert stats.kstest(layer.weight.detach().flatten()[:5000], stats.norm(0, 0.02).cdf).pvalue > 0.001
                assert layer.bias is None or not layer.bias.any()
            elif isinstance(layer, nn.BatchNorm2d):
                assert stats.kstest(layer.weight.detach(), stats.norm(1, 0.02).cdf).pvalue > 0.001
                assert not layer.bias.any()


def test_g_is_told_a_one_hot_label(noise: torch.Generator) -> None:
    generator = made(ACGANGenerator, 6, GREY, 3, **NARROW_G).eval()
    noise_part = torch.randn(4, 5, generator=noise)
    labels = torch.tensor([2, 0, 1, 2])
    seen: list[torch.Tensor] = []
    generator.layers[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    images = generator(torch.cat([noise_part, labels[:, None]], 1))
    assert torch.equal(seen[0], torch.cat([noise_part, torch.eye(3)[labels]], 1))
    assert images.shape == (4, *GREY)
    assert generator.value_range == (-1.0, 1.0)
    assert images.abs().max() <= 1


def test_dropout_draws_from_its_generator(noise: torch.Generator) -> None:
    discriminator = made(ACGANDiscriminator, GREY, 3, **NARROW_D)
    images = torch.rand(5, *GREY, generator=noise)
    with pytest.raises(RuntimeError, match="needs its generator"):
        discriminator(images)
    before, found = torch.get_rng_state(), []
    for seed in (0, 0, 1):
        with_streams(discriminator, seed)
        found.append(torch.cat([output.flatten() for output in discriminator(images)]))
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])
    assert torch.equal(before, torch.get_rng_state())


def test_evaluation_is_by_image(noise: torch.Generator) -> None:
    discriminator = made(ACGANDiscriminator, GREY, 3, **NARROW_D).eval()
    with torch.no_grad():
        for layer in discriminator.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                layer.weight.mul_(10)  # what narrow layers give at first is next to nothing
    images = torch.rand(5, *GREY, generator=noise)
    together = discriminator(images)
    for alone, all_of_them in zip(discriminator(images[:1]), together, strict=True):
        assert torch.allclose(alone, all_of_them[:1], rtol=1e-4)
        assert all_of_them.std(0).max() > 1e-3


def test_gradients_reach_every_parameter(noise: torch.Generator) -> None:
    generator, discriminator = (
        made(ACGANGenerator, 6, GREY, 3, **NARROW_G),
        made(ACGANDiscriminator, GREY, 3, **NARROW_D),
    )
    with_streams(discriminator, 0)
    z = torch.cat([torch.randn(6, 5, generator=noise), torch.arange(6.0)[:, None] % 3], 1)
    logits, classes = discriminator(generator(z))
    (logits.square().sum() + classes.square().sum()).backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("size", [8, 16, 24])
def test_image_sizes(size: int) -> None:
    shape = (2, size, size)
    with torch.device("meta"):
        images = ACGANGenerator(6, shape, 3, **NARROW_G)(torch.zeros(2, 6))
        assert images.shape == (2, *shape)
        logits, classes = ACGANDiscriminator(shape, 3, **NARROW_D).eval()(images)
        assert (logits.shape, classes.shape) == ((2,), (2, 3))


def test_networks_that_cannot_be() -> None:
    with pytest.raises(UserError, match="cannot be halved 3 times"):
        ACGANGenerator(6, (1, 4, 4), 3, **NARROW_G)
    with pytest.raises(UserError, match="cannot be halved 2 times"):
        ACGANDiscriminator((1, 2, 2), 3, **NARROW_D)
    with pytest.raises(UserError, match="a latent of noise and a label"):
        ACGANGenerator(1, GREY, 3, **NARROW_G)
    with pytest.raises(UserError, match="as many numbers as channels"):
        ACGANDiscriminator(GREY, 3, **{**NARROW_D, "strides": [2]})
    for make, options in ((partial(ACGANGenerator, 6), NARROW_G), (ACGANDiscriminator, NARROW_D)):
        with pytest.raises(UserError, match="choose image data"):
            make((2,), 3, **options)
        with pytest.raises(UserError, match="classes to tell apart"):
            make(GREY, 0, **options)
