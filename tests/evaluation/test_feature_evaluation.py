"""What features are found to be worth, for a D whose features are planted and for a real one."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC
from torch import Tensor, nn

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, FeatureEvaluation
from ganrepro.evaluation.features import untrained
from ganrepro.latents import Latent, Normal
from ganrepro.networks.dcgan import DCGANDiscriminator
from ganrepro.probes.features import extract, fixed_statistics
from ganrepro.streams import stream

DATA = Digits()
FIDELITY = {"frechet", "valid/frechet", "diversity", "classes", "confidence"}


class Gain(nn.Module):
    """A D whose one stage gives the image times a weight: `trained` to 1, and 0 where it is drawn anew."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self.gain)

    def features(self, images: Tensor) -> list[Tensor]:
        return [nn.functional.interpolate(images, scale_factor=0.5) * self.gain]

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3)) * self.gain


def measured(folder: Path, network: Any, final: bool = True, **settings: Any) -> Evaluated:
    def images(z: Tensor) -> Tensor:
        return DATA.normalise(DATA.train.pixels[torch.arange(len(z)) % len(DATA.train)])

    gan = SimpleNamespace(latent=Latent(z=Normal(2, 1.0)), images=images, critics={"discriminator": network})
    small = {"samples": 90, "per_class": 10, "tuning_draws": 2, "draws": 3} | settings
    return FeatureEvaluation(scorers=str(folder), **small)(gan, DATA, lambda *p: stream(0, *p), final)


def discriminator(running: bool = False) -> nn.Module:
    network = DCGANDiscriminator(
        DATA.shape,
        [6, 9],
        [1, 2],
        3,
        norm="batch",
        eps=1e-8,
        running=running,
        sampling="strided",
        activation="leaky_relu",
        weight_std=0.02,
        hidden=[],
    )
    network.initialise(stream(0, "weights"))
    return network.eval()


def test_features_that_tell_more_after_training(scorers_folder: Path) -> None:
    found = measured(scorers_folder, Gain()).metrics
    assert found["features/accuracy"] > 0.75
    assert found["features/pixels"] >= found["features/accuracy"], "the planted features are a quarter of the pixels"
    assert found["features/untrained"] < 0.2, "features that are all zero leave one class for all images"
    assert 0.5 < found["features/few"] < found["features/accuracy"]
    assert found["features/few_untrained"] < 0.2
    assert found["features/few_pixels"] > 0.6
    assert 0 < found["features/few_std"] < 0.2
    assert (found["features/dims"], found["features/units"]) == (16, 1)
    assert (found["features/train"], found["features/test"]) == (1197, 300)
    assert found["features/unconverged"] == 0
    assert set(found) >= FIDELITY


def test_accuracies_are_those_of_scikit_learn(scorers_folder: Path) -> None:
    found = measured(scorers_folder, Gain())
    c = found.metrics["features/c"]
    assert found.metrics["features/edge"] == float(c in (1e-4, 1e-2))
    rows = {
        split: DATA.normalise(getattr(DATA, split).pixels)[:, :, ::2, ::2].flatten(1) for split in ("train", "test")
    }
    machine = LinearSVC(C=c, dual=True, random_state=0).fit(rows["train"], DATA.train.labels)
    expected = machine.score(rows["test"], DATA.test.labels)
    assert found.metrics["features/accuracy"] == pytest.approx(expected, abs=0.011)  # another order of images


def test_a_real_discriminator_and_its_table(scorers_folder: Path) -> None:
    network = discriminator()
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    before = torch.get_rng_state()
    found = measured(scorers_folder, network)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert found.metrics["features/units"] == 9
    assert found.metrics["features/dims"] == 15 * 16
    assert found.metrics["features/accuracy"] > 0.8, "random filters keep what digits are"
    assert found.metrics["features/accuracy"] != found.metrics["features/untrained"]
    assert set(found.arrays) == {"fidelity", "features"}
    table = found.arrays["features"]
    assert table["names"].tolist() == ["trained", "untrained", "pixels"]
    assert table["accuracy"].tolist() == [found.metrics[f"features/{n}"] for n in ("accuracy", "untrained", "pixels")]
    assert table["few"].shape == (3, 3)
    few = [found.metrics[f"features/{name}"] for name in ("few", "few_untrained", "few_pixels")]
    np.testing.assert_allclose(table["few"].mean(1), few)
    assert found.metrics["features/few_std"] == pytest.approx(1.96 * table["few"][0].std())
    for validation, c in ((table["validation"], table["c"]), (table["few_validation"], table["few_c"])):
        assert table["grid"][validation.argmax(1)].tolist() == c.tolist()
    assert table["dims"].tolist() == [240, 240, 64]
    assert [int(table[name]) for name in ("per_class", "train", "test")] == [10, 1197, 300]
    assert str(table["data"]) == "digits"
    assert found.metrics["features/unconverged"] == table["unconverged"].sum()


def test_the_untrained_one_is_drawn_anew_and_normalised_by_the_images() -> None:
    """A batch norm whose running averages have not begun yet would leave everything as it is."""
    found = []
    for running in (True, False):
        trained = discriminator(running)
        trained.load_state_dict({name: torch.full_like(value, 7) for name, value in trained.state_dict().items()})
        fresh = untrained(trained, stream(0, "weights"))
        assert torch.equal(next(fresh.parameters()), next(discriminator().parameters()))
        assert next(trained.parameters()).unique().tolist() == [7]
        fixed = fixed_statistics(fresh, DATA.train.pixels, DATA.normalise)
        found.append(extract(fixed, DATA.test.pixels, DATA.normalise))
    assert np.array_equal(*found)
    assert 0.1 < found[0][:, 6 * 16 :].std() < 10, "normalised, then the maxima of 2x2"


def test_fewer_images_and_before_the_end(scorers_folder: Path) -> None:
    found = measured(scorers_folder, Gain(), train_images=200, test_images=50, per_class=5).metrics
    assert (found["features/train"], found["features/test"]) == (200, 50)
    assert (50 * found["features/accuracy"]) % 1 == pytest.approx(0, abs=1e-9)
    early = measured(scorers_folder, Gain(), final=False)
    assert set(early.metrics) >= FIDELITY
    assert not any(name.startswith("features/") for name in early.metrics)
    assert early.arrays == {}


def test_judged_on_other_data(scorers_folder: Path) -> None:
    """The same pictures under labels of their own: whether the digit is above four."""
    splits = [Images(part.pixels, (part.labels > 4).long()) for part in (DATA.train, DATA.validation, DATA.test)]
    found = measured(scorers_folder, Gain(), data=ImageData("halves", *splits, ["low", "high"]))
    assert str(found.arrays["features"]["data"]) == "halves"
    assert 0.6 < found.metrics["features/accuracy"] < 0.95
    assert found.metrics["features/untrained"] > 0.4, "one of two classes for all"


def test_features_that_are_not_finite(scorers_folder: Path) -> None:
    found = measured(scorers_folder, Gain(math.nan))
    assert math.isnan(found.metrics["features/accuracy"])
    assert math.isnan(found.metrics["features/few"])
    assert math.isfinite(found.metrics["features/pixels"])
    assert math.isfinite(found.metrics["features/few_untrained"])
    assert np.isnan(found.arrays["features"]["few"][0]).all()


def test_what_cannot_work_is_said_before_the_end(scorers_folder: Path) -> None:
    splits = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (DATA.train, DATA.validation, DATA.test)]
    for message, settings in {
        "no labels: set evaluation.data": {"data": ImageData("bare", *splits)},
        r"in \(-1.0, 1.0\)": {"data": Digits(value_range=(-1, 1))},
        "fewer than .*per_class=200": {"per_class": 200},
        "per_class=10": {"train_images": 40},
    }.items():
        with pytest.raises(UserError, match=message):
            measured(scorers_folder, Gain(), final=False, **settings)
    with pytest.raises(UserError, match="Linear has no `features`"):
        measured(scorers_folder, nn.Linear(2, 1), final=False)
    for name in ("per_class", "tuning_draws", "draws", "train_images", "test_images"):
        with pytest.raises(UserError, match=f"evaluation.{name} is 0"):
            FeatureEvaluation(**{name: 0})
