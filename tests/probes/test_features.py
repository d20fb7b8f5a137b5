"""Features of D's stages: pooled by hand, with statistics of batch norm computed by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.data.scaling import Range
from ganrepro.errors import UserError
from ganrepro.networks.dcgan import DCGANDiscriminator
from ganrepro.probes.features import extract, fixed_statistics, pooled_features
from ganrepro.streams import stream

SCALING = Range(-1.0, 1.0)


def discriminator(size: int, channels: list[int], strides: list[int], kernel: int, running: bool = False) -> nn.Module:
    return DCGANDiscriminator(
        (3, size, size),
        channels,
        strides,
        kernel,
        norm="batch",
        eps=1e-8,
        running=running,
        sampling="strided",
        activation="leaky_relu",
        weight_std=0.02,
        hidden=[],
    )


def drawn(running: bool = False) -> nn.Module:
    network = discriminator(8, [4, 6, 5], [1, 2, 1], 3, running)
    network.initialise(stream(0, "weights"))
    return network.eval()


def pixels(n: int) -> Tensor:
    return torch.randint(256, (n, 3, 8, 8), dtype=torch.uint8, generator=stream(0, "pixels"))


def test_maxima_on_a_grid_of_four() -> None:
    counted = torch.arange(64.0).view(1, 1, 8, 8)
    small = torch.tensor([[[[5.0, -6.0], [-7.0, 8.0]]]])
    exact = torch.arange(0.0, -16, -1).view(1, 1, 4, 4)
    corners = [2 * column + 1 + 8 * (2 * row + 1) for row in range(4) for column in range(4)]
    pooled = pooled_features([counted, exact, small])
    assert pooled.tolist() == [[*corners, *range(0, -16, -1), 5, -6, -7, 8]]
    tall = torch.tensor([[1.0, 2], [9, 4], [5, 6], [7, 8], [0, -1], [-3, -2], [3, 3], [2, 4]]).view(1, 1, 8, 2)
    assert pooled_features([tall]).tolist() == [[9, 4, 7, 8, 0, -1, 3, 4]]


def test_maps_that_cannot_be_pooled() -> None:
    with pytest.raises(UserError, match="Maps 6 pixels wide"):
        pooled_features([torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 6, 6)])


@pytest.mark.parametrize(
    ("channels", "strides", "kernel", "dims"),
    [([128, 128, 256, 256, 512, 512], [1, 2, 1, 2, 1, 2], 3, 28_672), ([64, 128, 256], [2, 2, 2], 5, 7_168)],
)
def test_the_paper_has_as_many(channels: list[int], strides: list[int], kernel: int, dims: int) -> None:
    with torch.device("meta"):
        outputs = discriminator(32, channels, strides, kernel).features(torch.empty(2, 3, 32, 32))
        assert pooled_features(outputs).shape == (2, dims)


class OneNorm(nn.Module):
    """A D of one batch norm, whose single stage gives what it makes of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, eps=0.5, track_running_stats=False)

    def features(self, images: Tensor) -> list[Tensor]:
        return [self.norm(images)]

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(images).mean((1, 2, 3))


def test_statistics_are_means_over_batches_and_the_last_one_counts() -> None:
    grey = torch.tensor([0, 2, 4, 8, 10], dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 4, 4)
    network = fixed_statistics(OneNorm(), grey, Tensor.float, batch=3)
    assert network.norm.running_mean.item() == pytest.approx((2 + 9) / 2)
    assert network.norm.running_var.item() == pytest.approx((8 / 3 + 1) / 2)
    found = extract(network, grey, Tensor.float, batch=3)
    expected = (np.array([0, 2, 4, 8, 10]) - 11 / 2) / np.sqrt(11 / 6 + 0.5)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 16, 1), rtol=1e-6)
    single = fixed_statistics(OneNorm(), grey, Tensor.float, batch=4)
    assert single.norm.running_mean.item() == pytest.approx(14 / 4), "the fifth image alone is no batch"


def test_stage_by_stage_as_the_authors_compute_them() -> None:
    """Each layer's statistics are of what the layers before it make of the batch with the batch's own."""
    network, images = drawn(), pixels(23)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]

    def run(batch: Tensor, given: list[tuple[Tensor, Tensor]] | None = None) -> tuple[list, list]:
        h, outputs, statistics = SCALING.normalise(batch), [], []
        for number, convolution in enumerate(convolutions):
            h = functional.conv2d(h, convolution.weight, stride=convolution.stride, padding=convolution.padding)
            if number:
                mean = h.mean((0, 2, 3))
                variance = (h - mean[:, None, None]).square().mean((0, 2, 3))
                statistics.append((mean, variance))
                mean, variance = given[number - 1] if given else (mean, variance)
                h = (h - mean[:, None, None]) / (variance[:, None, None] + 1e-8).sqrt()
                h = h * norms[number - 1].weight[:, None, None] + norms[number - 1].bias[:, None, None]
            h = functional.leaky_relu(h, 0.2)
            outputs.append(h)
        return outputs, statistics

    with torch.no_grad():
        batches = [run(batch)[1] for batch in images.split(8)]
        means = [
            [torch.stack(values).mean(0) for values in zip(*each, strict=True)] for each in zip(*batches, strict=True)
        ]
        outputs = run(images, [(mean, variance) for mean, variance in means])[0]
        own = pooled_features(run(images)[0]).numpy()
    fixed = fixed_statistics(network, images, SCALING.normalise, batch=8)
    found = extract(fixed, images, SCALING.normalise)
    np.testing.assert_allclose(found, pooled_features(outputs).numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(found - own).max() > 0.01, "the batch's own statistics would give something else"


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    network, images = drawn(), pixels(12)
    with pytest.raises(ValueError, match="fixed_statistics"):
        extract(network, images, SCALING.normalise)
    fixed = fixed_statistics(network, images, SCALING.normalise, batch=4)
    whole = extract(fixed, images, SCALING.normalise)
    np.testing.assert_allclose(extract(fixed, images, SCALING.normalise, batch=5), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(extract(fixed, images[3:4], SCALING.normalise), whole[3:4], rtol=1e-5, atol=1e-6)
    assert np.abs(whole[0] - whole[1]).max() > 0.1


def test_the_network_itself_is_left_alone() -> None:
    network = drawn()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        logits = network(SCALING.normalise(pixels(6)))
        fixed_statistics(network, pixels(30), SCALING.normalise)
        assert torch.equal(network(SCALING.normalise(pixels(6))), logits)
    assert network.state_dict().keys() == before.keys()


def test_running_averages_are_kept() -> None:
    network = drawn(running=True)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        assert layer.running_mean is not None
        layer.running_mean.fill_(0.3)
    fixed = fixed_statistics(network, pixels(30), SCALING.normalise)
    kept = [layer for layer in fixed.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(kept) == 2
    assert all(torch.equal(a.running_mean, b.running_mean) for a, b in zip(norms, kept, strict=True))


def test_a_discriminator_without_stages() -> None:
    with pytest.raises(UserError, match="Linear has no `features`"):
        extract(nn.Linear(2, 1), pixels(2), SCALING.normalise)
