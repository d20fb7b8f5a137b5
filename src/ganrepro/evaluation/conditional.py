"""Does a generator draw the class that it is asked for? (LSGAN, section 4.2, handwritten characters.)"""

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams
from ganrepro.scorers import Judged, scorer_of

ROWS, COLUMNS = 16, 8  # classes shown, and samples of each
READABLE = 0.9  # probability of some class from which on a character counts as readable


class Asked(Protocol):
    """A generator whose latents end with the class, as an AdversarialModule has it."""

    latent: Any
    networks: Any

    def images(self, z: Tensor) -> Tensor:
        """Latents [n, dim], the last coordinate the class's index -> images in the networks' range."""


class ConditionalEvaluation:
    """Asks for every class equally often, and has a classifier of real images read what came.

    agreement: the share of samples that are read as the class asked for; 1 / classes by chance, as for a generator
        that is not told (condition=none). accuracy: the classifier's own on real test images, which bounds it.
    confidence: the mean probability of the class that is read; readable: the share of samples where it is above 0.9.
    real/confidence, real/readable: those of test images. frechet, valid/frechet: as FidelityEvaluation has them.
    parameters/generator, parameters/discriminator: numbers; megabytes: of both networks' weights and buffers.
    Agreement, confidence and distances are NaN where a sample is not finite.
    Arrays, at the end: conditional.npz with agreement and confidence [classes], samples uint8 [rows, 8, c, h, w] of
    the first 16 classes at most, labels [rows] and their names.
    """

    monitor = "agreement"
    mode = "max"

    def __init__(self, samples: int = 7480, batch: int = 500, scorers: str = "runs/.scorers") -> None:
        """samples: rounded down to the same number of each class, at least one. batch and scorers: as in
        FidelityEvaluation. UserError for values below 1.
        """
        if samples < 2 or batch < 1:
            raise UserError(f"evaluation.samples={samples} evaluation.batch={batch}: at least 2 and 1 are needed.")
        self.samples, self.batch, self.scorers = samples, batch, scorers

    @torch.no_grad()
    def __call__(self, gan: Asked, data: ImageData, streams: Streams, final: bool) -> Evaluated:
        scorer = scorer_of(data, self.scorers)
        if not scorer.labelled:
            raise UserError(f"ConditionalEvaluation asks for classes; {data.name} has no labels.")
        classes = len(data.classes)
        # One class after the other, over and over: any first part of the samples asks for all classes alike.
        asked = torch.arange(max(1, self.samples // classes) * classes).remainder(classes)
        images = self.drawn(gan, asked, streams("samples"))
        judged = scorer.judge_samples(images, self.batch)
        assert judged.probabilities is not None
        confidence, read = judged.probabilities.max(1)
        right = (read == asked).double()
        n = scorer.count("test", len(asked))
        metrics = {"agreement": right.mean().item(), **readability(judged)}
        metrics |= {"frechet": scorer.frechet(judged, "test"), "valid/frechet": scorer.frechet(judged, "validation")}
        if not judged.finite:
            metrics = dict.fromkeys(metrics, math.nan)
        metrics |= {f"real/{name}": value for name, value in readability(scorer.real("test", n)).items()}
        metrics |= {"accuracy": scorer.record["accuracy"], "classes": float(classes), **sizes(gan.networks)}
        if not final:
            return Evaluated(metrics, {})
        rows = torch.arange(min(ROWS, classes))
        shown = self.drawn(gan, rows.repeat_interleave(COLUMNS), streams("pictures"))
        arrays = {
            "agreement": right.view(-1, classes).mean(0).numpy(),
            "confidence": confidence.view(-1, classes).mean(0).numpy(),
            "samples": data.to_uint8(shown).unflatten(0, (len(rows), COLUMNS)).cpu().numpy(),
            "labels": rows.numpy(),
            "names": np.array(data.classes[: len(rows)]),
            "scorer": np.array(scorer.name),
        }
        return Evaluated(metrics, {"conditional": arrays})

    def drawn(self, gan: Asked, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Images of the classes asked for, int64 [n]; nothing else of the latents is fixed."""
        z = gan.latent.sample(len(labels), generator)
        z[:, -1] = labels.to(z)
        return torch.cat([gan.images(part) for part in z.split(self.batch)])


def readability(judged: Judged) -> dict[str, float]:
    assert judged.probabilities is not None
    confidence = judged.probabilities.max(1).values
    return {"confidence": confidence.mean().item(), "readable": (confidence > READABLE).double().mean().item()}


def sizes(networks: Any) -> dict[str, float]:
    """Parameters of each network by name, and megabytes of all weights and buffers together."""
    held = [tensor for network in networks.values() for tensor in (*network.parameters(), *network.buffers())]
    counts = {name: sum(weight.numel() for weight in network.parameters()) for name, network in networks.items()}
    found = {f"parameters/{name}": float(count) for name, count in counts.items()}
    return found | {"megabytes": sum(tensor.nbytes for tensor in held) / 1e6}
