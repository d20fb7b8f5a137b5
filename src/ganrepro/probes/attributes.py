"""Which samples show what: by a person's choice in a small YAML file, by a classifier, or by a plain measure.

A file of choices counts the run's numbered samples (probe=samples draws them), for a part of the probes or for all:

    arithmetic: {a: [3, 17, 22], b: [4, 9, 41], c: [5, 6, 12]}     # a - b + c; or classes: {a: ..., wanted: ...}
    pose: {left: [2, 8, 30, 31], right: [5, 6, 9, 12]}
    forget: {boxes: [[12, 8, 8, 20, 24], [12, 40, 8, 52, 24]]}     # sample, left, top, right, bottom; or {class: ...}
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor

from ganrepro import schema
from ganrepro.errors import UserError
from ganrepro.probes.arithmetic import CANDIDATES, CONCEPTS, EXEMPLARS
from ganrepro.scorers import Judged, Scorer

PARTS = {"arithmetic": (*CONCEPTS, "wanted"), "pose": ("left", "right"), "forget": ("boxes", "class")}
SURE = 0.9  # a classifier's probability from which on a sample stands for its class


class Concepts(NamedTuple):
    """What is added and subtracted."""

    pools: dict[str, Tensor]  # int64 [n], samples that show a, b and c
    has: Callable[[Tensor], Tensor] | None  # images -> bool [n], whether they show what the sum should
    words: str


# A person's choice -----------------------------------------------------------------------------------------------


def read_choices(path: Path) -> dict[str, Any]:
    """The file's parts by probe. UserError where it cannot be read, or holds anything else."""
    try:
        found = read_yaml(path.read_text(), f"choices={path}")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"choices={path} cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(found, dict):
        raise UserError(f"choices={path}: needs lines such as\n  pose: {{left: [2, 8, 30, 31], right: [5, 6, 9, 12]}}")
    for probe, parts in found.items():
        if probe not in PARTS:
            raise UserError(f"choices={path}: {probe} chooses nothing.{schema.nearest(str(probe), PARTS)}")
        if not isinstance(parts, dict) or not parts or not set(parts) <= set(PARTS[probe]):
            raise UserError(f"choices={path}: {probe} needs some of {', '.join(PARTS[probe])}.")
    return found


def read_yaml(text: str, where: str) -> Any:
    """What YAML holds. UserError, in one line, for what is none."""
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f" (line {mark.line + 1})" if mark else ""
        raise UserError(f"{where} cannot be read: {error.problem}{line}.") from None
    except (yaml.YAMLError, ValueError) as error:  # a character, or a date, that there is not
        raise UserError(f"{where} cannot be read: {str(error).splitlines()[0]}.") from None


def indices(value: Any, n: int, least: int, where: str) -> Tensor:
    """A list of at least `least` different samples of n, int64 [...]. UserError for anything else."""
    numbers = value if isinstance(value, list) else []
    right = all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each < n for each in numbers)
    if not right or len(set(map(str, numbers))) < max(least, len(numbers)):
        raise UserError(f"choices: {where} needs a list of {least} or more different samples from 0 to {n - 1}.")
    return torch.tensor(numbers)


def boxes(value: Any, n: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Boxes [sample, left, top, right, bottom] in pixels, the last two not included, of images of (height, width).

    -> the samples that have one, int64 [k], and the pixels in them, bool [k, height, width]. UserError for others.
    """
    height, width = size
    marks = torch.zeros(n, height, width, dtype=torch.bool)
    for box in value if isinstance(value, list) and value else [value]:
        whole = isinstance(box, list) and len(box) == 5 and all(isinstance(each, int) for each in box)
        sample, left, top, right, bottom = list(box) if whole else [-1] * 5
        if not (0 <= sample < n and 0 <= left < right <= width and 0 <= top < bottom <= height):
            raise UserError(
                f"choices: forget.boxes needs lists of [sample, left, top, right, bottom], samples from 0 to {n - 1}, "
                f"pixels within {width}x{height}; not {box}."
            )
        marks[sample, top:bottom, left:right] = True
    samples = marks.any(dim=(1, 2)).nonzero()[:, 0]
    return samples, marks[samples]


def refuse_alike(pools: Mapping[str, Tensor]) -> None:
    """UserError where a and b, or b and c, int64 [n] each, are the same samples: nothing would be left of them."""
    for pair in pairwise(CONCEPTS):
        one, other = (set(pools[name].tolist()) for name in pair)
        if one == other:
            raise UserError(
                f"choices: arithmetic.{pair[0]} and .{pair[1]} are the same samples; one takes the other away."
            )


def sides(parts: Mapping[str, Any], n: int) -> tuple[Tensor, Tensor]:
    """Samples on the left and on the right as a file chooses them, int64 [k]. UserError for one that is on both."""
    left, right = (indices(parts.get(name), n, 1, f"pose.{name}") for name in PARTS["pose"])
    if both := sorted(set(left.tolist()) & set(right.tolist())):
        raise UserError(f"choices: pose has {', '.join(map(str, both))} on both sides; a sample looks one way.")
    return left, right


def class_index(name: Any, classes: Sequence[str]) -> int:
    """The label of a class that was named. UserError for another, or where the data have no classes."""
    if len(classes) < 2:
        raise UserError(f"choices: there is no class {name}: the data have no labels. Choose samples by their numbers.")
    if str(name) not in classes:
        raise UserError(f"choices: there is no class {name}.{schema.nearest(str(name), classes)}")
    return list(classes).index(str(name))


def chosen_concepts(parts: Mapping[str, Any], n: int, scorer: Scorer | None, judged: Judged | None) -> Concepts:
    """Exemplars as a file chooses them: samples by number, or those of n that the classifier is sure of by class.

    scorer, judged: None where the data have no labels; then classes are refused.
    """
    if missing := [name for name in CONCEPTS if name not in parts]:
        raise UserError(f"choices: arithmetic needs {', '.join(missing)} too.")
    names = scorer.data.classes if scorer else []
    pools = {}
    for name in CONCEPTS:
        if isinstance(parts[name], list):
            pools[name] = indices(parts[name], n, EXEMPLARS, f"arithmetic.{name}")
        else:
            pools[name] = members(judged, class_index(parts[name], names), names, CANDIDATES)
    refuse_alike(pools)
    words = "{} - {} + {}".format(*(parts[name] for name in CONCEPTS))
    if "wanted" not in parts:
        return Concepts(pools, None, f"exemplars as chosen: {words}; whether it worked is for the reader to see")
    wanted = class_index(parts["wanted"], names)
    return Concepts(pools, taken_for(scorer, wanted), f"exemplars as chosen: {words}, which is to give {names[wanted]}")


# A classifier's choice -------------------------------------------------------------------------------------------


def members(judged: Judged | None, label: int, names: Sequence[str], least: int = EXEMPLARS) -> Tensor:
    """The samples that the classifier takes for a class with a probability of 0.9 or more, int64 [n]."""
    assert judged is not None
    assert judged.probabilities is not None
    found = (judged.probabilities[:, label] >= SURE).nonzero()[:, 0]
    if len(found) < least:
        raise UserError(
            f"Only {len(found)} of {len(judged.probabilities)} samples are surely of class {names[label]}; "
            f"{least} are needed: more samples (samples=...), another class, or a better run."
        )
    return found


def most_frequent(judged: Judged, n: int) -> list[int]:
    """The n classes that most samples are surely of, most first."""
    assert judged.probabilities is not None
    return (judged.probabilities >= SURE).sum(0).argsort(descending=True, stable=True)[:n].tolist()


def taken(judged: Judged) -> Tensor:
    """The class that each sample is taken for, int64 [n]."""
    assert judged.probabilities is not None
    return judged.probabilities.argmax(1)


def taken_for(scorer: Scorer | None, label: int) -> Callable[[Tensor], Tensor]:
    """images -> whether the classifier takes them for that class."""
    assert scorer is not None
    return lambda images: taken(scorer.judge_samples(images)) == label


def bright_concepts(scorer: Scorer, judged: Judged, pixels: Tensor) -> Concepts:
    """Where classes are all that is known: bright ones of class y, from the brightness of class x.

    Bright x - dark x + dark y is to give bright y, as "smiling woman - neutral woman + neutral man" gives a smiling
    man; classes alone, as in 3 - 5 + 8, give sums that mean nothing. y and x are the two classes that most samples are
    of; bright and dark are the thirds of each class with the highest and the lowest mean value. A sum has it
    when it is taken for y and is brighter than the median of y's samples. Brightness adds up in pixels too, so this is
    no test of what sums of pixels are good for.
    """
    names = scorer.data.classes
    y, x = most_frequent(judged, 2)
    light = brightness(pixels)
    samples = {label: members(judged, label, names, 3 * CANDIDATES) for label in (x, y)}
    thirds = {label: thirds_of(found, light) for label, found in samples.items()}
    median = light[samples[y]].median()
    is_y = taken_for(scorer, y)

    def has(images: Tensor) -> Tensor:
        return is_y(images) & (brightness(scorer.data.to_uint8(images)) > median)

    pools = {"a": thirds[x][1], "b": thirds[x][0], "c": thirds[y][0]}
    counts = "/".join(str(len(pool)) for pool in pools.values())
    words = f"bright {names[x]} - dark {names[x]} + dark {names[y]} is to give bright {names[y]}"
    return Concepts(
        pools,
        has,
        f"{words}; by the classifier and mean brightness, from {counts} samples. Brightness adds up in pixels too: "
        "of sums of pixels the picture tells more than the rate",
    )


def thirds_of(samples: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
    """The darkest and the brightest third of the samples int64 [n], by the brightness of all."""
    ordered = samples[light[samples].argsort()]
    third = len(samples) // 3
    return ordered[:third], ordered[-third:]


# Plain measures --------------------------------------------------------------------------------------------------


def brightness(pixels: Tensor) -> Tensor:
    """The mean value of uint8 images [n, channels, height, width], in [0, 1]: float32 [n]."""
    return pixels.float().mean((1, 2, 3)) / 255


def horizontal_centre(pixels: Tensor) -> Tensor:
    """Where the brightness of uint8 images [n, channels, height, width] lies: float32 [n], -1 left edge, 1 right edge.

    The centre of mass of the values along the width, which only an image's left-right asymmetry moves from 0. It stands
    for pose where there are no labels: a face that turns moves its bright side. 0 for a black image.
    """
    columns = pixels.float().sum((1, 2))
    places = torch.linspace(-1, 1, columns.shape[1])
    return (columns @ places) / columns.sum(1).clamp(min=1)
