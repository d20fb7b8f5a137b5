"""`python run.py probe=... run=...` on runs of a few updates: what it writes, says and refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from ganrepro import cli
from ganrepro.adversarial import AdversarialModule
from ganrepro.cells import cell_of, hydra_at
from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.latents import Latent, Uniform
from ganrepro.probes.catalogue import LOOKS, Opened
from ganrepro.probes.keys import KEYS, PROBES
from ganrepro.probes.pictures import DRAW
from ganrepro.train import train_cell

CONF = Path(__file__).parents[2] / "conf"
Look = Callable[..., tuple[int, str, str]]

CONVOLUTIONAL = [
    "experiment=gan_mnist", "network=dcgan", "data.value_range=[-1,1]", "latent.z.dim=6",
    "network.generator.first=12", "network.generator.channels=[8]", "network.generator.strides=[2,2]",
    "network.discriminator.channels=[4,8]", "network.discriminator.strides=[2,2]",
    "batch_size=20", "tick=5", "evaluate_every=20", "checkpoint_every=20", "updates=20", "seeds=[0]",
    "evaluation.samples=40", "evaluation.probe_images=20",
]  # fmt: skip
FLAT = [
    "experiment=gan_mnist", "latent.z.dim=6", "network.generator.hidden=[8]", "network.discriminator.units=[5]",
    "batch_size=10", "tick=2", "evaluate_every=4", "checkpoint_every=4", "updates=4", "seeds=[0]",
    "evaluation.samples=40", "evaluation.probe_images=20",
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of convolutional networks with batch norm by the batch, and one of fully connected networks."""
    runs = tmp_path_factory.mktemp("runs")
    with hydra_at(CONF):
        for name, words in {"convolutional": CONVOLUTIONAL, "flat": FLAT}.items():
            cell = cell_of([*words, f"runs={runs}"], {})
            train_cell(cell, runs / name, {})
    return {name: runs / name / "seed=0" for name in ("convolutional", "flat")}


@pytest.fixture
def look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Look:
    """`look(run, "probe=pose")`: (exit code, output, errors), written to tmp_path."""

    def go(run: Path, *words: str) -> tuple[int, str, str]:
        code = cli.guarded(CONF, [f"run={run}", f"out={tmp_path}", *words])
        return code, *capsys.readouterr()

    return go


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file() and "probes" not in path.parts]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_every_probe_has_its_line_its_look_and_its_picture() -> None:
    assert list(PROBES) == list(LOOKS) == list(DRAW)


def test_all_of_them_on_a_convolutional_run(trained: dict[str, Path], look: Look, tmp_path: Path) -> None:
    before = state(trained["convolutional"])
    code, out, err = look(trained["convolutional"], "probe=all", "samples=200")
    assert (code, err) == (0, "")
    assert state(trained["convolutional"]) == before
    for name in ("samples", "latent_walk", "guided_backprop", "pose", "memorisation"):
        record = json.loads((tmp_path / name / "result.json").read_text())
        assert record["probe"] == name
        assert (record["generator_updates"], record["seed"], record["which"]) == (20, 0, "final")
        assert all(isinstance(value, float) for value in record["metrics"].values())
        assert record["chosen"] == ("measure" if name == "pose" else None)
        assert record["metrics"].get("by_person") == (0 if name == "pose" else None)
        assert (tmp_path / name / "arrays.npz").exists()
        assert f"{tmp_path / name / 'result.json'}" in out
        assert len(list((tmp_path / name).glob("*.png"))) == out.count(f"/{name}/") - 1
    assert "largest_step/ratio" in out
    assert "forget left out: Only" in out, "after 20 updates nothing is a digit"


def test_beside_the_run_and_repeatable(trained: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = trained["convolutional"]
    found = []
    for seed in (0, 0, 1):
        assert cli.guarded(CONF, ["probe=latent_walk", f"run={run}", f"seed={seed}", "samples=50"]) == 0
        folder = run / "probes" / "latent_walk"
        assert f"{folder / 'walk.png'}" in capsys.readouterr().out
        with np.load(folder / "arrays.npz") as arrays:
            found.append((arrays["trained"], (folder / "walk.png").read_bytes()))
    assert np.array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert not np.array_equal(found[0][0], found[2][0])


def test_numbers_of_samples_stay_what_they_are(trained: dict[str, Path], look: Look, tmp_path: Path) -> None:
    sheets = []
    for samples in (70, 110):
        assert look(trained["convolutional"], "probe=samples", f"samples={samples}")[0] == 0
        with np.load(tmp_path / "samples" / "arrays.npz") as arrays:
            sheets.append(arrays["samples"])
    assert len(sheets[1]) == 110
    assert np.array_equal(sheets[0], sheets[1][:70])


def test_a_persons_choices(trained: dict[str, Path], look: Look, tmp_path: Path) -> None:
    choices = {
        "arithmetic": {"a": [0, 1, 2], "b": [3, 4, 5], "c": [6, 7, 8]},
        "pose": {"left": [1, 2, 3, 4], "right": [5, 6, 7, 8]},
        "forget": {"boxes": [[n, 0, 0, 4, 4] for n in range(30)]},
    }
    (tmp_path / "choices.yaml").write_text(yaml.safe_dump(choices))
    for name, chosen in choices.items():
        code, out, err = look(
            trained["convolutional"], f"probe={name}", f"choices={tmp_path / 'choices.yaml'}", "samples=60"
        )
        assert (code, err) == (0, "")
        assert "as chosen" in out or "30 boxes in 30 samples" in out
        record = json.loads((tmp_path / name / "result.json").read_text())
        assert (record["choices"], record["chosen"], record["metrics"]["by_person"]) == (chosen, "person", 1)
    assert json.loads((tmp_path / "arithmetic" / "result.json").read_text())["metrics"]["trials"] == 1
    metrics = json.loads((tmp_path / "forget" / "result.json").read_text())["metrics"]
    assert (metrics["maps"], metrics["annotated"], metrics["positions"]) == (12, 30, 30)
    (tmp_path / "choices.yaml").write_text("pose: {left: [1, 2], right: [500]}")
    code, _, err = look(trained["convolutional"], "probe=pose", f"choices={tmp_path / 'choices.yaml'}", "samples=60")
    assert code == cli.ERROR
    assert "pose.right needs a list of 1 or more different samples from 0 to 59" in err
    code, _, err = look(trained["convolutional"], "probe=forget", f"choices={tmp_path / 'choices.yaml'}", "samples=60")
    assert (code, len(err.splitlines())) == (cli.ERROR, 1)
    assert "has no part forget" in err, "which is not left to a classifier"
    (tmp_path / "choices.yaml").write_text("pose: {left: [1, 2], right: [5]}")
    words = ["probe=all", f"choices={tmp_path / 'choices.yaml'}", "samples=60"]
    code, out, err = look(trained["convolutional"], *words)
    assert (code, err) == (0, "")
    assert json.loads((tmp_path / "pose" / "result.json").read_text())["chosen"] == "person"
    assert "forget left out: Only" in out


def test_fully_connected_networks_have_what_makes_sense(trained: dict[str, Path], look: Look, tmp_path: Path) -> None:
    code, _, err = look(trained["flat"], "probe=latent_walk", "which=best", "samples=50")
    assert (code, err) == (0, "")
    assert json.loads((tmp_path / "latent_walk" / "result.json").read_text())["which"] == "best"
    (tmp_path / "choices.yaml").write_text("forget: {boxes: [[0, 0, 0, 4, 4]]}")
    for name, more, words in (
        ("guided_backprop", [], "a discriminator of convolutions"),
        ("forget", [f"choices={tmp_path / 'choices.yaml'}"], "two layers of maps"),
    ):
        code, _, err = look(trained["flat"], f"probe={name}", *more)
        assert code == cli.ERROR
        assert words in err
        assert len(err.splitlines()) == 1
        assert not (tmp_path / name).exists()


DATA = Digits()


class Reciting(torch.nn.Module):
    """Training digits in the order of the first coordinate, each class on a map of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.image = (torch.nn.Conv2d(10, n, 1, bias=False) for n in (10, 1))
        self.last.weight.data = torch.eye(10)[..., None, None]
        self.image.weight.data = torch.ones(1, 10, 1, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        which = ((z[:, 0] + 1) / 2 * len(DATA.train)).long().clamp(max=len(DATA.train) - 1)
        maps = torch.zeros(len(z), 10, 8, 8)
        maps[torch.arange(len(z)), DATA.train.labels[which]] = DATA.normalise(DATA.train.pixels[which])[:, 0]
        return self.image(self.last(maps))


def test_a_classifiers_choices(trained: dict[str, Path]) -> None:
    """It finds the digits of a class, and the map that draws them; bright ones and dark ones."""
    gan = SimpleNamespace(players={"generator": Reciting()}, latent=Latent(z=Uniform(2, 1.0)))
    scorers = str(trained["flat"].parents[1] / ".scorers")
    found, words = LOOKS["forget"](Opened(gan, DATA, scorers, {"forget": {"class": 6}}, samples=300))
    weights = found.arrays["weights"]
    assert weights[6] > 0
    assert (np.delete(weights, 6) < 0).all()
    assert found.metrics["rate/before"] == pytest.approx(0.1, abs=0.05)
    assert (found.metrics["maps_dropped"], found.metrics["rate/dropped"]) == (1, 0)
    assert (found.metrics["kept/dropped"], found.metrics["by_person"]) == (1, 0)
    assert found.metrics["kept/random"] < 1
    assert "the classifier takes for 6" in words[0]
    assert "of the test images" in words[1]
    for chosen in ({}, {"arithmetic": {"a": "4", "b": [0, 1, 2], "c": [0, 1, 3], "wanted": 4}}):
        run = Opened(gan, DATA, scorers, chosen)
        found, words = LOOKS["arithmetic"](run)
        assert (found.metrics["trials"], found.metrics["by_person"]) == (100, bool(chosen))
        assert run.chooser("arithmetic") == ("person" if chosen else "classifier")
        assert found.metrics["rate/pixels"] > 0.9, "of class 4, or bright, adds up in pixels"
        assert ("wanted" in str(chosen)) == ("which is to give 4" in words[0])
    bare = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (DATA.train, DATA.validation, DATA.test)]
    for name in ("forget", "arithmetic"):
        with pytest.raises(UserError, match="since the data have no labels"):
            LOOKS[name](Opened(gan, ImageData("bare", *bare), scorers, {}))


def test_only_samples_that_the_sheet_shows_can_be_chosen(trained: dict[str, Path], look: Look, tmp_path: Path) -> None:
    chosen = tmp_path / "choices.yaml"
    chosen.write_text("pose: {left: [0, 1], right: [2, 199]}")
    code, _, err = look(trained["convolutional"], "probe=pose", f"choices={chosen}")
    assert (code, "samples from 0 to 149" in err) == (cli.ERROR, True)
    assert look(trained["convolutional"], "probe=samples", "samples=200")[0] == 0
    assert look(trained["convolutional"], "probe=pose", f"choices={chosen}")[0] == 0


ERRORS = [
    (["probe=latent_wlak"], "did you mean latent_walk?"),
    (["probe=pose", "sed=3"], "Did you mean seed"),
    (["probe=pose", "seeds"], "the keys are"),
    (["probe=pose", "seed=-1"], "seed=-1: needs a whole number, at least 0"),
    (["probe=pose", "samples=many"], "samples=many: needs a whole number"),
    (["probe=pose", "which=last"], "needs one of final, best"),
    (["probe=pose", "choices=/nowhere.yaml"], "choices=/nowhere.yaml cannot be read"),
    (["probe=guided_backprop", "layer=9"], "convolutions 1 to 2"),
    (["probe=pose", "layer=1"], "layer= goes with probe=guided_backprop or all; probe=pose takes none"),
    (["probe=samples", "choices=mine.yaml"], "choices= goes with probe=arithmetic, pose, forget or all"),
    (["probe=pose", "seed=["], "seed=[ cannot be read: expected the node content, but found '<stream end>' (line 1)."),
    (["probe=pose", "seed=2024-13-45"], "seed=2024-13-45 cannot be read: month must be in 1..12."),
]


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_errors_are_short(trained: dict[str, Path], look: Look, words: list[str], message: str) -> None:
    code, out, err = look(trained["convolutional"], *words)
    assert code == cli.ERROR
    assert message in err
    assert len(err.splitlines()) <= 3
    assert out == ""


def test_runs_that_are_none(trained: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in {
        ("probe=pose",): "needs a trained run",
        ("probe=pose", f"run={tmp_path}"): "is not a run folder",
        ("probe=pose", f"run={trained['flat']}", f"out={CONF / 'config.yaml'}"): "cannot write there",
    }.items():
        assert cli.guarded(CONF, list(words)) == cli.ERROR
        assert message in capsys.readouterr().err


def test_data_that_have_changed(trained: dict[str, Path], look: Look, tmp_path: Path) -> None:
    copy = tmp_path / "seed=0"
    copy.mkdir()
    for path in trained["flat"].glob("*.*"):
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "checkpoints").symlink_to(trained["flat"] / "checkpoints")
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["data"]["value_range"] = [0, 1]
    config["data"]["size"] = 9
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    code, _, err = look(copy, "probe=latent_walk")
    assert code == cli.ERROR
    assert "was trained on other images than the digits that are there now" in err


def test_a_generator_that_diverged(trained: dict[str, Path], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdversarialModule, "sample", lambda self, n: torch.full((n, 1, 8, 8), torch.nan))
    code, _, err = look(trained["flat"], "probe=all")
    assert code == cli.ERROR
    assert "are not finite" in err


def test_every_key_is_used(trained: dict[str, Path], look: Look, tmp_path: Path) -> None:
    """`scorers` says where what judges samples is kept; the run's own folder is not touched."""
    assert set(KEYS) == {"probe", "run", "seed", "which", "samples", "layer", "choices", "scorers", "out", "debug"}
    assert look(trained["flat"], "probe=memorisation", f"scorers={tmp_path / 'judges'}", "samples=60")[0] == 0
    assert list((tmp_path / "judges").glob("classifier-*"))
