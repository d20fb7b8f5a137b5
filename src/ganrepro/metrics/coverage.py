"""How many modes or classes a set of samples falls into, and how evenly."""

import math

import torch
from torch import Tensor

ENOUGH = 0.1  # of the share it has among real examples: from there on a mode or class counts as covered


def covered(counts: Tensor, shares: Tensor, samples: int) -> Tensor:
    """Which modes are covered: bool [modes].

    counts: samples in each; shares: the real share of each, adding up to 1. A mode is covered when at least one
    sample, and at least a tenth of its real share of `samples`, fall into it. One that no real example has is not.
    """
    least = ENOUGH * shares.double() * samples - 1e-6  # a tenth itself suffices, whatever its last bits
    return (counts >= 1) & (counts.double() >= least) & (shares > 0)


def balance(counts: Tensor) -> float:
    """The entropy of the shares over its maximum: 1 for equal counts [modes], 0 where all fall into one mode."""
    if len(counts) < 2 or not counts.sum() > 0:
        return math.nan
    return torch.special.entr(counts.double() / counts.sum()).sum().item() / math.log(len(counts))
