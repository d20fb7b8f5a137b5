"""Straight lines in latent space."""

import torch

from ganrepro.probes.lines import straight_lines
from ganrepro.streams import stream


def test_by_hand():
    z = torch.tensor([[0.0, 4.0], [2.0, 0.0], [2.0, -2.0]])
    assert straight_lines(z, 3).tolist() == [[[0, 4], [1, 2], [2, 0]], [[2, 0], [2, -1], [2, -2]]]


def test_ends_are_the_latents_themselves():
    z = torch.randn(6, 100, generator=stream(0, "z"))
    lines = straight_lines(z, 10)
    assert lines.shape == (5, 10, 100)
    assert torch.equal(lines[:, 0], z[:-1])
    assert torch.equal(lines[:, -1], z[1:])
    steps = lines.diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=0, atol=1e-5)
