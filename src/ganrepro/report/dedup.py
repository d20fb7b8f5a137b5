"""What the page of `lsun_dedup` has: how many near-duplicates were found, and pictures of what collided."""

from collections.abc import Sequence
from pathlib import Path

from ganrepro.report import figures
from ganrepro.report.image_studies import name_of
from ganrepro.report.measured import Claim
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run, by_cell
from ganrepro.report.rendering import Table

COUNTS = {  # heads of columns
    "images": "images",
    "removed": "removed",
    "equal": "of these equal to the byte",
    "largest_group": "largest group",
    "active": "active units",
}
SHARES = {
    "recall": "recall of planted",
    "recall/cropped": "cropped",
    "recall/brightened": "brightened",
    "recall/compressed": "compressed",
    "recall/noisy": "noisy",
    "false_positives": "removed, neither planted nor equal",
    "unlike": "and more than 5 % apart",
}
PAIRS = {  # arrays of pairs: title, caption
    "collided": ("What collided", "Images with one code: above the earlier, below one that is removed."),
    "wrong": ("Collided, but not planted", "As above: near-duplicates that were there before, and false positives."),
    "missed": ("Planted and missed", "Above the image, below the near-duplicate made of it, whose code is another."),
}


def sections(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """A row a run, and pictures of the first run of each cell, drawn into `out`; nothing without finished runs."""
    done = [run for run in runs if run.status == "done"]
    if not done:
        return []
    cells = by_cell(done).values()
    return [Section("Near-duplicates", [found(done)], [each for cell in cells for each in pictures(cell, out)])]


def found(runs: Sequence[Run]) -> Table:
    """Counts and shares, without the shares where nothing was planted."""
    shares = {key: head for key, head in SHARES.items() if any(run.value(key) is not None for run in runs)}
    table = Table(["cell", "seed", *COUNTS.values(), *shares.values()], [])
    for run in runs:
        counted = ["–" if (value := run.value(key)) is None else f"{value:,.0f}" for key in COUNTS]
        shared = ["–" if (value := run.value(key)) is None else f"{value:.2%}" for key in shares]
        table.rows.append([name_of(run.choices), str(run.seed), *counted, *shared])
        table.folders.append(run.folder)
    table.notes.append("The index of the images that stay is `kept` in artifacts/dedup.npz of each run.")
    return table


def pictures(runs: Sequence[Run], out: Path) -> list[Picture]:
    """Those pairs of images that the first run of a cell with arrays has some of."""
    run = next((run for run in runs if run.arrays("dedup")), runs[0])
    arrays = run.arrays("dedup") or {}
    drawn = []
    for name, (title, caption) in PAIRS.items():
        path = out / f"{run.study}_{name}-{run.cell.rpartition('-')[2]}.png"
        path.unlink(missing_ok=True)
        pairs = arrays.get(name)
        if pairs is not None and pairs.ndim == 5 and len(pairs):
            figures.save(figures.tiles(pairs.swapaxes(0, 1)), path)
            where = f"Cell {name_of(run.choices)}, seed {run.seed}; drawn at random."
            drawn.append(Picture(path, title, f"{caption} {where}"))
    return drawn
