"""How good and how varied samples are, against real images that the generator has not seen."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import SHOWN, Evaluated, Sampler, Streams
from ganrepro.evaluation.diversity import distance
from ganrepro.metrics.coverage import balance, covered
from ganrepro.metrics.inception import inception_score
from ganrepro.scorers import Judged, Scorer, scorer_of

PAIRED = 1000  # images, at most, whose distances to each other are averaged


class FidelityEvaluation:
    """What the scorer of the data (ganrepro.scorers) says of samples, as pictures in uint8.

    frechet: the Frechet distance of its features to test images, as many on each side (`images`; fewer than `samples`
        where the split holds fewer) and in `dims` dimensions (fewer than the features' where images are few).
    frechet_ratio: over the floor, the distance of real training images to the same test images; 1 is perfect. The
        floor falls as `samples` rises, so ratios compare only at one number of samples.
    frechet_relative: over the total variance of the test images' features, which is the distance of one picture at
        their mean, so that 1 is as good as nothing; it compares across data and numbers of samples.
    diversity: the mean distance between two samples' features over that between two test images'.
    For labelled data also classes, how many are covered: a class is, when at least a tenth of its share of the test
    images falls to it among the samples; classes_share, of those that test images have; balance, the entropy of the
    predicted classes over its maximum; confidence, the mean probability of the predicted class; inception_score, of
    the classifier's probabilities over all samples at once, and inception_score/real, of as many test images: at most
    the number of classes, and comparable with no published one.
    valid/...: against validation images. All are NaN where a sample is not finite.
    """

    monitor = "valid/frechet"
    mode = "min"

    def __init__(self, samples: int = 2000, batch: int = 500, scorers: str = "runs/.scorers") -> None:
        """batch: images generated at once, for memory; batch norm by the batch at hand (DCGAN's) sees so many.
        scorers: the folder of what judges samples, which is made when it is missing. UserError for fewer than 2
        samples, or a batch below 1.
        """
        if samples < 2 or batch < 1:
            raise UserError(f"evaluation.samples={samples} evaluation.batch={batch}: at least 2 and 1 are needed.")
        self.samples, self.batch, self.scorers = samples, batch, scorers

    @torch.no_grad()
    def __call__(self, gan: Sampler, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        scorer = scorer_of(data, self.scorers)
        z = gan.latent.sample(self.samples, streams("samples"))
        images = torch.cat([gan.images(part) for part in z.split(self.batch)])
        judged = scorer.judge_samples(images, self.batch)
        arrays = {"fidelity": pictured(images, judged, scorer)} if final else {}
        return Evaluated(fidelity(judged, scorer), arrays)


def fidelity(judged: Judged, scorer: Scorer) -> dict[str, float]:
    """The metrics of FidelityEvaluation."""
    metrics = against(judged, scorer, "test")
    metrics |= {f"valid/{name}": value for name, value in against(judged, scorer, "validation").items()}
    if scorer.labelled:
        assert judged.probabilities is not None
        confidence, classes = judged.probabilities.max(1)
        counts = torch.bincount(classes, minlength=judged.probabilities.shape[1])
        metrics |= {"balance": balance(counts), "confidence": confidence.mean().item()}
        real = scorer.real("test", scorer.count("test", len(classes)))
        for name, said in (("inception_score", judged), ("inception_score/real", real)):
            assert said.log_probabilities is not None
            metrics[name], _ = inception_score(said.log_probabilities, splits=1)
        for split, prefix in (("test", ""), ("validation", "valid/")):
            shares = scorer.shares(split)
            found = covered(counts, shares, len(classes)).sum().item()
            metrics |= {f"{prefix}classes": float(found), f"{prefix}classes_share": found / int((shares > 0).sum())}
    return metrics if judged.finite else dict.fromkeys(metrics, math.nan)


def against(judged: Judged, scorer: Scorer, split: str) -> dict[str, float]:
    """Frechet distance and diversity against the images of one split."""
    n = scorer.count(split, len(judged.features))
    frechet, floor = scorer.frechet(judged, split), scorer.floor(split, n)
    paired = min(n, PAIRED)
    reference = scorer.real(split, n).features
    spread, real = distance(judged.features[:paired]), distance(reference[:paired])
    return {
        "frechet": frechet,
        "frechet_ratio": frechet / floor if floor > 0 else math.nan,
        "frechet_relative": frechet / reference.var(0).sum().item(),
        "diversity": (spread / real).item(),
        "images": float(n),
        "dims": float(scorer.dims(n)),
    }


def pictured(images: Tensor, judged: Judged, scorer: Scorer) -> dict[str, np.ndarray]:
    """The arrays of fidelity.npz: samples uint8 [64, c, h, w], and for labelled data, by class, class_counts (of
    samples), class_confidence (their mean probability, NaN for none), real_shares (of the test images) and names.
    """
    arrays: dict[str, Any] = {"samples": scorer.data.to_uint8(images[:SHOWN]).cpu().numpy()}
    arrays["scorer"] = np.array(scorer.name)
    if scorer.labelled:
        assert judged.probabilities is not None
        confidence, classes = judged.probabilities.max(1)
        size = judged.probabilities.shape[1]
        counts = torch.bincount(classes, minlength=size)
        sums = torch.zeros(size, dtype=torch.float64).index_add_(0, classes, confidence)
        arrays |= {"class_counts": counts.numpy(), "class_confidence": (sums / counts).numpy()}
        arrays |= {"real_shares": scorer.shares("test").numpy(), "names": np.array(scorer.data.classes)}
    return arrays
