"""HWDB1.0, CASIA's offline handwritten Chinese characters, read from its .gnt files."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import DataMissing, UserError

HEADER = struct.Struct("<I2sHH")  # bytes of the record, the character in GBK, width, height; then the grey pixels


class HWDB(ImageData):
    """28x28 grey characters, dark ink on white as stored, each picture squashed to the square.

    The classes are the characters of GB2312's first level (rows B0 to D7) that the training files hold, in the order
    of their codes: 3,740 for HWDB1.0, which lacks 15 of the 3,755. Everything else in the files is passed over. That
    is the "1.0train-gb1" of xudonmao/LSGAN (convert_icdar.py), whose resizing is Pillow's bilinear too. Files are
    read in the order of their names, a writer each, so validation is the last writers of the training files.
    """

    def __init__(
        self,
        root: str | Path,
        train_folder: str = "HWDB1.0trn_gnt",
        test_folder: str = "HWDB1.0tst_gnt",
        size: int = 28,
        validation: int = 60_000,
        value_range: Sequence[float] = (0.0, 1.0),
    ) -> None:
        """The two folders are relative to `root` or absolute. `validation`: how many training images are held out.

        Raises DataMissing where a folder has no .gnt file, UserError for one that is cut off or of another layout,
        and for more to hold out than there is.
        """
        if size < 1:
            raise UserError(f"data.size is {size}; it must be at least 1.")
        home = Path(root).expanduser().absolute()
        files = [_files(home / folder, name) for folder, name in ((train_folder, "train"), (test_folder, "test"))]
        (pixels, codes), (test_pixels, test_codes) = (_read(paths, size) for paths in files)
        classes = np.unique(codes)
        if not 0 < validation < len(codes):
            raise UserError(f"data.validation is {validation}; it must be from 1 to {len(codes) - 1}.")
        known = np.isin(test_codes, classes)
        whole = _images(pixels, np.searchsorted(classes, codes))
        test = _images(test_pixels[known], np.searchsorted(classes, test_codes[known]))
        if not len(test):
            raise UserError(f"{home / test_folder} holds no character that {home / train_folder} holds.")
        names = [int(code).to_bytes(2, "big").decode("gb2312") for code in classes]
        super().__init__("hwdb", whole[:-validation], whole[-validation:], test, names, value_range)


def _files(folder: Path, name: str) -> list[Path]:
    """The .gnt files under a folder, in the order of their names."""
    if found := sorted(path for path in folder.rglob("*.gnt") if path.is_file()):
        return found
    raise DataMissing(
        f"HWDB1.0 is not there: no .gnt files in {folder}. CASIA gives it out for research (nlpr.ia.ac.cn/databases).\n"
        f"Unpack it there, or name other folders with data.root=... and data.{name}_folder=...\n"
        "Nearest substitute: data=image_folder data.folder=... data.size=28 data.channels=1 data.stand_in_for=HWDB1.0."
    )


def _read(files: Sequence[Path], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first-level characters of all files: uint8 [n, size, size], and their codes [n]."""
    pixels, codes = bytearray(), []
    for path in files:
        for code, picture in _characters(path):
            pixels += Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR).tobytes()
            codes.append(code)
    if not codes:
        raise UserError(f"{files[0].parent}: its .gnt files hold no character of GB2312's first level.")
    return np.frombuffer(pixels, np.uint8).reshape(-1, size, size), np.array(codes)


def _characters(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """The code and the picture, uint8 [height, width], of each first-level character in a file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror or error}.") from error
    start = 0
    while start < len(content):
        if len(content) - start < HEADER.size:
            raise UserError(f"{path} is cut off: its last record, at byte {start}, has no whole header.")
        length, tag, width, height = HEADER.unpack_from(content, start)
        if length != HEADER.size + width * height or not width * height:
            raise UserError(
                f"{path} is damaged at byte {start}: a record of {length} bytes cannot hold {width}x{height} pixels."
            )
        if start + length > len(content):
            raise UserError(
                f"{path} is cut off: its last record, at byte {start}, lacks {start + length - len(content)} bytes."
            )
        if _first_level(tag):
            offset = start + HEADER.size
            yield (
                int.from_bytes(tag, "big"),
                np.frombuffer(content, np.uint8, width * height, offset).reshape(height, width),
            )
        start += length


def _first_level(tag: bytes) -> bool:
    """Whether two bytes are one of the 3,755 characters 0xB0A1 to 0xD7F9."""
    return 0xB0 <= tag[0] <= 0xD7 and 0xA1 <= tag[1] <= (0xFE if tag[0] < 0xD7 else 0xF9)


def _images(pixels: np.ndarray, labels: np.ndarray) -> Images:
    return Images(torch.from_numpy(pixels)[:, None], torch.from_numpy(labels.astype(np.int64)))
