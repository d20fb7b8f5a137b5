"""Nearest training images and the share of copies."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from ganrepro.data.embedded import Digits
from ganrepro.probes.neighbours import copies, nearest
from ganrepro.streams import stream


@pytest.fixture(scope="module")
def digits() -> dict[str, torch.Tensor]:
    data = Digits()
    return {name: getattr(data, name).pixels.float() / 255 for name in ("train", "validation", "test")}


@pytest.mark.parametrize("k", [1, 5])
def test_agrees_with_scikit_learn(digits, k):
    found = nearest(digits["test"], digits["train"], k, chunk=70)
    exact = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(digits["train"].flatten(1).double().numpy())
    distances, indices = exact.kneighbors(digits["test"].flatten(1).double().numpy())
    np.testing.assert_allclose(found.distances, distances, atol=1e-6)
    assert (found.indices.numpy() == indices).mean() > 0.99  # ties may be listed in either order


@pytest.mark.parametrize("k", [1, 3])
def test_right_where_the_matrix_product_is_not(k):
    """|x|^2 is 2e8, where neighbouring float32 numbers are 16 apart: the product alone cannot rank these."""
    offsets = torch.rand(25, 2, generator=stream(0, "offsets")).mul(64).round() / 64  # exact beside 10,000
    found = nearest(10000 + offsets[5:], 10000 + offsets[:5], k)
    distances, indices = torch.cdist(offsets[5:], offsets[:5]).sort(dim=1)
    assert torch.equal(found.indices, indices[:, :k])
    torch.testing.assert_close(found.distances, distances[:, :k])


def test_fewer_candidates_than_asked_for():
    found = nearest(torch.zeros(2, 3), torch.tensor([[1.0, 0, 0], [0, 2.0, 0]]), 5)
    assert found.distances.tolist() == [[1.0, 2.0]] * 2
    assert found.indices.tolist() == [[0, 1]] * 2


def test_autocast_does_not_reach_it():
    """Candidates so alike that bfloat16 products cannot rank them."""
    spread = 0.01 * torch.randn(520, 64, generator=stream(0, "alike"))
    queries, candidates = 1 + spread[:20], 1 + spread[20:]
    expected = nearest(queries, candidates)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(nearest(queries, candidates).indices, expected.indices)


def test_planted_copies_are_found(digits):
    train, heldout = digits["train"], nearest(digits["test"], digits["train"]).distances[:, 0]
    noise = 0.01 * torch.randn(train[:200].shape, generator=stream(0, "noise"))
    assert copies(nearest(train[:200] + noise, train).distances[:, 0], heldout) == 1.0
    half = torch.cat([train[:100], digits["validation"][:100]])
    assert copies(nearest(half, train).distances[:, 0], heldout) == pytest.approx(0.5, abs=0.03)


def test_the_data_itself_scores_the_quantile(digits):
    heldout = nearest(digits["test"], digits["train"]).distances[:, 0]
    assert copies(heldout, heldout) == pytest.approx(0.01, abs=1e-6)  # 3 of 300
    fresh = nearest(digits["validation"], digits["train"]).distances[:, 0]
    assert copies(fresh, heldout) < 0.05
    assert copies(heldout + 1, heldout) == 0.0
