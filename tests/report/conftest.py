"""Fixtures that plant run folders, and judge them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from planted_claims import CLAIMS, planted
from planted_runs import CLAIMS_DIR, plant_paper, plant_run

from ganrepro.report.claims import Verdict, judge
from ganrepro.report.records import read_runs

Plant = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def plant(root: Path) -> Plant:
    """`plant(seed=0, final={...}, status="done", ...)` under `root`."""
    return lambda **given: plant_run(root, **given)


@pytest.fixture
def plant_all(root: Path) -> Callable[..., None]:
    """`plant_all(scale="laptop", seeds=3)` under `root`: the 2014 paper's studies."""
    return lambda **given: plant_paper(root, **given)


@pytest.fixture
def verdict(plant: Plant, root: Path) -> Callable[..., Verdict]:
    """`verdict(id, what each seed measured, statuses)`: plants the runs and judges them at the claim's first scale."""

    def run(name: str, seeds: Sequence[Any], statuses: Sequence[str] = (), **record: Any) -> Verdict:
        claim = CLAIMS[name]
        for seed, measured in enumerate(seeds):
            status = statuses[seed] if seed < len(statuses) else "done"
            for given in planted(claim, measured):
                place = {"seed": seed, "study": claim["study"], "scale": claim["scales"][0], "status": status}
                plant(**place, **(given | record))
        return judge(claim, read_runs(root), claim["scales"][0])

    return run


@pytest.fixture
def claims_dir() -> Path:
    return CLAIMS_DIR
