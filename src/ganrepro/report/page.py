"""A page of tables and pictures, as HTML that needs nothing beside it and as Markdown beside its pictures."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from ganrepro.report.rendering import Table, link, places, to_markdown


@dataclass(frozen=True)
class Picture:
    path: Path
    title: str
    caption: str

    @property
    def embedded(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True)
class Section:
    """Paragraphs, tables, pictures, in this order; `empty` where there are neither rows nor pictures."""

    title: str
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    text: Sequence[str] = ()
    empty: str = "Nothing yet."

    @property
    def shown(self) -> list[Table]:
        return [table for table in self.tables if table.rows]

    @property
    def is_empty(self) -> bool:
        return not self.shown and not self.pictures


@dataclass(frozen=True)
class Page:
    title: str
    lead: str
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=list)

    def write(self, out: Path, name: str) -> Path:
        """Writes out/index.html, which is returned, and out/<name>.md; the pictures lie in `out` already."""
        (out / f"{name}.md").write_text(self.markdown(out))
        template = _environment().get_template("page.html")
        (out / "index.html").write_text(template.render(page=self, base=out))
        return out / "index.html"

    def markdown(self, base: Path) -> str:
        """For a folder `base` that holds the pictures."""
        parts = [f"# {self.title}\n", *([f"{self.lead}\n"] if self.lead else [])]
        for section in self.sections:
            parts += [f"## {section.title}\n", *(f"{paragraph}\n" for paragraph in section.text)]
            parts += [to_markdown(table, base) for table in section.shown]
            for picture in section.pictures:
                parts += [f"### {picture.title}\n"] if picture.title != section.title else []
                parts.append(f"![{picture.title}]({picture.path.name})\n\n{picture.caption}\n")
            parts += [f"{section.empty}\n"] if section.is_empty else []
        parts += ["## Notes\n", *(f"- {note}" for note in self.notes)]
        return "\n".join(parts).rstrip() + "\n"


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"link": link, "places": places}
    return environment
