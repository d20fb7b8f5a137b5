"""In which order the players of a round step, and from which draws. One function a rule, one round a call.

A round is one update of the generator and `k` (or, for `simultaneous`, one) of the discriminator.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from ganrepro.adversarial import AdversarialModule


def simultaneous(gan: "AdversarialModule") -> None:
    """Both step at once from the same parameters and the same real batch: stock SGD in the 2014 authors' code.

    With a shared z one pass through D on the fakes serves both losses, so they see the same dropout masks.
    """
    real, fake = gan.real_batch(), gan.generate(gan.draw_latent())
    fake_outputs = gan.discriminate(fake)
    losses = {"discriminator": gan.discriminator_loss(gan.discriminate(real), fake_outputs)}
    if gan.z == "fresh":
        fake_outputs = gan.discriminate(gan.generate(gan.draw_latent()))
    losses["generator"] = gan.generator_loss(fake_outputs)
    gan.update_players(losses)


def d_then_g(gan: "AdversarialModule") -> None:
    """Algorithm 1: k updates of D, each on its own real batch and z, then one of G.

    With z=shared, G's update takes the z of the last update of D; G has not moved, so its images serve twice.
    """
    for _ in range(gan.k):
        fake = gan.generate(gan.draw_latent())
        gan.update_players({"discriminator": gan.critic_round(fake.detach())})
    if gan.z == "fresh":
        fake = gan.generate(gan.draw_latent())
    gan.update_players({"generator": gan.generator_loss(gan.discriminate(fake))})


def alternate_batches(gan: "AdversarialModule") -> None:
    """Each real batch feeds one player only: the first is G's (which ignores it), the next k are D's.

    dcgan_code's scripts: `n_updates % (k + 1) == 0` trains G. An epoch thus holds half the updates of each.
    """
    gan.real_batch()
    z = gan.draw_latent()
    gan.update_players({"generator": gan.generator_loss(gan.discriminate(gan.generate(z)))})
    for step in range(gan.k):
        if gan.z == "fresh" or step:
            z = gan.draw_latent()
        gan.update_players({"discriminator": gan.critic_round(gan.generate(z).detach())})


class DiscriminatorEvery:
    """Lets D step only in every n-th round, and G in all: n updates of G to each round of D's."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, player: str, losses: Mapping[str, Tensor], updates: int) -> bool:
        return player != "discriminator" or updates % self.n == 0


RULES: dict[str, Callable[["AdversarialModule"], None]] = {
    "simultaneous": simultaneous,
    "d_then_g": d_then_g,
    "alternate_batches": alternate_batches,
}
