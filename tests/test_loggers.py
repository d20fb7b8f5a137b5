"""Each dashboard shows the rows of metrics.jsonl at their generator_updates."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganrepro import loggers
from ganrepro.assemble import check_fit, folder_of
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.runs import RunFolder
from ganrepro.train import train_cell

Narrow = Callable[..., Cell]


def run_of(cell: Cell) -> RunFolder:
    train_cell(cell, folder_of(cell), {})
    return RunFolder(folder_of(cell) / "seed=0")


def test_csv_also_after_a_resume(narrow: Narrow) -> None:
    run_of(narrow("updates=4"))
    run = run_of(narrow())
    with (run.path / "csv" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["generator_updates"]) for row in rows] == [2, 4, 6, 8]
    for shown, row in zip(rows, run.rows(), strict=True):
        assert {key: float(value) for key, value in shown.items() if value and key != "step"} == row


def test_tensorboard_has_scalars_and_pictures(narrow: Narrow) -> None:
    run = run_of(narrow("logger=tensorboard"))
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    shown = [(event.step, event.value) for event in events.Scalars("loss/generator")]
    assert shown == [(row["generator_updates"], pytest.approx(row["loss/generator"])) for row in run.rows()]
    assert [event.step for event in events.Images("samples")] == [0, 4, 8]


def test_tensorboard_after_a_cut_shows_each_row_once(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six updates are seen, the checkpoint has four: the rows that were trained twice are shown once."""
    append = RunFolder.append

    def cut(run: RunFolder, file: Path, row: dict[str, Any]) -> None:
        append(run, file, row)
        if file == run.timing and row["generator_updates"] == 6:
            raise KeyboardInterrupt

    cell = narrow("logger=tensorboard")
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append", cut)
        with pytest.raises(KeyboardInterrupt):
            run_of(cell)
    run = run_of(cell)
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss/generator")] == [2, 4, 6, 8]
    assert [event.step for event in events.Images("samples")] == [0, 4, 8]


def test_a_logger_that_cannot_work_stops_before_training(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install"):
        check_fit(narrow("logger=tensorboard"))
    monkeypatch.setattr("wandb.login", lambda prompt: False)
    check_fit(narrow("logger=wandb"))
    with pytest.raises(UserError, match="wandb login"):
        check_fit(narrow("logger=wandb", "logger.offline=false"))


class FakeRun:
    """Stands in W&B's place and notes what it is told."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.defined: list[tuple[str, str | None]] = []
        self.exit_code: int | None = None

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.defined.append((name, step_metric))

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


@pytest.fixture
def wandb_runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[FakeRun, dict[str, Any]]]:
    """W&B's runs in the order they were opened, with the arguments they were opened with."""
    opened: list[tuple[FakeRun, dict[str, Any]]] = []

    class Logger(loggers.WandbLogger):
        def __init__(self, **arguments: Any) -> None:
            opened.append((FakeRun(), arguments))
            super().__init__(**arguments)
            self.fake = opened[-1][0]

        @property
        def experiment(self) -> Any:
            return self.fake

        def log_hyperparams(self, *_: Any, **__: Any) -> None:
            pass

    monkeypatch.setattr(loggers, "WandbLogger", Logger)
    return opened


def test_wandb_gets_one_run_a_seed_with_our_clock(
    narrow: Narrow, wandb_runs: list[tuple[FakeRun, dict[str, Any]]]
) -> None:
    cell = narrow("logger=wandb", "seeds=2", "logger.project=mine", "logger.offline=false")
    train_cell(cell, folder_of(cell), {})
    assert len(wandb_runs) == 2
    for seed, (run, arguments) in enumerate(wandb_runs):
        assert arguments["name"] == f"seed={seed}"
        assert arguments["project"] == "mine"
        assert arguments["offline"] is False
        assert arguments["group"] == f"gan_mnist/{folder_of(cell).name}"
        assert arguments["config"]["batch_size"] == 10
        assert ("*", "generator_updates") in run.defined
        rows = [row for row in run.rows if "samples" not in row]
        assert rows == RunFolder(folder_of(cell) / f"seed={seed}").rows()
        assert [row["generator_updates"] for row in run.rows if "samples" in row] == [0, 4, 8]
        assert run.exit_code == 0


def test_wandb_goes_on_in_its_run_and_begins_a_new_one_for_a_new_seed(
    narrow: Narrow, wandb_runs: list[tuple[FakeRun, dict[str, Any]]]
) -> None:
    run_of(narrow("updates=4"))  # csv: its rows are shown when W&B joins
    run = run_of(narrow("updates=8", "logger=wandb"))
    run_of(narrow("updates=12", "logger=wandb"))
    train_cell(narrow("seeds=[1]", "logger=wandb"), run.path.parent, {})
    ids = [arguments["id"] for _, arguments in wandb_runs]
    assert ids[0] == ids[1] != ids[2]
    shown = [[row["generator_updates"] for row in run.rows if "samples" not in row] for run, _ in wandb_runs]
    assert shown == [[2, 4, 6, 8], [10, 12], [2, 4, 6, 8]]


def test_wandb_shows_a_crash_as_failed(
    narrow: Narrow, wandb_runs: list[tuple[FakeRun, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganrepro.training.finish", lambda *_: 1 / 0)
    cell = narrow("logger=wandb")
    train_cell(cell, folder_of(cell), {})
    assert wandb_runs[0][0].exit_code == 1


def test_wandb_offline_for_real(narrow: Narrow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The true service, writing to disk: two seeds in one process are two runs, and nothing global is left open."""
    import wandb

    monkeypatch.delenv("WANDB_SILENT", raising=False)
    cell = narrow("logger=wandb", "seeds=2", "updates=4")
    train_cell(cell, folder_of(cell), {})
    assert wandb.run is None
    for seed in (0, 1):
        path = folder_of(cell) / f"seed={seed}"
        assert json.loads((path / "result.json").read_text())["status"] == "done"
        files = list(path.rglob("*.wandb"))
        assert len(files) == 1
        assert files[0].stat().st_size > 1000
