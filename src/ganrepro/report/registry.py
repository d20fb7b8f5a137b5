"""The papers whose studies have sections of their own, besides verdicts, the table of all cells and learning curves."""

from collections.abc import Sequence
from pathlib import Path

from ganrepro.report import dcgan, lsgan, tgan
from ganrepro.report.measured import Claim
from ganrepro.report.page import Section
from ganrepro.report.records import Run

PAPERS = {"lsgan": lsgan, "dcgan": dcgan, "tgan": tgan}  # each has TITLES, CONTROLS, OWN and sections
STUDIES = lsgan.OWN.keys() | dcgan.OWN.keys() | tgan.OWN.keys()


def own_sections(study: str, runs: Sequence[Run], claims: Sequence[Claim], scale: str, out: Path) -> list[Section]:
    """What a study has of its own, drawn into `out`; [] for a study of none of these papers."""
    return [made for paper in PAPERS.values() for made in paper.sections(study, runs, claims, scale, out)]
