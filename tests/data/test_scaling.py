"""What networks see of the pixels, what is measured, and what is shown."""

import math

import pytest
import torch

from ganrepro.data.images import ImageData, Images
from ganrepro.data.scaling import RANGES, ContrastNormalisation, Range, scaling_of
from ganrepro.errors import UserError

LEVELS = torch.arange(256, dtype=torch.uint8)


def pixels(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("ends", RANGES)
def test_a_range_is_measured_and_shown_from_0_to_1_whatever_its_ends(ends):
    scaling = Range(*ends)
    assert (scaling.value_range, scaling.span) == (ends, ends[1] - ends[0])
    measured = scaling.measured(LEVELS)
    assert torch.equal(measured, LEVELS.float() / 255)
    torch.testing.assert_close(scaling.to_measured(scaling.normalise(LEVELS)), measured, rtol=0, atol=1e-6)
    assert torch.equal(scaling.displayed(measured), LEVELS)
    assert torch.equal(scaling.displayed(measured.double()), LEVELS)
    odd = torch.tensor([-3.0, 7.0, float("nan"), float("inf"), -float("inf")], requires_grad=True)
    assert scaling.displayed(odd).tolist() == [0, 255, 0, 255, 0]
    assert odd[0] == -3


def test_contrast_normalisation_is_mean_0_and_norm_55():
    """By hand: 0, 10, 20, 30 less 15 is -15, -5, 5, 15, of the norm sqrt(500)."""
    scaling = ContrastNormalisation()
    small = torch.tensor([0, 10, 20, 30], dtype=torch.uint8).view(1, 1, 2, 2)
    expected = torch.tensor([-15.0, -5.0, 5.0, 15.0]).view(1, 1, 2, 2) * (55 / math.sqrt(500))
    torch.testing.assert_close(scaling.normalise(small), expected)
    seen = scaling.normalise(pixels(50, 3, 32, 32)).double()
    assert seen.mean((1, 2, 3)).abs().max() < 1e-6
    torch.testing.assert_close(seen.square().sum((1, 2, 3)).sqrt(), torch.full((50,), 55.0).double())
    half = ContrastNormalisation(norm=27.5).normalise(pixels(50, 3, 32, 32)).double()
    torch.testing.assert_close(half, seen / 2)


def test_contrast_normalisation_agrees_with_the_definition_in_float64():
    given = pixels(20, 3, 9, 7)
    centred = given.double() - given.double().mean((1, 2, 3), keepdim=True)
    expected = centred * 55 / centred.square().sum((1, 2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(ContrastNormalisation().normalise(given).double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("side", [1, 5, 200])  # 3 x 200 x 200 x 255 is beyond float32's whole numbers
def test_a_constant_image_becomes_zero_and_one_level_of_difference_does_not(side):
    for level in (0, 1, 77, 255):
        image = torch.full((2, 3, side, side), level, dtype=torch.uint8)
        image[1, 0, 0, 0] += -1 if level else 1
        seen = ContrastNormalisation().normalise(image)
        assert torch.equal(seen[0].abs(), torch.zeros(3, side, side))
        torch.testing.assert_close(seen[1].double().norm().item(), 55.0, rtol=1e-4, atol=0)


def test_an_image_does_not_depend_on_its_batch():
    scaling, given = ContrastNormalisation(), pixels(64, 3, 32, 32)
    together = scaling.normalise(given)
    assert torch.equal(scaling.normalise(given[7:8]), together[7:8])
    assert torch.equal(scaling.normalise(given[7]), together[7])
    assert torch.equal(scaling.normalise(given.view(4, 16, 3, 32, 32)), together.view(4, 16, 3, 32, 32))
    assert torch.equal(given, pixels(64, 3, 32, 32)), "the pixels themselves were changed"


def test_contrast_normalised_images_are_measured_as_they_are():
    scaling, given = ContrastNormalisation(), pixels(3, 1, 4, 4)
    assert torch.equal(scaling.measured(given), scaling.normalise(given))
    images = torch.randn(3, 1, 4, 4)
    assert torch.equal(scaling.to_measured(images), images)
    assert scaling.value_range is None
    seen = ContrastNormalisation(values=12288).normalise(pixels(1, 3, 64, 64))
    assert ContrastNormalisation(values=12288).span == pytest.approx(2 * seen.std(correction=0).item())


def test_display_divides_by_the_largest_value_of_all_images():
    scaling = ContrastNormalisation()
    images = torch.tensor([[0.0, 1.0, -2.0], [4.0, -4.0, 2.0]], requires_grad=True)
    assert scaling.displayed(images).tolist() == [[128, 159, 64], [255, 0, 191]]
    assert torch.equal(scaling.displayed(images * 7), scaling.displayed(images))
    assert scaling.displayed(images[:1]).tolist() == [[128, 191, 0]]
    odd = torch.tensor([float("nan"), float("inf"), -float("inf"), 1.0, -1.0])
    assert scaling.displayed(odd).tolist() == [0, 255, 0, 255, 0]
    assert scaling.displayed(torch.zeros(2)).tolist() == [128, 128]
    assert scaling.displayed(torch.empty(0, 3)).shape == (0, 3)
    assert torch.equal(scaling.to_uint8(images.to(torch.bfloat16)), scaling.displayed(images))


def test_an_image_set_passes_its_scaling_on():
    some = Images(pixels(2500, 1, 3, 4), torch.zeros(2500, dtype=torch.int64))
    data = ImageData("some", some[:2400], some[2400:2450], some[2450:], value_range=None, scaling="gcn")
    assert data.scaling == ContrastNormalisation(55.0, 12)
    assert (data.value_range, data.span) == (None, data.scaling.span)
    seen = data.normalise(data.train.pixels)
    torch.testing.assert_close(data.pixel_mean(), seen.double().mean(0))
    assert torch.equal(data.to_uint8(seen), data.scaling.displayed(seen))
    assert data.fingerprint == ImageData("some", some[:2400], some[2400:2450], some[2450:]).fingerprint


def test_names_and_ranges():
    assert scaling_of("range", [-1, 1], 12) == Range(-1.0, 1.0)
    assert scaling_of("gcn", None, 12) == ContrastNormalisation(values=12)
    for arguments, words in (
        (("gcn", [0, 1]), r"data.value_range=\[0, 1\] does not go with data.scaling=gcn, .*data.value_range=null"),
        (("range", None), r"data.value_range is null; it must be \[0, 1\] or \[-1, 1\]"),
        (("range", [0, 2]), r"data.value_range is \[0, 2\]; it must be"),
        (("zca", None), "data.scaling is zca; it must be range or gcn"),
    ):
        with pytest.raises(UserError, match=words):
            scaling_of(*arguments, values=12)
