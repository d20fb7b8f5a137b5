"""One table, four ways: Markdown, LaTeX, plain text; HTML is page.html's."""

import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import rich.box
import rich.table
from rich.console import Console

from ganrepro.report.records import address

TEX = {"±": r"$\pm$", "σ": r"$\sigma$", "−": "$-$", "†": r"$\dagger$", "×": r"$\times$", "–": "--"}
TEX |= {sign: "\\" + sign for sign in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
TEX |= {"^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}


Source = Path | tuple[Path, ...] | None


@dataclass(frozen=True)
class PageAt:
    """A page of ours: folder/index.html, and folder/<name>.md."""

    folder: Path
    name: str


@dataclass(frozen=True)
class Table:
    """Rows of text. `folders`: where each row's numbers come from, in the order of its columns; None: quoted.

    pages: the page that each row leads to, where there is one.
    """

    header: list[str]
    rows: list[list[str]]
    folders: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pages: list[PageAt | None] = field(default_factory=list)


def places(source: Source) -> list[tuple[str, Path]]:
    """(name, folder) of each; with the study's name where there are several, which may be called the same."""
    if source is None or isinstance(source, Path):
        return [(source.name, source)] if source else []
    return [(f"{folder.parts[-3]}/{folder.name}", folder) for folder in source]


def link(folder: Path, base: Path) -> str:
    """A relative address of `folder` for a page that lies in `base`."""
    return Path(os.path.relpath(folder, base)).as_posix()


def to_markdown(table: Table, base: Path) -> str:
    """`base`: the folder of the page, which the links to the run folders start from."""
    header, rows = list(table.header), [list(row) for row in table.rows]
    if table.folders:
        header.append("folder")
        for row, folder in zip(rows, table.folders, strict=True):
            row.append(", ".join(f"[{name}](<{link(path, base)}>)" for name, path in places(folder)))
    if table.pages:
        header.append("page")
        for row, page in zip(rows, table.pages, strict=True):
            row.append(f"[{page.name}](<{link(page.folder / f'{page.name}.md', base)}>)" if page else "")
    lines = [header, ["---"] * len(header), *rows]
    text = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([*text, "", *(f"- {note}" for note in table.notes)]).rstrip() + "\n"


def to_latex(table: Table) -> str:
    """A plain tabular; each row is followed by a comment with the folder of its numbers."""
    folders: list[Source] = table.folders or [None] * len(table.rows)
    lines = [rf"\begin{{tabular}}{{{'l' * len(table.header)}}}", r"\hline", _tex_row(table.header), r"\hline"]
    for row, folder in zip(table.rows, folders, strict=True):
        lines.append(_tex_row(row) + (f" % {', '.join(address(path) for _, path in places(folder))}" if folder else ""))
    notes = [f"% {note}" for note in table.notes]
    return "\n".join([*lines, r"\hline", r"\end{tabular}", *notes]) + "\n"


def _tex_row(cells: list[str]) -> str:
    return " & ".join("".join(TEX.get(sign, sign) for sign in cell) for cell in cells) + r" \\"


def to_text(table: Table, width: int = 100) -> str:
    """Aligned columns for a terminal, no line longer than `width`."""
    grid = rich.table.Table(*table.header, box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for row in table.rows:
        grid.add_row(*row)
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, markup=False, highlight=False)
    console.print(grid)
    for note in table.notes:
        console.print(note)
    return re.sub(r" +$", "", stream.getvalue(), flags=re.MULTILINE).strip("\n") + "\n"
