"""The ring of Gaussians: tables of modes, distances and times of collapse, and the pictures beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganrepro.report import figures, figures_ring
from ganrepro.report.events import collapse_time
from ganrepro.report.measured import Claim
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run, by_cell
from ganrepro.report.rendering import Table
from ganrepro.report.statistics import Count, compare_paired, p_in_words
from ganrepro.report.tables import interval_or

IDEAL = "ideal 0.989"  # of points of a Gaussian in the plane within 3 standard deviations
NEAR = "modes_near"  # a softer measure than the claim's: few of the study's runs are as sharp as the data
LOSS, FACTOR, BASE, REGULAR = "loss", "factor", "base", "gan"


def ring(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """Modes, quality and collapse of every loss; densities over time, the last of every seed, modes over time."""
    rows = _cells(runs)
    if not rows:
        return []
    modes = figures_ring.modes_of(runs)
    first = {title: next((run for run in runs if figures_ring.moments(run)), runs[0]) for title, runs in rows.items()}
    made = [
        (
            figures.anew(out / f"{study}_time.png", lambda path: figures_ring.over_time(first, path)),
            "Densities while training",
            f"The generator's density at the updates on top, {_seeds(first)}; right: the data's. Orange rings: the "
            "Gaussians' means. One kernel in all panels, a tenth of the ring's radius wide; 30 levels each.",
        ),
        (
            figures.anew(out / f"{study}_last.png", lambda path: figures_ring.every_last(rows, path)),
            "The last density of every seed",
            "Drawn as above; the number is the seed.",
        ),
        (
            figures.anew(
                out / f"{study}_modes.png", lambda path: figures_ring.modes_over_time(rows, modes, "modes", path)
            ),
            "Modes covered while training",
            "A line a seed, darker for more modes. Orange tick: the update from which on a run never has all of them "
            "again. Cross: diverged.",
        ),
        (
            figures.anew(out / f"{study}_near.png", lambda path: figures_ring.modes_over_time(rows, modes, NEAR, path)),
            "Modes it is near to while training",
            "As above, within a quarter of the way to the next mode.",
        ),
    ]
    pictures = [Picture(path, title, caption) for path, title, caption in made if path]
    return [Section("The ring", [ring_table(rows, modes)], pictures)]


def _seeds(first: Mapping[str, Run]) -> str:
    seeds = sorted({run.seed for run in first.values()})
    return f"seed {seeds[0]}" if len(seeds) == 1 else "the first seed that has them"


def _cells(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The cells by what they are called, those of the study's own grid first."""
    cells = [members for members in by_cell([run for run in runs if run.record]).values()]
    named = {_name(members[0]) + f" [{members[0].cell[-4:]}]": members for members in cells}
    plain = {_name(members[0]) for members in cells}
    if len(plain) == len(cells):
        named = {_name(members[0]): members for members in cells}
    return dict(sorted(named.items(), key=lambda item: (bool(item[1][0].departures), item[0])))


def _name(run: Run) -> str:
    return ", ".join(f"{axis}={value}" for axis, value in run.choices.items()) or "plain"


def ring_table(rows: Mapping[str, Sequence[Run]], modes: int) -> Table:
    """A row a cell, at the last update; collapse is counted over all finished runs, diverged ones too."""
    header = ["cell", f"modes of {modes}, last", "all at the last update", "modes it is near to, last"]
    header += [f"high quality ({IDEAL})", "W1", "W1 floor"]
    table = Table([*header, "updates at collapse", "runs"], [])
    for title, runs in rows.items():
        finished = [run for run in runs if run.finished]
        values = {key: values_at_end(runs, key) for key in ("modes", NEAR, "high_quality", "w1", "w1_floor")}
        shown = [
            spread(values["modes"]),
            str(kept(finished, modes)),
            spread(values[NEAR]),
            *(interval_or(values[k], "–") for k in ("high_quality", "w1", "w1_floor")),
        ]
        table.rows.append([title, *shown, collapses(finished, modes), f"{len(finished)}"])
        table.folders.append(runs[0].folder.parent)
    table.notes.append(
        "Modes: mean (lowest to highest seed); covered within 3 standard deviations, or near, within a quarter of the "
        "way to the next one, which is what pictures show. Collapse: the update from which on a run never again has "
        "all modes; the median of the runs that end without some."
    )
    return table


def kept(finished: Sequence[Run], modes: int, metric: str = "modes") -> Count:
    """How many runs have all modes at the last update; a diverged one has not."""
    return Count(sum(run.status == "done" and run.value(metric) == modes for run in finished), len(finished))


def collapses(finished: Sequence[Run], modes: int, metric: str = "modes") -> str:
    """ "3 of 10, median 12,500", or "none of 10"."""
    times = sorted(time for run in finished if (time := collapse_time(run, metric, modes)) is not None)
    if not times:
        return f"none of {len(finished)}"
    never = sum(_never_full(run, modes, metric) for run in finished)
    said = f"{len(times)} of {len(finished)}, median {times[len(times) // 2]:,}"
    return said + (f" ({never} never had all)" if never else "")


def _never_full(run: Run, modes: int, metric: str) -> bool:
    counts = [row[metric] for row in run.rows if isinstance(row.get(metric), int | float)]
    return bool(counts) and max(counts) < modes


def values_at_end(runs: Sequence[Run], key: str) -> list[float]:
    return [v for run in runs if run.status == "done" and (v := run.value(key)) is not None]


def spread(values: Sequence[float]) -> str:
    """ "6.2 (4 to 8)"."""
    return f"{sum(values) / len(values):.1f} ({min(values):g} to {max(values):g})" if values else "–"


# Factors -------------------------------------------------------------------------------------------------------


def factors(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """One thing changed at a time: what it does to the modes at the end, the strongest first."""
    found = cells_by_factor(runs)
    if not found:
        return []
    modes = figures_ring.modes_of(runs)
    values = {
        f: {loss: values_at_end(members, NEAR) for loss, members in by_loss.items()} for f, by_loss in found.items()
    }
    drawn = figures.anew(out / f"{study}.png", lambda path: figures_ring.factors(values, modes, path))
    caption = "A dot a seed, a bar at the mean; the plain setting first, then by how much a change moves the means."
    pictures = [Picture(drawn, "Modes at the end", caption)] if drawn else []
    return [Section("What decides who collapses", [losses_table(found), factor_table(found, modes)], pictures)]


def cells_by_factor(runs: Sequence[Run]) -> dict[str, dict[str, list[Run]]]:
    """Runs by loss, by factor: `base` first, then by effect."""
    found: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        if run.record and run.choices.keys() == {LOSS, FACTOR}:
            found.setdefault(run.choices[FACTOR], {}).setdefault(run.choices[LOSS], []).append(run)
    base = found.get(BASE, {})
    return dict(sorted(found.items(), key=lambda item: (item[0] != BASE, -effect(item[1], base), item[0])))


def effect(by_loss: Mapping[str, Sequence[Run]], base: Mapping[str, Sequence[Run]]) -> float:
    """How far the mean number of modes at the end lies from that of the plain setting, summed over the losses."""
    total = 0.0
    for loss, members in by_loss.items():
        ours, theirs = values_at_end(members, NEAR), values_at_end(base.get(loss, ()), NEAR)
        if ours and theirs:
            total += abs(sum(ours) / len(ours) - sum(theirs) / len(theirs))
    return total


def losses_table(by_factor: Mapping[str, Mapping[str, Sequence[Run]]]) -> Table:
    """A row a factor: how many modes more each loss ends near to than the regular GAN's, by seed."""
    others = sorted({loss for by_loss in by_factor.values() for loss in by_loss} - {REGULAR})
    table = Table(["factor", *(f"{loss} − {REGULAR}, modes near to, last [95 %], p" for loss in others)], [])
    for factor, by_loss in by_factor.items():
        regular = _by_seed(by_loss.get(REGULAR, ()))
        compared = [compare_paired(_by_seed(by_loss.get(loss, ())), regular) for loss in others]
        table.rows.append([factor, *(f"{c.difference}, {p_in_words(c.p)}" if c else "–" for c in compared)])
        table.folders.append(tuple(members[0].folder.parent for members in by_loss.values()))
    table.notes.append("Paired by seed; p of the two-sided paired t test, not corrected for the number of rows.")
    return table


def _by_seed(runs: Sequence[Run]) -> dict[int, float]:
    return {run.seed: v for run in runs if run.status == "done" and (v := run.value(NEAR)) is not None}


def factor_table(by_factor: Mapping[str, Mapping[str, Sequence[Run]]], modes: int) -> Table:
    """A row a factor and loss."""
    header = ["factor", "loss", f"near to, of {modes}, last", "near to all", "updates at which it leaves them for good"]
    table = Table([*header, f"covered, of {modes}", "diverged", "effect"], [])
    base = by_factor.get(BASE, {})
    for factor, by_loss in by_factor.items():
        for loss, members in sorted(by_loss.items()):
            finished = [run for run in members if run.finished]
            lost = sum(run.status == "diverged" for run in finished)
            moved = effect({loss: members}, base)
            row = [factor, loss, spread(values_at_end(members, NEAR)), str(kept(finished, modes, NEAR))]
            row += [collapses(finished, modes, NEAR), spread(values_at_end(members, "modes")), str(lost)]
            table.rows.append([*row, f"{moved:.1f}" if factor != BASE else "–"])
            table.folders.append(members[0].folder.parent)
    table.notes.append(
        "Mean (lowest to highest seed): near, within a quarter of the way to the next Gaussian; covered, within 3 "
        "standard deviations. Effect: how far the mean of the former lies from the plain setting's; factors in order "
        "of its sum over the losses."
    )
    return table
