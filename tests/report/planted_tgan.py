"""Run folders of t-GAN's studies, planted as training would leave them. `plant` is conftest's fixture."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from planted_lsgan import blobs, cell_of

Plant = Callable[..., Path]
DIGITS = {"name": "digits", "shape": [1, 16, 16], "stand_in_for": "MNIST"}
NAMES = [f"number {n}" for n in range(10)]
UPDATES = 12_000
SCORES = {"gan": 6.0, "dcgan": 7.0, "acgan": 7.5, "deligan": 7.2, "tgan": 8.0}  # IS of seed 0
TOLD = ("acgan", "tgan")
MODELS = tuple(SCORES)

# Scores --------------------------------------------------------------------------------------------------------


def scores(level: float, seed: int, told: bool, train_images: int = 500) -> dict[str, float]:
    """An inception score of `level` and a tenth more a seed; the others in proportion. Real images: 9.8."""
    score = level + seed / 10
    own = {"inception_score": score, "modified_inception_score": 1 + score / 20, "frechet": 100 / score}
    own |= {"classes_covered": 10.0, "intra_class_pixels": score, "intra_class_features": 2 * score}
    own |= {"nearest_train_pixels": 5.0 + seed, "inception_score_std": 0.1, "modified_inception_score_std": 0.1}
    if told:
        own["consistency"] = 0.9 + seed / 100
    real = {"inception_score": 9.8, "modified_inception_score": 1.3, "classes_covered": 10.0, "consistency": 0.975}
    real |= {"intra_class_pixels": 9.0, "intra_class_features": 20.0, "nearest_train_pixels": 4000 / train_images}
    real["frechet_floor"] = 1.5
    counts = {"images": 1000.0, "train_images": float(train_images), "real/images": 300.0, "scorer_accuracy": 0.993}
    counts |= {"parameters/generator": 20_000.0, "parameters/discriminator": 10_000.0}
    per_class = {f"modified_inception_score/{name}": 1 + score / 20 for name in NAMES}
    return own | {f"real/{name}": value for name, value in real.items()} | counts | per_class


def classes(seed: int, score: float, empty: int | None = None, channels: int = 1) -> dict[str, np.ndarray]:
    """classes.npz; a class without samples has no score and no pictures."""
    rng = np.random.default_rng([seed, round(100 * score)])
    per_class = 1 + score / 20 + 0.02 * np.arange(10.0)
    counts = np.full(10, 100)
    samples = np.stack([blobs(rng, 8, 16, channels, kinds=1 + n) for n in range(10)])
    if empty is not None:
        per_class[empty], counts[empty], samples[empty] = np.nan, 0, 0
    return {
        "counts": counts,
        "per_class": per_class,
        "per_class_std": np.full(10, 0.1),
        "intra_pixels": np.full(10, 5.0),
        "real_counts": np.full(10, 30),
        "real_per_class": np.full(10, 1.3),
        "samples": samples,
        "names": np.array(NAMES),
        "scorer": np.array("classifier"),
        "scorer_hash": np.array("0123456789ab"),
        "scorer_accuracy": np.array(0.993),
    }


def course(seed: int, extra: float = 0.0, controlled: bool = False, updates: int = UPDATES) -> list[dict[str, float]]:
    """Rows every 200 updates: G's adversarial loss falls to log 2 by 7,500 updates and stays, D's is 2 log 2.

    extra: what the totals have besides; with it D's own head learns to read 99 % of real images and, at the end, 80 %
    of generated ones and a hundredth more a seed.
    """
    rows = []
    for n in range(200, updates + 1, 200):
        g = math.log(2) + max(0.0, 3 * (1 - n / 7500)) + 0.01 * ((n // 200 + seed) % 2)
        row = {"generator_updates": n, "loss/source_generator": g, "loss/source_discriminator": 2 * math.log(2)}
        row |= {
            "loss/generator": g + extra,
            "loss/discriminator": 2 * math.log(2) + extra,
            "d_real": 0.5,
            "d_fake": 0.5,
        }
        row |= {"steps/generator": 2.0, "steps/discriminator": 3.0} if controlled else {}
        row |= {"class_accuracy/real": 0.99, "class_accuracy/fake": (0.8 + seed / 100) * n / updates} if extra else {}
        if n % 4000 == 0:
            row["inception_score"] = 8 - 3000 / n
        rows.append(row)
    return rows


def plant_cell(
    plant: Plant,
    study: str,
    choices: dict[str, str],
    seed: int,
    level: float,
    *,
    told: bool = True,
    departures: Mapping[str, str] | None = None,
    train_images: int = 500,
    status: str = "done",
    empty: int | None = None,
    **given: Any,
) -> Path:
    """One seed of a cell; `choices` has the departures too."""
    departures = dict(departures or {})
    found = scores(level, seed, told, train_images)
    metrics = {"monitor": "inception_score", "mode": "max", "final": found if status == "done" else {}, "best": found}
    record: dict[str, Any] = {"paper": "tgan", "data": DIGITS, "metrics": metrics, "status": status, "samples": False}
    record |= {"generator_updates": UPDATES, "updates_wanted": UPDATES, "rows": course(seed, 1.0 if told else 0.0)}
    record |= {"arrays": {"classes": classes(seed, level + seed / 10, empty)} if status == "done" else {}}
    record |= {"cell": cell_of(choices)["cell"], "departures": departures}
    record["coordinates"] = {key: value for key, value in choices.items() if key not in departures}
    record["identity"] = {"latent.component.count": 50}
    return plant(seed=seed, study=study, **(record | given))


def plant_models(
    plant: Plant,
    study: str = "tgan_mnist",
    seeds: int = 3,
    models: Sequence[str] = MODELS,
    unequal: bool = True,
    **given: Any,
) -> None:
    """Models on 500 images, of the plain GAN the last of several seeds diverged; and two of them on 60,000."""
    for model, seed in itertools.product(models, range(seeds)):
        lost = model == "gan" and seed == seeds - 1 and seeds > 1
        own: dict[str, Any] = {"told": model in TOLD, "status": "diverged" if lost else "done"}
        own["empty"] = 3 if model == "deligan" and seed == 0 else None
        plant_cell(plant, study, {"model": model}, seed, SCORES[model], **(own | given))
    whole = {"data.images": "null"}
    for model, seed in itertools.product(("dcgan", "acgan") if unequal else (), range(seeds)):
        own = {"told": model in TOLD, "departures": whole, "train_images": 60_000}
        plant_cell(plant, study, {"model": model} | whole, seed, SCORES[model] + 1, **(own | given))


ABLATION = {  # IS of seed 0
    "base": 8.0, "noise_only": 7.0, "gaussian_noise_only": 6.5, "codeword": 7.6, "class_real": 8.2, "v1": 5.0,
    "v10": 7.8, "gaussian": 7.5, "components_1": 6.8, "components_200": 7.9, "controller": 7.7,
}  # fmt: skip


def plant_ablation(plant: Plant, seeds: int = 2, cells: Sequence[str] = tuple(ABLATION), **given: Any) -> None:
    """With v = 1 the last seed diverges."""
    for name, seed in itertools.product(cells, range(seeds)):
        own: dict[str, Any] = {"told": "noise_only" not in name, "rows": course(seed, 1.0, name == "controller")}
        own["status"] = "diverged" if name == "v1" and seed == seeds - 1 else "done"
        plant_cell(plant, "tgan_ablation", {"ablation": name}, seed, ABLATION[name], **(own | given))


# The others ----------------------------------------------------------------------------------------------------

CENTRES = np.array([[0.6, 0.6], [-0.6, -0.6]], np.float32)


def ring(seed: int, trained: bool, mixture: bool, heavy: bool = True) -> dict[str, np.ndarray]:
    """ring.npz with the noise of a mixture whose means move to the data's and whose scales grow tenfold."""
    rng = np.random.default_rng([seed, trained])
    draws = rng.standard_normal((2000, 2)) / np.sqrt(rng.chisquare(3, 2000) / 3)[:, None] ** heavy
    arrays = {"means": CENTRES, "stds": np.full(2, 0.15), "weights": np.full(2, 0.5), "counts": np.array([1000, 1000])}
    arrays["points"] = np.repeat(CENTRES, 1000, axis=0) + rng.normal(0, 0.2 if trained else 0.9, (2000, 2))
    if not mixture:
        return arrays | {"noise": draws}
    means = np.repeat(CENTRES, 25, axis=0) if trained else np.random.default_rng(seed).uniform(-1, 1, (50, 2))
    scales = np.full((50, 2), 0.2 if trained else 0.02)
    places = rng.integers(0, 50, 2000)
    noise = means[places] + scales[places] * draws
    return arrays | {"noise": noise, "mixture_means": means, "mixture_scales": scales}


def plant_toy(plant: Plant, seeds: int = 2, **given: Any) -> None:
    """With and without the mixture, with heavy and with normal tails."""
    for model, df, seed in itertools.product(("gan", "deligan"), ("3.0", "inf"), range(seeds)):
        found = {"noise_largest": 30.0 + seed, "modes": 2.0, "w1": 0.2, "w1_floor": 0.05}
        metrics = {"monitor": "w1", "mode": "min", "final": found, "best": found}
        mixture, heavy = model != "gan", df != "inf"
        arrays = {"ring-updates=0000000": ring(seed, False, mixture, heavy), "ring": ring(seed, True, mixture, heavy)}
        record = {"paper": "tgan", "data": {"name": "blobs"}, "metrics": metrics, "arrays": arrays, "samples": False}
        record |= {"rows": [{"generator_updates": 0, "w1": 0.9}], **cell_of({"model": model, "latent.noise.df": df})}
        plant(seed=seed, study="tgan_toy", **(record | given))


def plant_pixelcnn(plant: Plant, seeds: int = 3, **given: Any) -> None:
    """PixelCNN trains ten times as long as t-GAN and takes 100 times as long for an image."""
    for seed in range(seeds):
        by = 1.1**seed
        own = {"speed": {"seconds": 45.0 * by, "train_seconds": 40.0 * by, "samples_per_second": 1000 / by}, "rows": []}
        plant_cell(plant, "tgan_pixelcnn", {"model": "tgan"}, seed, 8.0, **(own | given))
        measured = scores(4.0, seed, True) | {"train_seconds": 400.0 * by, "sample_seconds": 0.1 * by}
        measured |= {"bits_per_dim": 1.2 + seed / 10, "parameters": 123_456.0}
        metrics = {"monitor": "inception_score", "mode": "max", "final": measured, "best": measured}
        own = {
            "metrics": metrics,
            "speed": {"seconds": 900.0, "train_seconds": 900.0},
            "rows": [],
            "generator_updates": 500,
        }
        plant_cell(plant, "tgan_pixelcnn", {"model": "pixelcnn"}, seed, 4.0, **(own | given))


def plant_tgan(plant: Plant, seeds: int = 1) -> None:
    """All studies of the paper."""
    plant_toy(plant, seeds)
    plant_models(plant, "tgan_mnist", seeds, ("deligan", "tgan"), unequal=False)
    for study in ("tgan_fashion_mnist", "tgan_cifar10", "tgan_digits"):
        plant_models(plant, study, seeds, ("tgan",), unequal=False, rows=[])
    plant_ablation(plant, seeds, ("base", "noise_only", "gaussian"))
    plant_pixelcnn(plant, seeds)
