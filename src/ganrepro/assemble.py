"""From a cell's configuration to its pieces, and whether they fit; where its runs lie."""

import json
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from ganrepro import loggers
from ganrepro.adversarial import AdversarialModule, evaluating
from ganrepro.build import build, locate
from ganrepro.cells import Cell
from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.latents import Latent
from ganrepro.networks.layers import initialised
from ganrepro.provenance import address_hash

CRITICS = ("discriminator",)


def device_of(accelerator: str) -> str:
    """ "cpu", "cuda" or "mps"; UserError when the one asked for is absent."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if accelerator == "auto":
        return "cuda" if present["cuda"] else "cpu"
    if not present[accelerator]:
        raise UserError(f"trainer.accelerator={accelerator}: there is none here; trainer=auto takes what there is.")
    return accelerator


def data_of(cell: Cell) -> ImageData:
    """The cell's data, read once a process."""
    return _read(json.dumps(cell.config["data"], sort_keys=True))


@lru_cache(maxsize=4)
def _read(node: str) -> ImageData:
    return build(json.loads(node))


def folder_of(cell: Cell) -> Path:
    """runs/<study>/<scale>/<choices>-<hash8>: found by its hash, so that a new name for a choice loses nothing."""
    address = address_hash(identity_of(cell))
    parent = Path(cell.config["runs"]) / cell.config["study"] / cell.config["scale"]
    return next(parent.glob(f"*-{address}"), parent / f"{cell.name}-{address}")


def identity_of(cell: Cell) -> dict[str, Any]:
    """All that changes results: the configuration's leaves, the data's fingerprint, the kind of device."""
    device = device_of(cell.config["trainer"]["accelerator"])
    return {**cell.identity(), "data.fingerprint": data_of(cell).fingerprint, "device": device}


def module_of(
    config: dict[str, Any], shape: tuple[int, int, int], seed: int, pixel_mean: torch.Tensor | None = None
) -> AdversarialModule:
    """The paper's module with freshly drawn networks for images of `shape` (channels, height, width)."""
    latent = Latent(**build(config["latent"]))
    given: dict[str, dict[str, Any]] = {
        "generator": {"latent_dim": latent.dim, "shape": shape, "pixel_mean": pixel_mean},
        "discriminator": {"shape": shape},
    }
    networks = {
        name: initialised(partial(build, node, **given[name]), seed, name) for name, node in config["network"].items()
    }
    optimizer = {key: value for key, value in config["optimizer"].items() if key != "schedules"}
    return locate(config["model"]["_target_"])(
        players={name: network for name, network in networks.items() if name not in CRITICS},
        critics={name: networks[name] for name in CRITICS},
        latent=latent,
        loss=build(config["loss"]),
        make_optimizer=lambda parameters: build(optimizer, params=parameters),
        schedules=build(config["optimizer"].get("schedules", {})),
        seed=seed,
        **{key: config[key] for key in ("weight", "update", "k", "z", "batch_size", "tick", "updates")},
    )


def check_fit(cell: Cell) -> AdversarialModule:
    """Builds the cell as it will be trained and passes two images through; UserError where pieces do not fit."""
    data = data_of(cell)
    build(cell.config["evaluation"])
    loggers.check(cell.config["logger"])
    module = module_of(cell.config, data.shape, 0, data.pixel_mean())
    generator: Any = module.players["generator"]
    discriminator: Any = module.critics["discriminator"]
    if generator.value_range != data.value_range:
        raise UserError(
            f"The generator's images lie in {generator.value_range}, the data's in {data.value_range}: "
            f"set data.value_range={list(generator.value_range)}"
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
    images = module.sample(2)
    if tuple(images.shape[1:]) != data.shape:
        raise UserError(f"The generator makes images of {list(images.shape[1:])}, the data's are {list(data.shape)}.")
    with evaluating(module):
        outputs = module.discriminate(images)
    if module.loss.critic_output == "logit" and outputs.shape != (2,):
        raise UserError(f"The discriminator gives {list(outputs.shape[1:])} numbers an image; the loss needs one.")
    return module
