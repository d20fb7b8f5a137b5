"""Batches as a pure function of the clock."""

import torch

from ganrepro.data.points import GaussianMixture
from ganrepro.feeds import ImageFeed, PointFeed, spans


def numbered(n: int, seed: int = 0) -> ImageFeed:
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1)
    return ImageFeed(pixels, lambda images: images.float(), seed)


def test_spans_cross_passes() -> None:
    assert list(spans(8, 13, 10)) == [(0, slice(8, 10)), (1, slice(0, 10)), (2, slice(0, 1))]


def test_batches_do_not_depend_on_what_was_asked_before() -> None:
    """A feed opened in the middle, as after a resume, gives what one from the start gives there."""
    first = numbered(23)
    for seen in range(0, 90, 9):
        assert torch.equal(first.batch(seen, 9), numbered(23).batch(seen, 9))
    assert not torch.equal(numbered(23).batch(0, 9), numbered(23, seed=1).batch(0, 9))


def test_a_pass_shows_every_image_once() -> None:
    batch = numbered(23).batch(0, 46).flatten().int().tolist()
    assert sorted(batch[:23]) == sorted(batch[23:]) == list(range(23))
    assert batch[:23] != batch[23:]


def test_points_are_fresh_and_repeatable() -> None:
    mixture = GaussianMixture([[0.0, 0.0]], [1.0], [1.0])
    one, other = (PointFeed(mixture.draw, 0, size=16) for _ in range(2))
    assert torch.equal(one.batch(10, 20), other.batch(10, 20))
    assert one.batch(0, 64).unique(dim=0).shape == (64, 2), "no point comes twice"
    assert not torch.equal(one.batch(0, 16), PointFeed(mixture.draw, 1, size=16).batch(0, 16))
