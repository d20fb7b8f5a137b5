"""Run folders of the DCGAN paper's studies, planted as training would leave them. `plant` is conftest's fixture."""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from planted_claims import BAD, GOOD
from planted_lsgan import blobs, cell_of, fidelity_rows

Plant = Callable[..., Path]
DIGITS = {"name": "digits", "shape": [1, 32, 32], "stand_in_for": "LSUN bedroom"}
FACES = {"name": "celeba10k", "shape": [3, 32, 32], "stand_in_for": "the authors' faces"}
CIFAR = {"name": "cifar10", "shape": [3, 32, 32], "stand_in_for": "ImageNet"}
MNIST = {"name": "digits", "shape": [1, 16, 16], "stand_in_for": "MNIST"}
GRID = np.array([1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2])

# The rules -----------------------------------------------------------------------------------------------------

FACTORS = {  # of the base's distance; from 3 on samples are no good
    "base": 1.0, "no_norm": 8.0, "norm_all": 1.5, "pooling": 2.0, "fully_connected": 1.25, "relu_d": 1.0,
    "maxout_d": 0.8, "leaky_relu_g": 1.1, "tanh_g": 3.0, "norm_g_only": 1.3, "norm_d_only": 5.0, "sigmoid_output": 0.9,
    "lr_high": 4.0, "beta1_high": 1.2,
}  # fmt: skip


def plant_guidelines(plant: Plant, seeds: int = 5, rules: Sequence[str] = tuple(FACTORS), **given: Any) -> None:
    """Distances are exact multiples of the base's, seed by seed; without batch norm the last seed diverges."""
    for broken, seed in itertools.product(rules, range(seeds)):
        factor = FACTORS[broken]
        lost = broken == "no_norm" and seed == seeds - 1
        distance = 10.0 * factor * 1.1**seed
        scalars = (GOOD if factor < 3 else BAD) | {"frechet": distance, "valid/frechet": distance, "images": 300.0}
        metrics = {"monitor": "valid/frechet", "mode": "min", "final": {} if lost else scalars, "best": scalars}
        arrays = {"fidelity": {"samples": blobs(np.random.default_rng(seed), 8, kinds=10 if factor < 3 else 1)}}
        record = {"paper": "dcgan", "data": DIGITS, "metrics": metrics, **cell_of({"guideline": broken})}
        record |= {"rows": fidelity_rows(distance, seed, 800 if lost else 2000), "arrays": {} if lost else arrays}
        record["status"] = "diverged" if lost else "done"
        plant(seed=seed, study="dcgan_guidelines", **(record | given))


# Pictures ------------------------------------------------------------------------------------------------------


def lines_between(images: np.ndarray, steps: int = 10) -> np.ndarray:
    """Rows that fade from each image to the next: uint8 [rows, steps, channels, height, width]."""
    weights = np.linspace(0, 1, steps)[None, :, None, None, None]
    return (images[:-1, None] * (1 - weights) + images[1:, None] * weights).astype(np.uint8)


def probe_arrays(seed: int, channels: int = 1) -> dict[str, dict[str, np.ndarray]]:
    """walk.npz, filters.npz and memory.npz."""
    rng = np.random.default_rng(seed)
    images, noise = blobs(rng, 44, channels=channels), rng.integers(110, 146, (4, channels, 32, 32), dtype=np.uint8)
    walk = {"trained": lines_between(images[:4]), "untrained": lines_between(noise)}
    walk |= {
        f"steps_{name}": 1 + width * rng.random((100, 9)) for name, width in (("trained", 0.9), ("untrained", 0.2))
    }
    filters = {"images_trained": images[11:41].reshape(6, 5, channels, 32, 32)}
    filters["gradients_trained"] = (filters["images_trained"] / 255.0) ** 2
    filters["gradients_untrained"] = rng.normal(0, 1, filters["images_trained"].shape)
    memory = {"samples": images[:8], "nearest_pixels": images[8:16], "nearest_features": images[16:24]}
    for space, (name, shift) in itertools.product(("pixels", "features"), (("samples", 0.5), ("heldout", 0.0))):
        memory[f"distances_{space}_{name}"] = rng.gamma(9, 0.3, 300) + shift
    return {"walk": walk, "filters": filters, "memory": memory}


def plant_pictures(plant: Plant, study: str, data: dict[str, Any], seeds: int = 3, **given: Any) -> list[Path]:
    """Walks of 1.5 against 1.1, concentrations of 0.4 against 0.3, and 1 % of copies; a little more a seed."""
    folders = []
    for seed in range(seeds):
        more = seed / 100
        scalars = {"frechet": 20.0 + seed, "valid/frechet": 20.0 + seed, "images": 300.0, "filter_rank": 0.5 + more}
        scalars |= {"walk/largest_step/trained": 1.5 + more, "walk/largest_step/untrained": 1.1 + more}
        scalars |= {"walk/segments": 100.0, "walk/steps": 10.0, "filters/features": 64.0, "filters/layer": 3.0}
        scalars |= {"filters/images": 1000.0, "filters/silent/trained": 0.0, "filters/silent/untrained": 0.25}
        scalars |= {"filters/concentration/trained": 0.4 + more, "filters/concentration/untrained": 0.3}
        scalars |= {"memory/samples": 300.0, "memory/heldout": 300.0, "memory/train": 1197.0}
        for space in ("pixels", "features"):
            scalars |= {f"memory/{space}/nearest": 6.0, f"memory/{space}/heldout": 3.0, f"memory/{space}/ratio": 2.0}
            scalars[f"memory/{space}/copies"] = 0.01 + more
        metrics = {"monitor": "valid/frechet", "mode": "min", "final": scalars, "best": scalars}
        channels = data["shape"][0]
        samples = {
            "samples": blobs(np.random.default_rng(seed), 8, channels=channels),
            "scorer": np.array("classifier"),
        }
        record = {"paper": "dcgan", "data": data, "metrics": metrics, "rows": fidelity_rows(20.0 + seed, seed)}
        record["arrays"] = {"fidelity": samples, **probe_arrays(seed, channels)}
        folders.append(plant(seed=seed, study=study, **(record | given)))
    return folders


def plant_probe(run: Path, probe: str, metrics: dict[str, float], how: list[str], **record: Any) -> None:
    """What `python run.py probe=...` leaves in a run's folder: of the last update, unless `record` says otherwise."""
    looked_at = {
        "which": "final",
        "generator_updates": json.loads((run / "result.json").read_text())["generator_updates"],
    }
    folder = run / "probes" / probe
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(looked_at | {"metrics": metrics, "how": how} | record))
    Image.fromarray(blobs(np.random.default_rng(0), 1)[0, 0]).save(folder / f"{probe}.png")


# Features and nearest neighbours -------------------------------------------------------------------------------


def plant_features(
    plant: Plant, study: str, seeds: int = 3, judged: str = "cifar10", alone: float | None = None, **given: Any
) -> None:
    """Accuracies of 60, 50 and 40 % and of 45, 35 and 25 % with few labels, half a point more each seed.

    alone: the test accuracy of the supervised network, whose validation accuracy is 2 points higher.
    """
    for seed in range(seeds):
        whole, few = (np.array(levels) + seed / 200 for levels in ((0.6, 0.5, 0.4), (0.45, 0.35, 0.25)))
        scalars = {"features/accuracy": whole[0], "features/untrained": whole[1], "features/pixels": whole[2]}
        scalars |= {"features/few": few[0], "features/few_untrained": few[1], "features/few_pixels": few[2]}
        scalars |= {"features/control": whole[1], "features/units": 512.0, "features/dims": 7168.0}
        scalars |= {"frechet": 30.0, "valid/frechet": 30.0, "images": 300.0}
        if alone is not None:
            scalars |= {"features/supervised": alone, "features/supervised_validation": alone + 0.02}
            scalars["features/supervised_trials"] = 16.0
        metrics = {"monitor": "valid/frechet", "mode": "min", "final": scalars, "best": scalars}
        arrays = {
            "names": np.array(["trained", "untrained", "pixels"]),
            "accuracy": whole,
            "c": np.array([1e-3, 1e-4, 2e-3]),
            "validation": np.repeat(whole[:, None], len(GRID), 1),
            "few": few[:, None] + np.array([-0.01, 0.01]),  # a standard deviation of one point
            "few_c": np.array([1e-2, 5e-4, 5e-4]),
            "few_validation": np.repeat(few[:, None] + 0.03, len(GRID), 1),
            "dims": np.array([7168, 7168, 3072]),
            "unconverged": np.array([0, 2, 1]),
            "grid": GRID,
            "per_class": np.array(20),
            "train": np.array(9000),
            "test": np.array(2000),
            "data": np.array(judged),
        }
        fidelity = {"samples": blobs(np.random.default_rng(seed), 8, channels=3), "scorer": np.array("classifier")}
        record = {"paper": "dcgan", "data": CIFAR, "metrics": metrics, "rows": fidelity_rows(30.0, seed)}
        record["arrays"] = {"features": arrays, "fidelity": fidelity}
        plant(seed=seed, study=study, **(record | given))


def plant_labelled(plant: Plant, seeds: int = 3, by_class: bool = True, **given: Any) -> None:
    """Errors of 12, 8, 7 and 6 % with 1,000, 1,197, 10,000 and 20,000 samples; of 5 and 4 % with real images."""
    for seed in range(seeds):
        errors, real = np.array([0.12, 0.08, 0.07, 0.06]) + seed / 1000, np.array([0.05, 0.04])
        arrays = {"counts": np.array([1000, 1197, 10_000, 20_000]), "errors": errors, "valid_errors": errors + 0.01}
        arrays |= {"real_counts": np.array([1000, 1197]), "real_errors": real, "valid_real_errors": real + 0.01}
        if by_class:
            arrays["samples"] = np.stack([blobs(np.random.default_rng(n), 8, 16, kinds=1 + n) for n in range(10)])
        scalars = {"one_nn/error": errors[-1], "one_nn/error_equal": errors[1], "one_nn/real": real[1]}
        scalars["valid/one_nn/error"] = errors[-1] + 0.01
        metrics = {"monitor": "valid/one_nn/error", "mode": "min", "final": scalars, "best": scalars}
        rows = [{"generator_updates": n, "valid/one_nn/error": 0.07 + 20 / n} for n in range(200, 2001, 200)]
        record = {"paper": "dcgan", "data": MNIST, "metrics": metrics, "rows": rows, "arrays": {"one_nn": arrays}}
        plant(seed=seed, study="dcgan_mnist_conditional", **(record | given))


def plant_dedup(plant: Plant, seeds: int = 3) -> None:
    for seed in range(seeds):
        images = blobs(np.random.default_rng(seed), 24).reshape(12, 2, 1, 32, 32)
        scalars = {"images": 1300.0, "removed": 110.0, "equal": 3.0, "largest_group": 4.0, "active": 60.0}
        scalars |= {"recall": 0.93, "false_positives": 0.001 * seed}
        metrics = {"monitor": "recall", "mode": "max", "final": scalars, "best": scalars}
        record = {"paper": "dcgan", "data": DIGITS, "metrics": metrics, "rows": [], "samples": False}
        plant(seed=seed, study="lsun_dedup", arrays={"dedup": {"collided": images}}, **record)


def plant_dcgan(plant: Plant, seeds: int = 3) -> None:
    """All studies of the paper, of the rules a few."""
    plant_guidelines(plant, seeds, ("base", "no_norm", "pooling"))
    plant_pictures(plant, "dcgan_lsun", DIGITS, seeds)
    plant_dedup(plant, seeds)
    plant_pictures(plant, "dcgan_faces", FACES, seeds)
    plant_pictures(plant, "dcgan_imagenet32", CIFAR, seeds)
    plant_pictures(plant, "dcgan_svhn", DIGITS | {"stand_in_for": "SVHN"}, seeds)
    plant_features(plant, "dcgan_cifar10_features", seeds)
    plant_features(plant, "dcgan_svhn_features", seeds, judged="svhn", alone=0.3, data={"name": "svhn"})
    plant_labelled(plant, seeds)
