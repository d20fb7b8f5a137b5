"""The recogniser without training, on hand-made neighbours and on real digits."""

import pytest
import torch

from ganrepro.data.embedded import Digits
from ganrepro.probes.neighbours import Neighbours, nearest
from ganrepro.probes.recogniser import NEIGHBOURS, distance_limit, recognised
from ganrepro.streams import stream


def test_by_hand():
    """Unanimous and near; one dissenter; unanimous but too far; exactly at the limit."""
    distances = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.5, 4.0], [3.0, 9.0]])
    indices = torch.tensor([[0, 1], [1, 2], [0, 1], [2, 3]])
    labels = torch.tensor([7, 7, 4, 4])
    assert recognised(Neighbours(distances, indices), labels, 3.0).tolist() == [True, False, False, True]


def test_the_limit_is_the_99th_percentile_of_the_nearest():
    distances = torch.stack([torch.arange(101.0), torch.full((101,), 1e6)], dim=1)
    assert distance_limit(Neighbours(distances, torch.zeros(101, 2, dtype=torch.int64))) == pytest.approx(99)


def test_real_digits_are_recognised_and_others_are_not():
    data = Digits()
    train, validation, test = (part.pixels.float() / 255 for part in (data.train, data.validation, data.test))
    limit = distance_limit(nearest(test, train, NEIGHBOURS))

    def share(images: torch.Tensor) -> float:
        return recognised(nearest(images, train, NEIGHBOURS), data.train.labels, limit).float().mean().item()

    assert share(validation) > 0.9
    assert share(torch.rand(300, 1, 8, 8, generator=stream(0, "noise"))) == 0.0
    order = torch.randperm(300, generator=stream(0, "pairs"))
    differ = data.validation.labels != data.validation.labels[order]
    assert share(((validation + validation[order]) / 2)[differ]) < 0.5  # two digits on top of each other
