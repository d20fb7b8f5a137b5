"""From run folders to verdicts, tables, pictures and pages. Reads nothing else and imports no training code."""

from typing import Any

__all__ = ["sweep_table", "write_paper", "write_study"]


def __getattr__(name: str) -> Any:
    """`sweep_table`, `write_study` and `write_paper`, imported when asked for: training reads only the claims."""
    if name == "sweep_table":
        from ganrepro.report.tables import sweep_table

        return sweep_table
    if name == "write_study":
        from ganrepro.report.study import write_study

        return write_study
    if name == "write_paper":
        from ganrepro.report.paper_page import write_paper

        return write_paper
    raise AttributeError(name)
