"""TensorFlow's SAME convolution and its transpose, position for position.

With stride 2 SAME pads unevenly: a 5x5 kernel on an even size has one row before the image and two after, where
PyTorch's padding=2 has two before. Shapes agree either way, but every map is a pixel further on.
"""

from torch import Tensor, nn
from torch.nn import functional


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows (before, after) an image of `size` for an output of ceil(size / stride) (tf.nn.convolution's notes)."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution whose output is ceil(size / stride) high and wide."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, height, width] -> [n, outputs, ceil(height / stride), ceil(width / stride)]."""
        return self.convolve(x, self.weight)

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        """`forward` with another weight."""
        (top, bottom), (left, right) = (
            same_padding(size, kernel, stride)
            for size, kernel, stride in zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        )
        if (top, left) == (bottom, right):
            return functional.conv2d(x, weight, self.bias, self.stride, (top, left))
        return functional.conv2d(functional.pad(x, (left, right, top, bottom)), weight, self.bias, self.stride)


class SameTransposed2d(nn.ConvTranspose2d):
    """The transpose of the SameConv2d that takes images of `size` to maps of ceil(size / stride)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, size: tuple[int, int]) -> None:
        """Raises ValueError for a kernel smaller than the stride, whose transpose leaves gaps."""
        if kernel < stride:
            raise ValueError(f"a kernel of {kernel} leaves gaps at stride {stride}.")
        super().__init__(inputs, outputs, kernel, stride)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """[n, inputs, ceil(height / stride), ceil(width / stride)] -> [n, outputs, height, width]."""
        (top, _), (left, _) = (
            same_padding(size, kernel, stride)
            for size, kernel, stride in zip(self.size, self.kernel_size, self.stride, strict=True)
        )
        # `padding` cuts as much from both sides; what is still too long then is at the end.
        full = functional.conv_transpose2d(x, self.weight, self.bias, self.stride, (top, left))
        return full[..., : self.size[0], : self.size[1]]
