"""Values of an optimizer's setting as pure functions of the clock, so that a resumed run has nothing to restore."""


class ExponentialDecay:
    """start / factor^updates, not below `floor` (pylearn2's ExponentialDecay, called after every update)."""

    def __init__(self, factor: float, floor: float) -> None:
        self.factor, self.floor = factor, floor

    def __call__(self, start: float, updates: int, epoch: int) -> float:
        return max(start * self.factor**-updates, self.floor)


class LinearRamp:
    """From `start` in the first epoch to `end` in epoch `last_epoch`, constant after it.

    pylearn2's MomentumAdjustor also fires once before training, so epoch e = 1, 2, ... of the authors' run uses
    0.5 + 0.2 (e - 1) / 249 with last_epoch = 250.
    """

    def __init__(self, end: float, last_epoch: int) -> None:
        self.end, self.last_epoch = end, last_epoch

    def __call__(self, start: float, updates: int, epoch: int) -> float:
        """`epoch` counts finished passes over the data, from 0."""
        return start + (self.end - start) * min(epoch / (self.last_epoch - 1), 1.0)


class HeldThenLinear:
    """`start` for `held` epochs and one more, then down in equal steps an epoch, to reach 0 in `over` of them.

    dcgan_code's mnist/train_cond_dcgan.py takes the first step after epoch held + 1.
    """

    def __init__(self, held: int, over: int) -> None:
        self.held, self.over = held, over

    def __call__(self, start: float, updates: int, epoch: int) -> float:
        """`epoch` counts finished passes over the data, from 0."""
        return start * max(0.0, 1 - max(0, epoch - self.held) / self.over)
