"""The inception score in closed form, and against torchmetrics."""

import math
import warnings

import pytest
import torch
from torch import nn
from torchmetrics.image.inception import InceptionScore

from ganrepro.metrics.inception import inception_score
from ganrepro.streams import stream


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_certain_and_even_over_k_classes_is_k(classes: int) -> None:
    probabilities = torch.eye(classes).repeat(20, 1)
    score, deviation = inception_score(probabilities, 10)
    assert score == pytest.approx(classes, rel=1e-9)
    assert deviation == pytest.approx(0, abs=1e-9)


def test_always_the_same_answer_is_one() -> None:
    for row in (torch.eye(5)[:1], torch.full((1, 5), 0.2), torch.tensor([[0.7, 0.1, 0.1, 0.05, 0.05]])):
        assert inception_score(row.expand(60, 5), 3)[0] == pytest.approx(1, rel=1e-6)


def test_splits_are_successive_and_have_their_own_marginal() -> None:
    """All of class 0, then all of class 1: 2 in one part, 1 in each of two."""
    probabilities = torch.eye(2).repeat_interleave(50, 0)
    assert inception_score(probabilities, 1)[0] == pytest.approx(2)
    assert inception_score(probabilities, 2) == pytest.approx((1, 0))
    mixed = torch.cat([torch.eye(2)[:1].repeat(100, 1), torch.eye(2).repeat(50, 1)])
    score, deviation = inception_score(mixed, 2)
    assert (score, deviation) == pytest.approx((1.5, 0.5 * math.sqrt(2)))
    assert math.isnan(inception_score(mixed, 1)[1])


def test_as_torchmetrics_has_it() -> None:
    logits = 3 * torch.randn(400, 7, generator=stream(0, "logits"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it keeps all logits, and that one part has no deviation
        metric = InceptionScore(feature=nn.Identity(), splits=1)
        metric.update(logits)
        with torch.random.fork_rng():  # it shuffles with the global generator
            expected = metric.compute()[0].item()
    assert inception_score(logits.double().softmax(1), 1)[0] == pytest.approx(expected, rel=1e-5)


def test_not_finite_and_too_few() -> None:
    assert all(map(math.isnan, inception_score(torch.full((10, 3), torch.nan), 2)))
    with pytest.raises(ValueError, match="divided"):
        inception_score(torch.eye(3), 4)
