"""The probes as part of an evaluation, and how many independent maps there are."""

import pytest
import torch

from ganrepro.evaluation.probed import effective_rank


def test_maps_alike_count_once_and_independent_ones_all() -> None:
    draws = torch.randn(2000, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    assert effective_rank(draws) == pytest.approx(1, abs=0.01)
    assert effective_rank(draws[:, :1].expand(-1, 4, -1, -1)) == pytest.approx(0.25)
    two = torch.cat([draws[:, :2], torch.zeros(2000, 2, 3, 3)], 1)
    assert effective_rank(two) == pytest.approx(0.5, abs=0.01)
    assert effective_rank(torch.full((9, 2, 2, 2), torch.nan)) != effective_rank(draws)
    assert torch.tensor(effective_rank(torch.zeros(9, 2, 2, 2))).isnan()
