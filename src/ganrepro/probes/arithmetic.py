"""Sums of latents (Radford et al. 2016, section 6.3.2): A - B + C of exemplars, an axis of pose (Figures 7, 8)."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from ganrepro.data.images import ImageData
from ganrepro.latents import Latent
from ganrepro.probes.base import REFERENCE, Found, at_rest, images_of

EXEMPLARS = 3  # of each concept
TRIALS = 100  # sums behind each rate
CANDIDATES = 6  # samples of a concept, at least, where trials draw exemplars of them: 20 different threes
SPREAD, NEIGHBOURS = 0.25, 8  # uniform noise on the sum, of a z that is uniform on (-1, 1), and images with it
TURNED = 4  # exemplars of each side of the pose axis
ROWS, STEPS = 5, 11  # of Figure 8

CONCEPTS = ("a", "b", "c")


def arithmetic(
    generator: nn.Module,
    latent: Latent,
    data: ImageData,
    pools: Mapping[str, Tensor],
    noise: torch.Generator,
    has: Callable[[Tensor], Tensor] | None = None,
    trials: int = TRIALS,
) -> Found:
    """A - B + C: of the means of three exemplars' latents, of one exemplar's each, and of the exemplars' pixels.

    pools: latents [n, dim] of each concept a, b and c, at least three. Of pools of three, they are the exemplars, in a
    single trial; else each of `trials` draws its own. The sum's image stands among eight with noise from
    U(-0.25, 0.25) on the sum.
    has: images -> bool [n], whether they have what the sum should; None where nobody but the reader can say.
    With it: rate/averaged, /neighbours (those eight), /single, /pixels; and rate/chance, of random samples.
    trials: how many sums. chance_samples: behind rate/chance.
    Arrays, of the first trial: exemplars uint8 [3, 3, channels, height, width]; means [3, ...], the images of their
    mean latents; averaged, single [9, ...] with the sum's in the middle; pixels [1, ...].
    """
    reference = latent.sample(REFERENCE, noise)
    network = at_rest(generator, reference)
    if all(len(pools[name]) == EXEMPLARS for name in CONCEPTS):
        exemplars = torch.stack([pools[name] for name in CONCEPTS])[None]
    else:
        exemplars = torch.stack([torch.stack([drawn(pools[name], noise) for name in CONCEPTS]) for _ in range(trials)])
    means = exemplars.mean(2)  # [trials, concepts, dim]
    sums = {"averaged": summed(means), "single": summed(exemplars[:, :, 0])}
    around = {name: neighbours(each, noise) for name, each in sums.items()}
    images = {name: images_of(network, each) for name, each in sums.items()}
    pictured = images_of(network, exemplars.flatten(0, 2)).unflatten(0, exemplars.shape[:3])
    images["neighbours"] = images_of(network, around["averaged"].flatten(0, 1))
    images["pixels"] = summed(pictured.mean(2))
    metrics = {"trials": float(len(exemplars))}
    if has is not None:
        metrics |= {f"rate/{name}": has(each).double().mean().item() for name, each in images.items()}
        metrics["rate/chance"] = has(images_of(network, reference)).double().mean().item()
        metrics["chance_samples"] = float(REFERENCE)
    shown = {
        "exemplars": pictured[0].flatten(0, 1),
        "means": images_of(network, means[0]),
        "averaged": in_the_middle(images["averaged"][:1], images_of(network, around["averaged"][0])),
        "single": in_the_middle(images["single"][:1], images_of(network, around["single"][0])),
        "pixels": images["pixels"][:1],
    }
    levels = data.to_uint8(torch.cat(list(shown.values()))).split([len(each) for each in shown.values()])
    arrays = {name: part.numpy() for name, part in zip(shown, levels, strict=True)}
    arrays["exemplars"] = arrays["exemplars"].reshape(len(CONCEPTS), EXEMPLARS, *data.shape)
    return Found(metrics, arrays)


def drawn(pool: Tensor, noise: torch.Generator) -> Tensor:
    """Three different ones of [n, dim]."""
    return pool[torch.randperm(len(pool), generator=noise)[:EXEMPLARS]]


def summed(concepts: Tensor) -> Tensor:
    """a - b + c of [n, 3, ...] -> [n, ...]."""
    return concepts[:, 0] - concepts[:, 1] + concepts[:, 2]


def neighbours(z: Tensor, noise: torch.Generator) -> Tensor:
    """[n, dim] -> [n, 8, dim], each with noise of its own."""
    offsets = torch.empty(len(z), NEIGHBOURS, z.shape[1]).uniform_(-SPREAD, SPREAD, generator=noise)
    return z[:, None] + offsets


def in_the_middle(one: Tensor, eight: Tensor) -> Tensor:
    return torch.cat([eight[: NEIGHBOURS // 2], one, eight[NEIGHBOURS // 2 :]])


# Pose ----------------------------------------------------------------------------------------------------------


def pose(
    generator: nn.Module,
    latent: Latent,
    data: ImageData,
    left: Tensor,
    right: Tensor,
    measure: Callable[[Tensor], Tensor],
    noise: torch.Generator,
    rows: int = 100,
    axes: int = 10,
) -> Found:
    """Random latents moved along the mean of `right` less that of `left`, from minus to plus the whole vector.

    left, right: latents [n, dim] of samples that look either way, four each in the paper (or four in all: it can be
    read either way, and has no word on how far it goes). measure: uint8 images -> float [n], how far they look right.
    rank_correlation/turn: Spearman's between the place on the axis and the measure, its mean over rows; 1 where every
        row rises all the way. rank_correlation/mean_row: of the mean over rows, 1 if that rises all the way.
    rising: the share of rows where it is above 0.9. slope/turn: of a straight line through a row, mean over rows, in
        the measure's unit for one turn vector.
    rank_correlation/random, slope/random: for comparison, the size of these means along an axis of the same length
        between the means of random latents, over `random_axes` of them, which share as many rows. Where any axis
        gives a rank correlation near 1, the slope tells the turn from it. rows, steps, random_axes.
    Arrays: images uint8 [5, 11, channels, height, width]; places float32 [11]; values float32 [rows, 11].
    """
    network = at_rest(generator, latent.sample(REFERENCE, noise))
    places = (torch.arange(STEPS) - STEPS // 2) / (STEPS // 2)

    def along(axis: Tensor, n: int) -> tuple[Tensor, Tensor]:
        z = latent.sample(n, noise)[:, None] + places[:, None] * axis
        pixels = data.to_uint8(images_of(network, z.flatten(0, 1)))
        return pixels.unflatten(0, z.shape[:2]), measure(pixels).view(n, STEPS)

    turn = right.mean(0) - left.mean(0)
    images, values = along(turn, rows)
    correlations = rank_correlation(values)
    at_random = []
    for _ in range(axes):
        axis = latent.sample(len(right), noise).mean(0) - latent.sample(len(left), noise).mean(0)
        at_random.append(along(axis * turn.norm() / axis.norm(), rows // axes)[1])

    def slopes(values: Tensor) -> Tensor:
        return (values * places).sum(1) / places.square().sum()

    metrics = {
        "rank_correlation/turn": float(correlations.mean()),
        "rank_correlation/mean_row": float(rank_correlation(values.mean(0, keepdim=True))[0]),
        "rank_correlation/random": float(np.mean([abs(rank_correlation(each).mean()) for each in at_random])),
        "rising": float((correlations > 0.9).mean()),
        "slope/turn": slopes(values).mean().item(),
        "slope/random": float(np.mean([slopes(each).mean().abs() for each in at_random])),
        "rows": float(rows),
        "steps": float(STEPS),
        "random_axes": float(axes),
    }
    arrays = {"images": images[:ROWS].numpy(), "places": places.numpy(), "values": values.numpy()}
    return Found(metrics, arrays)


def rank_correlation(values: Tensor) -> np.ndarray:
    """Spearman's correlation of each row of [rows, steps] with 0, 1, 2, ...; 0 for a row without changes."""
    ranks = rankdata(values.double().numpy(), axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    places = np.arange(values.shape[1]) - (values.shape[1] - 1) / 2
    size = np.sqrt((ranks**2).sum(1) * (places**2).sum())
    return np.divide(ranks @ places, size, out=np.zeros(len(ranks)), where=size > 0)
