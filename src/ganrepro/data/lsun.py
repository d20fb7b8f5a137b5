"""LSUN scenes from their lmdb databases, decoded once into a file that is mapped into memory.

The bedrooms at 112x112 are 114 GB of pixels, more than a machine's memory, so a split's pixels are a tensor over the
mapped file: a batch reads the pages that it needs. lmdb is imported where it is used, since no other data need it.
"""

import hashlib
import io
import json
import math
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor

from ganrepro.data.folder import at_size
from ganrepro.data.images import ImageData, Images
from ganrepro.data.kept import kept_index
from ganrepro.errors import DataMissing, UserError

SCENES = ("bedroom", "kitchen", "church_outdoor", "dining_room", "conference_room")  # those of the LSGAN paper
CACHE = "lsun_decoded"  # the folder under root that holds what was decoded
CHUNK = 500  # pictures that are decoded between two writes, for memory only

Record = tuple[bytes, bytes]  # a key, 40 hexadecimal digits, and the file of a picture


class LSUN(ImageData):
    """One scene of LSUN, RGB: each picture at `size` x `size`, unlabelled.

    The whole of a picture is squashed, or its centre square resized: LSGAN's authors squash (xudonmao/LSGAN,
    convert_lsun.py: scipy's imresize, which is Pillow's bilinear), the DCGAN paper speaks of centre crops. LSUN's
    own validation database has 300 pictures, too few to score with, so validation and test are the last ones of the
    training database. Its order is that of the keys, which are hashes, so any stretch of it is a random draw.
    """

    def __init__(
        self,
        root: str | Path,
        scene: str = "bedroom",
        size: int = 112,
        images: int | None = None,
        validation: int = 10_000,
        test: int = 10_000,
        value_range: Sequence[float] = (-1.0, 1.0),
        crop: bool = False,
        deduplicated: bool = False,
        index: str | Path = "runs/lsun_dedup",
    ) -> None:
        """`root` holds <scene>_train_lmdb. `images`: how many to train on, the first by key; None: all but held out.

        `deduplicated`: without the training images that an index under `index` leaves out (`kept_index`).
        The first start with a scene, a size and such numbers decodes them into root/lsun_decoded; later ones map
        that file, and do so too where the database is gone. What stays of them is a second file. Raises DataMissing
        where neither is there, UserError for a picture that cannot be read, more pictures than there are, or a disk
        too small; and what `kept_index` raises.
        """
        if scene not in SCENES:
            raise UserError(f"data.scene is {scene}; it must be one of {', '.join(SCENES)}.")
        if min(size, validation, test, 1 if images is None else images) < 1:
            raise UserError("data.size, data.images, data.validation and data.test must be at least 1.")
        home = Path(root).expanduser().absolute()
        counts = "all" if images is None else str(images)
        held = validation + test
        path = home / CACHE / f"{scene}-{size}{'-crop' * crop}-{counts}-{validation}-{test}.uint8"
        database = home / f"{scene}_train_lmdb"
        about = _described(path, database) or _decoded(path, home, scene, size, crop, images, (validation, test))
        if deduplicated:
            kept = kept_index(index, about["fingerprint"], f"LSUN {scene}")
            path, about = _without(kept, path, about, (3, size, size), held)
        train = about["train"]
        self.total = torch.tensor(about["total"], dtype=torch.float64)
        pixels = _mapped(path, (train + held, 3, size, size))
        whole = Images(pixels, torch.full((len(pixels),), -1))
        parts = whole[:train], whole[train : train + validation], whole[train + validation :]
        super().__init__(f"lsun_{scene}", *parts, value_range=value_range)
        # Taken over all pixels as for any other set, but once, while they were written: reading 114 GB at every start
        # would take minutes.
        self.fingerprint = about["fingerprint"]

    def pixel_mean(self) -> Tensor:
        """The mean training image as networks see it, float64 [3, size, size]; from a sum taken while decoding."""
        low, _ = self.value_range or (0.0, 1.0)
        return self.total / len(self.train) * (self.span / 255) + low


def _described(path: Path, database: Path | None) -> dict[str, Any] | None:
    """What was noted of a decoded file; None where it is absent, or made from another database than lies there."""
    try:
        about = json.loads(_note(path).read_text())
        size = path.stat().st_size
    except (OSError, ValueError):
        return None
    changed = database is not None and database.exists() and about["entries"] != _entries(database)
    return None if changed or size != about["bytes"] else about


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The file as uint8 of `shape`, which must never be written to.

    Read-only, though torch warns of that: a private writable map of more than the memory is refused by Linux.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(np.memmap(path, np.uint8, "r", shape=shape))


def _decoded(
    path: Path, home: Path, scene: str, size: int, crop: bool, images: int | None, held_out: tuple[int, int]
) -> dict[str, Any]:
    """Decodes a scene into `path`, unless another process did so in the meantime; what is noted of it."""
    database, held = home / f"{scene}_train_lmdb", sum(held_out)
    if not database.exists():
        raise DataMissing(
            f"LSUN {scene} is not there: no {database}.\n"
            f"Get {scene}_train_lmdb.zip with the download script of github.com/fyu/lsun and unpack it into {home}, "
            "or name another folder with data.root=...\n"
            f"Nearest substitute: data=image_folder data.folder=... data.size={size} data.crop={str(crop).lower()} "
            "data.value_range=[-1,1] "
            f"\"data.stand_in_for='LSUN {scene}'\"."
        )
    entries = _entries(database)
    train = entries - held if images is None else images
    if not 0 < train <= entries - held:
        raise UserError(
            f"{database} holds {entries} pictures, too few for data.images={'null' if images is None else images} "
            f"data.validation={held_out[0]} data.test={held_out[1]}."
        )
    chunks = _pictures(database, size, crop, train, held)
    return _made(path, database, chunks, {"entries": entries, "train": train}, (train + held, 3, size, size))


def _without(
    kept: Tensor, path: Path, about: dict[str, Any], shape: tuple[int, int, int], held: int
) -> tuple[Path, dict[str, Any]]:
    """The file of the training images that are kept, with all that are held out, and what is noted of it."""
    pixels = _mapped(path, (about["train"] + held, *shape))
    which = torch.cat([kept, torch.arange(about["train"], len(pixels))])
    name = hashlib.sha256(kept.numpy().astype("<i8").tobytes()).hexdigest()[:8]
    smaller = path.with_stem(f"{path.stem}-kept-{name}")
    known = _described(smaller, None)
    if known is None:
        chunks = (pixels[some].numpy() for some in which.split(CHUNK))
        noted = {"entries": about["entries"], "train": len(kept)}
        known = _made(smaller, None, chunks, noted, (len(which), *shape))
    return smaller, known


def _made(
    path: Path, database: Path | None, chunks: Iterator[np.ndarray], noted: dict[str, Any], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Writes pictures of `shape` [n, c, h, w] into `path` once, however many processes ask; what is noted of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):  # a sweep's workers start at once; the others find the work done
            about = _described(path, database)
            if about is None:
                _check_space(path, math.prod(shape))
                about = noted | _write(path, chunks, noted["train"], shape)
                _replace(_note(path), json.dumps(about).encode())
    except OSError as error:
        raise UserError(
            f"LSUN: cannot write {error.filename or path}: {error.strerror or error}.\n"
            "Name a folder that you can write to with data.root=... (or GANREPRO_DATA)."
        ) from error
    return about


def _check_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise UserError(
            f"{path} needs {needed / 1e9:.1f} GB for the decoded pictures; {free / 1e9:.1f} GB are free.\n"
            "data.images=100000 takes only so many of them, data.root=... another disk."
        )
    if needed > 1e9:
        print(f"Decoding {needed / 1e9:.0f} GB of LSUN into {path}; this is done once.", file=sys.stderr)


def _write(path: Path, chunks: Iterator[np.ndarray], train: int, shape: tuple[int, ...]) -> dict[str, Any]:
    """All pictures, uint8, into `path`: bytes, fingerprint, and the sum of the first `train`, which are trained on."""
    digest = hashlib.sha256(repr((shape[-1], train, shape[0] - train)).encode())
    total, written = np.zeros(shape[1:], np.int64), 0
    part = path.with_suffix(".part")
    try:
        with open(part, "wb") as file:
            for pixels in chunks:
                total += pixels[: max(0, train - written)].sum(0, dtype=np.int64)
                written += len(pixels)
                digest.update(pixels.data)
                file.write(pixels.data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)  # of a start that failed, which may be many gigabytes
    return {"bytes": path.stat().st_size, "fingerprint": digest.hexdigest()[:16], "total": total.tolist()}


def _pictures(database: Path, size: int, crop: bool, train: int, held: int) -> Iterator[np.ndarray]:
    """The first `train` and the last `held` pictures, uint8 [m, 3, size, size] at a time, decoded by threads."""
    picture = partial(_picture, size=size, crop=crop, database=database)
    with ThreadPoolExecutor() as pool:
        records = _records(database, train, held)
        while chunk := list(islice(records, CHUNK)):
            yield np.stack(list(pool.map(picture, chunk)))


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def _picture(record: Record, size: int, crop: bool, database: Path) -> np.ndarray:
    """The whole picture, or its centre square, as uint8 [3, size, size]."""
    key, value = record
    try:
        with Image.open(io.BytesIO(value)) as opened:
            picture = at_size(opened.convert("RGB"), size, 1.0 if crop else None)
    except Exception as error:  # a damaged file makes Pillow raise anything from SyntaxError to struct.error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{database}: cannot read the picture {key.decode(errors='replace')}: {reason}.") from error
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


def _records(database: Path, first: int, last: int) -> Iterator[Record]:
    """The first so many records and the last so many, both in the order of the keys."""
    with _opened(database) as transaction:
        yield from islice(transaction.cursor(), first)
        cursor = transaction.cursor()
        cursor.last()
        for key in reversed(list(islice(cursor.iterprev(values=False), last))):
            yield key, transaction.get(key)


def _entries(database: Path) -> int:
    with _opened(database) as transaction:
        return int(transaction.stat()["entries"])


@contextmanager
def _opened(database: Path) -> Iterator[Any]:
    """A reading transaction; UserError for what lmdb cannot read."""
    import lmdb

    try:
        # Without a lock the folder may be read-only; without readahead the pages of 43 GB do not crowd out others.
        with (
            lmdb.open(str(database), subdir=database.is_dir(), readonly=True, lock=False, readahead=False) as opened,
            opened.begin() as transaction,
        ):
            _check_length(database, (opened.info()["last_pgno"] + 1) * opened.stat()["psize"])
            yield transaction
    except lmdb.Error as error:
        raise UserError(f"Cannot read the database {database}: {' '.join(str(error).split())}.") from error


def _check_length(database: Path, needed: int) -> None:
    """UserError for a file that is cut off: lmdb maps it, and to read beyond its end kills the process."""
    file = database / "data.mdb" if database.is_dir() else database
    if file.stat().st_size < needed:
        raise UserError(f"{file} is cut off: it has {file.stat().st_size} bytes of {needed}.")
