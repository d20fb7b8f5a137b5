"""Does G recite? Nearest training images by pixels and by features, against those of real images it has not seen."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.probes.base import Found
from ganrepro.probes.neighbours import Neighbours, copies, nearest
from ganrepro.scorers import Scorer

SHOWN = 8  # the samples nearest to training images
CHUNK = 20_000  # training images measured and compared at once, for memory only


def memorisation(images: Tensor, data: ImageData, noise: torch.Generator, scorer: Scorer | None) -> Found:
    """How near samples lie to training images, beside as many test images, or all there are, taken at random.

    images: samples in the networks' range. scorer: for distances of features; None measures pixels alone.
    pixels/nearest, pixels/heldout: the median distance of samples and of test images to the nearest training image, in
        L2 of values in [0, 1]; pixels/ratio: the first over the second, below 1 where samples lie nearer.
    pixels/copies: the share of samples nearer to a training image than 99 % of test images are; about 0.01 for
        samples of the data's own distribution, 1 for a generator that recites.
    features/...: the same in the scorer's features. samples, heldout, train: how many of each.
    Arrays: samples uint8 [8, channels, height, width], those that lie nearest by pixels, nearest first, and
        nearest_pixels, nearest_features [8, ...] beside them; distances_pixels/..., for histograms.
    Raises UserError for samples that are not finite, which have no neighbours.
    """
    if not images.isfinite().all():
        raise UserError("probe=memorisation: the generator's images are not finite.")
    order = torch.randperm(len(data.test), generator=noise)[: len(images)]
    test = data.test.pixels[order]
    measured = torch.cat([data.scaling.to_measured(images), data.scaling.measured(test)])
    found = {"pixels": nearest_training(measured, data, data.scaling.measured)}
    if scorer is not None:
        features = torch.cat([judged.features for judged in (scorer.judge_samples(images), scorer.judge(test))])
        found["features"] = nearest_training(features, data, lambda pixels: scorer.judge(pixels).features)
    metrics = {"samples": float(len(images)), "heldout": float(len(test)), "train": float(len(data.train))}
    shown = found["pixels"].distances[: len(images), 0].argsort()[:SHOWN]
    arrays: dict[str, np.ndarray] = {"samples": data.to_uint8(images)[shown].numpy()}
    for space, neighbours in found.items():
        ours, real = neighbours.distances[:, 0].split([len(images), len(test)])
        metrics |= {f"{space}/nearest": ours.quantile(0.5).item(), f"{space}/heldout": real.quantile(0.5).item()}
        metrics[f"{space}/ratio"] = metrics[f"{space}/nearest"] / metrics[f"{space}/heldout"]
        metrics[f"{space}/copies"] = copies(ours, real)
        arrays[f"nearest_{space}"] = data.train.pixels[neighbours.indices[shown, 0]].numpy()
        arrays |= {f"distances_{space}_samples": ours.numpy(), f"distances_{space}_heldout": real.numpy()}
    return Found(metrics, arrays)


def nearest_training(images: Tensor, data: ImageData, measure: Callable[[Tensor], Tensor]) -> Neighbours:
    """The nearest training image of each of n images, found part by part of the training images.

    images: [n, ...], as measured. measure: uint8 pixels [m, channels, height, width] -> [m, ...], the same of them.
    """
    distances, indices = torch.full((len(images), 1), torch.inf), torch.zeros(len(images), 1, dtype=torch.int64)
    for start in range(0, len(data.train), CHUNK):
        found = nearest(images, measure(data.train.pixels[start : start + CHUNK]))
        nearer = found.distances < distances
        distances = torch.where(nearer, found.distances, distances)
        indices = torch.where(nearer, found.indices + start, indices)
    return Neighbours(distances, indices)
