"""What Frechet distances rest on, and the runs in which they rest on too little to be shown."""

from collections.abc import Iterable, Sequence

from ganrepro.report.records import Run

FEWEST = 100  # images on each side, below which a distance says more of the images than of the samples


def told(runs: Iterable[Run], metric: str) -> list[Run]:
    """The runs whose metric can be shown: any but a Frechet distance of fewer than 100 images."""
    prefix, slash, name = metric.rpartition("/")
    if not name.startswith("frechet"):
        return list(runs)
    return [run for run in runs if (n := _images(run, prefix + slash)) is None or n >= FEWEST]


def _images(run: Run, prefix: str) -> float | None:
    """How many there were on each side, also in a run that goes on or diverged."""
    for name in (f"{prefix}real/images", f"{prefix}images"):  # the former where there can be more samples
        if (last := run.value(name)) is not None:
            return last
        if rows := [row for row in run.rows if name in row]:
            return rows[-1][name]
    return None


def has_best(run: Run) -> bool:
    """Whether the run's monitor can say which update was the best."""
    return bool(told([run], (run.record.get("metrics") or {}).get("monitor") or ""))


def rests_on(runs: Sequence[Run]) -> list[str]:
    """Of how many images and dimensions distances are, a sentence for all runs that have the same; [] without any."""
    cells: dict[str, list[str]] = {}
    for run in runs:
        if said := _of(run):
            cells.setdefault(said, []).append(run.cell)
    if len(cells) < 2:
        return list(cells)
    return [f"{', '.join(dict.fromkeys(names))}: {said}" for said, names in cells.items()]


def _of(run: Run) -> str:
    parts = []
    for prefix, what in (("", "test"), ("valid/", "validation")):
        images, dims = _images(run, prefix), run.value(f"{prefix}dims")
        if images is not None and run.value(f"{prefix}frechet") is not None:
            parts.append(f"{images:,.0f} {what} images" + ("" if dims is None else f" in {dims:,.0f} dimensions"))
    listed = " and ".join(parts)
    if parts and not all(told([run], metric) for metric in ("frechet", "valid/frechet")):
        return f"There are {listed}, fewer than {FEWEST}: no Frechet distance is shown, and no best update by it."
    return f"Frechet distances are of {listed}, with as many samples." if parts else ""
