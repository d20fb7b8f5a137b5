"""Run folders of the LSGAN paper's studies, planted as training would leave them. `plant` is conftest's fixture."""

import itertools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from planted_claims import BAD, GOOD, RULE

Plant = Callable[..., Path]
DIGITS = {"name": "digits", "shape": [1, 32, 32], "stand_in_for": "LSUN bedroom"}
GRID = list(itertools.product(("gan", "lsgan"), ("no_g", "no_gd"), ("adam", "rmsprop")))


def cell_of(choices: dict[str, str]) -> dict[str, Any]:
    name = ",".join(f"{key}={value}" for key, value in choices.items())
    return {"cell": f"{name}-{zlib.crc32(name.encode()):08x}", "coordinates": choices}


def blobs(rng: np.random.Generator, n: int, side: int = 32, channels: int = 1, kinds: int = 10) -> np.ndarray:
    """Rings and bars on black, uint8 [n, channels, side, side]; `kinds` different ones."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    images = []
    for kind in rng.integers(0, kinds, n):
        angle, radius = kind * np.pi / 10, 0.18 + 0.02 * kind
        ring = np.exp(-(((np.hypot(x, y) - radius) / 0.05) ** 2))
        bar = np.exp(-(((x * np.cos(angle) + y * np.sin(angle)) / 0.05) ** 2)) * (np.hypot(x, y) < 0.4)
        noise = rng.normal(0, 12, (channels, side, side))
        images.append(np.clip(230 * np.maximum(ring, bar) + noise, 0, 255))
    return np.array(images).astype(np.uint8)


def fidelity_rows(level: float, seed: int, updates: int = 2000) -> list[dict[str, float]]:
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(200, updates + 1, 200):
        noise = float(np.exp(rng.normal(0, 0.15)))
        rows.append({"generator_updates": n, "valid/frechet": level * (1 + 8 * np.exp(-n / 300)) * noise})
        rows[-1] |= {"loss/generator": 0.3 + 0.02 * seed, "loss/discriminator": 0.2, "d_real": 0.7, "d_fake": 0.2}
    return rows


def plant_stability(plant: Plant, seeds: int = 10, control: bool = True, **given: Any) -> None:
    """Both succeed with RMSProp and no_g; with Adam the regular GAN fails and LSGAN succeeds in half; and so on."""
    cells = [(dict(zip(("loss", "norm", "optimizer"), choices, strict=True)), {}) for choices in GRID]
    if control:
        extra = {"loss": "lsgan", "norm": "both", "optimizer": "adam"}
        cells += [(extra, {"norm": "both"}), (extra | {"loss": "gan"}, {"norm": "both"})]
    for (choices, departures), seed in itertools.product(cells, range(seeds)):
        good = fares_well(choices, seed)
        diverged = choices == {"loss": "gan", "norm": "no_gd", "optimizer": "adam"} and seed == 3
        rng = np.random.default_rng([seed, good])
        scatter = float(np.exp(rng.normal(0, 0.2)))
        scalars = {key: v * (scatter if "frechet" in key else 1) for key, v in (GOOD if good else BAD).items()}
        rows = fidelity_rows(scalars["frechet"], seed, 800 if diverged else 2000)
        best = GOOD if good or seed % 2 else BAD
        metrics = {"monitor": "valid/frechet", "mode": "min", "best": best | {"valid/frechet": best["frechet"]}}
        metrics["final"] = {} if diverged else scalars | {"valid/frechet": scalars["frechet"]}
        arrays = {} if diverged else {"fidelity": {"samples": blobs(rng, 8, kinds=10 if good else 1)}}
        record = {"paper": "lsgan", "data": DIGITS, "departures": departures, "metrics": metrics, **cell_of(choices)}
        record |= {"status": "diverged" if diverged else "done", "rows": rows, "arrays": arrays}
        plant(seed=seed, study="lsgan_stability", **(record | given))


def fares_well(choices: dict[str, str], seed: int) -> bool:
    if choices["norm"] == "both" or (choices["norm"] == "no_g" and choices["optimizer"] == "rmsprop"):
        return True
    if choices["optimizer"] == "rmsprop":
        return choices["loss"] == "lsgan" or seed % 3 == 0
    return choices["loss"] == "lsgan" and seed % 2 == 0 and choices["norm"] == "no_g"


MEANS = np.array([[np.cos(a), np.sin(a)] for a in np.arange(8) * np.pi / 4])


def ring_points(rng: np.random.Generator, modes: int, n: int = 2000, std: float = 0.02) -> np.ndarray:
    if modes == 0:
        return rng.normal(0, 0.3, (n, 2)).astype(np.float32)
    return (MEANS[rng.integers(0, modes, n)] + rng.normal(0, std, (n, 2))).astype(np.float32)


def modes_at(loss: str, seed: int, updates: int) -> int:
    """The regular GAN finds seven or eight modes and loses most of them; LSGAN finds all."""
    if loss == "gan":
        return 0 if updates == 0 else 8 - seed % 2 if updates < 12000 + 500 * seed else 1 + seed % 3
    return 0 if updates == 0 else min(8, 3 + updates // 1500)


def plant_ring(plant: Plant, seeds: int = 10, study: str = "lsgan_ring", extra: dict[str, str] | None = None) -> None:
    for loss, seed in itertools.product(("gan", "lsgan"), range(seeds)):
        rng = np.random.default_rng(seed)
        rows, arrays = [], {}
        diverged = loss == "gan" and seed == 4 and study == "lsgan_ring"
        for n in range(0, 20001 if diverged else 40001, 500):
            modes = modes_at(loss, seed, n)
            rows.append(
                {
                    "generator_updates": n,
                    "modes": float(modes),
                    "modes_near": float(min(8, modes + 1)),
                    "high_quality": modes / 9,
                    "w1": 1 / (1 + modes),
                }
            )
            if n in (0, 5000, 15000, 25000, 40000):
                points = ring_points(rng, modes, std=0.02)
                arrays[f"ring-updates={n:07d}"] = {"points": points, "means": MEANS}
        scalars = {key: rows[-1][key] for key in ("modes", "modes_near", "high_quality", "w1")} | {"w1_floor": 0.02}
        if not diverged:
            arrays["ring"] = {"points": points, "means": MEANS}
        metrics = {"monitor": "w1", "mode": "min", "final": {} if diverged else scalars, "best": scalars}
        record = {"metrics": metrics, "paper": "lsgan", "data": {"name": "ring", "shape": [2]}, "updates_wanted": 40000}
        state = {"status": "diverged" if diverged else "done", "generator_updates": rows[-1]["generator_updates"]}
        given = cell_of({"loss": loss, **(extra or {})}) | record | state
        plant(seed=seed, study=study, rows=rows, arrays=arrays, samples=False, **given)


def plant_factors(plant: Plant, seeds: int = 5) -> None:
    for factor, lift in (("base", 0), ("relu", 5), ("doubled", -1), ("alternating", 1)):
        for loss, seed in itertools.product(("gan", "lsgan"), range(seeds)):
            modes = float(np.clip((2 + seed % 2 if loss == "gan" else 7 + seed % 2) + lift, 0, 8))
            counts = {n: 8.0 if n < 10000 else modes for n in range(0, 20001, 500)}
            rows = [{"generator_updates": n, "modes": 0.0, "modes_near": count} for n, count in counts.items()]
            arrays = {"ring": {"points": ring_points(np.random.default_rng(seed), int(modes)), "means": MEANS}}
            metrics = {
                "monitor": "w1",
                "mode": "min",
                "final": {"modes": 0.0, "modes_near": modes, "w1": 0.1},
                "best": {"w1": 0.1},
            }
            given = {"rows": rows, "arrays": arrays, "samples": False, "metrics": metrics, "paper": "lsgan"}
            data = {"name": "ring", "shape": [2]}
            plant(
                seed=seed, study="lsgan_ring_factors", data=data, **given, **cell_of({"loss": loss, "factor": factor})
            )


def plant_images(plant: Plant, study: str, axis: str, values: tuple[str, ...], metric: str, seeds: int = 3) -> None:
    """A study of images: `metric` grows by half from value to value."""
    for (place, value), seed in itertools.product(enumerate(values), range(seeds)):
        rng = np.random.default_rng(seed + 10 * place)
        scalars = {metric: 10.0 * 1.5**place + seed / 10, "confidence": 0.95, "classes_share": 1.0}
        rows = fidelity_rows(10.0 * 1.5**place, seed)
        rows = [row | {metric: row["valid/frechet"]} for row in rows]
        metrics = {"monitor": "valid/frechet", "mode": "min", "final": scalars, "best": scalars}
        arrays = {"fidelity": {"samples": blobs(rng, 8, 48, 3)}}
        given = {"paper": "lsgan", "arrays": arrays, "data": DIGITS | {"shape": [3, 48, 48]}, "metrics": metrics}
        plant(seed=seed, study=study, rows=rows, **given, **cell_of({axis: value}))


def plant_characters(plant: Plant, seeds: int = 3) -> None:
    for (place, condition), seed in itertools.product(enumerate(("mapped", "one_hot", "none")), range(seeds)):
        rng = np.random.default_rng(seed)
        read = {
            "agreement": (0.8, 0.75, 0.1)[place] + seed / 100,
            "confidence": (0.9, 0.88, 0.5)[place],
            "accuracy": 0.97,
        }
        read |= {"readable": 0.7, "parameters/generator": 9.4e6, "parameters/discriminator": 2.1e7, "megabytes": 123.0}
        metrics = {"monitor": "agreement", "mode": "max", "final": read, "best": read}
        samples = np.stack([blobs(rng, 8, 28) for _ in range(6)])
        arrays = {"conditional": {"samples": samples, "labels": np.arange(6), "names": np.array(list("0123永字"))}}
        given = {"paper": "lsgan", "arrays": arrays, "metrics": metrics, "rows": [{"generator_updates": 100, **read}]}
        data = {"name": "cccr64", "shape": [1, 28, 28], "stand_in_for": "HWDB1.0"}
        plant(
            seed=seed, study="lsgan_hwdb", scale="workstation", data=data, **given, **cell_of({"condition": condition})
        )


def plant_gradients(plant: Plant, seeds: int = 3) -> None:
    outputs = np.linspace(-10, 10, 401)
    curves = {"outputs": outputs, "gan": 1 / (1 + np.exp(outputs)), "lsgan": np.abs(outputs - 1)}
    for loss, seed in itertools.product(("gan", "lsgan"), range(seeds)):
        rows = [gradient_row(loss, n, seed) for n in range(50, 2001, 50)]
        final = {key: v for key, v in rows[-1].items() if key != "generator_updates"}
        metrics = {"monitor": "vanishing/own", "mode": "min", "final": final, "best": final}
        given = {"paper": "lsgan", "data": DIGITS, "arrays": {"logits": curves}, "metrics": metrics, "rows": rows}
        plant(seed=seed, study="lsgan_gradients", **given, **cell_of({"loss": loss}))


def gradient_row(loss: str, updates: int, seed: int) -> dict[str, float]:
    saturated = (0.4 if loss == "gan" else 0.02) * (1 - np.exp(-updates / 500)) * (1 + seed / 10)
    shares = {"gan": saturated, "lsgan": 0.01 + 0.002 * seed}
    return {"generator_updates": updates, "vanishing/own": shares[loss]} | {
        f"vanishing/{k}": v for k, v in shares.items()
    }


def plant_theory(plant: Plant, seeds: int = 3) -> None:
    for seed in range(seeds):
        errors = {"opt_d_error": 1e-8 * (seed + 1), "chi2_error": 1e-12}
        metrics = {"monitor": "chi2_error", "mode": "min", "final": errors, "best": errors}
        given = {"paper": "lsgan", "data": None, "rows": [], "samples": False, "metrics": metrics}
        plant(seed=seed, study="lsgan_theory", **given)


def plant_calibration(plant: Plant, seeds: int = 3) -> None:
    worst = {metric: BAD[metric] for metric in list(RULE)[:1]}
    sets = {"real": GOOD, "blur_1": GOOD | worst, "one_class": BAD, "few_1": BAD}
    metrics = list(GOOD)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        table = np.array([[[scalars[m] for m in metrics] for _ in range(2)] for scalars in sets.values()])
        strips = np.stack([blobs(rng, 8, kinds=kinds) for kinds in (10, 10, 1, 1)])
        arrays = {"sets": np.array(list(sets)), "metrics": np.array(metrics), "table": table, "strips": strips}
        final = {f"{name}/{metric}": scalars[metric] for name, scalars in sets.items() for metric in metrics}
        record = {"monitor": "real/frechet_ratio", "mode": "min", "final": final, "best": final}
        given = {"paper": "lsgan", "data": DIGITS, "rows": [], "samples": False, "metrics": record}
        plant(seed=seed, study="lsgan_calibration", arrays={"calibration": arrays}, **given)


def plant_lsgan(plant: Plant, seeds: int = 3) -> None:
    """All studies of the paper."""
    plant_theory(plant, seeds)
    plant_gradients(plant, seeds)
    plant_calibration(plant, seeds)
    plant_stability(plant, seeds)
    plant_ring(plant, seeds)
    plant_factors(plant, seeds)
    plant_characters(plant, seeds)
    plant_images(plant, "lsgan_scenes", "loss", ("lsgan", "gan", "ebgan"), "frechet", seeds)
    plant_images(plant, "lsgan_codings", "labels", ("zero_one", "minus_one"), "frechet", seeds)
    plant_images(plant, "lsgan_cifar10", "loss", ("gan", "lsgan"), "inception_score", seeds)
    plant_images(plant, "lsgan_small_variability", "loss", ("gan", "lsgan"), "frechet", seeds)
