"""The digits that come with scikit-learn."""

import itertools

import pytest
import torch
from sklearn.datasets import load_digits

from ganrepro.data.embedded import Digits
from ganrepro.errors import UserError


def rows(split) -> list[tuple[int, ...]]:
    """Every image of a split with its label, as something that sorts."""
    return [
        (*pixels, label) for pixels, label in zip(split.pixels.flatten(1).tolist(), split.labels.tolist(), strict=True)
    ]


def test_the_splits_hold_every_stored_digit_once():
    digits = Digits()
    assert (digits.name, digits.shape, digits.stand_in_for) == ("digits", (1, 8, 8), None)
    assert digits.classes == list("0123456789")
    splits = [rows(split) for split in (digits.train, digits.validation, digits.test)]
    assert [len(split) for split in splits] == [1197, 300, 300]
    stored = load_digits()
    # 17 levels by hand: 255 k / 16, rounded; 8 * 255 / 16 = 127.5 goes to the even 128.
    levels = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    scaled = [[levels[int(level)] for level in image] for image in stored.data]
    everything = [(*image, label) for image, label in zip(scaled, stored.target.tolist(), strict=True)]
    assert sorted(itertools.chain(*splits)) == sorted(everything)
    assert all(set(split.labels.tolist()) == set(range(10)) for split in (digits.train, digits.validation, digits.test))


def test_the_pixels_are_the_same_on_every_machine():
    assert Digits().fingerprint == "495bcff96fdf9a8d"
    assert Digits(size=28).fingerprint == "233f1408807112d1"


@pytest.mark.parametrize("size", [16, 28, 32])
def test_resizing_keeps_the_picture(size):
    """Averaging the resized pictures back onto 4x4 blocks gives nearly what the stored ones give."""
    small, resized = Digits(), Digits(size=size)
    assert resized.shape == (1, size, size)
    assert torch.equal(small.train.labels, resized.train.labels)
    blocks = [torch.nn.functional.adaptive_avg_pool2d(digits.train.pixels.float(), 4) for digits in (small, resized)]
    assert (blocks[0] - blocks[1]).abs().mean() < 12


def test_options_reach_the_data():
    digits = Digits(value_range=[-1.0, 1.0], stand_in_for="MNIST")
    assert (digits.value_range, digits.stand_in_for) == ((-1.0, 1.0), "MNIST")
    assert digits.normalise(digits.train.pixels).min() == -1
    with pytest.raises(UserError, match=r"^data.size is 0; it must be at least 1.$"):
        Digits(size=0)
