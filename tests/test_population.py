"""Many seeds at once: each is the run it would have been alone, and the others' fates do not touch it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import nn

from ganrepro import load, training
from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import check_fit, data_of, folder_of, module_of
from ganrepro.cells import Cell, cell_of
from ganrepro.errors import UserError
from ganrepro.optimizers import RMSpropTF
from ganrepro.papers.lsgan import ConditionalLSGAN
from ganrepro.population import Population, Share, check_population, groups, population_of
from ganrepro.runs import RunFolder, in_step, read_checkpoint, shared_states
from ganrepro.train import train_cell
from ganrepro.training import quiet_lightning

Narrow = Callable[..., Cell]

# The LSGAN authors' ring in small: z normal, points drawn anew for every batch.
RING = [
    "experiment=lsgan_ring", "scale=paper", "network=points", "latent.z.dim=12", "batch_size=24",
    "network.generator.hidden=[16,16]", "network.discriminator.hidden=[16,16]", "updates=50", "tick=25",
    "evaluate_every=25", "checkpoint_every=25",
]  # fmt: skip
DIGITS = ["updates=50", "tick=25", "evaluate_every=25", "checkpoint_every=25", "evaluation.samples=40"]


class StopAt(L.Callback):
    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        trainer.should_stop = module.generator_updates >= module.updates


def fitted(module: AdversarialModule, data: Any, precision: str) -> None:
    module.use_data(data)
    quiet_lightning()
    L.Trainer(
        accelerator="cpu", devices=1, max_epochs=-1, precision=precision, logger=False,  # type: ignore[arg-type]
        callbacks=[StopAt()], enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).fit(module, train_dataloaders=range(1))  # fmt: skip


def modules(cell: Cell, seeds: list[int]) -> list[AdversarialModule]:
    data = data_of(cell)
    made = [module_of(cell.config, data.shape, seed, data.pixel_mean()) for seed in seeds]
    for module in made:
        module.use_data(data)
    return made


def furthest(cell: Cell, seeds: list[int], size: int, precision: str) -> float:
    """The largest difference of any weight between runs in a population and the same seeds alone."""
    alone, beside = modules(cell, seeds), modules(cell, seeds)
    for module in alone:
        fitted(module, data_of(cell), precision)
    fitted(population_of(beside, size), data_of(cell), precision)
    for one, other in zip(alone, beside, strict=True):
        assert (one.generator_updates, one.images_seen) == (other.generator_updates, other.images_seen)
        assert one.tick_means() == pytest.approx(other.tick_means(), rel=1e-2, abs=1e-3)
    return max(
        float((a - b).detach().abs().max())
        for one, other in zip(alone, beside, strict=True)
        for a, b in zip(one.parameters(), other.parameters(), strict=True)
    )


@pytest.mark.parametrize("update", ["simultaneous", "d_then_g"])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "rmsprop_torch"])
def test_replicas_of_the_ring_are_the_same_seeds_alone(conf: Path, update: str, optimizer: str) -> None:
    z = "shared" if update == "simultaneous" else "fresh"
    words = [
        *RING,
        "lr_g=null",
        "lr_d=null",
        "optimizer.lr=1e-3",
        f"optimizer={optimizer}",
        f"update={update}",
        f"z={z}",
    ]
    assert furthest(cell_of(words, {}), [0, 1, 2], 3, "64-true") < 1e-10


@pytest.mark.parametrize("update", ["simultaneous", "d_then_g"])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "rmsprop_torch", "sgd_2014"])
def test_replicas_of_the_digits_gan_are_the_same_seeds_alone(narrow: Narrow, update: str, optimizer: str) -> None:
    """Maxout, dropout, halved D loss; with sgd_2014 also schedules."""
    z = "shared" if update == "simultaneous" else "fresh"
    cell = narrow(*DIGITS, f"optimizer={optimizer}", f"update={update}", f"z={z}")
    assert furthest(cell, [3, 1, 0], 4, "64-true") < 1e-10


def test_norm_limits_hold_in_each_replica(conf: Path) -> None:
    words = ["latent.z.dim=6", "network.generator.hidden=[9,8]", "network.generator.sparse_init=3", "seeds=2",
             "network.discriminator.units=[5]", "network.discriminator.pieces=2", "network.discriminator.max_norm=0.4",
             "network.generator.max_norm=0.5", "updates=50", "tick=25", "evaluate_every=25"]  # fmt: skip
    cell = cell_of(["experiment=gan_tfd_pretrain", "checkpoint_every=25", *words], {})
    assert furthest(cell, [0, 1], 2, "64-true") < 1e-10


def test_d_in_every_nth_round_and_several_steps_of_d(narrow: Narrow) -> None:
    cell = narrow(*DIGITS, "update=alternate_batches", "k=2", "generator_steps=3", "optimizer=adam")
    assert furthest(cell, [0, 1], 2, "64-true") < 1e-10


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop_torch"])
def test_in_float32_rounding_makes_them_part(conf: Path, optimizer: str) -> None:
    """Why `population` is part of the address. RMSProp's first steps keep rounding's sign, so it parts sooner."""
    cell = cell_of([*RING, "lr_g=null", "lr_d=null", "optimizer.lr=1e-3", f"optimizer={optimizer}"], {})
    apart = furthest(cell, [0, 1, 2], 3, "32-true")
    assert 0 < apart < {"adam": 1e-3, "rmsprop_torch": 1e-1}[optimizer]


# What is stacked, and what is refused. --------------------------------------------------------------------------


def test_what_cannot_be_a_population_is_refused(narrow: Narrow, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="fully connected"):
        check_population(check_fit(cell_of(["experiment=gan_cifar10_conv"], {})))
    module = check_fit(narrow())
    check_population(module)
    module.make_optimizer = lambda name, parameters: torch.optim.Adafactor(parameters)
    with pytest.raises(UserError, match="Adafactor may mix the seeds"):
        check_population(module)
    module = check_fit(narrow())
    module.choose = lambda player, losses, updates: losses[player].item() > 0
    with pytest.raises(UserError, match="one seed's losses"):
        check_population(module)
    module = check_fit(narrow())
    module.__class__ = ConditionalLSGAN
    with pytest.raises(UserError, match="ConditionalLSGAN has a generate of its own"):
        check_population(module)
    network: Any = type(module.critics["discriminator"])
    monkeypatch.setattr(network, "forward", lambda self, images: self.layers(images).mean(0))
    with pytest.raises(UserError, match="fully connected"):
        check_population(check_fit_not(narrow()))


def check_fit_not(cell: Cell) -> AdversarialModule:
    return modules(cell, [0])[0]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop, RMSpropTF])
def test_a_share_of_an_optimizer_is_what_it_would_be_alone(kind: Any) -> None:
    """And it goes back to its place, and leaves the others alone."""
    alone, parameter = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 3))
    one, whole = (
        kind([p], lr=0.1, **({"momentum": 0.5} if kind is torch.optim.SGD else {})) for p in (alone, parameter)
    )
    alone.grad, parameter.grad = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[5.0, 5.0, 5.0], [1.0, 2.0, 3.0]])
    one.step(), whole.step()
    mine, share = one.state_dict(), Share(whole, 1).state_dict()
    assert mine["param_groups"] == share["param_groups"]
    for key, value in mine["state"][0].items():
        assert torch.equal(value, share["state"][0][key]), key
    fresh = kind([nn.Parameter(torch.ones(2, 3))], lr=0.1, **({"momentum": 0.5} if kind is torch.optim.SGD else {}))
    for place in (0, 1):
        Share(fresh, place).load_state_dict(Share(whole, place).state_dict())
    for key, value in whole.state_dict()["state"][0].items():
        assert torch.equal(value, fresh.state_dict()["state"][0][key]), key


# Runs. ----------------------------------------------------------------------------------------------------------


def trained(cell: Cell, seeds: list[int] | None = None) -> dict[int, RunFolder]:
    train_cell(cell, folder_of(cell), {})
    return {seed: RunFolder(folder_of(cell) / f"seed={seed}") for seed in seeds or cell.seeds}


def contents(runs: dict[int, RunFolder]) -> dict[Any, Any]:
    """All that must depend on nothing but the configuration and the seed."""
    found: dict[Any, Any] = {}
    for seed, run in runs.items():
        for path in (*run.samples.iterdir(), *run.artifacts.iterdir(), run.metrics):
            found[seed, path.name] = path.read_bytes()
        found[seed, "weights"] = read_checkpoint(run.all_checkpoints()[0])
        found[seed, "best"] = read_checkpoint(run.best)["networks"]
        found[seed, "result"] = {key: run.record[key] for key in ("metrics", "status", "generator_updates")}
    return found


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def test_groups_keep_every_seed_at_its_place() -> None:
    assert groups(range(5), 2) == [[0, 1], [2, 3], [4]]
    assert groups([4, 7, 9], 2) == [[4, 7], [9]]
    assert groups([0, 8, 3], 8) == [[0, 3], [8]]
    assert groups([5, 3], 1) == [[5], [3]]


def test_each_member_leaves_what_a_run_alone_leaves(narrow: Narrow) -> None:
    alone = trained(narrow("seeds=2"))
    beside = trained(narrow("seeds=2", "population=2"))
    assert beside[0].path.parent != alone[0].path.parent
    for seed in (0, 1):
        names = [
            {str(path.relative_to(run.path)) for path in run.path.rglob("*")} for run in (alone[seed], beside[seed])
        ]
        assert names[0] == names[1]
        saved = [read_checkpoint(run.all_checkpoints()[0]) for run in (alone[seed], beside[seed])]
        assert shapes(saved[0]) == shapes(saved[1])
        assert load(beside[seed].path).sample(2).shape == (2, 1, 8, 8)
        sizes = [run.all_checkpoints()[0].stat().st_size for run in (alone[seed], beside[seed])]
        assert sizes[1] < 1.2 * sizes[0], "a member's checkpoint holds the whole population"


def shapes(state: Any) -> Any:
    """The structure of a checkpoint without its numbers."""
    if isinstance(state, torch.Tensor):
        return state.dtype, tuple(state.shape)
    if isinstance(state, dict):
        return {key: shapes(value) for key, value in state.items() if key != "metrics_bytes"}
    return [shapes(value) for value in state] if isinstance(state, list) else type(state)


def test_times_are_shares_and_add_up(narrow: Narrow) -> None:
    runs = trained(narrow("seeds=3", "population=2"))
    rows = {seed: [json.loads(line) for line in run.timing.read_text().splitlines()] for seed, run in runs.items()}
    assert [[row["together"] for row in rows[seed]] for seed in rows] == [[2] * 4, [2] * 4, [1] * 4]
    for one, other in zip(rows[0], rows[1], strict=True):
        assert one["train_seconds"] == other["train_seconds"]
        assert one["images_per_second"] == pytest.approx(20 / (2 * one["train_seconds"]), rel=0.2)


def test_who_is_beside_a_seed_changes_nothing(narrow: Narrow, tmp_path: Path) -> None:
    """Nor does an empty place: seeds added later give the runs that all at once would have given."""
    whole = trained(narrow("population=3", "seeds=5", f"runs={tmp_path / 'whole'}"))
    trained(narrow("population=3", "seeds=[4]"))
    trained(narrow("population=3", "seeds=[0,4]"))
    assert equal(contents(whole), contents(trained(narrow("population=3", "seeds=5"))))


class Cut(BaseException):
    """Stands for a kill: nothing in the project catches it."""


@pytest.mark.parametrize("moment", ["append", "save_checkpoint", "write_record"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_cut_off_anywhere_and_resumed_is_the_population_never_interrupted(
    narrow: Narrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, count: int
) -> None:
    whole = trained(narrow("population=2", "seeds=2", f"runs={tmp_path / 'whole'}"))
    calls, original = 0, getattr(RunFolder, moment)

    def cut(run: RunFolder, *arguments: Any) -> None:
        nonlocal calls
        original(run, *arguments)
        calls += 1
        if calls == count:
            raise Cut

    monkeypatch.setattr(RunFolder, moment, cut)
    cell = narrow("population=2", "seeds=2")
    if (moment, count) in (("save_checkpoint", 5), ("write_record", 5)):
        trained(cell)  # there are only four
    else:
        with pytest.raises(Cut):
            trained(cell)
    assert equal(contents(whole), contents(trained(cell)))


def test_more_updates_go_on_from_what_each_has(narrow: Narrow, tmp_path: Path) -> None:
    """Two seeds that are finished, one of them made longer before, and a new one."""
    trained(narrow("population=3", "seeds=2"))
    trained(narrow("population=3", "seeds=[1]", "updates=12"))
    longer = trained(narrow("population=3", "seeds=3", "updates=16"))
    straight = trained(narrow("population=3", "seeds=3", "updates=16", f"runs={tmp_path / 'straight'}"))
    assert equal(contents(straight), contents(longer))


def test_runs_in_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = {seed: RunFolder(tmp_path / str(seed)) for seed in range(5)}
    for seed, updates in enumerate([(4, 8), (8, 12), (), (8,), (12,)]):
        for number in updates:
            runs[seed].save_checkpoint({"at": number}, number)
    runs[3].done.touch()
    runs[4].done.touch()
    assert [set(part) for part in in_step(runs)] == [{0, 1, 2}, {3}, {4}], "a finished run never begins anew"
    first = {seed: runs[seed] for seed in (0, 1, 3)}
    assert [set(part) for part in in_step(first)] == [{0, 1, 3}]
    assert shared_states(first) == {seed: {"at": 8} for seed in first}
    assert [run.starting_points() for run in first.values()] == [{0, 4, 8}, {0, 8}, {8}], "what is ahead is gone"
    path = runs[1].all_checkpoints()[0]
    path.write_bytes(path.read_bytes()[:50])
    assert shared_states(first) is None
    assert "Falling back" in capsys.readouterr().out
    assert path.with_suffix(".corrupt").exists()


def test_a_damaged_checkpoint_sends_all_back(narrow: Narrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = narrow("population=2", "seeds=2")

    def cut(*_: object) -> None:
        raise Cut

    with monkeypatch.context() as killed:
        killed.setattr(training, "finish", cut)
        with pytest.raises(Cut):
            trained(cell)
    newest = RunFolder(folder_of(cell) / "seed=1").all_checkpoints()[0]
    newest.write_bytes(newest.read_bytes()[:100])
    whole = trained(narrow("population=2", "seeds=2", f"runs={tmp_path / 'whole'}"))
    assert equal(contents(whole), contents(trained(cell)))


def poisoned(seed: int, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Infinite latents for one seed once it has seen so many images."""
    make = training.module_of

    def made(config: Any, shape: Any, own: int, *rest: Any) -> AdversarialModule:
        module = make(config, shape, own, *rest)
        draw = module.draw_latent
        if own == seed:
            module.draw_latent = lambda: draw() * (torch.inf if module.images_seen > after else 1)  # type: ignore
        return module

    monkeypatch.setattr(training, "module_of", made)


@pytest.mark.parametrize("update", ["simultaneous", "d_then_g"])
def test_one_that_diverges_ends_alone(
    narrow: Narrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update: str
) -> None:
    words = ["population=3", "seeds=3", f"update={update}"]
    whole = trained(narrow(*words, f"runs={tmp_path / 'whole'}"))
    with monkeypatch.context() as broken:
        poisoned(1, 30, broken)
        runs = trained(narrow(*words))
    assert [run.record["status"] for run in runs.values()] == ["done", "diverged", "done"]
    assert "not finite" in runs[1].record["reason"]
    assert runs[1].record["generator_updates"] == {"simultaneous": 4, "d_then_g": 6}[update]
    assert runs[1].done.exists()
    at_once = [json.loads(line)["together"] for line in runs[0].timing.read_text().splitlines()]
    assert at_once == {"simultaneous": [3, 3, 2, 2], "d_then_g": [3, 3, 3, 2]}[update]
    others = [{seed: each[seed] for seed in (0, 2)} for each in (whole, runs)]
    assert equal(contents(others[0]), contents(others[1]))
    before = runs[1].metrics.read_bytes()
    longer = [trained(narrow(*words, "updates=12", *place)) for place in ([], [f"runs={tmp_path / 'whole'}"])]
    assert runs[1].metrics.read_bytes() == before, "diverged runs are never tried again"
    assert equal(*(contents({seed: each[seed] for seed in (0, 2)}) for each in longer))


def test_all_may_diverge(narrow: Narrow) -> None:
    runs = trained(narrow("population=2", "seeds=2", "optimizer=sgd", "optimizer.lr=1e30"))
    assert [run.record["status"] for run in runs.values()] == ["diverged"] * 2


def test_a_failure_is_recorded_for_those_that_had_not_ended(
    narrow: Narrow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell, finish = narrow("population=2", "seeds=3"), training.finish

    def fails(module: AdversarialModule, *rest: Any) -> dict[str, Any]:
        if module.seed == 1:
            raise ValueError("no such luck")
        return finish(module, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(training, "finish", fails)
        runs = trained(cell)
    assert [run.record["status"] for run in runs.values()] == ["done", "error", "done"]
    assert [(run.path / "error.txt").exists() for run in runs.values()] == [False, True, False]
    assert "no such luck" in capsys.readouterr().out
    assert [run.record["status"] for run in trained(cell).values()] == ["done"] * 3


def test_a_seed_in_training_elsewhere_is_left_out(narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    cell = narrow("population=2", "seeds=2")
    busy = RunFolder(folder_of(cell) / "seed=0")
    with busy.locked():
        train_cell(cell, folder_of(cell), {})
    assert "being trained by another process" in capsys.readouterr().out
    assert not busy.record
    assert RunFolder(folder_of(cell) / "seed=1").record["status"] == "done"


def test_a_second_stage_goes_on_seed_by_seed(tmp_path: Path, conf: Path) -> None:
    shared = ["latent.z.dim=6", "network.generator.hidden=[9,8]", "network.generator.sparse_init=3", "updates=8",
              "network.discriminator.units=[5]", "network.discriminator.pieces=2", "seeds=2",
              f"runs={tmp_path}"]  # fmt: skip
    second = ["network.generator.added=[7,6]", "batch_size=10", "evaluation.samples=40", "input.updates=8"]
    double = "trainer.precision=64-true"
    trained(cell_of(["experiment=gan_tfd_pretrain", *shared, double], {}))
    alone, beside = (
        trained(cell_of(["experiment=gan_tfd", *shared, *second, double, word], {}))
        for word in ("population=1", "population=2")
    )
    for seed in (0, 1):
        rows = [each[seed].rows() for each in (alone, beside)]
        assert len(rows[0]) == len(rows[1]) > 0
        for one, other in zip(*rows, strict=True):
            assert one == pytest.approx(other, rel=1e-9, abs=1e-12)


def test_members_are_parts_of_the_whole(narrow: Narrow) -> None:
    """What is sampled and evaluated is what is trained."""
    members = modules(narrow(), [0, 1])
    population = population_of(members, 2)
    assert isinstance(population, Population)
    assert isinstance(population, type(members[0]))
    population.configure_optimizers()
    with torch.no_grad():
        for parameter in population.players.parameters():
            parameter[1].zero_()
    assert not any(parameter.any() for parameter in members[1].players.parameters())
    assert any(parameter.any() for parameter in members[0].players.parameters())
