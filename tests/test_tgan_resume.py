"""t-GAN and the networks for CIFAR-10, four rounds at once against two and two resumed, bit by bit; their times."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_train import contents, equal, trained

from ganrepro import training
from ganrepro.cells import cell_of
from ganrepro.evaluation import Evaluated
from ganrepro.runs import RunFolder

ROUNDS = ["updates=4", "tick=1", "evaluate_every=2", "checkpoint_every=2", "seeds=[0]", "batch_size=40"]
SMALL = [*ROUNDS, "data.size=8", "evaluation.data.size=8", "evaluation.samples=20", "evaluation.splits=2"]
CODED = ["latent.component.count=4", "latent.noise.dim=3", "latent.codeword.dim=2", "network.generator.first=4"]
CELLS = {
    "tgan_digits": [
        *SMALL, *CODED, "update=controlled", "network.generator.channels=[3]", "network.generator.kernel_sizes=[3,3]",
        "network.discriminator.channels=[3,4]", "network.discriminator.kernel_sizes=[3,3]",
        "network.discriminator.kernels=3", "network.discriminator.kernel_dim=2",
    ],
    "tgan_cifar10": [
        *SMALL, *CODED, "network.generator.channels=[3]", "network.generator.kernel=3",
        "network.discriminator.channels=[3]", "network.discriminator.kernels=3",
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What judges samples takes longer to train than these runs; here it finds the same each time."""
    found = Evaluated({"inception_score": 1.0}, {"classes": {"counts": np.zeros(10)}})
    monkeypatch.setattr(training, "evaluator", lambda *_: lambda final: found)


def check_times(run: RunFolder) -> None:
    rows: list[dict[str, Any]] = [json.loads(line) for line in run.timing.read_text().splitlines()]
    speed = run.record["speed"]
    assert speed["train_seconds"] == pytest.approx(sum(row["train_seconds"] for row in rows), abs=0.006)
    assert 0 < speed["train_seconds"] < speed["seconds"]


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize("study", CELLS)
def test_four_rounds_at_once_are_two_and_two(study: str, tmp_path: Path) -> None:
    four = cell_of([f"experiment={study}", *CELLS[study], f"runs={tmp_path / 'halves'}"], {})
    whole = trained(replace(four, config=four.config | {"runs": str(tmp_path / "whole")}))
    half = trained(replace(four, config=four.config | {"updates": 2}))
    assert half.record["generator_updates"] == 2
    assert not equal(contents(whole), contents(half))
    resumed = trained(four)
    assert resumed.path == half.path
    assert [row["generator_updates"] for row in resumed.rows()] == [1, 2, 3, 4]
    assert equal(contents(whole), contents(resumed))
    check_times(whole)
    check_times(resumed)
