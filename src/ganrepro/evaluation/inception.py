"""The inception score (Salimans et al. 2016), by Inception where its weights are on disk, else by our classifier."""

import math

import numpy as np
import torch

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import SHOWN, Evaluated, Sampler, Streams
from ganrepro.metrics.inception import inception_score
from ganrepro.scorers import scorer_of


class InceptionScoreEvaluation:
    """inception_score: the mean over `splits` equal parts of `samples` images, and inception_score_std over the parts.

    inception/published is 1 where Inception's own probabilities of 1,008 classes are behind it, as in papers; 0 where
    those of the suite's classifier of the data's classes are, whose score is at most their number and compares with
    no published one. inception_score/real: that of as many test images as there are samples, or of all, in as many
    parts. frechet, frechet_ratio, valid/...: as FidelityEvaluation has them, with the same network's features.
    All but inception_score/real are NaN where a sample is not finite. Arrays, at the end: inception.npz with samples
    uint8 [64, c, h, w], mean_probabilities [classes] and the scorer's name.
    """

    monitor = "inception_score"
    mode = "max"

    def __init__(
        self, samples: int = 50000, splits: int = 10, batch: int = 500, scorers: str = "runs/.scorers"
    ) -> None:
        """batch and scorers: as in FidelityEvaluation. UserError for fewer than two samples a part."""
        if splits < 1 or samples < 2 * splits or batch < 1:
            raise UserError(f"evaluation.samples={samples} evaluation.splits={splits}: two samples a split are needed.")
        self.samples, self.splits, self.batch, self.scorers = samples, splits, batch, scorers

    @torch.no_grad()
    def __call__(self, gan: Sampler, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        scorer = scorer_of(data, self.scorers, prefer_inception=True)
        real = scorer.real("test", min(self.samples, len(data.test)))
        if real.log_probabilities is None:
            raise UserError(
                f"An inception score needs classes, and {data.name} has no labels.\n"
                "Put Inception's weights, pt_inception-2015-12-05-6726825d.pth, into the folder of the data."
            )
        z = gan.latent.sample(self.samples, streams("samples"))
        images = torch.cat([gan.images(part) for part in z.split(self.batch)])
        judged = scorer.judge_samples(images, self.batch)
        assert judged.log_probabilities is not None
        score, deviation = inception_score(judged.log_probabilities, self.splits)
        metrics = {"inception_score": score, "inception_score_std": deviation}
        for split, prefix in (("test", ""), ("validation", "valid/")):
            distance, floor = scorer.frechet(judged, split), scorer.floor(split, scorer.count(split, self.samples))
            metrics |= {f"{prefix}frechet": distance, f"{prefix}frechet_ratio": distance / floor if floor else math.nan}
        parts = min(self.splits, len(real.features))
        metrics["inception_score/real"], _ = inception_score(real.log_probabilities, parts)
        metrics["inception/published"] = float(scorer.name == "inception")
        arrays = {
            "samples": data.to_uint8(images[:SHOWN]).cpu().numpy(),
            "mean_probabilities": judged.log_probabilities.exp().mean(0).numpy(),
            "scorer": np.array(scorer.name),
        }
        return Evaluated(metrics, {"inception": arrays} if final else {})
