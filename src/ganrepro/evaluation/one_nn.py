"""Can generated digits stand for real ones? (Radford et al. 2016, section 8.1; dcgan_code mnist/train_cond_dcgan.py)"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams
from ganrepro.evaluation.conditional import COLUMNS, ROWS, Asked, ConditionalEvaluation
from ganrepro.latents import Label
from ganrepro.probes.neighbours import nearest
from ganrepro.streams import stream

BLOCK = 9984  # training images in memory at once, at most: 78 batches of 128
FIRST = 1000  # training images of the smallest set whose error is told; the next hold 10, 100, ... times as many

Draw = Callable[[int], tuple[Tensor, Tensor]]  # n -> the next n training images, as they are measured, and their labels
Errors = dict[int, tuple[float, float]]  # by the size of the training set: on test images, on validation images


class OneNNEvaluation:
    """The errors of a 1-nearest-neighbour classifier of real images whose training set are samples of known classes.

    Distances are Euclidean, between pixels in [0, 1]. Classes are asked for at random, all alike.
    one_nn/error: on test images, with all samples; one_nn/error_1000, one_nn/error_10000, ...: with the first 1,000,
        10,000, ... of them, as far as there are as many.
    one_nn/real: with real training images, as many as there are samples or, if they are fewer, all of them;
        one_nn/error_equal: with that number of samples; one_nn/real_all: with all real training images.
    valid/one_nn/error, ...: each of these on validation images, on which the authors' script measures.
    one_nn/samples: their number. Errors are NaN for a training set with a sample that is not finite.
    Arrays, at the end: one_nn.npz with counts [k], errors and valid_errors [k] of samples, and real_counts [m],
    real_errors and valid_real_errors [m] of real images, counts rising; samples uint8 [classes, 8, c, h, w], a line
    for each of the first 16 classes at most, drawn for themselves.
    """

    monitor = "valid/one_nn/error"
    mode = "min"

    def __init__(self, samples: int = 100_000, batch: int = 128) -> None:
        """samples: never all in memory at once. batch: images generated together, 128 in the authors' script; it counts
        where batch norm normalises by the batch at hand. UserError for values below 1.
        """
        if samples < 1 or batch < 1:
            raise UserError(f"evaluation.samples={samples} evaluation.batch={batch}: each must be at least 1.")
        self.samples, self.batch = samples, batch
        self.real: dict[str, Errors] = {}  # what `errors` says of real images, by the data's fingerprint

    @torch.no_grad()
    def __call__(self, gan: Asked, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        check(gan, data)
        generator = streams("samples")

        def draw(n: int) -> tuple[Tensor, Tensor]:
            z = gan.latent.sample(n, generator)
            images = torch.cat([gan.images(part) for part in z.split(self.batch)])
            return data.scaling.to_measured(images), z[:, -1].long()

        equal = min(self.samples, len(data.train))
        found = errors(data, draw, told(self.samples) | {equal, self.samples}, generator.device)
        if data.fingerprint not in self.real:
            sizes = told(equal) | {equal, len(data.train)}
            self.real[data.fingerprint] = errors(data, reading(data), sizes, generator.device)
        real = self.real[data.fingerprint]
        named = {f"error_{count}": found[count] for count in sorted(told(self.samples))}
        named |= {"error": found[self.samples], "error_equal": found[equal]}
        named |= {"real": real[equal], "real_all": real[len(data.train)]}
        metrics = {"one_nn/samples": float(self.samples)}
        for name, (test, validation) in named.items():
            metrics |= {f"one_nn/{name}": test, f"valid/one_nn/{name}": validation}
        arrays = {
            "counts": np.array(list(found)),
            "errors": np.array([test for test, _ in found.values()]),
            "valid_errors": np.array([validation for _, validation in found.values()]),
            "real_counts": np.array(list(real)),
            "real_errors": np.array([test for test, _ in real.values()]),
            "valid_real_errors": np.array([validation for _, validation in real.values()]),
        }
        if not final:
            return Evaluated(metrics, {})
        return Evaluated(metrics, {"one_nn": arrays | {"samples": self.by_class(gan, data, streams("pictures"))}})

    def by_class(self, gan: Asked, data: ImageData, generator: torch.Generator) -> np.ndarray:
        """Samples of each class, uint8 [classes, 8, channels, height, width]."""
        classes = torch.arange(min(ROWS, len(data.classes)))
        asked = classes.repeat(COLUMNS)  # one after the other, over and over: a batch has all of them
        images = ConditionalEvaluation(batch=self.batch).drawn(gan, asked, generator)
        return data.to_uint8(images).unflatten(0, (COLUMNS, len(classes))).transpose(0, 1).cpu().numpy()


def check(gan: Asked, data: ImageData) -> None:
    """UserError for a generator that is not told the class, and for data that are not images with labels."""
    if not isinstance(data, ImageData):
        raise UserError("OneNNEvaluation judges pictures; the data are points.")
    if not isinstance(gan.latent.blocks[-1], Label):
        raise UserError("OneNNEvaluation asks for classes: choose a conditional model, e.g. model=dcgan_conditional.")
    if any((split.labels < 0).any() for split in (data.train, data.validation, data.test)):
        raise UserError(f"OneNNEvaluation reads the classes of real images, and {data.name} has no labels.")


def told(samples: int) -> set[int]:
    """1,000, 10,000, ... up to the number of samples."""
    sizes, size = set(), FIRST
    while size <= samples:
        sizes.add(size)
        size *= 10
    return sizes


def reading(data: ImageData) -> Draw:
    """Real training images in a random order, the same in every run."""
    order = torch.randperm(len(data.train), generator=stream(0, "one_nn"))
    taken = 0

    def draw(n: int) -> tuple[Tensor, Tensor]:
        nonlocal taken
        images = data.train[order[taken : taken + n]]
        taken += n
        return data.scaling.measured(images.pixels), images.labels

    return draw


def errors(data: ImageData, draw: Draw, sizes: set[int], device: torch.device) -> Errors:
    """Of a 1-nearest-neighbour classifier whose training set has grown to each of the sizes; they come out rising.

    Training images come in blocks, and only the nearest so far is remembered.
    """
    images = data.scaling.measured(torch.cat([data.test.pixels, data.validation.pixels]).to(device))
    labels = torch.cat([data.test.labels, data.validation.labels]).to(device)
    least, read = images.new_full((len(images),), math.inf), torch.full_like(labels, -1)
    found: Errors = {}
    size, finite = 0, True
    for end in sorted(sizes):
        while size < end:
            training, classes = (part.to(device) for part in draw(min(BLOCK, end - size)))
            size += len(training)
            finite = finite and bool(training.isfinite().all())
            distances, indices = (each[:, 0] for each in nearest(images, training))
            nearer = distances < least
            least, read = torch.where(nearer, distances, least), torch.where(nearer, classes[indices], read)
        wrong = (read != labels).double()
        both = wrong[: len(data.test)].mean().item(), wrong[len(data.test) :].mean().item()
        found[end] = both if finite else (math.nan, math.nan)
    return found
