"""The 1-nearest-neighbour test on generators that copy, mislabel and repeat themselves."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, OneNNEvaluation, one_nn
from ganrepro.latents import Label, Latent, Normal
from ganrepro.streams import stream

DATA = Digits(value_range=(-1, 1))
TRAIN = DATA.train


class Copying:
    """Gives real training images of the class asked for, at random; `seen` are they, with that class."""

    def __init__(self, shift: int = 0) -> None:
        self.latent = Latent(z=Normal(2, 1.0), label=Label(10))
        self.places = [torch.where(TRAIN.labels == label)[0] for label in range(10)]
        self.shift = shift
        self.batches: list[int] = []
        self.seen: list[Tensor] = []
        self.asked: list[int] = []

    def images(self, z: Tensor) -> Tensor:
        asked = z[:, -1].long().tolist()
        of = [self.places[(label + self.shift) % 10] for label in asked]
        chosen = torch.stack([each[int(1e4 * abs(z[at, 0])) % len(each)] for at, each in enumerate(of)])
        self.batches.append(len(z))
        self.asked += asked
        self.seen.append(DATA.normalise(TRAIN.pixels[chosen]))
        return self.seen[-1]


def measured(gan, samples: int, final: bool = False, batch: int = 64, data: ImageData = DATA) -> Evaluated:
    return OneNNEvaluation(samples, batch)(gan, data, lambda *p: stream(0, *p), final)


def wrong(images: Tensor, labels: Tensor, split: Images) -> float:
    """scikit-learn's error."""
    machine = KNeighborsClassifier(1, algorithm="brute").fit(images.flatten(1).double().numpy(), np.asarray(labels))
    return 1 - machine.score(DATA.normalise(split.pixels).flatten(1).double().numpy(), split.labels.numpy())


def test_as_scikit_learn_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_nn, "BLOCK", 300)
    gan = Copying()
    found = measured(gan, 1500, final=True)
    images, labels = torch.cat(gan.seen)[:1500], torch.tensor(gan.asked)[:1500]
    assert max(gan.batches) == 64
    expected = {"error": 1500, "error_1000": 1000, "error_equal": 1197}
    for name, count in expected.items():
        for prefix, split in (("", DATA.test), ("valid/", DATA.validation)):
            exact = wrong(images[:count], labels[:count], split)
            assert found.metrics[f"{prefix}one_nn/{name}"] == pytest.approx(exact, abs=0.004), "one image of 300"
    real = wrong(DATA.normalise(TRAIN.pixels), TRAIN.labels, DATA.test)
    assert found.metrics["one_nn/real_all"] == found.metrics["one_nn/real"] == pytest.approx(real, abs=0.004)
    assert found.metrics["one_nn/samples"] == 1500
    table = found.arrays["one_nn"]
    assert table["counts"].tolist() == [1000, 1197, 1500]
    assert table["errors"].tolist() == [found.metrics[f"one_nn/{n}"] for n in ("error_1000", "error_equal", "error")]
    assert table["valid_errors"][-1] == found.metrics["valid/one_nn/error"]
    assert table["real_counts"].tolist() == [1000, 1197]
    assert table["real_errors"][-1] == found.metrics["one_nn/real_all"]


def test_copies_serve_as_well_as_the_images_themselves_and_wrong_labels_do_not() -> None:
    good = measured(Copying(), 4000).metrics
    assert good["one_nn/error"] == pytest.approx(good["one_nn/real_all"], abs=0.02)
    assert good["one_nn/real_all"] < 0.05
    assert good["one_nn/error"] <= good["one_nn/error_1000"]
    assert measured(Copying(shift=1), 1000).metrics["one_nn/error"] > 0.95


def test_samples_by_class_at_the_end() -> None:
    """Eight of each class, a line a class, drawn for themselves: what else is measured stays what it is."""
    gan = Copying()
    found = measured(gan, 100, final=True)
    shown = found.arrays["one_nn"]["samples"]
    assert (shown.shape, shown.dtype) == ((10, 8, 1, 8, 8), np.uint8)
    for label, line in enumerate(shown):
        of_class = {image.tobytes() for image in TRAIN.pixels[TRAIN.labels == label].numpy()}
        assert all(image.tobytes() in of_class for image in line)
        assert len({image.tobytes() for image in line}) > 4
    assert len(gan.asked) == 100 + 80
    assert gan.batches[-2:] == [64, 16]
    before = Copying()
    assert measured(before, 100).metrics == found.metrics
    assert len(before.asked) == 100


def test_as_many_real_images_as_samples() -> None:
    found = measured(Copying(), 40, final=True)
    assert "one_nn/error_1000" not in found.metrics
    assert found.metrics["one_nn/error"] == found.metrics["one_nn/error_equal"]
    assert found.metrics["one_nn/real"] > found.metrics["one_nn/real_all"] + 0.1, "40 images against 1,197"
    assert found.arrays["one_nn"]["real_counts"].tolist() == [40, 1197]


def test_a_single_sample_gives_all_its_class() -> None:
    gan = Copying()
    found = measured(gan, 1).metrics
    assert found["one_nn/error"] == pytest.approx((DATA.test.labels != gan.asked[0]).double().mean().item())
    assert found["valid/one_nn/error"] == pytest.approx((DATA.validation.labels != gan.asked[0]).double().mean().item())


def test_a_sample_that_is_not_finite() -> None:
    class Breaking(Copying):
        def images(self, z: Tensor) -> Tensor:
            images = super().images(z)
            if len(self.asked) > 1100:
                images[0, 0, 0, 0] = math.nan
            return images

    found = measured(Breaking(), 1500).metrics
    assert math.isnan(found["one_nn/error"])
    assert math.isnan(found["valid/one_nn/error"])
    assert math.isfinite(found["one_nn/error_1000"])
    assert math.isfinite(found["one_nn/real"])


def test_again_and_without_disturbing() -> None:
    before = torch.get_rng_state()
    evaluation, streams = OneNNEvaluation(100, 64), lambda *p: stream(0, *p)
    first, second = (evaluation(Copying(), DATA, streams, False).metrics for _ in range(2))
    assert first == second
    assert torch.equal(before, torch.get_rng_state())


def test_refusals() -> None:
    splits = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (TRAIN, DATA.validation, DATA.test)]
    with pytest.raises(UserError, match="no labels"):
        measured(Copying(), 10, data=ImageData("bare", *splits))
    with pytest.raises(UserError, match="conditional"):
        measured(SimpleNamespace(latent=Latent(z=Normal(2, 1.0))), 10)
    with pytest.raises(UserError, match=r"evaluation.samples=0"):
        OneNNEvaluation(samples=0)
