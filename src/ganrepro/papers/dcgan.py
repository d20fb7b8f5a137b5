"""Radford et al., Unsupervised Representation Learning with Deep Convolutional GANs, ICLR 2016 (arXiv 1511.06434).

The algorithm is the GAN's on other networks, in the authors' code (dcgan_code) with every real batch for one player:
    on even batches: draw z;        step G up  log D(G(z))
    on odd batches:  draw z and x;  step D up  log D(x) + log(1 - D(G(z)))
so that an epoch holds half the updates of each. The paper's text has no word on it; `update` says which order runs.
"""

from ganrepro.papers.conditional import Conditional
from ganrepro.papers.gan import GAN


class DCGAN(GAN):
    """G against D as in the GAN; what is new are the networks, the optimizer and the latents."""


class ConditionalDCGAN(Conditional, DCGAN):
    """DCGAN told the class (section 8.1)."""
