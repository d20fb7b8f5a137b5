"""Data files cut off, or with a wrong bit, at random places: a plain error that names the file, or no harm done.

GANREPRO_DAMAGES says how often each; `make acceptance` has more. A database of LSUN is only cut off: lmdb has no
checksums, and a wrong bit in its own pages can kill the process that maps them.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import test_hwdb
import test_lsun
import test_tfd
from PIL import Image

from ganrepro.data.folder import ImageFolder
from ganrepro.data.hwdb import HWDB
from ganrepro.data.kept import kept_index
from ganrepro.data.lsun import LSUN
from ganrepro.data.tfd import FILE, TFD
from ganrepro.errors import UserError
from ganrepro.report.records import Run

DAMAGES = int(os.environ.get("GANREPRO_DAMAGES", "12"))

Made = tuple[Path, Callable[[], object]]  # a whole file, and what reads it


def tfd(root: Path) -> Made:
    test_tfd.save(root)
    return root / FILE, lambda: TFD(root)


def tfd_uncompressed(root: Path) -> Made:
    test_tfd.save(root, compressed=False)
    return root / FILE, lambda: TFD(root)


def hwdb(root: Path) -> Made:
    test_hwdb.saved(root)
    return root / "HWDB1.0trn_gnt" / "002-f.gnt", lambda: HWDB(root, validation=2)


def pictures(root: Path, suffix: str) -> Made:
    for at in range(10):
        pixels = np.random.default_rng(at).integers(0, 256, (12, 14, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{at}.{suffix}")
    return root / f"5.{suffix}", lambda: ImageFolder(root, ".", size=8)


def png(root: Path) -> Made:
    return pictures(root, "png")


def jpeg(root: Path) -> Made:
    return pictures(root, "jpeg")


def index(root: Path) -> Made:
    np.savez_compressed(root / "dedup.npz", fingerprint=np.array("0123"), kept=np.arange(90))
    return root / "dedup.npz", lambda: kept_index(root, "0123", "rooms")


def lsun(root: Path) -> Made:
    place = test_lsun.save(root, test_lsun.records(20))

    def read() -> LSUN:
        for made in (root / "lsun_decoded").glob("*"):
            made.unlink()
        return LSUN(root, size=8, **test_lsun.HELD)

    return place / "data.mdb", read


@pytest.mark.parametrize("kind", [tfd, tfd_uncompressed, hwdb, png, jpeg, index, lsun])
def test_damage_at_a_random_place(tmp_path: Path, kind: Callable[[Path], Made]) -> None:
    path, read = kind(tmp_path)
    read()
    whole, chance, refused = path.read_bytes(), random.Random(0), 0
    for at in range(DAMAGES):
        path.write_bytes(damaged(whole, chance, cut=at % 2 == 0 or kind is lsun))
        if said := error_of(read):
            assert path.name in said or path.parent.name in said
            assert len(said.splitlines()) <= 3
            refused += 1
    assert refused >= DAMAGES // 3
    print(f"{kind.__name__}: {refused} of {DAMAGES} damages refused")


def test_arrays_of_a_run_that_are_damaged_are_none(tmp_path: Path) -> None:
    path = tmp_path / "artifacts" / "samples.npz"
    path.parent.mkdir()
    np.savez_compressed(path, samples=np.arange(900))
    whole, chance = path.read_bytes(), random.Random(0)
    for at in range(DAMAGES):
        path.write_bytes(damaged(whole, chance, cut=at % 2 == 0))
        arrays = Run(tmp_path).arrays("samples")
        assert arrays is None or at % 2


def error_of(read: Callable[[], object]) -> str:
    """What is said of the data; "" where they are read."""
    try:
        read()
    except UserError as error:
        return str(error)
    return ""


def damaged(whole: bytes, chance: random.Random, cut: bool) -> bytes:
    """The file cut off, or with one bit turned."""
    at = chance.randrange(len(whole))
    return whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
