"""One cell from nothing to DONE, and from every place it can be cut off."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ganrepro import load, train, training
from ganrepro.assemble import check_fit, folder_of
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.recorder import Recorder
from ganrepro.runs import RunFolder, read_checkpoint
from ganrepro.train import check_startable, state_of, train_cell

Narrow = Callable[..., Cell]
CLAIMS = {"gan.mnist_ll": "01234567"}


def trained(cell: Cell) -> RunFolder:
    train_cell(cell, folder_of(cell), CLAIMS)
    return RunFolder(folder_of(cell) / f"seed={cell.seeds[0]}")


def contents(run: RunFolder) -> dict[str, Any]:
    """All that must not depend on how often a run was interrupted."""
    pictures = {path.name: path.read_bytes() for path in run.samples.iterdir()}
    arrays = {path.name: path.read_bytes() for path in run.artifacts.iterdir()}
    weights = read_checkpoint(run.all_checkpoints()[0])
    metrics = {key: run.record[key] for key in ("metrics", "status", "generator_updates", "images_seen")}
    return {"rows": run.metrics.read_bytes(), "weights": weights, **pictures, **arrays, **metrics}


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def test_a_run_leaves_what_the_readme_says(narrow: Narrow) -> None:
    cell = narrow()
    run = trained(cell)
    assert run.path.parent.name.startswith("batch_size=10,")
    files = {"config.yaml", "metrics.jsonl", "timing.jsonl", "result.json", "DONE", ".lock"}
    assert {path.name for path in run.path.iterdir()} == files | {"samples", "artifacts", "checkpoints", "csv"}
    assert [row["generator_updates"] for row in run.rows()] == [2, 4, 6, 8]
    assert [row["images_seen"] for row in run.rows()] == [20, 40, 60, 80]
    assert ["parzen/test" in row for row in run.rows()] == [False, True, False, True]
    assert not any("second" in key or "time" in key for row in run.rows() for key in row)
    assert {"samples.npz", "nearest.npz", "lines.npz", "parzen.npz"} <= {path.name for path in run.artifacts.iterdir()}
    assert [path.name for path in run.checkpoints.iterdir() if path.suffix == ".ckpt"] == ["updates=000000008.ckpt"]
    record = run.record
    assert record["status"] == "done"
    assert record["claims"] == CLAIMS
    assert record["metrics"]["final"]["parzen/test"] == run.rows()[-1]["parzen/test"]
    best = max(run.rows()[1::2], key=lambda row: row["parzen/validation"])
    assert record["metrics"]["best"]["generator_updates"] == best["generator_updates"]
    assert record["data"]["stand_in_for"] == "MNIST"
    assert record["speed"]["seconds"] > 0
    assert (run.path / "csv" / "metrics.csv").read_text().count("\n") == 5


def test_the_same_seed_gives_the_same_bits_in_another_folder(narrow: Narrow, tmp_path: Path) -> None:
    one, other = trained(narrow()), trained(narrow(f"runs={tmp_path / 'elsewhere'}"))
    assert one.path != other.path
    assert equal(contents(one), contents(other))
    third = trained(narrow("seeds=[1]"))
    assert third.path.parent == one.path.parent
    assert not equal(contents(one), contents(third))


class Cut(BaseException):
    """Stands for a kill: nothing in the project catches it."""


@pytest.mark.parametrize("moment", ["append", "save_checkpoint", "write_record"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_cut_off_anywhere_and_resumed_is_the_run_never_interrupted(
    narrow: Narrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, count: int
) -> None:
    whole = trained(narrow(f"runs={tmp_path / 'whole'}"))
    calls, original = 0, getattr(RunFolder, moment)

    def cut(run: RunFolder, *arguments: Any) -> None:
        nonlocal calls
        original(run, *arguments)
        calls += 1
        if calls == count:
            raise Cut

    monkeypatch.setattr(RunFolder, moment, cut)
    cell = narrow()
    if moment == "save_checkpoint" and count == 3:
        trained(cell)  # there are only two
    else:
        try:
            trained(cell)
        except Cut:
            assert not RunFolder(folder_of(cell) / "seed=0").done.exists()
        else:
            assert (moment, count) == ("write_record", 3)  # there are only two
    resumed = trained(cell)
    assert equal(contents(whole), contents(resumed))


def test_done_is_skipped_and_more_updates_extend_it(narrow: Narrow, tmp_path: Path) -> None:
    run = trained(narrow())
    before = (run.path / "result.json").stat().st_mtime_ns
    trained(narrow("updates=6"))
    trained(narrow())
    assert (run.path / "result.json").stat().st_mtime_ns == before
    longer = trained(narrow("updates=16"))
    assert longer.path == run.path
    straight = trained(narrow("updates=16", f"runs={tmp_path / 'straight'}"))
    assert equal(contents(longer), contents(straight))


def test_seeds_added_train_only_the_new_ones(narrow: Narrow) -> None:
    run = trained(narrow())
    before = (run.path / "result.json").stat().st_mtime_ns
    train_cell(narrow("seeds=2"), run.path.parent, CLAIMS)
    assert (run.path / "result.json").stat().st_mtime_ns == before
    assert RunFolder(run.path.parent / "seed=1").record["status"] == "done"


def test_a_failure_is_recorded_and_tried_again(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = narrow("seeds=2")

    def fails(*_: object) -> None:
        raise ValueError("no such luck")

    with monkeypatch.context() as broken:
        broken.setattr(Recorder, "draw_samples", fails)
        train_cell(cell, folder_of(cell), CLAIMS)
    runs = [RunFolder(folder_of(cell) / f"seed={seed}") for seed in (0, 1)]
    assert [run.record["status"] for run in runs] == ["error", "error"]
    assert "no such luck" in (runs[0].path / "error.txt").read_text()
    assert len(capsys.readouterr().out.splitlines()) == 2
    train_cell(cell, folder_of(cell), CLAIMS)
    assert [run.record["status"] for run in runs] == ["done", "done"]
    assert not (runs[0].path / "error.txt").exists()


def test_a_plain_error_in_training_is_recorded_as_one(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise UserError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(train, "fit", refuses)
        run = trained(narrow())
    assert (run.record["status"], run.record["reason"]) == ("error", "the disk is full")
    assert trained(narrow()).record["status"] == "done"


@pytest.mark.parametrize("error", [ValueError("no such luck"), UserError("the disk is full")])
def test_a_failed_extension_keeps_the_result_and_is_tried_again(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, error: Exception, tmp_path: Path
) -> None:
    run = trained(narrow())
    before = run.record

    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(Recorder, "write_timing", fails)
        trained(narrow("updates=16"))
    assert run.done.exists()
    assert run.record == before
    assert state_of(run, narrow()) == "skip"
    straight = trained(narrow("updates=16", f"runs={tmp_path / 'straight'}"))
    assert equal(contents(trained(narrow("updates=16"))), contents(straight))


def test_a_longer_run_that_is_cut_off_keeps_the_result_it_had(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = trained(narrow())
    before = run.record
    cut_before_the_end(narrow("updates=16"), monkeypatch)
    assert (run.record, run.done.exists(), run.reached()) == (before, True, 16)
    assert state_of(run, narrow()) == "skip"
    check_startable(run, narrow(), 0)
    straight = trained(narrow("updates=16", f"runs={tmp_path / 'straight'}"))
    assert equal(contents(trained(narrow("updates=16"))), contents(straight))


def test_keep_weights_survives_a_cut_at_its_end(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is deleted is deleted last."""
    unlink = Path.unlink

    def cut(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".ckpt" and (path.parents[1] / "timing.jsonl").read_text().count("\n") == 4:
            raise Cut
        unlink(path, missing_ok)

    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", cut)
        with pytest.raises(Cut):
            trained(narrow("keep=weights", "checkpoint_every=8"))
    run = RunFolder(folder_of(narrow()) / "seed=0")
    assert run.record["status"] == "done"
    assert run.done.exists()
    assert load(run.path).sample(1).shape == (1, 1, 8, 8)


def test_a_damaged_best_is_looked_for_anew(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(narrow())
    damage(run.best)
    trained(narrow("updates=16"))
    assert "looked for anew" in capsys.readouterr().out
    best = run.record["metrics"]["best"]["generator_updates"]
    assert best > 8
    assert load(run.path, "best").generator_updates == best


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def test_a_damaged_checkpoint_with_none_before_it(narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    """A finished run stays what it is; one that was cut off begins anew. The damaged file is kept."""
    run = trained(narrow())
    before = run.record
    damage(run.all_checkpoints()[0])
    capsys.readouterr()
    trained(narrow("updates=16"))
    out = capsys.readouterr().out
    assert "There is none before it." in out
    assert "no checkpoint that can be read" in out
    assert "keep=weights" not in out
    assert (run.record, run.done.exists()) == (before, True)
    assert len(list(run.checkpoints.glob("*.corrupt"))) == 1
    with pytest.raises(UserError, match="no checkpoint that can be read"):
        check_startable(run, narrow("updates=16"), 0)
    run.done.unlink()
    run.write_record({**before, "status": "running"})
    trained(narrow())
    assert run.record["metrics"] == before["metrics"]


def cut_before_the_end(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object) -> None:
        raise Cut

    with monkeypatch.context() as killed:
        killed.setattr(training, "finish", cut)
        with pytest.raises(Cut):
            trained(cell)


def test_a_damaged_newest_checkpoint_falls_back(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cut_before_the_end(narrow(), monkeypatch)
    run = RunFolder(folder_of(narrow()) / "seed=0")
    damage(run.all_checkpoints()[0])
    trained(narrow())
    assert capsys.readouterr().out.count("Falling back to the one before.") == 1
    assert equal(contents(run), contents(trained(narrow(f"runs={tmp_path / 'whole'}"))))


def test_a_run_cut_off_beyond_what_is_asked_is_refused(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going on would label the longer run with the shorter one's number."""
    cut_before_the_end(narrow("updates=12"), monkeypatch)
    run = RunFolder(folder_of(narrow()) / "seed=0")
    with pytest.raises(UserError, match="has 12 updates: type updates=12 or more"):
        check_startable(run, narrow(), 0)
    assert trained(narrow("updates=12")).record["generator_updates"] == 12


def test_the_best_weights_are_those_of_the_best_row_also_when_it_is_the_last(narrow: Narrow) -> None:
    """Six updates end between two evaluations: the last one counts, and a longer run still knows it."""
    for updates in (2, 6, 12):
        run = trained(narrow(f"updates={updates}"))
        best = run.record["metrics"]["best"]
        assert load(run.path, "best").generator_updates == best["generator_updates"]
        seen = [row for row in [*run.rows(), run.record["metrics"]["final"]] if "parzen/validation" in row]
        assert best["parzen/validation"] >= max(row["parzen/validation"] for row in seen)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["optimizer=sgd", "optimizer.lr=1e30"], "not finite"),
        (["network.generator.init_range=1e-9", "optimizer=sgd", "optimizer.lr=1e-12"], "constant output"),
    ],
)
def test_divergence_is_a_result(narrow: Narrow, words: list[str], reason: str) -> None:
    run = trained(narrow(*words))
    assert run.record["status"] == "diverged"
    assert reason in run.record["reason"]
    assert run.done.exists()
    assert any(run.samples.glob("updates=*.png"))
    before = (run.path / "result.json").stat().st_mtime_ns
    trained(narrow(*words, "updates=12"))
    assert (run.path / "result.json").stat().st_mtime_ns == before, "diverged runs are never tried again"


def test_keep_weights_can_be_loaded_but_not_made_longer(narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    full = load(trained(narrow()).path).sample(3)
    run = trained(narrow("keep=weights", "seeds=[0]", "evaluation.probe_images=21"))
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["best.pt", "final.pt"]
    assert torch.equal(load(run.path).sample(3), full)
    capsys.readouterr()
    longer = narrow("keep=weights", "updates=16", "evaluation.probe_images=21")
    with pytest.raises(UserError, match=r"keep=weights.*cannot be made longer"):
        check_startable(run, longer, 0)
    trained(longer)
    assert "cannot be made longer" in capsys.readouterr().out
    assert run.record["status"] == "done"
    assert run.done.exists()


def test_rerun_stale_keeps_the_old_run_aside(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(narrow())
    old = run.record
    monkeypatch.setattr(train, "source_digest", lambda: "feedbeef")
    trained(narrow())
    assert run.record == old
    trained(narrow("rerun=stale"))
    aside = RunFolder(run.path.parent / ".stale" / f"seed=0-{old['source_digest']}")
    assert aside.record == old
    assert run.record["metrics"] == old["metrics"]
    middle = run.record
    run.write_record({**middle, "source_digest": old["source_digest"]})
    trained(narrow("rerun=stale"))
    assert aside.record == old
    assert RunFolder(aside.path.with_name(f"{aside.path.name}.1")).record["seed"] == 0


def test_load_final_and_best(narrow: Narrow, tmp_path: Path) -> None:
    run = trained(narrow())
    module = load(run.path)
    images = module.sample(5)
    assert images.shape == (5, 1, 8, 8)
    assert module.generator_updates == 8
    assert load(run.path, "best").generator_updates == run.record["metrics"]["best"]["generator_updates"]
    stored = np.load(run.artifacts / "samples.npz")["samples"]
    assert stored.shape == (40, 1, 8, 8)
    with pytest.raises(UserError, match="not a run folder"):
        load(tmp_path)
    with pytest.raises(UserError, match="'final' or 'best'"):
        load(run.path, "worst")


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(SystemExit(1), KeyboardInterrupt), (SystemExit(144), SystemExit), (SIGTERMException(), SystemExit)],
    ids=["Ctrl-C, by Lightning", "preempted, by submitit", "SIGTERM, by Lightning"],
)
def test_a_process_that_is_told_to_end_leaves_its_run_to_be_resumed(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, raised: BaseException, seen: type[BaseException]
) -> None:
    def told(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(training.L.Trainer, "fit", told)
    cell = narrow()
    with pytest.raises(seen) as caught:
        trained(cell)
    assert getattr(caught.value, "code", None) in (None, 144, 143)
    run = RunFolder(folder_of(cell) / "seed=0")
    assert (run.record["status"], run.is_locked(), state_of(run, cell)) == ("running", False, "resume")


def test_load_runs_no_code_from_elsewhere(narrow: Narrow) -> None:
    run = trained(narrow())
    config = run.path / "config.yaml"
    config.write_text(config.read_text().replace("ganrepro.losses.NonSaturating", "os.system"))
    with pytest.raises(UserError, match="is refused"):
        load(run.path)


def test_pieces_that_do_not_fit(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"set data\.value_range=\[0,1\]"):
        check_fit(narrow("data.value_range=[-1.0,1.0]"))
    with pytest.raises(UserError, match=r"evaluation\.sigmas is"):
        check_fit(narrow("evaluation.sigmas=[1,0.1,10]"))
    with pytest.raises(UserError, match=r"torch\.optim\.Adam: Invalid beta"):
        check_fit(narrow("optimizer=adam", "optimizer.betas=[0.5,1.0]"))
    schedule = ["end=0.7", "last_epoch=9", "_target_=ganrepro.schedules.LinearRamp"]
    with pytest.raises(UserError, match="the optimizer has no momentum"):
        check_fit(narrow("optimizer=adam", *(f"+optimizer.schedules.momentum.{word}" for word in schedule)))
    monkeypatch.setattr("ganrepro.losses.NonSaturating.critic_output", "energy")
    with pytest.raises(UserError, match="needs a discriminator that gives a energy"):
        check_fit(narrow())


def test_timing_has_the_times(narrow: Narrow) -> None:
    rows = [json.loads(line) for line in trained(narrow()).timing.read_text().splitlines()]
    assert [row["generator_updates"] for row in rows] == [2, 4, 6, 8]
    assert all(row["seconds"] >= row["train_seconds"] > 0 and row["images_per_second"] > 0 for row in rows)
