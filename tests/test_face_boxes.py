"""A real face is found and cut out; pictures without faces, small faces and damaged files are not."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from ganrepro.face_boxes import Box, faces, main, merged

EYES, MOUTH = (110, 225), (150, 225)  # row and column in scikit-image's picture of an astronaut, 512x512


def inside(place: tuple[int, int], box: Box) -> bool:
    return box.top < place[0] < box.top + box.height and box.left < place[1] < box.left + box.width


def test_the_astronaut_has_one_face() -> None:
    (box,) = faces(data.astronaut())
    assert inside(EYES, box)
    assert inside(MOUTH, box)
    assert 64 <= box.height <= 160
    assert faces(data.astronaut(), least=box.height + 40) == []


def test_things_and_cats_have_none() -> None:
    assert faces(data.chelsea()) == []
    assert faces(np.full((100, 200, 3), 128, np.uint8)) == []
    assert faces(data.astronaut()[:50, :50]) == []  # smaller than a box


def test_of_boxes_that_overlap_the_largest_stays() -> None:
    large, within, beside, apart = Box(0, 0, 100, 100), Box(10, 10, 50, 50), Box(80, 0, 90, 90), Box(300, 5, 70, 70)
    assert merged([within, apart, beside, large]) == [large, beside, apart]
    assert large.shared(within) == 1
    assert large.shared(beside) == pytest.approx(20 / 90)
    assert large.shared(apart) == 0
    assert merged([large, Box(60, 0, 90, 90)]) == [large]


def test_a_margin_ends_at_the_border() -> None:
    assert Box(50, 60, 40, 20).widened(0.5, 200, 200) == Box(30, 50, 80, 40)
    assert Box(10, 0, 40, 20).widened(0.5, 60, 25) == Box(0, 0, 60, 25)
    assert Box(10, 0, 40, 20).widened(0, 60, 25) == Box(10, 0, 40, 20)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two pictures with a face, the second to be turned upright; one without, one damaged, and no picture."""
    folder = tmp_path / "photographs"
    (folder / "people").mkdir(parents=True)
    portrait = Image.fromarray(data.astronaut()[:300, 80:380])
    portrait.save(folder / "people" / "a.png")
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise by a quarter
    portrait.transpose(Image.Transpose.ROTATE_90).save(folder / "people" / "b.jpg", exif=turned, quality=95)
    Image.fromarray(data.chelsea()).save(folder / "cat.PNG")
    (folder / "broken.jpg").write_bytes((folder / "cat.PNG").read_bytes()[:200])
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_the_command_cuts_names_and_skips(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "faces"
    assert main([str(photographs), str(out), "--margin", "0.25"]) == 0
    said = capsys.readouterr().out
    assert f"cannot be read, left out: {photographs / 'broken.jpg'}" in said
    assert f"2 faces in {out}" in said
    with (out / "faces.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["crop"], row["source"]) for row in rows] == [
        ("000000.png", "people/a.png"),
        ("000001.png", "people/b.jpg"),
    ]
    left, top, width, height = (int(rows[0][name]) for name in ("left", "top", "width", "height"))
    assert inside((EYES[0], EYES[1] - 80), Box(left, top, width, height))
    with Image.open(out / "000000.png") as crop:
        assert np.array_equal(np.asarray(crop), data.astronaut()[top : top + height, 80 + left : 80 + left + width])
    with Image.open(out / "000001.png") as crop:
        assert crop.size == (int(rows[1]["width"]), int(rows[1]["height"]))
    assert {path.name for path in out.iterdir()} == {"000000.png", "000001.png", "faces.csv"}


def test_refusals(photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str) -> str:
        assert main(list(words)) == 1
        return capsys.readouterr().err

    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"No pictures (.png .jpg .jpeg .bmp .webp) in {empty}" in refused(str(empty), str(tmp_path / "out"))
    assert "holds pictures already" in refused(str(photographs), str(photographs / "people"))
    assert f"lies in {photographs}" in refused(str(photographs), str(photographs / "out"))
    assert "--least is at least 1" in refused(str(photographs), str(tmp_path / "out"), "--least", "0")
    assert not (tmp_path / "out").exists()
