"""Straight lines through latent space (Goodfellow et al. 2014, Figure 3)."""

import torch
from torch import Tensor


def straight_lines(z: Tensor, steps: int) -> Tensor:
    """Evenly spaced points from each latent to the next one, both ends included and exact.

    z: [rows + 1, dim] -> [rows, steps, dim], steps >= 2; row i leads from z[i] to z[i + 1]. The paper shows two
    strips of 10 digits; its end points and script are not published.
    """
    weights = torch.linspace(0, 1, steps, dtype=z.dtype, device=z.device)[:, None]
    return torch.lerp(z[:-1, None], z[1:, None], weights)
