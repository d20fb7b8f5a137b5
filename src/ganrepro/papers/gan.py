"""Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014 (arXiv 1406.2661).

Algorithm 1, for each round:
    for k steps: draw z from p(z) and x from the data; step D up  log D(x) + log(1 - D(G(z)))
    draw z from p(z);                                  step G down log(1 - D(G(z)))
The authors' code (goodfeli/adversarial) instead moves both at once, from one batch and one z, halves D's loss and
lets G step up log D(G(z)). Which of the two runs is said by `update`, `z`, `weight` and the loss, not by this class.
"""

from torch import Tensor

from ganrepro.adversarial import AdversarialModule


class GAN(AdversarialModule):
    """G against D, where D gives one logit an image. Logs D's mean probability on real and on generated images."""

    def discriminator_loss(self, real_outputs: Tensor, fake_outputs: Tensor) -> Tensor:
        self.log_mean("d_real", real_outputs.detach().sigmoid().mean(-1))
        self.log_mean("d_fake", fake_outputs.detach().sigmoid().mean(-1))
        return self.loss.discriminator(real_outputs, fake_outputs)

    def generator_loss(self, fake_outputs: Tensor) -> Tensor:
        return self.loss.generator(fake_outputs)
