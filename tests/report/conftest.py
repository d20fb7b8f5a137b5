"""Run folders planted as training would leave them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganrepro.report.claims import claims_for

CLAIMS = Path(__file__).parents[2] / "conf" / "claims"
SIDE = 8

Plant = Callable[..., Path]


def digits(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Bright strokes on black, uint8 [*shape, 1, 8, 8]."""
    return (rng.random((*shape, 1, SIDE, SIDE)) > 0.6).astype(np.uint8) * 220


def plant_run(
    root: Path,
    *,
    seed: int = 0,
    study: str = "gan_mnist",
    scale: str = "laptop",
    cell: str = "default-1a2b3c4d",
    final: dict[str, float] | None = None,
    best: dict[str, float] | None = None,
    status: str = "done",
    artifacts: bool = False,
    **record: Any,
) -> Path:
    """Writes one run folder under `root` and returns it. `record` replaces fields of result.json."""
    folder = root / study / scale / cell / f"seed={seed}"
    folder.mkdir(parents=True)
    updates = 2000 if status == "done" else 700
    metrics = {
        "monitor": "parzen/validation",
        "mode": "max",
        "final": {"generator_updates": updates, **(final or {})} if status == "done" else {},
        "best": {"generator_updates": 500, **(best or final or {})},
    }
    content = {
        "format": 1, "study": study, "paper": "gan", "scale": scale, "label": scale, "variant": "authors_code",
        "coordinates": {}, "departures": {}, "seed": seed, "status": status, "reason": None,
        "generator_updates": updates, "updates_wanted": 2000, "images_seen": updates * 100, "metrics": metrics,
        "speed": {"seconds": 61.2, "images_per_second": 3268.0, "samples_per_second": 51000.0 + seed},
        "data": {"name": "digits", "shape": [1, 8, 8], "train": 1197, "stand_in_for": "MNIST"},
        "hardware": {"device": "cpu", "name": "A CPU", "cores": 2}, "threads": 1, "versions": {"torch": "2.15.0"},
        "commit": "abc1234", "dirty": False, "source_digest": "0123abcd", "claims": claims_for(study, CLAIMS),
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(content | record))
    rows = []
    for tick in range(1, updates // 50 + 1):
        row = {"generator_updates": tick * 50, "loss/discriminator": 0.6 + seed / 50, "loss/generator": 1 - tick / 99}
        row |= {"d_real": 0.7, "d_fake": 0.3}
        if tick % 5 == 0:
            row |= {"parzen/validation": -5e4 / tick**3 + 10 * seed, "parzen/test": -5e4 / tick**3 + 10 * seed - 5}
        rows.append(row)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rng = np.random.default_rng(seed)
    (folder / "samples").mkdir()
    grid = digits(rng, 8, 8)[:, :, 0].transpose(0, 2, 1, 3).reshape(8 * SIDE, 8 * SIDE)
    Image.fromarray(grid).save(folder / "samples" / f"updates={updates:07d}.png")
    if artifacts:
        (folder / "artifacts").mkdir()
        np.savez(folder / "artifacts" / "samples.npz", samples=digits(rng, 64))
        np.savez(folder / "artifacts" / "lines.npz", images=digits(rng, 2, 10))
        nearest = {"samples": digits(rng, 20), "neighbours": digits(rng, 4), "distances": np.ones(4)}
        np.savez(folder / "artifacts" / "nearest.npz", **nearest)
    if status in ("done", "diverged"):
        (folder / "DONE").touch()
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def plant(root: Path) -> Plant:
    """`plant(seed=0, final={...}, status="done", ...)` under `root`."""
    return lambda **given: plant_run(root, **given)


@pytest.fixture
def claims_dir() -> Path:
    return CLAIMS
