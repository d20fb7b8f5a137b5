"""Run folders planted as training would leave them."""

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from planted_dcgan import plant_probe

from ganrepro.report.claims import claims_for

CLAIMS_DIR = Path(__file__).parents[2] / "conf" / "claims"
SIDE = 8
hashes = functools.cache(lambda study: claims_for(study, CLAIMS_DIR))  # reading them takes a tenth of a second


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
    channels: int = 1,
    rows: Sequence[Mapping[str, float]] | None = None,
    arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    samples: bool = True,
    probes: Mapping[str, dict[str, float]] | None = None,
    **record: Any,
) -> Path:
    """Writes one run folder under `root` and returns it. `record` replaces fields of result.json.

    rows: in place of those of a study that scores images; none leaves metrics.jsonl out. arrays: files of artifacts.
    probes: the metrics that each probe found.
    """
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
        "speed": {
            "seconds": 65.0,
            "train_seconds": 61.2,
            "images_per_second": 3268.0,
            "samples_per_second": 51000.0 + seed,
        },
        "data": {"name": "digits", "shape": [1, 8, 8], "train": 1197, "stand_in_for": "MNIST"},
        "hardware": {"device": "cpu", "name": "A CPU", "cores": 2}, "threads": 1, "versions": {"torch": "2.15.0"},
        "commit": "abc1234", "dirty": False, "source_digest": "0123abcd", "claims": hashes(study),
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(content | record))
    rows = image_rows(seed, updates) if rows is None else rows
    if rows:
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rng = np.random.default_rng(seed)
    if samples:
        (folder / "samples").mkdir()
        grid = digits(rng, 8, 8)[:, :, 0].transpose(0, 2, 1, 3).reshape(8 * SIDE, 8 * SIDE)
        Image.fromarray(grid).save(folder / "samples" / f"updates={updates:07d}.png")
    found = dict(arrays or {})
    if artifacts:
        found |= {"samples": {"samples": digits(rng, 64)}, "lines": {"images": digits(rng, 2, 10)}}
        nearest = {"samples": digits(rng, 20), "neighbours": digits(rng, 4)}
        found["nearest"] = {key: np.repeat(images, channels, axis=1) for key, images in nearest.items()}
    if found:
        (folder / "artifacts").mkdir()
    for name, content in found.items():
        np.savez(folder / "artifacts" / f"{name}.npz", **content)
    for probe, scalars in (probes or {}).items():
        plant_probe(folder, probe, scalars, [])
    if status in ("done", "diverged"):
        (folder / "DONE").touch()
    return folder


def image_rows(seed: int, updates: int) -> list[dict[str, float]]:
    """metrics.jsonl of a study that scores images."""
    rows = []
    for tick in range(1, updates // 50 + 1):
        row = {"generator_updates": tick * 50, "loss/discriminator": 0.6 + seed / 50, "loss/generator": 1 - tick / 99}
        row |= {"d_real": 0.7, "d_fake": 0.3}
        if tick % 5 == 0:
            row |= {"parzen/validation": -5e4 / tick**3 + 10 * seed, "parzen/test": -5e4 / tick**3 + 10 * seed - 5}
        rows.append(row)
    return rows


def line_gan(updates: int) -> dict[str, np.ndarray]:
    """What gan_1d leaves at a moment: a generator that closes in on the data's N(0, 1)."""
    x = np.linspace(-4, 4, 400)
    far = 2.5 / (1 + updates / 300)
    p, q = (np.exp(-0.5 * (x - mean) ** 2) / np.sqrt(2 * np.pi) for mean in (0, far))
    z = np.linspace(-0.98, 0.98, 25)
    return {"x": x, "p": p, "q": q, "d": p / (p + q) + 0.02 * np.sin(5 * x), "z": z, "g": far + 1.8 * z**3}


def toys(seed: int) -> dict[str, np.ndarray]:
    """theory.npz of a D that errs by 1e-4 at most."""
    rng = np.random.default_rng(seed)
    formula, jsd = rng.random(168), np.append(rng.random(20) * 0.5, 0)
    return {
        "d": formula + rng.uniform(-1e-4, 1e-4, 168),
        "d_formula": formula,
        "value": 2 * jsd - np.log(4),
        "jsd": jsd,
    }


FACES = {"name": "yaleB48", "stand_in_for": "TFD", "shape": [1, 8, 8]}
PHOTOGRAPHS = {"name": "patches", "stand_in_for": "CIFAR-10", "shape": [3, 8, 8]}


def plant_paper(root: Path, scale: str = "laptop", seeds: int = 3) -> None:
    """All studies of the 2014 paper but gan_cifar10_conv, at one scale."""
    for seed in range(seeds):
        parzen = {"parzen/test": 90.0 + seed, "parzen/test_se": 1.9, "parzen/sigma": 0.2, "parzen/test_images": 300}
        digits_run = {"recognised/random": 0.8, "recognised/lines": 0.79, "autocorrelation": 0.001, "copies": 0.01}
        same: dict[str, Any] = {"seed": seed, "scale": scale}
        plant_run(root, **same, final=parzen | digits_run, artifacts=True)
        folds = {"parzen/test": 900.0 + seed, "parzen/test_se": 26.0, "parzen/folds": 5}
        plant_run(root, **same, study="gan_tfd", final=parzen | folds, artifacts=True, data=FACES)
        plant_run(root, **same, study="gan_cifar10_fc", artifacts=True, channels=3, data=PHOTOGRAPHS)
        moments = {f"density-updates={n:07d}": line_gan(n) for n in range(100, 2001, 100)}
        rows = [
            {"generator_updates": n, "d_deviation": 0.3 / n + seed / 1e5, "js": 1 / n} for n in range(100, 2001, 100)
        ]
        plant_run(root, **same, study="gan_1d", rows=rows, arrays=moments, samples=False, data={"name": "mixture"})
        rows = [saturated(n, seed) for n in range(10, 2001, 10)]
        plant_run(root, **same, study="gan_saturation", rows=rows, samples=False)
        plant_theory(root, **same)
        for dose, diversity in ((1, 0.8), (5, 0.7), (25, 0.5), (125, 0.1)):
            place = {"cell": f"generator_steps={dose}-{dose:08d}", "coordinates": {"generator_steps": str(dose)}}
            plant_run(root, **same, study="gan_helvetica", final={"diversity": diversity + seed / 50}, **place)


def plant_theory(root: Path, **given: Any) -> Path:
    """A run of gan_theory: no training, no data, no rows, no samples."""
    errors = {"opt_d_error": 1e-4, "value_error": 1e-6, "minimum_error": 1e-9, "half_error": 1e-8}
    metrics = {"monitor": "value_error", "mode": "min", "final": errors, "best": errors}
    theory = {"theory": toys(given.get("seed", 0))}
    given = {"rows": [], "samples": False, "arrays": theory, "metrics": metrics, "data": None, **given}
    return plant_run(root, study="gan_theory", **given)


def saturated(updates: int, seed: int) -> dict[str, float]:
    """A row of gan_saturation: the one gradient dies away while D learns to tell."""
    weak = 0.1 * float(np.exp(-updates / 400)) * (1 + seed / 5)
    ratio = {"gradient/log_ratio": float(np.log(0.3 / weak))}
    return {"generator_updates": updates, "gradient/saturating": weak, "gradient/non_saturating": 0.3, **ratio}
