import pytest

from ganrepro.schedules import ExponentialDecay, HeldThenLinear, LinearRamp


def test_decay_of_the_authors_yaml() -> None:
    """Fact sheet 1.2: 500 updates an epoch shrink the rate by 0.998; the floor comes after about 2.88 M updates."""
    decay = ExponentialDecay(factor=1.000004, floor=1e-6)
    assert decay(0.1, 0, 0) == 0.1
    assert decay(0.1, 500, 1) == pytest.approx(0.1 * 0.998, rel=1e-5)
    assert decay(0.1, 2_870_000, 5740) > 1e-6
    assert decay(0.1, 2_890_000, 5780) == 1e-6


def test_momentum_of_the_authors_yaml() -> None:
    """Training epoch e = 1, 2, ... uses 0.5 + 0.2 (e - 1) / 249, and 0.7 from epoch 250 on."""
    ramp = LinearRamp(end=0.7, last_epoch=250)
    assert ramp(0.5, 0, 0) == 0.5
    assert ramp(0.5, 0, 1) == pytest.approx(0.5 + 0.2 / 249)
    assert ramp(0.5, 0, 249) == pytest.approx(0.7)
    assert ramp(0.5, 0, 900) == pytest.approx(0.7)


def test_rate_of_the_authors_script_falls_after_epoch_101() -> None:
    """Fact sheet 2.6: 100 epochs constant and 100 of linear decay to 0, the first step after epoch 101.

    `epoch` counts finished passes: the 101st epoch is trained with 100 of them behind it.
    """
    rate = HeldThenLinear(held=100, over=100)
    assert [rate(2e-4, 0, epoch) for epoch in (0, 99, 100)] == [2e-4] * 3
    assert rate(2e-4, 0, 101) == pytest.approx(2e-4 * 0.99)
    assert rate(2e-4, 0, 102) == pytest.approx(2e-4 * 0.98)
    assert rate(2e-4, 0, 199) == pytest.approx(2e-4 * 0.01)
    assert rate(2e-4, 0, 200) == rate(2e-4, 0, 300) == 0
