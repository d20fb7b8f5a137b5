"""Diversity on generators whose spread is planted."""

from types import SimpleNamespace

import pytest
import torch

from ganrepro.data.embedded import Digits
from ganrepro.errors import UserError
from ganrepro.evaluation import DiversityEvaluation
from ganrepro.latents import Latent, Normal
from ganrepro.streams import stream

DATA = Digits()


def measured(images, final: bool = False, **options):
    gan = SimpleNamespace(latent=Latent(z=Normal(2, 1.0)), images=images)
    return DiversityEvaluation(**options)(gan, DATA, lambda *p: stream(0, *p), final)


def from_data(z: torch.Tensor) -> torch.Tensor:
    return DATA.test.pixels[: len(z)] / 255


def test_one_image_for_all_z_and_the_data_itself() -> None:
    one = measured(lambda z: (DATA.train.pixels[:1] / 255).expand(len(z), 1, 8, 8), samples=50)
    assert one.metrics["diversity"] == pytest.approx(0, abs=1e-6)
    assert one.metrics["classes"] == pytest.approx(0.1)
    own = measured(from_data, samples=300)
    assert own.metrics["diversity"] == pytest.approx(1, abs=0.03)
    assert own.metrics["classes"] > 0.95
    assert own.arrays == {}
    assert measured(from_data, final=True, samples=300).arrays["samples"]["samples"].shape == (64, 1, 8, 8)


def test_two_classes_are_a_fifth() -> None:
    zeros, ones = (DATA.train.pixels[DATA.train.labels == label][:25] / 255 for label in (0, 1))
    assert measured(lambda z: torch.cat([zeros, ones])[: len(z)], samples=50).metrics["classes"] == pytest.approx(0.2)


def test_batches_are_for_memory_only() -> None:
    images = torch.rand(90, 1, 8, 8, generator=stream(0, "test"))
    given = iter(images.split(30))
    assert (
        measured(lambda z: next(given), samples=90, batch=30).metrics == measured(lambda z: images, samples=90).metrics
    )
    with pytest.raises(UserError, match="at least 2"):
        DiversityEvaluation(samples=1)
