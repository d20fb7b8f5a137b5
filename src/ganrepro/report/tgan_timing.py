"""What t-GAN and PixelCNN cost, and what their samples are worth, on one machine."""

import math
from collections.abc import Callable, Mapping, Sequence

from ganrepro.report.findings import factor
from ganrepro.report.records import Run
from ganrepro.report.rendering import Table
from ganrepro.report.statistics import compare_paired
from ganrepro.report.tables import interval_or

FIRST, SECOND = "tgan", "pixelcnn"  # whose ratio is told


def train_seconds(run: Run) -> float | None:
    """Of PixelCNN's updates alone; of a GAN's with what is evaluated and drawn meanwhile."""
    measured = run.value("train_seconds")
    return run.value("speed.train_seconds") if measured is None else measured


def sample_seconds(run: Run) -> float | None:
    """Of one image."""
    measured, speed = run.value("sample_seconds"), run.value("speed.samples_per_second")
    return measured if measured is not None or not speed else 1 / speed


def parameters(run: Run) -> float | None:
    """Of all networks that are trained."""
    parts = [run.value(f"parameters/{player}") for player in ("generator", "discriminator")]
    known = [part for part in parts if part is not None]
    return run.value("parameters") or (sum(known) if len(known) == len(parts) else None)


COSTS: dict[str, Callable[[Run], float | None]] = {
    "training [s]": train_seconds,
    "sampling an image [s]": sample_seconds,
    "IS": lambda run: run.value("inception_score"),
    "m-IS": lambda run: run.value("modified_inception_score"),
}


def timing_table(cells: Mapping[str, Sequence[Run]]) -> Table:
    """A row a model, and the ratio of t-GAN's to PixelCNN's by seed, where both ran on the same machine."""
    header = ["model", *COSTS, "bits per dimension", "parameters", "updates", "machine", "seeds"]
    table = Table(header, [])
    for title, members in cells.items():
        done = [run for run in members if run.status == "done"]
        shown = [interval_or(list(_by_seed(done, cost).values()), "–") for cost in COSTS.values()]
        bits = [value for run in done if (value := run.value("bits_per_dim")) is not None]
        counts = sorted({count for run in done if (count := parameters(run)) is not None})
        updates = sorted({int(run.record["generator_updates"]) for run in done})
        row = [title, *shown, interval_or(bits, "–"), _listed(counts), _listed(updates)]
        table.rows.append([*row, "; ".join(machines(done)), f"{len(done)} of {len(members)}"])
        table.folders.append(members[0].folder.parent)
    if FIRST in cells and SECOND in cells:
        _add_ratio(table, cells[FIRST], cells[SECOND])
    table.notes.append(
        "Mean over seeds with its 95 % t interval. t-GAN's training counts what is evaluated and drawn meanwhile, "
        "PixelCNN's the updates alone; sampling is of many images at a time. Bits per dimension are of test images, at "
        "the levels of grey that the network knows."
    )
    return table


def _add_ratio(table: Table, first: Sequence[Run], second: Sequence[Run]) -> None:
    where = [machines([run for run in runs if run.status == "done"]) for runs in (first, second)]
    if where[0] != where[1] or len(where[0]) != 1:
        table.notes.append("No ratio: these runs were not all made on one machine.")
        return
    ratios = []
    for cost in COSTS.values():
        compared = compare_paired(*(_logarithms(_by_seed(runs, cost)) for runs in (first, second)))
        ratios.append(str(factor(compared.difference)) if compared else "–")
    pairs = {run.seed for run in first if run.status == "done"} & {run.seed for run in second if run.status == "done"}
    table.rows.append([f"{FIRST} over {SECOND}", *ratios, "", "", "", "", f"{len(pairs)} pairs"])
    table.folders.append(tuple(dict.fromkeys(run.folder.parent for run in (*first, *second))))


def _by_seed(runs: Sequence[Run], cost: Callable[[Run], float | None]) -> dict[int, float]:
    return {run.seed: value for run in runs if run.status == "done" and (value := cost(run)) is not None}


def _logarithms(values: Mapping[int, float]) -> dict[int, float]:
    return {seed: math.log(value) for seed, value in values.items() if value > 0}


def machines(runs: Sequence[Run]) -> list[str]:
    """ "NVIDIA H200 (cuda), 1 thread"."""
    found = []
    for run in runs:
        hardware, threads = run.record.get("hardware") or {}, run.record.get("threads")
        counted = f", {threads} thread{'s' if threads != 1 else ''}" if threads is not None else ""
        found.append(f"{hardware.get('name', 'unknown')} ({hardware.get('device', '?')}){counted}")
    return sorted(set(found))


def _listed(counts: Sequence[float]) -> str:
    return " and ".join(f"{count:,.0f}" for count in counts) or "–"
