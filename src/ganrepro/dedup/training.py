"""How the autoencoder is trained: to undo noise. The paper says no more than "de-noising dropout regularized"."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from ganrepro.dedup.hashing import SIDE, seen
from ganrepro.evaluation.base import Streams
from ganrepro.feeds import ImageFeed
from ganrepro.networks.autoencoder import Autoencoder
from ganrepro.networks.layers import initialised

LAST = 100  # updates behind the loss that is told


def trained(
    pixels: Tensor,
    streams: Streams,
    updates: int,
    code: int,
    noise: float,
    keep: float,
    weight_std: float,
    lr: float,
    batch: int,
) -> tuple[Autoencoder, float]:
    """An autoencoder of uint8 [n, c, h, w], which may be mapped from a file, and its mean loss at the end.

    Gaussian noise of standard deviation `noise` is added to what it sees; the loss is the mean squared distance to
    the image without it; Adam, with a rate that falls from lr to 0 along a cosine; every pass in a new order.
    """
    seed = int(torch.randint(2**62, (), generator=streams("autoencoder")))
    network = initialised(partial(Autoencoder, pixels.shape[1] * SIDE**2, code, keep, weight_std), seed, "autoencoder")
    assert isinstance(network, Autoencoder)
    network.dropout.generator, noises = streams("autoencoder", "dropout"), streams("autoencoder", "noise")
    feed = ImageFeed(pixels, seen, seed)
    optimizer = torch.optim.Adam(network.parameters(), lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    losses = []
    for update in range(updates):
        images = feed.batch(update * batch, batch)
        corrupted = images + noise * torch.randn(images.shape, generator=noises)
        loss = functional.mse_loss(network(corrupted), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return network.eval(), sum(losses[-LAST:]) / len(losses[-LAST:])
