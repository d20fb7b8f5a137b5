"""conf/data: every file composes into the package `data`, builds what it says, and names every argument."""

import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from ganrepro import schema
from ganrepro.build import build
from ganrepro.cells import neutral
from ganrepro.data.images import ImageData
from ganrepro.data.points import GaussianMixture
from ganrepro.errors import DataMissing

POINTS = ("mixture", "ring", "ring_metz", "blobs")
FAMILIES = ("handwritten", "tfd", "colour", "scenes", "stability", "characters", "small_variability", "cifar10_pm1")
FAMILIES += ("face_crops", "bedrooms", "bedrooms_all", "imagenet32", "svhn_pm1", "labelled_digits")
FAMILIES += ("mnist_pm1", "mnist_500", "fashion_pm1", "fashion_500", "cifar10_classes", "cifar10_2000")
FAMILIES += ("digits_or_mnist", "digits_or_mnist_500")

CONF = Path(__file__).parents[2] / "conf"
FILES = sorted(str(path.relative_to(CONF / "data").with_suffix("")) for path in CONF.glob("data/**/*.yaml"))


@cache
def composed(choice: str, *overrides: str):
    """Read only: tests share it."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(overrides=[f"+data={choice}", "+runs=runs", *overrides]).data


@pytest.mark.parametrize("choice", FILES)
def test_keys_are_the_arguments_and_values_their_defaults(choice):
    options = OmegaConf.to_container(composed(choice), resolve=False)
    arguments = inspect.signature(get_class(options.pop("_target_"))).parameters
    assert options.keys() == arguments.keys()
    # A file that builds on others, like handwritten/laptop, is there to set some of them otherwise.
    own = changed(choice)
    for name, argument in arguments.items():
        if name not in own and argument.default is not argument.empty:
            given = argument.default
            value = options[name].replace("${runs}", "runs") if name == "index" else options[name]
            assert value == (list(given) if isinstance(given, tuple) else given)


def changed(choice: str) -> set[str]:
    """The keys that a file sets over those of the files it builds on, and theirs over the next; none for a first."""
    own = yaml.safe_load((CONF / "data" / f"{choice}.yaml").read_text())
    if "defaults" not in own:
        return set()
    bases = [base.removeprefix("/data/").removesuffix("@_here_") for base in own.pop("defaults") if base != "_self_"]
    return set(own).union(*(changed(base) for base in bases))


def test_every_option_loads_or_says_what_is_missing(tmp_path):
    """With an empty data folder, and nothing fetched."""
    missing = {}
    for choice in FILES:
        words = composed(choice)
        overrides = [f"data.root={tmp_path}"] * ("root" in words) + ["data.download=false"] * ("download" in words)
        overrides += ["data.folder=mine"] * (choice == "image_folder")
        try:
            data = build(OmegaConf.to_container(composed(choice, *overrides), resolve=True))
        except DataMissing as error:
            missing[choice] = str(error)
        else:
            assert isinstance(data, ImageData | GaussianMixture), choice
            assert len(data.examples(3)) == 3, choice
    scaled = {f"{family}/{scale}" for family in FAMILIES for scale in ("workstation", "paper")}
    sets = {"mnist", "fashion_mnist", "cifar10", "svhn", "tfd", "lsun", "hwdb", "image_folder"}
    assert missing.keys() == sets | {name for name in scaled if not name.startswith("small_variability/")}
    for choice, message in missing.items():
        assert str(tmp_path) in message, choice
        assert re.search("Nearest substitute: (data=image_folder|scale=laptop)", message), choice


@pytest.mark.parametrize("choice", FILES)
def test_every_key_is_in_the_schema(choice):
    keys = {f"data.{key}" for key in composed(choice)}
    assert keys <= {*schema.OPTIONS, "data._target_"}


@pytest.mark.parametrize("choice", [choice for choice in FILES if choice not in POINTS])
def test_every_range_and_scaling_can_be_typed(choice):
    options = composed(choice, "data.value_range=[-1,1]")
    assert options.value_range == [-1, 1]
    if "scaling" in options:
        options = composed(choice, "data.scaling=gcn", "data.value_range=null")
        assert (options.scaling, options.value_range) == ("gcn", None)


@pytest.mark.parametrize("choice", ["mnist", "fashion_mnist", "digits"])
def test_keys_that_finished_runs_have_in_their_addresses_stay_as_they_are(choice):
    own = ["size"] if choice == "digits" else ["root", "download", "validation"]
    addressed = {key for key, value in composed(choice).items() if not neutral(f"data.{key}", value)}
    assert addressed == {"_target_", "value_range", *own}
    assert schema.OPTIONS["data.stand_in_for"].neutral is None, "mnist got this key after its first runs"


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


@pytest.mark.parametrize(
    ("choice", "name", "shape", "value_range", "stand_in_for"),
    [
        ("scenes/laptop", "patches", (3, 32, 32), (-1, 1), "LSUN bedroom"),
        ("stability/laptop", "digits", (1, 28, 28), (-1, 1), "LSUN bedroom"),
        ("characters/laptop", "digits", (1, 16, 16), (0, 1), "HWDB1.0"),
        ("small_variability/laptop", "rendered_digits", (1, 28, 28), (-1, 1), None),
        ("cifar10_pm1/laptop", "patches", (3, 32, 32), (-1, 1), "CIFAR-10"),
    ],
)
def test_what_lsgan_s_studies_have_on_a_laptop(choice, name, shape, value_range, stand_in_for):
    data = instantiate(composed(choice))
    assert (data.name, data.shape, data.value_range, data.stand_in_for) == (name, shape, value_range, stand_in_for)


def test_what_lsgan_s_studies_have_at_the_other_scales():
    def same(choice, base, *overrides):
        return composed(choice) == composed(base, *overrides)

    signed = "data.value_range=[-1.0,1.0]"
    scene = "data.stand_in_for=LSUN bedroom"
    assert same("scenes/paper", "lsun")
    assert (composed("lsun").size, composed("lsun").value_range, composed("lsun").scene) == (112, [-1, 1], "bedroom")
    assert same("scenes/workstation", "image_folder", "data.folder=rooms64", "data.crop=false", signed, scene)
    assert same("stability/paper", "lsun", "data.size=64")
    assert same("stability/workstation", "mnist", signed, scene)
    assert same("characters/paper", "hwdb")
    characters = ("data.folder=cccr64", "data.size=28", "data.channels=1", "data.stand_in_for=HWDB1.0")
    assert same("characters/workstation", "image_folder", *characters)
    for scale in ("workstation", "paper"):
        assert same(f"small_variability/{scale}", "small_variability/laptop")
        assert same(f"cifar10_pm1/{scale}", "cifar10", signed)
    assert same("small_variability/laptop", "small_variability", signed)


def test_metz_s_ring_is_twice_as_large():
    assert composed("ring_metz") == composed("ring", "data.radius=2.0", "data.std=0.02")


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
