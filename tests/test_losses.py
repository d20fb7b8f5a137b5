"""Losses against numbers worked by hand, and their gradients where the paper says they differ."""

from math import log

import pytest
import torch

from ganrepro.losses import NonSaturating, Saturating

REAL, FAKE = torch.tensor([0.0, log(3)]), torch.tensor([0.0, -log(3)])  # D(x) = 1/2, 3/4; D(G(z)) = 1/2, 1/4


def test_discriminator_loss_by_hand() -> None:
    wanted = -(log(1 / 2) + log(3 / 4)) / 2 - (log(1 / 2) + log(3 / 4)) / 2
    assert NonSaturating().discriminator(REAL, FAKE).item() == pytest.approx(wanted)
    assert Saturating().discriminator(REAL, FAKE).item() == pytest.approx(wanted)


def test_generator_losses_by_hand() -> None:
    assert NonSaturating().generator(FAKE).item() == pytest.approx(-(log(1 / 2) + log(1 / 4)) / 2)
    assert Saturating().generator(FAKE).item() == pytest.approx((log(1 / 2) + log(3 / 4)) / 2)


@pytest.mark.parametrize(("loss", "slope"), [(NonSaturating(), -1.0), (Saturating(), 0.0)])
def test_gradient_when_d_is_sure(loss: NonSaturating, slope: float) -> None:
    """Section 3: where D rejects samples with confidence, only the non-saturating loss still pulls."""
    logits = torch.full((4,), -30.0, requires_grad=True)
    loss.generator(logits).backward()
    assert logits.grad is not None
    assert logits.grad.sum().item() == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("loss", [NonSaturating(), Saturating()])
def test_extreme_logits_stay_finite(loss: NonSaturating) -> None:
    extreme = torch.tensor([-1e4, 1e4])
    assert loss.discriminator(extreme, extreme).isfinite()
    assert loss.generator(extreme).isfinite()
