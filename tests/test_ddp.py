"""Two ranks on the CPU: one process with the whole batch, the same when cut off, and refused where they cannot be."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from test_adversarial import module_for
from test_train import contents, equal, trained
from torch import distributed, nn

from ganrepro import cli, ddp
from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import check_fit, identity_of, ranks_of
from ganrepro.cells import Cell, cell_of
from ganrepro.errors import UserError
from ganrepro.metrics.frechet import frechet_distance
from ganrepro.metrics.inception import inception_score
from ganrepro.ranks import Ranks, batch_norms, checksum, synchronise
from ganrepro.recorder import Recorder
from ganrepro.runs import read_checkpoint

Narrow = Callable[..., Cell]
CONF = Path(__file__).parents[1] / "conf"
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


# With processes: each takes seconds to start. --------------------------------------------------------------------


def test_two_ranks_are_one_process_with_the_whole_batch(narrow: Narrow) -> None:
    exact = ["trainer.precision=64-true", "network.discriminator.keep_input=1", "network.discriminator.keep_hidden=1"]
    one, two = trained(narrow(*exact)), trained(narrow(*TWO, *exact))
    assert two.record["status"] == "done"
    for row, other in zip(one.rows(), two.rows(), strict=True):
        logged = [key for key in row if not key.startswith("parzen")]  # of float32 samples
        assert [other[key] for key in logged] == pytest.approx([row[key] for key in logged], rel=1e-10, abs=0)
    networks = [read_checkpoint(run.all_checkpoints()[0])["networks"] for run in (one, two)]
    for name, weights in networks[0].items():
        for key, tensor in weights.items():
            assert torch.allclose(tensor, networks[1][name][key], rtol=1e-10, atol=1e-12), (name, key)


def test_a_rank_that_drifts_ends_the_run_and_resumed_it_has_the_bits_of_one_never_cut_off(
    narrow: Narrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Networks with dropout, so that the streams of both ranks count."""
    whole = trained(narrow(*TWO, f"runs={tmp_path / 'whole'}"))
    assert whole.record["identity"]["ranks"] == 2
    assert whole.record["departures"]["trainer"] == "ddp"
    assert [row["images_seen"] for row in whole.rows()] == [20, 40, 60, 80]  # of both ranks
    assert (whole.path / "csv" / "metrics.csv").read_text().count("\n") == 5
    assert len(list((tmp_path / "whole").rglob("result.json"))) == 1

    original = Recorder.end_of_tick

    def drift(recorder: Recorder, module: AdversarialModule, *rest: Any) -> None:
        original(recorder, module, *rest)
        if module.generator_updates == 4:  # there is a checkpoint
            with torch.no_grad():
                next(module.parameters()).flatten()[0] += 1e-6

    cell = narrow(*TWO)
    with monkeypatch.context() as broken:
        broken.setattr(Recorder, "end_of_tick", drift)
        broken.setattr(ddp, "SOON", 0.1)
        run = trained(cell)
    assert run.record["status"] == "error"
    assert "the ranks no longer hold the same weights" in capsys.readouterr().out
    assert [path.name for path in run.all_checkpoints()] == ["updates=000000004.ckpt"]
    assert equal(contents(whole), contents(trained(cell)))


# Without. ---------------------------------------------------------------------------------------------------------


def ranked(cell: Cell, rank: int, size: int) -> AdversarialModule:
    module = module_for(cell)
    module.ranks = Ranks(rank, size)
    module.feed = module.data.feed(0)
    module.use_streams(torch.device("cpu"))
    return module


def test_ranks_divide_the_latents_and_images_of_one_process(narrow: Narrow) -> None:
    """Over the border of two passes, too: there are 23 images."""
    alone, *parts = (ranked(narrow("batch_size=12"), rank, size) for rank, size in ((0, 1), (0, 3), (1, 3), (2, 3)))
    for _ in range(4):
        assert torch.equal(alone.draw_latent(), torch.cat([part.draw_latent() for part in parts]))
        assert torch.equal(alone.real_batch(), torch.cat([part.real_batch() for part in parts]))
        assert {part.images_seen for part in parts} == {alone.images_seen}


def test_ranks_draw_their_own_dropout(narrow: Narrow) -> None:
    alone, first, second = (ranked(narrow(), rank, size) for rank, size in ((0, 1), (0, 2), (1, 2)))
    names = alone.streams.keys() - {"latent"}
    assert names
    for name in names:
        states = [module.streams[name].get_state() for module in (alone, first, second)]
        assert torch.equal(states[0], states[1])
        assert not torch.equal(states[1], states[2])


def test_the_controller_decides_by_the_mean_over_the_ranks(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ranked(narrow("update=controlled", "z=fresh"), 0, 1)
    stepped: list[str] = []
    monkeypatch.setattr(module, "update_players", lambda losses: stepped.extend(losses))
    for mean, player in ((9.0, "generator"), (-9.0, "discriminator")):
        monkeypatch.setattr(module.ranks, "mean", lambda _, mean=mean: torch.tensor(mean))
        stepped.clear()
        module.rule(module)
        assert stepped == [player] * 5


def test_weights_have_a_checksum(narrow: Narrow) -> None:
    module = module_for(narrow())
    before = checksum(module)
    assert checksum(module_for(narrow())) == before
    with torch.no_grad():
        next(module.parameters()).flatten()[0] += 1e-6
    assert checksum(module) != before


def test_evaluations_wait_for_no_other_rank(monkeypatch: pytest.MonkeyPatch, noise: torch.Generator) -> None:
    """torchmetrics gathers from all ranks where there are some; here that would raise, as there is no group."""
    monkeypatch.setattr("torchmetrics.metric.jit_distributed_available", lambda: True)
    features = torch.randn(40, 3, generator=noise)
    frechet_distance(features, features)
    inception_score(features.log_softmax(1), 2)


def test_synchronised_batch_norm_keeps_names_weights_and_what_it_does_outside_training() -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.ModuleDict({"g": nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.BatchNorm1d(4)))})

    plain, synced, x = network(), network(), torch.randn(5, 3)
    synchronise(synced)
    assert {type(layer) for layer in batch_norms(synced)} == {nn.SyncBatchNorm}
    assert equal(dict(plain.state_dict()), dict(synced.state_dict()))
    assert torch.equal(plain.eval()["g"](x), synced.eval()["g"](x))  # type: ignore[operator, index]


REFUSED = [
    (["trainer.devices=3"], "batch_size=10 cannot be divided among 3 ranks: 9 or 12 can."),
    (["population=2"], "add population=1"),
    (["workers=2"], "leave out workers=2"),
    (["loss=lsgan", "reduction=sum"], "add reduction=mean"),
    (["trainer.sync_batchnorm=true"], "does nothing: these networks have no batch norm"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_what_ranks_cannot_do_is_refused(narrow: Narrow, words: list[str], message: str) -> None:
    cell = narrow(*TWO, *words)
    with pytest.raises(UserError, match=message):
        ddp.check_ranks(cell, check_fit(cell))


NORMED = ["experiment=lsgan_stability", "norm=both", "network.generator.first=4", "network.generator.channels=[3]"]
NORMED += ["network.generator.strides=[2,2]", "network.discriminator.channels=[3,4]", "data.size=8", *TWO]
KERNELS = ["experiment=tgan_digits", "data.size=8", "evaluation.data.size=8", "network.generator.first=4"]
KERNELS += ["network.generator.channels=[3]", "network.generator.kernel_sizes=[3,3]", *TWO, "batch_size=40"]
KERNELS += ["network.discriminator.channels=[3,4]", "network.discriminator.kernel_sizes=[3,3]"]


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*NORMED, "batch_size=20", "trainer.sync_batchnorm=true"], "on GPUs only"),
        ([*NORMED, "batch_size=2"], "batch norm needs two"),
        (KERNELS, "Minibatch discrimination compares the images of a whole batch"),
    ],
)
def test_layers_that_look_at_a_whole_batch(words: list[str], message: str) -> None:
    cell = cell_of(words, {})
    with pytest.raises(UserError, match=message):
        ddp.check_ranks(cell, check_fit(cell))


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)


def test_ranks_are_as_many_as_gpus_or_as_asked_for(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    auto = {"accelerator": "auto", "devices": None}
    assert ranks_of({"accelerator": "auto"}) == 1
    gpus(monkeypatch, 4)
    assert ranks_of(auto) == 4
    assert ranks_of(auto | {"devices": 3}) == 3
    four = identity_of(narrow("trainer=ddp", "trainer.devices=4"))
    assert identity_of(narrow("trainer=ddp")) == four
    assert identity_of(narrow("trainer=ddp", "trainer.devices=2")) != four
    assert identity_of(narrow("trainer=cuda")) == {key: four[key] for key in four if key != "ranks"}


@pytest.mark.parametrize(
    ("count", "trainer", "message"),
    [
        (0, {"accelerator": "auto", "devices": None}, "trainer.devices=2 tries it on the CPU"),
        (1, {"accelerator": "auto", "devices": None}, "there is 1 GPU here, and it needs at least 2"),
        (2, {"accelerator": "cuda", "devices": 4}, "there are 2 GPUs here, and it needs 4"),
    ],
)
def test_too_few_gpus(monkeypatch: pytest.MonkeyPatch, count: int, trainer: dict[str, Any], message: str) -> None:
    gpus(monkeypatch, count)
    with pytest.raises(UserError, match=message):
        ranks_of(trainer)


def test_a_multirun_is_refused_with_what_to_type(
    narrow_words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-m", "experiment=gan_mnist", "loss=gan,gan_saturating", "trainer=ddp", f"runs={tmp_path / 'runs'}"]
    assert cli.guarded(CONF, words) == cli.ERROR
    first, typed, last = capsys.readouterr().err.splitlines()
    assert first.startswith("error: trainer=ddp takes all GPUs for one cell at a time")
    assert typed == f"  python run.py experiment=gan_mnist trainer=ddp runs='{tmp_path / 'runs'}' loss=gan"
    assert "docs/ddp.md" in last
    assert not (tmp_path / "runs").exists()
    assert cli.guarded(CONF, [*typed.replace("'", "").split()[2:], *narrow_words, *TWO[1:], "plan=true"]) == 0
    assert "ranks=2" in capsys.readouterr().out


def ended(code: int | None) -> Any:
    return SimpleNamespace(exitcode=code, join=lambda _: None)


def test_a_killed_rank_is_named_and_a_failed_one_says_why() -> None:
    store = distributed.HashStore()
    assert ddp.cause(store, [ended(None)]) is None
    store.set("failed", "rank 2: OutOfMemoryError")
    killed, failed = ddp.cause(store, [ended(1), ended(-9)]), ddp.cause(store, [ended(1), ended(1)])
    assert isinstance(killed, UserError)
    assert str(killed).startswith("rank 2 was killed (SIGKILL). The same command goes on")
    assert isinstance(failed, RuntimeError)
    assert str(failed) == "rank 2: OutOfMemoryError"


def test_a_rank_that_waits_for_a_dead_one_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(ddp, "STUCK", 0.01)
    reader, writer = os.pipe()
    os.close(writer)  # as a process that has ended looks
    over = threading.Event()
    ddp.give_up([SimpleNamespace(sentinel=reader)], over)  # type: ignore[list-item]
    over.set()
    ddp.give_up([SimpleNamespace(sentinel=reader)], over)  # type: ignore[list-item]
    os.close(reader)
    assert codes == [1]
    assert "a rank of this run died" in capsys.readouterr().err
