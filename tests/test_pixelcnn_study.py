"""PixelCNN's study on stripes: what it measures, with which labels, and that it is the same twice."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganrepro.data.images import ImageData, Images
from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.evaluation import ClassDiversityEvaluation, Evaluated
from ganrepro.networks.layers import initialised
from ganrepro.networks.pixelcnn import PixelCNN
from ganrepro.pixelcnn import PixelCNNStudy
from ganrepro.streams import stream

NARROW: dict[str, Any] = {"levels": 4, "filters": 12, "kernels": [3, 3], "hidden": 16, "lr": 0.02, "batch": 20}
TIMES = {"train_seconds", "sample_seconds"}


def stripes(n: int, name: str) -> Images:
    """White and black: in rows, in columns, or half and half, with a phase and noise of their own."""
    drawn = stream(0, name)
    labels = torch.arange(n) % 3
    rows = torch.arange(8)[:, None].expand(8, 8)
    kinds = torch.stack([rows % 2, rows.t() % 2, rows // 4])[labels]
    white = (kinds + torch.randint(2, (n, 1, 1), generator=drawn)) % 2 * 255.0
    noisy = white + 60 * torch.randn(n, 8, 8, generator=drawn)
    return Images(noisy.clamp(0, 255).to(torch.uint8)[:, None], labels)


def data(images: int, **changes: Any) -> ImageData:
    splits = {"train": stripes(images, "train"), "validation": stripes(30, "validation"), "test": stripes(90, "test")}
    given = {"classes": ["rows", "columns", "halves"], "value_range": (-1, 1)}
    return ImageData("stripes", **{**splits, **given, **changes})  # type: ignore[arg-type]


ALL, FEW = data(150), data(60)


def judge(samples: int = 90, scorers: str = "") -> ClassDiversityEvaluation:
    return ClassDiversityEvaluation(ALL, samples=samples, splits=3, scorers=scorers)


def study(folder: Path, data: ImageData = FEW, seed: int = 0, updates: int = 80, **changes: Any) -> Evaluated:
    given: dict[str, Any] = {**NARROW, "tested": 50, "accelerator": "cpu"} | changes
    by = judge(samples=given.pop("samples", 90), scorers=str(folder))
    return PixelCNNStudy(data, by, **given)(lambda *p: stream(seed, *p), updates)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scorers")


@pytest.fixture(scope="module")
def found(folder: Path) -> Evaluated:
    torch.set_num_threads(1)
    before = torch.get_rng_state()
    evaluated = study(folder)
    assert torch.equal(before, torch.get_rng_state())
    return evaluated


def test_learned_samples_score_like_the_real_ones(found: Evaluated) -> None:
    metrics = found.metrics
    assert metrics["real/inception_score"] > 2.5
    assert metrics["inception_score"] > 2
    assert metrics["classes_covered"] == 3
    assert metrics["consistency"] > 0.7
    assert (metrics["images"], metrics["train_images"]) == (90, 60)
    network = PixelCNN((1, 8, 8), 4, 3, 12, [3, 3], 16)
    assert metrics["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert metrics["train_seconds"] > 0 < metrics["sample_seconds"]
    assert 0.3 < metrics["bits_per_dim"] < 1.6


def test_arrays(found: Evaluated) -> None:
    assert set(found.arrays) == {"classes", "curve"}
    curve, classes = found.arrays["curve"], found.arrays["classes"]
    assert curve["update"].tolist() == list(range(1, 81))
    assert curve["bits"][0] == pytest.approx(2, rel=0.05)
    assert curve["bits"][-10:].mean() < 1.4
    assert classes["samples"].shape == (3, 8, 1, 8, 8)
    assert set(np.unique(classes["samples"])) <= {0, 85, 170, 255}
    assert classes["names"].tolist() == ["rows", "columns", "halves"]


def test_points_of_the_curve_are_means(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = PixelCNNStudy(FEW, judge(), **NARROW, accelerator="cpu")

    def curve(updates: int) -> dict[str, np.ndarray]:
        network = initialised(narrow.make, 0, "pixelcnn")
        assert isinstance(network, PixelCNN)
        return narrow.trained(network, 0, updates)

    each = curve(8)
    monkeypatch.setattr("ganrepro.pixelcnn.POINTS", 4)
    some = curve(9)
    assert (each["update"].tolist(), some["update"].tolist()) == ([*range(1, 9)], [2, 4, 6, 8])
    assert some["bits"].tolist() == pytest.approx(each["bits"].reshape(4, 2).mean(1).tolist(), rel=1e-5)


def test_the_same_twice_and_another_seed_another(folder: Path) -> None:
    one, again, other = (study(folder, seed=seed, updates=8, samples=30) for seed in (0, 0, 1))
    first, second = ({name: run.metrics[name] for name in run.metrics.keys() - TIMES} for run in (one, again))
    assert first == pytest.approx(second, rel=0, abs=0, nan_ok=True)  # no class may be read in so few samples
    assert np.array_equal(one.arrays["classes"]["samples"], again.arrays["classes"]["samples"])
    assert np.array_equal(one.arrays["curve"]["bits"], again.arrays["curve"]["bits"])
    assert other.arrays["curve"]["bits"][0] != one.arrays["curve"]["bits"][0]
    assert not np.array_equal(other.arrays["classes"]["samples"], one.arrays["classes"]["samples"])


@pytest.mark.parametrize("tested", [40, 1000])
def test_bits_are_those_of_test_images_with_their_labels(tested: int) -> None:
    made = PixelCNNStudy(FEW, judge(), **NARROW, tested=tested, accelerator="cpu")
    network = initialised(made.make, 0, "pixelcnn")
    assert isinstance(network, PixelCNN)
    with torch.no_grad():
        for layer in network.layers:
            layer.told.weight.normal_(generator=stream(0, "told"))  # type: ignore[union-attr, operator]
        for head in network.heads:
            head.output.weight.mul_(10)  # type: ignore[union-attr, operator]
        each = network.nll(FEW.test.pixels, FEW.test.labels)
    if tested > len(each):
        assert made.bits(network) == pytest.approx(each.mean().item(), rel=1e-5)
    else:
        assert abs(made.bits(network) - each.mean().item()) < 4 * each.std().item() / tested**0.5
        assert made.bits(network) != pytest.approx(each.mean().item(), rel=1e-5)


def test_untold_has_no_consistency(folder: Path) -> None:
    found = study(folder, told=False, updates=5)
    assert "consistency" not in found.metrics
    assert "inception_score" in found.metrics


def test_labels_are_those_of_the_images(folder: Path) -> None:
    """With labels that belong to other images, what is asked for is not what comes."""
    shuffled = Images(FEW.train.pixels, (FEW.train.labels + 1) % 3)
    found = study(folder, data=data(60, train=shuffled))
    assert found.metrics["consistency"] < 0.2


def test_weights_that_are_not_finite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(*given: Any) -> Tensor:
        raise AssertionError("nothing is to be drawn")

    monkeypatch.setattr(PixelCNN, "sample", drawn)
    metrics = study(folder, updates=3, lr=1e30).metrics
    assert all(math.isnan(metrics[name]) for name in ("inception_score", "sample_seconds", "bits_per_dim", "frechet"))
    assert metrics["real/inception_score"] > 2.5
    assert metrics["parameters"] > 0


def test_refusals(folder: Path) -> None:
    for wrong in ({"lr": 0}, {"batch": 0}, {"tested": 0}):
        with pytest.raises(UserError, match="cannot be"):
            study(folder, **wrong)
    with pytest.raises(UserError, match="odd"):
        study(folder, kernels=[2])
    with pytest.raises(UserError, match="points"):
        study(folder, data=GaussianMixture([[0.0]], [1.0], [1.0]))  # type: ignore[arg-type]
    unlike = data(60, value_range=None, scaling="gcn")
    with pytest.raises(UserError, match="scaling=range"):
        PixelCNNStudy(unlike, ClassDiversityEvaluation(unlike))
