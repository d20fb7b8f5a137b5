"""The table of a sweep."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ganrepro.report.records import Run, address, by_cell, counted, read_cell, remarks
from ganrepro.report.rendering import Table, to_latex, to_markdown, to_text
from ganrepro.report.scores import has_best, rests_on, told
from ganrepro.report.statistics import Interval, compare_paired, mean_interval, p_in_words, rate_interval

AT = ("final", "best")
NAMES = {"final": "last", "best": "best"}  # as a reader calls them


@dataclass(frozen=True)
class Cell:
    """One row of a sweep: its choices as typed, its folder, its finished runs and all of them."""

    choices: dict[str, str]
    label: str
    folder: Path
    runs: list[Run]

    @property
    def finished(self) -> list[Run]:
        return [run for run in self.runs if run.finished]

    @property
    def departs(self) -> bool:
        return any(run.departures for run in self.runs)

    @property
    def updates(self) -> set[int]:
        """How many its runs were to make."""
        return {int(run.record["updates_wanted"]) for run in self.runs if "updates_wanted" in run.record}

    def values(self, metric: str, at: str) -> dict[int, float]:
        """By seed, of the runs that are done; a diverged run has no value to average, and is counted instead."""
        runs = [run for run in told(self.runs, metric) if run.status == "done" and (at != "best" or has_best(run))]
        found = {run.seed: run.value(metric, at) for run in runs}
        return {seed: value for seed, value in found.items() if value is not None}


def sweep_table(cells: Sequence[tuple[dict[str, str], Path]], out: Path) -> str:
    """Writes out/table.md, table.csv and table.tex for cells given as (choices typed, cell folder).

    Metrics are means with 95 % intervals over seeds, at the last and the best update, and every cell is compared
    with the first one, paired by seed. Text, Markdown and LaTeX show the study's monitor and the test score beside
    it, the CSV every evaluation scalar. Returns the table as text of at most 100 columns.
    """
    rows = read_cells(cells)
    means, comparisons = tables_of(rows)
    out.mkdir(parents=True, exist_ok=True)
    parts = [means, comparisons] if comparisons.rows else [means]
    (out / "table.md").write_text("\n".join(to_markdown(table, out) for table in parts))
    (out / "table.tex").write_text("\n".join(to_latex(table) for table in parts))
    write_csv(rows, out / "table.csv")
    return "\n".join(map(to_text, parts))


def read_cells(cells: Sequence[tuple[dict[str, str], Path]]) -> list[Cell]:
    labels = [", ".join(f"{key}={value}" for key, value in choices.items()) or "default" for choices, _ in cells]
    rows = []
    for (choices, folder), label in zip(cells, labels, strict=True):
        unique = label if labels.count(label) == 1 else f"{label} [{folder.name.rpartition('-')[2]}]"
        rows.append(Cell(choices, unique, folder, read_cell(folder)))
    return rows


def equally_long(cells: Sequence[Cell]) -> list[Cell]:
    """A cell whose runs were to make different numbers of updates as one for each number, the largest first.

    They have one folder, since a shorter run begins as a longer one; their means together would say nothing.
    """
    found: list[Cell] = []
    for cell in cells:
        lengths = sorted(cell.updates, reverse=True)
        if len(lengths) < 2:
            found.append(cell)
            continue
        for length in lengths:
            runs = [run for run in cell.runs if run.record.get("updates_wanted", lengths[0]) == length]
            label = f"{re.sub(r'(, )?updates=[0-9]+', '', cell.label) or 'default'} [{length:,} updates]"
            found.append(replace(cell, label=label, runs=runs))
    return found


def plain_cells(runs: Sequence[Run]) -> list[Cell]:
    """The cells of the study's own grid."""
    members = by_cell([run for run in runs if run.record and not run.departures])
    return read_cells([(runs_of[0].choices, folder) for folder, runs_of in members.items()])


def overview(runs: Sequence[Run]) -> Table:
    """A row a cell of every study at one scale: its monitor at the last and the best update."""
    table = Table(["study", "cell", "metric", "last", "best", "seeds"], [])
    for study in sorted({run.study for run in runs}):
        cells = plain_cells([run for run in runs if run.study == study])
        table.notes.extend(f"{study}: {note}" for note in rests_on([run for cell in cells for run in cell.finished]))
        for cell in cells:
            for metric in headline([cell])[:1]:
                found = [list(cell.values(metric, at).values()) for at in AT]
                shown = [interval_or(values, "–") for values in found]
                table.rows.append([study, cell.label, metric, *shown, f"{len(found[0])} of {len(cell.finished)}"])
                table.folders.append(cell.folder)
    return table


def tables_of(cells: Sequence[Cell]) -> tuple[Table, Table]:
    """(means over seeds, paired comparisons with the first cell of those that were trained as long)."""
    cells = equally_long(cells)
    shown = headline(cells)
    means = Table(["cell", "at", "runs", *shown], [])
    for cell in cells:
        for at in AT:
            values = [list(cell.values(metric, at).values()) for metric in shown]
            text = [f"{mean_interval(v)}{_n(v, cell)}" if v else "–" for v in values]
            means.rows.append([cell.label + (" †" if cell.departs else ""), NAMES[at], counted(cell.runs), *text])
            means.folders.append(cell.folder)
    means.notes.extend(_notes(cells))
    header = ["cell", "at", "metric", f"difference from {cells[0].label}" if cells else "difference", "p", "pairs"]
    comparisons = Table(header, [], notes=["Paired by seed; p of the two-sided paired t test."])
    for cell in (cell for cell in cells[1:] if cell.updates == cells[0].updates):
        for at in AT:
            for metric in shown:
                if compared := compare_paired(cell.values(metric, at), cells[0].values(metric, at)):
                    difference = compared.difference
                    row = [cell.label, NAMES[at], metric, str(difference), p_in_words(compared.p), str(difference.n)]
                    comparisons.rows.append(row)
                    comparisons.folders.append(cell.folder)
    return means, comparisons


def _n(values: Sequence[float], cell: Cell) -> str:
    """Says how many seeds a mean is over where the count of runs does not."""
    done = sum(run.status == "done" for run in cell.runs)
    return "" if len(values) == done else f" (n = {len(values)})"


def interval_or(values: Sequence[float], otherwise: str) -> str:
    """The mean with its 95 % t interval, in words."""
    return str(mean_interval(values)) if values else otherwise


def _notes(cells: Sequence[Cell]) -> list[str]:
    notes = ["Mean over the seeds that are done, with its 95 % t interval; best by the monitor on validation data."]
    if any(cell.departs for cell in cells):
        notes.append("† departs from the study's own settings; not in its Table 1 and claims.")
    notes += rests_on([run for cell in cells for run in cell.finished])
    for cell in cells:
        lost = sum(run.status == "diverged" for run in cell.runs)
        if lost:
            rate = rate_interval(lost, len(cell.finished))
            share = f"{rate.low:.2f} to {rate.high:.2f}"
            notes.append(f"{cell.label}: {lost} of {rate.n} runs diverged (95 % Wilson interval {share}).")
        notes += remarks(cell.runs)
    digests = {str(run.record.get("source_digest")) for cell in cells for run in cell.finished}
    if len(digests) > 1:
        notes.append(f"The cells were not all trained by the same sources: {', '.join(sorted(digests))}.")
    updates = {int(run.record["updates_wanted"]) for cell in cells for run in cell.finished if run.record}
    if len(updates) > 1:
        counts = ", ".join(f"{count:,}" for count in sorted(updates))
        notes.append(f"The cells were not all trained equally long, so they do not compare: {counts} updates.")
    return notes


def metrics_of(cells: Sequence[Cell]) -> list[str]:
    """Every evaluation scalar there is: the headline first, then by name."""
    blocks = [(run.record.get("metrics") or {}).get(at) or {} for c in cells for run in c.finished for at in AT]
    names = {key for block in blocks for key, value in block.items() if isinstance(value, int | float)}
    first = headline(cells)
    return first + sorted(names - set(first))


def headline(cells: Sequence[Cell]) -> list[str]:
    """The monitor of the cells' finished runs and, beside it, its family's test score."""
    return headline_of([run for cell in cells for run in cell.finished])


def headline_of(runs: Sequence[Run]) -> list[str]:
    """The monitor and, beside it, its family's test score: parzen/validation and parzen/test."""
    records = [run.record.get("metrics") or {} for run in runs]
    monitors = [metrics["monitor"] for metrics in records if metrics.get("monitor")]
    if not monitors:
        return []
    test = f"{monitors[0].partition('/')[0]}/test"
    has_test = any(test in (metrics.get(at) or {}) for metrics in records for at in AT)
    return list(dict.fromkeys([monitors[0], test] if has_test else monitors[:1]))


def write_csv(cells: Sequence[Cell], path: Path) -> None:
    """A row a cell, metric and `at`, with the values by seed and the folder they are in."""
    cells = equally_long(cells)
    axes = list(dict.fromkeys(key for cell in cells for key in cell.choices))
    header = [*axes, "cell", "departs", "metric", "at", "n", "mean", "low", "high", "done", "diverged"]
    header += ["diverged_low", "diverged_high", "difference", "difference_low", "difference_high", "p", "pairs"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*header, "seeds", "values", "folder"])
        for cell in cells:
            count = Counter(run.status for run in cell.runs)
            rate = rate_interval(count["diverged"], len(cell.finished)) if cell.finished else None
            states = [count["done"], count["diverged"], *((rate.low, rate.high) if rate else ("", ""))]
            choices = [cell.choices.get(axis, "") for axis in axes]
            for metric in metrics_of(cells) or [""]:
                for at in AT:
                    values = cell.values(metric, at)
                    if values or (at == "final" and not cell.values(metric, "best")):
                        mean = mean_interval(list(values.values())) if values else None
                        bounds = [mean.n, mean.mean, *_ends(mean)] if mean else [0, "", "", ""]
                        row = [*choices, cell.label, "yes" if cell.departs else "no", metric, NAMES[at], *bounds]
                        row += [*states, *_difference(cell, cells[0], metric, at), " ".join(map(str, values))]
                        writer.writerow([*row, " ".join(map(repr, values.values())), address(cell.folder)])


def _difference(cell: Cell, first: Cell, metric: str, at: str) -> list[float | str]:
    alike = cell is not first and cell.updates == first.updates
    compared = compare_paired(cell.values(metric, at), first.values(metric, at)) if alike else None
    if compared is None:
        return [""] * 5
    difference = compared.difference
    p = "" if compared.p is None else compared.p
    return [difference.mean, *_ends(difference), p, difference.n]


def _ends(interval: Interval) -> list[float | str]:
    """The interval's ends, empty where one value leaves them open."""
    return [interval.low, interval.high] if interval.n > 1 else ["", ""]
