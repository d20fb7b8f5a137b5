from math import sqrt

import pytest
import torch
from scipy import stats

from ganrepro.latents import Label, Latent, Normal, Uniform


def test_uniform_has_unit_variance_and_the_right_law(noise: torch.Generator) -> None:
    z = Uniform(dim=5, half_width=sqrt(3)).sample(4000, noise)
    assert z.shape == (4000, 5)
    assert stats.kstest(z.flatten(), stats.uniform(-sqrt(3), 2 * sqrt(3)).cdf).pvalue > 0.01
    assert z.var().item() == pytest.approx(1, abs=0.03)


def test_normal_has_the_right_law(noise: torch.Generator) -> None:
    z = Normal(dim=5, std=2.0).sample(4000, noise)
    assert stats.kstest(z.flatten(), stats.norm(0, 2).cdf).pvalue > 0.01


def test_blocks_are_joined_in_order(noise: torch.Generator) -> None:
    latent = Latent(z=Uniform(2, 1.0), noise=Normal(3, 100.0))
    z = latent.sample(50, noise)
    assert latent.dim == 5
    assert z.shape == (50, 5)
    assert z[:, :2].abs().max() <= 1 < z[:, 2:].abs().max()


def test_labels_are_all_alike_likely(noise: torch.Generator) -> None:
    drawn = Label(4).sample(4000, noise)
    assert drawn.shape == (4000, 1)
    assert stats.chisquare(torch.bincount(drawn.long().flatten(), minlength=4)).pvalue > 0.01
    assert Label(4).quantiles(8).flatten().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(ValueError, match="classes"):
        Label(1)
