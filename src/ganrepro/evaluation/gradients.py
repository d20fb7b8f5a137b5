"""How strong a gradient reaches the generator (Goodfellow et al. 2014, section 3)."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Pair, Streams
from ganrepro.losses import NonSaturating, Saturating

LOSSES = {"saturating": Saturating(), "non_saturating": NonSaturating()}


class GradientEvaluation:
    """The norm of the gradient of each generator loss in all of G's weights, at the same networks and latents.

    "Early in learning, when G is poor, D can reject samples with high confidence [...]. In this case log(1 - D(G(z)))
    saturates." Metrics: gradient/saturating, gradient/non_saturating, gradient/log_ratio = log of the second over the
    first, and d_fake, D's mean probability on the same images. Dropout is off, so nothing but z is random.
    """

    monitor = "gradient/log_ratio"
    mode = "max"

    def __init__(self, latents: int = 1000) -> None:
        """latents: behind each gradient. Raises UserError below 1."""
        if latents < 1:
            raise UserError(f"evaluation.latents is {latents}; it must be at least 1.")
        self.latents = latents

    def __call__(self, gan: Pair, data: Any, streams: Streams, final: bool) -> Evaluated:
        weights = list(gan.players["generator"].parameters())
        z = gan.latent.sample(self.latents, streams("gradients")).to(weights[0].dtype)
        with torch.enable_grad():
            logits = gan.discriminate(gan.generate(z))
            norms = {name: norm(loss.generator(logits), weights) for name, loss in LOSSES.items()}
        ratio = norms["non_saturating"] / norms["saturating"] if norms["saturating"] else math.inf
        metrics = {f"gradient/{name}": value for name, value in norms.items()}
        metrics |= {"gradient/log_ratio": math.log(ratio) if ratio else -math.inf}
        return Evaluated(metrics | {"d_fake": logits.detach().sigmoid().mean().item()}, {})


def norm(loss: Tensor, weights: list[nn.Parameter]) -> float:
    """The L2 norm over all weights together; the graph is kept."""
    gradients = torch.autograd.grad(loss, weights, retain_graph=True)
    return math.sqrt(sum(gradient.double().square().sum().item() for gradient in gradients))
