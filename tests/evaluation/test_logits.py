"""Gradients by D's output: autograd of the losses against their formulas, and shares at planted outputs."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, LogitGradientEvaluation
from ganrepro.evaluation.logits import gradients, undecided
from ganrepro.latents import Latent, Normal
from ganrepro.losses import LeastSquares, Margin, NonSaturating, Saturating
from ganrepro.streams import stream

POINTS = torch.linspace(-6, 6, 25, dtype=torch.float64)


def measured(outputs, loss=None, final: bool = False) -> Evaluated:
    gan = SimpleNamespace(
        latent=Latent(z=Normal(1, 1.0)),
        loss=loss or NonSaturating(),
        generate=lambda z: z,
        discriminate=lambda z: outputs[torch.arange(len(z)) % len(outputs)],
    )
    with torch.no_grad():
        return LogitGradientEvaluation(samples=100)(gan, None, lambda *p: stream(0, *p), final)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_autograd_of_the_losses_is_figure_2(reduction: str) -> None:
    assert torch.allclose(gradients(NonSaturating(), POINTS), (-POINTS).sigmoid())
    assert torch.allclose(gradients(Saturating(), POINTS), POINTS.sigmoid())
    assert torch.allclose(gradients(LeastSquares(reduction=reduction), POINTS), (POINTS - 1).abs())
    assert torch.allclose(gradients(LeastSquares(-1.0, 1.0, 0.0), POINTS), POINTS.abs())


def test_undecided() -> None:
    assert undecided(NonSaturating()).item() == undecided(Saturating()).item() == 0.5
    assert undecided(LeastSquares()).item() == 0.5
    assert undecided(LeastSquares(-1.0, 1.0, 0.0)).item() == 0.5, "c is the middle: half of |a - c|"
    assert undecided(LeastSquares(0.0, 2.0, 2.0)).item() == 1


def test_shares_at_planted_outputs() -> None:
    """-log D vanishes where D is sure of real, log(1 - D) where it is sure of fake, least squares near c alone."""
    limit = math.log(0.005 / 0.995)  # sigmoid(limit) is a hundredth of 1/2
    outputs = torch.tensor([limit - 0.1, limit + 0.1, -limit - 0.1, -limit + 0.1])
    found = measured(outputs).metrics
    assert (found["vanishing/gan"], found["vanishing/gan_saturating"], found["vanishing/lsgan"]) == (0.25, 0.25, 0)
    assert found["vanishing/own"] == found["vanishing/gan"]
    near = measured(torch.tensor([1.004, 0.996, 1.006, 0.994]), LeastSquares()).metrics
    assert near["vanishing/lsgan"] == near["vanishing/own"] == 0.5
    assert near["d_fake"] == pytest.approx(1)
    assert near["d_fake_std"] == pytest.approx(math.sqrt((0.004**2 + 0.006**2) / 2), rel=1e-3)
    other = measured(torch.tensor([0.0, 0.004, 1.0, 0.5]), LeastSquares(-1.0, 1.0, 0.0)).metrics
    assert (other["vanishing/own"], other["vanishing/lsgan"]) == (0.5, 0.25), "its own labels, and the usual ones"


def test_arrays_at_the_end() -> None:
    assert measured(torch.tensor([0.3])).arrays == {}
    arrays = measured(torch.tensor([0.3, 2.0]), LeastSquares(-1.0, 1.0, 0.0), final=True).arrays["logits"]
    assert arrays["counts"].sum() == 100
    assert len(arrays["edges"]) == len(arrays["counts"]) + 1
    outputs = arrays["outputs"]
    assert (outputs[0], outputs[-1], len(outputs)) == (-10, 10, 401)
    assert np.allclose(arrays["lsgan"], np.abs(outputs - 1))
    assert np.allclose(arrays["own"], np.abs(outputs))
    assert np.allclose(arrays["gan"], 1 / (1 + np.exp(outputs)))
    assert np.allclose(arrays["gan_saturating"], 1 / (1 + np.exp(-outputs)))


def test_outputs_that_are_not_finite() -> None:
    found = measured(torch.tensor([math.nan, 1.0]), final=True)
    assert math.isnan(found.metrics["vanishing/gan"])
    assert found.arrays["logits"]["counts"].sum() == 50


def test_refusals() -> None:
    with pytest.raises(UserError, match="at least 1"):
        LogitGradientEvaluation(samples=0)
    with pytest.raises(UserError, match="Margin"):
        measured(torch.tensor([1.0]), Margin(1.0))
