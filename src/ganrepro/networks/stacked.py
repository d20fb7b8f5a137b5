"""Fully connected networks, several as one, whose layers hold the weights of all: [replicas, n, in] -> [.., .., out].

On small networks the time goes into starting operations, not into their arithmetic; a stacked layer starts one for all.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.layers import Dropout, keep_some

# Layers without weights that treat every number, or only the last axes, alone.
ALIKE = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.ELU, nn.Identity)


class StackedLinear(nn.Linear):
    """As many linear layers as there are places; weight [replicas, out, in], bias [replicas, out], zeros at a None."""

    def __init__(self, layers: Sequence[nn.Linear | None]) -> None:
        first = next(layer for layer in layers if layer is not None)
        super().__init__(first.in_features, first.out_features, first.bias is not None, device="meta")
        self.weight = nn.Parameter(_stack([None if layer is None else layer.weight for layer in layers]))
        if first.bias is not None:
            self.bias = nn.Parameter(_stack([None if layer is None else layer.bias for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        """[replicas, n, in] -> [replicas, n, out]."""
        if self.bias is None:
            return torch.bmm(x, self.weight.mT)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight.mT)


class StackedDropout(nn.Module):
    """Dropout whose replicas draw from the generators of `layers`, each as it would alone; a None lets nothing pass."""

    def __init__(self, layers: Sequence[Dropout | None]) -> None:
        super().__init__()
        self.keep = next(layer.keep for layer in layers if layer is not None)
        self.layers = tuple(layers)  # not submodules: they belong to the members

    def forward(self, x: Tensor) -> Tensor:
        """[replicas, n, ...] -> the same shape."""
        if not self.training or self.keep == 1:
            return x
        mask = torch.zeros_like(x)
        for own, layer in zip(mask, self.layers, strict=True):
            if layer is not None:
                keep_some(own, self.keep, layer.own_stream)
        return x * mask.div_(self.keep)


def stacked(networks: Sequence[nn.Module | None]) -> nn.Module:
    """Networks alike as one of the same class, with copies of their weights; None stands for one of zeros.

    UserError where a layer is neither linear, nor dropout, nor works on each number alone.
    """
    first = next(network for network in networks if network is not None)
    if isinstance(first, nn.Linear):
        return StackedLinear(networks)  # type: ignore[arg-type]
    if isinstance(first, Dropout):
        return StackedDropout(networks)  # type: ignore[arg-type]
    children = dict(first.named_children())
    flattens = isinstance(first, nn.Flatten) and first.start_dim < 0
    has_weights = any(True for _ in (*first.parameters(recurse=False), *first.buffers(recurse=False)))
    if has_weights or not (children or flattens or isinstance(first, ALIKE)):
        raise UserError(f"population needs fully connected networks; these have other layers ({type(first).__name__}).")
    twin = copy.copy(first)
    twin._modules = {
        name: stacked([None if network is None else network.get_submodule(name) for network in networks])
        for name in children
    }
    return twin


def _stack(tensors: Sequence[Tensor | None]) -> Tensor:
    """[replicas, ...], zeros where there is None."""
    first = next(tensor for tensor in tensors if tensor is not None)
    return torch.stack([torch.zeros_like(first) if tensor is None else tensor.detach() for tensor in tensors])
