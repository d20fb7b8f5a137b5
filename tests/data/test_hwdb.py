"""HWDB1.0: files of its layout, and everything that can be wrong with them."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganrepro.data.hwdb import HWDB
from ganrepro.errors import DataMissing, UserError

Character = tuple[bytes, np.ndarray]  # two bytes of GBK, uint8 [height, width]


def record(tag: bytes, pixels: np.ndarray) -> bytes:
    height, width = pixels.shape
    return struct.pack("<I", 10 + pixels.size) + tag + struct.pack("<HH", width, height) + pixels.tobytes()


def written(text: str, rng: np.random.Generator) -> list[Character]:
    """Pictures of unlike sizes, one a character, black on white; a Latin letter has a zero byte after it."""
    found = []
    for character in text:
        pixels = np.full((rng.integers(40, 90), rng.integers(30, 300)), 255, np.uint8)
        pixels[10:-10, 8:-8] = rng.integers(0, 100, pixels[10:-10, 8:-8].shape)
        found.append((character.encode("gbk").ljust(2, b"\0"), pixels))
    return found


def save(path: Path, characters: list[Character]) -> list[Character]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(record(*character) for character in characters))
    return characters


def saved(root: Path, train: str = "HWDB1.0trn_gnt", test: str = "HWDB1.0tst_gnt") -> tuple[list[Character], ...]:
    """Two writers to train on and one to test. 亍 and 丂 are beyond the first level, 丌 and A as well."""
    rng = np.random.default_rng(0)
    first = save(root / train / "002-f.gnt", written("座啊亍A丂", rng))
    second = save(root / train / "010-f.gnt", written("阿啊座", rng))
    third = save(root / test / "300-f.gnt", written("阿丌爱座", rng))
    return first, second, third


def squashed(pixels: np.ndarray, size: int = 28) -> torch.Tensor:
    picture = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(picture).copy())[None]


def refused(kind: type[Exception], *arguments, **options) -> str:
    with pytest.raises(UserError) as caught:
        HWDB(*arguments, **{"validation": 2} | options)
    assert type(caught.value) is kind
    assert str(caught.value).count("\n") <= 2
    return str(caught.value)


def test_first_level_characters_squashed_and_not_inverted(tmp_path):
    first, second, third = saved(tmp_path)
    data = HWDB(tmp_path, validation=2)
    assert data.classes == ["啊", "阿", "座"]  # 0xB0A1, 0xB0A2, 0xD7F9: the first two and the last
    assert (data.name, data.shape, data.value_range, data.stand_in_for) == ("hwdb", (1, 28, 28), (0, 1), None)
    expected = [first[0], first[1], second[0], second[1], second[2]]
    held = torch.cat([data.train.pixels, data.validation.pixels])
    assert torch.equal(held, torch.stack([squashed(pixels) for _, pixels in expected]))
    assert data.train.labels.tolist() + data.validation.labels.tolist() == [2, 0, 1, 0, 2]
    assert len(data.validation) == 2
    # 爱 is of the first level, but no writer to train on wrote it.
    assert torch.equal(data.test.pixels, torch.stack([squashed(third[at][1]) for at in (0, 3)]))
    assert data.test.labels.tolist() == [1, 2]
    assert data.normalise(data.train.pixels)[:, :, 0, 0].min() > 0.99, "the background must stay white"


def test_options_reach_the_data(tmp_path):
    saved(tmp_path, "1.0train-gb1", "1.0test-gb1")
    named = {"train_folder": "1.0train-gb1", "test_folder": str(tmp_path / "1.0test-gb1")}
    data = HWDB(tmp_path, size=16, value_range=[-1, 1], validation=1, **named)
    assert (data.shape, data.value_range, len(data.train), len(data.validation)) == ((1, 16, 16), (-1, 1), 4, 1)
    assert data.fingerprint != HWDB(tmp_path, size=16, validation=2, **named).fingerprint
    assert "data.size is 0" in refused(UserError, tmp_path, size=0)
    assert "data.validation is 5; it must be from 1 to 4." in refused(UserError, tmp_path, validation=5, **named)


def test_every_first_level_code_is_taken_and_no_other(tmp_path):
    """All 3,755 codes of rows B0 to D7, and their neighbours."""
    dot = np.zeros((2, 3), np.uint8)
    codes = [bytes([high, low]) for high in range(0xAF, 0xDA) for low in range(0x80, 0x100)]
    for name in ("HWDB1.0trn_gnt", "HWDB1.0tst_gnt"):
        save(tmp_path / name / "001.gnt", [(code, dot) for code in codes])
    data = HWDB(tmp_path, size=1, validation=1)
    assert len(data.classes) == 3755
    assert (data.classes[0], data.classes[-1]) == ("啊", "座")
    assert data.test.labels.tolist() == list(range(3755))


def test_absent_files_are_named_with_the_source_and_a_substitute(tmp_path):
    saved(tmp_path / "there")
    for options, folder, key in (
        ({"root": tmp_path}, tmp_path / "HWDB1.0trn_gnt", "data.train_folder"),
        ({"root": tmp_path / "there", "test_folder": "else"}, tmp_path / "there/else", "data.test_folder"),
    ):
        first, second, third = refused(DataMissing, **options).split("\n")
        assert f"no .gnt files in {folder}" in first
        assert "CASIA" in first
        assert key in second
        assert "data=image_folder" in third


def test_files_that_are_cut_off_or_damaged(tmp_path):
    first, *_ = saved(tmp_path)
    path = tmp_path / "HWDB1.0trn_gnt/002-f.gnt"
    whole, last = path.read_bytes(), len(record(*first[-1]))
    start = len(whole) - last
    path.write_bytes(whole[:-7])
    assert refused(UserError, tmp_path) == f"{path} is cut off: its last record, at byte {start}, lacks 7 bytes."
    path.write_bytes(whole[: start + 9])
    assert f"{path} is cut off: its last record, at byte {start}, has no whole" in refused(UserError, tmp_path)
    for damaged in (struct.pack("<I2sHH", 10, b"\xb0\xa1", 0, 5), struct.pack("<I2sHH", 11, b"\xb0\xa1", 5, 5)):
        path.write_bytes(whole + damaged + bytes(25))
        assert f"{path} is damaged at byte {len(whole)}: a record of 1" in refused(UserError, tmp_path)
    path.write_bytes(b"<html>moved for good</html>")
    assert f"{path} is damaged at byte 0" in refused(UserError, tmp_path)


def test_files_without_a_character_of_use(tmp_path):
    saved(tmp_path)
    save(tmp_path / "HWDB1.0tst_gnt/300-f.gnt", written("爱", np.random.default_rng(0)))
    assert "holds no character that" in refused(UserError, tmp_path)
    save(tmp_path / "HWDB1.0tst_gnt/300-f.gnt", [])
    assert "hold no character of GB2312's first level" in refused(UserError, tmp_path)
    (tmp_path / "HWDB1.0tst_gnt/300-f.gnt").unlink()
    (tmp_path / "HWDB1.0tst_gnt/sub.gnt").mkdir()
    assert "no .gnt files" in refused(DataMissing, tmp_path)
