"""Folders of pictures: their layouts, their formats, and what can be wrong with them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganrepro.data.folder import ImageFolder
from ganrepro.errors import DataMissing, UserError


def save(path: Path, shade: int, size: tuple[int, int] = (6, 6)) -> None:
    """A picture of one shade of grey; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, shade).save(path)


def shades(split) -> list[int]:
    """The shade of each picture; they are of one shade, so every pixel must show it."""
    assert torch.equal(split.pixels.amax((1, 2, 3)), split.pixels.amin((1, 2, 3)))
    return split.pixels[:, 0, 0, 0].tolist()


def every_split(data) -> list[list[int]]:
    return [shades(split) for split in (data.train, data.validation, data.test)]


def test_flat_folder(tmp_path):
    for shade in range(40):
        save(tmp_path / "faces" / f"{shade:03}.png", shade)
    data = ImageFolder(tmp_path, "faces", size=6, channels=1)
    train, validation, test = every_split(data)
    assert [len(train), len(validation), len(test)] == [32, 4, 4]
    assert sorted(train + validation + test) == list(range(40))
    assert train != sorted(train), "the split must not follow the order of the names"
    assert every_split(ImageFolder(tmp_path, "faces", size=6, channels=1)) == [train, validation, test]
    assert (data.name, data.shape, data.classes, data.stand_in_for) == ("faces", (1, 6, 6), [], None)
    assert set(data.train.labels.tolist()) == {-1}


def test_one_folder_a_class(tmp_path):
    for shade in range(30):
        save(tmp_path / ("cat" if shade < 20 else "dog") / "deeper" / f"{shade}.png", shade)
    save(tmp_path / "loose.png", 99)
    save(tmp_path / "cat" / ".thumbnail.png", 100)
    save(tmp_path / ".cache" / "0.png", 100)
    (tmp_path / "cat" / "readme.txt").write_text("not a picture")
    data = ImageFolder("elsewhere", tmp_path, size=4)
    assert data.classes == ["cat", "dog"]
    seen = dict(
        pair
        for split in (data.train, data.validation, data.test)
        for pair in zip(shades(split), split.labels.tolist(), strict=True)
    )
    assert seen == {shade: int(shade >= 20) for shade in range(30)} | {99: -1}


@pytest.mark.parametrize("names", [("train", "test"), ("tr", "te")])
def test_train_and_test_folders(tmp_path, names):
    for shade in range(20):
        save(tmp_path / names[0] / ("a" if shade % 2 else "b") / f"{shade}.png", shade)
    save(tmp_path / names[1] / "a" / "0.png", 200)
    save(tmp_path / names[1] / "c" / "0.png", 201)
    data = ImageFolder(tmp_path, ".", size=3)
    train, validation, test = every_split(data)
    assert (len(train), len(validation)) == (18, 2)
    assert sorted(train + validation) == list(range(20))
    assert test == [200, 201]
    assert data.classes == ["a", "b", "c"]
    assert data.test.labels.tolist() == [0, 2]
    assert data.train.labels.tolist() == [0 if shade % 2 else 1 for shade in train]


@pytest.mark.parametrize("names", [("train", "val", "test"), ("tr", "va", "te")])
def test_a_validation_folder_is_used_as_it_is(tmp_path, names):
    for shade, part in enumerate(names):
        save(tmp_path / part / "0.png", shade)
        save(tmp_path / part / "1.png", shade + 10)
    assert every_split(ImageFolder(tmp_path, ".", size=3)) == [[0, 10], [1, 11], [2, 12]]


def test_centre_square_of_any_size_and_format(tmp_path):
    """Wide and tall pictures whose centre square is white and whose margins are black."""
    for at, suffix in enumerate([".png", ".JPG", ".jpeg", ".bmp", ".webp"] * 2):
        wide = np.zeros((16, 48), np.uint8)
        wide[:, 16:32] = 255
        picture = Image.fromarray(wide if at < 5 else wide.T)
        options = {"lossless": True} if suffix == ".webp" else {"quality": 100} if suffix[1:3] in ("JP", "jp") else {}
        picture.save(tmp_path / f"{at}{suffix}", **options)
    data = ImageFolder(tmp_path, ".", size=8, channels=1)
    for split in (data.train, data.validation, data.test):
        assert split.pixels.min() >= 254


def test_without_a_crop_the_whole_picture_is_squashed(tmp_path):
    """A wide picture, black on the left and white from column 39 on; its centre square ends with that column."""
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 39:] = 255
    for at in range(10):
        Image.fromarray(wide).save(tmp_path / f"{at}.png")
    whole = ImageFolder(tmp_path, ".", size=20, channels=1, crop=False).train.pixels[0, 0]
    assert whole[:, :12].max() == 0
    assert whole[:, 14:].min() == 255
    assert ImageFolder(tmp_path, ".", size=20, channels=1).train.pixels[0, 0, :, :19].max() == 0
    assert torch.equal(
        whole, torch.from_numpy(np.asarray(Image.fromarray(wide).resize((20, 20), Image.BILINEAR)).copy())
    )


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("tr", "validation", "test")])
def test_names_of_parts_may_be_mixed(tmp_path, names):
    for shade, part in enumerate(names):
        for label in "永字":
            save(tmp_path / part / label / "0.png", shade)
    data = ImageFolder(tmp_path, ".", size=3, channels=1)
    assert every_split(data) == [[0, 0], [1, 1], [2, 2]]
    assert data.classes == sorted("永字")
    assert data.train.labels.tolist() == [0, 1]


def test_reduction_is_antialiased_and_equal_size_is_untouched(tmp_path):
    checkers = ((np.indices((32, 32)).sum(0) % 2) * 255).astype(np.uint8)
    for at in range(10):
        Image.fromarray(checkers).save(tmp_path / f"{at}.png")
    small = ImageFolder(tmp_path, ".", size=4, channels=1)
    assert (small.train.pixels[:, :, 1:3, 1:3].int() - 128).abs().max() <= 2
    same = ImageFolder(tmp_path, ".", size=32, channels=1)
    assert torch.equal(same.train.pixels[0, 0], torch.from_numpy(checkers))


def test_channels_colour_transparency_and_orientation(tmp_path):
    colours = {"red": (255, 0, 0), "grey": (90, 90, 90)}
    for name, colour in colours.items():
        for at in range(10):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.new("RGB", (4, 4), colour).save(tmp_path / name / f"{at}.png")
    rgb, grey = ImageFolder(tmp_path, "red", size=4), ImageFolder(tmp_path, "red", size=4, channels=1)
    assert rgb.train.pixels[0, :, 2, 2].tolist() == [255, 0, 0]
    assert grey.train.pixels[0, :, 2, 2].tolist() == [76]  # 0.299 * 255, ITU-R 601-2 luma
    for at in range(10):
        Image.new("RGBA", (4, 4), (255, 255, 255, 0)).save(tmp_path / "grey" / f"{at}.png")
    assert ImageFolder(tmp_path, "grey", size=4).train.pixels.max() == 0
    (tmp_path / "turned").mkdir()
    for at in range(10):
        turned = Image.fromarray(np.array([[255, 255], [0, 0]], np.uint8))
        exif = turned.getexif()
        exif[0x0112] = 6  # shown turned by 90 degrees clockwise
        turned.save(tmp_path / "turned" / f"{at}.png", exif=exif)
    assert ImageFolder(tmp_path, "turned", size=2, channels=1).train.pixels[0, 0].tolist() == [[0, 255], [0, 255]]


def test_options_reach_the_data(tmp_path):
    for at in range(10):
        save(tmp_path / "faces" / f"{at}.png", at)
    data = ImageFolder(tmp_path, "faces", value_range=[-1, 1], stand_in_for="TFD")
    assert (data.value_range, data.stand_in_for, data.shape) == ((-1.0, 1.0), "TFD", (3, 64, 64))


def test_folds_divide_what_is_held_out_anew(tmp_path):
    for shade in range(60):
        save(tmp_path / "faces" / f"{shade:03}.png", shade)
    plain = ImageFolder(tmp_path, "faces", size=6, channels=1)
    data = ImageFolder(tmp_path, "faces", size=6, channels=1, folds=3)
    assert plain.folds == [(plain.validation, plain.test)]
    assert shades(data.train) == shades(plain.train)
    held = sorted(shades(plain.validation) + shades(plain.test))
    assert [sorted(shades(validation) + shades(test)) for validation, test in data.folds] == [held] * 3
    assert [(len(validation), len(test)) for validation, test in data.folds] == [(4, 8)] * 3
    assert len({tuple(shades(validation)) for validation, _ in data.folds}) == 3
    assert data.fingerprint != plain.fingerprint
    assert ImageFolder(tmp_path, "faces", size=6, channels=1, folds=1).fingerprint == plain.fingerprint


def test_contrast_normalisation_of_pictures(tmp_path):
    for at in range(10):
        Image.fromarray(np.random.default_rng(at).integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / f"{at}.png")
    data = ImageFolder(tmp_path, ".", size=8, value_range=None, scaling="gcn")
    seen = data.normalise(data.train.pixels)
    torch.testing.assert_close(seen.flatten(1).norm(dim=1), torch.full((8,), 55.0))


def test_another_folder_has_another_fingerprint(tmp_path):
    for at in range(10):
        save(tmp_path / "faces" / f"{at}.png", at)
    before = ImageFolder(tmp_path, "faces", size=6).fingerprint
    assert ImageFolder(tmp_path, "faces", size=6).fingerprint == before
    save(tmp_path / "faces" / "3.png", 4)
    assert ImageFolder(tmp_path, "faces", size=6).fingerprint != before


def refused(kind: type[Exception], *arguments, **options) -> str:
    with pytest.raises(UserError) as caught:
        ImageFolder(*arguments, **options)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert message.count("\n") <= 2
    return message


def test_absent_and_empty_folders(tmp_path):
    message = refused(DataMissing, tmp_path, "faces")
    assert f"{tmp_path}/faces does not exist" in message
    assert "data.folder=" in message
    assert "scale=laptop" in message
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "readme.txt").write_text("no picture")
    assert f"{tmp_path}/faces holds no pictures" in refused(DataMissing, tmp_path, "faces")
    save(tmp_path / "parted" / "train" / "0.png", 0)
    (tmp_path / "parted" / "test").mkdir()
    assert f"{tmp_path}/parted/test holds no pictures" in refused(DataMissing, tmp_path, "parted")


def test_half_a_split_and_too_few_pictures(tmp_path):
    save(tmp_path / "parted" / "train" / "0.png", 0)
    assert f"{tmp_path}/parted has train but no test folder" in refused(UserError, tmp_path, "parted")
    save(tmp_path / "parted" / "test" / "0.png", 0)
    assert "holds 1 pictures to split; at least 10" in refused(UserError, tmp_path, "parted")


def test_pictures_that_cannot_be_read(tmp_path):
    for at in range(12):
        save(tmp_path / f"{at:02}.png", at, size=(40, 40))
    broken = tmp_path / "03.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)).save(broken)
    whole = broken.read_bytes()
    for content in (b"", b"not a picture", whole[:-100], whole[:40]):
        broken.write_bytes(content)
        assert f"Cannot read the picture {broken}" in refused(UserError, tmp_path, ".")
    Image.fromarray(np.full((4, 4), 60_000, np.uint16)).save(broken)
    assert f"{broken} has I;16 pixels" in refused(UserError, tmp_path, ".")


@pytest.mark.parametrize("options", [{"size": 0}, {"channels": 2}])
def test_impossible_sizes(tmp_path, options):
    assert "size is at least 1, channels 1 or 3" in refused(UserError, tmp_path, ".", **options)


def test_the_middle_of_the_centre_square(tmp_path):
    """As the DCGAN authors' faces: the middle 64 pixels of crops of 128."""
    pixels = np.zeros((128, 200), np.uint8)
    pixels[32:96, 68:132] = np.arange(64)[:, None] + np.arange(64)[None] * 2
    (tmp_path / "faces").mkdir()
    for at in range(10):
        Image.fromarray(pixels).save(tmp_path / "faces" / f"{at}.png")
    data = ImageFolder(tmp_path, "faces", size=64, channels=1, centre=0.5)
    assert torch.equal(data.train.pixels[0, 0], torch.from_numpy(pixels[32:96, 68:132]))
    with pytest.raises(UserError, match=r"data.centre=0.5 cuts a square: it needs data.crop=true"):
        ImageFolder(tmp_path, "faces", size=64, channels=1, crop=False, centre=0.5)
