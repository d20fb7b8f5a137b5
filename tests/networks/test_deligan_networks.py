"""DeLiGAN's networks against the fact sheet (t-GAN, sections 2.1 and 2.2)."""

from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from ganrepro.errors import UserError
from ganrepro.networks.deligan import (
    ClassifyingDeLiGANDiscriminator,
    DeLiGANDiscriminator,
    DeLiGANGenerator,
    MinibatchDiscrimination,
    ToyDiscriminator,
    ToyGenerator,
)
from ganrepro.networks.layers import initialised

GREY = (1, 28, 28)
PLAIN: dict[str, Any] = {"components": 0, "scale": "diagonal", "scale_init": 0.2, "codeword": 0, "code": "none"}
MIXED: dict[str, Any] = {**PLAIN, "components": 50}
TGAN: dict[str, Any] = {**MIXED, "codeword": 10, "code": "raw"}
FULL_G: dict[str, Any] = {"first": 64, "channels": [32, 16], "kernel_sizes": [3, 5, 5]}
FULL_D: dict[str, Any] = {"channels": [16, 32, 64], "kernel_sizes": [5, 5, 3], "kernels": 64, "kernel_dim": 5}
NARROW_G: dict[str, Any] = {"first": 6, "channels": [5, 4], "kernel_sizes": [3, 5, 5]}
NARROW_D: dict[str, Any] = {"channels": [4, 5, 6], "kernel_sizes": [5, 5, 3], "kernels": 3, "kernel_dim": 2}


def made(make: Any, *arguments: Any, **options: Any) -> Any:
    """A network with its weights."""
    return initialised(partial(make, *arguments, **options), 0, "network")


def widened(network: Any) -> Any:
    """With convolutions and linear layers ten times as large: what narrow ones give at first is next to nothing."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                layer.weight.mul_(10)
    return network


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# The networks for images. --------------------------------------------------------------------------------------------


def conv(inputs: int, outputs: int, kernel: int) -> int:
    """Weights and biases of a convolution or of its transpose."""
    return inputs * outputs * kernel**2 + outputs


DECONVS = conv(64, 32, 3) + conv(32, 16, 5) + conv(16, 1, 5)
NORMS = 2 * (1024 + 32 + 16)
CONVS = conv(1, 16, 5) + conv(16, 32, 5) + conv(32, 64, 3) + 2 * (32 + 64)
MINIBATCH = 64 * 64 * 5 + 64 * 5  # kernels of 64 features, and the norm of each column


@pytest.mark.parametrize(
    ("options", "latent_dim", "inputs", "mixture"),
    [(PLAIN, 30, 30, 0), (MIXED, 31, 30, 2 * 50 * 30), (TGAN, 42, 40, 2 * 50 * 30)],
)
def test_parameters_of_g(options: dict[str, Any], latent_dim: int, inputs: int, mixture: int) -> None:
    with torch.device("meta"):
        network = DeLiGANGenerator(latent_dim, GREY, 10, **options, **FULL_G)
    assert parameters(network) == mixture + (inputs + 1) * 1024 + NORMS + DECONVS


def test_parameters_of_d() -> None:
    with torch.device("meta"):
        plain = DeLiGANDiscriminator(GREY, **FULL_D)
        classifying = ClassifyingDeLiGANDiscriminator(GREY, 10, **FULL_D)
        without = DeLiGANDiscriminator(GREY, **{**FULL_D, "kernels": 0})
    assert parameters(plain) == CONVS + MINIBATCH + 129
    assert parameters(classifying) == CONVS + MINIBATCH + 129 + 65 * 10
    assert parameters(without) == CONVS + 65


def kinds(network: nn.Module) -> list[str]:
    """The layers in order, without the containers."""
    return [type(layer).__name__ for layer in network.modules() if not list(layer.children())]


def test_layers_of_the_sheet() -> None:
    with torch.device("meta"):
        generator = DeLiGANGenerator(30, GREY, 10, **PLAIN, **FULL_G)
        discriminator = DeLiGANDiscriminator(GREY, **FULL_D)
        shapes: list[tuple[int, ...]] = []
        for layer in [*generator.modules(), *discriminator.modules()]:
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
        logits = discriminator(generator(torch.zeros(50, 30)))
    assert logits.shape == (50,)
    assert shapes == [(32, 7, 7), (16, 14, 14), (1, 28, 28), (16, 14, 14), (32, 7, 7), (64, 4, 4)]
    step = ["SameTransposed2d", "BatchNorm2d", "ReLU"]
    assert kinds(generator)[1:] == [
        "Linear", "BatchNorm1d", "ReLU", "Unflatten", *step * 2, "SameTransposed2d", "Tanh",
    ]  # fmt: skip
    step = ["SameConv2d", "BatchNorm2d", "LeakyReLU"]
    assert kinds(discriminator) == ["SameConv2d", "LeakyReLU", *step * 2, "MinibatchDiscrimination", "Linear"]
    kernels = [layer.kernel_size[0] for layer in [*generator.layers, *discriminator.trunk] if hasattr(layer, "stride")]
    assert kernels == [3, 5, 5, 5, 5, 3]
    assert {layer.negative_slope for layer in discriminator.modules() if isinstance(layer, nn.LeakyReLU)} == {0.2}
    norms = [[layer for layer in net.modules() if "Norm" in type(layer).__name__] for net in (generator, discriminator)]
    assert {(norm.eps, norm.momentum) for norm in norms[0]} == {(1e-5, 0.1)}
    assert {(norm.eps, norm.momentum) for norm in norms[1]} == {(1e-3, 0.1)}  # tf.contrib's default


def test_first_weights() -> None:
    """Section 2.2: convolutions truncated, D's last normal, G's first as TensorFlow 0.x, G's scales around 1."""
    generator = made(DeLiGANGenerator, 31, GREY, 10, **MIXED, **FULL_G)
    discriminator = made(DeLiGANDiscriminator, GREY, **FULL_D)
    for layer in [*generator.modules(), *discriminator.modules()]:
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            assert 0.035 < layer.weight.abs().max() <= 0.04
            assert layer.weight.std().item() == pytest.approx(0.02 * 0.8796, rel=0.1)  # of a normal cut at 2 sigma
        if getattr(layer, "bias", None) is not None:
            assert not layer.bias.any()
    bound = (3 / 30) ** 0.5
    assert stats.kstest(generator.linear.weight.detach().flatten(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 0.01
    scales = torch.cat([layer.weight for layer in generator.modules() if "Norm" in type(layer).__name__]).detach()
    assert stats.kstest(scales, stats.norm(1, 0.02).cdf).pvalue > 0.01
    assert all((layer.weight == 1).all() for layer in discriminator.modules() if isinstance(layer, nn.BatchNorm2d))
    assert stats.kstest(discriminator.output.weight.detach()[0], stats.norm(0, 0.02).cdf).pvalue > 0.01
    minibatch = discriminator.minibatch
    assert stats.kstest(minibatch.weight.detach().flatten(), stats.norm(0, 0.05).cdf).pvalue > 0.01
    assert not minibatch.log_norm.any()


@pytest.mark.parametrize(("size", "first"), [(8, 1), (16, 2), (28, 4), (32, 4)])
def test_image_sizes(size: int, first: int) -> None:
    shape = (3, size, size)
    with torch.device("meta"):
        generator = DeLiGANGenerator(5, shape, 0, **PLAIN, **NARROW_G)
        images = generator(torch.zeros(2, 5))
        assert images.shape == (2, *shape)
        assert generator.linear.out_features == 6 * first**2
        assert DeLiGANDiscriminator(shape, **NARROW_D)(images).shape == (2,)


def test_networks_that_cannot_be() -> None:
    with pytest.raises(UserError, match="cannot be halved 3 times"):
        DeLiGANGenerator(5, (1, 4, 4), 0, **PLAIN, **NARROW_G)
    with pytest.raises(UserError, match="cannot be halved 3 times"):
        DeLiGANDiscriminator((1, 28, 4), **NARROW_D)
    with pytest.raises(UserError, match="one number more than channels"):
        DeLiGANGenerator(5, GREY, 0, **PLAIN, first=4, channels=[3], kernel_sizes=[5])
    with pytest.raises(UserError, match="as many numbers as channels"):
        DeLiGANDiscriminator(GREY, **{**NARROW_D, "kernel_sizes": [5]})
    with pytest.raises(UserError, match="data have none"):
        ClassifyingDeLiGANDiscriminator(GREY, 0, **NARROW_D)
    for make in (DeLiGANDiscriminator, partial(DeLiGANGenerator, 5, classes=0, **PLAIN)):
        with pytest.raises(UserError, match="choose image data"):
            make(shape=(2,), **(NARROW_D if make is DeLiGANDiscriminator else NARROW_G))


@pytest.mark.parametrize("scale", ["diagonal", "full"])
def test_gradients_reach_every_parameter(scale: str, noise: torch.Generator) -> None:
    options = {**TGAN, "components": 4, "codeword": 2, "scale": scale}
    generator = made(DeLiGANGenerator, 7, GREY, 3, **options, **NARROW_G)
    discriminator = made(ClassifyingDeLiGANDiscriminator, GREY, 3, **NARROW_D)
    index = torch.arange(8.0)[:, None]
    z = torch.cat([index % 4, torch.randn(8, 5, generator=noise), index % 3], 1)
    logits, classes = discriminator(generator(z))
    assert (logits.shape, classes.shape) == ((8,), (8, 3))
    (logits.square().sum() + classes.square().sum()).backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            if "bias" not in name:  # a bias in front of a batch norm has a gradient of rounding only
                assert parameter.grad.abs().max() > 1e-12, name


def test_images_lie_in_the_value_range(noise: torch.Generator) -> None:
    generator = made(DeLiGANGenerator, 5, GREY, 0, **PLAIN, **NARROW_G)
    with torch.no_grad():
        generator.layers[-2].weight.mul_(1000)
    images = generator(torch.randn(20, 5, generator=noise))
    assert generator.value_range == (-1.0, 1.0)
    assert -1 <= images.min() < -0.99
    assert 0.99 < images.max() <= 1


def test_evaluation_is_by_image(noise: torch.Generator) -> None:
    """Outside training an image depends on its own latent only, its class logits on it only."""
    generator = widened(made(DeLiGANGenerator, 6, GREY, 0, **{**MIXED, "components": 4}, **NARROW_G))
    discriminator = widened(made(ClassifyingDeLiGANDiscriminator, GREY, 3, **NARROW_D))
    without = widened(made(DeLiGANDiscriminator, GREY, **{**NARROW_D, "kernels": 0})).eval()
    z = torch.cat([torch.arange(6.0)[:, None] % 4, torch.randn(6, 5, generator=noise)], 1)
    discriminator(generator(z))
    generator.eval(), discriminator.eval()
    images = generator(z)
    logits, classes = discriminator(images)
    one_logit, one_classes = discriminator(images[:1])
    assert torch.allclose(generator(z[:1]), images[:1], atol=1e-6)
    assert torch.allclose(one_classes, classes[:1], rtol=1e-4)
    assert torch.allclose(without(images[:1]), without(images)[:1], rtol=1e-4)
    for found in (images, classes, without(images)[:, None]):
        assert found.std(0).max() > 1e-3  # they do differ from image to image
    assert not torch.allclose(one_logit, logits[:1], rtol=1e-2)  # the minibatch layer sees the others


# Minibatch discrimination. -------------------------------------------------------------------------------------------


def by_loops(layer: MinibatchDiscrimination, x: torch.Tensor) -> torch.Tensor:
    """DeLiGAN's formula, pair by pair."""
    n, (_, kernels, dim) = len(x), layer.weight.shape
    likeness = torch.zeros(n, kernels, dtype=x.dtype)
    for kernel in range(kernels):
        columns = []
        for k in range(dim):
            column = layer.weight[:, kernel, k].detach()
            columns.append(column / column.square().sum().sqrt() * layer.log_norm[kernel, k].detach().exp())
        for i in range(n):
            for j in range(n):
                distance = sum((x[i] @ column - x[j] @ column).abs() for column in columns)
                likeness[i, kernel] += (-distance).exp()  # type: ignore[operator]
    return likeness / likeness.sum()


@pytest.mark.parametrize("n", [1, 2, 7])
def test_minibatch_discrimination_against_loops(n: int, noise: torch.Generator) -> None:
    layer = made(MinibatchDiscrimination, 5, 3, 4).double()
    with torch.no_grad():
        layer.log_norm.uniform_(-1, 1, generator=noise)
    x = torch.randn(n, 5, dtype=torch.float64, generator=noise)
    found = layer(x)
    assert torch.allclose(found, by_loops(layer, x), atol=1e-12)
    assert found.sum().item() == pytest.approx(1)


def test_minibatch_discrimination_tells_who_is_alone() -> None:
    layer = made(MinibatchDiscrimination, 2, 1, 3)
    found = layer(torch.tensor([[0.0, 0.0], [0.0, 0.0], [99.0, 99.0]]))
    assert torch.allclose(found, torch.tensor([[0.4], [0.4], [0.2]]), atol=1e-6)  # likenesses 2, 2 and 1
    assert layer(torch.zeros(1, 2)).item() == 1


def test_the_quirk_of_the_minibatch_layer(noise: torch.Generator) -> None:
    """Section 2.2: divided by the grand total, outputs average 1 / (50 x 64)."""
    layer = made(MinibatchDiscrimination, 64, 64, 5)
    assert layer(torch.randn(50, 64, generator=noise)).mean().item() == pytest.approx(3.125e-4)


# Points. -------------------------------------------------------------------------------------------------------------


TOY: dict[str, Any] = {"components": 50, "scale": "diagonal", "scale_init": 0.02, "hidden": [32]}


def test_networks_for_points(noise: torch.Generator) -> None:
    """Section 2.1: 2-32-2 with tanh twice against 2-32-1 with tanh once."""
    generator, discriminator = made(ToyGenerator, 3, (2,), **TOY), made(ToyDiscriminator, (2,), hidden=[32])
    assert parameters(generator) == 2 * 50 * 2 + 3 * 32 + 33 * 2
    assert parameters(discriminator) == 3 * 32 + 33
    assert generator.penalty().item() == pytest.approx(0.98**2)
    z = torch.cat([torch.arange(50.0)[:, None], torch.randn(50, 2, generator=noise)], 1)
    mixed = generator.input.mixture.means + 0.02 * z[:, 1:]
    first, last = (layer for layer in generator.layers if isinstance(layer, nn.Linear))
    points = generator(z)
    assert torch.allclose(points, last(first(mixed).tanh()).tanh(), atol=1e-6)
    first, last = (layer for layer in discriminator.layers if isinstance(layer, nn.Linear))
    assert torch.allclose(discriminator(points), last(first(points).tanh())[:, 0], atol=1e-6)
    assert (generator.value_range, discriminator.critic_output) == (None, "logit")


def test_first_weights_of_points() -> None:
    """TensorFlow 0.x's default, U(± sqrt(3 / inputs)), and biases 0."""
    for network in (made(ToyGenerator, 3, (2,), **TOY), made(ToyDiscriminator, (2,), hidden=[32])):
        for layer in network.layers:
            if isinstance(layer, nn.Linear):
                bound = (3 / layer.in_features) ** 0.5
                assert 0.85 * bound < layer.weight.abs().max() <= bound
                assert not layer.bias.any()


def test_images_are_not_points() -> None:
    with pytest.raises(UserError, match="makes points"):
        ToyGenerator(3, GREY, **TOY)


def test_baselines_for_points_are_hidden_layers() -> None:
    """Section 2.1: GAN++ has a layer of 50 in front, Nx-GAN 50 times the units; neither has a mixture."""
    for hidden in ([50, 32], [1600]):
        with torch.device("meta"):
            network = ToyGenerator(2, (2,), **{**TOY, "components": 0, "hidden": hidden})
        assert parameters(network) == sum((a + 1) * b for a, b in pairwise([2, *hidden, 2]))
