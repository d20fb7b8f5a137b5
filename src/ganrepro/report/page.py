"""A page of tables and pictures, as HTML that needs nothing beside it and as Markdown beside its pictures."""

import base64
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

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
    """Paragraphs, tables, pictures, in this order; `empty` where there are neither rows nor pictures.

    One that has none of them, and no word of its own for that, is a heading to what follows or is left out.
    """

    title: str
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    text: Sequence[str] = ()
    empty: str = ""

    @property
    def shown(self) -> list[Table]:
        return [table for table in self.tables if table.rows]

    @property
    def is_empty(self) -> bool:
        return not self.shown and not self.pictures

    @property
    def instead(self) -> str:
        """What stands where rows and pictures would."""
        if not self.is_empty:
            return ""
        return self.empty or ("Nothing yet." if self.tables else "")

    @property
    def says_something(self) -> bool:
        return bool(not self.is_empty or self.text or self.instead)


@dataclass(frozen=True)
class Page:
    title: str
    lead: str
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=list)
    own: Sequence[Section] = ()  # of the sections of a study's page, those that its paper's page shows too

    @property
    def shown(self) -> list[Section]:
        return [section for section in self.sections if section.says_something]

    @property
    def anchored(self) -> list[tuple[str, Section]]:
        """(anchor, section) of each that is shown: its title in small letters, numbered where it comes again."""
        seen: Counter[str] = Counter()
        found = []
        for section in self.shown:
            anchor = re.sub(r"\W+", "-", section.title.lower()).strip("-")
            seen[anchor] += 1
            found.append((anchor if seen[anchor] == 1 else f"{anchor}-{seen[anchor]}", section))
        return found

    def write(self, out: Path, name: str) -> Path:
        """Writes out/index.html, which is returned, and out/<name>.md; the pictures lie in `out` already."""
        (out / f"{name}.md").write_text(self.markdown(out))
        template = _environment().get_template("page.html")
        (out / "index.html").write_text(template.render(page=self, base=out))
        return out / "index.html"

    def markdown(self, base: Path) -> str:
        """For a page that lies in `base`; pictures are where they are, beside it or beside another page."""
        parts = [f"# {self.title}\n", *([f"{self.lead}\n"] if self.lead else [])]
        for section in self.shown:
            parts += [f"## {section.title}\n", *(f"{paragraph}\n" for paragraph in section.text)]
            parts += [to_markdown(table, base) for table in section.shown]
            for picture in section.pictures:
                parts += [f"### {picture.title}\n"] if picture.title != section.title else []
                parts.append(f"![{picture.title}]({link(picture.path, base)})\n\n{picture.caption}\n")
            parts += [f"{section.instead}\n"] if section.instead else []
        parts += ["## Notes\n", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(parts).rstrip() + "\n"


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"link": link, "places": places}
    environment.filters["coded"] = coded
    return environment


def coded(text: str) -> Markup:
    """Text as HTML, with what stands in backticks as code, and [words](address) as a link."""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\[([^]]+)\]\(([\w./-]+)\)", r'<a href="\2">\1</a>', html))
