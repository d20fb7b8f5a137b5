"""Generators that recite, and ones that draw from the data's own distribution."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.probes import memorisation as module
from ganrepro.probes.memorisation import memorisation, nearest_training
from ganrepro.probes.neighbours import copies, nearest
from ganrepro.scorers import Judged
from ganrepro.streams import stream

DATA = Digits(value_range=(-1.0, 1.0))


def judge(pixels: Tensor) -> Judged:
    """Features of a scorer that sees averages of 2x2 pixels."""
    return Judged(torch.nn.functional.avg_pool2d(pixels.double() / 255, 2).flatten(1), None)


SCORER = SimpleNamespace(judge=judge, judge_samples=lambda images: judge(DATA.to_uint8(images)))


def test_one_that_recites_and_one_that_does_not(noise: torch.Generator) -> None:
    train = DATA.normalise(DATA.train.pixels[:300])
    recited = memorisation(train + 0.01 * torch.randn(train.shape, generator=noise), DATA, noise, SCORER)
    for space in ("pixels", "features"):
        assert recited.metrics[f"{space}/copies"] == 1
        assert recited.metrics[f"{space}/ratio"] < 0.1
        assert recited.metrics[f"{space}/heldout"] > 0
        assert np.array_equal(recited.arrays[f"nearest_{space}"].shape, (8, 1, 8, 8))
    assert (recited.metrics["samples"], recited.metrics["heldout"], recited.metrics["train"]) == (300, 300, 1197)
    fresh = memorisation(DATA.normalise(DATA.validation.pixels), DATA, noise, SCORER).metrics
    for space in ("pixels", "features"):
        assert fresh[f"{space}/copies"] < 0.05
        assert fresh[f"{space}/ratio"] == pytest.approx(1, abs=0.1)


def test_distances_are_of_values_from_0_to_1(noise: torch.Generator) -> None:
    black = memorisation(torch.full((5, 1, 8, 8), -1.0), DATA, noise, None)
    lightest = DATA.train.pixels.double().div(255).square().sum((1, 2, 3)).sqrt().min().item()
    assert black.metrics["pixels/nearest"] == pytest.approx(lightest)
    assert black.metrics["heldout"] == 5, "as many as samples"
    assert not {name for name in (*black.metrics, *black.arrays) if "features" in name}


def test_the_nearest_come_first(noise: torch.Generator) -> None:
    train = DATA.normalise(DATA.train.pixels[:20])
    offsets = torch.linspace(0.5, 0, 20)[:, None, None, None]
    found = memorisation(train + offsets, DATA, noise, None)
    assert np.array_equal(found.arrays["samples"][0], DATA.train.pixels[19].numpy())
    assert np.array_equal(found.arrays["nearest_pixels"][0], DATA.train.pixels[19].numpy())
    assert found.arrays["distances_pixels_samples"].shape == (20,)


def test_training_images_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    images = DATA.scaling.measured(DATA.test.pixels[:40])
    whole = nearest(images, DATA.scaling.measured(DATA.train.pixels))
    monkeypatch.setattr(module, "CHUNK", 100)
    parts = nearest_training(images, DATA, DATA.scaling.measured)
    assert torch.equal(parts.distances, whole.distances)
    same = parts.indices == whole.indices
    assert same.float().mean() > 0.99  # ties


def test_features_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As computed at once from the features of all training images, which are never there together."""
    sizes = []

    def watched(pixels: Tensor) -> Judged:
        sizes.append(len(pixels))
        return judge(pixels)

    images, order = DATA.normalise(DATA.validation.pixels), torch.randperm(300, generator=stream(0, "parts"))
    train = judge(DATA.train.pixels).features
    ours, real = (nearest(judge(each).features, train) for each in (DATA.validation.pixels, DATA.test.pixels[order]))
    monkeypatch.setattr(module, "CHUNK", 100)
    scorer = SimpleNamespace(judge=watched, judge_samples=SCORER.judge_samples)
    found = memorisation(images, DATA, stream(0, "parts"), scorer)
    assert sorted(sizes) == [97, *[100] * 11, 300]
    assert np.array_equal(found.arrays["distances_features_samples"], ours.distances[:, 0].numpy())
    assert np.array_equal(found.arrays["distances_features_heldout"], real.distances[:, 0].numpy())
    assert found.metrics["features/nearest"] == ours.distances[:, 0].quantile(0.5).item()
    assert found.metrics["features/copies"] == copies(ours.distances[:, 0], real.distances[:, 0])
    shown = found.arrays["distances_pixels_samples"].argsort(kind="stable")[:8]
    assert np.array_equal(found.arrays["nearest_features"], DATA.train.pixels[ours.indices[shown, 0]].numpy())


def test_images_without_a_range(noise: torch.Generator) -> None:
    data = ImageData("gcn", DATA.train, DATA.validation, DATA.test, value_range=None, scaling="gcn")
    found = memorisation(data.normalise(DATA.train.pixels[:50]), data, noise, None).metrics
    assert found["pixels/copies"] == 1


def test_images_that_are_not_finite(noise: torch.Generator) -> None:
    with pytest.raises(UserError, match="not finite"):
        memorisation(torch.full((5, 1, 8, 8), math.nan), DATA, noise, None)
