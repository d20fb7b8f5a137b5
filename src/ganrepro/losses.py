"""Every adversarial loss: one function of raw critic outputs for D and one for G, each reducing itself to a scalar.

Outputs are logits, shape [n]: D's probability is sigmoid(logit). softplus(x) = log(1 + e^x) is used because
-log sigmoid(x) = softplus(-x) stays exact where the sigmoid itself saturates.
"""

import torch
from torch import Tensor
from torch.nn import functional


def softplus(x: Tensor) -> Tensor:
    """In float32 at least: logits of a bf16 network keep 8 bits, and their mean would too."""
    return functional.softplus(x.to(torch.promote_types(x.dtype, torch.float32)))


class NonSaturating:
    """The 2014 GAN as section 3 advises and the authors' code does: G maximises log D(G(z))."""

    critic_output = "logit"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D(x) - E log(1 - D(G(z))): the two batch means are added (the authors' code halves this sum)."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E log D(G(z))."""
        return softplus(-fake).mean()


class Saturating(NonSaturating):
    """The value function of Algorithm 1 as printed: G minimises log(1 - D(G(z)))."""

    def generator(self, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z))), at most 0."""
        return -softplus(fake).mean()
