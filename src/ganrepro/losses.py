"""Every adversarial loss: one function of raw critic outputs for D and one for G, each reducing itself.

Outputs have the shape [n], or [replicas, n] in a population: each loss reduces over the last axis only, to a scalar or
to one number a replica. They are logits for the sigmoid losses, where D's probability is sigmoid(logit). softplus(x) =
log(1 + e^x) is used because -log sigmoid(x) = softplus(-x) stays exact where the sigmoid itself saturates.
"""

import torch
from torch import Tensor
from torch.nn import functional


def precise(x: Tensor) -> Tensor:
    """In float32 at least: outputs of a bf16 network keep 8 bits, and their mean would too."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def softplus(x: Tensor) -> Tensor:
    return functional.softplus(precise(x))


class NonSaturating:
    """The 2014 GAN as section 3 advises and the authors' code does: G maximises log D(G(z))."""

    critic_output = "logit"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D(x) - E log(1 - D(G(z))): the two batch means are added (the authors' code halves this sum)."""
        return softplus(-real).mean(-1) + softplus(fake).mean(-1)

    def generator(self, fake: Tensor) -> Tensor:
        """-E log D(G(z))."""
        return softplus(-fake).mean(-1)


class Saturating(NonSaturating):
    """The value function of Algorithm 1 as printed: G minimises log(1 - D(G(z)))."""

    def generator(self, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z))), at most 0."""
        return -softplus(fake).mean(-1)


class LeastSquares:
    """LSGAN (Mao et al. 2017, section 3.2): half the squared distance of D's raw output from a label.

    fake, real, target: the paper's a, b and c; c is what G wants D to say of its images. reduction: "mean" as the paper
    prints it, or "sum" over the batch, which TensorFlow's l2_loss makes of it in the authors' code: at batch 64 a loss
    and a gradient 64 times as large, which Adam hardly notices and RMSProp from an accumulator of one does.
    """

    critic_output = "logit"

    def __init__(self, fake: float = 0.0, real: float = 1.0, target: float = 1.0, reduction: str = "mean") -> None:
        """Raises ValueError where D has nothing to tell apart, or for another reduction."""
        if fake == real:
            raise ValueError(f"the labels of fake and real images are both {fake:g}: D has nothing to tell apart.")
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction is mean or sum, not {reduction}.")
        self.fake, self.real, self.target, self.reduction = fake, real, target, reduction

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2."""
        return self.distance(real, self.real) + self.distance(fake, self.fake)

    def generator(self, fake: Tensor) -> Tensor:
        """1/2 E (D(G(z)) - c)^2."""
        return self.distance(fake, self.target)

    def distance(self, outputs: Tensor, label: float) -> Tensor:
        squares = (precise(outputs) - label).square()
        return (squares.mean(-1) if self.reduction == "mean" else squares.sum(-1)) / 2


class Margin:
    """EBGAN (Zhao et al. 2016, arXiv 1609.03126, section 2.1): D's output is an energy, low for real images.

    Outputs are energies of at least 0; those of generated images are pushed up to `margin` and no further.
    """

    critic_output = "energy"

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E D(x) + E max(0, m - D(G(z)))."""
        return precise(real).mean(-1) + (self.margin - precise(fake)).clamp(min=0).mean(-1)

    def generator(self, fake: Tensor) -> Tensor:
        """E D(G(z))."""
        return precise(fake).mean(-1)
