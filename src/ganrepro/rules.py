"""In which order the players of a round step, and from which draws. One function a rule, one round a call.

A round is one update of the generator and `k` (or, for `simultaneous`, one) of the discriminator; of `controlled`, five
steps of either player.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganrepro.modes import evaluating

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


def controlled(gan: "AdversarialModule") -> None:
    """DeLiGAN's step controller (val-iisc/deligan, MNIST): G steps while its loss is above a threshold, else D does.

    A round is one real batch and five steps, where a round of `d_then_g` has two; each has latents of its own and is
    decided by G's adversarial loss in evaluation mode. The threshold starts at 1 and moves once a round: up by 0.003,
    to 1 at most, after more than three steps of G in a row; down by as much, to 0.7 at least, after two of D.

    Logged are loss/deciding, the mean of all five losses that decided (loss/generator and loss/source_generator are of
    the steps that G took because its loss was high, D's of the others), steps/generator and steps/discriminator, how
    many of the five each player took, and the threshold.
    """
    state, real = gan.rule_state, gan.real_batch()
    threshold, in_a_row, last = (state.get(key, start) for key, start in STARTS.items())
    steps_of_g = 0.0
    for _ in range(CONTROLLED_STEPS):
        z = gan.draw_latent()
        with evaluating(gan):
            loss = gan.ranks.mean(gan.loss.generator(gan.source(gan.discriminate(gan.generate(z)))))
        gan.log_mean("loss/deciding", loss)
        player, fake = float(loss.item() > threshold), gan.generate(z)
        in_a_row, last, steps_of_g = (in_a_row + 1 if player == last else 1.0), player, steps_of_g + player
        if player:
            gan.update_players({"generator": gan.generator_loss(gan.discriminate(fake))})
        else:
            judged = gan.discriminate(fake.detach())
            gan.update_players({"discriminator": gan.discriminator_loss(gan.discriminate(real), judged)})
    if last and in_a_row > 3:
        threshold = min(threshold + THRESHOLD_STEP, 1.0)
    elif not last and in_a_row >= 2:
        threshold = max(threshold - THRESHOLD_STEP, 0.7)
    gan.log_mean("steps/generator", torch.tensor(steps_of_g))
    gan.log_mean("steps/discriminator", torch.tensor(CONTROLLED_STEPS - steps_of_g))
    gan.log_mean("threshold", torch.tensor(threshold))
    gan.rule_state.update(zip(STARTS, (threshold, in_a_row, last), strict=True))


CONTROLLED_STEPS, THRESHOLD_STEP = 5, 0.003
STARTS = {"threshold": 1.0, "in_a_row": 0.0, "last": -1.0}  # last: 1 for G, 0 for D


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
    "controlled": controlled,
}
