"""DeLiGAN, ACGAN and t-GAN: their losses term by term, and which labels each term is held to."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.latents import Label, Latent, Uniform
from ganrepro.losses import NonSaturating
from ganrepro.papers.conditional import Labelled
from ganrepro.papers.tgan import ACGAN, TGAN, DeLiGAN, Judged

CLASSES, N, BATCH = 4, 23, 6
PENALTY = 0.37


class Generator(nn.Module):
    """Images that hold the label they were asked for, and a penalty that can be told from any loss."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        return self.scale * z[:, -1].view(-1, 1, 1, 1) / 10

    def penalty(self) -> Tensor:
        return (self.scale - 11.0).square()


class Discriminator(nn.Module):
    """One number an image, and where it tells classes, one for each."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.8))
        self.heads = nn.Parameter(torch.arange(float(classes))) if classes else None

    def forward(self, images: Tensor) -> Any:
        pixel = images.flatten(1).mean(1)
        source = self.weight * pixel - 0.3
        return source if self.heads is None else (source, pixel[:, None] * self.heads)


def data() -> ImageData:
    """Images whose one pixel is their label."""
    labels = torch.arange(N) % CLASSES
    split = Images(labels.to(torch.uint8).view(N, 1, 1, 1), labels)
    return ImageData("labels", split, split, split, [str(n) for n in range(CLASSES)])


def module(kind: type[Any], told: bool = True, **arguments: Any) -> Any:
    built = kind(
        players={"generator": Generator()}, critics={"discriminator": Discriminator(CLASSES * told)},
        latent=Latent(noise=Uniform(3, 1.0), label=Label(CLASSES)), loss=NonSaturating(),
        make_optimizer=lambda name, parameters: torch.optim.SGD(parameters, lr=0.0), schedules={},
        weight={"generator": 1.0, "discriminator": 1.0}, update="d_then_g", k=1, z="fresh", batch_size=BATCH, tick=1,
        updates=3, seed=0, **arguments,
    )  # fmt: skip
    built.use_streams(torch.device("cpu"))
    built.feed = data().feed(0)
    return built


def tgan(generator: float, real: float, fake: float) -> Any:
    return module(TGAN, penalty=PENALTY, class_weight={"generator": generator, "real": real, "fake": fake})


def parts(gan: Any) -> tuple[Any, Any]:
    """D's outputs of the next real and of a generated batch."""
    return gan.discriminate(gan.real_batch()), gan.discriminate(gan.generate(gan.draw_latent()))


def adversarial(real: Tensor, fake: Tensor) -> Tensor:
    return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()


def test_how_often_the_classifier_is_right_is_logged_of_real_and_of_generated_images() -> None:
    gan = tgan(generator=1.0, real=1.0, fake=1.0)
    labels = torch.tensor([0, 1, 2, 3, 3])
    right = functional.one_hot(labels, CLASSES) * 5.0
    wrong = right.roll(1, 1)
    real = Judged(torch.zeros(5), torch.cat([right[:3], wrong[3:]]), labels)
    fake = Judged(torch.zeros(5), torch.cat([right[:1], wrong[1:]]), labels)
    gan.discriminator_loss(real, fake)
    gan.generator_loss(real)  # G's step does not count
    rows = gan.tick_means()
    assert rows["class_accuracy/real"] == pytest.approx(3 / 5)
    assert rows["class_accuracy/fake"] == pytest.approx(1 / 5)


def test_a_generator_that_cannot_learn_a_mixture_is_refused_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Generator, "penalty")
    with pytest.raises(UserError, match="TGAN needs a generator that can learn a mixture"):
        tgan(generator=1.0, real=1.0, fake=1.0)


def test_deligan_s_g_alone_pays_for_the_scales() -> None:
    gan = module(DeLiGAN, told=False, penalty=PENALTY)
    real, fake = (gan.discriminate(batch) for batch in (gan.real_batch(), gan.generate(gan.draw_latent())))
    assert gan.discriminator_loss(real, fake).item() == pytest.approx(adversarial(real, fake).item())
    source = -fake.sigmoid().log().mean().item()
    assert gan.generator_loss(fake).item() == pytest.approx(source + PENALTY * 100.0)
    assert gan.tick_means()["loss/source_generator"] == pytest.approx(source)


def test_t_gan_s_losses_are_the_sums_of_their_terms() -> None:
    gan = tgan(generator=0.5, real=2.0, fake=3.0)
    real, fake = parts(gan)
    said = [functional.cross_entropy(judged.classes, judged.labels).item() for judged in (real, fake)]
    wanted = adversarial(real.source, fake.source).item() + 2.0 * said[0] + 3.0 * said[1]
    assert gan.discriminator_loss(real, fake).item() == pytest.approx(wanted)
    wanted = -fake.source.sigmoid().log().mean().item() + PENALTY * 100.0 + 0.5 * said[1]
    assert gan.generator_loss(fake).item() == pytest.approx(wanted)
    rows = gan.tick_means()
    assert [rows[f"loss/class_{name}"] for name in ("real", "fake", "generator")] == pytest.approx([*said, said[1]])
    assert rows["loss/source_discriminator"] == pytest.approx(adversarial(real.source, fake.source).item())


@pytest.mark.parametrize("off", ["generator", "real", "fake"])
def test_a_class_weight_of_zero_takes_its_term_away_and_no_other(off: str) -> None:
    weights = {"generator": 1.0, "real": 1.0, "fake": 1.0}
    whole, less = tgan(**weights), tgan(**{**weights, off: 0.0})
    (real, fake), (same_real, same_fake) = parts(whole), parts(less)
    missing = {"generator": fake, "fake": fake, "real": real}[off].class_loss.item()
    lost = whole.discriminator_loss(real, fake) - less.discriminator_loss(same_real, same_fake)
    assert lost.item() == pytest.approx(missing if off != "generator" else 0.0, abs=1e-6)
    lost = whole.generator_loss(fake) - less.generator_loss(same_fake)
    assert lost.item() == pytest.approx(missing if off == "generator" else 0.0, abs=1e-5)


def test_real_images_are_held_to_their_labels_and_generated_ones_to_those_asked_for() -> None:
    gan = module(ACGAN, class_weight={"generator": 1.0, "real": 1.0, "fake": 1.0})
    for _ in range(6):  # a batch spans two passes over the data
        real: Labelled = gan.real_batch()
        assert torch.equal((real.images.flatten() * 255).round().long(), real.labels)
        assert torch.equal(gan.discriminate(real).labels, real.labels)
        fake: Labelled = gan.generate(gan.draw_latent())
        assert torch.equal((fake.images.flatten() * 10).round().long(), fake.labels)


def test_classes_are_asked_for_at_random_and_not_as_the_real_batch_has_them() -> None:
    gan = module(ACGAN, class_weight={"generator": 1.0, "real": 1.0, "fake": 1.0})
    asked, real = [], []
    for _ in range(100):
        real.append(gan.next_labels())
        gan.real_batch()
        asked.append(gan.draw_latent()[:, -1].long())
    counts = torch.bincount(torch.cat(asked), minlength=CLASSES)
    assert counts.min() > 100  # of 150 expected
    assert (torch.cat(asked) == torch.cat(real)).float().mean() < 0.5


def test_each_player_learns_from_its_terms() -> None:
    """G's parameter moves by the class alone, with D's source head blind; D's class head by real images alone."""
    gan = tgan(generator=1.0, real=1.0, fake=0.0)
    gan.critics["discriminator"].weight.data.zero_()
    gan.penalty = 0.0
    real, fake = parts(gan)
    (gradient,) = torch.autograd.grad(gan.generator_loss(fake), [gan.players["generator"].scale])
    assert gradient.abs() > 0
    detached = gan.discriminate(gan.generate(gan.draw_latent()).detach())
    (from_both,) = torch.autograd.grad(gan.discriminator_loss(real, detached), [gan.critics["discriminator"].heads])
    (from_real,) = torch.autograd.grad(
        gan.discriminate(real_again(gan)).class_loss, [gan.critics["discriminator"].heads]
    )
    assert torch.allclose(from_both, from_real)


def real_again(gan: Any) -> Labelled:
    """The batch that was seen last."""
    gan.images_seen -= BATCH
    return gan.real_batch()
