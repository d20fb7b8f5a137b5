"""Training images without near-duplicates: the index that lsun_dedup writes, and data that take it."""

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image
from test_lsun import HELD, records, save

from ganrepro.data import lsun
from ganrepro.data.folder import ImageFolder
from ganrepro.data.kept import kept_index
from ganrepro.data.lsun import LSUN
from ganrepro.dedup.study import Deduplication
from ganrepro.errors import DataMissing, UserError
from ganrepro.streams import stream


def write(folder, kept, fingerprint):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "dedup.npz", kept=np.array(kept), fingerprint=np.array(fingerprint))
    return folder / "dedup.npz"


def test_the_index_of_these_data_among_others(tmp_path):
    write(tmp_path / "laptop" / "seed=0" / "artifacts", [0, 1], "other")
    path = write(tmp_path / "paper" / "seed=0" / "artifacts", [0, 2, 5], "these")
    for place in (tmp_path, tmp_path / "paper", path, str(path)):
        assert kept_index(place, "these", "rooms").tolist() == [0, 2, 5]
    write(tmp_path / "paper" / "seed=1" / "artifacts", [0, 2, 5], "these")
    assert kept_index(tmp_path, "these", "rooms").tolist() == [0, 2, 5]


def test_none_several_and_a_damaged_index(tmp_path):
    with pytest.raises(
        DataMissing, match=r"no index of what stays of rooms.\nMake it with python run.py experiment=ls"
    ):
        kept_index(tmp_path / "absent", "these", "rooms")
    first = write(tmp_path / "a", [0, 1], "these")
    with pytest.raises(DataMissing, match=r"rooms \(the 1 there are of other images\)"):
        kept_index(tmp_path, "those", "rooms")
    write(tmp_path / "b", [0, 2], "these")
    with pytest.raises(UserError, match=r"holds 2 indices of rooms that differ: name one with data.index=(.|\n)*a/ded"):
        kept_index(tmp_path, "these", "rooms")
    whole = first.read_bytes()
    for damaged in (b"", whole[:100], b"<html>"):
        first.write_bytes(damaged)
        with pytest.raises(UserError, match=r"Cannot read the index .*a/dedup.npz"):
            kept_index(tmp_path, "these", "rooms")


def test_a_folder_goes_on_with_what_stays(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "rooms").mkdir()
    for at in range(30):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / "rooms" / f"{at:02}.png")
    whole = ImageFolder(tmp_path, "rooms", size=8)
    write(tmp_path / "index", [0, 3, 4, 20], whole.fingerprint)
    data = ImageFolder(tmp_path, "rooms", size=8, deduplicated=True, index=tmp_path / "index")
    assert torch.equal(data.train.pixels, whole.train.pixels[[0, 3, 4, 20]])
    assert torch.equal(data.validation.pixels, whole.validation.pixels)
    assert data.fingerprint != whole.fingerprint
    assert data.feed(0).size == 4


def test_lsun_goes_on_with_what_stays_in_a_file_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(lsun, "CHUNK", 3)
    save(tmp_path, records(17))
    whole = LSUN(tmp_path, size=8, **HELD)
    write(tmp_path / "index", [0, 1, 4, 8], whole.fingerprint)

    def fewer():
        return LSUN(tmp_path, size=8, deduplicated=True, index=tmp_path / "index", **HELD)

    data = fewer()
    assert torch.equal(data.train.pixels, whole.train.pixels[[0, 1, 4, 8]])
    assert torch.equal(data.validation.pixels, whole.validation.pixels)
    assert torch.equal(data.test.pixels, whole.test.pixels)
    torch.testing.assert_close(data.pixel_mean(), data.train.pixels.double().mean(0) / 127.5 - 1)
    assert data.fingerprint != whole.fingerprint
    monkeypatch.setattr(lsun, "_write", None)
    assert fewer().fingerprint == data.fingerprint, "written once"
    with pytest.raises(DataMissing, match="no index of what stays of LSUN bedroom"):
        LSUN(tmp_path, size=8, deduplicated=True, index=tmp_path / "nowhere", **HELD)


def test_from_planted_duplicates_in_a_database_to_training_without_them(tmp_path):
    """The whole way: what lsun_dedup writes of a database is what LSUN trains without."""
    stored = records(40)
    keys = list(stored)
    stored[keys[20]] = stored[keys[0]]
    save(tmp_path, stored)
    whole = LSUN(tmp_path, size=32, **HELD)
    assert torch.equal(whole.train.pixels[0], whole.train.pixels[20])
    found = Deduplication(whole, batch=16)(lambda *purpose: stream(0, *purpose), 20)
    (tmp_path / "index").mkdir()
    np.savez(tmp_path / "index" / "dedup.npz", **found.arrays["dedup"])
    data = LSUN(tmp_path, size=32, deduplicated=True, index=tmp_path / "index", **HELD)
    assert len(data.train) == found.metrics["kept"] <= 32
    assert len(data.train.pixels.flatten(1).unique(dim=0)) == len(data.train)


def test_the_centre_square_of_a_scene(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 255
    stored = records(12)
    place = save(tmp_path, stored)
    with lmdb.open(str(place), map_size=2**24) as opened, opened.begin(write=True) as transaction:
        file = tmp_path / "half.png"
        Image.fromarray(pixels).save(file)
        transaction.put(next(iter(stored)), file.read_bytes())
    cropped, squashed = (LSUN(tmp_path, size=8, crop=crop, **HELD) for crop in (True, False))
    assert cropped.train.pixels[0].min() == 255
    assert squashed.train.pixels[0].min() == 0
