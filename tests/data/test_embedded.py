"""The pictures that come with scikit-learn and scikit-image."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import lfw_subset
from sklearn.datasets import load_digits

from ganrepro.data import embedded
from ganrepro.data.embedded import Digits, Faces, Patches
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


def test_the_faces_are_the_hundred_stored_ones():
    faces = Faces()
    assert (faces.name, faces.shape, faces.classes, faces.stand_in_for) == ("faces", (1, 25, 25), ["face"], None)
    splits = [rows(split) for split in (faces.train, faces.validation, faces.test)]
    assert [len(split) for split in splits] == [60, 20, 20]
    stored = [(*np.rint(image * 255).astype(int).ravel().tolist(), 0) for image in lfw_subset()[:100]]
    assert sorted(itertools.chain(*splits)) == sorted(stored)
    assert faces.fingerprint == "1d4a8549eaf2cf0e"


def test_the_faces_folds_divide_the_same_forty():
    faces, folded = Faces(), Faces(size=25, value_range=[-1, 1], folds=5, stand_in_for="TFD")
    assert (folded.value_range, folded.stand_in_for) == ((-1.0, 1.0), "TFD")
    assert torch.equal(faces.train.pixels, folded.train.pixels)
    held = sorted(rows(faces.validation) + rows(faces.test))
    assert len(folded.folds) == 5
    for validation, test in folded.folds:
        assert (len(validation), len(test)) == (13, 27)
        assert sorted(rows(validation) + rows(test)) == held
    assert folded.folds[0] == (folded.validation, folded.test)
    assert faces.fingerprint != folded.fingerprint != Faces(folds=4).fingerprint
    assert Faces(size=48).shape == (1, 48, 48)


def test_patches_of_two_splits_never_overlap(monkeypatch):
    """Photographs in which a pixel's colour is its own address: no address is in two splits."""

    def addressed():
        for label, photograph in enumerate(photographs):
            height, width, _ = photograph.shape
            rows, columns = np.indices((height, width))
            number = (label * 1024 + rows) * 1024 + columns
            yield np.stack([number >> 16, (number >> 8) & 255, number & 255], -1).astype(np.uint8)

    photographs = list(embedded.photographs())
    assert len(photographs) == len(embedded.PHOTOGRAPHS)
    monkeypatch.setattr(embedded, "photographs", addressed)
    patches = Patches()
    addresses = [
        set((split.pixels.long() * torch.tensor([65536, 256, 1])[:, None, None]).sum(1).flatten().tolist())
        for split in (patches.train, patches.validation, patches.test)
    ]
    assert [len(each) for each in addresses] == [260 * 64**2, 33 * 64**2, 33 * 64**2]
    assert len(set().union(*addresses)) == sum(map(len, addresses))


def test_patches_are_cut_out_of_the_photographs():
    patches = Patches()
    assert (patches.name, patches.shape, patches.stand_in_for) == ("patches", (3, 32, 32), None)
    assert [len(split) for split in (patches.train, patches.validation, patches.test)] == [2340, 297, 297]
    assert patches.classes == ["china", "flower", "astronaut", "chelsea", "coffee", "rocket"]
    assert patches.train.pixels.is_contiguous()
    assert all(
        set(split.labels.tolist()) == set(range(6)) for split in (patches.train, patches.validation, patches.test)
    )
    cut = {
        (photograph[top : top + 32, left : left + 32].transpose(2, 0, 1).tobytes(), label)
        for label, photograph in enumerate(embedded.photographs())
        for top in range(0, photograph.shape[0], 16)
        for left in range(0, photograph.shape[1], 16)
    }
    for split in (patches.train, patches.validation, patches.test):
        found = zip(split.pixels.numpy(), split.labels.tolist(), strict=True)
        assert all((pixels.tobytes(), label) in cut for pixels, label in found)
    assert Patches().fingerprint == patches.fingerprint


def test_patches_may_be_resized_and_contrast_normalised():
    small = Patches(size=16, value_range=None, scaling="gcn", stand_in_for="CIFAR-10")
    assert (small.shape, small.value_range, small.stand_in_for) == ((3, 16, 16), None, "CIFAR-10")
    whole = Patches()
    first = Image.fromarray(whole.train.pixels[0].permute(1, 2, 0).numpy()).resize((16, 16), Image.Resampling.BILINEAR)
    assert torch.equal(small.train.pixels[0], torch.from_numpy(np.asarray(first).copy()).permute(2, 0, 1))
    seen = small.normalise(small.validation.pixels).double()
    assert seen.square().sum((1, 2, 3)).sqrt().sub(55).abs().median() < 1e-3
    with pytest.raises(UserError, match=r"data\.value_range=null"):
        Patches(scaling="gcn")
