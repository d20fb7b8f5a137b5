"""The LSGAN paper's studies of images: who succeeds, and a strip of samples of every run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganrepro.report import figures, figures_cells
from ganrepro.report.claims import judge
from ganrepro.report.events import Rule, count
from ganrepro.report.image_studies import (
    every_run,
    lines_of,
    name_of,
    rule_of,
    shown_fisher,
    shown_rate,
    success_notes,
)
from ganrepro.report.measured import Claim, rivals
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run, by_cell
from ganrepro.report.rendering import Table
from ganrepro.report.tables import AT, NAMES

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


# Success -------------------------------------------------------------------------------------------------------


def success_table(runs: Sequence[Run], claims: Sequence[Claim], rule: Rule, pair: tuple[str, str]) -> Table:
    """Success rates of the two losses by setting, at the last and the best update, and what the paper says of them."""
    header = ["setting", "at", *(f"{loss}: succeeded [Wilson 95 %]" for loss in pair), "Fisher's p", "the paper says"]
    table = Table(header, [])
    for name, by_loss in lines_of(runs, "loss", pair).items():
        says = "; ".join(claim["says"] for claim in claims if _is_about(claim, by_loss)) or "–"
        for at in AT:
            counts = {loss: count(by_loss.get(loss, []), "success", at, rule)[0] for loss in pair}
            p = shown_fisher(*counts.values())
            table.rows.append([name, NAMES[at], *map(shown_rate, counts.values()), p, says if at == AT[0] else ""])
            table.folders.append(tuple(dict.fromkeys(r.folder.parent for m in by_loss.values() for r in m)))
    table.notes.extend(success_notes(runs, rule))
    table.notes.append("Fisher's exact test, two-sided, between the losses. Not corrected for the number of rows.")
    return table


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
        out / f"{study}_rates.png", lambda path: figures_cells.rates(_shown_rates(runs, rule, pair), path)
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
    return every_run(study, runs, *SIDES[study], out, rule)


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
        table.rows.append([name_of(members[0].choices), shown, shown_rate(count(members, "late", "final", rule)[0])])
        table.folders.append(folder)
    return table


def _ratio(run: Run, metric: str) -> float | None:
    last, best = run.value(metric, "final"), run.value(metric, "best")
    return last / best if last is not None and best and run.status == "done" else None
