"""The inception score and the modified one: by hand, against torchmetrics, and against a loop over pairs."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
import torchmetrics.image.inception
from torch import Tensor, nn

from ganrepro.metrics.inception import InceptionScore, ModifiedInceptionScore, inception_score
from ganrepro.streams import stream

LOG3 = math.log(3)


def said(n: int, classes: int, scale: float = 3.0) -> Tensor:
    """Log-probabilities float64 [n, classes] of random logits."""
    logits = scale * torch.randn(n, classes, generator=stream(0, "logits"), dtype=torch.float64)
    return logits.log_softmax(1)


def modified(log_probabilities: Tensor, pairing: str = "predicted", labels: Tensor | None = None) -> dict[str, Tensor]:
    metric = ModifiedInceptionScore(log_probabilities.shape[1], pairing)
    metric.update(log_probabilities, labels)
    return metric.compute()


def by_pairs(rows: np.ndarray) -> float:
    """exp of the mean KL(p_i || p_j) over all ordered pairs, one after the other."""
    terms = [
        sum(math.exp(p) * (p - q) for p, q in zip(first, second, strict=True))
        for first, second in itertools.product(rows.tolist(), repeat=2)
    ]
    return math.exp(sum(terms) / len(terms))


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_certain_and_even_over_k_classes_is_k(classes: int) -> None:
    score, deviation = inception_score(torch.eye(classes).repeat(20, 1).log(), 10)
    assert score == pytest.approx(classes, rel=1e-9)
    assert deviation == pytest.approx(0, abs=1e-9)


def test_always_the_same_answer_is_one() -> None:
    for row in (torch.eye(5)[:1], torch.full((1, 5), 0.2), torch.tensor([[0.7, 0.1, 0.1, 0.05, 0.05]])):
        assert inception_score(row.log().expand(60, 5), 3)[0] == pytest.approx(1, rel=1e-6)


def test_splits_are_successive_and_have_their_own_marginal() -> None:
    """All of class 0, then all of class 1: 2 in one part, 1 in each of two."""
    certain = torch.eye(2).repeat_interleave(50, 0).log()
    assert inception_score(certain, 1)[0] == pytest.approx(2)
    assert inception_score(certain, 2) == pytest.approx((1, 0))
    mixed = torch.cat([torch.eye(2)[:1].repeat(100, 1), torch.eye(2).repeat(50, 1)]).log()
    score, deviation = inception_score(mixed, 2)
    assert (score, deviation) == pytest.approx((1.5, 0.5 * math.sqrt(2)))
    assert math.isnan(inception_score(mixed, 1)[1])


def test_as_torchmetrics_has_it() -> None:
    logits = 3 * torch.randn(400, 7, generator=stream(0, "logits"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it keeps all logits, and that one part has no deviation
        metric = torchmetrics.image.inception.InceptionScore(feature=nn.Identity(), splits=1)
        metric.update(logits)
        with torch.random.fork_rng():  # it shuffles with the global generator
            expected = metric.compute()[0].item()
    assert inception_score(logits.double().log_softmax(1), 1)[0] == pytest.approx(expected, rel=1e-5)


def test_in_any_number_of_updates_without_a_global_draw() -> None:
    given, labels = said(60, 5), torch.arange(60) % 5
    before = torch.get_rng_state()
    score, paired = InceptionScore(4), ModifiedInceptionScore(5, "asked")
    for part in torch.arange(60).split(7):
        score.update(given[part].float().requires_grad_())
        paired.update(given[part], labels[part])
    assert torch.equal(before, torch.get_rng_state())
    mean, deviation = score.compute()
    assert (mean.dtype, mean.requires_grad) == (torch.float64, False)
    assert (mean.item(), deviation.item()) == pytest.approx(inception_score(given, 4), rel=1e-6)
    assert torch.equal(paired.compute()["per_class"], modified(given, "asked", labels)["per_class"])


def test_logits_two_thousand_apart() -> None:
    """No probability but 0 and 1 is left of them, and the logarithms are right."""
    certain = (2000.0 * torch.eye(4)).log_softmax(1).repeat(5, 1)
    assert inception_score(certain, 1)[0] == pytest.approx(4, rel=1e-12)
    assert modified(certain)["per_class"].tolist() == [1, 1, 1, 1]
    # p = (1, e^-2000) and q = (1 - s, s): KL(p || q) = -log(1 - s), KL(q || p) = 2000 s - H(q); two of four pairs.
    pair = torch.tensor([[0, -2000], [0, -1]], dtype=torch.float64).log_softmax(1)
    s = 1 / (1 + math.e)
    entropy = -s * math.log(s) - (1 - s) * math.log(1 - s)
    expected = (-math.log(1 - s) + 2000 * s - entropy) / 4
    assert modified(pair)["per_class"][0].log().item() == pytest.approx(expected, rel=1e-12)


def test_two_points_by_hand() -> None:
    """(3/4, 1/4) and (1/4, 3/4): KL is (log 3) / 2 both ways, and nothing with itself."""
    points = torch.tensor([[0.75, 0.25], [0.25, 0.75]], dtype=torch.float64).log()
    assert modified(points, "asked", torch.zeros(2, dtype=torch.int64))["per_class"][0].item() == pytest.approx(3**0.25)
    assert modified(points, "all")["per_class"].item() == pytest.approx(3**0.25)
    apart = modified(points)
    assert apart["per_class"].tolist() == [1, 1], "each is read as a class of its own"
    assert (apart["mean"].item(), apart["std"].item(), apart["counts"].tolist()) == (1, 0, [1, 1])
    once_more = modified(points[[0, 0, 1]], "asked", torch.zeros(3, dtype=torch.int64))
    assert once_more["per_class"][0].item() == pytest.approx(math.exp(4 / 9 * LOG3 / 2)), "four of nine pairs"


@pytest.mark.parametrize("pairing", ["predicted", "asked", "all"])
def test_as_a_loop_over_all_pairs_has_it(pairing: str) -> None:
    given, asked = said(120, 4), torch.arange(120) % 3  # nothing is asked to be of the fourth
    groups = {"predicted": given.argmax(1), "asked": asked, "all": torch.zeros(120)}[pairing]
    found = modified(given, pairing, asked if pairing == "asked" else None)
    expected = {int(group): by_pairs(given[groups == group].numpy()) for group in groups.unique()}
    scores, counts = found["per_class"].reshape(-1), found["counts"].reshape(-1)
    assert len(scores) == (1 if pairing == "all" else 4)
    for group, score in expected.items():
        assert score > 1.5
        assert scores[group].item() == pytest.approx(score, rel=1e-12)
        assert counts[group] == (groups == group).sum()
    assert scores.isnan().sum() == (pairing == "asked"), "the class of none"
    assert found["mean"].item() == pytest.approx(np.mean(list(expected.values())))
    assert found["std"].item() == pytest.approx(np.std(list(expected.values())))


def test_a_class_of_few_samples_does_not_weigh_in() -> None:
    """Of 40 samples and two classes a tenth of an equal share is two: one sample is left out, two are not."""
    many = torch.tensor([[0.75, 0.25], [0.95, 0.05]], dtype=torch.float64).repeat(19, 1)
    few = torch.tensor([[0.1, 0.9]], dtype=torch.float64)
    one, two = torch.cat([many, many[:1], few]).log(), torch.cat([many, few, few]).log()
    for given, weighs in ((one, False), (two, True)):
        found = modified(given)
        scores = found["per_class"]
        assert (len(given), scores[1].item(), found["counts"].tolist()) == (40, 1, [39 - weighs, 1 + weighs])
        assert scores[0] > 1.03
        expected = scores if weighs else scores[:1]
        assert found["mean"].item() == pytest.approx(expected.mean().item(), rel=1e-12)
        assert found["std"].item() == pytest.approx(expected.std(correction=0).item(), abs=1e-12)


@pytest.mark.parametrize("row", [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [1.0, 0.0, 0.0], [0.35, 0.33, 0.32]])
def test_all_alike_is_exactly_one(row: list[float]) -> None:
    found = modified(torch.tensor(row, dtype=torch.float64).log().expand(37, 3))
    assert found["per_class"][np.argmax(row)] == 1
    assert (found["mean"], found["std"], found["per_class_std"][np.argmax(row)]) == (1, 0, 0)


def test_the_order_says_nothing() -> None:
    given = said(200, 5)
    shuffled = given[torch.randperm(200, generator=stream(0, "order"))]
    for name in ("per_class", "counts", "mean", "std"):
        assert torch.allclose(modified(given)[name], modified(shuffled)[name], rtol=1e-13), name


def test_a_probability_of_exactly_zero() -> None:
    """It adds nothing where it stands first; where another sample has some of it, the divergence is infinite."""
    certain = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64).log()
    assert modified(certain)["per_class"][0] == 1
    mixed = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.4, 0.0], [0.6, 0.4, 0.0]], dtype=torch.float64).log()
    found = modified(mixed)
    assert found["per_class"][0] == found["mean"] == math.inf
    assert modified(mixed[1:])["per_class"][0] == 1


def test_deviation_as_deligan_prints_it() -> None:
    """Its code's steps, on each class: differences of all samples, ten parts of them, exp of each mean."""
    given = said(230, 3)
    found = modified(given)["per_class_std"]
    for label in range(3):
        rows = given[given.argmax(1) == label].numpy()
        own = (np.exp(rows) * rows).sum(1)
        cross = np.array([(np.exp(row) * rows).sum(1).mean() for row in rows])
        parts = np.array_split(own - cross, 10)
        assert found[label].item() == pytest.approx(np.std([np.exp(part.mean()) for part in parts]), rel=1e-9)
        assert found[label] > 0
    assert modified(given[:9])["per_class_std"].isnan().all(), "fewer than ten of a class"


def test_not_finite() -> None:
    given = said(30, 3)
    given[4, 1] = math.nan
    assert all(map(math.isnan, inception_score(given, 2)))
    found = modified(given)
    assert all(found[name].isnan().all() for name in ("per_class", "per_class_std", "mean", "std"))
    assert found["counts"].sum() == 29


def test_refusals() -> None:
    with pytest.raises(ValueError, match="3 images cannot be divided into 4 parts"):
        inception_score(torch.eye(3).log(), 4)
    with pytest.raises(ValueError, match="0 parts"):
        InceptionScore(0)
    for wrong in (torch.eye(3), 3 * torch.eye(3), torch.full((3, 3), math.inf)):
        with pytest.raises(ValueError, match="add up to 1"):
            inception_score(wrong, 1)
    with pytest.raises(ValueError, match=r"\[3\]"):
        inception_score(torch.zeros(3), 1)
    with pytest.raises(ValueError, match="not 'nearest'"):
        ModifiedInceptionScore(3, "nearest")
    with pytest.raises(ValueError, match="at least 1 class"):
        ModifiedInceptionScore(0)
    with pytest.raises(ValueError, match=r"not \[n, 4\]"):
        ModifiedInceptionScore(4).update(said(2, 3))
    for pairing, labels in (("predicted", torch.zeros(2)), ("all", torch.zeros(2)), ("asked", None)):
        with pytest.raises(ValueError, match="labels are for the pairing 'asked'"):
            modified(said(2, 3), pairing, labels)
    for labels in (torch.tensor([0, 3]), torch.tensor([-1, 0]), torch.tensor([0])):
        with pytest.raises(ValueError, match="from 0 to 2"):
            modified(said(2, 3), "asked", labels)
