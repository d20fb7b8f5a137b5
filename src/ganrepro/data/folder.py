"""Pictures in a folder: flat, one subfolder a class, or with train and test parts."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from PIL import Image, ImageOps

from ganrepro.data.images import ImageData, Images, refolded
from ganrepro.data.kept import kept_index
from ganrepro.errors import DataMissing, UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
PARTS = {  # the names under which a folder may hold its own splits
    "train": ("train", "tr"),
    "validation": ("validation", "valid", "val", "va"),
    "test": ("test", "te"),
}
FEWEST = 10  # pictures from which a tenth can be held out

Picture = tuple[Path, str | None]  # where it is, and its class


class ImageFolder(ImageData):
    """The pictures under `folder`, cropped to the centre square or squashed, at `size` x `size`.

    Layouts: `folder/*.jpg`, `folder/<class>/*.jpg`, or either of them under `folder/train` and `folder/test`
    (and `folder/validation`, if there is one; `tr`, `va`, `te`, `valid` and `val` are known too). A picture's
    class is the first subfolder it is in; it is unlabelled where it is in none. Without a validation part,
    validation is the last tenth of a fixed permutation of train; without any parts the split is 80/10/10 by a
    fixed permutation of all pictures, sorted by path (numpy's default_rng(0)).
    """

    def __init__(
        self,
        root: str | Path,
        folder: str | Path,
        size: int = 64,
        channels: int = 3,
        crop: bool = True,
        centre: float = 1.0,
        value_range: Sequence[float] | None = (0.0, 1.0),
        scaling: str = "range",
        folds: int = 1,
        stand_in_for: str | None = None,
        deduplicated: bool = False,
        index: str | Path = "runs/lsun_dedup",
    ) -> None:
        """`folder`: absolute or relative to `root`; its name becomes the data's. `channels`: 1 grey, 3 RGB.

        `crop`: whether to cut a picture to its centre square first; if not, the whole of it is squashed, as the LSGAN
        authors do with scenes (xudonmao/LSGAN, convert_lsun.py). `centre`: the share of its side that is kept of the
        square, in the middle; the DCGAN authors keep the middle 64 pixels of 128. `scaling`, `folds`: as in
        `ImageData`, `refolded`. `deduplicated`: without the training images that an index under `index` leaves out
        (`kept_index`). Raises DataMissing for a folder that is absent or holds no picture, UserError for a picture that
        cannot be read and for fewer than 10 pictures to split; and what `kept_index` raises.
        """
        if centre < 1 and not crop:
            raise UserError(f"data.centre={centre:g} cuts a square: it needs data.crop=true.")
        if size < 1 or channels not in (1, 3):
            raise UserError(f"data.size={size} data.channels={channels}: size is at least 1, channels 1 or 3.")
        home = (Path(root).expanduser() / Path(folder).expanduser()).absolute()
        splits = _split(home, {part: _find(place) for part, place in _parts(home).items()})
        classes = sorted({label for split in splits.values() for _, label in split if label is not None})
        number: dict[str | None, int] = {None: -1} | {label: at for at, label in enumerate(classes)}
        train, validation, test = (
            Images(
                _decode([path for path, _ in splits[name]], size, channels, centre if crop else None),
                torch.tensor([number[label] for _, label in splits[name]]),
            )
            for name in ("train", "validation", "test")
        )
        first, *others = refolded(validation, test, folds)
        super().__init__(home.name, train, *first, classes, value_range, stand_in_for, scaling, others)
        if deduplicated:
            self.train = train[kept_index(index, self.fingerprint, home.name)]
            del self.fingerprint  # that of all images; the next look at it is of those that stay


def _parts(home: Path) -> dict[str, Path]:
    """The folders that hold a split of their own, by split; {"all": home} where there are none."""
    parts = {part: home / name for part, names in PARTS.items() for name in reversed(names) if (home / name).is_dir()}
    if not parts:
        return {"all": home}
    if absent := {"train", "test"} - parts.keys():
        raise UserError(
            f"{home} has {' and '.join(path.name for path in parts.values())} but no {absent.pop()} folder.\n"
            "Give it both a train and a test folder, or neither."
        )
    return parts


def _find(place: Path) -> list[Picture]:
    """Every picture under `place`, sorted by path; names that begin with a dot are passed over."""

    def refuse(error: OSError) -> NoReturn:
        raise UserError(f"Cannot read the folder {error.filename}: {error.strerror}.") from error

    paths: list[Path] = []
    if place.is_dir():
        for folder, below, names in os.walk(place, followlinks=True, onerror=refuse):
            below[:] = [name for name in below if not name.startswith(".")]
            paths += [
                Path(folder, name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")
            ]
    if not paths:
        raise DataMissing(
            f"The image folder {place} {'holds no pictures' if place.is_dir() else 'does not exist'}.\n"
            f"Put pictures ({' '.join(SUFFIXES)}) there, flat, by class or in train/ and test/, "
            "or name another folder with data.folder=...\n"
            "Nearest substitute: scale=laptop, which has data that need no download."
        )
    inside = sorted(path.relative_to(place) for path in paths)
    return [(place / path, path.parts[0] if len(path.parts) > 1 else None) for path in inside]


def _split(home: Path, found: dict[str, list[Picture]]) -> dict[str, list[Picture]]:
    """The pictures of train, validation and test, drawn from what the folder's parts hold."""
    if "validation" in found:
        return found
    whole = found.get("all") or found["train"]
    if len(whole) < FEWEST:
        raise UserError(f"{home} holds {len(whole)} pictures to split; at least {FEWEST} are needed.")
    order = [whole[at] for at in np.random.default_rng(0).permutation(len(whole))]
    tenth = len(whole) // 10
    if "test" in found:
        return {"train": order[:-tenth], "validation": order[-tenth:], "test": found["test"]}
    return {"train": order[: -2 * tenth], "validation": order[-2 * tenth : -tenth], "test": order[-tenth:]}


def _decode(paths: Sequence[Path], size: int, channels: int, centre: float | None) -> torch.Tensor:
    """uint8 [n, channels, size, size], decoded by threads: Pillow frees the interpreter while it decodes."""
    pixels = np.empty((len(paths), size, size, channels), np.uint8)
    with ThreadPoolExecutor() as pool:
        pictures = pool.map(lambda path: _picture(path, size, channels, centre), paths)
        for at, picture in enumerate(pictures):
            pixels[at] = picture
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _picture(path: Path, size: int, channels: int, centre: float | None) -> np.ndarray:
    """A picture, or its centre square, as uint8 [size, size, channels]: upright, transparency over black."""
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except Exception as error:  # a damaged file makes Pillow raise anything from SyntaxError to struct.error
        raise UserError(f"Cannot read the picture {path}: {' '.join(str(error).split())}.") from error
    if picture.mode.startswith(("I", "F")):
        raise UserError(f"The picture {path} has {picture.mode} pixels; only 8 bits a channel are supported.")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    picture = picture.convert("L" if channels == 1 else "RGB")
    return at_size(picture, size, centre).reshape(size, size, channels)


def at_size(picture: Image.Image, size: int, centre: float | None) -> np.ndarray:
    """The middle of an 8-bit picture, or for None the whole of it, as uint8 [size, size] or [size, size, 3].

    centre: the side of the square that is kept, over the picture's shorter side.
    """
    if centre is not None:
        # Not resize(box=...), which lets the pixels beside the box bleed in.
        side = max(1, round(centre * min(picture.size)))
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    # Bilinear is antialiased in Pillow: its support grows with the reduction.
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
