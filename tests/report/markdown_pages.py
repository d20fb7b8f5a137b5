"""Reading a page's Markdown."""

import re
from pathlib import Path

from ganrepro.report.study import write_study


def section(text: str, title: str) -> str:
    return re.split(r"^## ", text.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Of all tables, without their heads."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    rules = [place for place, line in enumerate(lines) if line[0] == "---"]
    return [line for place, line in enumerate(lines) if place not in rules and place + 1 not in rules]


def study_page(root: Path, study: str, out: Path, claims_dir: Path, scale: str = "laptop") -> tuple[str, set[str]]:
    """The page as text, and the names of the files in `out`."""
    write_study(root, study, scale, out, claims_dir)
    return (out / f"{study}.md").read_text(), {path.name for path in out.iterdir()}
