import pytest
import torch
from torch import nn

from ganrepro.networks.layers import (
    Dropout,
    Maxout,
    MaxoutConvolution,
    initialised,
    limit_norms,
    sparse_weights,
    uniform_weights,
)
from ganrepro.streams import stream


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


def pooled_maxout_by_loops(layer: MaxoutConvolution, x: torch.Tensor, window: int, stride: int) -> torch.Tensor:
    """Each channel's pieces, their maximum, and windows that may reach over the lower and right border."""
    detector = layer.convolution(x)
    channels = [
        torch.stack([detector[:, c * layer.pieces + j] for j in range(layer.pieces)]).amax(0)
        for c in range(detector.shape[1] // layer.pieces)
    ]
    maps, size = torch.stack(channels, 1), layer.size(x.shape[2])
    rows = [
        [
            maps[..., i * stride : i * stride + window, j * stride : j * stride + window].amax((2, 3))
            for j in range(size)
        ]
        for i in range(size)
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


@pytest.mark.parametrize("size", [7, 8, 9])
def test_maxout_convolution_against_loops(size: int, noise: torch.Generator) -> None:
    layer = MaxoutConvolution(inputs=2, channels=3, pieces=2, kernel=3, padding=1, window=4, stride=2)
    uniform_weights(layer, 0.5, noise)
    x = torch.randn(4, 2, size, size, generator=noise)
    assert torch.equal(layer(x), pooled_maxout_by_loops(layer, x, window=4, stride=2))


@pytest.mark.parametrize(
    ("kernel", "padding", "window", "size", "detector", "pooled"),
    [(8, 4, 4, 32, 33, 16), (8, 3, 4, 16, 15, 7), (5, 3, 2, 7, 9, 5)],
)  # fact sheet 1.6
def test_sizes_of_the_sheet(kernel: int, padding: int, window: int, size: int, detector: int, pooled: int) -> None:
    layer = MaxoutConvolution(1, 1, 2, kernel, padding, window, stride=2)
    x = torch.zeros(1, 1, size, size)
    assert layer.convolution(x).shape[2:] == (detector, detector)
    assert layer(x).shape[2:] == (pooled, pooled)
    for size in range(8, 40):
        assert layer.size(size) == layer(torch.zeros(1, 1, size, size)).shape[2], size


def test_sparse_weights(noise: torch.Generator) -> None:
    layer = nn.Linear(300, 200)
    sparse_weights(layer, 100, noise)
    weight = layer.weight.detach()
    assert weight.count_nonzero(1).tolist() == [100] * 200
    assert not layer.bias.any()
    values = weight[weight != 0]
    assert values.mean().item() == pytest.approx(0, abs=0.03)  # 20,000 draws: four standard errors
    assert values.std().item() == pytest.approx(1, abs=0.03)
    per_input = weight.count_nonzero(0).double()  # each of 200 x 300 places is taken with probability 1/3
    assert per_input.mean() == pytest.approx(200 / 3)
    assert per_input.var().item() == pytest.approx(200 * 2 / 9, rel=0.4)
    again = nn.Linear(300, 200)
    sparse_weights(again, 100, stream(0, "test"))
    assert torch.equal(weight, again.weight)


@pytest.mark.parametrize("shape", [(50, 40), (50, 4, 5, 2)])
def test_norms_are_limited_and_short_rows_keep_their_bits(shape: tuple[int, ...], noise: torch.Generator) -> None:
    before = torch.randn(shape, generator=noise) * torch.rand(50, *[1] * (len(shape) - 1), generator=noise)
    before[0] = 0
    norms, limit = before.flatten(1).norm(dim=1), 3.0
    long = norms > limit
    assert 5 < long.sum() < 45
    weight = nn.Parameter(before.clone())
    limit_norms(weight, limit)
    after = weight.detach()
    assert torch.equal(after[~long], before[~long])
    assert torch.allclose(after[long].flatten(1).norm(dim=1), torch.tensor(limit))
    assert torch.allclose(
        nn.functional.cosine_similarity(after[long].flatten(1), before[long].flatten(1)), torch.ones(())
    )
    assert weight.requires_grad
    assert weight.grad_fn is None


class Forgetful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self.linear.weight)


def test_a_parameter_left_unset_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"left linear\.bias unset"):
        initialised(Forgetful, 0, "forgetful")
