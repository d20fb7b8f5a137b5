"""Losses against numbers worked by hand, and their gradients where the paper says they differ."""

from math import log

import pytest
import torch

from ganrepro.losses import LeastSquares, Margin, NonSaturating, Saturating

REAL, FAKE = torch.tensor([0.0, log(3)]), torch.tensor([0.0, -log(3)])  # D(x) = 1/2, 3/4; D(G(z)) = 1/2, 1/4


def test_discriminator_loss_by_hand() -> None:
    wanted = -(log(1 / 2) + log(3 / 4)) / 2 - (log(1 / 2) + log(3 / 4)) / 2
    assert NonSaturating().discriminator(REAL, FAKE).item() == pytest.approx(wanted)
    assert Saturating().discriminator(REAL, FAKE).item() == pytest.approx(wanted)


def test_generator_losses_by_hand() -> None:
    assert NonSaturating().generator(FAKE).item() == pytest.approx(-(log(1 / 2) + log(1 / 4)) / 2)
    assert Saturating().generator(FAKE).item() == pytest.approx((log(1 / 2) + log(3 / 4)) / 2)


@pytest.mark.parametrize(("loss", "slope"), [(NonSaturating(), -1.0), (Saturating(), 0.0)])
def test_gradient_when_d_is_sure(loss: NonSaturating, slope: float) -> None:
    """Section 3: where D rejects samples with confidence, only the non-saturating loss still pulls."""
    logits = torch.full((4,), -30.0, requires_grad=True)
    loss.generator(logits).backward()
    assert logits.grad is not None
    assert logits.grad.sum().item() == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("loss", [NonSaturating(), Saturating()])
def test_extreme_logits_stay_finite(loss: NonSaturating) -> None:
    extreme = torch.tensor([-1e4, 1e4])
    assert loss.discriminator(extreme, extreme).isfinite()
    assert loss.generator(extreme).isfinite()


OUT_REAL, OUT_FAKE = torch.tensor([0.5, 2.0]), torch.tensor([-1.0, 0.5])


@pytest.mark.parametrize(
    ("labels", "d", "g"),
    [
        ((0.0, 1.0, 1.0), (0.25 + 1) / 4 + (1 + 0.25) / 4, (4 + 0.25) / 4),
        ((-1.0, 1.0, 0.0), (0.25 + 1) / 4 + (0 + 2.25) / 4, (1 + 0.25) / 4),
    ],
)
def test_least_squares_by_hand(labels: tuple[float, float, float], d: float, g: float) -> None:
    """Half the mean square on every term, for both codings of the paper."""
    mean, total = LeastSquares(*labels), LeastSquares(*labels, reduction="sum")
    assert mean.discriminator(OUT_REAL, OUT_FAKE).item() == pytest.approx(d)
    assert mean.generator(OUT_FAKE).item() == pytest.approx(g)
    assert total.discriminator(OUT_REAL, OUT_FAKE).item() == pytest.approx(2 * d)  # two images
    assert total.generator(OUT_FAKE).item() == pytest.approx(2 * g)


@pytest.mark.parametrize(("labels", "d", "g"), [((0.0, 1.0, 1.0), 0.25, 0.125), ((-1.0, 1.0, 0.0), 1.0, 0.0)])
def test_least_squares_of_an_uninformed_d(labels: tuple[float, float, float], d: float, g: float) -> None:
    """A D that says (a + b) / 2 of everything: the values that users ask about when losses stand still."""
    loss, outputs = LeastSquares(*labels), torch.full((8,), (labels[0] + labels[1]) / 2)
    assert loss.discriminator(outputs, outputs).item() == pytest.approx(d)
    assert loss.generator(outputs).item() == pytest.approx(g)


def test_least_squares_squares_before_the_mean() -> None:
    """A common mistake is the square of the mean: outputs around the target would then cost nothing."""
    assert LeastSquares().generator(torch.tensor([0.0, 2.0])).item() == pytest.approx(0.5)


def test_least_squares_refuses() -> None:
    with pytest.raises(ValueError, match="nothing to tell apart"):
        LeastSquares(fake=1.0)
    with pytest.raises(ValueError, match="mean or sum"):
        LeastSquares(reduction="max")


def test_margin_by_hand() -> None:
    """Energies above the margin are left alone, those below are pushed up."""
    loss = Margin(2.0)
    assert loss.discriminator(torch.tensor([1.0, 3.0]), torch.tensor([0.5, 4.0])).item() == pytest.approx(2 + 0.75)
    assert loss.generator(torch.tensor([0.5, 4.0])).item() == pytest.approx(2.25)
    energy = torch.tensor([0.5, 4.0], requires_grad=True)
    loss.discriminator(torch.zeros(2), energy).backward()
    assert energy.grad is not None
    assert energy.grad.tolist() == [-0.5, 0.0]


@pytest.mark.parametrize(
    "loss", [NonSaturating(), Saturating(), LeastSquares(), LeastSquares(reduction="sum"), Margin(1.0)]
)
def test_replicas_reduce_apart(loss: NonSaturating, noise: torch.Generator) -> None:
    """[replicas, n] gives one number a replica, that of its own outputs."""
    real, fake = torch.randn(3, 5, generator=noise).double(), torch.randn(3, 5, generator=noise).double()
    d, g = loss.discriminator(real, fake), loss.generator(fake)
    assert d.shape == g.shape == (3,)
    for replica in range(3):
        assert d[replica].item() == pytest.approx(loss.discriminator(real[replica], fake[replica]).item(), rel=1e-12)
        assert g[replica].item() == pytest.approx(loss.generator(fake[replica]).item(), rel=1e-12)
