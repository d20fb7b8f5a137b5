"""Sums of latents by planted generators: a bump whose place z says, and images that are z itself."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from ganrepro.data.embedded import Digits
from ganrepro.latents import Latent, Uniform
from ganrepro.probes.arithmetic import arithmetic, neighbours, pose, rank_correlation
from ganrepro.probes.attributes import horizontal_centre
from ganrepro.streams import stream

DATA = Digits()
LATENT = Latent(z=Uniform(64, 1.0))


class Plain(nn.Module):
    """The image is z."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        return self.scale * z.unflatten(1, (1, 8, 8))


class Bump(nn.Module):
    """A bright column whose place the first coordinate says, -1 to 1 from left to right; the others do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(8.0))

    @torch.no_grad()
    def forward(self, z: Tensor) -> Tensor:
        distance = torch.linspace(-1, 1, 8) - z[:, :1]
        return (-self.sharpness * distance.square()).exp()[:, None, None].expand(-1, 1, 8, 8)


def latents(*firsts: float, dim: int = 64) -> Tensor:
    """Zeros but for the first coordinate."""
    z = torch.zeros(len(firsts), dim)
    z[:, 0] = torch.tensor(firsts)
    return z


def test_sums_by_hand(noise: torch.Generator) -> None:
    """The image is z, so that sums of means are means of sums; single exemplars are the first ones."""
    pools = {"a": latents(0.51, 0.6, 0.69), "b": latents(0.1, 0.2, 0.3), "c": latents(0.3, 0.2, 0.1)}
    found = arithmetic(Plain(), LATENT, DATA, pools, noise)
    assert found.metrics == {"trials": 1}
    assert found.arrays["averaged"][4, 0, 0, 0] == round(255 * (0.6 - 0.2 + 0.2))
    assert found.arrays["single"][4, 0, 0, 0] == round(255 * (0.51 - 0.1 + 0.3))
    assert np.array_equal(found.arrays["pixels"][0], found.arrays["averaged"][4])
    assert found.arrays["exemplars"][:, :, 0, 0, 0].tolist() == [[130, 153, 176], [26, 51, 76], [76, 51, 26]]
    assert found.arrays["means"][:, 0, 0, 0].tolist() == [153, 51, 51]
    around = found.arrays["averaged"][:, 0, 0, 0].astype(float) - found.arrays["averaged"][4, 0, 0, 0]
    assert (np.abs(around) <= 64).all()
    assert len({image.tobytes() for image in found.arrays["averaged"]}) == 9


def test_noise_is_uniform_up_to_a_quarter(noise: torch.Generator) -> None:
    offsets = neighbours(torch.ones(500, 20), noise) - 1
    assert offsets.shape == (500, 8, 20)
    assert 0.2499 < offsets.max() <= 0.2501
    assert -0.2501 <= offsets.min() < -0.2499
    assert offsets.std().item() == pytest.approx(0.5 / 12**0.5, rel=0.01)


def one_bump_at(place: float):
    """Whether an image has its bright columns around that place alone."""
    expected = Bump()(latents(place))
    return lambda images: (images - expected).abs().amax((1, 2, 3)) < 0.05


def test_pixels_fail_where_latents_do_not(noise: torch.Generator) -> None:
    """0.6 - 0.2 - 0.4: the latents' sum is a bump at 0, the pixels' has three."""
    pools = {"a": latents(*[0.6] * 5), "b": latents(*[0.2] * 5), "c": latents(*[-0.4] * 5)}
    found = arithmetic(Bump(), LATENT, DATA, pools, noise, one_bump_at(0.0), trials=20)
    assert (found.metrics["rate/averaged"], found.metrics["rate/single"], found.metrics["rate/pixels"]) == (1, 1, 0)
    assert 0 < found.metrics["rate/neighbours"] < 1
    assert found.metrics["rate/chance"] < 0.2
    assert (found.metrics["trials"], found.metrics["chance_samples"]) == (20, 256)


def test_averages_are_steadier_than_single_exemplars(noise: torch.Generator) -> None:
    """Exemplars that scatter by 0.1: a sum of three means has that spread too, one of singles sqrt(3) of it."""
    scatter = 0.1 * torch.randn(3, 300, generator=noise)
    pools = {
        name: latents(*(centre + each).tolist())
        for name, centre, each in zip("abc", (0.6, 0.2, -0.4), scatter, strict=True)
    }

    def near(images: Tensor) -> Tensor:
        return (images - Bump()(latents(0.0))).abs().amax((1, 2, 3)) < 0.3

    metrics = arithmetic(Bump(), LATENT, DATA, pools, noise, near, trials=400).metrics
    assert metrics["rate/averaged"] > metrics["rate/single"] + 0.15


def test_exemplars_are_different_ones(noise: torch.Generator) -> None:
    pools = {name: latents(0.1, 0.3, 0.5, 0.7) for name in "abc"}
    for _ in range(10):
        exemplars = arithmetic(Plain(), LATENT, DATA, pools, noise, trials=1).arrays["exemplars"]
        assert all(len(np.unique(each[:, 0, 0, 0])) == 3 for each in exemplars)


def test_an_axis_that_turns_and_random_ones(noise: torch.Generator) -> None:
    latent = Latent(z=Uniform(64, 0.5))
    left, right = latents(-0.5, -0.3, -0.4, -0.4), latents(0.4, 0.4, 0.3, 0.5)
    found = pose(Bump(), latent, DATA, left, right, horizontal_centre, noise, rows=40, axes=10)
    metrics = found.metrics
    assert metrics["rank_correlation/mean_row"] == 1
    assert metrics["rank_correlation/turn"] > 0.95
    assert metrics["rising"] > 0.9
    assert metrics["slope/turn"] > 0.4
    assert metrics["rank_correlation/random"] > 0.5, "any axis moves the bump one way: it is the slope that tells"
    assert metrics["slope/random"] < metrics["slope/turn"] / 3
    assert (metrics["rows"], metrics["steps"], metrics["random_axes"]) == (40, 11, 10)
    backwards = pose(Bump(), latent, DATA, right, left, horizontal_centre, noise, rows=40).metrics
    assert backwards["rank_correlation/mean_row"] == -1
    assert backwards["slope/turn"] < -0.4
    assert backwards["rising"] == 0


def test_the_middle_column_is_the_random_sample_itself() -> None:
    """The first draw of the stream is the statistics' batch, the second the rows."""
    noise = stream(5, "pose")
    found = pose(Bump(), LATENT, DATA, latents(-0.5), latents(0.5), horizontal_centre, stream(5, "pose"), rows=20)
    LATENT.sample(256, noise)
    own = DATA.to_uint8(Bump()(LATENT.sample(20, noise)[:5])).numpy()
    assert np.array_equal(found.arrays["images"][:, 5], own)
    assert found.arrays["places"].tolist() == pytest.approx([-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1])


def test_a_slope_by_hand(noise: torch.Generator) -> None:
    """A measure of the first pixel, which goes up by 0.5 in a turn."""
    found = pose(
        Plain(), Latent(z=Uniform(64, 1e-3)), DATA, latents(-0.25), latents(0.25),
        lambda pixels: pixels[:, 0, 0, 0].float() / 255, noise, rows=20,
    )  # fmt: skip
    rising = np.clip(0.5 * np.linspace(-1, 1, 11), 0, None)
    assert found.metrics["slope/turn"] == pytest.approx(np.polyfit(np.linspace(-1, 1, 11), rising, 1)[0], abs=0.01)


def test_rank_correlation(noise: torch.Generator) -> None:
    values = torch.randn(6, 11, generator=noise)
    expected = [spearmanr(range(11), row).statistic for row in values.numpy()]
    assert rank_correlation(values).tolist() == pytest.approx(expected)
    rows = torch.tensor([[1.0, 2, 3, 9], [4, 3, 2, 1], [5, 5, 5, 5], [1, 1, 2, 2]])
    assert rank_correlation(rows).tolist() == pytest.approx([1, -1, 0, 2 / 5**0.5])
