"""Walks in latent space (Radford et al. 2016, section 6.1, Figure 4): do images change step by step, or in jumps?"""

import torch
from torch import Tensor, nn

from ganrepro.data.images import ImageData
from ganrepro.latents import Latent
from ganrepro.probes.base import REFERENCE, Found, at_rest, images_of, is_told, untrained
from ganrepro.probes.lines import straight_lines

SHOWN = 10  # rows of the figure


def latent_walk(
    generator: nn.Module,
    latent: Latent,
    data: ImageData,
    noise: torch.Generator,
    segments: int = 100,
    steps: int = 10,
) -> Found:
    """Straight lines through a chain of random latents, by the generator and by the same network with fresh weights.

    The figure has 10 rows of 10 images, the last of each row the first of the next; its caption speaks of 9 points.
    Networks that are told the class stay in that of the first latent.
    largest_step/trained, /untrained: the largest of a segment's steps over their mean (L2 distances of neighbouring
        images), averaged over segments. 1 where all steps are alike; steps - 1 where all changes in one. Segments
        whose images are all alike have none, and NaN if all are.
    largest_step/ratio: the first over the second. segments: how many. steps: images on each, both ends among them.
    Arrays: trained, untrained: uint8 [10, steps, channels, height, width]; steps_trained, steps_untrained:
        float32 [segments, steps - 1].
    """
    reference = latent.sample(REFERENCE, noise)
    chain = latent.sample(segments + 1, noise)
    if is_told(latent):
        chain[:, -1] = reference[:, -1] = chain[0, -1]
    paths = straight_lines(chain, steps)
    metrics, arrays = {}, {}
    for name, network in {"trained": generator, "untrained": untrained(generator, noise)}.items():
        images = images_of(at_rest(network, reference), paths.flatten(0, 1)).unflatten(0, paths.shape[:2])
        lengths = step_lengths(images)
        metrics[f"largest_step/{name}"] = largest_step(lengths).nanmean().item()
        arrays[name] = data.to_uint8(images[:SHOWN].flatten(0, 1)).unflatten(0, (-1, steps)).numpy()
        arrays[f"steps_{name}"] = lengths.numpy()
    metrics["largest_step/ratio"] = metrics["largest_step/trained"] / metrics["largest_step/untrained"]
    return Found(metrics | {"segments": float(segments), "steps": float(steps)}, arrays)


def step_lengths(images: Tensor) -> Tensor:
    """L2 distances between neighbours on each line: [lines, steps, ...] -> [lines, steps - 1]."""
    return images.diff(dim=1).flatten(2).norm(dim=2)


def largest_step(lengths: Tensor) -> Tensor:
    """The largest over the mean of each row of [lines, steps - 1]; NaN for a row of zeros."""
    return lengths.amax(1) / lengths.mean(1)
