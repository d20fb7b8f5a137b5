"""What the page of `lsun_dedup` has: how many near-duplicates were found, and pictures of what collided."""

from collections.abc import Sequence
from pathlib import Path

from ganrepro.report import figures
from ganrepro.report.measured import Claim
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run
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
    "collided": ("What collided", "Images with one code: above the one that stays, below one that is removed."),
    "wrong": ("Collided, but not planted", "As above: near-duplicates that were there before, and false positives."),
    "missed": ("Planted and missed", "Above the image, below the near-duplicate made of it, whose code is another."),
}


def sections(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """A row a seed, and pictures of its first seed, drawn into `out`; nothing without finished runs."""
    done = [run for run in runs if run.status == "done" and not run.choices]
    if not done:
        return []
    return [Section("Near-duplicates", [found(done)], pictures(study, done, out))]


def found(runs: Sequence[Run]) -> Table:
    """Counts and shares, without the shares where nothing was planted."""
    shares = {key: head for key, head in SHARES.items() if any(run.value(key) is not None for run in runs)}
    table = Table(["seed", *COUNTS.values(), *shares.values()], [])
    for run in runs:
        counted = ["–" if (value := run.value(key)) is None else f"{value:,.10g}" for key in COUNTS]
        shared = ["–" if (value := run.value(key)) is None else f"{value:.2%}" for key in shares]
        table.rows.append([str(run.seed), *counted, *shared])
        table.folders.append(run.folder)
    table.notes.append("The index of the images that stay is `kept` in artifacts/dedup.npz of each run.")
    return table


def pictures(study: str, runs: Sequence[Run], out: Path) -> list[Picture]:
    """Those pairs of images that the first run with arrays has some of."""
    drawn = []
    run = next((run for run in runs if run.arrays("dedup")), runs[0])
    arrays = run.arrays("dedup") or {}
    for name, (title, caption) in PAIRS.items():
        path = out / f"{study}_{name}.png"
        path.unlink(missing_ok=True)
        pairs = arrays.get(name)
        if pairs is not None and pairs.ndim == 5 and len(pairs):
            figures.save(figures.tiles(pairs.swapaxes(0, 1)), path)
            drawn.append(Picture(path, title, f"{caption} Seed {run.seed}, drawn at random."))
    return drawn
