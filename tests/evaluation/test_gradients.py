"""The gradients of section 3 in closed form."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganrepro.errors import UserError
from ganrepro.evaluation import GradientEvaluation
from ganrepro.latents import Latent, Normal
from ganrepro.streams import stream


def planted(logit: float) -> SimpleNamespace:
    """G adds its one weight to a latent of 0; D's logit is that weight plus `logit`."""
    generator = nn.Linear(1, 1)
    nn.init.zeros_(generator.weight)
    nn.init.zeros_(generator.bias)
    return SimpleNamespace(
        players={"generator": generator},
        latent=Latent(z=Normal(1, 1e-9)),
        generate=generator,
        discriminate=lambda x: x[:, 0] + logit,
    )


@pytest.mark.parametrize("logit", [-12.0, -2.0, 0.0, 3.0])
def test_the_ratio_is_exp_of_minus_the_logit(logit: float) -> None:
    """d softplus(-x) = -sigmoid(-x) and d -softplus(x) = -sigmoid(x): their ratio is exp(-x)."""
    gan = planted(logit)
    with torch.no_grad():
        found = GradientEvaluation(latents=7)(gan, None, lambda *p: stream(0, *p), False).metrics
    assert found["gradient/log_ratio"] == pytest.approx(-logit, abs=1e-5)
    assert found["gradient/saturating"] == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-5)
    assert found["gradient/non_saturating"] == pytest.approx(1 / (1 + math.exp(logit)), rel=1e-5)
    assert found["d_fake"] == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-5)
    assert all(weight.grad is None for weight in gan.players["generator"].parameters()), "training sees nothing of it"


def test_needs_a_latent() -> None:
    with pytest.raises(UserError, match="latents"):
        GradientEvaluation(latents=0)
