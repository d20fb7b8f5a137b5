"""What ticks write, and that the settings the walk of options cannot see arrive where they belong."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganrepro.assemble import folder_of, module_of
from ganrepro.cells import Cell
from ganrepro.recorder import Recorder, not_finite
from ganrepro.runs import RunFolder, write_state
from ganrepro.train import train_cell

Narrow = Callable[..., Cell]


def test_checkpoints_come_as_often_as_asked(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    original = RunFolder.save_checkpoint

    def noted(run: RunFolder, state: dict[str, object], updates: int) -> None:
        saved.append(updates)
        original(run, state, updates)

    monkeypatch.setattr(RunFolder, "save_checkpoint", noted)
    for every, wanted in ((2, [2, 4, 6, 8]), (6, [6, 8])):
        saved.clear()
        cell = narrow(f"checkpoint_every={every}", f"evaluation.lines={every}")
        train_cell(cell, folder_of(cell), {})
        assert saved == wanted


def test_threads_and_fused_arrive(narrow: Narrow) -> None:
    cell = narrow("threads=2", "optimizer.fused=false")
    train_cell(cell, folder_of(cell), {})
    assert torch.get_num_threads() == 2
    assert not torch.backends.cudnn.allow_tf32
    for fused in (True, False):
        config = narrow(f"optimizer.fused={str(fused).lower()}").config
        module = module_of(config, (1, 8, 8), 0, torch.full((1, 8, 8), 0.5))
        assert module.configure_optimizers()[0].defaults["fused"] is fused


def test_pictures_at_the_start_and_at_evaluations(narrow: Narrow) -> None:
    cell = narrow()
    train_cell(cell, folder_of(cell), {})
    names = sorted(path.name for path in (folder_of(cell) / "seed=0" / "samples").iterdir())
    assert names == ["real.png", "updates=0000000.png", "updates=0000004.png", "updates=0000008.png"]


def test_best_is_by_the_monitor_and_never_nan() -> None:
    for mode, best in (("max", 3), ("min", 1)):
        recorder = Recorder(None, None, "score", mode, 1, 1, None)  # type: ignore[arg-type]
        for score in (2, 1, float("nan"), 3):
            recorder.consider({"score": score})
        recorder.consider({"loss": 0})
        assert recorder.best == {"score": best}


def test_a_run_that_goes_on_does_not_take_the_untrained_networks_for_the_best(tmp_path: Path) -> None:
    run, rows = RunFolder(tmp_path), [{"generator_updates": updates, "w1": float(updates)} for updates in (0, 4)]
    for row in rows:
        run.append(run.metrics, row)
    write_state(run.best, {"metrics": rows[1]})
    recorder = Recorder(run, None, "w1", "min", 4, 4, {"generator_updates": 4})  # type: ignore[arg-type]
    for row in recorder.rows_so_far():
        recorder.consider(row)
    assert recorder.best == rows[1]


def test_not_finite_names_the_culprits() -> None:
    values = {"a": 1.0, "b": torch.tensor([1.0, torch.inf]), "c": float("nan")}
    assert not_finite(values) == "not finite: b, c"
    assert not_finite({"a": torch.ones(3)}) is None
