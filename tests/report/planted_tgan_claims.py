"""What five seeds measured under which each claim about t-GAN holds, and does not: see planted_claims.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

SCATTER = (1.0, 1.02, 0.98, 1.01, 0.99)
CLASSES = [f"class {n}" for n in range(10)]
PER_CLASS = "modified_inception_score/"
BARS = {"inception_score": (8.0, 6.0), "modified_inception_score": (1.5, 1.2)}  # of who is better, and of who is not
REAL = {"real/modified_inception_score": 1.7}  # that of real images is above both


@dataclass(frozen=True)
class Course:
    """The rows of several metrics, from 6,000 to 12,000 updates."""

    values: Mapping[str, Sequence[float]]

    @property
    def run(self) -> dict[str, Any]:
        rows = [dict(zip(self.values, row, strict=True)) for row in zip(*self.values.values(), strict=True)]
        counted = [{"generator_updates": 6000 + 1000 * n, **row} for n, row in enumerate(rows)]
        return {"rows": counted, "generator_updates": 12_000, "updates_wanted": 12_000}


def scored(better: bool, *metrics: str) -> dict[str, float]:
    """These metrics of a cell that is the better or the worse of two."""
    return {metric: BARS[metric][not better] for metric in metrics or BARS} | REAL


def confused(scores: Mapping[str, float]) -> dict[str, float]:
    """The same with a modified score above that of real images, as where the classifier cannot tell the classes."""
    return dict(scores) | {"modified_inception_score": 2.5}


def apart(own: Mapping[str, float], *rivals: Mapping[str, float]) -> list[Any]:
    """Five seeds, the own cell's a little different in each."""
    return [({key: value * by for key, value in own.items()} | REAL, *rivals) for by in SCATTER]


def diverse(better: bool, distance: float) -> dict[str, float]:
    return scored(better) | {"intra_class_features": distance}


def by_class(higher: int) -> list[Any]:
    """t-GAN's and DeLiGAN's scores of ten classes, of which the first so many are higher with t-GAN."""
    own, rival = (scored(better) for better in (True, False))
    own |= {PER_CLASS + name: 1.5 if n < higher else 1.1 for n, name in enumerate(CLASSES)}
    return apart(own, rival | {PER_CLASS + name: 1.2 for name in CLASSES})


def settling(generator: Sequence[float], discriminator: Sequence[float], shift: float = 0.0) -> list[Any]:
    """Seven rows of both losses of each seed; shift: what the totals have besides."""
    courses = []
    for seed in range(5):
        jitter = [0.004 * ((n + seed) % 3 - 1) for n in range(7)]
        g, d = ([v + j for v, j in zip(of, jitter, strict=True)] for of in (generator, discriminator))
        totals = {"loss/generator": [v + shift for v in g], "loss/discriminator": [v + shift for v in d]}
        courses.append(Course({"loss/source_generator": g, "loss/source_discriminator": d, **totals}))
    return courses


FLAT, FALLING = [9.0, 3.0] + [0.7] * 5, [9.0, 3.0, 1.1, 0.9, 0.7, 0.5, 0.3]  # 6,000 and 7,000 updates do not count
HOLDS: dict[str, list[Any]] = {
    "tgan.heavy_tail": apart(scored(True), scored(False)),
    "tgan.codeword": apart(diverse(True, 9.0), diverse(False, 7.0)),
    "tgan.class_loss": apart(diverse(True, 7.0), diverse(False, 9.0)),
    "tgan.mnist": apart(scored(True), *[scored(False)] * 4),
    "tgan.mnist_data": apart(scored(True), *[scored(False)] * 2),
    "tgan.fashion": apart(scored(True), *[scored(False)] * 4),
    "tgan.fashion_converges": settling(FLAT, FLAT),
    "tgan.two_log_two": settling([2 * log(2)] * 7, [2 * log(2)] * 7),
    "tgan.cifar": by_class(4),
    "tgan.pixelcnn": apart(scored(True) | {"train_seconds": 30.0}, scored(False) | {"train_seconds": 90.0}),
}
FAILS: dict[str, list[Any]] = {
    "tgan.heavy_tail": apart(scored(False), scored(True)),
    "tgan.codeword": apart(diverse(False, 7.0), diverse(True, 9.0)),
    "tgan.class_loss": apart(diverse(False, 7.0), diverse(True, 9.0)),
    "tgan.mnist": apart(scored(True), *[scored(False)] * 3, {key: 1.1 * v for key, v in scored(True).items()} | REAL),
    "tgan.mnist_data": apart(scored(False), scored(False), scored(True)),
    "tgan.fashion": apart(scored(False), *[scored(True)] * 4),
    "tgan.fashion_converges": settling(FALLING, FLAT),
    "tgan.two_log_two": settling([log(2)] * 7, [2 * log(2)] * 7, shift=0.7),
    "tgan.cifar": by_class(1),
    "tgan.pixelcnn": apart(scored(True) | {"train_seconds": 80.0}, scored(False) | {"train_seconds": 90.0}),
}
