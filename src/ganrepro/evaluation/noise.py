"""What a generator's mixture has made of its noise, on points (t-GAN, Figure 2: densities of the noise)."""

from typing import Any

import torch

from ganrepro.data.points import GaussianMixture
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams
from ganrepro.evaluation.ring import KEPT, RingEvaluation


class NoiseEvaluation(RingEvaluation):
    """As RingEvaluation, and in its array ring.npz besides: noise float32 [2000, p], what reaches G's first layer, and
    where G learns a mixture, its means [N, p] and the diagonals of its scales [N, p]. The one at update 0 has them as
    they are before training. noise_largest: the longest of all noise vectors.
    """

    @torch.no_grad()
    def __call__(self, gan: Any, data: GaussianMixture, streams: Streams, final: bool) -> Evaluated:
        generator = gan.players["generator"]
        if not hasattr(generator, "input"):
            raise UserError(f"NoiseEvaluation looks at the input layer of G; {type(generator).__name__} has none.")
        evaluated = super().__call__(gan, data, streams, final)
        noise = generator.input(gan.latent.sample(self.samples, streams("samples")).to(gan.dtype)).float().cpu()
        evaluated.metrics["noise_largest"] = noise.norm(dim=1).max().item()
        for arrays in evaluated.arrays.values():
            arrays["noise"] = noise[:KEPT].numpy()
            if mixture := getattr(generator.input, "mixture", None):
                arrays["mixture_means"] = mixture.means.detach().float().cpu().numpy()
                arrays["mixture_scales"] = mixture.scale.diagonals().detach().float().cpu().numpy()
        return evaluated
