"""The LSGAN modules: what D is told in a conditional round, and that the labels are those of the real batch."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganrepro.data.images import ImageData, Images
from ganrepro.latents import Label, Latent, Uniform
from ganrepro.losses import LeastSquares
from ganrepro.papers.lsgan import ConditionalLSGAN

CLASSES, N = 7, 23


class Generator(nn.Module):
    """Images that hold the label they were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        return self.scale * z[:, -1].view(-1, 1, 1, 1) / 10


class Discriminator(nn.Module):
    """Remembers the batches that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        self.seen.append((images.detach().flatten(), labels))
        return self.weight * images.flatten(1).mean(1)


def data() -> ImageData:
    """Images whose one pixel is their label."""
    labels = torch.arange(N) % CLASSES
    split = Images(labels.to(torch.uint8).view(N, 1, 1, 1), labels)
    return ImageData("labels", split, split, split, [str(n) for n in range(CLASSES)])


def module(update: str) -> ConditionalLSGAN:
    built = ConditionalLSGAN(
        players={"generator": Generator()}, critics={"discriminator": Discriminator()},
        latent=Latent(z=Uniform(3, 1.0), label=Label(CLASSES)), loss=LeastSquares(),
        make_optimizer=lambda name, parameters: torch.optim.SGD(parameters, lr=0.0), schedules={},
        weight={"generator": 1.0, "discriminator": 1.0}, update=update, k=1, z="shared", batch_size=5, tick=1,
        updates=3, seed=0,
    )  # fmt: skip
    built.use_streams(torch.device("cpu"))
    built.feed = data().feed(0)
    return built


def test_both_batches_of_a_round_ask_for_the_same_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    gan: Any = module("d_then_g")
    monkeypatch.setattr(gan, "update_players", lambda losses: None)
    for _ in range(6):  # a batch spans two passes over the data
        gan.critics["discriminator"].seen.clear()
        gan.rule(gan)
        (real, real_labels), (fake, fake_labels), (again, again_labels) = gan.critics["discriminator"].seen
        assert torch.equal((real * 255).round().long(), real_labels)
        assert torch.equal((fake * 10).round().long(), fake_labels)
        assert torch.equal(fake_labels, real_labels)
        assert torch.equal(again_labels, real_labels)  # z is shared, and so is the label
        assert torch.equal(again, fake)


def test_samples_ask_for_classes_at_random() -> None:
    images = module("d_then_g").sample(200)
    assert (images.flatten() * 10).round().unique().tolist() == list(range(CLASSES))


def test_simultaneous_rounds_know_their_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    gan: Any = module("simultaneous")
    monkeypatch.setattr(gan, "update_players", lambda losses: None)
    gan.rule(gan)
    for images, labels in gan.critics["discriminator"].seen:
        scale = 255 if torch.equal((images * 255).round().long(), labels) else 10
        assert torch.equal((images * scale).round().long(), labels)


def test_a_class_can_be_asked_for() -> None:
    gan = module("d_then_g")
    images = gan.sample_of([3, 3, 0, 6])
    assert (images.flatten() * 10).round().tolist() == [3, 3, 0, 6]
    with pytest.raises(ValueError, match="0 to 6"):
        gan.sample_of([7])
