"""The network options as files: full width at workstation and paper scale, and stages that fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose
from omegaconf import OmegaConf

from ganrepro.build import build

SHAPES = {
    "tfd2014": (1, 48, 48),
    "tfd2014_stacked": (1, 48, 48),
    "cifar10_fc": (3, 32, 32),
    "cifar10_conv": (3, 32, 32),
}
# Parameters of G and D, by hand from the layers of fact sheet 1.4 to 1.6.
FIRST = 101 * 8000 + 8001 * 8000 + 8001 * 2304
COUNTS = {
    "tfd2014": (FIRST, 2305 * 6000 + 1201 * 6000 + 1201),
    "tfd2014_stacked": (101 * 8000 + 8001 * 100 + FIRST, 2305 * 6000 + 1201 * 6000 + 1201),
    "cifar10_fc": (101 * 8000 + 8001 * 8000 + 8001 * 3072, 3073 * 8000 + 1601 * 8000 + 1601),
    "cifar10_conv": (
        101 * 8000 + 8001 * 8000 + 80 * 3 * 25 + 3072,
        (3 * 64 + 1) * 64 + (32 * 64 + 1) * 64 + (32 * 25 + 1) * 384 + 4801 * 2500 + 501,
    ),
}
LIMITS = {"tfd2014": (1.9365, 1.9365), "tfd2014_stacked": (1.9365, 1.9365), "cifar10_fc": (None, None)}


def networks(option: str, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    config: Any = OmegaConf.to_container(compose("config", [f"network={option}"]).network)
    with torch.device("meta"):
        generator = build(config["generator"], latent_dim=100, shape=shape, pixel_mean=None)
        return generator, build(config["discriminator"], shape=shape)


@pytest.mark.parametrize("scale", ["", "/workstation", "/paper"])
@pytest.mark.parametrize("name", COUNTS)
def test_full_width(name: str, scale: str, conf: Path) -> None:
    built = networks(name + scale, SHAPES[name])
    assert tuple(sum(p.numel() for p in network.parameters()) for network in built) == COUNTS[name]
    limits = tuple(getattr(network, "max_norm", None) for network in built)
    assert limits == LIMITS.get(name, (None, None))


@pytest.mark.parametrize("name", COUNTS)
def test_laptop_is_narrow(name: str, conf: Path) -> None:
    built = networks(f"{name}/laptop", (1, 25, 25) if name.startswith("tfd") else (3, 32, 32))
    assert all(
        sum(p.numel() for p in network.parameters()) < full / 20
        for network, full in zip(built, COUNTS[name], strict=True)
    )


@pytest.mark.parametrize("scale", ["laptop", "workstation", "paper"])
def test_the_second_stage_takes_the_first(scale: str, conf: Path) -> None:
    first, _ = networks(f"tfd2014/{scale}", (1, 25, 25))
    second, _ = networks(f"tfd2014_stacked/{scale}", (1, 25, 25))
    second.load_input(first.state_dict())
