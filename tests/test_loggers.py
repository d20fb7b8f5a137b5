"""Each dashboard shows the rows of metrics.jsonl at their generator_updates."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb_files import offline

from ganrepro.assemble import check_fit, folder_of
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.runs import RunFolder
from ganrepro.train import train_cell

Narrow = Callable[..., Cell]
KEY = "0123456789abcdef0123456789abcdef01234567"


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
    monkeypatch.setattr("wandb.login", lambda **_: False)
    check_fit(narrow("logger=wandb"))
    with pytest.raises(UserError, match="wandb login"):
        check_fit(narrow("logger=wandb", "logger.offline=false"))


class FakeRun:
    """Stands in W&B's place and notes what it is told."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments, self.id = arguments, arguments["id"]
        self.rows: list[dict[str, Any]] = []
        self.defined: list[tuple[str, str | None]] = []
        self.summary: dict[str, Any] = {}
        self.exit_code: int | None = None

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.defined.append((name, step_metric))

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code

    @property
    def shown(self) -> list[int]:
        """The generator_updates of its rows of metrics."""
        return [row["generator_updates"] for row in self.rows if "samples" not in row]

    @property
    def pictured(self) -> list[int]:
        return [row["generator_updates"] for row in self.rows if "samples" in row]


@pytest.fixture
def wandb_runs(monkeypatch: pytest.MonkeyPatch) -> list[FakeRun]:
    """W&B's runs in the order they were opened."""
    opened: list[FakeRun] = []

    def init(**arguments: Any) -> FakeRun:
        opened.append(FakeRun(arguments))
        return opened[-1]

    monkeypatch.setattr("wandb.init", init)
    return opened


def test_wandb_gets_one_run_a_seed_with_our_clock(narrow: Narrow, wandb_runs: list[FakeRun]) -> None:
    cell = narrow("logger=wandb", "seeds=2", "logger.project=mine", "logger.offline=false")
    train_cell(cell, folder_of(cell), {})
    assert len(wandb_runs) == 2
    for seed, run in enumerate(wandb_runs):
        name = folder_of(cell).name
        assert run.arguments["name"] == f"{name}, seed {seed}"
        assert run.arguments["project"] == "mine"
        assert run.arguments["mode"] == "online"
        assert (run.arguments["group"], run.arguments["job_type"]) == ("gan_mnist/laptop", name)
        assert run.arguments["tags"] == ["gan", "gan_mnist", "laptop"]
        record = RunFolder(folder_of(cell) / f"seed={seed}").record
        for key in ("commit", "dirty", "source_digest", "scale", "seed"):
            assert run.arguments["config"][key] == record[key]
        assert run.arguments["config"]["batch_size"] == 10
        assert ("*", "generator_updates") in run.defined
        assert [row for row in run.rows if "samples" not in row] == RunFolder(folder_of(cell) / f"seed={seed}").rows()
        assert run.pictured == [0, 4, 8]
        assert run.summary["status"] == "done"
        assert run.summary["final"] == record["metrics"]["final"]
        assert run.exit_code == 0


def test_wandb_goes_on_in_its_run_and_begins_a_new_one_for_a_new_seed(
    narrow: Narrow, wandb_runs: list[FakeRun]
) -> None:
    run_of(narrow("updates=4"))  # csv: its rows and pictures are shown when W&B joins
    run = run_of(narrow("updates=8", "logger=wandb"))
    run_of(narrow("updates=12", "logger=wandb"))
    train_cell(narrow("seeds=[1]", "logger=wandb"), run.path.parent, {})
    ids = [run.id for run in wandb_runs]
    assert ids[0] == ids[1] != ids[2]
    assert [run.shown for run in wandb_runs] == [[2, 4, 6, 8], [10, 12], [2, 4, 6, 8]]
    assert [run.pictured for run in wandb_runs] == [[0, 4, 8], [12], [0, 4, 8]]


def test_wandb_shows_a_crash_as_failed(
    narrow: Narrow, wandb_runs: list[FakeRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganrepro.training.finish", lambda *_: 1 / 0)
    cell = narrow("logger=wandb")
    train_cell(cell, folder_of(cell), {})
    assert wandb_runs[0].exit_code == 1
    assert wandb_runs[0].summary == {}


def ended_well(cell: Cell) -> bool:
    """Whether its only seed is done, with every row."""
    run = RunFolder(folder_of(cell) / "seed=0")
    return run.record["status"] == "done" and [row["generator_updates"] for row in run.rows()] == [2, 4, 6, 8]


def test_training_goes_on_when_wandb_fails_while_it_writes(
    narrow: Narrow, wandb_runs: list[FakeRun], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def log(run: FakeRun, row: dict[str, Any]) -> None:
        if row["generator_updates"] == 6:
            raise ConnectionResetError("Connection lost\nand more that nobody reads")
        run.rows.append(row)

    monkeypatch.setattr(FakeRun, "log", log)
    cell = narrow("logger=wandb")
    train_cell(cell, folder_of(cell), {})
    assert ended_well(cell)
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(
        f"W&B shows no more of {folder_of(cell) / 'seed=0'} (ConnectionResetError: Connection lost);"
    )
    assert (wandb_runs[0].shown, wandb_runs[0].exit_code) == ([2, 4], 1)


def test_training_goes_on_when_wandb_cannot_start(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its words hold the key, which is not repeated. A later start shows the rows that were missed."""
    monkeypatch.setenv("WANDB_API_KEY", KEY)

    def refuse(**_: Any) -> None:
        raise RuntimeError(f"403 for {KEY}")

    cell = narrow("logger=wandb", "logger.offline=false")
    with monkeypatch.context() as patch:
        patch.setattr("wandb.init", refuse)
        train_cell(cell, folder_of(cell), {})
    assert ended_well(cell)
    out, err = capsys.readouterr()
    assert "RuntimeError: 403 for <key>" in out
    assert len(out.splitlines()) == 1
    assert KEY not in out + err
    assert not (folder_of(cell) / "seed=0" / "wandb_id").exists()


def test_training_goes_on_where_wandb_cannot_write(narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    """The true service. A file stands where its folder would: that is refused to root, too."""
    cell = narrow("logger=wandb")
    (folder_of(cell) / "seed=0").mkdir(parents=True)
    (folder_of(cell) / "seed=0" / "wandb").touch()
    train_cell(cell, folder_of(cell), {})
    assert ended_well(cell)
    [line] = capsys.readouterr().out.splitlines()
    assert "FileExistsError" in line


def test_wandb_offline_for_real(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The true service, writing to disk: two seeds in one process are two runs, quiet, and without the key."""
    import wandb

    monkeypatch.setenv("WANDB_API_KEY", KEY)
    cell = narrow("logger=wandb", "seeds=2", "updates=4")
    train_cell(cell, folder_of(cell), {})
    assert wandb.run is None
    for seed in (0, 1):
        run = RunFolder(folder_of(cell) / f"seed={seed}")
        [kept] = offline(run.path)
        assert (kept.run.run_group, kept.run.job_type) == ("gan_mnist/laptop", folder_of(cell).name)
        assert (kept.config["seed"], kept.config["commit"]) == (seed, run.record["commit"])
        shown = [row for row in kept.rows if "samples._type" not in row]
        assert [{key: row[key] for key in whole} for row, whole in zip(shown, run.rows(), strict=True)] == run.rows()
        assert len(list((kept.folder / "files" / "media" / "images").glob("samples_*.png"))) == 2
        assert kept.summary["final"] == run.record["metrics"]["final"]
        assert kept.exit_code == 0
    files = [path for path in folder_of(cell).rglob("*") if path.is_file()]
    assert sum(path.suffix == ".wandb" for path in files) == 2
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert capfd.readouterr() == ("", "")


def test_the_members_of_a_population_have_a_wandb_run_each(narrow: Narrow, wandb_runs: list[FakeRun]) -> None:
    cell = narrow("logger=wandb", "seeds=2", "population=2")
    train_cell(cell, folder_of(cell), {})
    for seed, run in enumerate(wandb_runs):
        assert run.arguments["reinit"] == "create_new"  # else W&B hands out the first one again
        assert [row for row in run.rows if "samples" not in row] == RunFolder(folder_of(cell) / f"seed={seed}").rows()
        assert run.exit_code == 0
    assert len(wandb_runs) == 2
