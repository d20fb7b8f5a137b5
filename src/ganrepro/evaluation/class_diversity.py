"""How good and how varied samples are within each class: the scores of DeLiGAN and t-GAN, and two direct checks."""

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams
from ganrepro.evaluation.class_samples import by_class, nearest_train, sheet
from ganrepro.evaluation.conditional import sizes
from ganrepro.latents import Label
from ganrepro.metrics.coverage import covered
from ganrepro.metrics.inception import PAIRINGS, ModifiedInceptionScore, inception_score
from ganrepro.scorers import Judged, Scorer, inception_weights, scorer_of

RECIPE = "augmented"  # of the classifier: confusion that is its own would count as diversity
DIGITS = 12  # of the classifier's hash
BY_INCEPTION = "inception_score_inception"

Found = tuple[dict[str, float], dict[str, np.ndarray]]  # metrics and arrays


class Drawn(Protocol):
    """What is evaluated: latents of named blocks, and their images."""

    @property
    def latent(self) -> Any:
        """A Latent; where its last block is a Label, the networks are told that class."""

    @property
    def networks(self) -> Any:
        """Both players by name."""

    def images(self, z: Tensor) -> Tensor:
        """Latents -> float32 images [n, channels, height, width] in the networks' range."""


class ClassDiversityEvaluation:
    """What a classifier of real images says of samples and of real test images, by class.

    inception_score, inception_score_std: the mean over `splits` equal parts of the samples, and the deviation.
    inception_score_inception: the same mean by Inception's probabilities of 1,008 classes, as in papers; of images in
        colour where its weights are on disk (scorers.inception_weights), else absent.
    modified_inception_score, modified_inception_score_std: the mean over covered classes of each one's score (ganrepro.
        metrics.inception.ModifiedInceptionScore), and its population deviation. It also rises where the classifier is
        confused.
    modified_inception_score/<class>: that of each class, NaN for an empty one; not for the pairing "all".
    classes_covered: how many classes are read in at least a tenth of an equal share of the samples.
    intra_class_pixels, intra_class_features: the mean L2 distance between two samples that are read as one class, of
        pixels in [0, 1] and of the classifier's features, among its first 500; the mean over the covered classes.
    nearest_train_pixels: the mean L2 distance of a sample to the nearest image that the GAN was trained on.
    frechet: of the classifier's features, to test images. images: the number of samples.
    consistency: the share of samples read as the class asked for, where the generator is told one.
    real/...: the same of test images, as many as there are samples or all (real/images), with the class they have for
        the one asked for; no frechet and no class by itself. real/frechet_floor: the distance of as many training
        images to the test images, a perfect generator's. train_images: how many the GAN was trained on.
    scorer_accuracy: the share of all test images that the classifier reads as what they are.
    parameters/generator, parameters/discriminator, megabytes: as ConditionalEvaluation has them.
    All but real/..., scorer_accuracy and the numbers of images are NaN where a sample is not finite.
    Arrays, at the end: classes.npz with counts of samples by the class read, per_class (its modified score),
    per_class_std (DeLiGAN's ±) and intra_pixels, all [classes]; real_counts and real_per_class, of the test images;
    samples uint8 [classes, 8, c, h, w], rows by the class asked for or else read, what is missing zero; names
    [classes]; the scorer's name, scorer_hash (12 digits of its weights' SHA-256) and scorer_accuracy.
    """

    monitor = "inception_score"
    mode = "max"

    def __init__(
        self,
        data: ImageData,
        samples: int = 5000,
        splits: int = 10,
        batch: int = 500,
        scorers: str = "runs/.scorers",
        pairing: str = "predicted",
    ) -> None:
        """data: labelled images whose training split teaches the classifier; all of them where the GAN learns from few.

        splits: parts behind the inception score. batch and scorers: as in FidelityEvaluation. pairing: which samples
        the modified score pairs, within the class read (predicted) or asked for, or all with all; then per_class is
        of one element. UserError for another pairing, fewer than two samples a part, and a batch below 1.
        """
        if splits < 1 or samples < 2 * splits or batch < 1:
            raise UserError(
                f"evaluation.samples={samples} evaluation.splits={splits} evaluation.batch={batch}: "
                "two samples a split and a batch of 1 are needed."
            )
        if pairing not in PAIRINGS:
            raise UserError(f"evaluation.pairing is {pairing}; it must be one of {', '.join(PAIRINGS)}.")
        self.data, self.samples, self.splits, self.batch = data, samples, splits, batch
        self.scorers, self.pairing = scorers, pairing

    @torch.no_grad()
    def __call__(self, gan: Drawn, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        check(data, self.data)
        told = isinstance(gan.latent.blocks[-1], Label)
        if self.pairing == "asked" and not told:
            raise UserError("evaluation.pairing=asked is for a generator that is told a class, and this one is not.")
        z = gan.latent.sample(self.samples, streams("samples"))
        images = torch.cat([gan.images(part) for part in z.split(self.batch)])
        asked = z[:, -1].long() if told else None
        metrics, arrays = scored(images, asked, data, self.data, self.scorers, self.splits, self.batch, self.pairing)
        return Evaluated(metrics | sizes(gan.networks), {"classes": arrays} if final else {})


@torch.no_grad()
def scored(
    images: Tensor,
    asked: Tensor | None,
    data: ImageData,
    judged_data: ImageData,
    scorers: str,
    splits: int,
    batch: int,
    pairing: str = "predicted",
) -> Found:
    """The metrics and the arrays of ClassDiversityEvaluation for images float [n, c, h, w] in the range of `data`.

    asked: the class of each that was asked for, [n], or None where none was. data: what the generator was trained on;
    judged_data: what the classifier is. Raises UserError where the two do not fit together, and what `scorer_of`
    raises; ValueError for fewer images than 2 or `splits`, and for the pairing "asked" where `asked` is None.
    """
    check(data, judged_data)
    scorer = scorer_of(judged_data, scorers, recipe=RECIPE)
    judged = scorer.judge_samples(images, batch)
    asked = None if asked is None else asked.cpu().long()
    metrics, arrays = described(data.scaling.to_measured(images), judged, asked, data, splits, pairing)
    metrics["frechet"] = scorer.frechet(judged, "test")
    if pairing != "all":
        scores = zip(data.classes, arrays["per_class"].tolist(), strict=True)
        metrics |= {f"modified_inception_score/{name}": score for name, score in scores}
    n = min(len(images), len(judged_data.test))
    real, real_arrays = of_real(scorer, n, data, splits, pairing, images.device)
    real = real | {"frechet_floor": scorer.floor("test", scorer.count("test", len(images)))}
    if data.shape[0] == 3 and inception_weights(Path(scorers).expanduser().absolute()):
        inception = scorer_of(judged_data, scorers, prefer_inception=True)
        metrics[BY_INCEPTION] = score_of(inception.judge_samples(images, batch), splits)
        real[BY_INCEPTION] = score_of(inception.real("test", n), min(splits, n))
    if not judged.finite:
        metrics = dict.fromkeys(metrics, math.nan)
    metrics |= {f"real/{name}": value for name, value in real.items()}
    metrics |= {"images": float(len(images)), "train_images": float(len(data.train))}
    metrics["scorer_accuracy"] = scorer.record["accuracy"]
    arrays |= {f"real_{name}": real_arrays[name] for name in ("counts", "per_class")}
    rows = read_as(judged) if asked is None else asked
    arrays["samples"] = sheet(data.to_uint8(images).cpu(), rows, len(data.classes))
    arrays |= {"names": np.array(data.classes), "scorer": np.array(scorer.name)}
    arrays["scorer_hash"] = np.array(scorer.record["weights_sha256"][:DIGITS])
    arrays["scorer_accuracy"] = np.array(scorer.record["accuracy"])
    return metrics, arrays


def score_of(judged: Judged, splits: int) -> float:
    assert judged.log_probabilities is not None
    return inception_score(judged.log_probabilities, splits)[0]


def check(data: ImageData, judged_data: ImageData) -> None:
    """UserError unless a classifier of the one can judge samples of a generator of the other."""
    for each in (data, judged_data):
        if not isinstance(each, ImageData):
            raise UserError("ClassDiversityEvaluation judges pictures; the data are points.")
    if len(judged_data.classes) < 2 or any((part.labels < 0).any() for part in (judged_data.train, judged_data.test)):
        raise UserError(f"ClassDiversityEvaluation reads classes, and {judged_data.name} has no labels.")
    for name in ("shape", "value_range", "classes"):
        if getattr(data, name) != getattr(judged_data, name):
            raise UserError(
                f"The {name.replace('_', ' ')} of the training data, {getattr(data, name)}, and of evaluation.data, "
                f"{getattr(judged_data, name)}, differ: its classifier cannot judge these samples."
            )


def described(
    measured: Tensor, judged: Judged, asked: Tensor | None, data: ImageData, splits: int, pairing: str
) -> Found:
    """What is told of samples and of real images alike; images as they are measured, asked int64 [n] on the CPU."""
    log_probabilities, read = judged.log_probabilities, read_as(judged)
    assert log_probabilities is not None
    classes = len(data.classes)
    score, deviation = inception_score(log_probabilities, splits)
    paired = ModifiedInceptionScore(classes, pairing, sync_on_compute=False)
    paired.update(log_probabilities, asked if pairing == "asked" else None)
    modified = paired.compute()
    counts = torch.bincount(read[read >= 0], minlength=classes)
    shares = torch.full((classes,), 1 / classes, dtype=torch.float64)
    there = covered(counts, shares, len(read))
    pixels, features = (by_class(each, read, classes) for each in (measured, judged.features))
    metrics = {
        "inception_score": score,
        "inception_score_std": deviation,
        "modified_inception_score": modified["mean"].item(),
        "modified_inception_score_std": modified["std"].item(),
        "classes_covered": float(there.sum()),
        "intra_class_pixels": pixels[there].nanmean().item(),
        "intra_class_features": features[there].nanmean().item(),
        "nearest_train_pixels": nearest_train(measured, data),
    }
    if asked is not None:
        metrics["consistency"] = (read == asked).double().mean().item()
    arrays = {"counts": counts.numpy(), "intra_pixels": pixels.numpy()}
    return metrics, arrays | {name: modified[name].view(-1).numpy() for name in ("per_class", "per_class_std")}


def of_real(scorer: Scorer, n: int, data: ImageData, splits: int, pairing: str, device: torch.device) -> Found:
    """The same of n test images, the same ones always; computed once a process."""
    key = f"class_diversity-{n}-{splits}-{pairing}-{data.fingerprint}"
    if key not in scorer.kept:
        images = scorer.data_images("test", n)
        measured = data.scaling.measured(images.pixels.to(device))
        judged = scorer.real("test", n)
        scorer.kept[key] = described(measured, judged, images.labels, data, min(splits, n), pairing)
    metrics, arrays = scorer.kept[key]
    return metrics | {"images": float(n)}, arrays


def read_as(judged: Judged) -> Tensor:
    """The class that each image is taken for, int64 [n]; -1 for one that is not finite."""
    assert judged.log_probabilities is not None
    return judged.log_probabilities.argmax(1).where(judged.features.isfinite().all(1), -1)
