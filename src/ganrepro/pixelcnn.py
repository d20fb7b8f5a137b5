"""The study `tgan_pixelcnn`: how long a PixelCNN trains and samples, and how its samples score, for t-GAN's comparison.

t-GAN's paper says that it trains in far less time than PixelCNN and scores higher; which PixelCNN, and for how long it
was trained, nobody says. Here it is a small gated one, on the same images and machine as t-GAN.
"""

import math
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ganrepro.assemble import device_meant, device_of
from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams
from ganrepro.evaluation.class_diversity import ClassDiversityEvaluation, check, scored
from ganrepro.feeds import ImageFeed
from ganrepro.networks.layers import initialised
from ganrepro.networks.pixelcnn import PixelCNN
from ganrepro.streams import stream

POINTS = 100  # of the curve
AT_ONCE = 500  # images sampled together


class PixelCNNStudy:
    """Trains a PixelCNN on the data's training images, draws samples, and has them scored like a generator's.

    train_seconds: wall-clock time of the updates alone. sample_seconds: of drawing an image, `samples` being drawn 500
    at a time. bits_per_dim: of `tested` test images at `levels` levels; with others it does not compare. parameters:
    their number. The rest are ClassDiversityEvaluation's metrics, with the class as the one asked for if the network is
    told. Where training ends in weights that are not finite, nothing is drawn and all of these but counts and times
    are NaN.
    Arrays: classes.npz as of ClassDiversityEvaluation; curve.npz with update int64 [p] and bits float64 [p], the mean
    bits per dimension of the training batches since the point before.
    """

    monitor = "inception_score"
    mode = "max"
    needs_data = True
    needs_evaluation = True
    iterates = True

    def __init__(
        self,
        data: ImageData,
        evaluation: ClassDiversityEvaluation,
        told: bool = True,
        levels: int = 256,
        filters: int = 64,
        kernels: Sequence[int] = (7, 5, 5, 5, 5, 5),
        hidden: int = 128,
        lr: float = 0.001,
        batch: int = 50,
        tested: int = 2000,
        accelerator: str = "auto",
    ) -> None:
        """evaluation: how t-GAN's samples are scored; so are these. told: whether the network is told the class.

        levels, filters, kernels, hidden: see PixelCNN. lr: Adam's. batch: images of an update. tested: test images, at
        most, behind bits_per_dim. accelerator: "auto", "cpu", "cuda" or "mps".
        UserError for data that are no labelled pictures, and for numbers that cannot be.
        """
        if lr <= 0 or batch < 1 or tested < 1:
            raise UserError(
                f"model: lr={lr} batch={batch} tested={tested} cannot be: a rate above 0, a batch and a test image of "
                "1 are needed."
            )
        if not isinstance(evaluation, ClassDiversityEvaluation):
            raise UserError(
                f"PixelCNN is scored as t-GAN is, by a ClassDiversityEvaluation, not a {type(evaluation).__name__}."
            )
        self.data, self.evaluation = data, evaluation
        check(self.data, evaluation.data)
        if self.data.value_range is None:
            raise UserError("PixelCNN makes pictures, and data.scaling=gcn has none: set data.scaling=range.")
        self.classes = len(data.classes) if told else 0
        self.make = partial(PixelCNN, data.shape, levels, self.classes, filters, kernels, hidden)
        with torch.device("meta"):
            self.make()  # says now what cannot be built
        self.lr, self.batch, self.samples, self.tested = lr, batch, evaluation.samples, tested
        self.device = device_meant(accelerator)

    def __call__(self, streams: Streams, updates: int) -> Evaluated:
        device_of(self.device)
        seed = int(torch.randint(2**62, (), generator=streams("pixelcnn")))
        network = initialised(self.make, seed, "pixelcnn").to(self.device)
        assert isinstance(network, PixelCNN)
        parameters = [parameter.numel() for parameter in network.parameters()]
        begun = self.now()
        curve = self.trained(network, seed, updates)
        trained = self.now()
        images, asked = self.drawn(network, streams)
        drawn = self.now()
        by = self.evaluation
        metrics, arrays = scored(images, asked, self.data, by.data, by.scorers, by.splits, by.batch, by.pairing)
        metrics |= {
            "train_seconds": trained - begun,
            "sample_seconds": (drawn - trained) / self.samples if images.isfinite().all() else math.nan,
            "bits_per_dim": self.bits(network),
            "parameters": float(sum(parameters)),
        }
        print(said(metrics, self.device), flush=True)
        return Evaluated(metrics, {"classes": arrays, "curve": curve})

    def now(self) -> float:
        """Seconds on the clock, when the device has done what it was told."""
        if self.device != "cpu":
            torch.accelerator.synchronize()
        return time.monotonic()

    def trained(self, network: PixelCNN, seed: int, updates: int) -> dict[str, np.ndarray]:
        """Takes `updates` steps of Adam, every pass in a new order; the curve."""
        train = self.data.train
        feed = ImageFeed(train.pixels, lambda pixels: pixels, seed, self.device, train.labels)
        optimizer = torch.optim.Adam(network.parameters(), self.lr)
        every = max(1, updates // POINTS)
        points, total = [], torch.zeros((), device=self.device)
        for update in range(updates):
            seen = update * self.batch
            labels = feed.labels(seen, self.batch) if self.classes else None
            loss = network.nll(feed.batch(seen, self.batch), labels).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()  # stays on the device between points
            if (update + 1) % every == 0:
                points.append((update + 1, total.item() / every))
                total.zero_()
        at, bits = zip(*points, strict=True)
        return {"update": np.array(at), "bits": np.array(bits)}

    @torch.no_grad()
    def drawn(self, network: PixelCNN, streams: Streams) -> tuple[Tensor, Tensor | None]:
        """Samples in the data's range on the device, and the classes asked for, on the CPU; NaN if the weights are."""
        asked = torch.randint(self.classes, (self.samples,), generator=streams("asked")) if self.classes else None
        if not all(parameter.isfinite().all() for parameter in network.parameters()):
            return torch.full((self.samples, *self.data.shape), math.nan, device=self.device), asked
        draws = torch.Generator(self.device).manual_seed(streams("samples").initial_seed())
        parts = []
        for start in range(0, self.samples, AT_ONCE):
            n = min(AT_ONCE, self.samples - start)
            labels = None if asked is None else asked[start : start + n].to(self.device)
            parts.append(network.sample(n, labels, draws))
        return self.data.normalise(torch.cat(parts)), asked

    @torch.no_grad()
    def bits(self, network: PixelCNN) -> float:
        """Mean bits per dimension of test images, the same ones for every seed."""
        test = self.data.test
        which = torch.randperm(len(test), generator=stream(0, "pixelcnn", "tested"))[: self.tested]
        found = []
        for part in which.split(self.batch):
            labels = test.labels[part].to(self.device) if self.classes else None
            found.append(network.nll(test.pixels[part].to(self.device), labels))
        return torch.cat(found).double().mean().item()


def said(metrics: dict[str, float], device: str) -> str:
    """What was found, in a line."""
    return (
        f"PixelCNN on {device}: {metrics['train_seconds']:.0f} s of training, {metrics['sample_seconds']:.3g} s an "
        f"image drawn; {metrics['bits_per_dim']:.3f} bits per dimension, "
        f"inception score {metrics['inception_score']:.2f}."
    )
