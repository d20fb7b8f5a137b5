"""One paper over all its studies and scales: the claims board, the paper's own tables and its figures."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ganrepro.report import figures, figures_gan, gallery
from ganrepro.report.about import data_of, own_runs
from ganrepro.report.claims import NOT_RUN, Verdict, largest_decided, load_claims, paper_board
from ganrepro.report.kept import KeptPage, kept_verdicts
from ganrepro.report.measured import Claim
from ganrepro.report.page import Page, Picture, Section
from ganrepro.report.papers import table1_complete, theory_table
from ganrepro.report.records import SCALES, Run, counted, read_runs, scales_of
from ganrepro.report.registry import PAPERS, own_sections
from ganrepro.report.rendering import Table, link, to_latex
from ganrepro.report.study import verdict_table
from ganrepro.report.tables import overview

TITLES = {
    "gan": 'Goodfellow et al. 2014, "Generative Adversarial Nets"',
    "lsgan": 'Mao et al. 2017, "Least Squares Generative Adversarial Networks"',
    "dcgan": "Radford et al. 2016, "
    '"Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks"',
    "tgan": "Sun et al. 2020, t-GAN (Neural Networks 122)",
}
Drawn = Mapping[tuple[str, str], Page]  # by study and scale
NOTHING_DRAWN: Drawn = {}
PANELS = {  # Figure 2
    "gan_mnist": "a) MNIST",
    "gan_tfd": "b) TFD",
    "gan_cifar10_fc": "c) CIFAR-10, fully connected",
    "gan_cifar10_conv": "d) CIFAR-10, convolutional",
}


def papers_of(runs: Sequence[Run], claims_dir: Path) -> list[str]:
    """The papers that these runs are of: what their records say, and whose claims name their study."""
    said = {str(run.record["paper"]) for run in runs if run.record.get("paper")}
    studies = {run.study for run in runs}
    files = [path.stem for path in claims_dir.glob("*.yaml")]
    return sorted(said | {name for name in files if studies & _judging(name, claims_dir)})


def runs_of(root: Path, paper: str, claims_dir: Path) -> list[Run]:
    """Every run of the paper's studies, also one whose record is lost."""
    runs = read_runs(root)
    studies = {run.study for run in runs if run.record.get("paper") == paper} | _judging(paper, claims_dir)
    return [run for run in runs if run.study in studies]


def _judging(paper: str, claims_dir: Path) -> set[str]:
    return {claim["study"] for claim in load_claims(claims_dir, paper)}


def write_paper(
    root: Path,
    paper: str,
    out: Path,
    claims_dir: Path,
    drawn: Drawn = NOTHING_DRAWN,
    kept: Sequence[KeptPage] = (),
) -> Path:
    """Draws the page of a paper from all runs under `root` into `out` and returns out/index.html.

    Writes index.html (nothing beside it is needed), <paper>.md, the pictures and, for the 2014 paper, table1.tex.
    drawn: the pages of studies, by study and scale, whose tables and pictures are not made a second time.
    kept: pages of runs that are not here.
    The same runs give the same bytes; there may be none.
    """
    out.mkdir(parents=True, exist_ok=True)
    runs = runs_of(root, paper, claims_dir)
    claims = load_claims(claims_dir, paper)
    verdicts = paper_board(claims, runs, kept_verdicts(claims, kept))
    sections = [Section("Claims", [verdict_table(verdicts, scales=True)])]
    sections += gan_sections(runs, out) if paper == "gan" else []
    sections += all_studies(paper, runs, claims, out, drawn) if paper in PAPERS else []
    elsewhere = pages_of(paper, claims, runs, kept, out)
    sections.append(Section("Studies", [studies_table(runs)], text=elsewhere, empty="There are no runs yet."))
    notes = list(dict.fromkeys(note for verdict in verdicts for note in verdict.notes))
    shown = {picture.path for section in sections for picture in section.pictures}
    for stale in set(out.glob("*.png")) - shown:
        stale.unlink()
    return Page(TITLES.get(paper, paper), outcome(verdicts), sections, notes).write(out, paper)


def outcome(verdicts: Sequence[Verdict]) -> str:
    """How many claims have each verdict, each claim at the largest scale that gives one; "" without claims."""
    words = []
    for verdict in largest_decided(verdicts):
        stand_in = verdict.word != NOT_RUN and verdict.stand_in
        words.append(verdict.word + (" on stand-in data" if stand_in else ""))
    counts = ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())
    return f"{len(words)} claims, each at the largest scale that gives a verdict: {counts}." if words else ""


def pages_of(
    paper: str, claims: Sequence[Claim], runs: Sequence[Run], kept: Sequence[KeptPage], out: Path
) -> list[str]:
    """Where the pages of runs that are not here lie, in a sentence; none without such pages."""
    studies = {claim["study"] for claim in claims} | {run.study for run in runs}
    studies |= set(PAPERS[paper].TITLES) if paper in PAPERS else set()
    links = [
        f"[{page.study}, {page.scale}]({link(out.parent / page.study / page.scale / page.study, out)}.md)"
        for page in kept
        if page.study in studies
    ]
    return [f"Pages of runs that are not here: {'; '.join(links)}."] if links else []


def studies_table(runs: Sequence[Run]) -> Table:
    """What there is of each study at each scale."""
    table = Table(["study", "scale", "data", "runs"], [])
    for study in sorted({run.study for run in runs}):
        for scale in scales_of(run for run in runs if run.study == study):
            members = [run for run in runs if (run.study, run.scale) == (study, scale)]
            table.rows.append([study, scale, data_of(own_runs(members)), counted(members)])
            table.folders.append(members[0].folder.parents[1])
    return table


# The 2014 paper ------------------------------------------------------------------------------------------------


def gan_sections(runs: Sequence[Run], out: Path) -> list[Section]:
    """Table 1, Figures 1 to 3, the theory, and what section 3 and 6 say of gradients and of too many steps of G."""
    table = table1_complete(runs)
    (out / "table1.tex").write_text(to_latex(table))
    theory = [theory_table(members) for members in largest(runs, "gan_theory")][:1]
    return [
        Section("Table 1", [table]),
        _section("Figure 1", gallery.densities, runs, "gan_1d", out / "figure1.png"),
        Section("Figure 2", pictures=figure2(runs, out / "figure2.png"), empty="Not run: none of its four studies."),
        _section("Figure 3", gallery.lines, runs, "gan_mnist", out / "figure3.png"),
        _section("Theory", gallery.theory, runs, "gan_theory", out / "theory.png", theory),
        _section("Early gradients", gallery.gradients, runs, "gan_saturation", out / "gradients.png"),
        _section("G trained too much", gallery.doses, runs, "gan_helvetica", out / "doses.png"),
    ]


def largest(runs: Sequence[Run], study: str) -> list[list[Run]]:
    """The study's own runs at each scale that has some, the largest first."""
    mine = [run for run in runs if run.study == study]
    by_scale = [own_runs([run for run in mine if run.scale == scale]) for scale in reversed(scales_of(mine))]
    return [members for members in by_scale if members]


def _section(
    title: str, make: gallery.Maker, runs: Sequence[Run], study: str, path: Path, tables: Sequence[Table] = ()
) -> Section:
    """A section with the study's picture at the largest scale that has one."""
    path.unlink(missing_ok=True)
    for members in largest(runs, study):
        if picture := make(members, path):
            return Section(title, tables, [Picture(path, title, f"{picture.caption} {origin(members)}")])
    return Section(title, tables, empty=f"Not run: `python run.py experiment={study}`.")


def origin(runs: Sequence[Run]) -> str:
    """Where a picture is from, as a sentence of its caption."""
    data = data_of(runs)
    return f"Study {runs[0].study}, scale {runs[0].scale}{f'; data: {data}' if data else ''}."


def figure2(runs: Sequence[Run], path: Path) -> list[Picture]:
    """The four panels in one picture, each at the largest scale that has its arrays."""
    path.unlink(missing_ok=True)
    panels: list[tuple[str, str, Run | None]] = []
    for study, title in PANELS.items():
        able = (run for members in largest(runs, study) for run in members if figures.neighbours_sheet(run))
        run = next(able, None)
        about = f"data: {data_of([run])}; scale {run.scale}; seed {run.seed}" if run else NOT_RUN
        panels.append((title, about, run))
    drawn = figures_gan.figure2(panels, path)
    caption = (
        "Five samples a row, drawn at random, last update; framed: the training image nearest to the fifth (L2). "
        + "; ".join(f"{title}: {about}" for title, about, _ in panels)
        + "."
    )
    return [Picture(drawn, "Figure 2", caption)] if drawn else []


# Papers of many studies ----------------------------------------------------------------------------------------


def all_studies(
    paper: str, runs: Sequence[Run], claims: Sequence[Claim], out: Path, drawn: Drawn = NOTHING_DRAWN
) -> list[Section]:
    """Every cell there is in one table, then each study at the largest scale that has something to show."""
    titles, controls = PAPERS[paper].TITLES, PAPERS[paper].CONTROLS
    members = {study: largest_runs([run for run in runs if run.study == study], controls) for study in titles}
    table = overview([run for of_study in members.values() for run in of_study])
    parts = []
    for study, title in titles.items():
        shown = members[study]
        page = drawn.get((study, shown[0].scale)) if shown else None
        if page and len(shown) == sum((run.study, run.scale) == (study, shown[0].scale) for run in runs):
            own = page.own
        else:
            own = own_sections(study, shown, claims, shown[0].scale if shown else SCALES[0], out)
        parts.append(study_section(title, study, shown, own))
    return [Section("All studies", [table], empty="Not run."), *parts]


def largest_runs(runs: Sequence[Run], controls: Collection[str]) -> list[Run]:
    """A study's runs at the largest scale that has finished ones, with its controls but no other departures."""
    mine = [run for run in runs if run.departures.keys() <= set(controls)]
    for scale in reversed(scales_of(mine)):
        members = [run for run in mine if run.scale == scale]
        if any(run.finished for run in members):
            return members
    return []


def study_section(title: str, study: str, runs: Sequence[Run], own: Sequence[Section]) -> Section:
    """All that the study's own page shows, as one section; what a paper's table quotes, without runs too."""
    tables = [table for part in own for table in part.tables]
    pictures = [picture for part in own for picture in part.pictures]
    text = [origin(runs)] if runs and own else []
    text += [line for part in own for line in ([part.empty] if part.is_empty else part.text)]
    empty = f"Not run: `python run.py -m experiment={study}`."
    whole = Section(title, tables, pictures, list(dict.fromkeys(text)), empty)
    return Section(title, empty=empty) if whole.is_empty else whole
