"""Contact sheets: a strip of samples of every run, cell by cell, seed by seed, whatever became of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from ganrepro.report import figures
from ganrepro.report.figures import BLUE, GREY, ORANGE
from ganrepro.report.records import Run

SHOWN = 8  # samples of a run
SIDE = 40  # pixels of each
GAP, TITLE, MARK = 2, 26, 32
SOURCES = ("fidelity", "inception", "conditional", "classes", "samples")  # arrays that may hold `samples`

Marks = Callable[[Run], tuple[bool | None, ...]]  # by column of marks: succeeded, failed, not known


def contact_sheet(
    cells: Mapping[str, Sequence[Run]], columns: int, path: Path, marks: Marks | None = None, heads: Sequence[str] = ()
) -> Path | None:
    """A block a cell, `columns` of them side by side, a strip a seed; None if no run has any samples.

    cells: runs by the block's title, in the order of reading. marks: drawn right of each strip under `heads`, a tick
    for True, a cross for False, a dash for None.
    """
    strips = {run.folder: strip(run) for runs in cells.values() for run in runs}
    if not any(strips.values()):
        return None
    small, large = ImageFont.load_default(size=12), ImageFont.load_default(size=14)
    left = 30
    width = left + SHOWN * (SIDE + GAP) + (MARK * len(heads) + 8 if marks else 0) + 18
    width = max(width, *(int(large.getlength(title)) + 24 for title in cells))
    tallest = max(len(runs) for runs in cells.values())
    height = TITLE + (16 if heads else 0) + tallest * (SIDE + GAP) + 14
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * width + 8, rows * height + 6), figures.WHITE)
    draw = ImageDraw.Draw(sheet)
    for place, (title, runs) in enumerate(cells.items()):
        x, y = place % columns * width + 10, place // columns * height + 6
        draw.text((x, y), title, figures.INK, large)
        y += TITLE
        across = x + left + SHOWN * (SIDE + GAP) + 6
        for column, head in enumerate(heads if marks else ()):
            draw.text((across + column * MARK + MARK // 2, y + 2), head, GREY, small, anchor="mm")
        y += 10 if heads else 0
        for line, run in enumerate(runs):
            top = y + line * (SIDE + GAP)
            _draw_run(sheet, draw, run, strips[run.folder], (x, top), left, small)
            for column, mark in enumerate(marks(run) if marks else ()):
                _draw_mark(draw, mark, across + column * MARK + MARK // 2, top + SIDE // 2)
    return figures.save(sheet, path)


def _draw_run(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    run: Run,
    shown: Image.Image | None,
    corner: tuple[int, int],
    left: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """The seed's number, its samples, and in words what became of a run that is not done."""
    x, y = corner
    ink = figures.INK if run.status == "done" else figures.RED
    draw.text((x + left - 8, y + SIDE // 2), str(run.seed), ink, font, anchor="rm")
    if shown is None:
        draw.rectangle((x + left, y, x + left + SHOWN * (SIDE + GAP) - GAP, y + SIDE - 1), (232, 232, 232))
    else:
        sheet.paste(shown, (x + left, y))
    if run.status != "done" or shown is None:
        text = run.status if run.status != "done" else "no samples"
        box = draw.textbbox((x + left + 4, y + SIDE // 2), text, font, anchor="lm")
        draw.rectangle((box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), figures.WHITE)
        draw.text((x + left + 4, y + SIDE // 2), text, figures.RED, font, anchor="lm")


def _draw_mark(draw: ImageDraw.ImageDraw, mark: bool | None, x: int, y: int) -> None:
    """Told apart by shape as well as by colour."""
    if mark is None:
        draw.line((x - 5, y, x + 5, y), GREY, 3)
    elif mark:
        draw.line((x - 6, y, x - 2, y + 5, x + 7, y - 6), BLUE, 3, joint="curve")
    else:
        draw.line((x - 5, y - 5, x + 5, y + 5), ORANGE, 3)
        draw.line((x - 5, y + 5, x + 5, y - 5), ORANGE, 3)


def strip(run: Run) -> Image.Image | None:
    """The run's first samples in a row: the last evaluation's, else those of its newest grid, else None."""
    for name in SOURCES:
        arrays = run.arrays(name)
        samples = None if arrays is None else arrays.get("samples")
        if samples is not None and samples.ndim in (4, 5) and len(samples):
            return row(samples[:SHOWN] if samples.ndim == 4 else samples[:SHOWN, 0])  # of classes: one of each
    for grid in reversed(run.pictures):
        try:
            with Image.open(grid) as image:
                return _first_row(image.convert("RGB"))
        except (OSError, UnidentifiedImageError):
            continue
    return None


def _first_row(grid: Image.Image) -> Image.Image:
    """Of the recorder's 8 x 8 grid."""
    tile = (grid.width // SHOWN, grid.height // SHOWN)
    boxes = [(place * tile[0], 0, (place + 1) * tile[0], tile[1]) for place in range(SHOWN)]
    return _in_a_row([fitted(grid.crop(box), SIDE) for box in boxes])


def row(images: np.ndarray, side: int = SIDE) -> Image.Image:
    """uint8 [n, channels, height, width] side by side, each about `side` pixels wide."""
    planes = np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images
    return _in_a_row([fitted(Image.fromarray(np.ascontiguousarray(p.transpose(1, 2, 0))), side) for p in planes])


def fitted(image: Image.Image, side: int) -> Image.Image:
    """Scaled to a longer side of `side`: small ones with their pixels to be seen, large ones smoothly."""
    longest = max(image.size)
    how = Image.Resampling.NEAREST if longest * 2 <= side else Image.Resampling.LANCZOS
    return image.resize(
        (max(1, round(image.width * side / longest)), max(1, round(image.height * side / longest))), how
    )


def _in_a_row(images: Sequence[Image.Image]) -> Image.Image:
    line = Image.new("RGB", (sum(i.width + GAP for i in images) - GAP, max(i.height for i in images)), figures.WHITE)
    for place, image in enumerate(images):
        line.paste(image, (place * (images[0].width + GAP), 0))
    return line
