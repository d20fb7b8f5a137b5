"""What papers share whose networks are told the class: D(x | y) and G(z | y)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganrepro.adversarial import AdversarialModule
from ganrepro.feeds import ImageFeed
from ganrepro.modes import evaluating
from ganrepro.streams import stream


@dataclass(frozen=True)
class Labelled:
    """Images [n, channels, height, width] and the classes [n] that D is told they have."""

    images: Tensor
    labels: Tensor

    def detach(self) -> "Labelled":
        return Labelled(self.images.detach(), self.labels)


class Conditional(AdversarialModule):
    """A latent's last coordinate is the label; in training it is that of the next real image, so that real and
    generated batches ask for the same classes (xudonmao/LSGAN mcgan.py, dcgan_code mnist/train_cond_dcgan.py).
    """

    def next_labels(self) -> Tensor:
        """Those of the next real batch, int64 [n]."""
        assert isinstance(self.feed, ImageFeed)
        return self.feed.labels(*self.next_examples)

    def draw_latent(self) -> Tensor:
        z = super().draw_latent()
        z[:, -1] = self.next_labels()
        return z

    def real_batch(self) -> Labelled:
        labels = self.next_labels()
        return Labelled(super().real_batch(), labels)

    def sample_of(self, labels: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
        """An image of each class asked for, [n, channels, height, width] on the CPU; latents as in `sample`.

        Raises ValueError for a class that there is not.
        """
        classes: int = self.latent.blocks[-1].classes  # type: ignore[assignment]
        if not all(0 <= label < classes for label in labels):
            raise ValueError(f"labels are 0 to {classes - 1}, not {list(labels)}")
        generator = generator or stream(self.seed, "samples", device=self.device)
        with evaluating(self):
            z = self.latents(len(labels), generator)
            z[:, -1] = torch.tensor(labels, device=z.device)
            return self.players["generator"](z).cpu()

    def generate(self, z: Tensor) -> Labelled:
        return Labelled(super().generate(z), z[:, -1].long())

    def discriminate(self, batch: Labelled) -> Tensor:
        return self.critics["discriminator"](batch.images, batch.labels)
