"""Run folders as they lie on disk, whole or not: what every table, picture and verdict is made from."""

import json
import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

FINISHED = ("done", "diverged")  # both are results
STATUSES = (*FINISHED, "error", "running")
DEFAULT_VARIANT = "authors_code"
FEWEST_IN_SWING = 3  # rows: two give a difference, three a course
SCALES = ("laptop", "workstation", "paper")  # from the cheapest to the paper's own


@dataclass(frozen=True)
class Run:
    """One seed of a cell. Whatever is missing from the folder is an empty value here, never an error."""

    folder: Path  # <root>/<study>/<scale>/<cell>/seed=<n>

    @cached_property
    def record(self) -> dict[str, Any]:
        """result.json, or {} where there is none or it cannot be read."""
        try:
            record = json.loads((self.folder / "result.json").read_text())
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """metrics.jsonl, without a line that was cut off."""
        try:
            lines = (self.folder / "metrics.jsonl").read_text(errors="replace").splitlines()
        except OSError:
            return []
        return [row for row in map(_parsed, lines) if isinstance(row, dict)]

    @cached_property
    def probed(self) -> dict[str, dict[str, Any]]:
        """The records of `python run.py probe=...` by the probe's name, also of probes of weights that are no more."""
        found = {}
        for path in sorted((self.folder / "probes").glob("*/result.json")):
            try:
                record = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if isinstance(record, dict) and isinstance(record.get("metrics"), dict):
                found[path.parent.name] = record
        return found

    @cached_property
    def stale(self) -> list[str]:
        """The probes of other weights than the run's last, as before it was made longer: they count nowhere."""
        now = {"which": "final", "generator_updates": self.record.get("generator_updates")}
        return [name for name, record in self.probed.items() if {key: record.get(key) for key in now} != now]

    @cached_property
    def probes(self) -> dict[str, dict[str, Any]]:
        """What probes found of the run as it ended: metrics by the probe's name."""
        return {name: record["metrics"] for name, record in self.probed.items() if name not in self.stale}

    @property
    def seed(self) -> int:
        return int(self.folder.name.removeprefix("seed="))

    @property
    def cell(self) -> str:
        return self.folder.parent.name

    @property
    def scale(self) -> str:
        return self.folder.parts[-3]

    @property
    def study(self) -> str:
        return self.folder.parts[-4]

    @property
    def status(self) -> str:
        """done, diverged, error or running; cut off counts as running."""
        return str(self.record.get("status", "running"))

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    @property
    def departures(self) -> dict[str, str]:
        return {key: str(value) for key, value in (self.record.get("departures") or {}).items()}

    @property
    def choices(self) -> dict[str, str]:
        """What sets the run apart from its study's plain cell: variant, place in the grid, departures."""
        variant = self.record.get("variant", DEFAULT_VARIANT)
        grid = {key: str(value) for key, value in (self.record.get("coordinates") or {}).items()}
        return ({} if variant == DEFAULT_VARIANT else {"variant": variant}) | grid | self.departures

    def value(self, key: str, at: str = "final") -> float | None:
        """A finite number, or None: an evaluation scalar `at` final or best, or a dotted path into the record.

        "probes.forget.rate/dropped" is a path into what probes of the run found.

        `mean` and `change` are over the rows of metrics.jsonl that hold the scalar: their mean, and the last less
        the first of at least two. `swing` is the standard deviation (n - 1) of those of at least three rows that are
        in the second half of the run. A row that holds no finite number there leaves all of these open.
        """
        if at == "swing":
            return self.swing(key)
        if at in ("mean", "change"):
            return self._over_rows(key, at)
        metrics = self.record.get("metrics") or {}
        node: Any = (metrics.get(at) or {}).get(key)
        if node is None and "." in key:
            node = {**self.record, "probes": self.probes}
            for part in key.split("."):
                node = node.get(part) if isinstance(node, dict) else None
        return float(node) if _is_number(node) else None

    def _over_rows(self, key: str, at: str) -> float | None:
        series = [row[key] for row in self.rows if key in row]
        if not all(map(_is_number, series)) or len(series) < (2 if at == "change" else 1):
            return None
        return float(series[-1] - series[0] if at == "change" else sum(series) / len(series))

    def swing(self, key: str, log: bool = False) -> float | None:
        """`value` at swing; log: of the scalar's natural logarithm, which has to be above 0."""
        half = (self.record.get("generator_updates") or 0) / 2
        series = [row[key] for row in self.rows if key in row and row.get("generator_updates", 0) > half]
        if not all(map(_is_number, series)) or len(series) < FEWEST_IN_SWING or (log and min(series) <= 0):
            return None
        return statistics.stdev([math.log(value) for value in series] if log else series)

    def arrays(self, name: str) -> dict[str, np.ndarray] | None:
        """artifacts/<name>.npz, or None where it is missing or damaged."""
        try:
            with (
                (self.folder / "artifacts" / f"{name}.npz").open("rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                return {key: archive[key] for key in archive.files}
        except Exception:  # a damaged file makes zipfile and numpy raise anything from zlib.error to SyntaxError
            return None

    @property
    def pictures(self) -> list[Path]:
        """The sample grids, oldest first."""
        return sorted((self.folder / "samples").glob("updates=*.png"))


def _is_number(node: Any) -> bool:
    return isinstance(node, int | float) and not isinstance(node, bool) and math.isfinite(node)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def read_cell(folder: Path) -> list[Run]:
    """The runs of one cell folder by seed; [] where there is no such folder."""
    seeds = [path for path in folder.glob("seed=*") if path.name.removeprefix("seed=").isdecimal()]
    return sorted(map(Run, seeds), key=lambda run: run.seed)


def read_runs(root: Path, study: str | None = None, scale: str | None = None) -> list[Run]:
    """All runs under `root`, of one study and scale where these are given, ordered by folder and seed."""
    found = root.glob(f"{study or '*'}/{scale or '*'}/*")
    cells = (path for path in found if path.is_dir() and not any(part.startswith(".") for part in path.parts[-3:]))
    return [run for cell in sorted(cells, key=naturally) for run in read_cell(cell)]


def naturally(folder: Path) -> list[Any]:
    """A key to sort cells by, in which generator_steps=5 comes before generator_steps=25."""
    words = (re.split(r"(\d+)", part) for part in folder.parts)
    return [[int(word) if word.isdecimal() else word for word in parts] for parts in words]


def reasons_not_run(root: Path) -> dict[tuple[str, str], str]:
    """By study and scale, why `make reproduce-all` could not run it: the data that are not there."""
    found = {}
    for path in sorted(root.glob("*/*/not_run.json")):
        try:
            found[path.parts[-3], path.parts[-2]] = str(json.loads(path.read_text())["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def scales_of(runs: Iterable[Run]) -> list[str]:
    """The scales there are runs at, the cheapest first."""
    found = {run.scale for run in runs}
    return [scale for scale in SCALES if scale in found] + sorted(found - set(SCALES))


def counted(runs: Iterable[Run]) -> str:
    """ "3 done, 1 diverged", or "none"."""
    count = Counter(run.status for run in runs)
    return ", ".join(f"{count[status]} {status}" for status in STATUSES if count[status]) or "none"


def by_cell(runs: Iterable[Run]) -> dict[Path, list[Run]]:
    """The runs of each cell folder, in the order they came."""
    cells: dict[Path, list[Run]] = defaultdict(list)
    for run in runs:
        cells[run.folder.parent].append(run)
    return dict(cells)


def select(runs: Iterable[Run], choices: Mapping[str, Any]) -> tuple[list[Run], list[str]]:
    """The runs of the one cell whose `choices` are exactly these, and notes on what a reader should know.

    Several cells match when hardware, threads or data differ; the one with most finished seeds is taken, on a tie
    the first by name. Runs are never pooled over cells.
    """
    wanted = {key: str(value) for key, value in choices.items()}
    cells = by_cell(run for run in runs if run.record and run.choices == wanted)
    if not cells:
        return [], []
    return _fullest(cells)


def _fullest(cells: Mapping[Path, list[Run]]) -> tuple[list[Run], list[str]]:
    chosen = min(cells, key=lambda cell: (-sum(run.finished for run in cells[cell]), cell.name))
    notes = []
    if len(cells) > 1:
        others = ", ".join(sorted(cell.name for cell in cells if cell != chosen))
        notes.append(f"{chosen.name} was taken: it has the most finished seeds. Not used: {others}.")
    return cells[chosen], notes + remarks(cells[chosen])


def shown_cell(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    """The study's plain cell; while that has no finished run, a cell that differs only in declared stand-in data.

    For what is shown with the data's name beside it: tables and pictures. No claim is judged from a departure.
    """
    runs = list(runs)
    plain, notes = select(runs, {})
    stand_ins = by_cell(run for run in runs if run.finished and _is_stand_in(run))
    if any(run.finished for run in plain) or not stand_ins:
        return plain, notes
    chosen, notes = _fullest(by_cell(run for run in runs if run.folder.parent in stand_ins))
    return chosen, [f"{chosen[0].cell} is shown: there is no finished run on the study's own data.", *notes]


def _is_stand_in(run: Run) -> bool:
    only_data = all(key == "data" or key.startswith("data.") for key in run.departures)
    return bool(only_data and run.departures == run.choices and (run.record.get("data") or {}).get("stand_in_for"))


def by_dose(runs: Iterable[Run], axis: str, choices: Mapping[str, Any]) -> tuple[dict[float, list[Run]], list[str]]:
    """The runs of the cell `choices` at each value of the grid's `axis`, the lowest first, and notes.

    Cells with departures are left out, and values that are no positive number: they have no logarithm.
    """
    plain = [run for run in runs if not run.departures]
    doses: dict[float, list[Run]] = {}
    notes = []
    for text in sorted({run.choices[axis] for run in plain if axis in run.choices}):
        chosen, remarked = select(plain, {**choices, axis: text})
        if not chosen:
            continue
        if (dose := _positive(text)) is None:
            notes.append(f"{axis}={text} was left out: it is no positive number.")
            continue
        doses[dose] = chosen
        notes += remarked
    return dict(sorted(doses.items())), notes


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def remarks(runs: Iterable[Run]) -> list[str]:
    """Differences among runs that are averaged: sources, and how long they trained."""
    finished = [run for run in runs if run.finished]
    notes = []
    for key, what in (("source_digest", "sources"), ("updates_wanted", "numbers of updates")):
        seeds: dict[str, list[str]] = defaultdict(list)
        for run in finished:
            seeds[str(run.record.get(key))].append(str(run.seed))
        if len(seeds) > 1:
            parts = "; ".join(f"{value} (seed {', '.join(who)})" for value, who in seeds.items())
            notes.append(f"{finished[0].cell}: runs of different {what} are mixed: {parts}.")
    return notes


def address(folder: Path) -> str:
    """The folder without what lies above the runs' root: the same on every machine."""
    keep = 5 if folder.name.startswith("seed=") else 4
    return "/".join(folder.parts[-keep:])
