"""Agreement of generators that do, partly do, and do not draw what they are asked for."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation import ConditionalEvaluation, Evaluated
from ganrepro.latents import Label, Latent, Normal
from ganrepro.streams import stream

DATA = Digits()
NETWORKS = {"generator": nn.Linear(3, 4), "discriminator": nn.BatchNorm1d(5)}


def measured(images, folder: Path, final: bool = False, data: ImageData = DATA, samples: int = 205) -> Evaluated:
    gan = SimpleNamespace(latent=Latent(z=Normal(2, 1.0), label=Label(10)), images=images, networks=NETWORKS)
    evaluation = ConditionalEvaluation(samples=samples, batch=50, scorers=str(folder))
    return evaluation(gan, data, lambda *p: stream(0, *p), final)


def drawing(label_of):
    """A generator that draws real training images of the class `label_of(labels)`."""
    places = [torch.where(DATA.train.labels == label)[0] for label in range(10)]

    def images(z: torch.Tensor) -> torch.Tensor:
        labels = label_of(z[:, -1].long()).tolist()
        chosen = [places[label][abs(int(1000 * z[at, 0])) % len(places[label])] for at, label in enumerate(labels)]
        return DATA.normalise(DATA.train.pixels[torch.stack(chosen)])

    return images


def test_one_that_obeys(scorers_folder: Path) -> None:
    asked: list[int] = []

    def spying(z: torch.Tensor) -> torch.Tensor:
        asked.extend(z[:, -1].long().tolist())
        return drawing(lambda labels: labels)(z)

    found = measured(spying, scorers_folder)
    assert [asked.count(label) for label in range(10)] == [20] * 10, "205 are 20 of each"
    assert found.metrics["agreement"] > 0.97
    assert found.metrics["confidence"] > 0.95
    assert found.metrics["readable"] > 0.9
    assert found.metrics["accuracy"] > 0.93
    assert found.metrics["classes"] == 10
    assert set(found.metrics) >= {"frechet", "valid/frechet", "real/confidence", "real/readable"}
    assert found.arrays == {}


def test_one_that_is_always_one_off_and_one_that_is_deaf(scorers_folder: Path) -> None:
    assert measured(drawing(lambda labels: (labels + 1) % 10), scorers_folder).metrics["agreement"] < 0.03
    deaf = measured(drawing(lambda labels: torch.full_like(labels, 4)), scorers_folder).metrics
    assert deaf["agreement"] == pytest.approx(0.1, abs=0.02)
    assert deaf["readable"] > 0.9
    half = measured(drawing(lambda labels: labels // 2 * 2), scorers_folder).metrics
    assert half["agreement"] == pytest.approx(0.5, abs=0.03)


def test_sizes(scorers_folder: Path) -> None:
    metrics = measured(drawing(lambda labels: labels), scorers_folder).metrics
    assert (metrics["parameters/generator"], metrics["parameters/discriminator"]) == (16, 10)
    assert metrics["megabytes"] == pytest.approx((16 * 4 + 20 * 4 + 8) / 1e6)  # running statistics, and their count


def test_arrays_at_the_end(scorers_folder: Path) -> None:
    arrays = measured(drawing(lambda labels: labels), scorers_folder, final=True).arrays["conditional"]
    assert (arrays["samples"].dtype, arrays["samples"].shape) == (np.uint8, (10, 8, 1, 8, 8))
    assert arrays["agreement"].shape == arrays["confidence"].shape == (10,)
    assert arrays["agreement"].mean() > 0.97
    assert arrays["labels"].tolist() == list(range(10))
    assert arrays["names"].tolist() == [str(label) for label in range(10)]
    fours = DATA.train.pixels[DATA.train.labels == 4].numpy()
    assert all((fours == sample).all((1, 2, 3)).any() for sample in arrays["samples"][4]), "row 4 shows fours"


def test_a_sample_that_is_not_finite(scorers_folder: Path) -> None:
    found = measured(lambda z: torch.full((len(z), 1, 8, 8), math.nan), scorers_folder, final=True)
    assert math.isnan(found.metrics["agreement"])
    assert math.isnan(found.metrics["frechet"])
    assert math.isfinite(found.metrics["real/confidence"])


def test_refusals(scorers_folder: Path) -> None:
    splits = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (DATA.train, DATA.validation, DATA.test)]
    with pytest.raises(UserError, match="no labels"):
        measured(drawing(lambda labels: labels), scorers_folder, data=ImageData("bare", *splits))
    with pytest.raises(UserError, match="at least 2"):
        ConditionalEvaluation(samples=1)
