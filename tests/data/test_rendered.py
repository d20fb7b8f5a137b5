"""The printed digits of small variability: what may differ between two of a kind, and what may not."""

import numpy as np
import pytest
import torch

from ganrepro.data.rendered import RenderedDigits
from ganrepro.errors import UserError


@pytest.fixture(scope="module")
def shifted() -> RenderedDigits:
    return RenderedDigits(per_class=200, rotation=0.0)


@pytest.fixture(scope="module")
def turned() -> RenderedDigits:
    return RenderedDigits(per_class=200)


def of_class(data: RenderedDigits, label: int) -> np.ndarray:
    """The training images of a digit, uint8 [n, height, width]."""
    return data.train.pixels[data.train.labels == label][:, 0].numpy()


def moved(image: np.ndarray) -> bytes:
    """An image with its ink moved to the left edge."""
    return np.roll(image, -int(image.max(0).nonzero()[0][0]), axis=1).tobytes()


def test_splits_and_classes(shifted):
    assert (shifted.name, shifted.shape, shifted.value_range) == ("rendered_digits", (1, 28, 28), (0.0, 1.0))
    assert shifted.classes == list("0123456789")
    for split, count in ((shifted.train, 200), (shifted.validation, 40), (shifted.test, 40)):
        assert split.labels.bincount().tolist() == [count] * 10
        assert len(set(split.labels[:20].tolist())) > 4, "the first images must not be of one digit"


def test_white_on_black_and_as_tall_as_the_picture(shifted):
    pixels = shifted.train.pixels
    assert pixels.amax((1, 2, 3)).min() > 200
    assert pixels.amax(3)[:, 0, [0, -1]].min() > 30, "ink in the first and in the last row"
    assert 0.05 < pixels.float().mean() / 255 < 0.35


@pytest.mark.parametrize("label", range(10))
def test_without_rotation_a_digit_differs_by_its_shift_alone(shifted, label):
    """The authors' files have 10 to 18 distinct images of a digit."""
    images = of_class(shifted, label)
    assert len({moved(image) for image in images}) == 1
    assert 10 <= len({image.tobytes() for image in images}) <= 18


def test_the_digits_themselves_differ(shifted):
    first = torch.stack([torch.from_numpy(of_class(shifted, label)[0]) for label in range(10)]).float()
    apart = torch.cdist(first.flatten(1), first.flatten(1)) + 1e9 * torch.eye(10)
    assert apart.min() > 1000


def test_half_of_the_images_are_turned_up_to_the_angle(shifted, turned):
    """A one is upright: the tilt of its stem is the angle at which it was turned."""
    upright = {image.tobytes() for label in range(10) for image in of_class(shifted, label)}
    plain = np.mean([image.tobytes() in upright for label in range(10) for image in of_class(turned, label)])
    assert plain == pytest.approx(0.5, abs=0.04)
    tilts = np.array([tilt(image) for image in of_class(turned, 1)])
    assert 8 < np.abs(tilts).max() < 12
    assert min((tilts > 3).sum(), (tilts < -3).sum()) > 15
    steep = [tilt(image) for image in of_class(RenderedDigits(per_class=200, rotation=30.0), 1)]
    assert np.abs(steep).max() > 20


def tilt(image: np.ndarray) -> float:
    """Degrees by which the rows' centres of ink drift from row 8 to row 20."""
    rows = image[8:21].astype(float)
    centres = (rows * np.arange(image.shape[1])).sum(1) / rows.sum(1)
    return float(np.degrees(np.arctan(np.polyfit(np.arange(13), centres, 1)[0])))


def test_it_is_the_same_at_every_start_and_no_split_is_another(turned):
    assert RenderedDigits(per_class=200).fingerprint == turned.fingerprint
    assert not torch.equal(turned.validation.pixels, turned.test.pixels)
    assert not torch.equal(turned.validation.pixels, turned.train.pixels[:400])


def test_options_reach_the_data():
    data = RenderedDigits(size=32, per_class=5, value_range=[-1, 1], stand_in_for="LSUN bedroom")
    assert (data.shape, data.value_range, data.stand_in_for) == ((1, 32, 32), (-1.0, 1.0), "LSUN bedroom")
    assert (len(data.train), len(data.validation), len(data.test)) == (50, 10, 10)
    assert data.normalise(data.train.pixels).min() == -1
    prints = {RenderedDigits(per_class=5, **options).fingerprint for options in ({}, {"rotation": 5.0}, {"size": 16})}
    assert len(prints) == 3


@pytest.mark.parametrize("options", [{"size": 7}, {"per_class": 4}, {"rotation": -1.0}, {"rotation": 46.0}])
def test_numbers_out_of_range(options):
    with pytest.raises(UserError, match="the size is at least 8"):
        RenderedDigits(**options)
