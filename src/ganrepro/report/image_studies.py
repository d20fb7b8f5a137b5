"""What studies of images share: which runs succeed, a strip of samples of every run, curves cell by cell."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganrepro.report import figures, figures_cells, sheets
from ganrepro.report.events import Rule, success
from ganrepro.report.measured import Claim
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run, by_cell
from ganrepro.report.scores import rests_on, told
from ganrepro.report.statistics import Count, fisher, p_in_words
from ganrepro.report.tables import AT, NAMES

Grid = dict[str, list[Run]]


def name_of(choices: Mapping[str, str]) -> str:
    return ", ".join(f"{axis}={value}" for axis, value in choices.items()) or "plain"


def grid(runs: Sequence[Run], axis: str) -> tuple[Grid, int]:
    """The runs of every cell by its name, with the values of `axis` side by side: (cells, how many side by side).

    A cell that was not run is there without runs. Of several folders with the same choices the name has the hash.
    """
    cells = {folder: members for folder, members in by_cell(runs).items() if any(run.record for run in members)}
    chosen = {folder: next(run.choices for run in members if run.record) for folder, members in cells.items()}
    values = sorted({choices[axis] for choices in chosen.values() if axis in choices})
    if not values:
        names = [name_of(choices) for choices in chosen.values()]
        titles = [_told_apart(name, folder, names.count(name)) for name, folder in zip(names, cells, strict=True)]
        return dict(zip(titles, cells.values(), strict=True)), 1
    departs = {folder for folder, members in cells.items() if any(run.departures for run in members)}
    rest = {f: tuple((key, v) for key, v in choices.items() if key != axis) for f, choices in chosen.items()}
    apart = {line: all(f in departs for f, other in rest.items() if other == line) for line in rest.values()}
    lines = sorted(apart, key=lambda line: (apart[line], line))  # controls last
    table: Grid = {}
    for line in lines:
        for value in values:
            match = [f for f, choices in chosen.items() if choices == {**dict(line), axis: value}]
            title = name_of({axis: value, **dict(line)}) + (" †" if apart[line] else "")
            for folder in match:
                table[_told_apart(title, folder, len(match))] = cells[folder]
            if not match:
                table[title] = []
    return table, len(values)


def _told_apart(title: str, folder: Path, alike: int) -> str:
    return title if alike == 1 else f"{title} [{folder.name.rpartition('-')[2]}]"


def lines_of(runs: Sequence[Run], axis: str, values: Sequence[str]) -> dict[str, dict[str, list[Run]]]:
    """Runs by the axis' value, by the other choices as a name: the rows of a table of pairs. Departures have a †."""
    lines: dict[str, dict[str, list[Run]]] = {}
    for members in by_cell([run for run in runs if run.record and run.choices.get(axis) in values]).values():
        choices, departs = members[0].choices, members[0].departures
        name = name_of({key: v for key, v in choices.items() if key != axis}) + (" †" if departs else "")
        lines.setdefault(name, {}).setdefault(choices[axis], []).extend(members)
    return dict(sorted(lines.items(), key=lambda item: ("†" in item[0], item[0])))


def every_run(
    study: str, runs: Sequence[Run], axis: str, metric: str, out: Path, rule: Rule | None = None
) -> list[Section]:
    """A strip of samples of every run, and the metric's course cell by cell, a line a seed.

    axis: the one whose values stand side by side. rule: of success, by which runs are marked.
    """
    log = metric.endswith("frechet")
    cells, columns = grid(runs, axis)
    columns = columns if columns <= 3 else 2
    marks = (lambda run: tuple(success(run, at, rule) for at in AT)) if rule else None
    heads = [NAMES[at] for at in AT] if rule else []
    titled = {title.replace(" †", " (departs)"): members for title, members in cells.items()}  # its font has no dagger
    sheet = figures.anew(
        out / f"{study}_sheet.png", lambda path: sheets.contact_sheet(titled, columns, path, marks, heads)
    )
    caption = "Eight samples of every run, a line a seed, last update; of a run that diverged, the last that there are."
    if rule:
        caption += " Tick: succeeded by the rule above, cross: failed, at the last and at the best update."
    found = [Section("Every run", pictures=[Picture(sheet, "Every run", caption)])] if sheet else []
    shown = {title: told(members, metric) for title, members in cells.items()}
    curves = figures.anew(
        out / f"{study}_cells.png", lambda path: figures_cells.curves_by_cell(shown, columns, metric, path, log)
    )
    caption = f"{metric}{' on a logarithmic scale' if log else ''}, a line a seed; a cross where a run diverged."
    if curves:
        found.append(Section("Cell by cell", pictures=[Picture(curves, f"{metric} while training", caption)]))
    elif untold := [run for members in cells.values() for run in members if run not in told([run], metric)]:
        found.append(Section("Cell by cell", text=rests_on(untold)))
    return found


# What there is ---------------------------------------------------------------------------------------------------


def not_run(study: str, scale: str, sweep: bool = False) -> str:
    return f"Not run: `python run.py {'-m ' if sweep else ''}experiment={study} scale={scale}`."


def finished_cells(runs: Sequence[Run]) -> list[list[Run]]:
    """The finished runs of each cell, the plain one first, those that depart last."""
    cells = by_cell([run for run in runs if run.finished]).values()
    return sorted(cells, key=lambda runs: (bool(runs[0].departures), bool(runs[0].choices), runs[0].cell))


def trained_for(runs: Sequence[Run]) -> list[str]:
    """A sentence a cell: which seeds are done, after how many updates, and how many diverged."""
    return [_trained(members) for members in finished_cells(runs)]


def _trained(members: Sequence[Run]) -> str:
    done = [run for run in members if run.status == "done"]
    updates = ", ".join(f"{n:,}" for n in sorted({int(run.record["generator_updates"]) for run in done}))
    trained = (
        f"seeds {', '.join(str(run.seed) for run in done)} after {updates} updates of G" if done else "none is done"
    )
    lost = f"; {len(members) - len(done)} diverged" if len(done) < len(members) else ""
    return f"{members[0].cell}: {trained}{lost}."


# Success -------------------------------------------------------------------------------------------------------


def rule_in_words(rule: Rule) -> str:
    """ "frechet_ratio at most 20; classes_share at least 0.9, if the data are labelled"."""
    signs = {"at_least": "at least", "at_most": "at most"}
    parts = []
    for metric, bounds in rule.items():
        said = " and ".join(f"{signs[bound]} {bounds[bound]:g}" for bound in signs if bound in bounds)
        parts.append(f"{metric} {said}" + (", if the data are labelled" if bounds.get("if_labelled") else ""))
    return "; ".join(parts)


def rule_of(claims: Sequence[Claim]) -> Rule | None:
    """The study's rule of success, as its claims have it."""
    return next((claim["rule"] for claim in claims if claim["metric"] == "success"), None)


def success_notes(runs: Sequence[Run], rule: Rule) -> list[str]:
    """What stands below a table of success rates."""
    notes = [f"Success: {rule_in_words(rule)}. A diverged run has failed."]
    if any(run.departures for run in runs):
        notes.append("† departs from the study's own grid and enters no claim.")
    unknown = sum(run.finished and success(run, "final", rule) is None for run in runs)
    return notes + ([f"{unknown} finished runs lack a metric of the rule and are not counted."] if unknown else [])


def shown_rate(found: Count) -> str:
    return f"{found.hits} of {found.n}: {found.rate}" if found.n else "not run"


def shown_fisher(first: Count, second: Count) -> str:
    return p_in_words(fisher(first, second)) if first.n and second.n else "–"
