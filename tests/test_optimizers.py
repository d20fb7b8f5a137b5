"""TensorFlow's RMSProp against its formula written out, and against PyTorch's where the two must part."""

from copy import deepcopy
from math import sqrt

import pytest
import torch
from torch import nn

from ganrepro.optimizers import RMSpropTF


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def test_two_steps_by_hand() -> None:
    weight, other, still = parameter(1.0, -2.0), parameter(3.0), parameter(5.0)
    optimizer = RMSpropTF([weight, other, still], lr=0.1, alpha=0.9, eps=1e-2)
    square, wanted = 1.0, 1.0
    for gradient in (4.0, -0.5):
        weight.grad, other.grad = torch.tensor([gradient, 0.0]).double(), torch.tensor([gradient]).double()
        optimizer.step()
        square = 0.9 * square + 0.1 * gradient**2
        wanted -= 0.1 * gradient / sqrt(square + 1e-2)
        assert weight[0].item() == pytest.approx(wanted, rel=1e-14)
        assert other.item() == pytest.approx(wanted + 2, rel=1e-14)
    assert weight[1].item() == -2.0
    assert still.item() == 5.0  # without a gradient it stays


def test_a_small_gradient_moves_less_at_first_than_under_torch() -> None:
    """The mean square starts at one: 0.01 / sqrt(0.9) of a step, where PyTorch's first step has ten times lr."""
    ours, theirs = parameter(0.0), parameter(0.0)
    ours.grad = theirs.grad = torch.tensor([0.01]).double()
    RMSpropTF([ours], lr=1.0).step()
    torch.optim.RMSprop([theirs], lr=1.0, alpha=0.99).step()
    assert ours.item() == pytest.approx(-0.01 / sqrt(0.9), rel=1e-4)
    assert theirs.item() == pytest.approx(-10.0, rel=1e-4)


def test_state_goes_on() -> None:
    weight = parameter(1.0)
    optimizer = RMSpropTF([weight], lr=0.1)
    weight.grad = torch.tensor([2.0]).double()
    optimizer.step()
    copy = nn.Parameter(weight.detach().clone())
    other = RMSpropTF([copy], lr=0.1)
    other.load_state_dict(deepcopy(optimizer.state_dict()))
    copy.grad = weight.grad.clone()
    optimizer.step()
    other.step()
    assert torch.equal(weight, copy)


def test_closure_is_evaluated_with_gradients() -> None:
    weight = parameter(1.0)
    optimizer = RMSpropTF([weight], lr=0.1)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = weight.square().sum()
        value.backward()
        return value

    assert optimizer.step(closure).item() == 1.0
    assert weight.item() < 1.0
