"""Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017 (arXiv 1611.04076).

The algorithm is the GAN's with another loss (section 3.2), for each round, in the authors' code (xudonmao/LSGAN):
    draw z and x;  step D down  1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2
    with that z    step G down  1/2 E (D(G(z)) - c)^2
With many classes (section 3.4) D and G are also told the label: D(x | y) and G(z | y).
"""

from torch import Tensor

from ganrepro.adversarial import AdversarialModule
from ganrepro.papers.conditional import Conditional


class LSGAN(AdversarialModule):
    """G against D, where D gives one number an image. Logs the mean of D's raw outputs on real and generated images."""

    def discriminator_loss(self, real_outputs: Tensor, fake_outputs: Tensor) -> Tensor:
        self.log_mean("d_real", real_outputs.detach().mean(-1))
        self.log_mean("d_fake", fake_outputs.detach().mean(-1))
        return self.loss.discriminator(real_outputs, fake_outputs)

    def generator_loss(self, fake_outputs: Tensor) -> Tensor:
        return self.loss.generator(fake_outputs)


class ConditionalLSGAN(Conditional, LSGAN):
    """LSGAN told the class, as xudonmao/LSGAN's mcgan.py trains it."""
