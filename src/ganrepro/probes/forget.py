"""Forgetting an object: G's maps that draw it are found and dropped (Radford et al. 2016, section 6.3.1, Figure 6)."""

import math
from copy import deepcopy

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.latents import Latent
from ganrepro.metrics.frechet import frechet_distance
from ganrepro.probes.attributes import taken
from ganrepro.probes.base import BATCH, REFERENCE, Found, at_rest, goes_into, images_of, map_readers
from ganrepro.scorers import Judged, Scorer

SHOWN = 10  # pairs of Figure 6
SECOND_HIGHEST = -2  # of the layers that read maps: the last makes the image of the highest ones
MOST = 5000  # positions on each side of the regression
ITERATIONS = 5000  # of the regression, at most


def forget(
    generator: nn.Module,
    latent: Latent,
    data: ImageData,
    z: Tensor,
    marks: Tensor,
    noise: torch.Generator,
    samples: int = 300,
    scorer: Scorer | None = None,
    wanted: int = -1,
) -> Found:
    """Drops the maps that a logistic regression finds where the object is, and draws the same latents with and without.

    z [n, dim], marks bool [n, height, width]: samples, and the pixels of each where the object is: in its boxes, or
    all of those that have an attribute and none of the others. The maps are those of G's second-highest layer: of
    1024, 512, 256 and 128 at 64x64, the 256, since the paper drops 200. Positives are activations at marked positions,
    negatives as many at random others (at most 5,000; how many there were in the paper is not known). Maps with a
    weight above 0 are set to zero everywhere, and batch norms that go by the batch go by the changed one.
    For comparison as many maps are dropped at random.
    scorer, wanted: for labelled data, the classifier, and the class to be forgotten.
    maps, maps_dropped. positions: on each side. annotated: samples behind them. samples: drawn with and without.
    change/dropped, /random: the mean absolute change of a value in [0, 1] over samples; change/marked, /unmarked: by
        dropping, of the annotated samples in their marked pixels and in the others.
    With a classifier: rate/before, /dropped, /random: the share of samples taken for the class; lost/dropped, /random:
        of those that were before, the share that no longer are (NaN where none was); kept/dropped, /random: of those
        that were not, the share still taken for what they were; frechet_rest/before, /dropped, /random: the
        distance of those not taken for it to test images of other classes, rest_images on each side.
    Arrays: weights float64 [maps]; before, dropped, random: uint8 [10, channels, height, width]. With a classifier
        these are samples of the class first.
    Raises UserError for a G with fewer than two layers of maps, where nothing or everything is marked, and where no
    map is found.
    """
    if len(map_readers(generator)) < 2:
        raise UserError("probe=forget needs a generator with two layers of maps; that of this run has fewer.")
    reference = latent.sample(REFERENCE, noise)
    whole = at_rest(generator, reference)
    found, positions = weights(whole, z, marks, noise)
    dropped = torch.from_numpy(found > 0)
    at_random = dropped[torch.randperm(len(dropped), generator=noise)]
    if not dropped.any():
        raise UserError("probe=forget: no map of the generator goes with the marked positions.")
    networks = {
        "before": whole,
        "dropped": at_rest(without(generator, dropped), reference),
        "random": at_rest(without(generator, at_random), reference),
    }
    fresh = latent.sample(samples, noise)
    images = {name: images_of(network, fresh) for name, network in networks.items()}
    metrics = {"maps": float(len(found)), "maps_dropped": float(dropped.sum())}
    metrics |= {"positions": float(positions), "annotated": float(len(z)), "samples": float(samples)}
    for name in ("dropped", "random"):
        metrics[f"change/{name}"] = change(images["before"], images[name], data).mean().item()
    moved = change(images_of(whole, z), images_of(networks["dropped"], z), data).mean(1)
    metrics |= {"change/marked": moved[marks].mean().item(), "change/unmarked": moved[~marks].mean().item()}
    shown = torch.arange(len(fresh))
    if scorer is not None:
        judged = {name: scorer.judge_samples(each) for name, each in images.items()}
        metrics |= rates(judged, wanted) | rest(judged, wanted, scorer, noise)
        shown = (taken(judged["before"]) != wanted).long().argsort(stable=True)
    arrays = {name: data.to_uint8(each[shown[:SHOWN]]).numpy() for name, each in images.items()}
    return Found(metrics, {"weights": found, **arrays})


def weights(generator: nn.Module, z: Tensor, marks: Tensor, noise: torch.Generator) -> tuple[np.ndarray, int]:
    """The regression's weight of each map, float64 [maps], and the positions on each side.

    A position is marked where at least half of its pixels are. Activations are standardised, which leaves the signs of
    the weights and the fit settled; a map that is the same everywhere has the weight 0.
    """
    layer = map_readers(generator)[SECOND_HIGHEST]
    with torch.no_grad():
        maps = torch.cat([goes_into(generator, layer, part) for part in z.split(BATCH)])
    inside = functional.adaptive_avg_pool2d(marks[:, None].float(), (maps.shape[2], maps.shape[3]))[:, 0] >= 0.5
    activations = maps.movedim(1, -1)
    sides = [activations[inside], activations[~inside]]
    count = min(MOST, *map(len, sides))
    if count == 0:
        raise UserError(
            f"probe=forget: the marks have to cover some positions of the {maps.shape[2]}x{maps.shape[3]} maps, "
            "at least half of each, and not all."
        )
    chosen = [side[torch.randperm(len(side), generator=noise)[:count]] for side in sides]
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    regression.fit(torch.cat(chosen).double().numpy(), np.repeat([1, 0], count))
    return regression[-1].coef_[0], count


def without(generator: nn.Module, dropped: Tensor) -> nn.Module:
    """A copy whose second-highest maps of bool [maps] are zero: nothing is read of them."""
    copy = deepcopy(generator)
    reader = map_readers(copy)[SECOND_HIGHEST]
    weight: Tensor = reader.weight  # type: ignore[assignment]
    with torch.no_grad():
        (weight if isinstance(reader, nn.ConvTranspose2d) else weight.transpose(0, 1))[dropped] = 0
    return copy


def change(before: Tensor, after: Tensor, data: ImageData) -> Tensor:
    """The absolute change of each value in the measured range."""
    return (data.scaling.to_measured(before) - data.scaling.to_measured(after)).abs()


def rates(judged: dict[str, Judged], wanted: int) -> dict[str, float]:
    """How often the class is seen, how often it is lost, and how often the others stay what they were."""
    before = taken(judged["before"])
    metrics = {f"rate/{name}": (taken(each) == wanted).double().mean().item() for name, each in judged.items()}
    others = before != wanted
    for name in ("dropped", "random"):
        same = (taken(judged[name]) == before).double()
        metrics[f"lost/{name}"] = 1 - same[~others].mean().item()
        metrics[f"kept/{name}"] = same[others].mean().item()
    return metrics


def rest(judged: dict[str, Judged], wanted: int, scorer: Scorer, noise: torch.Generator) -> dict[str, float]:
    """Frechet distances of what is not taken for the class to test images that are not of it."""
    test = scorer.data.test
    real = scorer.judge(test.pixels[test.labels != wanted]).features
    others = {name: each.features[taken(each) != wanted] for name, each in judged.items()}
    n = min(len(real), *map(len, others.values()))
    real = real[torch.randperm(len(real), generator=noise)[:n]]
    metrics = {"rest_images": float(n)}
    for name, features in others.items():
        near = frechet_distance(scorer.reduced(features[:n], n), scorer.reduced(real, n)) if n > 1 else math.nan
        metrics[f"frechet_rest/{name}"] = near
    return metrics
