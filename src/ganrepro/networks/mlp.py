"""The fully connected networks of the 2014 paper (section 5; adversarial/mnist.yaml)."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from ganrepro.networks.layers import Dropout, Maxout, uniform_weights


class RectifierGenerator(nn.Module):
    """z -> rectified linear layers -> sigmoid pixels in (0, 1).

    `output_bias`: "pixel_means" starts every output at the logit of its training pixel's mean, clipped to
    [1e-7, 1 - 1e-7] as pylearn2's dbm.py does; "zero" starts at grey.
    """

    value_range = (0.0, 1.0)

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        hidden: Sequence[int],
        init_range: float,
        output_bias: str,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.init_range, self.output_bias = tuple(shape), init_range, output_bias
        widths = [latent_dim, *hidden]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(widths[-1], prod(shape))
        self.pixel_mean = pixel_mean

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights; needs `pixel_mean` ([channels, height, width] in [0, 1]) for "pixel_means"."""
        uniform_weights(self, self.init_range, generator)
        if self.output_bias == "pixel_means":
            if self.pixel_mean is None:
                raise ValueError("output_bias=pixel_means needs the mean of the training images")
            mean = self.pixel_mean.flatten().double().clamp(1e-7, 1 - 1e-7)
            self.output.bias.copy_(mean.logit())

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, channels, height, width] in (0, 1)."""
        return self.output(self.layers(z)).sigmoid().unflatten(1, self.shape)


class MaxoutDiscriminator(nn.Module):
    """Pixels -> dropout -> maxout layers with dropout on the input of each later layer -> one logit."""

    critic_output = "logit"

    def __init__(
        self,
        shape: tuple[int, int, int],
        units: Sequence[int],
        pieces: int,
        init_range: float,
        keep_input: float,
        keep_hidden: float,
    ) -> None:
        super().__init__()
        self.init_range = init_range
        layers: list[nn.Module] = [nn.Flatten(), Dropout(keep_input)]
        for inputs, outputs in pairwise([prod(shape), *units]):
            layers += [Maxout(inputs, outputs, pieces), Dropout(keep_hidden)]
        self.layers = nn.Sequential(*layers, nn.Linear(units[-1], 1))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        uniform_weights(self, self.init_range, generator)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] -> logits [n]."""
        return self.layers(images).squeeze(1)
