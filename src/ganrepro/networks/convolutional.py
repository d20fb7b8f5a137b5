"""The convolutional networks of the 2014 paper (adversarial/cifar10_convolutional.yaml, adversarial/deconv.py)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.layers import Dropout, Maxout, MaxoutConvolution, uniform_weights
from ganrepro.networks.mlp import MixedLayers

GRID, KERNEL, STRIDE = 10, 5, 3  # cifar10_convolutional.yaml: 10x10 positions, 5x5 kernels, 3 pixels apart, no padding
SIZE = (GRID - 1) * STRIDE + KERNEL  # 32

# Kernel, padding and pooling window of the three convolutions; windows lie 2 apart (cifar10_convolutional.yaml).
CONVOLUTIONS = ((8, 4, 4), (8, 3, 4), (5, 3, 2))
POOL_STRIDE = 2


class DeconvolutionalGenerator(nn.Module):
    """z -> rectified linear layers -> sigmoid layer of `channels` x 10 x 10 -> transposed convolution -> 32x32 pixels.

    Pixels are linear, without bounds; each pixel of each channel has a bias of its own (`tied_b: 0`). All biases
    start at zero, so `pixel_mean` is not used.
    """

    value_range = None

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        hidden: Sequence[int],
        channels: int,
        init_range: float,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        if tuple(shape[1:]) != (SIZE, SIZE):
            raise UserError(f"DeconvolutionalGenerator makes images of {SIZE}x{SIZE}, not {shape[1]}x{shape[2]}.")
        self.init_range, self.channels = init_range, channels
        self.layers = MixedLayers(latent_dim, [*hidden, channels * GRID * GRID])
        self.deconvolution = nn.ConvTranspose2d(channels, shape[0], KERNEL, STRIDE, bias=False)
        self.output_bias = nn.Parameter(torch.empty(*shape))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        uniform_weights(self, self.init_range, generator)
        nn.init.zeros_(self.output_bias)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, 32, 32], any real numbers."""
        return self.deconvolution(self.layers(z).unflatten(1, (self.channels, GRID, GRID))) + self.output_bias


class ConvolutionalMaxoutDiscriminator(nn.Module):
    """Images -> three maxout convolutions with max pooling -> maxout layers -> one logit.

    channels, channel_pieces: of the convolutions. units, pieces: of the maxout layers behind them. Dropout on the
    images keeps `keep_input` of the elements, that on the input of each later layer `keep_hidden`.
    """

    critic_output = "logit"

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: Sequence[int],
        channel_pieces: int,
        units: Sequence[int],
        pieces: int,
        init_range: float,
        keep_input: float,
        keep_hidden: float,
    ) -> None:
        super().__init__()
        self.init_range = init_range
        height, width = shape[1:]
        layers: list[nn.Module] = [Dropout(keep_input)]
        for inputs, outputs, (kernel, padding, window) in zip(
            [shape[0], *channels[:-1]], channels, CONVOLUTIONS, strict=True
        ):
            convolution = MaxoutConvolution(inputs, outputs, channel_pieces, kernel, padding, window, POOL_STRIDE)
            height, width = convolution.size(height), convolution.size(width)
            layers += [convolution, Dropout(keep_hidden)]
        layers.append(nn.Flatten())
        flat = channels[-1] * height * width  # 192 x 5 x 5 = 4,800 from 32x32 images
        for inputs, outputs in pairwise([flat, *units]):
            layers += [Maxout(inputs, outputs, pieces), Dropout(keep_hidden)]
        self.layers = nn.Sequential(*layers, nn.Linear([flat, *units][-1], 1))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        uniform_weights(self, self.init_range, generator)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> logits [n]."""
        return self.layers(images).squeeze(1)
