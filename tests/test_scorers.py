"""Scorers: trained once, kept, made anew when damaged, the same everywhere, and what they say of real images."""

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from ganrepro import judges, recipes, scorers
from ganrepro.data.embedded import Digits, Patches
from ganrepro.data.images import ImageData, Images
from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.networks.pooled_classifier import PooledClassifier
from ganrepro.scorers import Judged, Scorer, scorer_of
from ganrepro.streams import stream

DATA = Digits()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "EPOCHS", 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scorers")


@pytest.fixture
def scorer(home: Path) -> Scorer:
    return scorer_of(DATA, home)


def again(data: ImageData, folder: Path) -> Scorer:
    """As another process would have it."""
    scorers.LOADED.clear()
    return scorer_of(data, folder)


def unlabelled(data: ImageData) -> ImageData:
    splits = [Images(part.pixels, -torch.ones_like(part.labels)) for part in (data.train, data.validation, data.test)]
    return ImageData("unlabelled", *splits)


def weights_of(scorer: Scorer) -> str:
    return hashlib.sha256((scorer.folder / "weights.pt").read_bytes()).hexdigest()


def test_a_classifier_of_labelled_data(scorer: Scorer, capsys: pytest.CaptureFixture[str]) -> None:
    assert (scorer.name, scorer.labelled) == ("classifier", True)
    assert scorer.record["accuracy"] > 0.93
    assert scorer.record["recipe"]["epochs"] == 20
    assert scorer.folder.name.startswith(f"classifier-{DATA.fingerprint}-")
    judged = scorer.judge(DATA.test.pixels)
    assert judged.probabilities is not None
    right = (judged.probabilities.argmax(1) == DATA.test.labels).double().mean().item()
    assert right == pytest.approx(scorer.record["accuracy"], abs=0.01)
    assert (judged.features.shape, judged.features.dtype) == ((300, 64), torch.float64)
    assert torch.allclose(judged.probabilities.sum(1), torch.ones(300, dtype=torch.float64))
    capsys.readouterr()
    assert torch.equal(again(DATA, scorer.folder.parent).judge(DATA.test.pixels).features, judged.features)
    assert capsys.readouterr().out == "", "it was read, not trained"


@pytest.mark.usefixtures("quick")
def test_the_same_everywhere_and_no_global_draw(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    with torch.no_grad():  # as evaluations call it
        first = scorer_of(DATA, tmp_path / "a")
        first.floor("test", 30)
    torch.manual_seed(1)
    second = scorer_of(DATA, tmp_path / "b")
    assert weights_of(first) == weights_of(second)
    torch.set_rng_state(before)
    scorer_of(DATA, tmp_path / "c")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.usefixtures("quick")
def test_trained_once_by_whoever_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: scorer_of(DATA, tmp_path), range(3)))
    assert capsys.readouterr().out.count("Training") == 1
    assert len({weights_of(scorer) for scorer in found}) == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("damage", ["flipped", "cut", "no record", "half a record"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    scorer = scorer_of(DATA, tmp_path)
    right, features = weights_of(scorer), scorer.real("test", 20).features
    weights, record = scorer.folder / "weights.pt", scorer.folder / "record.json"
    whole = bytearray(weights.read_bytes())
    if damage == "flipped":
        whole[len(whole) // 2] ^= 1
        weights.write_bytes(whole)
    elif damage == "cut":
        weights.write_bytes(whole[:1000])
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text(record.read_text()[:20])
    capsys.readouterr()
    new = again(DATA, tmp_path)
    out = capsys.readouterr().out
    assert ("is damaged" in out) == (damage != "no record")
    assert "Training" in out
    assert weights_of(new) == right
    assert not list(new.folder.glob("test-*")), "what the damaged one said of real images is gone"
    assert torch.equal(new.real("test", 20).features, features)


@pytest.mark.usefixtures("quick")
def test_another_recipe_has_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = scorer_of(DATA, tmp_path)
    monkeypatch.setattr(judges, "LEARNING_RATE", 2e-3)
    assert again(DATA, tmp_path).folder != first.folder


# The augmented recipe. -----------------------------------------------------------------------------------------


def test_the_plain_recipe_keeps_its_address() -> None:
    """Of every scorer of the other papers' studies, and of what was judged with it."""
    assert judges.recipe_hash() == recipes.recipe_of("plain", DATA, True).hash == "9b373b17"


def test_a_classifier_by_the_augmented_recipe(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recipes, "EPOCHS", 6)
    before = torch.get_rng_state()
    found = scorer_of(DATA, tmp_path, recipe="augmented")
    assert torch.equal(before, torch.get_rng_state())
    assert (found.name, found.labelled, found.record["recipe"]["epochs"]) == ("classifier", True, 6)
    assert found.folder.name.rpartition("-")[0] == scorer.folder.name.rpartition("-")[0]
    assert found.folder.name != scorer.folder.name
    assert found.record["accuracy"] > 0.9
    said = found.judge(DATA.validation.pixels)
    assert said.log_probabilities is not None
    right = (said.log_probabilities.argmax(1) == DATA.validation.labels).double().mean().item()
    assert found.record["validation_accuracy"] == pytest.approx(right)
    assert torch.allclose(found.judge(DATA.validation.pixels[:7]).features, said.features[:7], atol=1e-4)
    assert said.features.shape[1] == recipes.FEATURES
    capsys.readouterr()
    scorers.LOADED.clear()
    kept = scorer_of(DATA, tmp_path, recipe="augmented")
    assert torch.equal(kept.judge(DATA.validation.pixels).features, said.features)
    assert capsys.readouterr().out == "", "it was read, not trained"


def test_the_augmented_recipe_is_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "EPOCHS", 1)
    first = scorer_of(DATA, tmp_path / "a", recipe="augmented")
    torch.manual_seed(1)
    assert weights_of(scorer_of(DATA, tmp_path / "b", recipe="augmented")) == weights_of(first)
    monkeypatch.setattr(recipes, "DEGREES", 0)
    scorers.LOADED.clear()
    other = scorer_of(DATA, tmp_path / "a", recipe="augmented")
    assert other.folder != first.folder
    assert weights_of(other) != weights_of(first)


def test_recipes_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not 'strong'"):
        scorer_of(DATA, tmp_path, recipe="strong")
    bare = unlabelled(DATA)
    assert recipes.recipe_of("augmented", bare, False).hash == judges.recipe_hash(), "nothing is known but turns"
    for shape, classes, says in (((1, 3, 8), 10, "from 4x4"), ((2,), 10, "from 4x4"), ((1, 8, 8), 1, "there are 1")):
        with pytest.raises(UserError, match=says):
            PooledClassifier(shape, classes, 4, 8, 0.5)


def test_moved_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bright spot right of the middle: where it goes, by how far at most, and that the border goes on."""
    images = torch.full((400, 1, 28, 28), -1.0)
    images[:, :, 13:15, 21:23] = 1.0  # 8 pixels to the right of the middle
    found = recipes.moved(images, stream(0, "move"))
    assert torch.equal(found, recipes.moved(images, stream(0, "move")))
    light = (found + 1)[:, 0]
    total = light.sum((1, 2))
    across = (light.sum(1) * torch.arange(28.0)).sum(1) / total - 13.5
    down = (light.sum(2) * torch.arange(28.0)).sum(1) / total - 13.5
    assert found.min() >= -1.0001, "no grey comes in from outside"
    farthest = 8 * math.sin(math.radians(15))
    assert farthest < down.abs().max() < farthest + 3, "some are turned and shifted the same way"
    assert 4.5 < across.min() < 7 < 8.5 < across.max() < 11
    assert down.mean().abs() < 0.4
    monkeypatch.setattr(recipes, "DEGREES", 0)
    monkeypatch.setattr(recipes, "SHIFT", 0.0)
    assert torch.allclose(recipes.moved(images, stream(0, "move")), images, atol=1e-4)


# Others. -------------------------------------------------------------------------------------------------------


def test_a_rotation_net_without_labels(home: Path) -> None:
    scorer = scorer_of(unlabelled(DATA), home)
    assert (scorer.name, scorer.labelled) == ("rotation net", False)
    assert 0.8 < scorer.record["accuracy"] <= 1
    judged = scorer.judge(DATA.test.pixels[:9])
    assert judged.probabilities is None
    assert judged.features.shape == (9, 64)
    assert len(scorer.network.network.output.bias) == judges.TURNS


@pytest.mark.usefixtures("quick")
def test_one_class_is_no_label(tmp_path: Path) -> None:
    splits = [Images(part.pixels, 0 * part.labels) for part in (DATA.train, DATA.validation, DATA.test)]
    assert scorer_of(ImageData("faces", *splits, classes=["face"]), tmp_path).name == "rotation net"


def test_turned() -> None:
    image = torch.arange(4).view(1, 1, 2, 2)
    found = judges.turned(image.expand(4, 1, 2, 2), torch.tensor([0, 1, 2, 3]))
    assert found.flatten(1).tolist() == [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]]


def test_what_cannot_be_judged(tmp_path: Path, scorer: Scorer) -> None:
    with pytest.raises(UserError, match="points"):
        scorer_of(GaussianMixture([[0.0]], [1.0], [1.0]), tmp_path)
    wide = [Images(part.pixels[:30, :, :4], -1 - 0 * part.labels[:30]) for part in (DATA.train, DATA.test)]
    with pytest.raises(UserError, match="not square"):
        scorer_of(ImageData("wide", wide[0], wide[1], wide[1]), tmp_path)
    with pytest.raises(ValueError, match="uint8"):
        scorer.judge(torch.rand(2, 1, 8, 8))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match="Cannot keep a scorer"):
        scorer_of(DATA, file)


@pytest.mark.usefixtures("quick")
def test_contrast_normalised_images_are_no_pictures(tmp_path: Path) -> None:
    data = Patches(size=8, value_range=None, scaling="gcn")
    with pytest.raises(UserError, match="gcn"):
        scorer_of(data, tmp_path).judge_samples(torch.zeros(2, 3, 8, 8))


def test_both_ranges_are_one_picture(scorer: Scorer, home: Path) -> None:
    pixels = DATA.test.pixels[:50]
    expected = scorer.judge(pixels).features
    assert torch.equal(scorer.judge_samples(DATA.normalise(pixels)).features, expected)
    other = scorer_of(Digits(value_range=[-1.0, 1.0]), home)
    assert torch.equal(other.judge_samples(other.data.normalise(pixels)).features, expected)
    assert torch.allclose(scorer.judge(pixels, batch=7).features, expected, atol=1e-4)


def test_a_sample_that_is_not_finite(scorer: Scorer) -> None:
    images = DATA.normalise(DATA.test.pixels[:5])
    images[3, 0, 0, 0] = math.inf
    judged = scorer.judge_samples(images)
    assert judged.features.isfinite().all(1).tolist() == [True, True, True, False, True]
    assert not judged.finite
    assert judged.probabilities is not None
    assert judged.probabilities[3].isnan().all()
    assert judged[:3].finite


def test_real_images_are_of_all_classes_even_where_they_are_sorted(home: Path, tmp_path: Path, quick: None) -> None:
    order = DATA.test.labels.argsort()
    data = ImageData("sorted", DATA.train, DATA.validation, DATA.test[order], classes=DATA.classes)
    scorer = scorer_of(data, tmp_path)
    chosen = scorer.data_pixels("test", 100)
    found = scorer.judge(chosen).probabilities
    assert found is not None
    assert len(found.argmax(1).unique()) == 10
    assert scorer.shares("test").tolist() == [(DATA.test.labels == label).double().mean() for label in range(10)]
    with pytest.raises(ValueError, match="has 300"):
        scorer.real("test", 301)


def test_floors_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    floor = again(DATA, home).floor("test", 60)
    assert floor > 0
    with monkeypatch.context() as patched:
        patched.setattr(Scorer, "judge", lambda *given: pytest.fail("computed again"))
        assert again(DATA, home).floor("test", 60) == floor
    kept = again(DATA, home).folder / "floor-test-60.pt"
    kept.write_bytes(kept.read_bytes()[:-40])
    assert again(DATA, home).floor("test", 60) == pytest.approx(floor, rel=1e-9)


def test_a_perfect_generator_is_at_the_floor_and_a_bad_one_above(scorer: Scorer) -> None:
    n = scorer.count("test", 1000)
    assert n == 300
    perfect = scorer.frechet(scorer.judge(DATA.train.pixels[-300:]), "test")
    same = scorer.frechet(scorer.judge(DATA.train.pixels[:1].expand(300, -1, -1, -1)), "test")
    assert 0.4 < perfect / scorer.floor("test", n) < 2
    assert same / scorer.floor("test", n) > 10


def test_few_images_have_few_dimensions(scorer: Scorer) -> None:
    assert [scorer.dims(n) for n in (2, 30, 191, 192, 5000)] == [1, 10, 63, 64, 64]
    features = scorer.judge(DATA.test.pixels[:40]).features
    assert scorer.reduced(features, 300) is features
    assert scorer.reduced(features, 30).shape == (40, 10)
    training = scorer.judge(DATA.train.pixels).features
    spread = scorer.reduced(training, 30).var(0)
    assert torch.equal(spread, spread.sort(descending=True).values)
    assert spread.sum() > 0.6 * training.var(0).sum(), "the directions in which the data vary most"
    images = scorer.judge(DATA.test.pixels[:20])
    assert math.isfinite(scorer.frechet(Judged(images.features, None), "test"))


def test_inception_where_its_weights_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of the true layout with random weights."""
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")

    class Blank(fidelity.FeatureExtractorInceptionV3):
        def load_state_dict(self, state: object) -> None:
            """Keeps its first weights."""

    path = tmp_path / "data" / judges.INCEPTION_FILES[0]
    path.parent.mkdir()
    torch.save({}, path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(Blank("inception-v3-compat", ["2048"], str(path)).state_dict(), path)
    monkeypatch.setenv("GANREPRO_DATA", str(path.parent))
    with pytest.raises(UserError, match="SHA-256"):
        scorer_of(unlabelled(DATA), tmp_path / "scorers")
    monkeypatch.setattr(judges, "INCEPTION_SHA256", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    before = torch.get_rng_state()
    scorer = scorer_of(unlabelled(DATA), tmp_path / "scorers")
    assert torch.equal(before, torch.get_rng_state())
    assert (scorer.name, scorer.labelled, scorer.record["accuracy"]) == ("inception", False, None)
    judged = scorer.judge(DATA.test.pixels[:2])
    assert judged.probabilities is not None
    assert (judged.features.shape, judged.probabilities.shape) == ((2, 2048), (2, 1008))
    assert scorer_of(DATA, tmp_path / "scorers", prefer_inception=True).name == "inception"
    assert "Training" not in capsys.readouterr().out


def test_uint8_noise_differs_from_digits(scorer: Scorer) -> None:
    noise = torch.randint(256, (300, 1, 8, 8), dtype=torch.uint8, generator=stream(0, "noise"))
    assert scorer.frechet(scorer.judge(noise), "test") > 5 * scorer.floor("test", 300)
