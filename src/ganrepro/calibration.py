"""What the measures of fidelity say of sets of pictures whose quality is known, before they judge a generator."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams
from ganrepro.evaluation.fidelity import fidelity
from ganrepro.scorers import scorer_of

BLURS = (0.5, 1.0, 2.0)  # standard deviations of a Gaussian, in pixels of a 32 pixels wide image
NOISES = (0.05, 0.1, 0.2, 0.4)  # standard deviations, of the range of pixels
FEW = (1, 8, 64)  # different pictures, repeated
SHOWN = 8  # pictures of each set

Make = Callable[[Tensor, Tensor, torch.Generator], Tensor]  # real pixels, their labels, draws -> pixels


class Calibration:
    """FidelityEvaluation's metrics of sets made from training images, as a generator might, with faults planted.

    real: training images as they are, a perfect generator. blur_<std>: blurred, of pixels at a width of 32.
    noise_<std>: Gaussian noise added, of the range of pixels. noise: nothing but uniform noise. half_noise: real and
    such noise in equal parts. few_<n>: n pictures, repeated. blend: the means of two real pictures each. For labelled
    data half_classes and one_class: only those, taken at random.
    Metrics: <set>/<metric>, each the mean over `draws`. Arrays: calibration.npz with sets [sets] and metrics [metrics],
    their names; table float64 [sets, draws, metrics]; strips uint8 [sets, 8, c, h, w], pictures of the first draw.
    """

    monitor = "real/frechet_ratio"
    mode = "min"
    needs_data = True
    iterates = False  # `updates` is of no use to it

    def __init__(self, data: ImageData, samples: int = 2000, draws: int = 5, scorers: str = "runs/.scorers") -> None:
        """samples: pictures in a set, at most as many as training images. UserError for fewer than 2, or no draw."""
        if samples < 2 or draws < 1:
            raise UserError(f"model.samples={samples} model.draws={draws}: at least 2 and 1 are needed.")
        if not isinstance(data, ImageData):
            raise UserError("Calibration is of data that are pictures.")
        self.data, self.samples, self.draws, self.scorers = data, min(samples, len(data.train)), draws, scorers

    def __call__(self, streams: Streams, updates: int) -> Evaluated:
        scorer = scorer_of(self.data, self.scorers)
        train, sets = self.data.train, sets_of(scorer.labelled)
        table: list[list[dict[str, float]]] = []
        strips = []
        for name, make in sets.items():
            rows = []
            for draw in range(self.draws):
                generator = streams("calibration", name, draw)
                which = torch.randperm(len(train), generator=generator)
                pixels = make(train.pixels[which], train.labels[which], generator)[: self.samples]
                pixels = pixels[torch.arange(self.samples) % len(pixels)]
                rows.append(fidelity(scorer.judge(pixels), scorer))
                if draw == 0:
                    strips.append(pixels[:SHOWN])
            table.append(rows)
        names = list(table[0][0])
        values = np.array([[[row[metric] for metric in names] for row in rows] for rows in table])
        means = {
            f"{name}/{metric}": float(values[at, :, column].mean())
            for at, name in enumerate(sets)
            for column, metric in enumerate(names)
        }
        arrays = {"sets": np.array(list(sets)), "metrics": np.array(names), "table": values}
        return Evaluated(
            means, {"calibration": {**arrays, "scorer": np.array(scorer.name), "strips": torch.stack(strips).numpy()}}
        )


def sets_of(labelled: bool) -> dict[str, Make]:
    """How each set is made of shuffled real pixels uint8 [n, c, h, w]; one that is too short is repeated."""
    sets: dict[str, Make] = {"real": lambda pixels, labels, generator: pixels}
    sets |= {f"blur_{std:g}": blurring(std) for std in BLURS}
    sets |= {f"noise_{std:g}": noisy(std) for std in NOISES}
    sets |= {"blend": blended, "half_noise": half_noise, "noise": noise}
    sets |= {f"few_{n}": few(n) for n in FEW}
    if labelled:
        sets |= {"half_classes": half_classes, "one_class": one_class}
    return sets


def blurring(std: float) -> Make:
    def make(pixels: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        size = std * pixels.shape[-1] / 32
        kernel = min(2 * math.ceil(3 * size) + 1, 2 * min(pixels.shape[-2:]) - 1)  # reflection can pad no more
        return gaussian_blur(pixels, [kernel, kernel], [size, size])

    return make


def noisy(std: float) -> Make:
    def make(pixels: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        added = torch.randn(pixels.shape, generator=generator) * (255 * std)
        return (pixels + added).round().clamp(0, 255).to(torch.uint8)

    return make


def noise(pixels: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(256, pixels.shape, dtype=torch.uint8, generator=generator)


def half_noise(pixels: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    mixed = pixels.clone()
    mixed[::2] = noise(pixels[::2], labels, generator)
    return mixed


def blended(pixels: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    return ((pixels.int() + pixels.roll(1, 0)) // 2).to(torch.uint8)


def few(n: int) -> Make:
    return lambda pixels, labels, generator: pixels[:n]


def half_classes(pixels: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    classes = labels.unique()
    kept = classes[torch.randperm(len(classes), generator=generator)[: max(1, len(classes) // 2)]]
    return pixels[torch.isin(labels, kept)]


def one_class(pixels: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    return pixels[labels == labels[0]]
