"""Grids and PNG files."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganrepro.pictures import grid, save_png


def test_tiles_stand_in_reading_order():
    """Five 32x32 tiles in rows of three, 2 pixels of black around each."""
    images = torch.arange(1, 6, dtype=torch.uint8)[:, None, None, None].expand(5, 1, 32, 32)
    picture = grid(images, 3)
    assert picture.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    assert picture.dtype == np.uint8
    corners = picture[2::34, 2::34, 0]
    assert corners.tolist() == [[1, 2, 3], [4, 5, 0]]
    assert not picture[:2].any()
    assert not picture[:, 34:36].any()


@pytest.mark.parametrize(("size", "factor"), [(8, 4), (25, 2), (28, 2), (32, 1), (64, 1)])
def test_small_tiles_are_enlarged_by_a_whole_factor(size, factor):
    images = torch.arange(2 * 3 * size * size).remainder(251).to(torch.uint8).view(2, 3, size, size)
    picture = grid(images, 2)
    tile = picture[2 : 2 + size * factor, 2 : 2 + size * factor]
    assert picture.shape[0] == size * factor + 4
    assert np.array_equal(tile, np.kron(images[0].permute(1, 2, 0), np.ones((factor, factor, 1), np.uint8)))


def test_a_picture_survives_the_disk_and_gives_the_same_bytes(tmp_path):
    picture = grid(torch.arange(4 * 64, dtype=torch.uint8).view(4, 1, 8, 8), 2)
    first, second = tmp_path / "deep" / "a.png", tmp_path / "b.png"
    save_png(first, picture)
    save_png(second, picture)
    save_png(second, picture)
    assert first.read_bytes() == second.read_bytes()
    assert np.array_equal(np.asarray(Image.open(first)), picture)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.png", "b.png", "deep"]
