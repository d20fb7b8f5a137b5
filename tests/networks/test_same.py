"""SAME convolutions against TensorFlow's rule, worked out by hand, and the transpose as the adjoint."""

import pytest
import torch
from torch.nn import functional

from ganrepro.networks.same import SameConv2d, SameTransposed2d, same_padding


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [
        (28, 5, 2, (1, 2)), (7, 5, 2, (2, 2)), (112, 5, 2, (1, 2)),
        (14, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (14, 3, 1, (1, 1)), (14, 5, 1, (2, 2)), (4, 1, 2, (0, 0)),
    ],
)  # fmt: skip
def test_padding(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == padding


def counting(kernel: int) -> torch.Tensor:
    """A kernel that is 10 i + j + 1 at row i, column j."""
    place = torch.arange(kernel)
    return (10.0 * place[:, None] + place + 1)[None, None]


def test_alignment_by_hand() -> None:
    """A 3x3 kernel at stride 2 starts on the first pixel of an even image: nothing is padded before it."""
    layer = SameConv2d(1, 1, 3, 2)
    with torch.no_grad():
        layer.weight.copy_(counting(3))
        layer.bias.zero_()
    dot = torch.zeros(1, 1, 4, 4)
    dot[0, 0, 1, 2] = 1.0  # row 1 is the middle of the first window only; column 2 ends one and begins the next
    assert layer(dot)[0, 0].tolist() == [[13.0, 11.0], [0.0, 0.0]]


def test_alignment_of_the_transpose_by_hand() -> None:
    """5x5 at stride 2 on 4x4 pads one row before: the kernel of output (0, 0) begins with its second row and column."""
    layer = SameTransposed2d(1, 1, 5, 2, (4, 4))
    with torch.no_grad():
        layer.weight.copy_(counting(5))
        layer.bias.fill_(0.5)
    dot = torch.zeros(1, 1, 2, 2)
    dot[0, 0, 0, 0] = 1.0
    assert torch.equal(layer(dot)[0, 0], counting(5)[0, 0, 1:, 1:] + 0.5)
    dot = dot.roll(1, 3)  # output (0, 1): two columns further on, where the image begins at the kernel's column -1
    assert torch.equal(layer(dot)[0, 0, :, 1:], counting(5)[0, 0, 1:, :3] + 0.5)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(4, 7), (7, 14), (28, 28), (9, 5), (1, 2)])
def test_the_transpose_is_the_adjoint(size: tuple[int, int], stride: int, kernel: int, noise: torch.Generator) -> None:
    """<conv(x), y> = <x, transpose(y)> with one weight, for every size."""
    forward, back = SameConv2d(2, 3, kernel, stride).double(), SameTransposed2d(3, 2, kernel, stride, size).double()
    weight = torch.randn(forward.weight.shape, dtype=torch.float64, generator=noise)
    with torch.no_grad():
        forward.weight.copy_(weight)
        back.weight.copy_(weight)
        forward.bias.zero_()
        back.bias.zero_()
    x = torch.randn(4, 2, *size, dtype=torch.float64, generator=noise)
    maps = forward(x)
    assert maps.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))
    y = torch.randn(maps.shape, dtype=torch.float64, generator=noise)
    assert back(y).shape == x.shape
    assert (maps * y).sum().item() == pytest.approx((x * back(y)).sum().item(), rel=1e-12)


def test_same_is_not_torchs_symmetric_padding(noise: torch.Generator) -> None:
    layer = SameConv2d(1, 1, 5, 2)
    x = torch.randn(1, 1, 8, 8, generator=noise)
    symmetric = functional.conv2d(x, layer.weight, layer.bias, 2, 2)
    assert symmetric.shape == layer(x).shape
    assert not torch.allclose(symmetric, layer(x))
    padded = functional.pad(x, (1, 2, 1, 2))
    assert torch.allclose(layer(x), functional.conv2d(padded, layer.weight, layer.bias, 2))


def test_a_kernel_below_its_stride() -> None:
    with pytest.raises(ValueError, match="leaves gaps"):
        SameTransposed2d(1, 1, 1, 2, (4, 4))
