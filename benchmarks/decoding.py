"""How fast LSUN's pictures can be read: decoded from lmdb at every use, or once and then from a mapped file.

The database is written here in LSUN's form, webp pictures of 341x256 under SHA-1 keys, of pieces of photographs. It and
the decoded file are small enough to stay in memory, so no disk is measured: a set larger than the memory is read at the
disk's pace, 12 KB a picture at 64x64.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

import lmdb
import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.paired import seconds
from ganrepro.data import lsun
from ganrepro.data.lsun import LSUN

PICTURES, DISTINCT = 2000, 500  # encoding takes longer than decoding, so each picture lies under several keys
WIDTH, HEIGHT, SIZE, BATCH = 341, 256, 64, 128
HELD_OUT = 100  # for validation, and as many for test


def encoded(n: int) -> Iterator[bytes]:
    """n webp files of pieces of scikit-learn's two photographs, every other one mirrored."""
    photographs, rng = load_sample_images().images, np.random.default_rng(0)
    for at in range(n):
        photograph = photographs[at % len(photographs)]
        top, left = (int(rng.integers(room)) for room in (len(photograph) - HEIGHT, photograph.shape[1] - WIDTH))
        piece = photograph[top : top + HEIGHT, left : left + WIDTH][:, :: 1 if at % 4 < 2 else -1]
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(piece)).save(file, "webp", quality=75)
        yield file.getvalue()


def write_database(root: Path, pictures: int = PICTURES, distinct: int = DISTINCT) -> Path:
    """root/bedroom_train_lmdb with so many pictures, of which `distinct` differ."""
    place, files = root / "bedroom_train_lmdb", list(encoded(distinct))
    with lmdb.open(str(place), map_size=2**30) as opened, opened.begin(write=True) as transaction:
        for at in range(pictures):
            transaction.put(hashlib.sha1(str(at).encode()).hexdigest().encode(), files[at % distinct])
    return place


class Scenes(Dataset):
    """Reads as one would write it, and as torchvision's LSUN does: one picture by key, decoded, then the transform."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.opened: lmdb.Environment | None = None  # each process opens its own
        with lmdb.open(str(database), readonly=True, lock=False) as opened, opened.begin() as transaction:
            self.keys = list(transaction.cursor().iternext(values=False))
        self.transform = transforms.Compose(
            [transforms.Resize((SIZE, SIZE)), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
        )

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Tensor:
        self.opened = self.opened or lmdb.open(str(self.database), readonly=True, lock=False, readahead=False)
        with self.opened.begin() as transaction:
            file = io.BytesIO(transaction.get(self.keys[index], b""))
        with Image.open(file) as picture:
            return self.transform(picture.convert("RGB"))


def decoded(root: Path, held_out: int = HELD_OUT) -> LSUN:
    """The scene in `root`, whose first use decodes it."""
    return LSUN(root, size=SIZE, validation=held_out, test=held_out)


def by_threads(database: Path, workers: int, held_out: int) -> None:
    """One pass of what a first start does, into a folder of its own: decode in threads, write, take sum and digest."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(lsun, "ThreadPoolExecutor", partial(ThreadPoolExecutor, workers)),
    ):
        (Path(folder) / database.name).symlink_to(database)
        decoded(Path(folder), held_out)


def by_processes(database: Path, workers: int) -> Callable[[], None]:
    """A pass of a DataLoader in shuffled batches, its processes kept from one pass to the next."""
    loader = DataLoader(Scenes(database), batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=True)

    def one_pass() -> None:
        for _ in loader:
            pass

    return one_pass


def gathered(data: LSUN, batches: int) -> Callable[[], None]:
    """So many batches of BATCH from the mapped file, in the networks' range."""
    feed = data.feed(0)

    def some_batches() -> None:
        for at in range(batches):
            feed.batch(at * BATCH, BATCH)

    return some_batches


def worker_counts() -> list[int]:
    """1, 2, 4, ... and all cores."""
    cores = os.cpu_count() or 1
    return sorted({2**power for power in range(cores.bit_length()) if 2**power < cores} | {cores})


def rates(works: dict[str, Callable[[], None]], images: dict[str, int], rounds: int) -> dict[str, float]:
    """Images a second, the median of rounds of which each measures all; one round before them to warm up."""
    found = [{name: images[name] / seconds(work) for name, work in works.items()} for _ in range(1 + rounds)]
    return {name: median(measured[name] for measured in found[1:]) for name in works}


def rows(
    pictures: int = PICTURES, distinct: int = DISTINCT, held_out: int = HELD_OUT, batches: int = 200, rounds: int = 3
) -> Iterator[str]:
    """The lines to print."""
    with tempfile.TemporaryDirectory() as folder:
        database = write_database(Path(folder), pictures, distinct)
        works = {"mapped": gathered(decoded(Path(folder), held_out), batches)}
        for workers in worker_counts():
            works[f"threads {workers}"] = partial(by_threads, database, workers, held_out)
            works[f"processes {workers}"] = by_processes(database, workers)
        found = rates(works, dict.fromkeys(works, pictures) | {"mapped": batches * BATCH}, rounds)
    for kind, label in (("processes", "at every use, by workers of a DataLoader"), ("threads", "once, by threads")):
        each = ", ".join(f"{workers}: {found[f'{kind} {workers}']:,.0f}" for workers in worker_counts())
        yield f"LSUN {SIZE}x{SIZE}, images/s decoded {label}: {each}"
    yield f"LSUN {SIZE}x{SIZE}, images/s in batches of {BATCH} from the decoded file, warm: {found['mapped']:,.0f}"


def main() -> None:
    torch.set_num_threads(1)
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
