"""Sun et al., t-GAN, Neural Networks 122 (2020), with what it is compared to: DeLiGAN (Gurumurthy et al., CVPR 2017)
and ACGAN (Odena et al., ICML 2017).

For each round, with z' one of N components' mean_i + scale_i * t, t a multivariate t draw, and c a code of the class l:
    draw z', l, c and x;  step D down  -E log D(x) - E log(1 - D(G(z', c))) + alpha L_C
    draw z', l, c;        step G down  -E log D(G(z', c)) + alpha L_C
    L_C = -E log C(x) - E log C(G(z', c)), the classifier C being a second head on D's features
A review of the paper says that L_D is maximised; a negative log-likelihood is minimised, by both players. The mixture
is G's (networks/mixture.py), its draws are the latent's (latents.py); t draws with infinite degrees of freedom, no code
and no C are DeLiGAN, and C without the mixture is ACGAN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ganrepro.adversarial import AdversarialModule
from ganrepro.errors import UserError
from ganrepro.losses import precise
from ganrepro.papers.conditional import Conditional, Labelled
from ganrepro.papers.gan import GAN


@dataclass(frozen=True)
class Judged:
    """What D says of images: logits [n] of being real, class logits [n, classes], and the labels [n] it is held to."""

    source: Tensor
    classes: Tensor
    labels: Tensor

    @property
    def shape(self) -> torch.Size:
        return self.source.shape

    @property
    def class_loss(self) -> Tensor:
        """-E log C."""
        return functional.cross_entropy(precise(self.classes), self.labels)

    @property
    def class_accuracy(self) -> Tensor:
        """The share of images that C reads as the class they are held to."""
        return (self.classes.argmax(-1) == self.labels).float().mean(-1)


class InParts(GAN):
    """A GAN whose losses get further terms: logs what they are without."""

    def discriminator_loss(self, real_outputs: Tensor, fake_outputs: Tensor) -> Tensor:
        loss = super().discriminator_loss(real_outputs, fake_outputs)
        self.log_mean("loss/source_discriminator", loss)
        return loss

    def generator_loss(self, fake_outputs: Tensor) -> Tensor:
        loss = super().generator_loss(fake_outputs)
        self.log_mean("loss/source_generator", loss)
        return loss


class DeLiGAN(InParts):
    """G's latents are drawn from a mixture that it learns; `penalty` times its scales' mean squared distance from 1 is
    added to G's loss (val-iisc/deligan: 1/3 on MNIST, 0.1 on the toy, computed and left out on CIFAR-10).
    """

    def __init__(self, *args: Any, penalty: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not hasattr(self.players["generator"], "penalty"):
            raise UserError(
                f"{type(self).__name__} needs a generator that can learn a mixture: DeLiGAN's or the toy's."
            )
        self.penalty = penalty

    def generator_loss(self, fake_outputs: Tensor) -> Tensor:
        generator: Any = self.players["generator"]
        return super().generator_loss(fake_outputs) + self.penalty * generator.penalty()


class ACGAN(Conditional, InParts):
    """G is told a class, and D tells which; logs how often it is right in D's steps, on real and on generated images.

    class_weight: factors on the cross-entropy in G's loss ("generator") and, in D's, on that of "real" and of "fake"
    images. The paper's alpha is all three alike; fake 0 lets C learn from real images alone.
    """

    def __init__(self, *args: Any, class_weight: Mapping[str, float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.class_weight = dict(class_weight)

    def draw_latent(self) -> Tensor:
        """With classes of its own, all alike, and not those of the next real batch."""
        return AdversarialModule.draw_latent(self)

    def discriminate(self, batch: Labelled) -> Judged:  # type: ignore[override]
        source, classes = self.critics["discriminator"](batch.images)
        return Judged(source, classes, batch.labels)

    def source(self, outputs: Judged) -> Tensor:
        return outputs.source

    def discriminator_loss(self, real_outputs: Judged, fake_outputs: Judged) -> Tensor:  # type: ignore[override]
        self.log_mean("class_accuracy/real", real_outputs.class_accuracy)
        self.log_mean("class_accuracy/fake", fake_outputs.class_accuracy)
        loss = super().discriminator_loss(real_outputs.source, fake_outputs.source)
        loss = loss + self.class_term("real", real_outputs, "loss/class_real")
        return loss + self.class_term("fake", fake_outputs, "loss/class_fake")

    def generator_loss(self, fake_outputs: Judged) -> Tensor:  # type: ignore[override]
        loss = super().generator_loss(fake_outputs.source)
        return loss + self.class_term("generator", fake_outputs, "loss/class_generator")

    def class_term(self, weight: str, outputs: Judged, name: str) -> Tensor:
        """The weighted cross-entropy; what is logged is without its weight."""
        loss = outputs.class_loss
        self.log_mean(name, loss)
        return self.class_weight[weight] * loss


class TGAN(ACGAN, DeLiGAN):  # type: ignore[misc]  # ACGAN's losses hand DeLiGAN's what those take
    """Latents from a mixture of multivariate t distributions, a code of the class beside them, and C on D's head."""
