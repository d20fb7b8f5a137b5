"""MNIST, Fashion-MNIST, CIFAR-10 and SVHN: fetched and read through torchvision, checked by md5.

torchvision is imported where it is used, since its import takes seconds and other data do not need it.
"""

import http.client
import shlex
import ssl
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from filelock import FileLock

from ganrepro.data.few import few
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import DataMissing, UserError

if TYPE_CHECKING:
    from torchvision import datasets

# md5 of the unpacked files; torchvision has those of the .gz files only, and reads unpacked ones unchecked.
MNIST_FILES = {
    "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
FASHION_MNIST_FILES = {
    "FashionMNIST/raw/train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "FashionMNIST/raw/train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "FashionMNIST/raw/t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}

# Every study has it; a data option alone seldom fits the study's networks, in size and range.
SUBSTITUTE = "scale=laptop, which has data that need no download"

# RuntimeError is torchvision's word for a failed download or a wrong md5. The rest are the failures of a
# network; most are OSErrors, as are those of a disk, so these are named one by one.
FETCH_ERRORS = (
    RuntimeError,
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


class MNIST(ImageData):
    """MNIST, 28x28 grey; train is 0-49,999, validation 50,000-59,999 (2014 GAN, authors' mnist.yaml)."""

    def __init__(
        self,
        root: str | Path,
        download: bool = True,
        validation: int = 10_000,
        value_range: Sequence[float] = (0.0, 1.0),
        stand_in_for: str | None = None,
        images: int | None = None,
        pick: str = "last_of_class",
    ) -> None:
        """`root` holds MNIST/raw; `validation` is the number of last training images held out.

        `images`, `pick`: how many of the others are trained on, and which (ganrepro.data.few); None: all.
        Raises DataMissing where files are absent and not fetched, UserError where one is corrupt or `root`
        cannot be written, and as `few` does.
        """
        from torchvision import datasets

        splits = _mnist_splits("MNIST", datasets.MNIST, MNIST_FILES, root, download, validation)
        train, held_out, test = splits
        digits = [str(digit) for digit in range(10)]
        super().__init__("mnist", few(train, images, pick), held_out, test, digits, value_range, stand_in_for)


class FashionMNIST(ImageData):
    """Fashion-MNIST, 28x28 grey, in the files and splits of MNIST."""

    def __init__(
        self,
        root: str | Path,
        download: bool = True,
        validation: int = 10_000,
        value_range: Sequence[float] = (0.0, 1.0),
        stand_in_for: str | None = None,
        images: int | None = None,
        pick: str = "last_of_class",
    ) -> None:
        """As MNIST; `root` holds FashionMNIST/raw."""
        from torchvision import datasets

        kind = datasets.FashionMNIST
        splits = _mnist_splits("Fashion-MNIST", kind, FASHION_MNIST_FILES, root, download, validation)
        train, held_out, test = splits
        train = few(train, images, pick)
        super().__init__("fashion_mnist", train, held_out, test, kind.classes, value_range, stand_in_for)


class CIFAR10(ImageData):
    """CIFAR-10, 32x32 RGB; train is 0-39,999 (2014 GAN, authors' cifar10 YAMLs), validation 40,000-49,999."""

    def __init__(
        self,
        root: str | Path,
        download: bool = True,
        validation: int = 10_000,
        value_range: Sequence[float] | None = (0.0, 1.0),
        scaling: str = "range",
        stand_in_for: str | None = None,
        images: int | None = None,
        pick: str = "last_of_class",
    ) -> None:
        """As MNIST; `root` holds cifar-10-batches-py with all six batches and batches.meta.

        `scaling`: "gcn" is the 2014 authors', with value_range None.
        """
        from torchvision import datasets

        folder, kind = _root(root), datasets.CIFAR10
        batches = [*kind.train_list, *kind.test_list, [kind.meta["filename"], kind.meta["md5"]]]
        _complete(
            "CIFAR-10",
            folder,
            {f"{kind.base_folder}/{name}": md5 for name, md5 in batches},
            (lambda: kind(folder, download=True)) if download else None,
            source=kind.url,
            place=folder,
        )
        stored, tested = kind(folder, train=True), kind(folder, train=False)
        train, held_out = _hold_out(_images(stored.data.transpose(0, 3, 1, 2), stored.targets), validation)
        test = _images(tested.data.transpose(0, 3, 1, 2), tested.targets)
        train = few(train, images, pick)
        super().__init__("cifar10", train, held_out, test, stored.classes, value_range, stand_in_for, scaling=scaling)


class SVHN(ImageData):
    """Street View House Numbers, cropped digits, 32x32 RGB, without the extra part.

    Validation is the last 10,000 of train's 73,257; the DCGAN authors also hold out 10,000 of them, shuffled.
    """

    def __init__(
        self,
        root: str | Path,
        download: bool = True,
        validation: int = 10_000,
        value_range: Sequence[float] | None = (0.0, 1.0),
        scaling: str = "range",
    ) -> None:
        """As MNIST; `root` holds train_32x32.mat and test_32x32.mat. Label 0 is the digit 0."""
        from torchvision import datasets

        folder, kind = _root(root), datasets.SVHN
        _complete(
            "SVHN",
            folder,
            {kind.split_list[split][1]: kind.split_list[split][2] for split in ("train", "test")},
            (lambda: [kind(folder, split, download=True) for split in ("train", "test")]) if download else None,
            source=" and ".join(kind.split_list[split][0] for split in ("train", "test")),
            place=folder,
        )
        stored, tested = kind(folder, "train"), kind(folder, "test")
        train, held_out = _hold_out(_images(stored.data, stored.labels), validation)
        test = _images(tested.data, tested.labels)
        digits = [str(digit) for digit in range(10)]
        super().__init__("svhn", train, held_out, test, digits, value_range, scaling=scaling)


def _root(root: str | Path) -> Path:
    return Path(root).expanduser().absolute()


def _complete(
    title: str,
    root: Path,
    files: Mapping[str, str],
    fetch: Callable[[], object] | None,
    source: str,
    place: Path,
) -> None:
    """Sees that every file (path under root: md5) is there and intact; fetches once where one is absent."""
    from torchvision.datasets.utils import check_integrity

    paths = {root / name: md5 for name, md5 in files.items()}

    def absent() -> Path | None:
        return next((path for path in paths if not path.exists()), None)

    def faulty() -> Path | None:
        return absent() or next((path for path, md5 in paths.items() if not check_integrity(path, md5)), None)

    try:
        found, reason = faulty(), "download=false"
        if found and fetch is not None:
            # Under the lock, since a file that looks corrupt may be one that another worker is unpacking.
            reason = _fetch(title, root, lambda: fetch() if absent() else None)
            found = faulty()
        if found and not found.exists():
            raise DataMissing(
                f"{title} is not there: no {found} ({reason}).\n"
                f"Get it from {source} into {place}, or name another folder with data.root=...\n"
                f"Nearest substitute: {SUBSTITUTE}."
            )
    except OSError as error:
        raise UserError(f"{title}: cannot read {error.filename or root}: {error.strerror or error}.") from error
    if found:
        raise UserError(
            f"{title}: {found} is truncated or corrupt (its md5 is not {paths[found]}).\n"
            f"Delete it (rm {shlex.quote(str(found))}) and start again to have it fetched anew (data.download=true)."
        )


def _fetch(title: str, root: Path, fetch: Callable[[], object]) -> str:
    """Fetches under a lock, so that a sweep's workers do not write one file at once; says how it failed."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{title}.lock"):
            fetch()
    except FETCH_ERRORS as error:
        # torchvision lists every mirror with its answer, over many lines; the last answer is enough.
        return f"fetching failed: {' '.join(str(error).rpartition('got:')[2].split())}"
    except OSError as error:
        raise UserError(
            f"{title}: cannot write to {root}: {error.strerror or error}.\n"
            "Name a folder that you can write to with data.root=... (or GANREPRO_DATA)."
        ) from error
    return "what was fetched did not hold it"


def _mnist_splits(
    title: str,
    kind: "type[datasets.MNIST]",
    files: Mapping[str, str],
    root: str | Path,
    download: bool,
    validation: int,
) -> tuple[Images, Images, Images]:
    """Train, validation and test of a set in MNIST's format; `files` has train's two first."""
    folder = _root(root)
    train_images, train_labels, test_images, test_labels = (folder / name for name in files)
    _complete(
        title,
        folder,
        files,
        (lambda: kind(folder, download=True)) if download else None,
        source=f"{kind.mirrors[0]} ({', '.join(name for name, _ in kind.resources)})",
        place=train_images.parent,
    )
    train, held_out = _hold_out(_read_idx(train_images, train_labels), validation)
    return train, held_out, _read_idx(test_images, test_labels)


def _read_idx(images: Path, labels: Path) -> Images:
    from torchvision.datasets.mnist import read_image_file, read_label_file

    return Images(read_image_file(str(images))[:, None], read_label_file(str(labels)))


def _images(pixels: np.ndarray, labels: Sequence[int] | np.ndarray) -> Images:
    return Images(torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(np.asarray(labels, dtype=np.int64)))


def _hold_out(images: Images, count: int) -> tuple[Images, Images]:
    """All but the last `count` images, and those."""
    if not 0 < count < len(images):
        raise UserError(f"data.validation is {count}; it must be from 1 to {len(images) - 1}.")
    return images[:-count], images[-count:]
