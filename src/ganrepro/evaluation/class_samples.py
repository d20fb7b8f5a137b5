"""Distances between samples of a class and to training images, and the samples that are shown of each class."""

import math

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.evaluation.diversity import distance
from ganrepro.metrics.parzen import float64_device
from ganrepro.probes.neighbours import nearest

PAIRED = 500  # samples of a class, at most, whose distances to each other are averaged
BLOCK = 10_000  # training images in memory at once as floats
COLUMNS = 8  # samples shown of each class


def by_class(points: Tensor, read: Tensor, classes: int) -> Tensor:
    """The mean distance between two of [n, ...] in each class: float64 [classes] on the CPU, NaN for fewer than two."""
    points = points.to(float64_device(points.device))
    found = torch.full((classes,), math.nan, dtype=torch.float64)
    for label in range(classes):
        places = (read == label).nonzero()[:PAIRED, 0]
        if len(places) > 1:
            found[label] = distance(points[places.to(points.device)].double()).cpu()
    return found


def nearest_train(measured: Tensor, data: ImageData) -> float:
    """The mean distance of images to the nearest training image, between pixels as they are measured."""
    least = measured.new_full((len(measured),), math.inf)
    for pixels in data.train.pixels.split(BLOCK):
        block = data.scaling.measured(pixels.to(measured.device))
        least = torch.minimum(least, nearest(measured, block).distances[:, 0])
    return least.cpu().double().mean().item()


def sheet(pixels: Tensor, rows: Tensor, classes: int) -> np.ndarray:
    """The first 8 images of each row's class: uint8 [classes, 8, c, h, w], zero where there are fewer."""
    shown = pixels.new_zeros(classes, COLUMNS, *pixels.shape[1:])
    for label in range(classes):
        chosen = pixels[rows == label][:COLUMNS]
        shown[label, : len(chosen)] = chosen
    return shown.numpy()
