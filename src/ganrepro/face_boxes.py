"""`python -m ganrepro.face_boxes <images> <out>`: finds frontal faces in pictures and writes each as a picture.

Radford et al. 2016, section 4.2, cut faces out of photographs with OpenCV's detector and kept the boxes of high
resolution. OpenCV 5 has it no more; this is scikit-image's, with OpenCV's own cascade of local binary patterns, which
comes inside its wheel. How large a box must be is not in the paper.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from rich.progress import track
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from ganrepro.data.folder import SUFFIXES
from ganrepro.errors import UserError, exit_code

LEAST = 64  # pixels: the width of the paper's networks' images
SCALE, STEP = 1.2, 1.0  # windows grow by the one, and move by the other, in pixels of the smallest window
SHARED = 0.3  # boxes that share more of the smaller one than this are of one face
COLUMNS = ("crop", "source", "left", "top", "width", "height")


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels of its picture."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        return self.width * self.height

    def shared(self, other: "Box") -> float:
        """The area in both boxes, over that of the smaller one."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(0, across) * max(0, down) / min(self.area, other.area)

    def widened(self, margin: float, width: int, height: int) -> "Box":
        """With `margin` times its sides added on each, as far as a picture of that width and height goes."""
        across, down = round(margin * self.width), round(margin * self.height)
        left, top = max(0, self.left - across), max(0, self.top - down)
        right, bottom = min(width, self.left + self.width + across), min(height, self.top + self.height + down)
        return Box(left, top, right - left, bottom - top)


@cache
def detector() -> Cascade:
    return Cascade(lbp_frontal_face_cascade_filename())


def faces(picture: np.ndarray, least: int = LEAST) -> list[Box]:
    """Boxes of the frontal faces in uint8 [height, width, 3] that are at least `least` pixels high, largest first."""
    most = min(picture.shape[:2])
    if most < least:
        return []
    found = detector().detect_multi_scale(picture, SCALE, STEP, (least, least), (most, most))
    return merged([Box(box["c"], box["r"], box["width"], box["height"]) for box in found if box["height"] >= least])


def merged(boxes: Sequence[Box]) -> list[Box]:
    """The boxes, largest first, without those that share too much with a larger one."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: (-box.area, box.top, box.left)):
        if all(box.shared(other) <= SHARED for other in kept):
            kept.append(box)
    return kept


def cut(images: Path, out: Path, least: int = LEAST, margin: float = 0.0) -> tuple[int, list[Path]]:
    """Writes every face under `images` as out/<number>.png, and out/faces.csv, which says where each is from.

    The boxes of faces.csv have their margins. How many faces there were, and the pictures that could not be read.
    Raises UserError where there is no picture, or `out` holds some already.
    """
    paths = pictures_in(images)
    if not paths:
        raise UserError(f"No pictures ({' '.join(SUFFIXES)}) in {images}.")
    if pictures_in(out):
        raise UserError(f"{out} holds pictures already: name another folder, or empty it.")
    if images.resolve() in (out.resolve(), *out.resolve().parents):
        raise UserError(f"{out} lies in {images}: its crops would count as pictures there. Name another folder.")
    out.mkdir(parents=True, exist_ok=True)
    number, unread = 0, []
    with (out / "faces.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for path in track(paths, "Faces"):
            picture = read(path)
            if picture is None:
                unread.append(path)
                continue
            for box in faces(np.asarray(picture), least):
                wide = box.widened(margin, *picture.size)
                name = f"{number:06d}.png"
                area = (wide.left, wide.top, wide.left + wide.width, wide.top + wide.height)
                picture.crop(area).save(out / name)
                rows.writerow([name, path.relative_to(images), wide.left, wide.top, wide.width, wide.height])
                number += 1
    return number, unread


def pictures_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def read(path: Path) -> Image.Image | None:
    """The picture upright and in RGB; None where it cannot be read."""
    try:
        with Image.open(path) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except Exception:  # a damaged file makes Pillow raise anything from SyntaxError to struct.error
        return None


def main(argv: list[str] | None = None) -> int:
    """Cuts the faces out and says how many; 1 on a user's error."""
    parser = argparse.ArgumentParser(prog="python -m ganrepro.face_boxes", description=__doc__)
    parser.add_argument("images", type=Path, help="the folder of pictures; those in its subfolders count")
    parser.add_argument("out", type=Path, help="where the faces are written")
    parser.add_argument("--least", type=int, default=LEAST, help=f"height of a box in pixels (default: {LEAST})")
    parser.add_argument(
        "--margin", type=float, default=0.0, help="added on each side, of the box's width and height (default: 0)"
    )
    arguments = parser.parse_args(argv)
    return exit_code(lambda: report(arguments.images, arguments.out, arguments.least, arguments.margin))


def report(images: Path, out: Path, least: int, margin: float) -> None:
    """Cuts, and prints what was found. UserError as `cut`, and for numbers that make no box."""
    if least < 1 or margin < 0:
        raise UserError("--least is at least 1, --margin at least 0.")
    number, unread = cut(images, out, least, margin)
    for path in unread:
        print(f"cannot be read, left out: {path}")
    print(f"{number} faces in {out}, indexed by {out / 'faces.csv'}")


if __name__ == "__main__":
    sys.exit(main())
