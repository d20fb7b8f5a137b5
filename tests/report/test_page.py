"""A page says nothing where there is nothing to say, and shows code as code."""

from pathlib import Path

from ganrepro.report.page import Page, Section
from ganrepro.report.rendering import Table


def written(tmp_path: Path, *sections: Section, notes: list[str] | None = None) -> tuple[str, str]:
    page = Page("A page", "", sections, notes or [])
    html = page.write(tmp_path, "page").read_text()
    return html, (tmp_path / "page.md").read_text()


def test_what_is_empty(tmp_path: Path) -> None:
    nothing, no_rows = Section("Nothing"), Section("No rows", [Table(["a"], [])])
    reason, heading = Section("Not run", empty="Not run: `run.py`."), Section("Heading", text=["To what follows."])
    html, text = written(tmp_path, nothing, no_rows, reason, heading)
    assert text == (
        "# A page\n\n## No rows\n\nNothing yet.\n\n## Not run\n\nNot run: `run.py`.\n\n## Heading\n\nTo what follows.\n"
    )
    assert "<h2>Nothing</h2>" not in html
    assert "<h2>Notes</h2>" not in html
    assert html.count("Nothing yet.") == 1


def test_backticks_are_code_and_tags_are_not(tmp_path: Path) -> None:
    html, text = written(tmp_path, Section("A", text=["Type `a < b`, <b>"]), notes=["`x`"])
    assert "<p>Type <code>a &lt; b</code>, &lt;b&gt;</p>" in html
    assert "<li><code>x</code></li>" in html
    assert "Type `a < b`, <b>" in text
