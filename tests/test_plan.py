"""What is there, what is to do, how long it takes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganrepro import status
from ganrepro.assemble import check_fit, folder_of
from ganrepro.cells import Cell, cells_of
from ganrepro.how_to_run import Choice
from ganrepro.plan import describe, duration, heading, plan, run_bytes, seconds_per_update
from ganrepro.progress import Progress
from ganrepro.runs import RunFolder, last_row, write_wanted
from ganrepro.train import train_cell

Narrow = Callable[..., Cell]
ROOT = Path(__file__).parents[1]


def timed(folder: Path, seed: int, seconds: float, ticks: int = 6) -> RunFolder:
    run = RunFolder(folder / f"seed={seed}")
    run.path.mkdir(parents=True)
    for tick in range(1, ticks + 1):
        run.append(run.timing, {"generator_updates": 10 * tick, "seconds": seconds, "images_per_second": 50.0})
    return run


def test_durations_read_well() -> None:
    assert [duration(seconds) for seconds in (4.4, 89, 90, 600, 7200)] == ["4 s", "89 s", "2 min", "10 min", "2.0 h"]


def test_seconds_per_update_are_the_cell_s_own_or_its_study_s(tmp_path: Path) -> None:
    assert seconds_per_update(tmp_path / "study" / "laptop" / "a") is None
    timed(tmp_path / "study" / "laptop" / "a", 0, seconds=2.0)
    timed(tmp_path / "study" / "laptop" / "b", 0, seconds=5.0)
    assert seconds_per_update(tmp_path / "study" / "laptop" / "a") == pytest.approx(0.2)
    assert seconds_per_update(tmp_path / "study" / "laptop" / "b") == pytest.approx(0.5)
    assert seconds_per_update(tmp_path / "study" / "laptop" / "new") == pytest.approx(0.35)


def test_the_plan_counts_what_is_left(narrow: Narrow) -> None:
    cell = narrow("seeds=3", "updates=100", "tick=10", "evaluate_every=50", "checkpoint_every=50")
    folder = folder_of(cell)
    for seed, (state, updates) in enumerate([("done", 100), ("running", 60)]):
        run = timed(folder, seed, seconds=10.0)
        run.write_record({"status": state, "generator_updates": updates})
    (folder / "seed=0" / "DONE").touch()
    text = plan([cell], [folder], [2_000_000], Choice(1, 1, 1))
    assert "1 to train, 1 to resume, 1 done" in text
    assert "about 2 min with 1 at once" in text  # 140 updates at a second each
    assert "disk: 4 MB" in text
    assert "about 70 s with 2 at once" in plan([cell], [folder], [2_000_000], Choice(9, 1, 1))
    with RunFolder(folder / "seed=1").locked():
        assert "1 to train, 1 in training by another process, 1 done" in plan([cell], [folder], [1], Choice(1, 1, 1))
    assert "70 s with 2 populations at once" in plan([cell], [folder], [1], Choice(2, 1, 2)), "seeds 0 and 1, and 2"
    assert "2 min with 1 population at once" in plan([cell], [folder], [1], Choice(2, 1, 3))
    assert "how: workers=2 threads=1 population=3; so" in plan([cell], [folder], [1], Choice(2, 1, 3, "so"))
    shorter = narrow("seeds=[0]", "updates=40", "tick=10", "evaluate_every=40", "checkpoint_every=40")
    assert "1 done (with up to 100 updates, more than updates=40)" in plan([shorter], [folder], [1], Choice(1, 1, 1))


def test_before_any_timing_the_budget_is_taken_by_updates_and_seeds(narrow: Narrow, tmp_path: Path) -> None:
    cell = narrow("updates=4000", "tick=50", "evaluate_every=500", "checkpoint_every=500", "seeds=6")
    assert cell.study_updates == 3 * 8000
    text = plan([cell], [tmp_path / "none"], [1], Choice(2, 1, 1))
    assert "about 2 min on two cores (by the study's budget)" in text
    assert "about 4 min" in plan([cell, cell], [tmp_path / "none", tmp_path / "too"], [1, 1], Choice(2, 1, 1))
    assert "not known" in plan([narrow("budget=null")], [tmp_path / "none"], [1], Choice(2, 1, 1))


def test_a_line_has_what_only_its_cell_departs_in(conf: Path, tmp_path: Path) -> None:
    grid = ["experiment=lsgan_stability", "loss=gan,lsgan", "norm=no_g", "optimizer=adam"]
    cells = cells_of([*grid, "labels=minus_one", "batch_size=9"], sweep=True)
    head, gan, lsgan, *_ = plan(cells, [tmp_path / "a", tmp_path / "b"], [1, 1], Choice(1, 1, 1)).splitlines()
    assert head.endswith("(batch_size=9):")
    assert gan.endswith(": 5 to train"), "the regular GAN has no labels"
    assert lsgan.endswith(": 5 to train (labels=minus_one)")


def test_the_heading_has_what_all_cells_share(conf: Path) -> None:
    cells = cells_of(["experiment=gan_mnist", "k=1", "batch_size=9", "loss=gan,gan_saturating"], sweep=True)
    assert heading(cells) == "gan_mnist at scale laptop (batch_size=9)"
    assert heading(cells[:1]) == "gan_mnist at scale laptop (batch_size=9)"


def test_run_bytes_covers_what_a_run_leaves(narrow: Narrow) -> None:
    cell = narrow("network.generator.hidden=[300,300]")
    train_cell(cell, folder_of(cell), {})
    size = sum(path.stat().st_size for path in (folder_of(cell) / "seed=0").rglob("*") if path.is_file())
    estimate = run_bytes(check_fit(cell), cell.config["optimizer"]["_target_"])
    assert size < estimate < 5 * size


def test_status_lists_every_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = tmp_path / "study" / "laptop" / "cell-01234567"
    for seed, state in enumerate(["done", "diverged", "running", "error", "done"]):
        wanted = 60 if state == "done" else 160
        timed(cell, seed, 2.0).write_record({"status": state, "generator_updates": 60, "updates_wanted": wanted})
    assert status.row(cell) == ["2", "1", "", "1", "1", "", "40 s"]
    write_wanted(cell, [0, 1, 7, 8], updates=60)
    assert status.row(cell) == ["2", "1", "", "1", "1", "2", "64 s"]
    write_wanted(cell, [0], updates=90)  # a finished seed that is to be made longer, and one that was on its way
    assert status.row(cell) == ["1", "1", "", "1", "1", "1", "46 s"]
    RunFolder(cell / "seed=0").append(RunFolder(cell / "seed=0").timing, {"generator_updates": 80, "seconds": 4.0})
    assert status.row(cell)[3] == "2"
    write_wanted(cell, [0, 1, 7, 8], updates=60)
    write_wanted(tmp_path / "study" / "laptop" / "cell-untouched", [0], updates=100)
    with RunFolder(cell / "seed=2").locked():
        assert describe({"status": "running"}, RunFolder(cell / "seed=2").is_locked()) == "running"
    monkeypatch.setattr("sys.argv", ["status", "--runs", str(tmp_path)])
    status.main()
    out = capsys.readouterr().out
    assert "cell-01234567" in out
    assert "cell-untouched" in out
    monkeypatch.setattr("sys.argv", ["status", "--runs", str(tmp_path / "none")])
    status.main()
    assert "No runs in" in capsys.readouterr().out


def test_progress_reads_the_folders(narrow: Narrow, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = narrow("seeds=2", "updates=100", "tick=10", "evaluate_every=50", "checkpoint_every=50")
    with Progress([cell], [folder_of(cell)]) as progress:
        assert progress.line().startswith("0 of 200 updates, 0 of 2 runs finished")
        run = timed(folder_of(cell), 0, 1.0)
        with run.locked():
            assert progress.line().startswith("60 of 200 updates, 0 of 2 runs finished, 50 images/s")
        for seed in (0, 1):
            run = RunFolder(folder_of(cell) / f"seed={seed}")
            run.path.mkdir(exist_ok=True)
            run.write_record({"status": "done", "updates_wanted": 100, "speed": {"seconds": 3.0}})
            run.done.touch()
    assert f"{folder_of(cell).name}: 2 done (6 s)" in capsys.readouterr().out


def test_last_row_survives_a_line_cut_by_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "timing.jsonl"
    assert last_row(file) == {}
    file.write_text(json.dumps({"generator_updates": 1}) + "\n" + json.dumps({"generator_updates": 2}) + '\n{"gener')
    assert last_row(file) == {"generator_updates": 2}


def test_make_help_lists_every_target() -> None:
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = ["help", "setup", "demo", "test", "acceptance", "lint", "bench", "report", "status", "reproduce-all"]
    for target in [*targets, "clean"]:
        assert f"make {target} " in text
