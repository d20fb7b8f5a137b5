"""DeLiGAN's CIFAR-10 networks against the fact sheet (section 2.3), and weight normalisation against its definition."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganrepro.errors import UserError
from ganrepro.networks.deligan_cifar import (
    ClassifyingDeLiGANCifarDiscriminator,
    DeLiGANCifarDiscriminator,
    DeLiGANCifarGenerator,
)
from ganrepro.networks.layers import Dropout, InputNoise, initialised, keep_some
from ganrepro.networks.weight_norm import (
    Moments,
    NormedConv2d,
    NormedLinear,
    NormedMinibatchDiscrimination,
    NormedTransposed2d,
    WeightNorm,
    rectified,
)
from ganrepro.streams import stream

MIXTURE: dict[str, Any] = {"components": 5, "scale": "diagonal", "scale_init": 0.2, "scale_signs": True}
G: dict[str, Any] = {**MIXTURE, "codeword": 3, "code": "raw", "kernel": 5, "running": False, "weight_std": 0.05}
D: dict[str, Any] = {"noise": 0.2, "channels": [8, 12], "keep": 0.5, "kernels": 6, "weight_std": 0.05}


def generator(shape: tuple[int, ...] = (3, 32, 32), **changes: Any) -> DeLiGANCifarGenerator:
    """Latents: the component, 4 of noise, 3 of the codeword, the class."""
    given = {"first": 8, "channels": [6, 5], "classes": 4} | changes
    return initialised(partial(DeLiGANCifarGenerator, 9, shape, **{**G, **given}), 0, "g")  # type: ignore[return-value]


def discriminator(shape: tuple[int, ...] = (3, 32, 32), seed: int = 0, **changes: Any) -> DeLiGANCifarDiscriminator:
    kind = ClassifyingDeLiGANCifarDiscriminator if "classes" in changes else DeLiGANCifarDiscriminator
    network = initialised(partial(kind, shape, **{**D, **changes}), seed, "d")
    for name, layer in network.named_modules():
        if isinstance(layer, (Dropout, InputNoise)):
            layer.generator = stream(seed, name)
    return network  # type: ignore[return-value]


def latents(n: int) -> Tensor:
    z = torch.randn(n, 9, generator=stream(0, "z"))
    z[:, 0], z[:, -1] = torch.arange(n) % 5, torch.arange(n) % 4
    return z


def pictures(n: int, side: int = 32) -> Tensor:
    """Smooth colours with the variance of CIFAR-10's pixels in [-1, 1]."""
    drawn = stream(0, "pictures")
    slow, fast = (torch.randn(n, 3, cells, cells, generator=drawn) for cells in (4, 16))
    mixed = sum(interpolate(part, size=(side, side), mode="bilinear") for part in (slow, fast))
    return mixed / mixed.std() / 2


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_full_width() -> None:
    """Parameters by hand, of 100 components in 100 dimensions and a codeword of 10."""
    mixture = {"components": 100, "codeword": 10, "classes": 10}
    with torch.device("meta"):
        full = DeLiGANCifarGenerator(112, (3, 32, 32), **{**G, **mixture, "first": 512, "channels": [256, 128]})
        given = {**D, "channels": [96, 192], "kernels": 100}
        source = DeLiGANCifarDiscriminator((3, 32, 32), **given)
        classes = ClassifyingDeLiGANCifarDiscriminator((3, 32, 32), classes=10, **given)
    maps = 8192 * 110 + 8192 + 512 * 256 * 25 + 256 + 256 * 128 * 25 + 128 + 128 * 3 * 25 + 3 + 3
    assert size(full) == 2 * 100 * 100 + maps
    convolutions = (3 + 2 * 96) * 96 * 9 + 3 * 96 + (96 + 2 * 192) * 192 * 9 + 3 * 192
    convolutions += 192 * 192 * 9 + 192 + 2 * (192 * 192 + 192)
    minibatch = 192 * 100 * 5 + 100 * 5 + 100
    assert size(source) == convolutions + minibatch + 292 + 1 + 1
    assert size(classes) == size(source) + 192 * 10 + 10 + 10


@pytest.mark.parametrize(("kind", "drawn"), [("linear", (7, 4)), ("convolution", (7, 3, 5, 5)), ("up", (3, 7, 5, 5))])
def test_weights_are_directions_times_gains(kind: str, drawn: tuple[int, ...], noise: torch.Generator) -> None:
    layers = {"linear": NormedLinear(4, 7), "convolution": NormedConv2d(3, 7, 5), "up": NormedTransposed2d(3, 7, 5)}
    layer = layers[kind]
    layer.draw(Moments(0.0, 1.0), 1.0, 0.05, noise)
    nn.init.uniform_(layer.gain, 0.5, 2.0, generator=noise)
    assert layer.weight.shape == layer.direction.shape == drawn
    lengths = layer.weight.movedim(layer.outputs_at, 0).flatten(1).norm(dim=1)
    assert torch.allclose(lengths, layer.gain, rtol=1e-3)
    assert isinstance(layer.gain, nn.Parameter) == (kind != "convolution")  # train_g in the last layers only
    before = layer.weight
    before.square().mul(torch.rand(drawn, generator=noise)).sum().backward()
    along = (layer.direction.grad * layer.direction).movedim(layer.outputs_at, 0).flatten(1).sum(1)
    assert along.abs().max() < 1e-3 * layer.direction.grad.abs().max()  # type: ignore[union-attr]
    with torch.no_grad():
        layer.direction.mul_(3)
    assert torch.allclose(layer.weight, before, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("slope", "keep"), [(0.0, 1.0), (0.2, 1.0), (0.2, 0.5)])
def test_moments_of_rectified_numbers(slope: float, keep: float, noise: torch.Generator) -> None:
    x = torch.randn(400_000, generator=noise)
    kept = torch.maximum(x, slope * x) * keep_some(torch.empty_like(x), keep, noise) / keep
    assert rectified(slope, keep) == pytest.approx((kept.mean().item(), kept.var().item()), rel=0.02)


def test_what_layers_give_at_first(noise: torch.Generator) -> None:
    """Independent inputs: every unit has mean 0 and the spread it was drawn for."""
    linear, up = NormedLinear(50, 20), NormedTransposed2d(16, 3, 5)
    means, variances = torch.linspace(-1, 2, 50), torch.linspace(0.1, 3, 50)
    linear.draw(Moments(means, variances), 0.1, 0.05, noise)
    up.draw(Moments(0.0, 1.0), 0.1, 0.05, noise)
    with torch.no_grad():
        given = linear(means + variances.sqrt() * torch.randn(20_000, 50, generator=noise))
        grown = up(torch.randn(100, 16, 12, 12, generator=noise))
    assert given.mean(0).abs().max() < 0.005
    assert torch.allclose(given.std(0), torch.tensor(0.1), rtol=0.05)
    assert grown.shape == (100, 3, 24, 24)
    assert torch.allclose(grown[..., 4:-4, 4:-4].std((0, 2, 3)), torch.tensor(0.1), rtol=0.05)
    up.draw(rectified(0.0), 0.1, 0.05, noise)
    with torch.no_grad():
        grown = up(torch.randn(100, 16, 12, 12, generator=noise).relu())
    assert grown[..., 4:-4, 4:-4].mean((0, 2, 3)).abs().max() < 0.01


def test_pre_activations_start_near_mean_0_and_variance_1() -> None:
    """As data-dependent initialisation would have it, on average over maps, and every head's near 0.1."""
    network = discriminator(channels=[24, 32], kernels=20, classes=10)
    found: dict[str, Tensor] = {}
    for name, layer in network.named_modules():
        if isinstance(layer, WeightNorm):
            layer.register_forward_hook(lambda *given, name=name: found.update({name: given[2].detach()}))
    network(pictures(40))
    heads = [found.pop("source"), found.pop("classifier")]
    assert len(found) == 9
    for maps in found.values():
        assert maps.mean((0, 2, 3)).square().mean().sqrt() < 0.35
        assert 0.5 < maps.var((0, 2, 3)).mean() < 1.5
    assert all(0.03 < head.std(0).mean() < 0.3 and head.abs().mean() < 0.3 for head in heads)


def test_minibatch_discrimination_counts_who_is_near(noise: torch.Generator) -> None:
    layer = NormedMinibatchDiscrimination(4, 3)
    layer.draw(0.3, -0.7, 0.05, noise)
    with torch.no_grad():
        layer.log_scale.normal_(generator=noise)
    features = torch.randn(6, 4, generator=noise)
    unit = layer.directions / layer.directions.norm(dim=0)
    expected = torch.zeros(6, 3)
    for image in range(6):
        for kernel in range(3):
            numbers = (features @ unit[:, kernel]) * layer.log_scale[kernel].exp()
            others = [other for other in range(6) if other != image]
            near = sum((-(numbers[image] - numbers[other]).abs().sum()).exp() for other in others)
            expected[image, kernel] = near - 0.7
    found = layer.eval()(features)
    assert torch.equal(found[:, :4], features)
    assert torch.allclose(found[:, 4:], expected, atol=1e-6)
    assert torch.allclose(layer(features[:1])[0, 4:], torch.tensor(-0.7))


def test_noise_and_dropout_draw_from_their_generators_in_training_only() -> None:
    images, network = pictures(4), discriminator()
    before = torch.get_rng_state()
    first, second = network(images), network(images)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, second)
    assert torch.equal(first, discriminator()(images))
    network.eval()
    assert torch.equal(network(images), network(images))
    for noise, keep in ((0.2, 1.0), (0.0, 0.5), (0.0, 1.0)):
        network = discriminator(noise=noise, keep=keep)
        assert torch.equal(network(images), network(images)) == ((noise, keep) == (0, 1))
    layer = InputNoise(0.2)
    with pytest.raises(RuntimeError, match="generator"):
        layer(images)
    layer.generator = stream(0, "noise")
    assert (layer(images) - images).std().item() == pytest.approx(0.2, rel=0.02)
    assert layer.eval()(images) is images
    assert InputNoise(0.0)(images) is images


def test_class_logits_do_not_depend_on_batch_mates() -> None:
    network = discriminator(classes=4).eval()
    images = pictures(6)
    with torch.no_grad():
        (whole, classes), (part, few) = network(images), network(images[:2])
        (alone, _) = network(images[:1])
    assert (whole.shape, classes.shape, alone.shape) == ((6,), (6, 4), (1,))
    assert torch.allclose(classes[:2], few, atol=1e-5)
    assert not torch.allclose(whole[:2], part, atol=1e-3)  # the minibatch has a say in the source
    with torch.no_grad():
        plain = discriminator(kernels=0).eval()
        assert torch.allclose(plain(images)[:2], plain(images[:2]), atol=1e-5)


def test_batch_norms_have_shifts_and_no_scales() -> None:
    network = generator()
    norms = [layer for layer in network.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert [norm.num_features for norm in norms] == [8 * 4 * 4, 6, 5]
    assert all(norm.weight is None and norm.eps == 1e-6 for norm in norms)
    assert sum(name.startswith("layers") and name.endswith("bias") for name, _ in network.named_parameters()) == 3


@pytest.mark.parametrize("running", [False, True])
def test_sampling_normalises_by_the_batch_or_by_averages(running: bool) -> None:
    network, z = generator(running=running), latents(40)
    network(z)
    with torch.no_grad():
        together, apart = network.eval()(z), network(z[:20])
    assert torch.allclose(together[:20], apart, atol=1e-6) == running


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 16, 16)])
def test_images_and_classes(shape: tuple[int, int, int]) -> None:
    network = generator(shape)
    images = network(latents(8))
    assert images.shape == (8, *shape)
    assert images.abs().max() < 0.7
    assert 0.03 < images.std() < 0.3  # tanh of numbers that start with a deviation of 0.1
    (changed,) = torch.autograd.grad(images.square().sum(), [network.input.mixture.means])
    assert changed.abs().sum(1).min() > 0
    scales = network.input.mixture.scale.diagonals()
    assert network.penalty().item() == pytest.approx((scales - 1).square().mean().item())
    judge = discriminator(shape)
    assert judge(images).shape == (8,)


def test_without_mixture_and_code() -> None:
    plain = initialised(
        partial(DeLiGANCifarGenerator, 6, (3, 16, 16), **{**G, "components": 0, "codeword": 0, "code": "none"},
                classes=0, first=4, channels=[]), 0, "g",
    )  # fmt: skip
    assert plain(torch.randn(5, 6, generator=stream(0, "z"))).shape == (5, 3, 16, 16)
    assert plain.penalty() == 0  # type: ignore[operator]


def test_refusals() -> None:
    with pytest.raises(UserError, match="28 pixels"):
        generator((1, 28, 28))
    with pytest.raises(UserError, match="8 pixels high or wide are too small for 2 stages"):
        discriminator((1, 8, 8))
    for build in (generator, discriminator):
        with pytest.raises(UserError, match="image data"):
            build((2,))
    with pytest.raises(UserError, match="have 1"):
        discriminator(classes=1)
