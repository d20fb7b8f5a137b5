"""One study at one scale: verdicts, tables and pictures on a page, and the same as Markdown."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ganrepro.report import gallery, papers, tables
from ganrepro.report.about import commit_of, machine_of
from ganrepro.report.claims import Verdict, board, judged, load_claims, stand_in_of
from ganrepro.report.kept import keep
from ganrepro.report.page import Page, Section
from ganrepro.report.records import Run, by_cell, counted, naturally, read_runs, shown_cell
from ganrepro.report.registry import own_sections
from ganrepro.report.rendering import Table, to_latex, to_text

# A paper's own table, for the studies that have one: title, file, and what makes it from the study's plain cell.
PAPER_TABLES: dict[str, tuple[str, str, Callable[[Sequence[Run]], Table]]] = {
    "gan_mnist": ("Table 1, MNIST", "table1.tex", papers.table1),
    "gan_tfd": ("Table 1, TFD", "table1.tex", papers.table1_tfd),
    "gan_theory": ("Theory", "theory.tex", papers.theory_table),
}


JUDGED = ("fidelity", "conditional", "inception", "calibration", "classes")  # evaluations that keep their scorer's name
JUDGES = {
    "classifier": "a classifier trained here on the real images",
    "rotation net": "a rotation net, trained here to tell by how many quarter turns a real image is turned",
    "inception": "Inception with its published weights",
}


def write_study(runs_root: Path, study: str, scale: str, out: Path, claims_dir: Path) -> Path:
    """Draws the report of the runs in runs_root/study/scale into `out` and returns out/index.html.

    Writes index.html (nothing beside it is needed), <study>.md, table.md, table.csv, table.tex, verdicts.json and the
    pictures.
    The same runs give the same bytes. Runs, artifacts or claims may be missing.
    """
    return study_page(runs_root, study, scale, out, claims_dir).write(out, study)


def study_page(runs_root: Path, study: str, scale: str, out: Path, claims_dir: Path) -> Page:
    """The page that `write_study` writes; its pictures and the table of all cells are in `out` then."""
    out.mkdir(parents=True, exist_ok=True)
    runs = read_runs(runs_root, study, scale)
    own, notes = shown_cell(runs)
    claims = load_claims(claims_dir)
    verdicts = board(claims, runs, study, scale)
    keep(verdicts, runs, out)
    sections = [Section("Verdicts", [verdict_table(verdicts)], empty="No claim is about this study.")]
    if study in PAPER_TABLES:
        title, file, make = PAPER_TABLES[study]
        sections.append(Section(title, [make(own)]))
        (out / file).write_text(to_latex(make(own)))
    sections += (particular := own_sections(study, runs, claims, scale, out))
    sections.append(Section("All cells", list(sweep(runs, out))))
    cells = tables.read_cells([(choices_of(members), folder) for folder, members in by_cell(runs).items()])
    labels = {cell.folder: cell.label for cell in cells}
    sections.append(Section("Pictures", pictures=gallery.of_study(study, runs, labels, out)))
    sections.append(Section("Runs", [runs_table(runs)]))
    notes = list(dict.fromkeys([*summary(runs), *notes, *(note for v in verdicts for note in v.notes)]))
    plain = own or [run for run in runs if not run.departures]  # a grid's axis can be part of every cell
    stand_in = stand_in_of([run for run in plain if run.record])
    lead = " ".join(([f"Data: {stand_in}."] if stand_in else []) + judged_by(runs))
    return Page(f"{study}, scale {scale}", lead, sections, notes, particular)


def judged_by(runs: Sequence[Run]) -> list[str]:
    """Which network judged the samples, in a sentence; none where none did."""
    names = set()
    for run in runs:
        for arrays in map(run.arrays, JUDGED):
            names |= {str(arrays["scorer"])} if arrays and "scorer" in arrays else set()
    return [f"Samples are judged by: {', '.join(JUDGES.get(name, name) for name in sorted(names))}."] if names else []


def verdict_table(verdicts: Sequence[Verdict], scales: bool = False) -> Table:
    """The claims board of one study and scale; or of several, with the scale in a column."""
    header = ["claim", *(["scale"] if scales else []), "verdict", "the paper says", "paper", "ours [95 %]", "seeds"]
    table = Table([*header, "why"], [])
    for v in verdicts:
        says = f"{v.claim['says']} ({v.claim['source']})"
        ours = f"{judged(v.claim)} = {v.ours}" if v.ours else ""
        place = [v.claim["id"], *([v.scale] if scales else [])]
        table.rows.append([*place, v.word, says, v.claim["figure"] or "", ours, v.seeds, v.reason])
        cells = tuple(dict.fromkeys(run.folder.parent for run in v.runs))
        table.folders.append(cells if len(cells) > 1 else cells[0] if cells else None)
    return table


def verdicts_of(runs_root: Path, study: str, scale: str, claims_dir: Path) -> list[Verdict]:
    """Of the claims about one study, from its runs at one scale."""
    return board(load_claims(claims_dir), read_runs(runs_root, study, scale), study, scale)


def verdict_text(runs_root: Path, study: str, scale: str, claims_dir: Path) -> str:
    """The same board for a terminal, narrower; "" where no claim is about the study."""
    rows = [[v.claim["id"], v.word, v.ours, v.reason] for v in verdicts_of(runs_root, study, scale, claims_dir)]
    return to_text(Table(["claim", "verdict", "ours [95 %]", "why"], rows)) if rows else ""


def sweep(runs: Sequence[Run], out: Path) -> tuple[Table, Table]:
    """Writes the table of all cells and returns its two parts; the study's plain cell comes first."""
    cells = sorted(by_cell(runs).items(), key=lambda cell: (bool(choices_of(cell[1])), naturally(cell[0])))
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


def runs_table(runs: Sequence[Run]) -> Table:
    """Every run there is, whatever became of it."""
    header = ["label", "seed", "status", "updates", "seconds", "images/s", "hardware", "threads", "commit", "versions"]
    table = Table(header, [])
    for run in runs:
        record, speed = run.record, run.record.get("speed") or {}
        status = f"{run.status}: {record['reason']}" if record.get("reason") else run.status
        updates = f"{record.get('generator_updates', '?')} of {record.get('updates_wanted', '?')}"
        versions = ", ".join(f"{name} {version}" for name, version in sorted((record.get("versions") or {}).items()))
        numbers = [str(speed.get(key, "")) for key in ("seconds", "images_per_second")]
        row = [record.get("label") or run.cell, str(run.seed), status, updates, *numbers]
        table.rows.append([*row, machine_of(run), str(record.get("threads", "")), commit_of(run), versions])
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
