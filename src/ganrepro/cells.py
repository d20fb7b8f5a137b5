"""From a command line to cells: the configuration of each, and how it differs from its study's own.

With overrides.py, cli.py and train.py, the only place that knows Hydra.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganrepro import schema
from ganrepro.errors import UserError
from ganrepro.overrides import as_shown, parse, plain_words, refuse, split_values

FRAME = ("experiment", "scale", "variant")  # what a study, not a cell, is chosen by

# Keys that change no result: not part of a run's address. `updates` is one because a longer run begins as the
# shorter one; where a schedule reads ${updates}, its own key carries the number into the address.
NOT_IDENTITY = frozenset(
    [
        "about",
        "budget",
        "checkpoint_every",
        "debug",
        "keep",
        "labels",  # the loss's own keys hold them
        "reduction",
        "penalty",  # the model's own key holds it
        "logger",
        "plan",
        "rerun",
        "resume",
        "runs",
        "seeds",
        "updates",
        "workers",
        "data.root",
        "data.folder",  # the fingerprint says what lies there
        "data.train_folder",
        "data.test_folder",
        "data.download",
        "data.index",
        "evaluation.data.root",
        "evaluation.data.folder",
        "evaluation.data.download",
        "evaluation.data.index",
        "evaluation.scorers",
        "model.scorers",
        "trainer.accelerator",
        "model.accelerator",  # the kind of device is in the address
        "trainer.devices",  # and so is how many there were
    ]
)


SHOWN = ("updates", "data.folder", "trainer.devices")  # in a label all the same


@dataclass(frozen=True)
class Cell:
    """One point of a grid, one Hydra job.

    config: resolved, plain containers. typed: what a sweep varied, as typed. coordinates: its place in the study's
    own grid. departures: how it differs from what the study says at this scale and variant; such a cell never
    enters the study's table.
    """

    config: dict[str, Any]
    typed: dict[str, str]
    coordinates: dict[str, str]
    departures: dict[str, str]
    study_updates: int  # of all seeds of all cells of the study, as it stands: what its `budget` is for
    input: "Cell | None" = None  # the cell whose runs this one's go on from, seed by seed

    @property
    def label(self) -> str:
        """The scale, with the departures: "laptop (data=mnist, updates=9)"."""
        items = ", ".join(f"{key}={value}" for key, value in self.departures.items())
        return self.config["scale"] + (f" ({items})" if items else "")

    @property
    def name(self) -> str:
        """The readable half of the folder's name."""
        kept = {key: value for key, value in self.departures.items() if key not in NOT_IDENTITY}
        if folder := self.departures.get("data.folder"):
            kept["data.folder"] = Path(folder).name
        items = [f"{key}={value}" for key, value in (self.coordinates | kept).items()]
        if self.config["variant"] != "authors_code":
            items.insert(0, self.config["variant"])
        short = [
            item for item, length in zip(items, accumulate(len(item) + 1 for item in items), strict=True) if length < 90
        ]
        short += [f"and_{len(items) - len(short)}_more"] * (len(short) < len(items))
        return re.sub(r"[^\w.=,+\[\]-]+", "_", ",".join(short)) or "default"

    @property
    def seeds(self) -> list[int]:
        return seed_list(self.config["seeds"])

    def identity(self) -> dict[str, Any]:
        """The leaves that change results."""
        leaves = schema.flatten(self.config)
        return {key: value for key, value in leaves.items() if not exempt(key) and not neutral(key, value)}


def seed_list(seeds: int | list[int]) -> list[int]:
    """seeds=3 is [0, 1, 2]."""
    return list(range(seeds)) if isinstance(seeds, int) else list(seeds)


def neutral(key: str, value: Any) -> bool:
    """Whether a leaf's value does nothing, so that a key added later leaves the addresses of older runs alone."""
    entry = schema.key_of(key)
    return entry is not None and entry.neutral is not ... and value == entry.neutral


def exempt(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in NOT_IDENTITY)


@contextmanager
def hydra_at(conf: Path) -> Iterator[None]:
    """Hydra ready to compose from the folder `conf`; forgotten afterwards."""
    with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        try:
            yield
        finally:
            _own.cache_clear()


def cells_of(overrides: Sequence[str], sweep: bool) -> list[Cell]:
    """The cells of a command, all composed and checked. Needs `hydra_at`, or a Hydra job around it.

    Raises UserError for an unknown study, option or key, a wrong type or range, and sweeps that cannot be.
    """
    typed = parse(overrides)
    for override in typed:
        refuse(override, sweep)
    if sweep:
        frame = [o for o in typed if o.key_or_group in FRAME and not o.is_sweep_override()]
        grid = _composed(tuple(str(o.input_line) for o in frame), whole=False)[1]
        jobs = BasicSweeper.split_arguments(parse([f"{k}={v}" for k, v in grid.items()]) + typed, None)[0]
    else:
        jobs = [list(overrides)]
    values = [dict(override.split("=", 1) for override in job if "=" in override) for job in jobs]
    varied = {
        key for first, other in itertools.product(values[:1], values) for key in other if other[key] != first[key]
    }
    return [
        cell_of(job, {key: value for key, value in value_of.items() if key in varied})
        for job, value_of in zip(jobs, values, strict=True)
    ]


def cell_of(overrides: Sequence[str], typed: Mapping[str, str]) -> Cell:
    """One cell, composed and checked."""
    config, _, choices = _composed(tuple(overrides))
    if config.get("study") is None:
        raise UserError("No study chosen: add experiment=<name>. `python run.py` lists them.")
    config = schema.checked(config)
    frame = tuple(f"{group}={choices[group]}" for group in FRAME)
    known = known_variants(choices["experiment"])
    if config["variant"] not in known:
        raise UserError(
            f"experiment={choices['experiment']} has no variant {config['variant']}; it has {', '.join(known)}."
        )
    own, own_grid, _ = _own(frame)
    refuse_idle(overrides, config, own, choices)
    grid = {axis: [as_shown(axis, value) for value in split_values(str(values))] for axis, values in own_grid.items()}
    differences = dict(_differences(config, choices, frame))
    coordinates = {axis: differences.get(axis) or _shown_choice(axis, config, choices) for axis in grid}
    departures = {key: value for key, value in differences.items() if value not in grid.get(key, ())}
    study_updates = own["updates"] * len(seed_list(own["seeds"])) * math.prod(map(len, grid.values()))
    return Cell(config, dict(typed), coordinates, departures, study_updates, input_of(config, departures))


def refuse_idle(
    overrides: Sequence[str], config: Mapping[str, Any], own: Mapping[str, Any], choices: Mapping[str, str]
) -> None:
    """UserError where nothing takes what was chosen or typed: an ablation, or a penalty, of a model without such parts.

    Of the other groups that change one thing, factor and guideline, `build` says which class lacks it.
    """
    if (ablation := choices["ablation"]) != "base":
        plain = tuple(word for word in overrides if not word.startswith("ablation="))
        if _own(plain)[2]["model"] != "tgan":
            raise UserError(f"ablation={ablation} changes one thing of t-GAN: it goes with model=tgan alone.")
    if config["penalty"] != own["penalty"] and "penalty" not in (config["model"] or {}):
        raise UserError(
            f"penalty={schema.shown(config['penalty'])} does nothing with model={choices['model']}: it goes "
            "with model=deligan and model=tgan."
        )


def input_of(config: dict[str, Any], departures: Mapping[str, str]) -> Cell | None:
    """The cell that `input` names: its study's own at the same scale and variant, but for what both must share.

    That is the data, the latent, the machine, and every setting of the networks that both have. Its departures are
    what one types to make it.
    """
    if not config["input"]:
        return None
    own = cell_of([f"experiment={config['input']['study']}", *(f"{key}={config[key]}" for key in FRAME[1:])], {})
    shared = {key: config[key] for key in ("data", "latent", "trainer", "threads", "runs")}
    network = _overlaid(own.config["network"], config["network"])
    taken = {
        key: value for key, value in departures.items() if key.split(".")[0] in ("data", "latent", "threads", "trainer")
    }
    mine, theirs = schema.flatten({"network": network}), schema.flatten({"network": own.config["network"]})
    taken |= {key: schema.shown(value) for key, value in mine.items() if value != theirs[key]}
    return replace(own, config={**own.config, **shared, "network": network}, departures=taken)


def _overlaid(own: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """`own` with the values of `other` where both have one; classes stay."""
    return {
        key: _overlaid(value, other.get(key, {}))
        if isinstance(value, dict)
        else (value if key == "_target_" else other.get(key, value))
        for key, value in own.items()
    }


def _differences(
    config: dict[str, Any], choices: Mapping[str, str], frame: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """What differs from the study's own configuration: first whole options, then single values."""
    own, grid, own_choices = _own(frame)
    taken: tuple[str, ...] = ()
    chosen = {
        group: choice
        for group, choice in choices.items()
        if choice != own_choices.get(group, choice) and group not in FRAME and not group.startswith("hydra")
    }
    # The grid's axes first: what an axis chooses in other groups, as model= does in t-GAN's studies, is no departure.
    chosen = dict(sorted(chosen.items(), key=lambda item: item[0] not in grid))
    while chosen:  # again after each, because labels=as_shipped does nothing until norm and optimizer are taken
        for group, choice in chosen.items():
            other = _own((*frame, *taken, f"{group}={choice}"))[0]
            if _telling(other) != _telling(own):
                break  # norm and labels change keys of other groups
        else:
            break
        del chosen[group]
        taken, own = (*taken, f"{group}={choice}"), other
        yield group, choice
    mine, theirs = schema.flatten(config), schema.flatten(own)
    for key in sorted(mine.keys() | theirs.keys()):
        if mine.get(key) != theirs.get(key) and (key in SHOWN or not exempt(key)):
            yield key, schema.shown(mine.get(key))


def _telling(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.flatten(config).items() if not exempt(key)}


def _shown_choice(axis: str, config: dict[str, Any], choices: Mapping[str, str]) -> str:
    return choices[axis] if axis in choices else schema.shown(schema.flatten(config).get(axis))


def known_variants(experiment: str) -> list[str]:
    """authors_code, and those the study has a file for."""
    loader = GlobalHydra.instance().config_loader()
    others = (
        loader.get_group_options("variant_of/" + experiment) if experiment in loader.list_groups("variant_of") else []
    )
    return ["authors_code", *others]


def _composed(overrides: tuple[str, ...], whole: bool = True) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """(resolved configuration, the study's grid, option chosen in each group). whole: nothing may be missing."""
    config = composed(overrides)
    try:
        choices = dict(config.hydra.runtime.choices)
        grid = OmegaConf.to_container(config.hydra.sweeper.get("params") or OmegaConf.create({}))
        plain = {key: config._get_node(key) for key in config if key != "hydra"}  # hydra: holds what only a job has
        resolved = OmegaConf.to_container(OmegaConf.create(plain), resolve=True, throw_on_missing=whole)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(plain_words(error)) from None
    return resolved, dict(grid), choices  # type: ignore[return-value, arg-type]


def composed(overrides: Sequence[str]) -> DictConfig:
    """The configuration with Hydra's own part, as Hydra has it. UserError where there is none."""
    try:
        return compose("config", list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(plain_words(error)) from None


@lru_cache(maxsize=256)
def _own(overrides: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """A study's own configuration; where an option has a value that must be given, it is still open."""
    return _composed(overrides, whole=False)
