"""Scores by class, of generators whose faults are planted."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganrepro import recipes, scorers
from ganrepro.data.embedded import Digits, Patches
from ganrepro.data.images import ImageData, Images
from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.evaluation import ClassDiversityEvaluation, Evaluated, class_diversity
from ganrepro.evaluation.class_diversity import scored
from ganrepro.latents import Label, Latent, Normal
from ganrepro.metrics.inception import inception_score
from ganrepro.scorers import Scorer, scorer_of
from ganrepro.streams import stream

DATA = Digits(value_range=(-1, 1))
FEW = Digits(value_range=(-1, 1), images=50)
TOLD = Latent(z=Normal(2, 1.0), label=Label(10))
UNTOLD = Latent(z=Normal(2, 1.0))
ALIKE = {
    "inception_score", "inception_score_std", "modified_inception_score", "modified_inception_score_std",
    "classes_covered", "intra_class_pixels", "intra_class_features", "nearest_train_pixels", "images",
}  # fmt: skip
KNOWN = {"frechet", "real/consistency", "real/frechet_floor", "scorer_accuracy", "train_images"}
BY_CLASS = {f"modified_inception_score/{digit}" for digit in range(10)}
NAMES = ALIKE | BY_CLASS | {f"real/{name}" for name in ALIKE} | KNOWN
SIZES = {"parameters/generator": 8.0, "megabytes": 32 / 1e6}  # of a layer of three inputs and two outputs
NAMES |= SIZES.keys()


def measured(
    images: Callable[[Tensor], Tensor],
    folder: Path,
    final: bool = False,
    data: ImageData = DATA,
    latent: Latent = UNTOLD,
    **settings: Any,
) -> Evaluated:
    gan = SimpleNamespace(latent=latent, images=images, networks={"generator": torch.nn.Linear(3, 2, device="meta")})
    given = {"samples": 300, "splits": 3, "batch": 300} | settings
    return ClassDiversityEvaluation(DATA, scorers=str(folder), **given)(gan, data, lambda *p: stream(0, *p), final)


def classifier(folder: Path) -> Scorer:
    """What judges here."""
    return scorer_of(DATA, folder, recipe="augmented")


def reciting(pixels: Tensor) -> Callable[[Tensor], Tensor]:
    """A generator of these images, from the start and over again."""
    return lambda z: DATA.normalise(pixels[torch.arange(len(z)) % len(pixels)])


def of_class(z: Tensor) -> Tensor:
    """Real training images of the class that is asked for, one after the other."""
    places = [(DATA.train.labels == label).nonzero()[:, 0] for label in range(10)]
    chosen = [places[int(label)][at % 100] for at, label in enumerate(z[:, -1])]
    return DATA.normalise(DATA.train.pixels[torch.stack(chosen)])


def test_real_images_score_as_real_images(scorers_folder: Path) -> None:
    """The test images themselves, in the order in which they are judged."""
    pixels = classifier(scorers_folder).data_pixels("test", 300)
    found = measured(reciting(pixels), scorers_folder)
    assert set(found.metrics) == NAMES
    assert found.arrays == {}
    for name in ALIKE:
        assert found.metrics[name] == pytest.approx(found.metrics[f"real/{name}"], rel=1e-5), name
    assert found.metrics["frechet"] == pytest.approx(0, abs=1e-5)
    assert 7.5 < found.metrics["inception_score"] < 10
    assert 1 < found.metrics["modified_inception_score"] < 3
    assert found.metrics["classes_covered"] == 10
    assert found.metrics["real/consistency"] > 0.93
    assert (found.metrics["images"], found.metrics["real/images"], found.metrics["train_images"]) == (300, 300, 1197)


def test_one_image_for_all(scorers_folder: Path) -> None:
    before = torch.get_rng_state()
    found = measured(reciting(DATA.train.pixels[:1]), scorers_folder, final=True)
    metrics, arrays = found.metrics, found.arrays["classes"]
    assert torch.equal(before, torch.get_rng_state())
    assert metrics["inception_score"] == pytest.approx(1)
    assert (metrics["modified_inception_score"], metrics["modified_inception_score_std"]) == (1, 0)
    assert (metrics["classes_covered"], metrics["intra_class_pixels"], metrics["intra_class_features"]) == (1, 0, 0)
    assert metrics["nearest_train_pixels"] == pytest.approx(0, abs=1e-6)
    assert metrics["frechet"] > 1
    assert metrics["real/modified_inception_score"] > 1
    read = int(arrays["counts"].argmax())
    assert arrays["counts"].tolist() == [300 * (label == read) for label in range(10)]
    assert np.isnan(arrays["per_class"]).tolist() == [label != read for label in range(10)]
    assert arrays["samples"][read].std(0).max() == 0
    assert arrays["samples"].sum((1, 2, 3, 4)).nonzero()[0].tolist() == [read], "what is missing is zero"


def test_few_training_images_and_distances_by_hand(scorers_folder: Path) -> None:
    """Samples are those 50 and a grey step off; the classifier knows all images, distances to the nearest know 50."""
    pixels = FEW.train.pixels.clamp(0, 245)
    copies = measured(reciting(FEW.train.pixels), scorers_folder, data=FEW).metrics
    assert copies["nearest_train_pixels"] == pytest.approx(0, abs=1e-6)
    assert copies["train_images"] == 50
    real = classifier(scorers_folder).data_pixels("test", 300)
    apart = torch.cdist(real.flatten(1).double() / 255, FEW.train.pixels.flatten(1).double() / 255).min(1).values
    assert copies["real/nearest_train_pixels"] == pytest.approx(apart.mean().item(), rel=1e-5)
    darker = measured(reciting(pixels), scorers_folder, data=FEW, final=True)
    steps = (FEW.train.pixels - pixels).flatten(1).double().div(255).norm(dim=1).mean().item()
    assert darker.metrics["nearest_train_pixels"] == pytest.approx(steps, rel=1e-4)
    read = classifier(scorers_folder).judge(pixels.repeat(6, 1, 1, 1)).probabilities
    assert read is not None
    groups = [pixels.repeat(6, 1, 1, 1)[read.argmax(1) == label].flatten(1).double() / 255 for label in range(10)]
    expected = [torch.pdist(group).mean().item() for group in groups]
    assert darker.arrays["classes"]["intra_pixels"].tolist() == pytest.approx(expected, rel=1e-5)
    assert darker.metrics["intra_class_pixels"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_told_the_class_or_not_listening(scorers_folder: Path) -> None:
    told = measured(of_class, scorers_folder, final=True, latent=TOLD)
    assert set(told.metrics) == NAMES | {"consistency"}
    assert told.metrics["consistency"] > 0.95
    deaf = measured(reciting(DATA.train.pixels), scorers_folder, final=True, latent=TOLD)
    assert deaf.metrics["consistency"] == pytest.approx(0.1, abs=0.06)
    assert deaf.metrics["inception_score"] > 7.5, "its images are good ones all the same"
    asked = TOLD.sample(300, stream(0, "samples"))[:, -1]
    for label, row in enumerate(deaf.arrays["classes"]["samples"]):
        first = (asked == label).nonzero()[:8, 0]
        assert np.array_equal(row, DATA.train.pixels[first].numpy()), "rows are by the class asked for"


class Loud(torch.nn.Module):
    """Sure that an image is of the one of 1,008 classes that its first pixel counts."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        first = torch.nn.functional.one_hot(pixels[:, 0, 0, 0].long(), 1008)
        return torch.zeros(len(pixels), 2), 50.0 * first


def test_inceptions_own_score_of_images_in_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def coloured(part: Images, n: int) -> Images:
        pixels = part.pixels[:n].expand(-1, 3, -1, -1).clone()
        pixels[:, 0, 0, 0] = torch.arange(n, dtype=torch.uint8) % 4  # the classes that Loud reads
        return Images(pixels, part.labels[:n])

    parts = [coloured(part, 100) for part in (DATA.train, DATA.validation, DATA.test)]
    colour = ImageData("coloured", *parts, classes=DATA.classes, value_range=(-1, 1))
    pixels = colour.train.pixels.clone()
    pixels[:, 0, 0, 0] = torch.arange(100, dtype=torch.uint8) % 2
    given = (colour.normalise(pixels), None, colour, colour, str(tmp_path))
    monkeypatch.setattr(recipes, "EPOCHS", 1)
    without, _ = scored(*given, splits=1, batch=50)
    assert not any("inception_score_inception" in name for name in without)
    for module in (class_diversity, scorers):
        monkeypatch.setattr(module, "inception_weights", lambda folder: folder / "weights.pth")
    record = {"weights": "weights.pth", "accuracy": None}
    monkeypatch.setattr(scorers, "inception", lambda d, f, w: Scorer("inception", f, Loud(), d, record))
    found, arrays = scored(*given, splits=1, batch=50)
    own = {"inception_score_inception": 2, "real/inception_score_inception": 4}
    assert found.keys() - without.keys() == own.keys()
    assert {name: found[name] for name in own} == pytest.approx(own)
    assert {name: found[name] for name in without} == pytest.approx(without, nan_ok=True)
    assert str(arrays["scorer"]) == "classifier", "which still reads the classes"
    grey, _ = scored(DATA.normalise(DATA.train.pixels[:20]), None, DATA, DATA, str(tmp_path), splits=1, batch=9)
    assert not any("inception_score_inception" in name for name in grey)


def test_covered_classes_and_those_with_one_sample(scorers_folder: Path) -> None:
    """Of 300 samples a tenth of an equal share is three: three sevens are enough, two are not."""
    said = classifier(scorers_folder).judge(DATA.train.pixels).probabilities
    assert said is not None
    sure = (said.max(1).values > 0.99) & (said.argmax(1) == DATA.train.labels)
    sevens, threes = (DATA.train.pixels[sure & (DATA.train.labels == label)] for label in (7, 3))
    for count in (3, 2):
        given = torch.cat([sevens[:count], threes.repeat(9, 1, 1, 1)])
        found = measured(reciting(given), scorers_folder, final=True)
        intra = found.arrays["classes"]["intra_pixels"]
        assert found.metrics["classes_covered"] == (2 if count == 3 else 1)
        expected = np.mean(intra[[3, 7]]) if count == 3 else intra[3]
        assert found.metrics["intra_class_pixels"] == pytest.approx(expected)
    lonely = measured(reciting(torch.cat([sevens[:1], threes[:19]])), scorers_folder, samples=20, splits=1).metrics
    assert lonely["classes_covered"] == 2
    assert 0 < lonely["intra_class_pixels"] < math.inf, "of the one class that has pairs"


def test_arrays_and_what_is_told_of_them(scorers_folder: Path) -> None:
    found = measured(reciting(DATA.train.pixels), scorers_folder, final=True)
    arrays = found.arrays["classes"]
    assert set(arrays) == {
        "counts", "per_class", "per_class_std", "intra_pixels", "real_counts", "real_per_class", "samples", "names",
        "scorer", "scorer_hash", "scorer_accuracy",
    }  # fmt: skip
    assert arrays["counts"].sum() == arrays["real_counts"].sum() == 300
    assert found.metrics["modified_inception_score"] == pytest.approx(arrays["per_class"].mean())
    assert found.metrics["modified_inception_score_std"] == pytest.approx(arrays["per_class"].std())
    assert found.metrics["real/modified_inception_score"] == pytest.approx(arrays["real_per_class"].mean())
    assert [found.metrics[name] for name in sorted(BY_CLASS)] == arrays["per_class"].tolist()
    assert arrays["per_class_std"].shape == (10,)
    assert (arrays["samples"].shape, arrays["samples"].dtype) == ((10, 8, 1, 8, 8), np.uint8)
    said = classifier(scorers_folder).judge(torch.from_numpy(arrays["samples"]).flatten(0, 1)).probabilities
    assert said is not None
    assert said.argmax(1).view(10, 8).tolist() == [[label] * 8 for label in range(10)], "rows are by the class read"
    assert (arrays["names"].tolist(), str(arrays["scorer"])) == (list("0123456789"), "classifier")
    scorer = classifier(scorers_folder)
    weights = hashlib.sha256((scorer.folder / "weights.pt").read_bytes()).hexdigest()
    assert (str(arrays["scorer_hash"]), scorer.record["recipe"]["name"]) == (weights[:12], "augmented")
    assert arrays["scorer_accuracy"] == found.metrics["scorer_accuracy"] == scorer.record["accuracy"] > 0.95
    assert found.metrics["real/frechet_floor"] == scorer.floor("test", 300) > 0


def test_splits_and_pairings_reach_the_scores(scorers_folder: Path) -> None:
    order = DATA.train.labels[:300].argsort()
    pixels = DATA.train.pixels[:300][order]  # sorted by class: many parts of few classes each
    said = classifier(scorers_folder).judge(pixels)
    assert said.log_probabilities is not None
    for splits in (1, 30):
        found = measured(reciting(pixels), scorers_folder, splits=splits).metrics
        expected, deviation = inception_score(said.log_probabilities, splits)
        assert found["inception_score"] == pytest.approx(expected, rel=1e-6)
        assert found["inception_score_std"] == pytest.approx(deviation, rel=1e-6, nan_ok=True)
    mixed = measured(reciting(pixels), scorers_folder, True, pairing="all")
    assert mixed.arrays["classes"]["per_class"].shape == (1,)
    assert set(mixed.metrics) == NAMES - BY_CLASS
    assert mixed.metrics["modified_inception_score"] > 100
    assert mixed.metrics["real/modified_inception_score"] > 100
    deaf = measured(reciting(pixels), scorers_folder, latent=TOLD, pairing="asked").metrics
    assert deaf["modified_inception_score"] > 100, "what is asked for is of all classes"
    assert deaf["real/modified_inception_score"] < 100, "real images have the classes they have"


def test_a_sample_that_is_not_finite(scorers_folder: Path) -> None:
    def broken(z: Tensor) -> Tensor:
        images = DATA.normalise(DATA.train.pixels[: len(z)])
        images[1, 0, 0, 0] = math.nan
        return images

    found = measured(broken, scorers_folder, final=True)
    assert set(found.metrics) == NAMES
    for name, value in found.metrics.items():
        assert math.isnan(value) != (
            name.startswith(("real/", "scorer")) or name.endswith("images") or name in SIZES
        ), name
    arrays = found.arrays["classes"]
    assert arrays["counts"].sum() == 299
    assert np.isnan(arrays["per_class"]).all()
    assert arrays["samples"].shape == (10, 8, 1, 8, 8)


def test_what_older_runs_kept_of_real_images_is_not_misread(scorers_folder: Path) -> None:
    """Then "judged" held probabilities."""
    scorer = classifier(scorers_folder)
    expected = scorer.judge(scorer.data_pixels("test", 31))
    path = scorer.folder / "test-31-0.pt"
    torch.save({"judged": (expected.features, expected.probabilities)}, path)
    for _ in range(2):  # computed anew, then as it was kept
        scorer.kept.pop("test-31-0", None)
        found = scorer.real("test", 31)
        assert found.log_probabilities is not None
        assert expected.log_probabilities is not None
        assert torch.equal(found.log_probabilities, expected.log_probabilities)
    assert set(torch.load(path)) == {"judged_log"}


def test_images_alone_as_the_evaluation_has_them(scorers_folder: Path) -> None:
    z = TOLD.sample(300, stream(0, "samples"))
    metrics, arrays = scored(of_class(z), z[:, -1], FEW, DATA, str(scorers_folder), splits=3, batch=100)
    expected = measured(of_class, scorers_folder, True, FEW, TOLD)
    assert metrics | SIZES == pytest.approx(expected.metrics, rel=1e-5)
    assert np.array_equal(arrays["samples"], expected.arrays["classes"]["samples"])


def test_refusals(scorers_folder: Path) -> None:
    for settings, message in (
        ({"samples": 10, "splits": 6}, "two samples a split"),
        ({"splits": 0}, "two samples"),
        ({"batch": 0}, "batch of 1"),
        ({"pairing": "nearest"}, "must be one of predicted, asked, all"),
        ({"pairing": "asked"}, "told a class"),
        ({"data": Digits(images=50)}, "value range"),
        ({"data": Digits(size=9, value_range=(-1, 1))}, "shape"),
        ({"data": Patches(size=8)}, "shape"),
        ({"data": GaussianMixture([[0.0]], [1.0], [1.0])}, "points"),
    ):
        with pytest.raises(UserError, match=message):
            measured(of_class, scorers_folder, **settings)
    with pytest.raises(ValueError, match="needed there"):
        scored(torch.zeros(9, 1, 8, 8), None, DATA, DATA, str(scorers_folder), splits=1, batch=9, pairing="asked")
    parts = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (DATA.train, DATA.validation, DATA.test)]
    bare = ImageData("bare", *parts, classes=DATA.classes, value_range=(-1, 1))
    with pytest.raises(UserError, match="bare has no labels"):
        scored(torch.zeros(9, 1, 8, 8), None, DATA, bare, str(scorers_folder), splits=1, batch=9)
    renamed = ImageData("renamed", DATA.train, DATA.validation, DATA.test, list("abcdefghij"), (-1, 1))
    with pytest.raises(UserError, match="The classes of the training data"):
        scored(torch.zeros(9, 1, 8, 8), None, renamed, DATA, str(scorers_folder), splits=1, batch=9)
