import pytest

from ganrepro.schedules import ExponentialDecay, LinearRamp


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
