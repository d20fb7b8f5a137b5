"""Few training images of many: which ones, that they stay the same, and what they leave alone."""

import re
from types import MappingProxyType

import numpy as np
import pytest
import torch

from ganrepro.data import standard
from ganrepro.data.embedded import Digits
from ganrepro.data.few import few
from ganrepro.data.images import Images
from ganrepro.errors import UserError

WHOLE = Digits()


def of(*labels: int) -> Images:
    """Images whose first pixel is their place."""
    pixels = torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8)
    pixels[:, 0, 0, 0] = torch.arange(len(labels))
    return Images(pixels, torch.tensor(labels))


def places(images: Images) -> list[int]:
    return images.pixels[:, 0, 0, 0].tolist()


def test_the_last_of_each_class_in_stored_order() -> None:
    train = of(1, 0, 1, 1, 0, 3, 0, 3, 3, 1)
    assert places(few(train, 6, "last_of_class")) == [3, 4, 6, 7, 8, 9]
    assert few(train, 6, "last_of_class").labels.tolist() == [1, 0, 0, 3, 3, 1]
    assert places(few(train, 9, "last_of_class")) == [1, 2, 3, 4, 5, 6, 7, 8, 9], "all but the first of class 1"
    assert few(train, None, "last_of_class") is train


def test_a_random_draw_is_fixed_and_pays_no_heed_to_classes() -> None:
    found = few(WHOLE.train, 500, "random")
    chosen = sorted(np.random.default_rng(1).permutation(1197)[:500].tolist())
    assert torch.equal(found.pixels, WHOLE.train.pixels[chosen])
    assert torch.equal(found.labels, WHOLE.train.labels[chosen])
    assert len(torch.bincount(found.labels).unique()) > 1
    unlabelled = Images(WHOLE.train.pixels, -torch.ones_like(WHOLE.train.labels))
    assert torch.equal(few(unlabelled, 500, "random").pixels, found.pixels)
    assert places(few(of(*range(9)), 9, "random")) == list(range(9))


@pytest.mark.parametrize(
    ("labels", "images", "pick", "message"),
    [
        ((0, 1), 3, "random", "from 1 to the 2 training images"),
        ((0, 1), 0, "random", "from 1 to the 2"),
        ((0, 1), -1, "last_of_class", "from 1 to the 2"),
        ((0, 0, 1, 1), 3, "last_of_class", "multiple of 2"),
        ((0, 1, 1, 1), 4, "last_of_class", "the smallest has 1"),
        ((0, -1), 2, "last_of_class", "needs labels"),
        ((0, 1), 1, "first", "must be last_of_class or random"),
        ((0, 1), None, "first", "must be last_of_class or random"),
    ],
)
def test_refusals(labels: tuple[int, ...], images: int | None, pick: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as refused:
        few(of(*labels), images, pick)
    assert len(str(refused.value).splitlines()) == 1


def test_digits_with_few() -> None:
    data = Digits(images=50)
    assert torch.bincount(data.train.labels).tolist() == [5] * 10
    assert len(WHOLE.train) == 1197, "all of them where nothing is said"
    for split in ("validation", "test"):
        assert torch.equal(getattr(data, split).pixels, getattr(WHOLE, split).pixels)
    drawn = Digits(images=50, pick="random")
    assert data.describe()["train"] == drawn.describe()["train"] == 50
    assert len({data.fingerprint, drawn.fingerprint, WHOLE.fingerprint}) == 3
    assert Digits(images=50).fingerprint == data.fingerprint
    assert torch.equal(data.examples(50), data.normalise(data.train.pixels))


class Stored:
    """Stands for torchvision's CIFAR-10: twelve images, two of each of six classes, and four for the test."""

    base_folder, url = "cifar", "https://example.org"
    train_list, test_list, classes = (), (), tuple("abcdef")
    meta = MappingProxyType({"filename": "meta", "md5": ""})

    def __init__(self, root: object, train: bool = True, download: bool = False) -> None:
        n = 12 if train else 4
        self.data = np.arange(n * 3, dtype=np.uint8).reshape(n, 1, 1, 3)
        self.targets = [place % 6 for place in range(n)]


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """No files: what is read of them is given."""
    from torchvision import datasets

    pixels = torch.arange(12, dtype=torch.uint8)[:, None, None, None]
    held_out = [Images(part, torch.arange(2)) for part in (pixels[8:10], pixels[10:])]
    splits = (Images(pixels[:8], torch.arange(8) % 4), *held_out)
    monkeypatch.setattr(standard, "_mnist_splits", lambda *given: splits)
    monkeypatch.setattr(standard, "_complete", lambda *given, **named: None)
    monkeypatch.setattr(datasets, "CIFAR10", Stored)


@pytest.mark.usefixtures("stored")
def test_the_standard_sets_with_few() -> None:
    for kind in (standard.MNIST, standard.FashionMNIST):
        assert len(kind("").train) == 8
        data = kind("", images=4)
        assert data.train.pixels.flatten().tolist() == [4, 5, 6, 7]
        assert (len(data.validation), len(data.test)) == (2, 2)
        assert len(kind("", images=5, pick="random").train) == 5
    assert len(standard.CIFAR10("", validation=4).train) == 8
    data = standard.CIFAR10("", validation=4, images=6)
    assert data.train.pixels[:, 0].flatten().tolist() == [6, 9, 12, 15, 18, 21], "images 2 to 7"
    assert data.train.labels.tolist() == [2, 3, 4, 5, 0, 1]
    assert (len(data.validation), len(data.test)) == (4, 4)
    with pytest.raises(UserError, match="from 1 to the 8"):
        standard.CIFAR10("", validation=4, images=9)
