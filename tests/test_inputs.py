"""Runs that go on from other runs, and studies that train nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganrepro import load, train
from ganrepro.agenda import in_order
from ganrepro.assemble import check_measurement, folder_of, identity_of
from ganrepro.cells import Cell, cell_of
from ganrepro.errors import UserError
from ganrepro.inputs import check_input
from ganrepro.runs import RunFolder, read_checkpoint
from ganrepro.train import train_cell

# What both stages share; the first one's other settings are its study's own.
SHARED = ["latent.z.dim=6", "network.generator.hidden=[9,8]", "network.generator.sparse_init=3",
          "network.discriminator.units=[5]", "network.discriminator.pieces=2", "seeds=[0]", "updates=8"]  # fmt: skip
OWN = {
    "gan_tfd_pretrain": [],
    "gan_tfd": ["network.generator.added=[7,6]", "batch_size=10", "evaluation.samples=40", "input.updates=8"],
}
Make = Callable[..., Cell]


@pytest.fixture
def stage(tmp_path: Path, conf: Path) -> Make:
    """`stage("gan_tfd", ...)`: a cell with narrow networks; the first stage it names is as narrow."""

    def make(study: str, *words: str) -> Cell:
        return cell_of([f"experiment={study}", *SHARED, *OWN[study], f"runs={tmp_path}", *words], {})

    return make


def trained(cell: Cell) -> RunFolder:
    train_cell(cell, folder_of(cell), {})
    return RunFolder(folder_of(cell) / f"seed={cell.seeds[0]}")


def test_the_second_stage_begins_with_the_first_one_s_generator(stage: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first = trained(stage("gan_tfd_pretrain"))
    seen: list[dict[str, torch.Tensor]] = []
    fit = train.fit

    def noted(module, *rest) -> None:
        seen.append({key: value.clone() for key, value in module.players["generator"].state_dict().items()})
        fit(module, *rest)

    monkeypatch.setattr(train, "fit", noted)
    run = trained(stage("gan_tfd"))
    assert run.record["status"] in ("done", "diverged"), run.record.get("reason")
    before = read_checkpoint(first.all_checkpoints()[0])["networks"]["generator"]
    taken = [value for value in seen[0].values() if any(torch.equal(value, other) for other in before.values())]
    assert len(taken) >= len(before)
    assert run.record["identity"]["input.address"] == first.record["hash"]


def test_an_absent_or_shorter_or_longer_first_stage_is_named(stage: Make) -> None:
    second = stage("gan_tfd", "seeds=[0,3]")
    with pytest.raises(UserError, match=r"Make it first:\n  python run.py experiment=gan_tfd_pretrain .*seeds=\[0,3\]"):
        check_input(second, 0)
    assert trained(second).record["status"] == "error"
    trained(stage("gan_tfd_pretrain"))
    with pytest.raises(UserError, match="with 12 updates"):
        check_input(stage("gan_tfd", "input.updates=12"), 0)
    trained(stage("gan_tfd_pretrain", "updates=12"))
    with pytest.raises(UserError, match="made longer, to 12"):
        check_input(second, 0)


def test_networks_that_do_not_fit_say_so(stage: Make) -> None:
    trained(stage("gan_tfd_pretrain"))
    run = trained(stage("gan_tfd", "network.generator.added=[7,5]"))
    assert run.record["status"] == "error"
    assert "does not fit" in run.record["reason"]
    assert len(run.record["reason"].splitlines()) == 1


def test_another_first_stage_is_another_address(stage: Make) -> None:
    words = ("k=1", "threads=2", "data.folds=3", "network.generator.hidden=[9,7]", "latent.z.dim=5")
    assert len({str(identity_of(stage("gan_tfd", word))["input.address"]) for word in words}) == 5
    assert len({str(identity_of(stage("gan_tfd", word))["input.address"]) for word in ("k=1", "batch_size=9")}) == 1


def test_first_stages_come_first() -> None:
    order = in_order(Path(__file__).parents[1] / "conf" / "experiment")
    assert order.index("gan_tfd_pretrain") < order.index("gan_tfd")
    assert order.index("gan_mnist") < order.index("gan_helvetica")
    assert order.index("lsun_dedup") < min(order.index("dcgan_lsun"), order.index("dcgan_guidelines"))


@pytest.mark.usefixtures("conf")
def test_a_study_without_networks_measures_and_refuses_what_does_nothing(tmp_path: Path) -> None:
    def theory(*words: str) -> Cell:
        return cell_of(["experiment=gan_theory", "model.toys=2", "seeds=[0]", f"runs={tmp_path}", *words], {})

    run = trained(theory())
    assert run.record["status"] == "done"
    assert run.record["data"] is None
    assert (run.artifacts / "theory.npz").exists()
    times = (run.path / "result.json").stat().st_mtime_ns
    trained(theory())
    assert (run.path / "result.json").stat().st_mtime_ns == times
    assert trained(theory("updates=200")).record["generator_updates"] == 200
    before = run.record
    train_cell(theory("rerun=stale"), run.path.parent, {})
    assert run.record == before, "the sources are the same"
    run.write_record({**before, "source_digest": "feedbeef"})
    trained(theory("rerun=stale", "updates=200"))
    assert (run.path.parent / ".stale" / "seed=0-feedbeef" / "DONE").exists()
    with pytest.raises(UserError, match="batch_size does nothing there"):
        check_measurement(theory("batch_size=7"))
    with pytest.raises(UserError, match="without networks"):
        load(run.path)
