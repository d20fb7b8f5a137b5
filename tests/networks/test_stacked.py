"""Layers that hold the weights of several, and what cannot be stacked."""

from typing import Any

import pytest
import torch
from torch import nn

from ganrepro.errors import UserError
from ganrepro.networks.layers import Dropout, limit_all_norms
from ganrepro.networks.stacked import stacked


def linear(outputs: int = 4) -> nn.Linear:
    layer = nn.Linear(3, outputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(generator=torch.Generator().manual_seed(outputs))
    return layer


def test_a_place_without_a_network_holds_zeros() -> None:
    layer = linear()
    whole: Any = stacked([None, nn.Sequential(layer, nn.Tanh()), None])
    x = torch.ones(3, 5, 3)
    assert torch.allclose(whole(x)[1], layer(x[1]).tanh())
    assert not whole(x)[[0, 2]].any()


def test_norm_limits_are_each_unit_s_own() -> None:
    layers = [linear(), linear()]
    with torch.no_grad():
        layers[1].weight.mul_(100)
    whole: Any = stacked([nn.Sequential(layer) for layer in layers])
    limit_all_norms(whole, 0.7)
    for layer in layers:
        limit_all_norms(layer, 0.7)
    assert torch.equal(whole[0].weight, torch.stack([layer.weight for layer in layers]))


def test_dropout_draws_from_each_member_s_stream() -> None:
    layers = [Dropout(0.5), None, Dropout(0.5)]
    for seed, layer in enumerate(layers):
        if layer:
            layer.generator = torch.Generator().manual_seed(seed)
    x = torch.ones(3, 7, 2)
    dropped = stacked(layers)(x)
    for seed, layer in enumerate(layers):
        if layer:
            layer.generator = torch.Generator().manual_seed(seed)
            assert torch.equal(dropped[seed], layer(x[seed]))
    assert not dropped[1].any()


@pytest.mark.parametrize("layer", [nn.Conv2d(1, 1, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Flatten(), nn.Softmax(0)])
def test_other_layers_are_refused(layer: nn.Module) -> None:
    with pytest.raises(UserError, match=f"fully connected networks; these have other layers .{type(layer).__name__}"):
        stacked([nn.Sequential(nn.Linear(3, 3), layer)] * 2)
