"""A page says nothing where there is nothing to say, shows code as code, and needs nothing beside it."""

import re
from pathlib import Path

import pytest
from PIL import Image

from ganrepro.report.page import Page, Picture, Section
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


def test_long_pages_have_contents(tmp_path: Path) -> None:
    titles = ["Figure 1", "D(x), G(z)", "Again", "Again"]
    sections = [Section(title, text=["Something."]) for title in titles]
    html, _ = written(tmp_path, Section("Left out"), *sections, notes=["a"])
    anchors = ["figure-1", "d-x-g-z", "again", "again-2"]
    assert re.findall(r'<a href="#(.+?)">(.+?)</a>', html) == list(zip(anchors, titles, strict=True))
    assert re.findall(r'<section id="(.+?)">\n<h2>(.+?)</h2>', html) == list(zip(anchors, titles, strict=True))


def test_short_pages_have_none(tmp_path: Path) -> None:
    html, _ = written(tmp_path, *(Section(title, text=["Something."]) for title in "ABC"))
    assert "<nav" not in html


def test_nothing_is_fetched(tmp_path: Path) -> None:
    """The picture lies in the page, in a button that enlarges it; heads are buttons that sort; links are relative."""
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    table = Table(["model", "nats"], [["DBN (quoted)", "138"], ["ours", "17"]], [None, tmp_path / "runs" / "cell"])
    html, _ = written(tmp_path, Section("A", [table], [Picture(tmp_path / "a.png", 'A "b"', "Two by two.")]))
    [(picture, alt)] = re.findall(r'<figure><button><img src="(.+?)" alt="(.+?)"></button>', html)
    assert picture.startswith("data:image/png;base64,")
    assert alt == "A &#34;b&#34;"
    found = set(re.findall(r'(?:src|href)="(.+?)"', html))
    assert found == {picture, "data:,", "runs/cell"}
    assert not re.search(r"@import|url\(|<script src", html)
    assert re.findall(r"<th><button>(.+?)</button></th>", html) == ["model", "nats", "folder"]


@pytest.mark.parametrize(
    ("cell", "class_"), [("5.36 [5.13, 5.58]", "short"), ("a" * 24, "short"), ("a" * 61, "long"), ("a" * 60, None)]
)
def test_cells_take_the_room_they_need(tmp_path: Path, cell: str, class_: str | None) -> None:
    html, _ = written(tmp_path, Section("A", [Table(["a"], [[cell]])]))
    assert f'<td class="{class_}">{cell}</td>' in html if class_ else f"<td>{cell}</td>" in html


def test_quoted_rows_say_so(tmp_path: Path) -> None:
    rows = [["DBN (quoted)", "1"], ["GAN (quoted, unverified)", "2"], ["ours", "3 (quoted)"]]
    html, _ = written(tmp_path, Section("A", [Table(["model", "nats"], rows)]))
    assert html.count('<tr class="quoted">') == 2
