"""Mixtures of Gaussians: draws against their density. The ring: its modes, and which of them a point is near."""

import math

import pytest
import torch
from scipy.stats import norm

from ganrepro.data.points import Blobs, GaussianMixture, Ring
from ganrepro.errors import UserError

LINE = GaussianMixture([[-1.0], [1.5]], [0.6, 0.4], [3.0, 1.0])


def test_density_is_the_sum_of_normal_densities(noise: torch.Generator) -> None:
    x = torch.linspace(-4, 4, 50, dtype=torch.float64)
    expected = 0.75 * norm.pdf(x, -1.0, 0.6) + 0.25 * norm.pdf(x, 1.5, 0.4)
    assert LINE.density(x[:, None]).numpy() == pytest.approx(expected, rel=1e-9)
    plane = GaussianMixture([[1.0, 2.0]], [0.5], [1.0])
    at = torch.tensor([[0.3, 2.2]])
    assert plane.density(at).item() == pytest.approx(norm.pdf(0.3, 1, 0.5) * norm.pdf(2.2, 2, 0.5), rel=1e-6)


def test_draws_have_the_mixture_s_moments(noise: torch.Generator) -> None:
    points = LINE.draw(200_000, noise)
    assert points.shape == (200_000, 1)
    assert (points > 0.4).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert points.mean().item() == pytest.approx(-0.375, abs=0.01)
    assert points.var().item() == pytest.approx(0.75 * 0.6**2 + 0.25 * 0.4**2 + 0.75 * 0.25 * 2.5**2, abs=0.02)


@pytest.mark.parametrize(
    ("means", "stds", "weights"),
    [([[0.0], [1.0, 2.0]], [1.0, 1.0], [1.0, 1.0]), ([[0.0]], [1.0, 1.0], [1.0]), ([[0.0]], [0.0], [1.0])],
)
def test_numbers_that_do_not_go_together(means: list[list[float]], stds: list[float], weights: list[float]) -> None:
    with pytest.raises(UserError, match="mixture"):
        GaussianMixture(means, stds, weights)


def test_the_fingerprint_is_of_the_numbers() -> None:
    prints = {GaussianMixture([[0.0]], [std], [1.0]).fingerprint for std in (1.0, 1.0, 2.0)}
    assert len(prints) == 2


@pytest.mark.parametrize("dim", [1, 2])
def test_pictures(dim: int, noise: torch.Generator) -> None:
    mixture = GaussianMixture([[0.0] * dim], [1.0], [1.0])
    picture = mixture.picture(mixture.draw(100, noise))
    assert picture.shape == (240, 240, 3)
    assert picture.std() > 5
    assert (mixture.picture(torch.full((10, dim), torch.nan)) != picture).any()


def test_the_ring_s_means_are_those_of_the_authors_code() -> None:
    """mixture_gaussian/ls.py: x = radius sin t, y = radius cos t, for nine t from 0 to 2 pi, both included."""
    angles = torch.linspace(0, 2 * math.pi, 9, dtype=torch.float64)
    theirs = 2 * torch.stack([angles.sin(), angles.cos()], 1)
    ring = Ring(radius=2.0, std=0.02, duplicate_first_mode=True)
    torch.testing.assert_close(ring.means, theirs[:8], atol=1e-11, rtol=0)
    torch.testing.assert_close(ring.means[0], theirs[8], atol=1e-11, rtol=0)
    assert ring.weights.tolist() == pytest.approx([2 / 9] + [1 / 9] * 7)
    assert ring.stds.tolist() == [0.02] * 8
    assert Ring().weights.tolist() == [1 / 8] * 8
    assert (ring.name, ring.shape, ring.value_range, ring.stand_in_for) == ("ring", (2,), None, None)


def test_rings_are_told_apart_by_their_fingerprints() -> None:
    rings = [Ring(), Ring(modes=9), Ring(radius=2.0), Ring(std=0.02), Ring(duplicate_first_mode=True)]
    assert len({ring.fingerprint for ring in rings}) == 5
    assert Ring().fingerprint == "8aaf67a0e11c37a6"


def test_draws_fall_on_every_mode_by_its_weight(noise: torch.Generator) -> None:
    ring = Ring(duplicate_first_mode=True)
    index, distance = ring.nearest_mode(ring.draw(90_000, noise))
    assert (index.bincount(minlength=8) / 10_000).tolist() == pytest.approx([2, *[1] * 7], abs=0.05)
    assert (distance < 3).double().mean().item() == pytest.approx(1 - math.exp(-4.5), abs=0.002)  # 0.989 in the plane
    feed = ring.feed(3)
    assert torch.equal(feed.batch(0, 6)[2:], ring.feed(3).batch(2, 4))


@pytest.mark.parametrize(
    ("double", "n", "counts"),
    [
        (False, 512, [64] * 8),
        (True, 900, [200, *[100] * 7]),
        (False, 10, [2, 2, 1, 1, 1, 1, 1, 1]),
        (False, 3, [1, 1, 1, 0, 0, 0, 0, 0]),
        (True, 12, [3, 2, 2, *[1] * 5]),
        (True, 0, [0] * 8),
    ],
)
def test_stratified_points_are_shared_out_exactly(
    double: bool, n: int, counts: list[int], noise: torch.Generator
) -> None:
    ring = Ring(duplicate_first_mode=double)
    points = ring.stratified(n, noise)
    assert (points.shape, points.dtype) == ((n, 2), torch.float32)
    assert ring.nearest_mode(points)[0].tolist() == torch.arange(8).repeat_interleave(torch.tensor(counts)).tolist()


def test_stratified_points_spread_as_draws_do(noise: torch.Generator) -> None:
    ring = Ring(std=0.02)
    apart = ring.stratified(80_000, noise).double() - ring.means.repeat_interleave(10_000, 0)
    assert apart.std(0).tolist() == pytest.approx([0.02, 0.02], rel=0.02)
    assert apart.mean(0).tolist() == pytest.approx([0, 0], abs=3e-4)
    uneven = GaussianMixture([[0.0], [5.0]], [0.1, 1.0], [3.0, 1.0]).stratified(4, noise)
    assert (uneven > 2).flatten().tolist() == [False, False, False, True]


def test_the_nearest_mode_and_how_many_std_away_it_is() -> None:
    ring = Ring()
    points = ring.means[[0, 2, 5]] + torch.tensor([[0.03, 0.04], [-0.01, 0.0], [0.0, 0.0]]).double()
    index, distance = ring.nearest_mode(points.requires_grad_())
    assert index.tolist() == [0, 2, 5]
    assert distance.tolist() == pytest.approx([5.0, 1.0, 0.0], abs=1e-6)
    _, lost = ring.nearest_mode(torch.tensor([[math.nan, 0.0], [0.0, math.inf], [7.0, 0.0]]))
    assert lost.tolist() == pytest.approx([math.inf, math.inf, 600.0])
    wide = GaussianMixture([[0.0], [1.0]], [10.0, 0.1], [1.0, 1.0])
    assert wide.nearest_mode(torch.tensor([[0.7]]))[0].tolist() == [0]  # 0.07 of its std, against 3 of the other's


@pytest.mark.parametrize("options", [{"modes": 1}, {"radius": 0.0}, {"std": -0.01}])
def test_rings_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match="2 modes, and numbers above 0"):
        Ring(**options)  # type: ignore[arg-type]


def test_the_ring_s_picture_has_one_scale_whatever_the_points(noise: torch.Generator) -> None:
    ring = Ring()
    empty = ring.picture(torch.full((5, 2), math.nan))
    shown = {
        name: ring.picture(points) for name, points in (("ring", ring.draw(400, noise)), ("far", 99 * torch.ones(5, 2)))
    }
    green = {name: (picture != empty).any(2).nonzero() for name, picture in shown.items()}
    assert empty.shape == (240, 240, 3)
    height, width = green["ring"]
    # The ring is half as wide as the window; what is outside is drawn at its corner, not left out.
    assert 90 < height.max() - height.min() < 130
    assert 90 < width.max() - width.min() < 130
    assert len(green["far"][0]) > 0
    assert green["far"][1].min() > width.max()
    assert (ring.picture(torch.full((5, 2), math.inf)) == shown["far"]).all()


@pytest.mark.parametrize(("modes", "std", "centre"), [(1, 0.3, 0.0), (2, 0.15, 0.6)])
def test_blobs_are_one_set_of_points_in_new_orders(modes: int, std: float, centre: float) -> None:
    data = Blobs(modes=modes, points=400)
    feed, other = data.feed(0), data.feed(1)
    seen = torch.cat([feed.batch(start, 50) for start in range(0, 400, 50)])
    again = torch.cat([feed.batch(start, 50) for start in range(400, 800, 50)])
    assert not torch.equal(seen, again)
    assert not torch.equal(seen, other.batch(0, 400))
    for points in (again, other.batch(400, 400)):
        assert torch.equal(points[points[:, 0].argsort()], seen[seen[:, 0].argsort()])
    apart = seen - (centre * seen.sum(1, keepdim=True).sign())
    assert apart.std().item() == pytest.approx(std, rel=0.1)
    assert ((seen.sum(1) > 0).sum().item() == 200) or modes == 1
    assert Blobs(modes).fingerprint == data.fingerprint != Blobs(modes, points=300).fingerprint
    assert len(data.examples(64)) == 64


@pytest.mark.parametrize(("modes", "points"), [(3, 400), (0, 400), (2, 0)])
def test_blobs_that_there_are_not(modes: int, points: int) -> None:
    with pytest.raises(UserError, match="1 or 2"):
        Blobs(modes, points)
