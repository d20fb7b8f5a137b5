"""The inception score's evaluation with the suite's own classifier."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, InceptionScoreEvaluation
from ganrepro.latents import Latent, Normal
from ganrepro.streams import stream

DATA = Digits()


def measured(images, folder: Path, final: bool = False, data: ImageData = DATA, splits: int = 4) -> Evaluated:
    gan = SimpleNamespace(latent=Latent(z=Normal(2, 1.0)), images=images)
    evaluation = InceptionScoreEvaluation(samples=200, splits=splits, batch=200, scorers=str(folder))
    return evaluation(gan, data, lambda *p: stream(0, *p), final)


def test_real_digits_and_one_digit(scorers_folder: Path) -> None:
    real = measured(lambda z: DATA.normalise(DATA.train.pixels[: len(z)]), scorers_folder, final=True)
    assert 7 < real.metrics["inception_score"] < 10, "at most the number of classes"
    assert real.metrics["inception_score"] == pytest.approx(real.metrics["inception_score/real"], rel=0.1)
    assert real.metrics["inception_score_std"] > 0
    assert real.metrics["inception/published"] == 0
    assert real.metrics["frechet_ratio"] == pytest.approx(1, abs=0.5)
    assert str(real.arrays["inception"]["scorer"]) == "classifier"
    assert real.arrays["inception"]["mean_probabilities"].sum() == pytest.approx(1)
    assert real.arrays["inception"]["samples"].shape == (64, 1, 8, 8)
    one = measured(lambda z: DATA.normalise(DATA.train.pixels[:1]).expand(len(z), 1, 8, 8), scorers_folder)
    assert one.metrics["inception_score"] == pytest.approx(1, abs=1e-6)
    assert one.arrays == {}
    assert set(one.metrics) == set(real.metrics)


def test_splits_reach_the_score(scorers_folder: Path) -> None:
    order = DATA.train.labels[:200].argsort()
    pixels = DATA.train.pixels[:200][order]  # sorted by class: many parts of few classes each
    scores = [measured(lambda z: DATA.normalise(pixels), scorers_folder, splits=n).metrics for n in (1, 20)]
    assert scores[0]["inception_score"] > 7
    assert scores[1]["inception_score"] < 2


def test_a_sample_that_is_not_finite(scorers_folder: Path) -> None:
    before = torch.get_rng_state()
    metrics = measured(lambda z: torch.full((len(z), 1, 8, 8), math.inf), scorers_folder).metrics
    assert math.isnan(metrics["inception_score"])
    assert math.isnan(metrics["frechet"])
    assert math.isfinite(metrics["inception_score/real"])
    assert torch.equal(before, torch.get_rng_state())


def test_refusals(scorers_folder: Path) -> None:
    splits = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (DATA.train, DATA.validation, DATA.test)]
    with pytest.raises(UserError, match="pt_inception"):
        measured(lambda z: z, scorers_folder, data=ImageData("bare", *splits))
    with pytest.raises(UserError, match="two samples a split"):
        InceptionScoreEvaluation(samples=10, splits=6)
