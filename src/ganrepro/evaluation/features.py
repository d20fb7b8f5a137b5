"""What D's features are worth to a linear classifier (Radford et al. 2016, Tables 1 and 2), and two controls."""

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams, on_cpu
from ganrepro.evaluation.fidelity import FidelityEvaluation
from ganrepro.probes.base import untrained
from ganrepro.probes.features import extract, fixed_statistics, pooled_features, stage_outputs
from ganrepro.probes.supervised import supervised
from ganrepro.probes.svm import GRID, Part, Scores, all_labels, drawn, few_labels
from ganrepro.streams import stream

SPLITS = ("train", "validation", "test")
NAMES = ("trained", "untrained", "pixels")  # the rows of features.npz


class Critic(Protocol):
    """A GAN with a D, as an AdversarialModule has it."""

    critics: Any
    latent: Any

    def images(self, z: Tensor) -> Tensor:
        """Latents -> images in the networks' range."""


class FeatureEvaluation:
    """FidelityEvaluation's metrics and arrays, and besides them, at the end, accuracies of an L2-SVM on D's features.

    features/accuracy: on test images, of an SVM on D's features (ganrepro.probes.features) and the labels of all
        training images; its C is chosen on validation images. features/untrained: on those of the same D with fresh
        weights. features/pixels: on the pixels themselves, as networks see them. The paper has neither control.
    features/control: the better of these two.
    features/few, features/few_untrained, features/few_pixels: the same with few labels, the mean over draws of them.
    features/few_std: 1.96 standard deviations over draws of the first, the ± that the authors' SVHN code prints.
    features/c, features/few_c: C chosen for D's features; features/edge, features/few_edge: 1 where it is the grid's
        first or last, so that another may be better.
    features/supervised, features/supervised_validation: accuracies on test and validation images of the best of
        `supervised_trials` networks of D's architecture, trained on as few labels alone (ganrepro.probes.supervised).
    features/dims; features/units, the largest number of maps of a stage; features/train, features/test, the numbers of
        images; features/unconverged: how many of all the fits behind these numbers stopped short.
    Accuracies are NaN for features that are not finite.
    At the end memory holds 4 bytes for each feature of each image, and for each of a training image 24 more: 32 GB for
    the ImageNet network (28,672 features) and 40,000 images. `train_images` lowers it.
    Arrays: features.npz with a row for each of names [3], "trained", "untrained", "pixels": accuracy, c, few_c, dims,
    unconverged [3], validation and few_validation [3, grid] (validation accuracies by C, the second means over draws)
    and few [3, draws]; and grid, per_class, train, test, and the data's name.
    """

    monitor = FidelityEvaluation.monitor
    mode = FidelityEvaluation.mode

    def __init__(
        self,
        samples: int = 2000,
        batch: int = 500,
        scorers: str = "runs/.scorers",
        per_class: int = 400,
        tuning_draws: int = 10,
        draws: int = 100,
        train_images: int | None = None,
        test_images: int | None = None,
        data: ImageData | None = None,
        supervised_trials: int = 0,
    ) -> None:
        """samples, batch and scorers: as in FidelityEvaluation.

        per_class: labels of each class (400 in Table 1, 100 in Table 2). tuning_draws, draws: choices of them behind C
        and behind an accuracy, of which the authors' SVHN code has 10 and 100. train_images, test_images: how many
        training images, and how many test and as many validation images are used; None: all. They are chosen at random,
        the same ones in every run. data: labelled images on which features are judged, those of Table 1 not being what
        D was trained on; None: the training data. supervised_trials: networks tried for features/supervised, 64 in the
        paper; 0: none. UserError for numbers below 1.
        """
        self.fidelity = FidelityEvaluation(samples, batch, scorers)
        given = {"per_class": per_class, "tuning_draws": tuning_draws, "draws": draws}
        for name, value in (given | {"train_images": train_images, "test_images": test_images}).items():
            if value is not None and value < 1:
                raise UserError(f"evaluation.{name} is {value}; it must be at least 1.")
        self.batch, self.per_class, self.tuning_draws, self.draws = batch, per_class, tuning_draws, draws
        self.limits = {"train": train_images, "validation": test_images, "test": test_images}
        self.data, self.supervised_trials = data, supervised_trials

    @torch.no_grad()
    def __call__(self, gan: Critic, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        network, judged = gan.critics["discriminator"], self.data or data
        if not isinstance(judged, ImageData):
            raise UserError("FeatureEvaluation judges D by pictures; the data are points.")
        places = {split: chosen(judged, split, limit) for split, limit in self.limits.items()}
        units = self.try_out(network, judged, places, data)
        found = self.fidelity(gan, data, streams, final)
        if not final:
            return found
        images = {split: getattr(judged, split)[index] for split, index in places.items()}
        fresh = untrained(network, on_cpu(streams("untrained"))).to(next(network.parameters()).device)
        judgements = [self.judge(each, judged, images, streams) for each in (network, fresh, None)]
        (trained, few, dims), (plain, plain_few, _), (pixels, pixels_few, _) = judgements
        metrics = {
            "features/accuracy": trained.accuracy,
            "features/untrained": plain.accuracy,
            "features/pixels": pixels.accuracy,
            "features/control": max(plain.accuracy, pixels.accuracy),
            "features/few": few.accuracy,
            "features/few_std": few.spread,
            "features/few_untrained": plain_few.accuracy,
            "features/few_pixels": pixels_few.accuracy,
            "features/c": trained.c,
            "features/edge": float(trained.edge),
            "features/few_c": few.c,
            "features/few_edge": float(few.edge),
            "features/dims": float(dims),
            "features/units": float(units),
            "features/train": float(len(images["train"])),
            "features/test": float(len(images["test"])),
            "features/unconverged": float(sum(a.unconverged + b.unconverged for a, b, _ in judgements)),
        }
        metrics |= self.supervised(network, judged, images, streams) if self.supervised_trials else {}
        arrays = table(judgements) | {"per_class": np.array(self.per_class), "data": np.array(judged.name)}
        arrays |= {split: np.array(len(images[split])) for split in ("train", "test")}
        return Evaluated(found.metrics | metrics, found.arrays | {"features": arrays})

    def try_out(self, network: Any, judged: ImageData, places: dict[str, Tensor], data: ImageData) -> int:
        """The largest number of maps of a stage; UserError for all that would stop the measurement at the end."""
        if (judged.shape, judged.value_range) != (data.shape, data.value_range):
            raise UserError(
                f"D sees images of {list(data.shape)} in {data.value_range}, and {judged.name}, which its features are "
                f"to tell apart, has {list(judged.shape)} in {judged.value_range}:\n"
                "set evaluation.data.size or evaluation.data.value_range."
            )
        labels = judged.train.labels
        if len(judged.classes) < 2 or any((getattr(judged, split).labels < 0).any() for split in SPLITS):
            raise UserError(f"Features are judged by classes, and {judged.name} has no labels: set evaluation.data.")
        drawn(labels[places["train"]].numpy(), self.per_class, torch.Generator())
        weight = next(network.parameters())
        outputs = stage_outputs(network, judged.normalise(judged.train.pixels[:2].to(weight.device)).to(weight))
        pooled_features(outputs)
        return max(maps.shape[1] for maps in outputs)

    def judge(
        self, network: nn.Module | None, judged: ImageData, images: dict[str, Images], streams: Streams
    ) -> tuple[Scores, Scores, int]:
        """With all labels, with few, and the number of features; a network of None stands for the pixels."""
        if network is not None:
            network = fixed_statistics(network, images["train"].pixels, judged.normalise)
        rows = [Part(self.seen(network, part.pixels, judged), part.labels.numpy()) for part in images.values()]
        dims = rows[0].features.shape[1]
        if not all(np.isfinite(part.features).all() for part in rows):
            return nothing(1), nothing(self.draws), dims
        train, validation, test = rows
        generator = on_cpu(streams("few"))  # the same draws of labels for each network
        few = few_labels(train, validation, test, self.per_class, self.tuning_draws, self.draws, generator)
        seed = int(torch.randint(2**31, (), generator=on_cpu(streams("svm"))))
        return all_labels(train, validation, test, seed), few, dims

    def supervised(
        self, network: nn.Module, judged: ImageData, images: dict[str, Images], streams: Streams
    ) -> dict[str, float]:
        """Accuracies of the network of D's architecture that saw the first draw of few labels and nothing else."""
        first = drawn(images["train"].labels.numpy(), self.per_class, on_cpu(streams("few")))
        labelled = images["train"][torch.as_tensor(first)]
        train, validation, test = ((p.pixels, p.labels) for p in (labelled, images["validation"], images["test"]))
        trials, noise = self.supervised_trials, on_cpu(streams("supervised"))
        best, final, setting = supervised(
            network, judged.normalise, train, validation, test, len(judged.classes), trials, noise
        )
        found = {"supervised": final, "supervised_validation": best, "supervised_trials": float(trials)}
        found |= {"supervised_lr": setting.lr, "supervised_decay": setting.decay, "supervised_keep": setting.keep}
        return {f"features/{name}": value for name, value in found.items()}

    def seen(self, network: nn.Module | None, pixels: Tensor, judged: ImageData) -> np.ndarray:
        """What a classifier sees of images: float32 [n, dims]."""
        if network is None:
            return judged.normalise(pixels).flatten(1).numpy()
        return extract(network, pixels, judged.normalise, self.batch)


def chosen(data: ImageData, split: str, limit: int | None) -> Tensor:
    """Which images of a split are used, at random and always the same; folders may be sorted by class."""
    return torch.randperm(len(getattr(data, split)), generator=stream(0, "features", split))[:limit]


def nothing(draws: int) -> Scores:
    """What is known of features that are not finite."""
    return Scores(math.nan, False, np.full(len(GRID), math.nan), np.full(draws, math.nan), 0)


def table(judgements: list[tuple[Scores, Scores, int]]) -> dict[str, np.ndarray]:
    """The arrays that have a row for each network."""
    whole, few, dims = zip(*judgements, strict=True)
    return {
        "names": np.array(NAMES),
        "accuracy": np.array([scores.accuracy for scores in whole]),
        "c": np.array([scores.c for scores in whole]),
        "validation": np.array([scores.validation for scores in whole]),
        "few": np.array([scores.test for scores in few]),
        "few_c": np.array([scores.c for scores in few]),
        "few_validation": np.array([scores.validation for scores in few]),
        "dims": np.array(dims),
        "unconverged": np.array([a.unconverged + b.unconverged for a, b, _ in judgements]),
        "grid": np.array(GRID),
    }
