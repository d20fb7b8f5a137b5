"""What the pages in docs/ say about the project is there: messages, files, links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(<?([^)>#\s]*)#?([^)>\s]*)>?\)")


def test_each_message_of_the_faq_is_one_of_ours():
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    messages = re.findall(r"^\*\*`([^`]+)`\*\*", (ROOT / "docs" / "faq.md").read_text(), re.MULTILINE)
    assert len(messages) > 15
    for message in messages:
        assert " ".join(message.split()) in source


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have on the web."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        if not target.startswith(("http", "mailto")):
            file = page.parent / target if target else page
            assert file.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(file), f"{page.name}: #{anchor}"
