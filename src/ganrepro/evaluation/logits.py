"""The gradient of G's loss by D's output (LSGAN, section 3.2, Figure 2): over a line of outputs, and in training."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Pair, Streams
from ganrepro.losses import LeastSquares, NonSaturating, Saturating

LOSSES = {"gan": NonSaturating(), "gan_saturating": Saturating(), "lsgan": LeastSquares()}
VANISHED = 0.01  # of the gradient at an undecided D
GRID = torch.linspace(-10, 10, 401, dtype=torch.float64)
BINS = 60


class LogitGradientEvaluation:
    """At the present networks, for every loss: which samples' gradients have vanished.

    vanishing/gan, vanishing/gan_saturating, vanishing/lsgan: the share of samples whose |dL_G / d output| is below 1 %
    of what it is where D is undecided, and vanishing/own: that of the loss the run is trained with. The losses other
    than its own are hypothetical: D's outputs are what training by its own made of them. d_fake, d_fake_std: of D's
    outputs. Arrays, at the end: logits.npz with counts [60] and edges [61] of a histogram of D's outputs, and outputs
    [401] with |dL_G / d output| of one sample there for every loss: gan, gan_saturating, lsgan, own.
    """

    monitor = "vanishing/own"
    mode = "min"

    def __init__(self, samples: int = 1000) -> None:
        """Raises UserError below 1."""
        if samples < 1:
            raise UserError(f"evaluation.samples is {samples}; it must be at least 1.")
        self.samples = samples

    @torch.no_grad()
    def __call__(self, gan: Pair, data: Any, streams: Streams, final: bool) -> Evaluated:
        if gan.loss.critic_output != "logit":
            raise UserError(
                f"{type(gan.loss).__name__} has no logits; LogitGradientEvaluation compares losses of them."
            )
        z = gan.latent.sample(self.samples, streams("samples"))
        dtype = next(gan.parameters()).dtype if isinstance(gan, torch.nn.Module) else torch.float32
        outputs = gan.discriminate(gan.generate(z.to(dtype))).double().cpu()
        losses = LOSSES | {"own": gan.loss}
        metrics = {f"vanishing/{name}": vanished(loss, outputs) for name, loss in losses.items()}
        metrics |= {"d_fake": outputs.mean().item(), "d_fake_std": outputs.std(correction=0).item()}
        if not final:
            return Evaluated(metrics, {})
        finite = outputs[outputs.isfinite()].numpy()
        counts, edges = np.histogram(finite, BINS)
        curves = {name: gradients(loss, GRID).numpy() for name, loss in losses.items()}
        return Evaluated(metrics, {"logits": {"counts": counts, "edges": edges, "outputs": GRID.numpy(), **curves}})


def gradients(loss: Any, outputs: Tensor) -> Tensor:
    """|d loss.generator / d output| of a sample, by autograd, as if it were a batch of one: float64 [n]."""
    with torch.enable_grad():
        leaves = outputs.detach().double().clone().requires_grad_()
        total = torch.stack([loss.generator(leaf) for leaf in leaves.split(1)]).sum()
        return torch.autograd.grad(total, leaves)[0].abs()


def undecided(loss: Any) -> Tensor:
    """|dL_G / d output| where D takes both sides for equally likely: at 0 for a sigmoid, at (a + b) / 2 for labels.

    For labels of which c is that very middle (-1, 1, 0) it is 0 there; then half of what it is at a, which for 0, 1, 1
    is the same number.
    """
    low, high = getattr(loss, "fake", 0.0), getattr(loss, "real", 0.0)
    middle, at_fake = gradients(loss, torch.tensor([(low + high) / 2, low]))
    return middle if middle > 0 else at_fake / 2


def vanished(loss: Any, outputs: Tensor) -> float:
    """The share of outputs [n] whose gradient is below 1 % of the undecided one; NaN where one is not finite."""
    if not outputs.isfinite().all():
        return float("nan")
    return (gradients(loss, outputs) < VANISHED * undecided(loss)).double().mean().item()
