"""The probes' pictures, drawn from their arrays and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from ganrepro.report import figures
from ganrepro.report.figures import INK, WHITE, tiles

Arrays = Mapping[str, np.ndarray]
TITLE, MARGIN = 26, 10  # pixels
COLUMNS = 15  # of the numbered sheet


def panels(parts: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures side by side, each under its title."""
    font = ImageFont.load_default(size=14)
    widths = [max(picture.width, int(font.getlength(title)) + 1) + MARGIN for title, picture in parts]
    height = TITLE + max(picture.height for _, picture in parts) + MARGIN
    page = Image.new("RGB", (sum(widths) + MARGIN, height), WHITE)
    draw, x = ImageDraw.Draw(page), MARGIN
    for (title, picture), width in zip(parts, widths, strict=True):
        draw.text((x, 5), title, INK, font)
        page.paste(picture, (x, TITLE))
        x += width
    return page


def below(pictures: Sequence[Image.Image]) -> Image.Image:
    """One under the other, from the left."""
    page = Image.new("RGB", (max(each.width for each in pictures), sum(each.height for each in pictures)), WHITE)
    y = 0
    for each in pictures:
        page.paste(each, (0, y))
        y += each.height
    return page


def save(picture: Image.Image, path: Path) -> Path:
    return figures.save(picture, path)


def signed(gradients: np.ndarray) -> np.ndarray:
    """[..., channels, height, width] -> uint8: 0 is mid-grey, the largest size of each image black or white."""
    largest = np.abs(gradients).max((-3, -2, -1), keepdims=True)
    scaled = np.divide(gradients, largest, out=np.zeros_like(gradients), where=largest > 0)
    return np.rint(127.5 + 127.5 * scaled).astype(np.uint8)


def samples(arrays: Arrays, folder: Path) -> list[Path]:
    """Each sample under its number."""
    font = ImageFont.load_default(size=12)
    drawn = [figures.picture(each) for each in arrays["samples"]]
    width, height = drawn[0].width + 6, drawn[0].height + 20
    page = Image.new("RGB", (COLUMNS * width, -(-len(drawn) // COLUMNS) * height), WHITE)
    draw = ImageDraw.Draw(page)
    for number, picture in enumerate(drawn):
        x, y = number % COLUMNS * width + 3, number // COLUMNS * height
        draw.text((x, y + 3), str(number), INK, font)
        page.paste(picture, (x, y + 18))
    return [save(page, folder / "samples.png")]


def latent_walk(arrays: Arrays, folder: Path) -> list[Path]:
    """Figure 4, and the same walk by the untrained network; the length of the steps of both."""
    parts = [("trained", tiles(arrays["trained"])), ("the same walk, untrained", tiles(arrays["untrained"]))]
    figure = Figure(figsize=(6.5, 3.4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for colour, name in zip(figures.COLOURS, ("trained", "untrained"), strict=False):
        lengths = arrays[f"steps_{name}"]
        means = lengths.mean(1, keepdims=True)
        ratios = np.divide(lengths, means, out=np.full_like(lengths, np.nan), where=means > 0).max(1)
        if np.isfinite(ratios).any():
            found = np.sort(ratios[np.isfinite(ratios)])
            shares = np.arange(1, len(found) + 1) / len(found)
            axes.plot(found, shares, color=colour, label=f"{name}, {len(found)} lines")
    axes.axvline(lengths.shape[1], color="#999999", linestyle=":", label="all in one step")
    axes.set_xlabel("largest step over mean step of a line", fontsize=9)
    axes.set_ylabel("share of lines up to here", fontsize=9)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=9)
    return [save(panels(parts), folder / "walk.png"), figures.render(figure, folder / "steps.png")]


def guided_backprop(arrays: Arrays, folder: Path) -> list[Path]:
    """Figure 5: a row a feature; random filters, the trained ones, and the images that these respond to."""
    parts = [
        ("random filters", tiles(signed(arrays["gradients_untrained"]))),
        ("trained", tiles(signed(arrays["gradients_trained"]))),
        ("images that the trained ones respond to", tiles(arrays["images_trained"])),
    ]
    return [save(panels(parts), folder / "guided_backprop.png")]


def forget(arrays: Arrays, folder: Path) -> list[Path]:
    """Figure 6: the same latents with all maps, without those of the object, and without as many at random."""
    titles = {"before": "as trained", "dropped": "maps dropped", "random": "as many at random"}
    rows = [panels([(title, tiles(arrays[name][None]))]) for name, title in titles.items()]
    return [save(below(rows), folder / "forget.png")]


def arithmetic(arrays: Arrays, folder: Path) -> list[Path]:
    """Figure 7: the exemplars of a, b and c, the images of their mean latents, and the sums."""
    parts = [
        ("exemplars of a, b, c", tiles(arrays["exemplars"])),
        ("mean z", tiles(arrays["means"][:, None])),
        ("a - b + c of means", tiles(arrays["averaged"].reshape(3, 3, *arrays["averaged"].shape[1:]))),
        ("of the first ones", tiles(arrays["single"].reshape(3, 3, *arrays["single"].shape[1:]))),
        ("of pixels", tiles(arrays["pixels"][None])),
    ]
    return [save(panels(parts), folder / "arithmetic.png")]


def pose(arrays: Arrays, folder: Path) -> list[Path]:
    """Figure 8, the random latents' own images framed, and the measure along the axis."""
    middle = arrays["images"].shape[1] // 2
    figure = Figure(figsize=(5.5, 3.4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(arrays["places"], arrays["values"].T, color=figures.COLOURS[5], linewidth=0.6, alpha=0.5)
    axes.plot(arrays["places"], arrays["values"].mean(0), color=figures.COLOURS[0], linewidth=2)
    axes.set_xlabel("turn vectors added", fontsize=9)
    axes.set_ylabel("the measure; thick: mean of rows", fontsize=9)
    axes.grid(alpha=0.25)
    sheet = tiles(arrays["images"], framed=middle)
    return [save(sheet, folder / "pose.png"), figures.render(figure, folder / "axis.png")]


def memorisation(arrays: Arrays, folder: Path) -> list[Path]:
    """The samples nearest to training images beside these, and histograms of the distances."""
    names = {"samples": "samples that lie nearest", "nearest_pixels": "nearest by pixels"}
    names |= {"nearest_features": "nearest by features"} if "nearest_features" in arrays else {}
    rows = [panels([(title, tiles(arrays[name][None]))]) for name, title in names.items()]
    spaces = [space for space in ("pixels", "features") if f"nearest_{space}" in arrays]
    figure = Figure(figsize=(4.2 * len(spaces), 3.2), dpi=100, layout="constrained")
    for place, space in enumerate(spaces):
        axes = figure.add_subplot(1, len(spaces), place + 1)
        sides = {name: arrays[f"distances_{space}_{name}"] for name in ("samples", "heldout")}
        edges = np.histogram_bin_edges(np.concatenate(list(sides.values())), 40).tolist()
        for colour, (name, distances) in zip(figures.COLOURS, sides.items(), strict=False):
            said = {"samples": "samples", "heldout": "test images"}[name]
            label = f"{len(distances)} {said}"
            axes.hist(distances, edges, density=True, histtype="step", color=colour, label=label, linewidth=1.5)
        axes.set_title(f"to the nearest training image, by {space}", fontsize=9)
        axes.set_yticks([])
        axes.legend(fontsize=8)
    return [save(below(rows), folder / "memorisation.png"), figures.render(figure, folder / "distances.png")]


DRAW: dict[str, Callable[[Arrays, Path], list[Path]]] = {
    "samples": samples,
    "latent_walk": latent_walk,
    "guided_backprop": guided_backprop,
    "forget": forget,
    "arithmetic": arithmetic,
    "pose": pose,
    "memorisation": memorisation,
}
