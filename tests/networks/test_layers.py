import pytest
import torch
from torch import nn

from ganrepro.networks.layers import Dropout, Maxout, initialised


def test_maxout_by_hand() -> None:
    layer = Maxout(inputs=1, units=2, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [-1.0], [2.0], [3.0]]))
        layer.linear.bias.copy_(torch.tensor([0.0, 0.0, 1.0, -10.0]))
    assert layer(torch.tensor([[2.0], [-3.0]])).tolist() == [[2.0, 5.0], [3.0, -5.0]]


def test_dropout_scales_what_it_keeps(noise: torch.Generator) -> None:
    layer = Dropout(keep=0.8)
    layer.generator = noise
    out = layer(torch.ones(500, 40))
    assert set(out.unique().tolist()) == {0.0, 1.25}  # include probability 0.8 with x 1.25: fact sheet 1.2
    assert (out > 0).float().mean().item() == pytest.approx(0.8, abs=0.01)
    assert torch.equal(layer.eval()(torch.ones(3, 3)), torch.ones(3, 3))


def test_dropout_without_a_stream_refuses() -> None:
    with pytest.raises(RuntimeError, match="needs its generator"):
        Dropout(keep=0.5)(torch.ones(2, 2))


class Forgetful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self.linear.weight)


def test_a_parameter_left_unset_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"left linear\.bias unset"):
        initialised(Forgetful, 0, "forgetful")
