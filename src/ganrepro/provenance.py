"""Where a result comes from: sources, commit, versions, hardware, and the address of its configuration."""

import hashlib
import json
import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ganrepro.cells import Cell
from ganrepro.data import Data

SOURCES = Path(__file__).parent
PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "numpy",
    "scipy",
    "scikit-learn",
    "hydra-core",
)


def address_hash(identity: dict[str, Any]) -> str:
    """8 hex digits of all that changes results."""
    text = json.dumps(identity, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@lru_cache(maxsize=1)
def source_digest() -> str:
    """8 hex digits of every Python file of the package."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*.py")):
        digest.update(str(path.relative_to(SOURCES)).encode() + path.read_bytes())
    return digest.hexdigest()[:8]


@lru_cache(maxsize=1)
def commit() -> tuple[str | None, bool]:
    """(short hash, whether tracked files differ from it); (None, False) outside a git checkout."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(SOURCES), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return None, False


def hardware(device: str) -> dict[str, Any]:
    """The device's kind and name, and the machine's cores."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    if device == "cuda":
        name = torch.cuda.get_device_name()
    return {"device": device, "name": name, "cores": os.cpu_count()}


def provenance(
    cell: Cell, data: Data | None, identity: dict[str, Any], seed: int, claims: dict[str, str]
) -> dict[str, Any]:
    """The part of result.json that is known before training. `claims`: id -> hash of the claim as it now stands."""
    short, dirty = commit()
    config = cell.config
    return {
        "format": 1,
        **{key: config[key] for key in ("study", "paper", "scale", "variant", "threads")},
        "label": cell.label,
        "coordinates": cell.coordinates,
        "departures": cell.departures,
        "hash": address_hash(identity),
        "identity": identity,
        "seed": seed,
        "updates_wanted": config["updates"],
        "data": data.describe() if data else None,
        "hardware": hardware(identity["device"]),
        "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "commit": short,
        "dirty": dirty,
        "source_digest": source_digest(),
        "claims": claims,
    }
