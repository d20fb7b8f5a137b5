"""From a cell's configuration to its pieces, and whether they fit; where its runs lie."""

import json
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from ganrepro import loggers
from ganrepro.adversarial import AdversarialModule
from ganrepro.build import build, locate
from ganrepro.cells import Cell
from ganrepro.errors import UserError, first_line
from ganrepro.latents import Latent
from ganrepro.modes import evaluating
from ganrepro.networks.layers import initialised
from ganrepro.provenance import address_hash
from ganrepro.rules import DiscriminatorEvery

CRITICS = ("discriminator",)


def device_of(accelerator: str) -> str:
    """ "cpu", "cuda" or "mps"; UserError when the one asked for is absent."""
    device = device_meant(accelerator)
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present[device]:
        raise UserError(f"trainer.accelerator={accelerator}: there is none here; trainer=auto takes what there is.")
    return device


def device_meant(accelerator: str) -> str:
    """ "cpu", "cuda" or "mps", whether or not it is here: a cluster's jobs run elsewhere."""
    if accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return accelerator


def ranks_of(trainer: dict[str, Any]) -> int:
    """How many processes train a seed together: one, but with trainer=ddp. UserError where so many cannot be here."""
    if "devices" not in trainer:
        return 1
    device, wanted = device_of(trainer["accelerator"]), trainer["devices"]
    gpus = torch.cuda.device_count() if device == "cuda" else 0
    if device == "mps":
        raise UserError("trainer=ddp goes with CUDA and, for trials, with the CPU.")
    if device == "cpu" and wanted is None:
        raise UserError(
            "trainer=ddp takes all GPUs of the machine, and there is none here; trainer.devices=2 tries it on the CPU."
        )
    if device == "cuda" and (wanted or 2) > gpus:
        raise UserError(
            f"trainer=ddp: there {'is' if gpus == 1 else 'are'} {gpus} GPU{'s' * (gpus != 1)} here, and "
            f"it needs {wanted or 'at least 2'}."
        )
    return wanted or gpus


def is_measurement(config: dict[str, Any]) -> bool:
    """Whether the study trains no networks: its model is called once a seed (ganrepro.measure)."""
    return not issubclass(locate(config["model"]["_target_"]), AdversarialModule)


def data_of(cell: Cell) -> Any:
    """The cell's data, read once a process; None for a study without, and UserError where that is told of some."""
    node = cell.config.get("data")
    if node and "_target_" not in node:
        raise UserError(
            f"{cell.config['study']} has no data: {', '.join(f'data.{key}' for key in node)} does nothing there."
        )
    return _read(json.dumps(node, sort_keys=True))


@lru_cache(maxsize=4)
def _read(node: str) -> Any:
    return build(json.loads(node))


def forget_data() -> None:
    """Frees what `data_of` has read."""
    _read.cache_clear()


def folder_of(cell: Cell) -> Path:
    """runs/<study>/<scale>/<choices>-<hash8>: found by its hash, so that a new name for a choice loses nothing."""
    address = address_hash(identity_of(cell))
    parent = Path(cell.config["runs"]) / cell.config["study"] / cell.config["scale"]
    return next(parent.glob(f"*-{address}"), parent / f"{cell.name}-{address}")


def identity_of(cell: Cell) -> dict[str, Any]:
    """All that changes results: the configuration's leaves, the data's fingerprint, the kind of device, the ranks."""
    found: dict[str, Any] = {"device": device_meant(cell.config["trainer"]["accelerator"])}
    if (ranks := ranks_of(cell.config["trainer"])) > 1:
        found["ranks"] = ranks
    if cell.config.get("data"):
        found["data.fingerprint"] = data_of(cell).fingerprint
    if judged := (cell.config.get("evaluation") or {}).get("data"):
        found["evaluation.data.fingerprint"] = _read(json.dumps(judged, sort_keys=True)).fingerprint
    if cell.input:
        found["input.address"] = address_hash(identity_of(cell.input))
    return cell.identity() | found


def module_of(
    config: dict[str, Any],
    shape: tuple[int, ...],
    seed: int,
    pixel_mean: torch.Tensor | None = None,
    classes: int = 0,
) -> AdversarialModule:
    """The paper's module with freshly drawn networks for images of `shape` (channels, height, width).

    classes: how many the data have, for networks and latents that are told the label.
    """
    latent = latent_of(config["latent"], classes)
    given: dict[str, dict[str, Any]] = {
        "generator": {"latent_dim": latent.dim, "shape": shape, "pixel_mean": pixel_mean},
        "discriminator": {"shape": shape},
    }
    networks = {}
    for name, node in config["network"].items():
        if getattr(locate(node["_target_"]), "conditional", False):
            given[name]["classes"] = classes
        networks[name] = initialised(partial(build, node, **given[name]), seed, name)
    return locate(config["model"]["_target_"])(
        players={name: network for name, network in networks.items() if name not in CRITICS},
        critics={name: networks[name] for name in CRITICS},
        latent=latent,
        loss=build(config["loss"]),
        make_optimizer=partial(optimizer_of, config),
        schedules=build(config["optimizer"].get("schedules", {})),
        seed=seed,
        choose=DiscriminatorEvery(config["generator_steps"]) if config["generator_steps"] > 1 else None,
        **{key: config[key] for key in ("weight", "update", "k", "z", "batch_size", "tick", "updates")},
        **{key: value for key, value in config["model"].items() if key != "_target_"},
    )


def latent_of(blocks: dict[str, Any], classes: int) -> Latent:
    """The latent of these blocks; the one named `label` has as many values as the data have classes."""
    given = {name: {"classes": classes} if name == "label" else {} for name in blocks}
    return Latent(**{name: build(node, **given[name]) for name, node in blocks.items()})


def optimizer_of(config: dict[str, Any], player: str, parameters: Any) -> torch.optim.Optimizer:
    """A player's optimizer: `lr_g` and `lr_d`, where they are set, stand for optimizer.lr."""
    settings = {key: value for key, value in config["optimizer"].items() if key != "schedules"}
    lr = config["lr_d" if player in CRITICS else "lr_g"]
    return build(settings if lr is None else {**settings, "lr": lr}, params=parameters)


def measurement_of(config: dict[str, Any], data: Any = None) -> Any:
    """The object that a study without networks of ours calls.

    It gets what it says it needs: the data it measures, the evaluation that scores its samples; or else the loss.
    """
    target, given = locate(config["model"]["_target_"]), {}
    needs_data, needs_evaluation = (getattr(target, f"needs_{group}", False) for group in ("data", "evaluation"))
    check_there(config, ["data"] * needs_data + ["evaluation"] * needs_evaluation)
    if needs_data:
        given["data"] = data
    if needs_evaluation:
        given["evaluation"] = build(config["evaluation"])
    elif config.get("loss"):
        given["loss"] = build(config["loss"])
    return build(config["model"], **given)


def check_there(config: dict[str, Any], groups: Sequence[str]) -> None:
    """UserError for a model that was put into a study without what it works with."""
    if lacking := [group for group in groups if not config.get(group)]:
        raise UserError(f"{config['study']} has no {', '.join(lacking)}, which this model needs.")


def check_measurement(cell: Cell) -> None:
    """UserError where the model cannot be built, or where a key was set that does nothing here."""
    check_told(cell)
    model = measurement_of(cell.config, data_of(cell))
    known = ["model", "loss", *["updates"] * getattr(model, "iterates", True), *["data"] * (data_of(cell) is not None)]
    known += ["evaluation", "batch_size", "threads"] * getattr(model, "needs_evaluation", False)
    for key in cell.departures:
        if key.split(".")[0] not in known:
            raise UserError(f"{cell.config['study']} trains no networks: {key} does nothing there.")


def classes_of(data: Any) -> int:
    """How many classes the data's labels tell apart."""
    return len(getattr(data, "classes", ()))


def in_words(value_range: tuple[float, float] | None) -> str:
    return str(value_range) if value_range else "no bounded range"


def remedy(value_range: tuple[float, float] | None) -> str:
    """What to type for data in a generator's range."""
    typed = f"[{value_range[0]:g},{value_range[1]:g}]" if value_range else ""
    return f"set data.value_range={typed}" if value_range else "set data.scaling=gcn data.value_range=null."


def check_told(cell: Cell) -> None:
    """UserError where samples are to be paired by the class that was asked for, and none is."""
    config = cell.config
    told = "label" in (config.get("latent") or {}) or config["model"].get("told", False)
    if not told and (config.get("evaluation") or {}).get("pairing") == "asked":
        raise UserError("evaluation.pairing=asked is for a generator that is told a class, and this one is not.")


def check_fit(cell: Cell) -> AdversarialModule:
    """Builds the cell as it will be trained and passes two images through; UserError where pieces do not fit."""
    check_there(cell.config, ("data", "network", "latent", "optimizer", "evaluation"))
    data = data_of(cell)
    check_told(cell)
    build(cell.config["evaluation"])
    loggers.check(cell.config["logger"])
    module = module_of(cell.config, data.shape, 0, data.pixel_mean(), classes_of(data))
    generator: Any = module.players["generator"]
    discriminator: Any = module.critics["discriminator"]
    if generator.value_range != data.value_range:
        raise UserError(
            f"The generator's images lie in {in_words(generator.value_range)}, the data's in "
            f"{in_words(data.value_range)}: {remedy(generator.value_range)}"
        )
    if discriminator.critic_output != module.loss.critic_output:
        raise UserError(
            f"{type(module.loss).__name__} needs a discriminator that gives a {module.loss.critic_output}; "
            f"{type(discriminator).__name__} gives a {discriminator.critic_output}."
        )
    optimizers = module.configure_optimizers()
    for setting in module.schedules:
        if any(setting not in optimizer.defaults for optimizer in optimizers):
            raise UserError(f"optimizer.schedules.{setting}: the optimizer has no {setting}.")
    try:
        images = module.sample(2)
        if tuple(images.shape[1:]) != data.shape:
            raise UserError(
                f"The generator makes images of {list(images.shape[1:])}, the data's are {list(data.shape)}."
            )
        with evaluating(module):
            outputs = module.discriminate(module.generate(module.latents(2, torch.Generator().manual_seed(0))))
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"These networks cannot be passed through: {first_line(error)}") from error
    if outputs.shape != (2,):
        raise UserError(f"The discriminator gives {list(outputs.shape[1:])} numbers an image; the loss needs one.")
    return module
