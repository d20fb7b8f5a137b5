"""The 2014 networks at full width against the fact sheet (adversarial/mnist.yaml)."""

import pytest
import torch

from ganrepro.networks.layers import Dropout, initialised
from ganrepro.networks.mlp import MaxoutDiscriminator, RectifierGenerator

MNIST = (1, 28, 28)


def generator(output_bias: str = "zero", mean: torch.Tensor | None = None) -> RectifierGenerator:
    def make() -> RectifierGenerator:
        return RectifierGenerator(100, MNIST, [1200, 1200], 0.05, output_bias, mean)

    return initialised(make, 0, "generator")  # type: ignore[return-value]


def discriminator() -> MaxoutDiscriminator:
    return initialised(lambda: MaxoutDiscriminator(MNIST, [240, 240], 5, 0.005, 0.8, 0.5), 0, "d")  # type: ignore[return-value]


def test_parameter_counts_of_the_sheet() -> None:
    by_hand = (100 + 1) * 1200 + (1200 + 1) * 1200 + (1200 + 1) * 784
    assert sum(p.numel() for p in generator().parameters()) == by_hand == 2_503_984
    by_hand = (784 + 1) * 240 * 5 + (240 + 1) * 240 * 5 + 240 + 1
    assert sum(p.numel() for p in discriminator().parameters()) == by_hand == 1_231_441


def test_initial_weights_fill_their_range() -> None:
    for network, half_width in ((generator(), 0.05), (discriminator(), 0.005)):
        for name, parameter in network.named_parameters():
            if name.endswith("weight"):
                assert half_width * 0.95 < parameter.abs().max() <= half_width, name
                assert abs(parameter.mean()) < half_width / 10
            else:
                assert not parameter.any(), name


def test_shapes_and_ranges(noise: torch.Generator) -> None:
    images = generator()(torch.rand(3, 100, generator=noise))
    assert images.shape == (3, *MNIST)
    assert 0 < images.min() <= images.max() < 1
    assert discriminator().eval()(images).shape == (3,)


def test_output_bias_is_the_logit_of_the_clipped_pixel_mean() -> None:
    mean = torch.full(MNIST, 0.25, dtype=torch.float64)
    mean[0, 0, 0] = 0.0
    bias = generator("pixel_means", mean).output.bias.double().sigmoid()
    assert bias[0].item() == pytest.approx(1e-7, rel=1e-4)
    assert torch.allclose(bias[1:], torch.tensor(0.25, dtype=torch.float64))


def test_dropout_sits_on_the_input_of_every_layer() -> None:
    keeps = [layer.keep for layer in discriminator().modules() if isinstance(layer, Dropout)]
    assert keeps == [0.8, 0.5, 0.5]
