"""The LSGAN paper's studies of images: who succeeds, and a strip of samples of every run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganrepro.report import figures, figures_lsgan, sheets
from ganrepro.report.claims import judge
from ganrepro.report.events import Rule, count, success
from ganrepro.report.measured import Claim, rivals
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run, by_cell
from ganrepro.report.rendering import Table
from ganrepro.report.statistics import Count, fisher, p_in_words
from ganrepro.report.tables import AT, NAMES

Grid = dict[str, list[Run]]
# The axis whose values stand side by side, and the metric of each study of images.
SIDES = {
    "lsgan_stability": ("loss", "valid/frechet"),
    "lsgan_small_variability": ("loss", "valid/frechet"),
    "lsgan_cifar10": ("loss", "inception_score"),
    "lsgan_scenes": ("loss", "valid/frechet"),
    "lsgan_codings": ("labels", "valid/frechet"),
    "lsgan_gradients": ("loss", "vanishing/own"),
    "lsgan_hwdb": ("condition", "agreement"),
}


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
        return {name_of(chosen[folder]): members for folder, members in cells.items()}, 1
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
                unique = title if len(match) == 1 else f"{title} [{folder.name.rpartition('-')[2]}]"
                table[unique] = cells[folder]
            if not match:
                table[title] = []
    return table, len(values)


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


def lines_of(runs: Sequence[Run], axis: str, values: Sequence[str]) -> dict[str, dict[str, list[Run]]]:
    """Runs by the axis' value, by the other choices as a name: the rows of a table of pairs. Departures have a †."""
    lines: dict[str, dict[str, list[Run]]] = {}
    for members in by_cell([run for run in runs if run.record and run.choices.get(axis) in values]).values():
        choices, departs = members[0].choices, members[0].departures
        name = name_of({key: v for key, v in choices.items() if key != axis}) + (" †" if departs else "")
        lines.setdefault(name, {}).setdefault(choices[axis], []).extend(members)
    return dict(sorted(lines.items(), key=lambda item: ("†" in item[0], item[0])))


def success_table(runs: Sequence[Run], claims: Sequence[Claim], rule: Rule, pair: tuple[str, str]) -> Table:
    """Success rates of the two losses by setting, at the last and the best update, and what the paper says of them."""
    header = ["setting", "at", *(f"{loss}: succeeded [Wilson 95 %]" for loss in pair), "Fisher's p", "the paper says"]
    table = Table(header, [])
    for name, by_loss in lines_of(runs, "loss", pair).items():
        says = "; ".join(claim["says"] for claim in claims if _is_about(claim, by_loss)) or "–"
        for at in AT:
            counts = {loss: count(by_loss.get(loss, []), "success", at, rule)[0] for loss in pair}
            p = _p(*counts.values())
            table.rows.append([name, NAMES[at], *map(_rate, counts.values()), p, says if at == AT[0] else ""])
            table.folders.append(tuple(dict.fromkeys(r.folder.parent for m in by_loss.values() for r in m)))
    table.notes.append(f"Success: {rule_in_words(rule)}. A diverged run has failed.")
    table.notes.append("Fisher's exact test, two-sided, between the losses. Not corrected for the number of rows.")
    if any("†" in row[0] for row in table.rows):
        table.notes.append("† departs from the study's own grid and enters no claim.")
    unknown = sum(run.finished and success(run, "final", rule) is None for run in runs)
    table.notes.extend([f"{unknown} finished runs lack a metric of the rule and are not counted."] if unknown else [])
    return table


def _rate(found: Count) -> str:
    return f"{found.hits} of {found.n}: {found.rate}" if found.n else "not run"


def _p(first: Count, second: Count) -> str:
    if not (first.n and second.n):
        return "–"
    return p_in_words(fisher(first, second))


def _is_about(claim: Claim, by_loss: Mapping[str, Sequence[Run]]) -> bool:
    """Whether a claim compares the losses in these cells."""
    found = [members[0].choices for members in by_loss.values()]
    asked = [{key: str(value) for key, value in cell.items()} for cell in (claim["cells"], *rivals(claim))]
    return len(asked) == 2 and asked[0].get("loss") != asked[1].get("loss") and any(cell in found for cell in asked)


def both_verdicts(claims: Sequence[Claim], runs: Sequence[Run], scale: str) -> Table:
    """The verdicts at the last and at the best update side by side; the claim itself is judged at one of them."""
    table = Table(["claim", "judged at", "verdict, last", "why", "verdict, best", "why"], [])
    for claim in claims:
        if claim["at"] in AT and scale in claim["scales"]:
            last, best = (judge(claim, runs, scale, at) for at in AT)
            if last.word != "not run":
                row = [claim["id"], NAMES[claim["at"]], last.word, last.reason, best.word, best.reason]
                table.rows.append(row)
    return table


def stability(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """The grid: success rates, verdicts at both updates, a strip of samples of every run, curves cell by cell."""
    rule = rule_of(claims)
    if rule is None:
        return images(study, runs, claims, scale, out)
    pair = ("gan", "lsgan")
    table = success_table(runs, claims, rule, pair)
    drawn = figures.anew(
        out / f"{study}_rates.png", lambda path: figures_lsgan.rates(_shown_rates(runs, rule, pair), path)
    )
    pictures = [Picture(drawn, "Success rates", "The table's rates at the last update.")] if drawn else []
    judged = Section("Judged at the last and the best update", [both_verdicts(claims, runs, scale)])
    return [Section("Success", [table], pictures), judged, *images(study, runs, claims, scale, out, rule)]


def _shown_rates(
    runs: Sequence[Run], rule: Rule, pair: tuple[str, str]
) -> list[tuple[str, dict[str, tuple[float, float, float]]]]:
    shown = []
    for name, by_loss in lines_of(runs, "loss", pair).items():
        counts = {loss: count(members, "success", "final", rule)[0] for loss, members in sorted(by_loss.items())}
        rates = {loss: (c.rate.mean, c.rate.low, c.rate.high) for loss, c in counts.items() if c.n}
        shown.append((name.replace(" †", " (departs)"), rates))
    return [(name, rates) for name, rates in shown if rates]


# Any study of images -------------------------------------------------------------------------------------------


def images(
    study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path, rule: Rule | None = None
) -> list[Section]:
    """A strip of samples of every run, and the metric's course cell by cell, a line a seed."""
    axis, metric = SIDES[study]
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
    curves = figures.anew(
        out / f"{study}_cells.png", lambda path: figures_lsgan.curves_by_cell(cells, columns, metric, path, log)
    )
    caption = f"{metric}{' on a logarithmic scale' if log else ''}, a line a seed; a cross where a run diverged."
    if curves:
        found.append(Section("Cell by cell", pictures=[Picture(curves, f"{metric} while training", caption)]))
    return found


def small_variability(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    rule = rule_of(claims)
    made = images(study, runs, claims, scale, out, rule)
    return [Section("Success", [success_table(runs, claims, rule, ("gan", "lsgan"))]), *made] if rule else made


def scenes(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """And the last update against the best, for what the paper says of late collapse."""
    late = next((claim for claim in claims if claim["metric"] == "late"), None)
    made = images(study, runs, claims, scale, out)
    return [*made, Section("Last against best", [late_table(runs, late["rule"])])] if late else made


def late_table(runs: Sequence[Run], rule: Rule) -> Table:
    metric, factor = rule["metric"], rule["factor"]
    table = Table(["cell", f"{metric}, last over best, by seed", f"more than {factor:g} times worse"], [])
    for folder, members in by_cell([run for run in runs if run.record]).items():
        found = {run.seed: _ratio(run, metric) for run in members if run.finished}
        shown = ", ".join(f"{seed}: {'diverged' if ratio is None else f'{ratio:.2f}'}" for seed, ratio in found.items())
        table.rows.append([name_of(members[0].choices), shown, _rate(count(members, "late", "final", rule)[0])])
        table.folders.append(folder)
    return table


def _ratio(run: Run, metric: str) -> float | None:
    last, best = run.value(metric, "final"), run.value(metric, "best")
    return last / best if last is not None and best and run.status == "done" else None
