"""conf/data: every file composes into the package `data`, builds what it says, and names every argument."""

import inspect
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf"
FILES = sorted(str(path.relative_to(CONF / "data").with_suffix("")) for path in CONF.glob("data/**/*.yaml"))


def composed(choice: str, *overrides: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(overrides=[f"+data={choice}", *overrides]).data


@pytest.mark.parametrize("choice", FILES)
def test_keys_are_the_arguments_and_values_their_defaults(choice):
    options = OmegaConf.to_container(composed(choice), resolve=False)
    arguments = inspect.signature(get_class(options.pop("_target_"))).parameters
    assert options.keys() == arguments.keys()
    # A family's file, like handwritten/laptop, is there to set some of them otherwise.
    own = OmegaConf.load(CONF / "data" / f"{choice}.yaml") if "/" in choice else {}
    for name, argument in arguments.items():
        if name not in own and argument.default is not argument.empty:
            given = argument.default
            assert options[name] == (list(given) if isinstance(given, tuple) else given)


@pytest.mark.parametrize("choice", [choice for choice in FILES if choice != "mixture"])
def test_every_range_and_scaling_can_be_typed(choice):
    options = composed(choice, "data.value_range=[-1,1]")
    assert options.value_range == [-1, 1]
    if "scaling" in options:
        options = composed(choice, "data.scaling=gcn", "data.value_range=null")
        assert (options.scaling, options.value_range) == ("gcn", None)


@pytest.mark.parametrize("choice", ["mnist", "fashion_mnist", "digits"])
def test_keys_that_finished_runs_have_in_their_addresses_stay_as_they_are(choice):
    own = ["size", "stand_in_for"] if choice == "digits" else ["root", "download", "validation"]
    assert set(composed(choice)) == {"_target_", "value_range", *own}


def test_root_comes_from_the_environment_and_gives_way_to_the_command_line(monkeypatch):
    monkeypatch.delenv("GANREPRO_DATA", raising=False)
    assert composed("mnist").root == "data"
    monkeypatch.setenv("GANREPRO_DATA", "/somewhere")
    assert composed("mnist").root == "/somewhere"
    assert composed("mnist", "data.root=/else").root == "/else"


def test_handwritten_is_mnist_with_digits_standing_in_on_a_laptop():
    data = instantiate(composed("handwritten/laptop"))
    assert (data.name, data.stand_in_for, data.value_range) == ("digits", "MNIST", (0.0, 1.0))
    for scale in ("workstation", "paper"):
        assert composed(f"handwritten/{scale}") == composed("mnist")


def test_tfd_has_faces_standing_in_on_a_laptop():
    data = instantiate(composed("tfd/laptop"))
    assert (data.name, data.stand_in_for, data.value_range, len(data.folds)) == ("faces", "TFD", (0.0, 1.0), 5)
    for scale in ("workstation", "paper"):
        assert composed(f"tfd/{scale}") == composed("tfd")
    assert composed("tfd")._target_ == "ganrepro.data.tfd.TFD"


def test_colour_is_contrast_normalised_cifar10_with_patches_standing_in_on_a_laptop():
    data = instantiate(composed("colour/laptop"))
    assert (data.name, data.stand_in_for, data.value_range) == ("patches", "CIFAR-10", None)
    for scale in ("workstation", "paper"):
        assert composed(f"colour/{scale}") == composed("cifar10", "data.scaling=gcn", "data.value_range=null")


def test_handwritten_follows_the_scale_from_an_experiment(tmp_path):
    (tmp_path / "config.yaml").write_text(
        f"defaults: [_self_, {{data: svhn}}, {{experiment: null}}, {{scale: laptop}}]\n"
        f"hydra: {{searchpath: ['file://{CONF}']}}\n"
    )
    for folder, name, text in (
        ("scale", "laptop", "# @package _global_\n{}\n"),
        ("scale", "paper", "# @package _global_\n{}\n"),
        ("experiment", "study", "# @package _global_\ndefaults: [{override /data: 'handwritten/${scale}'}]\n"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.yaml").write_text(text)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert compose("config", ["experiment=study"]).data._target_ == "ganrepro.data.embedded.Digits"
        assert compose("config", ["experiment=study", "scale=paper"]).data._target_ == "ganrepro.data.standard.MNIST"
        assert compose("config", ["experiment=study", "data=cifar10"]).data._target_ == "ganrepro.data.standard.CIFAR10"


def test_a_folder_of_pictures_must_be_named():
    assert OmegaConf.is_missing(composed("image_folder"), "folder")
    assert composed("image_folder", "data.folder=faces").folder == "faces"
