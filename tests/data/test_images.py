"""The interface: the way to the networks' range and back, the mean image, the fingerprint."""

import pytest
import torch

from ganrepro.data.images import ImageData, Images, refolded
from ganrepro.errors import UserError

RANGES = [(0.0, 1.0), (-1.0, 1.0)]


def images(n: int, start: int = 0) -> Images:
    pixels = (torch.arange(n * 6) + start).remainder(256).to(torch.uint8).view(n, 1, 2, 3)
    return Images(pixels, torch.arange(n) % 2)


def data(**changes) -> ImageData:
    arguments = {"train": images(4), "validation": images(2, 100), "test": images(3, 200)}
    return ImageData("ramp", **arguments | {"classes": ["a", "b"]} | changes)


@pytest.mark.parametrize("value_range", RANGES)
def test_every_level_survives_the_round_trip(value_range):
    ramp, levels = data(value_range=value_range), torch.arange(256, dtype=torch.uint8)
    seen = ramp.normalise(levels)
    assert seen.dtype == torch.float32
    assert (seen[0].item(), seen[255].item()) == value_range
    low, high = value_range
    torch.testing.assert_close(seen, low + torch.arange(256) * ((high - low) / 255))
    assert torch.equal(ramp.to_uint8(seen), levels)
    assert torch.equal(levels, torch.arange(256, dtype=torch.uint8)), "the pixels themselves were changed"


def test_to_uint8_rounds_clamps_and_takes_any_floating_point():
    ramp = data(value_range=(-1.0, 1.0))
    outside = torch.tensor([-7.0, -1.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 1.0, 1.1])
    assert ramp.to_uint8(outside).tolist() == [0, 0, 0, 1, 255, 255]
    unbounded = torch.tensor([float("nan"), float("inf"), -float("inf")], requires_grad=True)
    assert ramp.to_uint8(unbounded).tolist() == [0, 255, 0]
    assert ramp.to_uint8(torch.tensor([0.0, 1.0], dtype=torch.bfloat16)).tolist() == [128, 255]
    assert outside[0] == -7, "the images themselves were changed"


def test_normalise_keeps_shape_and_is_float32_under_another_default():
    torch.set_default_dtype(torch.float64)
    try:
        seen = data().normalise(torch.zeros(2, 3, 4, 5, dtype=torch.uint8))
    finally:
        torch.set_default_dtype(torch.float32)
    assert (seen.dtype, seen.shape) == (torch.float32, (2, 3, 4, 5))


def test_pixel_mean_is_that_of_the_training_images_alone():
    train = Images(
        torch.tensor([[0, 255], [255, 255], [0, 255]], dtype=torch.uint8).view(3, 1, 1, 2), torch.full((3,), -1)
    )
    unit = ImageData("two", train, train[:1], train[:1])
    assert unit.pixel_mean().dtype == torch.float64
    torch.testing.assert_close(unit.pixel_mean(), torch.tensor([[[1 / 3, 1.0]]], dtype=torch.float64))
    signed = ImageData("two", train, train[:1], train[:1], value_range=(-1, 1))
    torch.testing.assert_close(signed.pixel_mean(), torch.tensor([[[-1 / 3, 1.0]]], dtype=torch.float64))


def test_attributes():
    ramp = data(stand_in_for="MNIST", value_range=[-1, 1])
    assert (ramp.name, ramp.shape, ramp.value_range) == ("ramp", (1, 2, 3), (-1.0, 1.0))
    assert (ramp.classes, ramp.stand_in_for) == (["a", "b"], "MNIST")
    assert [len(split) for split in (ramp.train, ramp.validation, ramp.test)] == [4, 2, 3]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("part", ["pixels", "labels"])
def test_fingerprint_changes_with_one_pixel_and_with_one_label(split, part):
    before, changed = data().fingerprint, data()
    getattr(getattr(changed, split), part).view(-1)[-1] += 1
    assert len(before) == 16
    assert int(before, 16) >= 0
    assert data().fingerprint == before
    assert changed.fingerprint != before


def test_fingerprint_depends_on_where_the_splits_fall_and_not_on_the_range():
    whole = images(9)
    first = ImageData("a", whole[:5], whole[5:7], whole[7:])
    second = ImageData("a", whole[:4], whole[4:7], whole[7:])
    assert first.fingerprint != second.fingerprint
    assert first.fingerprint == ImageData("b", whole[:5], whole[5:7], whole[7:], value_range=(-1, 1)).fingerprint


def test_one_fold_is_the_split_itself_and_further_ones_change_the_fingerprint():
    one = data()
    assert one.folds == [(one.validation, one.test)]
    two = data(further_folds=[(images(2, 30), images(3, 60))])
    other = data(further_folds=[(images(2, 30), images(3, 61))])
    assert len(two.folds) == 2
    assert len({one.fingerprint, two.fingerprint, other.fingerprint}) == 3
    assert data().fingerprint == "f5919b9ab0a0c886"


@pytest.mark.parametrize(("validation", "test"), [(1, 2), (5, 4), (10, 30)])
def test_refolded_pairs_are_disjoint_and_exhaustive(validation, test):
    whole = Images(
        torch.arange(validation + test, dtype=torch.uint8).view(-1, 1, 1, 1), torch.arange(validation + test)
    )
    given = whole[:validation], whole[validation:]
    assert refolded(*given, folds=1) == [given]
    folds = refolded(*given, folds=4)
    orders = []
    for one, other in folds:
        assert len(one) == (validation + test) // 3
        orders.append(one.labels.tolist() + other.labels.tolist())
        assert sorted(orders[-1]) == list(range(validation + test))
        assert torch.equal(one.pixels.flatten().long(), one.labels)
    assert len(folds) == 4
    assert validation + test == 3 or len(set(map(tuple, orders))) == 4
    for (one, _), (again, _) in zip(folds, refolded(*given, folds=6), strict=False):
        assert torch.equal(one.labels, again.labels), "a fold must not depend on how many there are"


def test_folds_that_cannot_be():
    with pytest.raises(UserError, match=r"^data.folds is 2, with 2 images held out; at least 1 fold and 3 images"):
        refolded(images(1), images(1), folds=2)
    with pytest.raises(UserError, match=r"^data.folds is 0"):
        refolded(images(5), images(5), folds=0)


def test_picking_images_keeps_labels_with_pixels():
    picked = images(4)[torch.tensor([3, 0])]
    assert picked.pixels[:, 0, 0, 0].tolist() == [18, 0]
    assert picked.labels.tolist() == [1, 0]


def test_refusals():
    with pytest.raises(UserError, match=r"^data.value_range is \[0, 255\]; it must be \[0, 1\] or \[-1, 1\].$"):
        data(value_range=[0, 255])
    with pytest.raises(ValueError, match="one shape"):
        data(test=Images(torch.zeros(3, 1, 3, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)))
    with pytest.raises(ValueError, match="one shape"):
        data(test=images(3)[:0])
    with pytest.raises(ValueError, match="not uint8"):
        Images(torch.zeros(3, 1, 2, 3), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="not int64"):
        Images(torch.zeros(3, 1, 2, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
