"""The pictures: Figures 2 and 3 of the 2014 paper, learning curves, and samples of every seed."""

import io
import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from ganrepro.report.records import Run
from ganrepro.report.scores import has_best, told

LARGEST = 200_000  # bytes of a picture
LETTERS = 70  # in a line of a label
SIDE = 56  # pixels an image is enlarged to, about
YELLOW, RED, INK, WHITE = (255, 205, 0), (190, 20, 20), (20, 20, 20), (255, 255, 255)
GREY, BLUE, ORANGE = (150, 150, 150), (0, 114, 178), (213, 94, 0)
MARKS = (YELLOW, RED, INK, WHITE, GREY, BLUE, ORANGE)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")


def palette(n: int) -> list[str]:
    """n colours: those that a colour-blind reader can tell apart as far as they go, else evenly over a rainbow."""
    if n <= len(COLOURS):
        return list(COLOURS[:n])
    return [to_hex(colour) for colour in colormaps["turbo"](np.linspace(0.03, 0.97, n))]


def save(image: Image.Image, path: Path) -> Path:
    """Writes a PNG of at most LARGEST bytes; same pixels, same bytes.

    A picture that is larger keeps 256 colours, and is shrunk as far as that is not enough.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content, smaller = _png(image), image
    if len(content) > LARGEST:
        content = _png(fewer(image))
    while len(content) > LARGEST:
        smaller = image.resize((smaller.width * 9 // 10, smaller.height * 9 // 10), Image.Resampling.LANCZOS)
        content = _png(fewer(smaller))
    path.write_bytes(content)
    return path


def fewer(image: Image.Image) -> Image.Image:
    """The image in 256 colours: its own, and those of marks, which are too few pixels to get one otherwise."""
    own = image.quantize(256 - len(MARKS), method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*own[: 3 * (256 - len(MARKS))], *itertools.chain.from_iterable(MARKS)])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def copied(source: Path, path: Path) -> Path:
    """A PNG drawn elsewhere, byte for byte unless it is larger than LARGEST."""
    if source.stat().st_size > LARGEST:
        return save(Image.open(source).convert("RGB"), path)
    path.write_bytes(source.read_bytes())
    return path


def anew(path: Path, draw: Callable[[Path], Path | None]) -> Path | None:
    """Draws what may no longer be possible to draw, so that nothing stale stays."""
    path.unlink(missing_ok=True)
    return draw(path)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def render(figure: Figure, path: Path) -> Path:
    """Writes a figure of matplotlib's as `save` does: no version in it, so the same numbers give the same bytes."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return save(Image.open(buffer).convert("RGB"), path)


def picture(pixels: np.ndarray, side: int = SIDE) -> Image.Image:
    """One image, uint8 [channels, height, width] with 1 or 3 channels, as RGB, enlarged to about `side` pixels."""
    planes = np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels
    zoom = max(1, round(side / pixels.shape[-1]))
    return Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0))).resize(
        (pixels.shape[2] * zoom, pixels.shape[1] * zoom), Image.Resampling.NEAREST
    )


def tiles(images: np.ndarray, framed: int | None = None, gap: int = 4, side: int = SIDE) -> Image.Image:
    """A sheet of uint8 [rows, columns, channels, height, width]; column `framed` gets a yellow frame."""
    rows, columns = images.shape[:2]
    one = picture(images[0, 0], side)
    width, height = one.width + gap, one.height + gap
    sheet = Image.new("RGB", (columns * width + gap, rows * height + gap), WHITE)
    draw = ImageDraw.Draw(sheet)
    for row, column in itertools.product(range(rows), range(columns)):
        corner = (gap + column * width, gap + row * height)
        if column == framed:
            draw.rectangle(
                (corner[0] - 3, corner[1] - 3, corner[0] + one.width + 2, corner[1] + one.height + 2), YELLOW
            )
        sheet.paste(picture(images[row, column], side), corner)
    return sheet


def figure2(run: Run, path: Path) -> Path | None:
    """Rows of five samples and, framed, the training image nearest to the fifth. None without nearest.npz."""
    sheet = neighbours_sheet(run)
    return None if sheet is None else save(sheet, path)


def neighbours_sheet(run: Run, side: int = SIDE) -> Image.Image | None:
    """One panel of Figure 2."""
    arrays = run.arrays("nearest")
    if arrays is None or not {"samples", "neighbours"} <= arrays.keys():
        return None
    samples, neighbours = arrays["samples"], arrays["neighbours"]
    rows = samples.reshape(len(neighbours), -1, *samples.shape[1:])
    return tiles(np.concatenate([rows, neighbours[:, None]], axis=1), framed=rows.shape[1], side=side)


def figure3(run: Run, path: Path) -> Path | None:
    """Straight lines in the latent space, one a row. None without lines.npz."""
    arrays = run.arrays("lines")
    return None if arrays is None or "images" not in arrays else save(tiles(arrays["images"]), path)


def every_seed(runs: Sequence[Run], labels: Mapping[Path, str], path: Path) -> Path | None:
    """Sixteen samples of every run, diverged ones too, with its cell, seed and status. None if no run has any.

    `labels`: by cell folder.
    """
    if not any(run.pictures or run.arrays("samples") for run in runs):
        return None
    strips = [_strip(run) for run in runs]
    font = ImageFont.load_default(size=15)
    texts = [
        "\n".join(textwrap.wrap(f"{labels[run.folder.parent]}, seed {run.seed}: {run.status}", LETTERS)) for run in runs
    ]
    lengths = [int(font.getlength(line)) for text in texts for line in text.splitlines()]
    width = max([strip.width for strip in strips] + lengths) + 24
    top = 20 * max(text.count("\n") + 1 for text in texts) + 2
    height = max(strip.height for strip in strips) + top + 12
    columns = 1 if len(runs) == 1 else 2
    sheet = Image.new("RGB", (columns * width, -(-len(runs) // columns) * height), WHITE)
    draw = ImageDraw.Draw(sheet)
    for place, (run, strip, text) in enumerate(zip(runs, strips, texts, strict=True)):
        x, y = place % columns * width + 8, place // columns * height + 6
        draw.text((x, y), text, INK if run.status == "done" else RED, font)
        sheet.paste(strip, (x, y + top))
    return save(sheet, path)


def _strip(run: Run) -> Image.Image:
    """Two rows of eight samples: the final ones, else the top quarter of the newest 8 x 8 grid, else a blank.

    Points that are no images: the newest picture of them.
    """
    arrays = run.arrays("samples")
    if arrays is not None and len(arrays.get("samples", ())) >= 16:
        first = arrays["samples"][:16]
        return tiles(first.reshape(2, 8, *first.shape[1:]), gap=2)
    for grid in reversed(run.pictures):
        try:
            image = Image.open(grid).convert("RGB")
        except (OSError, UnidentifiedImageError):
            continue
        if len((run.record.get("data") or {}).get("shape") or ()) == 1:  # points: one picture of them all
            return image
        zoom = max(1, round(8 * SIDE / image.width))
        top = image.crop((0, 0, image.width, image.height // 4))
        return top.resize((top.width * zoom, top.height * zoom), Image.Resampling.NEAREST)
    blank = Image.new("RGB", (8 * SIDE, 2 * SIDE), (225, 225, 225))
    ImageDraw.Draw(blank).text((12, SIDE - 8), "no samples", RED, ImageFont.load_default(size=15))
    return blank


def curves(
    runs: Sequence[Run],
    labels: Mapping[Path, str],
    path: Path,
    bands: Mapping[str, tuple[float, float]] | None = None,
) -> Path | None:
    """Losses, D's outputs and the monitor's family against generator updates, a line a seed. None without rows.

    bands: a figure and its ± by metric, drawn as a horizontal band. A cross ends the line of a run that diverged.
    """
    panels = [(solid, dashed) for solid, dashed in _panels(runs) if any(solid in row for r in runs for row in r.rows)]
    if not panels:
        return None
    figure = Figure(figsize=(10, 3.3 * ((len(panels) + 1) // 2) + 0.5), dpi=100, layout="constrained")
    cells = list(dict.fromkeys(run.folder.parent for run in runs))
    colours = dict(zip(cells, palette(len(cells)), strict=True))
    for place, (solid, dashed) in enumerate(panels):
        axes = figure.add_subplot((len(panels) + 1) // 2, 2, place + 1)
        _panel(axes, runs, solid, dashed, colours, (bands or {}).get(solid))
    keys = [Line2D([], [], color=colours[cell], label=labels[cell]) for cell in cells]
    longest = max(len(label) for label in labels.values())  # about 140 letters fit
    figure.legend(handles=keys, loc="outside lower center", ncols=max(1, min(3, 140 // (longest + 8))), fontsize=9)
    return render(figure, path)


def _panels(runs: Sequence[Run]) -> list[tuple[str, str | None]]:
    """(solid, dashed) metrics of each panel."""
    losses = sorted({key for run in runs for row in run.rows for key in row if key.startswith("loss/")})
    monitors = [m for run in runs if (m := (run.record.get("metrics") or {}).get("monitor")) and has_best(run)]
    panels: list[tuple[str, str | None]] = [(loss, None) for loss in losses]
    panels.append(("d_real", "d_fake"))
    if monitors:
        test = f"{monitors[0].partition('/')[0]}/test"
        has_test = any(test in row for run in runs for row in run.rows)
        panels.append((test, monitors[0]) if has_test and test != monitors[0] else (monitors[0], None))
    return panels


def _panel(
    axes: Axes,
    runs: Sequence[Run],
    solid: str,
    dashed: str | None,
    colours: Mapping[Path, str],
    band: tuple[float, float] | None,
) -> None:
    """One panel: each run's line, the second metric's dashed, and the paper's figure as a band."""
    drawn = [(solid, "-")] + ([(dashed, "--")] if dashed else [])
    for run, (metric, style) in ((run, line) for line in drawn for run in told(runs, line[0])):
        points = [
            (row["generator_updates"], row[metric])
            for row in run.rows
            if isinstance(row.get(metric), int | float) and np.isfinite(row[metric]) and "generator_updates" in row
        ]
        if not points:
            continue
        x, y = zip(*points, strict=True)
        marker = "." if len(x) == 1 else None
        axes.plot(x, y, style, color=colours[run.folder.parent], linewidth=1, alpha=0.75, marker=marker)
        if run.status == "diverged":
            axes.plot(x[-1], y[-1], "x", color="#be1414", markersize=9, markeredgewidth=2)
    axes.set_title(solid if dashed is None else f"{solid} (solid), {dashed} (dashed)", fontsize=10)
    axes.set_xlabel("generator updates", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    low, high = _limits(values)
    if band:
        centre, half = band
        axes.axhspan(centre - half, centre + half, color="#f0c000", alpha=0.6, label=f"paper: {centre:g} ± {half:g}")
        axes.legend(fontsize=8)
        low, high = min(low, centre - 5 * half), max(high, centre + 5 * half)
    if low < high:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The range of the values, cut below where the lowest tenth is far off: a first evaluation can be at -1e5."""
    low, tenth, high = float(values.min()), float(np.percentile(values, 10)), float(values.max())
    return (tenth if high - low > 10 * (high - tenth) > 0 else low), high
