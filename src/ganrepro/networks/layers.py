"""Layers whose random draws come from a generator they are given, and the initialisation of networks from one."""

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor, nn

from ganrepro.streams import stream


class Random(nn.Module):
    """A layer that draws in training. `generator` is set by the training module: torch's own layers draw from the
    global generator, and then a resumed run is not the same run.
    """

    generator: torch.Generator | None = None

    @property
    def own_stream(self) -> torch.Generator:
        """Raises RuntimeError before `generator` is set."""
        if self.generator is None:
            raise RuntimeError(f"{type(self).__name__} in training needs its generator: AdversarialModule.use_streams")
        return self.generator


def keep_some(mask: Tensor, keep: float, generator: torch.Generator) -> Tensor:
    """Fills `mask` with ones, each with probability `keep`, and zeros. On a CPU a quarter of bernoulli_'s time."""
    return mask.uniform_(generator=generator).lt_(keep)


class Dropout(Random):
    """Keeps each element of each example with probability `keep` and scales it by 1/keep, in training only."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.keep == 1:
            return x
        mask = keep_some(torch.empty_like(x), self.keep, self.own_stream)
        return x * mask.div_(self.keep)


class InputNoise(Random):
    """Adds independent N(0, std^2) numbers, in training only."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.std == 0:
            return x
        return x + torch.empty_like(x).normal_(0.0, self.std, generator=self.own_stream)


class Maxout(nn.Module):
    """The maximum over groups of `pieces` consecutive linear units, each with its own bias (pylearn2 maxout.py)."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """[..., n, inputs] -> [..., n, units]."""
        return self.linear(x).unflatten(-1, (-1, self.pieces)).amax(-1)


class MaxoutConvolution(nn.Module):
    """The maximum over groups of `pieces` consecutive channels, then over windows of the image (pylearn2 maxout.py).

    One bias a channel and piece serves all positions. Windows `window` wide lie `stride` apart; the last ones may
    reach over the border, as in cuda-convnet: there are ceil((size - window) / stride) + 1 of them (pylearn2 pool.py).
    """

    def __init__(
        self, inputs: int, channels: int, pieces: int, kernel: int, padding: int, window: int, stride: int
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, channels * pieces, kernel, padding=padding)
        self.pool = nn.MaxPool2d(window, stride, ceil_mode=True)
        self.pieces = pieces
        self.shrink, self.window, self.stride = kernel - 2 * padding - 1, window, stride

    def size(self, size: int) -> int:
        """The height (width) of the output for inputs of that height (width)."""
        return ceil((size - self.shrink - self.window) / self.stride) + 1

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, height, width] -> [n, channels, pooled height, pooled width]."""
        return self.pool(self.convolution(x).unflatten(1, (-1, self.pieces)).amax(2))


def uniform_weights(network: nn.Module, half_width: float, generator: torch.Generator) -> None:
    """Weights of every layer from U(-half_width, half_width), biases 0: `irange` of pylearn2's mlp.py."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.uniform_(layer.weight, -half_width, half_width, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def sparse_weights(layer: nn.Linear, nonzero: int, generator: torch.Generator) -> None:
    """Each unit gets `nonzero` weights from N(0, 1) at random inputs and zeros elsewhere, and its bias is 0:
    `sparse_init` of pylearn2's mlp.py.
    """
    ranks = torch.rand(layer.weight.shape, generator=generator)
    values = torch.randn(len(ranks), nonzero, generator=generator)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layer.weight.scatter_(1, ranks.topk(nonzero).indices, values)


def limit_norms(weight: Tensor, limit: float) -> None:
    """Rescales in place each unit's incoming weights, weight[unit], whose norm exceeds `limit` down to it.

    `max_col_norm` of pylearn2's mlp.py and maxout.py, whose columns are torch's rows; each piece of a maxout unit is
    a row of its own. Rows within the limit keep their bits.
    """
    with torch.no_grad():
        weight.renorm_(2, 0, limit)


def limit_all_norms(network: nn.Module, limit: float) -> None:
    """`limit_norms` on every linear layer; a stacked one has weights [replicas, units, inputs]."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                limit_norms(layer.weight.flatten(0, -2), limit)


def initialised(make: Callable[[], nn.Module], seed: int, name: str) -> nn.Module:
    """`make()`, its parameters drawn by its own `initialise(generator)` from the stream (seed, "initialise", name).

    Built on the meta device first, so that torch's default initialisation draws nothing; a parameter or buffer
    that `initialise` leaves unset stays NaN and raises RuntimeError.
    """
    with torch.device("meta"):
        network = make()
    network.to_empty(device="cpu")
    tensors = dict(network.named_parameters()) | dict(network.named_buffers())
    with torch.no_grad():
        for tensor in tensors.values():
            tensor.fill_(torch.nan) if tensor.is_floating_point() else tensor.zero_()
        network.initialise(stream(seed, "initialise", name))  # type: ignore[operator]
    unset = [key for key, tensor in tensors.items() if not tensor.isfinite().all()]
    if unset:
        raise RuntimeError(f"{type(network).__name__}.initialise left {', '.join(unset)} unset")
    return network
