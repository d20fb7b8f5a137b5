"""Fidelity of generators whose faults are planted."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, FidelityEvaluation
from ganrepro.latents import Latent, Normal
from ganrepro.scorers import scorer_of
from ganrepro.streams import stream

DATA = Digits()
BOTH = {"frechet", "frechet_ratio", "frechet_relative", "diversity", "images", "dims"}
LABELLED = {"classes", "classes_share"}
OF_SAMPLES = {"balance", "confidence", "inception_score", "inception_score/real"}


def measured(images, folder: Path, final: bool = False, data: ImageData = DATA, samples: int = 300) -> Evaluated:
    gan = SimpleNamespace(latent=Latent(z=Normal(2, 1.0)), images=images)
    evaluation = FidelityEvaluation(samples=samples, batch=samples, scorers=str(folder))
    return evaluation(gan, data, lambda *p: stream(0, *p), final)


def reciting(pixels: torch.Tensor):
    """A generator of these images, from the start and over again."""
    return lambda z: DATA.normalise(pixels[torch.arange(len(z)) % len(pixels)])


def test_a_perfect_generator(scorers_folder: Path) -> None:
    found = measured(reciting(DATA.train.pixels), scorers_folder)
    names = BOTH | LABELLED
    assert set(found.metrics) == names | {f"valid/{name}" for name in names} | OF_SAMPLES
    assert found.metrics["inception_score"] == pytest.approx(found.metrics["inception_score/real"], rel=0.1)
    assert 8 < found.metrics["inception_score"] <= 10
    assert found.metrics["frechet_ratio"] == pytest.approx(1, abs=0.5)
    assert found.metrics["valid/frechet_ratio"] == pytest.approx(1, abs=0.5)
    assert found.metrics["diversity"] == pytest.approx(1, abs=0.05)
    assert (found.metrics["classes"], found.metrics["classes_share"]) == (10, 1)
    assert found.metrics["balance"] > 0.98
    assert found.metrics["confidence"] > 0.95
    assert found.arrays == {}
    scorer = scorer_of(DATA, scorers_folder)
    assert found.metrics["frechet"] == pytest.approx(found.metrics["frechet_ratio"] * scorer.floor("test", 300))
    features = scorer.real("test", 300).features
    variance = (features - features.mean(0)).square().sum() / (len(features) - 1)  # the trace of the covariance
    assert found.metrics["frechet"] == pytest.approx(found.metrics["frechet_relative"] * variance.item())


def test_one_image_one_class_and_noise(scorers_folder: Path) -> None:
    one = measured(reciting(DATA.train.pixels[:1]), scorers_folder).metrics
    assert (one["classes"], one["classes_share"], one["balance"]) == (1, 0.1, 0)
    assert one["inception_score"] == pytest.approx(1)
    assert one["diversity"] == pytest.approx(0, abs=1e-9)
    zeros = measured(reciting(DATA.train.pixels[DATA.train.labels == 0]), scorers_folder).metrics
    assert zeros["classes"] == 1
    assert 0.05 < zeros["diversity"] < 0.9
    noise = torch.randint(256, (300, 1, 8, 8), dtype=torch.uint8, generator=stream(0, "noise"))
    for metrics in (one, zeros, measured(reciting(noise), scorers_folder).metrics):
        assert metrics["frechet_ratio"] > 5
        assert metrics["valid/frechet_ratio"] > 5


def test_a_class_with_a_tenth_of_its_share_counts(scorers_folder: Path) -> None:
    """Of 300 samples a fair share is about 30: four sevens are enough, one is not."""
    scorer = scorer_of(DATA, scorers_folder)
    judged = scorer.judge(DATA.train.pixels).probabilities
    assert judged is not None
    sure = (judged.max(1).values > 0.9) & (judged.argmax(1) == DATA.train.labels)
    sevens, others = (DATA.train.pixels[sure & (DATA.train.labels == label)] for label in (7, 3))
    for count, classes in ((4, 2), (1, 1)):
        metrics = measured(reciting(torch.cat([sevens[:count], others.repeat(9, 1, 1, 1)])), scorers_folder).metrics
        assert metrics["classes"] == classes


def test_equal_counts_and_what_is_said_of_them(scorers_folder: Path) -> None:
    many = measured(reciting(DATA.train.pixels), scorers_folder, samples=700).metrics
    few = measured(reciting(DATA.train.pixels), scorers_folder, samples=60).metrics
    assert (many["images"], many["dims"], few["images"], few["dims"]) == (300, 64, 60, 20)
    assert many["frechet"] == measured(reciting(DATA.train.pixels), scorers_folder, samples=300).metrics["frechet"]


def test_arrays_at_the_end(scorers_folder: Path) -> None:
    arrays = measured(reciting(DATA.train.pixels), scorers_folder, final=True).arrays["fidelity"]
    assert np.array_equal(arrays["samples"], DATA.train.pixels[:64].numpy())
    assert arrays["class_counts"].sum() == 300
    assert arrays["class_confidence"].shape == arrays["real_shares"].shape == (10,)
    assert arrays["real_shares"].sum() == pytest.approx(1)
    assert arrays["names"].tolist() == [str(digit) for digit in range(10)]
    assert str(arrays["scorer"]) == "classifier"
    one = measured(reciting(DATA.train.pixels[:1]), scorers_folder, final=True).arrays["fidelity"]
    assert np.isnan(one["class_confidence"]).sum() == 9


def test_unlabelled_data(scorers_folder: Path) -> None:
    splits = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (DATA.train, DATA.validation, DATA.test)]
    found = measured(reciting(DATA.train.pixels), scorers_folder, True, ImageData("bare", *splits))
    assert set(found.metrics) == BOTH | {f"valid/{name}" for name in BOTH}
    assert found.metrics["frechet_ratio"] == pytest.approx(1, abs=0.5)
    assert set(found.arrays["fidelity"]) == {"samples", "scorer"}
    assert str(found.arrays["fidelity"]["scorer"]) == "rotation net"


def test_a_sample_that_is_not_finite(scorers_folder: Path) -> None:
    def broken(z: torch.Tensor) -> torch.Tensor:
        images = DATA.normalise(DATA.train.pixels[: len(z)])
        images[1, 0, 0, 0] = math.nan
        return images

    found = measured(broken, scorers_folder, final=True)
    assert set(found.metrics) == set(measured(reciting(DATA.train.pixels), scorers_folder).metrics)
    assert all(math.isnan(value) for value in found.metrics.values())
    assert found.arrays["fidelity"]["samples"].shape == (64, 1, 8, 8)


def test_repeatable_harmless_and_batches_are_for_memory(scorers_folder: Path) -> None:
    def drawn(z: torch.Tensor) -> torch.Tensor:
        return z[:, :1, None, None].sigmoid().expand(-1, 1, 8, 8)

    before = torch.get_rng_state()
    gan = SimpleNamespace(latent=Latent(z=Normal(2, 1.0)), images=drawn)
    first, second = (
        FidelityEvaluation(90, batch, str(scorers_folder))(gan, DATA, lambda *p: stream(0, *p), False).metrics
        for batch in (90, 13)
    )
    assert first == pytest.approx(second, rel=1e-3)
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(UserError, match="at least 2"):
        FidelityEvaluation(samples=1)
