"""One study at one scale: verdicts, tables and pictures on a page, and the same as Markdown."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from ganrepro.report import figures, tables
from ganrepro.report.claims import Verdict, board, load_claims, stand_in_of
from ganrepro.report.records import Run, by_cell, counted, read_runs, select
from ganrepro.report.rendering import Table, link, to_latex, to_markdown, to_text

# A paper's own table and the figures to draw beside a curve, for the studies that have them.
PAPER_TABLES = {"gan_mnist": ("Table 1, MNIST", tables.table1)}
BANDS = {"gan_mnist": ("mnist", {"parzen/test": (225.0, 2.0)})}  # section 5, Table 1: holds on this data only


@dataclass(frozen=True)
class Picture:
    path: Path
    title: str
    caption: str

    @property
    def embedded(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.path.read_bytes()).decode()


def write_study(runs_root: Path, study: str, scale: str, out: Path, claims_dir: Path) -> Path:
    """Draws the report of the runs in runs_root/study/scale into `out` and returns out/index.html.

    Writes index.html (nothing beside it is needed), <study>.md, table.md, table.csv, table.tex and the pictures.
    The same runs give the same bytes. Runs, artifacts or claims may be missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    runs = read_runs(runs_root, study, scale)
    own, notes = select(runs, {})
    verdicts = board(load_claims(claims_dir), runs, study, scale)
    sections = [("Verdicts", [verdict_table(verdicts)])]
    if study in PAPER_TABLES:
        title, make = PAPER_TABLES[study]
        sections.append((title, [make(own)]))
        (out / "table1.tex").write_text(to_latex(sections[-1][1][0]))
    sections.append(("All cells", list(sweep(runs, out))))
    pictures = draw(runs, own, study, out)
    listed = runs_table(runs)
    notes = list(dict.fromkeys([*summary(runs), *notes, *(note for v in verdicts for note in v.notes)]))
    heading = {"study": study, "scale": scale, "stand_in": stand_in_of([run for run in own if run.record])}
    page = out / f"{study}.md"
    page.write_text(markdown(heading, sections, pictures, listed, notes, out))
    html = (
        _environment()
        .get_template("page.html")
        .render(**heading, sections=sections, pictures=pictures, listed=listed, notes=notes, base=out)
    )
    (out / "index.html").write_text(html)
    return out / "index.html"


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """The claims board of one study and scale."""
    table = Table(["claim", "verdict", "the paper says", "paper", "ours [95 %]", "seeds", "why"], [])
    for v in verdicts:
        says = f"{v.claim['says']} ({v.claim['source']})"
        against = f" − {v.claim['against']}" if "against" in v.claim else ""
        ours = f"{v.claim['metric']}{against} = {v.ours}" if v.ours else ""
        seeds = str(v.value.n) if v.value else ""
        table.rows.append([v.claim["id"], v.word, says, v.claim["figure"] or "", ours, seeds, v.reason])
        table.folders.append(v.runs[0].folder.parent if v.runs else None)
    return table


def verdict_text(runs_root: Path, study: str, scale: str, claims_dir: Path) -> str:
    """The same board for a terminal, narrower; "" where no claim is about the study."""
    verdicts = board(load_claims(claims_dir), read_runs(runs_root, study, scale), study, scale)
    rows = [[v.claim["id"], v.word, v.ours, v.reason] for v in verdicts]
    return to_text(Table(["claim", "verdict", "ours [95 %]", "why"], rows)) if rows else ""


def sweep(runs: Sequence[Run], out: Path) -> tuple[Table, Table]:
    """Writes the table of all cells and returns its two parts; the study's plain cell comes first."""
    cells = sorted(by_cell(runs).items(), key=lambda cell: (bool(choices_of(cell[1])), cell[0].name))
    chosen = [(choices_of(members), folder) for folder, members in cells]
    tables.sweep_table(chosen, out)
    return tables.tables_of(tables.read_cells(chosen))


def choices_of(runs: Sequence[Run]) -> dict[str, str]:
    """A cell's choices, from any run that has a record; from the folder's name where none has."""
    for run in runs:
        if run.record:
            return run.choices
    name = runs[0].cell.rpartition("-")[0]
    return {} if name == "default" else {"cell": name}


def draw(runs: Sequence[Run], own: Sequence[Run], study: str, out: Path) -> list[Picture]:
    """The pictures for which the runs hold what is needed; a picture that no longer can be drawn is removed."""
    cells = tables.read_cells([(choices_of(members), folder) for folder, members in by_cell(runs).items()])
    labels = {cell.folder: cell.label for cell in cells}
    data, band = BANDS.get(study, ("", {}))
    on_data = any((run.record.get("data") or {}).get("name") == data for run in own)
    figure2 = "Four rows of five samples, drawn at random; framed: the training image nearest to the fifth (L2)."
    figure3 = "Straight lines between points of the latent space, one a row."
    curves = "A line a seed, all cells; a cross where a run diverged. A scale is cut below where the start is far off."
    every = "Sixteen samples of every seed, none chosen; red: not done."
    wanted: list[tuple[str, str, str, Any]] = [
        ("figure2.png", "Samples and their nearest neighbours", figure2, figures.figure2),
        ("figure3.png", "Lines in latent space", figure3, figures.figure3),
    ]
    pictures = []
    for name, title, caption, make in wanted:
        (out / name).unlink(missing_ok=True)
        for run in own:
            if path := make(run, out / name):
                pictures.append(Picture(path, title, f"{caption} Seed {run.seed}, last update."))
                break
    for name in ("curves.png", "every_seed.png"):
        (out / name).unlink(missing_ok=True)
    if path := figures.curves(runs, labels, out / "curves.png", band if on_data else None):
        pictures.append(Picture(path, "Learning curves", curves))
    if path := figures.every_seed(runs, labels, out / "every_seed.png"):
        pictures.append(Picture(path, "Every seed", every))
    return pictures


def runs_table(runs: Sequence[Run]) -> Table:
    """Every run there is, whatever became of it."""
    header = ["label", "seed", "status", "updates", "seconds", "images/s", "hardware", "threads", "commit", "versions"]
    table = Table(header, [])
    for run in runs:
        record, speed, hardware = run.record, run.record.get("speed") or {}, run.record.get("hardware") or {}
        status = f"{run.status}: {record['reason']}" if record.get("reason") else run.status
        updates = f"{record.get('generator_updates', '?')} of {record.get('updates_wanted', '?')}"
        machine = f"{hardware.get('name', '')} ({hardware.get('device', '?')}, {hardware.get('cores', '?')} cores)"
        commit = f"{record.get('commit') or ''}{' + changes' if record.get('dirty') else ''}"
        versions = ", ".join(f"{name} {version}" for name, version in sorted((record.get("versions") or {}).items()))
        numbers = [str(speed.get(key, "")) for key in ("seconds", "images_per_second")]
        row = [record.get("label") or run.cell, str(run.seed), status, updates, *numbers]
        table.rows.append([*row, machine if hardware else "", str(record.get("threads", "")), commit, versions])
        table.folders.append(run.folder)
    return table


def summary(runs: Sequence[Run]) -> list[str]:
    """What became of the runs, and those that gave no result or a diverged one, by name."""
    if not runs:
        return ["There are no runs yet."]
    lines = [f"{len(runs)} runs: {counted(runs)}."]
    for run in runs:
        if run.status != "done":
            what = "running or cut off" if run.status == "running" else run.status
            reason = f" ({run.record['reason']})" if run.record.get("reason") else ""
            lines.append(f"{run.cell}, seed {run.seed}: {what}{reason}.")
    digests = {str(run.record.get("source_digest")) for run in runs if run.finished}
    if len(digests) > 1:
        lines.append(f"Runs of different sources are on this page: {', '.join(sorted(digests))}.")
    return lines


def markdown(
    heading: dict[str, str],
    sections: Sequence[tuple[str, Sequence[Table]]],
    pictures: Sequence[Picture],
    listed: Table,
    notes: Sequence[str],
    base: Path,
) -> str:
    """The page as Markdown, for a folder `base` that holds the pictures."""
    parts = [f"# {heading['study']}, scale {heading['scale']}\n"]
    if heading["stand_in"]:
        parts.append(f"Data: {heading['stand_in']}.\n")
    for title, parts_of in sections:
        parts += [f"## {title}\n", *(to_markdown(table, base) for table in parts_of if table.rows)]
        if not any(table.rows for table in parts_of):
            parts.append("Nothing yet.\n")
    parts.append("## Pictures\n")
    for picture in pictures:
        parts.append(f"### {picture.title}\n\n![{picture.title}]({picture.path.name})\n\n{picture.caption}\n")
    parts += ["## Runs\n", to_markdown(listed, base), "## Notes\n", *(f"- {note}" for note in notes)]
    return "\n".join(parts).rstrip() + "\n"


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["link"] = link
    return environment
