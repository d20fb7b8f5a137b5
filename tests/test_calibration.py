"""The calibration study tells good sets from bad ones, and its sets are what their names say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganrepro import calibration
from ganrepro.assemble import check_measurement
from ganrepro.calibration import Calibration
from ganrepro.cells import cell_of, hydra_at
from ganrepro.data.embedded import Digits, Faces
from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated
from ganrepro.streams import stream

DATA = Digits()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    study = Calibration(DATA, samples=300, draws=2, scorers=str(tmp_path_factory.mktemp("scorers")))
    before = torch.get_rng_state()
    evaluated = study(lambda *p: stream(0, *p), 1)
    assert torch.equal(before, torch.get_rng_state())
    return evaluated


def test_it_separates(found: Evaluated) -> None:
    metrics = found.metrics
    assert metrics[Calibration.monitor] == pytest.approx(1, abs=0.4)
    for bad in ("noise", "half_noise", "few_1", "few_8", "half_classes", "one_class", "blend"):
        assert metrics[f"{bad}/frechet_ratio"] > 2 * metrics["real/frechet_ratio"], bad
    ratios = [metrics[f"noise_{std}/frechet_ratio"] for std in (0.05, 0.1, 0.2, 0.4)]
    assert ratios == sorted(ratios)
    ratios = [metrics[f"blur_{std}/frechet_ratio"] for std in (0.5, 1, 2)]
    assert ratios[2] > ratios[1]
    assert metrics["few_1/diversity"] == pytest.approx(0, abs=1e-9)
    assert metrics["real/classes_share"] == 1
    assert metrics["one_class/classes_share"] < 0.25
    assert metrics["half_classes/classes"] == pytest.approx(5, abs=1.5)


def test_arrays(found: Evaluated) -> None:
    arrays = found.arrays["calibration"]
    names, sets = arrays["metrics"].tolist(), arrays["sets"].tolist()
    assert arrays["table"].shape == (len(sets), 2, len(names))
    assert (arrays["strips"].dtype, arrays["strips"].shape) == (np.uint8, (len(sets), 8, 1, 8, 8))
    mean = arrays["table"][sets.index("one_class"), :, names.index("balance")].mean()
    assert found.metrics["one_class/balance"] == pytest.approx(mean)
    strip = arrays["strips"][sets.index("few_1")]
    assert (strip == strip[0]).all()


def test_sets_are_what_they_are_called() -> None:
    sets = calibration.sets_of(True)
    pixels, labels = DATA.train.pixels, DATA.train.labels
    made = {name: make(pixels, labels, stream(0, name)) for name, make in sets.items()}
    assert torch.equal(made["real"], pixels)
    assert {len(made[f"few_{n}"]) for n in (1, 8, 64)} == {1, 8, 64}
    places = {tuple(image.flatten().tolist()): label for image, label in zip(pixels, labels.tolist(), strict=True)}
    for name, classes in (("one_class", 1), ("half_classes", 5)):
        assert len({places[tuple(image.flatten().tolist())] for image in made[name]}) == classes
    assert torch.equal(made["half_noise"][1::2], pixels[1::2])
    assert not torch.equal(made["half_noise"][::2], pixels[::2])
    assert (made["noise"].float().mean() - 127.5).abs() < 2
    away = (made["noise_0.1"].float() - pixels.float())[(pixels > 100) & (pixels < 150)]
    assert away.std() == pytest.approx(25.5, rel=0.05)
    assert made["blend"][5].tolist() == ((pixels[5].int() + pixels[4].int()) // 2).tolist()
    sharpness = [made[name].float().diff(dim=-1).abs().mean() for name in ("real", "blur_0.5", "blur_1", "blur_2")]
    assert sharpness == sorted(sharpness, reverse=True)
    assert all(images.dtype == torch.uint8 for images in made.values())


def test_without_labels_there_are_no_sets_of_classes(tmp_path: Path) -> None:
    found = Calibration(Faces(size=8), samples=500, draws=1, scorers=str(tmp_path))(lambda *p: stream(0, *p), 1)
    assert set(calibration.sets_of(False)) == {name.split("/")[0] for name in found.metrics}
    assert "one_class/frechet" not in found.metrics
    assert found.metrics["real/images"] == 20


def test_refusals() -> None:
    with pytest.raises(UserError, match="draws=0"):
        Calibration(DATA, draws=0)
    with pytest.raises(UserError, match="pictures"):
        Calibration(GaussianMixture([[0.0]], [1.0], [1.0]))
    assert Calibration.needs_data


def test_updates_mean_nothing_here_and_are_refused() -> None:
    with hydra_at(Path(__file__).parents[1] / "conf"):
        cell = cell_of(["experiment=lsgan_calibration", "data.size=8", "updates=3"], {})
    with pytest.raises(UserError, match="updates does nothing there"):
        check_measurement(cell)
