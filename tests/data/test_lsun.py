"""LSUN: a small database of its layout, the file it is decoded into, and what can be wrong with both."""

import hashlib
import io
import os
import pickle
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image

from ganrepro.data import lsun
from ganrepro.data.lsun import LSUN
from ganrepro.errors import DataMissing, UserError
from ganrepro.feeds import ImageFeed

HELD = {"validation": 3, "test": 4}


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **({"lossless": True} if kind == "webp" else {"quality": 75}))
    return file.getvalue()


def records(n: int, height: int = 20, width: int = 30) -> dict[bytes, bytes]:
    """n records as LSUN has them, by key: SHA-1 in hexadecimal, and a webp or JPEG file whose shorter side is 256."""
    rng, found = np.random.default_rng(0), {}
    for at in range(n):
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        found[hashlib.sha1(str(at).encode()).hexdigest().encode()] = encoded(pixels, ("webp", "jpeg")[at % 2])
    return dict(sorted(found.items()))


def save(root: Path, stored: dict[bytes, bytes], scene: str = "bedroom") -> Path:
    place = root / f"{scene}_train_lmdb"
    with lmdb.open(str(place), map_size=2**24) as opened, opened.begin(write=True) as transaction:
        for key in [key for key, _ in transaction.cursor()]:
            transaction.delete(key)
        for key, value in stored.items():
            transaction.put(key, value)
    return place


def squashed(value: bytes, size: int) -> torch.Tensor:
    picture = Image.open(io.BytesIO(value)).convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)


def refused(kind: type[Exception], *arguments, **options) -> str:
    with pytest.raises(UserError) as caught:
        LSUN(*arguments, **HELD | options)
    assert type(caught.value) is kind
    assert str(caught.value).count("\n") <= 2
    return str(caught.value)


def test_whole_pictures_in_the_order_of_their_keys(tmp_path, monkeypatch):
    monkeypatch.setattr(lsun, "CHUNK", 6)  # a chunk that spans train and validation
    stored = records(17)
    save(tmp_path, stored)
    data = LSUN(tmp_path, size=8, **HELD)
    expected = torch.stack([squashed(value, 8) for value in stored.values()])
    for split, pixels in (
        (data.train, expected[:10]),
        (data.validation, expected[10:13]),
        (data.test, expected[13:]),
    ):
        assert torch.equal(split.pixels, pixels)
        assert set(split.labels.tolist()) == {-1}
    assert (data.name, data.shape, data.value_range, data.stand_in_for) == ("lsun_bedroom", (3, 8, 8), (-1, 1), None)
    exact = expected[:10].double().mean(0) / 127.5 - 1
    torch.testing.assert_close(data.pixel_mean(), exact)
    assert data.describe()["train"] == 10


def test_the_first_images_and_the_same_ones_held_out(tmp_path):
    stored = records(17)
    save(tmp_path, stored)
    whole, few = LSUN(tmp_path, size=8, **HELD), LSUN(tmp_path, size=8, images=2, value_range=[0, 1], **HELD)
    assert torch.equal(few.train.pixels, whole.train.pixels[:2])
    assert torch.equal(few.validation.pixels, whole.validation.pixels)
    assert torch.equal(few.test.pixels, whole.test.pixels)
    torch.testing.assert_close(few.pixel_mean(), few.train.pixels.double().mean(0) / 255)
    prints = {data.fingerprint for data in (whole, few, LSUN(tmp_path, size=9, **HELD))}
    assert len(prints) == 3


def test_it_is_decoded_once_and_goes_on_without_the_database(tmp_path, monkeypatch):
    place = save(tmp_path, records(12))
    first = LSUN(tmp_path, size=8, **HELD)

    def forbid(*_arguments, **_options):
        raise AssertionError("decoded again")

    monkeypatch.setattr(lsun, "_write", forbid)
    for file in place.iterdir():
        file.unlink()
    place.rmdir()
    again = LSUN(tmp_path, size=8, **HELD)
    assert again.fingerprint == first.fingerprint
    assert torch.equal(again.train.pixels, first.train.pixels)
    assert torch.equal(again.pixel_mean(), first.pixel_mean())


def test_a_worker_that_waited_finds_the_work_done(tmp_path, monkeypatch):
    save(tmp_path, records(12))
    first, described, asked = LSUN(tmp_path, size=8, **HELD), lsun._described, []

    def at_first_absent(*arguments):
        asked.append(arguments)
        return described(*arguments) if len(asked) > 1 else None

    monkeypatch.setattr(lsun, "_described", at_first_absent)
    monkeypatch.setattr(lsun, "_write", None)
    assert LSUN(tmp_path, size=8, **HELD).fingerprint == first.fingerprint
    assert len(asked) == 2


def test_another_database_and_a_cut_off_file_are_decoded_again(tmp_path):
    save(tmp_path, records(12))
    first = LSUN(tmp_path, size=8, images=4, **HELD)
    save(tmp_path, records(14))
    second = LSUN(tmp_path, size=8, images=4, **HELD)
    assert second.fingerprint != first.fingerprint
    (file,) = (tmp_path / lsun.CACHE).glob("*.uint8")
    file.write_bytes(file.read_bytes()[:-1])
    assert LSUN(tmp_path, size=8, images=4, **HELD).fingerprint == second.fingerprint


def test_batches_are_gathered_from_the_mapped_file(tmp_path):
    save(tmp_path, records(17))
    data = LSUN(tmp_path, size=8, **HELD)
    assert isinstance(data.feed(0), ImageFeed)
    copied = ImageFeed(data.train.pixels.clone(), data.normalise, 0, labels=data.train.labels)
    for seen in (0, 7, 23):
        assert torch.equal(data.feed(0).batch(seen, 8), copied.batch(seen, 8))
    assert data.feed(0).labels(7, 4).tolist() == [-1] * 4


def test_a_picture_that_cannot_be_read_is_named_by_its_key(tmp_path):
    stored = records(12)
    key = list(stored)[5]
    for damaged in (b"", b"<html>", stored[key][: len(stored[key]) // 2]):
        place = save(tmp_path, stored | {key: damaged})
        message = refused(UserError, tmp_path, size=8)
        assert message.startswith(f"{place}: cannot read the picture {key.decode()}: ")
        assert {path.suffix for path in tmp_path.glob("lsun_decoded/*")} == {".lock"}
    save(tmp_path, stored)
    assert len(LSUN(tmp_path, size=8, **HELD).train) == 5


def test_an_absent_scene_is_named_with_its_source_and_a_substitute(tmp_path):
    save(tmp_path, records(12), "kitchen")
    first, second, third = refused(DataMissing, tmp_path, scene="dining_room", size=64).split("\n")
    assert f"no {tmp_path}/dining_room_train_lmdb" in first
    assert "dining_room_train_lmdb.zip" in second
    assert f"into {tmp_path}" in second
    assert "data.root=" in second
    assert "data=image_folder data.folder=... data.size=64 data.crop=false" in third
    assert LSUN(tmp_path, scene="kitchen", size=8, **HELD).name == "lsun_kitchen"


def test_numbers_that_do_not_fit(tmp_path):
    save(tmp_path, records(12))
    assert "holds 12 pictures, too few for data.images=6 data.validation=3" in refused(UserError, tmp_path, images=6)
    assert "too few for data.images=null data.validation=8 data.test=4" in refused(UserError, tmp_path, validation=8)
    assert "at least 1" in refused(UserError, tmp_path, size=0)
    assert "data.scene is tower; it must be one of bedroom, kitchen" in refused(UserError, tmp_path, scene="tower")


def test_a_database_that_is_none(tmp_path):
    place = tmp_path / "bedroom_train_lmdb"
    place.mkdir()
    assert f"Cannot read the database {place}" in refused(UserError, tmp_path)
    (place / "data.mdb").write_bytes(b"<html>moved</html>" * 1000)
    assert f"Cannot read the database {place}" in refused(UserError, tmp_path)


def test_a_full_disk_and_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    save(tmp_path, records(12))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    assert "0.0 GB are free" in refused(UserError, tmp_path, size=8)
    monkeypatch.undo()
    (tmp_path / lsun.CACHE).rename(tmp_path / "aside")
    (tmp_path / lsun.CACHE).write_text("a file where a folder should be")
    message = refused(UserError, tmp_path, size=8)
    assert f"cannot write {tmp_path}/lsun_decoded" in message
    assert "data.root=" in message


def test_more_pixels_than_memory_can_be_mapped(tmp_path):
    """A file with a hole: a private writable map of its size is what Linux refuses."""
    path = tmp_path / "pixels"
    with open(path, "wb") as file:
        file.truncate(3_033_042 * 3 * 112**2)
    pixels = lsun._mapped(path, (3_033_042, 3, 112, 112))
    taken = pixels.index_select(0, torch.tensor([3_033_041, 5]))
    assert taken.shape == (2, 3, 112, 112)
    assert taken.sum() == 0


def test_a_record_that_is_a_program_is_no_picture(tmp_path):
    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    stored = records(12)
    stored[next(iter(stored))] = pickle.dumps(Planted())
    save(tmp_path, stored)
    assert "cannot read the picture" in refused(UserError, tmp_path, size=8)
    assert not (tmp_path / "ran").exists()
