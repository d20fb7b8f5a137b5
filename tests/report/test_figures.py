import numpy as np
import pytest
from PIL import Image

from ganrepro.report import figures
from ganrepro.report.records import read_runs


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def is_blank(path):
    return len(np.unique(pixels(path).reshape(-1, 3), axis=0)) < 3


@pytest.fixture
def runs(plant, root):
    plant(seed=0, artifacts=True)
    plant(seed=1, status="diverged", reason="not finite: loss/generator")
    plant(seed=2, status="running")
    return read_runs(root)


def labels(runs):
    return {run.folder.parent: "default" for run in runs}


def test_figure2_frames_the_neighbour_of_the_fifth_sample(runs, tmp_path):
    picture = pixels(figures.figure2(runs[0], tmp_path / "2.png"))
    step = 56 + 4  # eight pixels enlarged seven times, and the gap
    assert picture.shape == (4 * step + 4, 6 * step + 4, 3)
    yellow = (picture == figures.YELLOW).all(axis=2)
    assert yellow.any(axis=0).nonzero()[0].min() == 4 + 5 * step - 3  # nothing framed left of the sixth column
    arrays = runs[0].arrays("nearest")
    fifth_of_second_row, its_neighbour = arrays["samples"][9, 0], arrays["neighbours"][1, 0]
    corner = 4 + step
    for column, image in ((4, fifth_of_second_row), (5, its_neighbour)):
        left = 4 + column * step
        shown = picture[corner : corner + 56 : 7, left : left + 56 : 7, 0]
        np.testing.assert_array_equal(shown, image)


def test_figure3_is_a_row_a_line(runs, tmp_path):
    assert pixels(figures.figure3(runs[0], tmp_path / "3.png")).shape == (2 * 60 + 4, 10 * 60 + 4, 3)


def test_without_arrays_nothing_is_drawn(runs, tmp_path):
    assert figures.figure2(runs[1], tmp_path / "2.png") is None
    assert figures.figure3(runs[1], tmp_path / "3.png") is None
    assert figures.every_seed([], {}, tmp_path / "e.png") is None
    assert figures.curves([], {}, tmp_path / "c.png") is None
    assert list(tmp_path.glob("*.png")) == []


def test_every_seed_shows_all_of_them(runs, tmp_path):
    (runs[2].pictures[0]).write_bytes(b"not a picture")
    picture = pixels(figures.every_seed(runs, labels(runs), tmp_path / "e.png"))
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    first, second, third = (picture[y : y + height, x : x + width] for y, x in ((0, 0), (0, width), (height, 0)))
    red = [(part == figures.RED).all(axis=2).any() for part in (first, second, third)]
    assert red == [False, True, True]  # the labels of runs that are not done
    assert all(len(np.unique(part)) > 2 for part in (first, second, third))


def test_curves_draw_every_seed_and_the_band(runs, tmp_path):
    with_band = figures.curves(runs, labels(runs), tmp_path / "a.png", {"parzen/test": (225.0, 2.0)})
    without = figures.curves(runs, labels(runs), tmp_path / "b.png")
    assert not is_blank(with_band)
    assert not is_blank(without)
    assert (pixels(with_band) != pixels(without)).any()
    only_first = figures.curves(runs[:1], labels(runs), tmp_path / "c.png")
    assert (pixels(only_first) != pixels(without)).any()


def test_curves_leave_out_what_is_no_number(runs, tmp_path):
    runs[0].rows[-1]["loss/generator"] = float("nan")
    runs[0].rows[-2]["loss/generator"] = None
    assert not is_blank(figures.curves(runs, labels(runs), tmp_path / "c.png"))


def test_same_runs_same_bytes(runs, tmp_path):
    for draw in (figures.curves, figures.every_seed):
        first, second = (draw(runs, labels(runs), tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
        assert first == second


def test_a_picture_is_shrunk_to_the_limit(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (500, 500, 3), dtype=np.uint8))
    path = figures.save(noise, tmp_path / "noise.png")
    assert path.stat().st_size <= figures.LARGEST
    assert pixels(path).shape[1] > 150


def test_colour_images_keep_their_channels(tmp_path):
    images = np.zeros((1, 1, 3, 4, 4), np.uint8)
    images[0, 0, 1] = 200
    assert (np.asarray(figures.tiles(images, gap=0)) == (0, 200, 0)).all()


def test_points_are_shown_as_they_were_drawn(plant, root, tmp_path):
    folder = plant(data={"name": "mixture", "shape": [1]})
    image = Image.new("RGB", (300, 200), (0, 200, 0))
    image.save(next((folder / "samples").glob("*.png")))
    runs = read_runs(root)
    picture = pixels(figures.every_seed(runs, labels(runs), tmp_path / "e.png"))
    assert (picture == (0, 200, 0)).all(axis=2).sum() == 300 * 200


def test_without_any_samples_there_is_no_picture_of_them(plant, root, tmp_path):
    plant(samples=False)
    runs = read_runs(root)
    assert figures.every_seed(runs, labels(runs), tmp_path / "e.png") is None
    plant(seed=1)
    assert figures.every_seed(read_runs(root), labels(runs), tmp_path / "e.png")


def test_a_large_picture_keeps_its_size_in_fewer_colours(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (280, 280, 3), dtype=np.uint8)
    path = figures.save(Image.fromarray(noise), tmp_path / "noise.png")
    assert path.stat().st_size <= figures.LARGEST
    assert pixels(path).shape == noise.shape
    assert len(np.unique(pixels(path).reshape(-1, 3), axis=0)) <= 256


def test_many_cells_have_a_colour_each():
    assert figures.palette(3) == list(figures.COLOURS[:3])
    assert len(set(figures.palette(24))) == 24


def test_a_picture_of_a_probe_is_copied_unless_it_is_too_large(tmp_path):
    rng = np.random.default_rng(0)
    for side in (50, 400):
        Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(tmp_path / f"{side}.png")
        figures.copied(tmp_path / f"{side}.png", tmp_path / f"{side}_copy.png")
    assert (tmp_path / "50_copy.png").read_bytes() == (tmp_path / "50.png").read_bytes()
    assert (tmp_path / "400.png").stat().st_size > figures.LARGEST >= (tmp_path / "400_copy.png").stat().st_size
    assert pixels(tmp_path / "400_copy.png").shape == (400, 400, 3)
