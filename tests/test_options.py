"""No option is parsed and ignored: changing any leaf of any option changes a weight or a recorded number, or raises.

Leaves that cannot do so in two updates are exempt by name, each with its reason. A leaf that is in neither table
fails, so a new option brings its line here.
"""

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ganrepro import schema
from ganrepro.assemble import check_fit, check_measurement, folder_of, is_measurement
from ganrepro.cells import Cell, cell_of, hydra_at
from ganrepro.errors import UserError
from ganrepro.runs import RunFolder, read_checkpoint
from ganrepro.train import train_cell

CONF = Path(__file__).parents[1] / "conf"
GROUPS = ("model", "data", "network", "latent", "loss", "optimizer", "trainer", "logger")

# A batch larger than the 1,197 digits, so that the second update is in the second epoch and every schedule has moved.
TINY = [
    "experiment=gan_mnist", "batch_size=1200", "updates=2", "tick=1", "evaluate_every=1", "checkpoint_every=1",
    "seeds=[0]", "latent.z.dim=4", "network.generator.hidden=[6]", "network.discriminator.units=[5]",
    "network.discriminator.pieces=2", "network.discriminator.init_range=0.5", "evaluation.samples=60",
    "evaluation.probe_images=30", "evaluation.lines=4",
]  # fmt: skip

# What an option needs besides: narrow values of its own keys, and images that its networks can make.
FACES = ["network.generator.sparse_init=3", "network.generator.init_range=2.0"]
PATCHES = ["data=patches", "data.scaling=gcn", "data.value_range=null", "network.generator.init_range=1.0"]
ALSO = {
    "data=patches": ["data.size=8"],
    "data=colour": ["data.size=8", "data.scaling=range", "data.value_range=[0,1]"],
    "data=scenes": ["data.size=8", "data.value_range=[0,1]"],
    "data=stability": ["data.size=8", "data.value_range=[0,1]"],
    "data=cifar10_pm1": ["data.size=8", "data.value_range=[0,1]"],
    "data=characters": ["data.size=8"],
    "data=face_crops": ["data.size=8", "data.value_range=[0,1]"],
    "data=bedrooms": ["data.size=8", "data.value_range=[0,1]"],
    "data=bedrooms_all": ["data.size=8", "data.value_range=[0,1]"],
    "data=imagenet32": ["data.size=8", "data.value_range=[0,1]"],
    "data=svhn_pm1": ["data.size=8", "data.value_range=[0,1]"],
    "data=labelled_digits": ["data.size=8"],
    "optimizer=adam_held": ["optimizer.schedules.lr.held=0"],
    **{
        f"data={name}": ["data.size=8", "data.value_range=[0,1]"]
        for name in (
            "mnist_pm1", "mnist_500", "fashion_pm1", "fashion_500", "cifar10_classes", "cifar10_2000", "digits_28",
            "digits_500", "digits_or_mnist", "digits_or_mnist_500",
        )
    },
    "data=small_variability": ["data.size=8", "data.per_class=20", "data.value_range=[0,1]"],
    "network=tfd2014": FACES,
    "network=tfd2014_stacked": [*FACES, "network.generator.added=[6,4]"],
    "network=cifar10_fc": [*PATCHES, "data.size=8"],
    "network=cifar10_conv": [
        *PATCHES, "batch_size=40", "optimizer.lr=0.001", "network.generator.channels=2",
        "network.discriminator.channels=[2,2,3]",
    ],
}  # fmt: skip

FEATURES = [
    "evaluation.per_class=2", "evaluation.tuning_draws=1", "evaluation.draws=2", "evaluation.train_images=100",
    "evaluation.test_images=60",
]  # fmt: skip
# Studies whose options go with no other study: all leaves of their model, data, networks, latent and evaluation.
SMALL = ["updates=2", "tick=1", "evaluate_every=1", "checkpoint_every=1", "seeds=[0]", "batch_size=1200"]
SCORERS = Path(tempfile.mkdtemp()) / "scorers"  # one for all runs: to train it takes longer than they do
FEW = ["updates=2", "tick=1", "evaluate_every=1", "checkpoint_every=1", "seeds=[0]", "batch_size=40"]
WEIGHTS = ["network.generator.weight_std=0.2", "network.discriminator.weight_std=0.2"]  # else all samples are alike
NARROW = [
    *WEIGHTS, "latent.z.dim=4", "network.generator.first=4", "network.generator.channels=[3]",
    "network.generator.strides=[2,2]", "network.discriminator.channels=[3,4]",
]  # fmt: skip
SCORED = ["data.size=8", "evaluation.data.size=8", "evaluation.samples=60", "evaluation.splits=2"]
MIXED = ["latent.component.count=4", "latent.noise.dim=3"]
CODED = ["latent.codeword.dim=2", "network.generator.first=4", "network.generator.channels=[3]"]
STUDIES = {
    "tgan_digits": [
        *FEW, *SCORED, *MIXED, *CODED, "network.generator.kernel_sizes=[3,3]", "network.discriminator.channels=[3,4]",
        "network.discriminator.kernel_sizes=[3,3]", "network.discriminator.kernels=3",
        "network.discriminator.kernel_dim=2",
    ],
    "tgan_mnist": [
        *FEW, *SCORED, "model=acgan", "latent.noise.dim=3", "network.generator.first=200",
        "network.generator.channels=[30,30]", "network.discriminator.channels=[3,4]",
        "network.discriminator.strides=[2,1]",
    ],
    "tgan_fashion_mnist": [
        *FEW, *SCORED, *MIXED, "model=deligan", "network.generator.first=4", "network.generator.channels=[3]",
        "network.generator.kernel_sizes=[3,3]", "network.discriminator.channels=[3,4]",
        "network.discriminator.kernel_sizes=[3,3]", "network.discriminator.kernels=3",
        "network.discriminator.kernel_dim=2",
    ],
    "tgan_cifar10": [
        *FEW, *SCORED, *MIXED, *CODED, *WEIGHTS, "network.generator.kernel=3", "network.discriminator.channels=[3]",
        "network.discriminator.kernels=3",
    ],
    "tgan_toy": [
        *FEW, "latent.component.count=4", "network.generator.hidden=[5]", "network.discriminator.hidden=[5]",
        "evaluation.samples=200", "evaluation.w1_points=100", "evaluation.moments=[2]",
    ],
    "tgan_pixelcnn": [
        "model=pixelcnn", "updates=2", "seeds=[0]", "batch_size=20", "model.filters=4", "model.kernels=[3]",
        "model.hidden=4", "model.tested=20", "evaluation.samples=60", "evaluation.splits=2",
    ],
    "gan_1d": [
        *SMALL, "k=1", "network.generator.hidden=[5]", "network.discriminator.hidden=[5]", "evaluation.samples=60",
    ],
    "gan_theory": ["model.toys=2", "seeds=[0]"],
    "gan_saturation": [
        *SMALL, "evaluation.latents=9", "network.discriminator.init_range=0.5", "latent.z.dim=4",
        "network.generator.hidden=[6]", "network.discriminator.units=[5]", "network.discriminator.pieces=2",
    ],
    "gan_helvetica": [
        *SMALL, "input=null", "evaluation.samples=60", "network.discriminator.init_range=0.5", "latent.z.dim=4",
        "network.generator.hidden=[6]", "network.discriminator.units=[5]", "network.discriminator.pieces=2",
    ],
    "lsgan_stability": [*FEW, "norm=both", "data.size=8", *NARROW, "evaluation.samples=60"],
    "lsgan_scenes": [
        *FEW, *WEIGHTS, "loss=ebgan", "data.size=8", "latent.z.dim=4", "network.generator.first=4",
        "network.generator.channels=[3]", "network.generator.strides=[2,1]", "network.discriminator.channels=[3,4]",
        "evaluation.samples=60",
    ],
    "lsgan_hwdb": [
        *FEW, *WEIGHTS, "data.size=8", "latent.z.dim=4", "network.generator.first=4", "network.generator.channels=[3]",
        "network.generator.mapped=3", "network.discriminator.mapped=3", "network.discriminator.channels=[3,4]",
        "network.discriminator.hidden=[5]", "evaluation.samples=60",
    ],
    "lsgan_cifar10": [*FEW, "data.size=8", *NARROW, "evaluation.samples=60", "evaluation.splits=2"],
    "lsgan_gradients": [*FEW, "data.size=8", *NARROW, "evaluation.samples=60"],
    "lsgan_small_variability": [
        *FEW, "data.size=8", "data.per_class=20", *NARROW, "network.discriminator.hidden=[5]", "evaluation.samples=60",
    ],
    "lsgan_ring": [
        *FEW, "population=1", "latent.z.dim=4", "network.generator.hidden=[6]", "network.discriminator.hidden=[6]",
        "evaluation.samples=200", "evaluation.w1_points=100", "evaluation.moments=[2]",
    ],
    "dcgan_lsun": [*FEW, "data.size=8", *NARROW, "network.discriminator.strides=[2,2]", "evaluation.samples=60"],
    "dcgan_mnist_conditional": [
        *FEW, *WEIGHTS, "data.size=8", "latent.z.dim=4", "network.generator.hidden=[6]", "network.generator.first=4",
        "network.generator.channels=[3]", "network.discriminator.hidden=[6]", "network.discriminator.channels=[3,4]",
        "evaluation.samples=60",
    ],
    "dcgan_cifar10_features": [
        *FEW, "data.size=8", *NARROW, "network.discriminator.strides=[2,2]", "evaluation.samples=60", *FEATURES,
    ],
    "dcgan_svhn_features": [
        *FEW, "data.size=8", *NARROW, "network.discriminator.strides=[2,2]", "evaluation.samples=60", *FEATURES,
        "evaluation.supervised_trials=1",
    ],
    "lsun_dedup": ["updates=2", "seeds=[0]", "data.size=8", "model.planted=20", "model.batch=20"],
    "lsgan_theory": ["model.toys=2", "seeds=[0]"],
    "lsgan_calibration": ["data.size=8", "model.samples=60", "model.draws=2", "seeds=[0]"],
}  # fmt: skip
# Which parts of a study's configuration hold leaves of its own.
PARTS = ("model", "data", "network", "latent", "evaluation")
PARTS_OF = {
    "tgan_pixelcnn": ("model",), "tgan_mnist": ("model", "network", "latent"),
    "tgan_fashion_mnist": ("model", "network", "latent"),
    "tgan_cifar10": ("network",),
    "lsgan_scenes": ("network", "loss"), "lsgan_hwdb": ("model", "network", "latent", "evaluation"),
    "lsgan_cifar10": ("evaluation",), "lsgan_gradients": ("evaluation",),
    "lsgan_small_variability": ("data", "network"), "lsgan_calibration": ("model",),
    "dcgan_lsun": ("model", "network", "evaluation"), "lsun_dedup": ("model",),
    "dcgan_mnist_conditional": ("model", "network", "latent", "evaluation"),
    "dcgan_cifar10_features": ("evaluation",), "dcgan_svhn_features": ("evaluation",),
}  # fmt: skip
# These are walked in a study; gan_mnist, with which all others are, could not use them.
IN_STUDIES = (
    ("model", "theory"), ("model", "lsgan_theory"), ("model", "calibration"), ("model", "lsgan_conditional"),
    ("data", "mixture"), ("data", "ring"), ("data", "ring_metz"), ("latent", "lsgan_labelled"), ("loss", "ebgan"),
    ("network", "points"), ("network", "ring"), ("network", "lsgan"), ("network", "dcgan"), ("model", "dedup"),
    ("model", "dcgan_conditional"), ("latent", "dcgan_labelled"), ("data", "blobs"), ("network", "tgan"),
    ("network", "toy"), *(("model", name) for name in ("deligan", "acgan", "acgan_shared", "tgan", "pixelcnn")),
    *((group, "tgan_pixelcnn") for group in ("network", "latent", "optimizer")),
    *(("latent", name) for name in ("tgan", "tgan_cifar10", "tgan_toy")),
)  # fmt: skip

CHANGED: dict[str, Any] = {
    "generator_steps": 2, "data.means": [[-1.0], [0.5]], "data.stds": [0.6, 0.5], "data.weights": [0.6, 0.6],
    "network.generator.activation": "relu", "network.discriminator.activation": "relu",
    "network.discriminator.hidden": [7], "evaluation.latents": 8, "evaluation.low": -3.0, "evaluation.high": 3.0,
    "evaluation.points": 300, "model.toys": 3, "model.symbols": 4, "model.atoms": 32,
    "study": "other", "paper": "other", "seeds": [1], "updates": 3, "batch_size": 7, "update": "d_then_g", "k": 2,
    "z": "fresh", "weight.generator": 2.0, "weight.discriminator": 2.0, "tick": 2, "evaluate_every": 2,
    "evaluation.samples": 50, "evaluation.sigma_images": 9, "evaluation.test_images": 9, "evaluation.lines": 3,
    "evaluation.sigmas": [0.2, 0.3, 2], "evaluation.line_steps": 4, "evaluation.probe_images": 21,
    "data.size": 9, "data.value_range": [-1.0, 1.0], "data.stand_in_for": "something",
    "data.scaling": "gcn", "data.folds": 3,
    "latent.z.dim": 5, "latent.z.half_width": 5.0, "latent.z.std": 5.0,
    "network.generator.hidden": [7], "network.generator.init_range": 0.3, "network.generator.output_bias": "zero",
    "network.generator.output_init_range": 0.3, "network.generator.sigmoid_bias": 1.0,
    "network.generator.sparse_init": 2, "network.generator.max_norm": 1.0, "network.generator.added": [6, 5],
    "network.generator.channels": 3, "network.discriminator.channels": [2, 3, 3],
    "network.discriminator.channel_pieces": 3, "network.discriminator.max_norm": 0.3,
    "network.discriminator.units": [4], "network.discriminator.pieces": 3, "network.discriminator.init_range": 0.3,
    "network.discriminator.keep_input": 0.4, "network.discriminator.keep_hidden": 0.4,
    "optimizer.lr": 0.7, "optimizer.momentum": 0.9, "optimizer.betas": [0.1, 0.2], "optimizer.eps": 0.1,
    "optimizer.schedules.lr.factor": 3.0, "optimizer.schedules.lr.floor": 5.0,
    "optimizer.schedules.momentum.end": 0.99, "optimizer.schedules.momentum.last_epoch": 2,
    "trainer.precision": "64-true", "lr_g": 0.7, "lr_d": 0.7,
    "optimizer.alpha": 0.5, "loss.fake": -0.5, "loss.real": 0.7, "loss.target": 0.3, "loss.reduction": "sum",
    "loss.margin": 0.1, "network.generator.first": 5, "network.generator.kernel": 3, "network.generator.norm": "none",
    "network.generator.norm_std": 0.5, "network.generator.norm_units": False, "network.generator.weight_std": 0.3,
    "network.generator.output": "sigmoid", "network.generator.condition": "none", "network.generator.mapped": 2,
    "network.generator.gain": 0.5, "network.discriminator.kernel": 3, "network.discriminator.norm": "none",
    "network.discriminator.norm_std": 0.5, "network.discriminator.weight_std": 0.3,
    "network.discriminator.condition": "none", "network.discriminator.mapped": 2, "network.discriminator.gain": 0.5,
    "network.discriminator.input_scale": 0.5,
    "data.per_class": 21, "data.rotation": 5.0, "data.modes": 7, "data.radius": 1.5, "data.std": 0.02,
    "data.duplicate_first_mode": True, "model.samples": 50, "model.draws": 3, "evaluation.w1_points": 90,
    "evaluation.moments": [1], "evaluation.splits": 3,
    "network.generator.eps": 0.1, "network.discriminator.eps": 0.1, "network.generator.running": True,
    "network.discriminator.running": True, "network.generator.sampling": "pooling",
    "network.discriminator.sampling": "pooling", "network.discriminator.strides": [1, 2],
    "optimizer.weight_decay": 0.1, "optimizer.schedules.lr.held": 1, "optimizer.schedules.lr.over": 2,
    "evaluation.per_class": 3, "evaluation.tuning_draws": 2, "evaluation.draws": 3, "evaluation.train_images": 90,
    "evaluation.supervised_trials": 2, "model.code": 64, "model.noise": 2.0, "model.keep": 0.9,
    "model.told": False, "model.levels": 16, "model.filters": 5, "model.kernels": [5], "model.hidden": 5,
    "model.tested": 30, "model.penalty": 0.5, "model.class_weight.generator": 0.5, "model.class_weight.real": 0.5,
    "model.class_weight.fake": 0.5, "latent.component.count": 5, "latent.component.pick": "random",
    "latent.noise.dim": 4, "latent.noise.df": 5.0, "latent.noise.std": 0.5, "latent.codeword.dim": 3,
    "latent.codeword.std": 0.5, "network.generator.components": 6, "network.generator.scale": "full",
    "network.generator.scale_init": 0.5, "network.generator.scale_signs": True, "network.generator.codeword": 1,
    "network.generator.code": "scaled", "network.generator.kernel_sizes": [3, 5],
    "network.discriminator.kernel_sizes": [3, 5], "network.discriminator.kernels": 2,
    "network.discriminator.kernel_dim": 3, "network.discriminator.keep": 0.9, "network.discriminator.noise": 0.5,
    "evaluation.pairing": "all", "data.images": 200, "data.points": 90,
    "model.weight_std": 0.1, "model.lr": 0.01, "model.batch": 30, "model.planted": 10,
}  # fmt: skip
# Where the change above is no change, or of another type.
CHANGED_IN: dict[str, dict[str, Any]] = {
    "tgan_mnist": {
        "network.generator.channels": [30, 31],
        "network.discriminator.channels": [3, 5],
        "network.generator.first": 201,
        "network.generator.kernel": 6,
    },
    "tgan_digits": {"network.generator.channels": [5], "network.discriminator.channels": [3, 5]},
    "tgan_cifar10": {
        "network.generator.channels": [5],
        "network.discriminator.channels": [5],
        "network.generator.kernel": 5,
        "network.generator.scale_signs": False,
        "network.generator.running": False,
    },
    "lsgan_stability": {"data.value_range": [0.0, 1.0]},
    "lsgan_small_variability": {"data.value_range": [0.0, 1.0]},
    "dcgan_lsun": {"network.generator.activation": "tanh"},
    "dcgan_cifar10_features": {"evaluation.test_images": 50},
}
CONVOLUTIONS = {"network.generator.channels": [5], "network.generator.strides": [1, 2]}
CONVOLUTIONS |= {"network.discriminator.channels": [3, 5]}

EXEMPT = {
    "labels.fake": "the loss takes it; test_cells, and loss.fake above",
    "labels.real": "as labels.fake",
    "reduction": "as labels.fake",
    "penalty": "the model takes it; model.penalty above",
    "labels.target": "as labels.fake",
    "population": "test_population",
    "evaluation.data": "test_feature_evaluation judges on other images",
    "evaluation.data.size": "of the images that teach the scorer; must be the data's, test_class_diversity",
    "evaluation.data.value_range": "as evaluation.data.size",
    "evaluation.data.images": "test_class_diversity has another scorer",
    "evaluation.data.pick": "as data.pick",
    "evaluation.data.stand_in_for": "a name; test_class_diversity",
    "data.pick": "only with data.images; test_few",
    "evaluation.scorers": "where, not what; test_scorers",
    "model.accelerator": "as trainer.accelerator",
    "model.scorers": "where, not what; test_scorers",
    "about": "a line for people",
    "input": "test_inputs",
    "scale": "chooses files; test_cells composes every scale",
    "variant": "chooses files; test_cells and test_adversarial have both",
    "runs": "where, not what; test_train trains in two places",
    "workers": "how many cells at once; test_cli compares one with two",
    "rerun": "test_train: rerun=stale",
    "resume": "test_cli: resume",
    "keep": "test_train: keep=weights",
    "plan": "test_cli: plan",
    "debug": "test_cli: traceback",
    "budget": "test_cli: shown by the plan",
    "checkpoint_every": "changes how much a kill costs, no result; test_recorder",
    "threads": "last bits of large layers only; test_recorder sees it set",
    "evaluation.batch": "memory only, test_evaluation; but for batch norm by the batch, test_dcgan_networks",
    "optimizer.fused": "the same to rounding; test_recorder sees it reach the optimizer",
    "trainer.accelerator": "needs the hardware; test_cli has the refusal",
    "logger.project": "test_loggers",
    "logger.offline": "test_loggers",
}

NEEDS_FILES = (
    "mnist",
    "fashion_mnist",
    "cifar10",
    "svhn",
    "image_folder",
    "tfd",
    "handwritten/workstation",
    "handwritten/paper",
    "tfd/workstation",
    "tfd/paper",
    "colour/workstation",
    "colour/paper",
    "lsun",
    "hwdb",
    "scenes/workstation",
    "stability/workstation",
    "stability/paper",
    "characters/workstation",
    "cifar10_pm1/workstation",
    "cifar10_pm1/paper",
    "face_crops/workstation",
    "face_crops/paper",
    "bedrooms/workstation",
    "bedrooms/paper",
    "bedrooms_all/workstation",
    "bedrooms_all/paper",
    "imagenet32/workstation",
    "imagenet32/paper",
    "svhn_pm1/workstation",
    "svhn_pm1/paper",
    *(
        f"{name}/{scale}"
        for name in (
            "mnist_pm1",
            "mnist_500",
            "fashion_pm1",
            "fashion_500",
            "cifar10_classes",
            "cifar10_2000",
            "digits_or_mnist",
            "digits_or_mnist_500",
        )
        for scale in ("workstation", "paper")
    ),
)


def options() -> list[tuple[str, str]]:
    """Every (group, option) that can be chosen without a GPU or files on disk; tests/data walks the latter."""
    found = []
    for group in GROUPS:
        for path in sorted((CONF / group).rglob("*.yaml")):
            if path.stem in ("workstation", "paper") and not yaml.safe_load(path.read_text()).keys() - {"defaults"}:
                continue  # another name of an option that is walked
            name = str(path.relative_to(CONF / group).with_suffix(""))
            family = name.replace("/", "_").partition("_")[0] if group == "network" else name.partition("/")[0]
            if (group, family) in (("trainer", "cuda"), ("trainer", "ddp"), *IN_STUDIES):  # test_ddp has the latter
                continue
            if group != "data" or name not in NEEDS_FILES:
                found.append((group, name))
    return found


@cache
def leaves() -> list[tuple[str, str, str]]:
    """(group, option, leaf) for the leaves of each option, and the top-level keys once.

    Options and studies that set the same arguments of the same class share its leaves, which are walked in the first.
    """
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    with hydra_at(CONF):
        for group, option in options():
            config = cell_of([*plain(group), f"{group}={option}"], {}).config
            for leaf, target in targets({group: config[group]}).items():
                found.setdefault((leaf, target), (group, option, leaf))
        config = cell_of(TINY, {}).config
        rest = {key: value for key, value in config.items() if key not in GROUPS}
        for leaf, target in targets(rest).items():
            found.setdefault((leaf, target), ("top", "", leaf))
        for study, words in STUDIES.items():
            config = cell_of([f"experiment={study}", *words], {}).config
            parts = {part: config[part] for part in PARTS_OF.get(study, PARTS) if config.get(part)}
            for leaf, target in targets(parts).items():
                found.setdefault((leaf, target), ("experiment", study, leaf))
    return list(found.values())


def targets(config: dict[str, Any], prefix: str = "", outer: str = "") -> dict[str, str]:
    """Each leaf with the class that takes it, or "" at the top."""
    own = config.get("_target_", outer)
    found: dict[str, str] = {}
    for name, value in config.items():
        found |= targets(value, f"{prefix}{name}.", own) if isinstance(value, dict) else {prefix + name: own}
    return found


def plain(group: str) -> list[str]:
    """TINY without the words that only one option of `group` understands."""
    return [word for word in TINY if not word.startswith(f"{group}.")]


def words_of(group: str, option: str) -> list[str]:
    """TINY with the option chosen, and what of TINY's words for that group the option understands."""
    if group == "experiment":
        config = (CONF / "experiment" / f"{option}.yaml").read_text()
        part = "evaluation" if "scorers:" in config else "model" if option == "lsgan_calibration" else None
        return [f"experiment={option}", *STUDIES[option], *[f"{part}.scorers={SCORERS}"] * (part is not None)]
    chosen = [] if group == "top" else [f"{group}={option}"]
    return [*chosen, *TINY, *ALSO.get(f"{group}={option.split('/')[0]}", [])]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...]], Any]:
    """What two updates leave behind: weights, rows, recorded numbers; or the UserError."""

    @cache
    def run(words: tuple[str, ...]) -> Any:
        runs = tmp_path_factory.mktemp("runs")
        try:
            with hydra_at(CONF):
                cell = cell_of([*words, f"runs={runs}"], {})
            return result(cell)
        except UserError as error:
            return f"raises: {error}"

    return run


def result(cell: Cell) -> Any:
    (check_measurement if is_measurement(cell.config) else check_fit)(cell)  # as the command line does at first
    folder = folder_of(cell)
    said: list[str] = []
    train_cell(cell, folder, {}, said.append)
    run = RunFolder(folder / f"seed={cell.seeds[0]}")
    if said:
        return f"raises: {said}"
    networks = {} if is_measurement(cell.config) else read_checkpoint(run.all_checkpoints()[0])["networks"]
    weights = {f"{name}.{key}": value for name, state in networks.items() for key, value in state.items()}
    record = {key: run.record.get(key) for key in ("study", "paper", "data", "metrics", "status")}
    arrays = {path.name: path.read_bytes() for path in run.artifacts.glob("*")}
    return weights, run.rows(), json.dumps(record), arrays


def differ(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return bool(one != other)
    same = one[0].keys() == other[0].keys() and all(torch.equal(one[0][key], other[0][key]) for key in one[0])
    return not same or one[1:] != other[1:]


@pytest.mark.parametrize(("group", "option", "leaf"), leaves())
def test_every_leaf_does_something(
    group: str, option: str, leaf: str, outcome: Callable[[tuple[str, ...]], Any]
) -> None:
    if leaf in EXEMPT:
        assert leaf not in CHANGED
        return
    changed = CHANGED | (CONVOLUTIONS if option.startswith(("lsgan", "dcgan")) else {}) | CHANGED_IN.get(option, {})
    value = "ganrepro.nothing.Here" if leaf.endswith("_target_") else changed[leaf]
    base = words_of(group, option)
    before, after = outcome(tuple(base)), outcome((*base, f"{leaf}={schema.shown(value)}"))
    assert not isinstance(before, str), before
    assert differ(before, after)


def test_the_walk_repeats_itself_exactly(outcome: Callable[[tuple[str, ...]], Any]) -> None:
    """Without this, any noise would pass for an effect."""
    assert not differ(outcome(tuple(TINY)), outcome((*TINY, "debug=false")))


def test_the_tables_name_no_leaf_that_is_gone() -> None:
    known = {leaf for _, _, leaf in leaves()}
    assert not (set(CHANGED) | set(EXEMPT)) - known
