"""The fully connected networks of the 2014 paper (section 5), as in the authors' repository `adversarial`:
mnist.yaml, tfd_pretrain/pretrain.yaml, tfd_pretrain/train.yaml and cifar10_fully_connected.yaml.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.layers import Dropout, Maxout, limit_all_norms, sparse_weights, uniform_weights


def pixel_mean_logits(pixel_mean: Tensor | None) -> Tensor:
    """Output biases that make a sigmoid start at `pixel_mean` ([channels, height, width] in [0, 1]): its flat logit.

    Clipped to [1e-7, 1 - 1e-7] as pylearn2's dbm.py does. ValueError without a mean.
    """
    if pixel_mean is None:
        raise ValueError("output biases at the pixels' means need the mean of the training images")
    return pixel_mean.flatten().double().clamp(1e-7, 1 - 1e-7).logit()


class NormLimited(nn.Module):
    """A network that keeps the norm of every unit's (or piece's) incoming weights within `max_norm`; None: no limit."""

    max_norm: float | None

    def constrain(self) -> None:
        """To be called after each step of the optimizer; weights may be drawn beyond the limit."""
        if self.max_norm is not None:
            limit_all_norms(self, self.max_norm)


class RectifierGenerator(nn.Module):
    """z -> rectified linear layers -> sigmoid pixels in (0, 1).

    `output_bias`: "pixel_means" starts every output at the logit of its training pixel's mean; "zero" starts at grey.
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
            self.output.bias.copy_(pixel_mean_logits(self.pixel_mean))

    def forward(self, z: Tensor) -> Tensor:
        """[..., n, latent_dim] -> [..., n, channels, height, width] in (0, 1)."""
        return self.output(self.layers(z)).sigmoid().unflatten(-1, self.shape)


class MixedLayers(nn.Sequential):
    """Rectified linear layers of `widths`, the last of them sigmoid instead: section 5's mixture of rectifiers and
    sigmoids, the hidden layers of all its generators but MNIST's.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise([inputs, *widths]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        super().__init__(*layers[:-1], nn.Sigmoid())

    def initialise(self, half_width: float, sigmoid_bias: float, generator: torch.Generator) -> None:
        """Weights from U(-half_width, half_width), biases 0, those of the sigmoid layer `sigmoid_bias`."""
        uniform_weights(self, half_width, generator)
        nn.init.constant_(self[-2].bias, sigmoid_bias)  # type: ignore[arg-type]


class FaceGenerator(NormLimited):
    """z -> rectified linear and sigmoid layers -> sigmoid pixels in (0, 1): tfd_pretrain/pretrain.yaml.

    The output layer starts with `sparse_init` nonzero weights a pixel and at the training pixels' means.
    """

    value_range = (0.0, 1.0)

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        hidden: Sequence[int],
        init_range: float,
        sigmoid_bias: float,
        sparse_init: int,
        max_norm: float | None,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        if sparse_init > hidden[-1]:
            raise UserError(f"sparse_init={sparse_init}: the output layer has only {hidden[-1]} inputs.")
        self.shape, self.init_range, self.sigmoid_bias = tuple(shape), init_range, sigmoid_bias
        self.sparse_init, self.max_norm, self.pixel_mean = sparse_init, max_norm, pixel_mean
        self.layers = MixedLayers(latent_dim, hidden)
        self.output = nn.Linear(hidden[-1], prod(shape))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights; needs `pixel_mean` ([channels, height, width] in [0, 1])."""
        self.layers.initialise(self.init_range, self.sigmoid_bias, generator)
        sparse_weights(self.output, self.sparse_init, generator)
        self.output.bias.copy_(pixel_mean_logits(self.pixel_mean))

    def forward(self, z: Tensor) -> Tensor:
        """[..., n, latent_dim] -> [..., n, channels, height, width] in (0, 1)."""
        return self.output(self.layers(z)).sigmoid().unflatten(-1, self.shape)


class StackedGenerator(NormLimited):
    """z -> `added` rectified linear and sigmoid layers -> a whole FaceGenerator: tfd_pretrain/train.yaml.

    The last of `added` is the FaceGenerator's latent. All layers train, and all are within `max_norm`.
    """

    value_range = (0.0, 1.0)

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        added: Sequence[int],
        hidden: Sequence[int],
        init_range: float,
        sigmoid_bias: float,
        sparse_init: int,
        max_norm: float | None,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.init_range, self.sigmoid_bias, self.max_norm = init_range, sigmoid_bias, max_norm
        self.added = MixedLayers(latent_dim, added)
        self.first_stage = FaceGenerator(
            added[-1], shape, hidden, init_range, sigmoid_bias, sparse_init, max_norm, pixel_mean
        )

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights, those of the first stage's generator too: `load_input` replaces them."""
        self.added.initialise(self.init_range, self.sigmoid_bias, generator)
        self.first_stage.initialise(generator)

    def load_input(self, state: Mapping[str, Tensor]) -> None:
        """Takes over the first stage's trained generator, given as its state_dict; UserError if it is another kind."""
        own = self.first_stage.state_dict()
        for name in sorted(own.keys() | state.keys()):
            here, there = (list(each[name].shape) if name in each else "absent" for each in (own, state))
            if here != there:
                raise UserError(f"The first stage's generator does not fit: {name} is {there}, here {here}.")
        self.first_stage.load_state_dict(state)

    def forward(self, z: Tensor) -> Tensor:
        """[..., n, latent_dim] -> [..., n, channels, height, width] in (0, 1)."""
        return self.first_stage(self.added(z))


class LinearGenerator(nn.Module):
    """z -> rectified linear and sigmoid layers -> linear pixels without bounds: cifar10_fully_connected.yaml.

    Biases start at zero, so `pixel_mean` is not used.
    """

    value_range = None

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, int, int],
        hidden: Sequence[int],
        init_range: float,
        output_init_range: float,
        pixel_mean: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.init_range, self.output_init_range = tuple(shape), init_range, output_init_range
        self.layers = MixedLayers(latent_dim, hidden)
        self.output = nn.Linear(hidden[-1], prod(shape))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        self.layers.initialise(self.init_range, 0.0, generator)
        uniform_weights(self.output, self.output_init_range, generator)

    def forward(self, z: Tensor) -> Tensor:
        """[..., n, latent_dim] -> [..., n, channels, height, width], any real numbers."""
        return self.output(self.layers(z)).unflatten(-1, self.shape)


class MaxoutDiscriminator(NormLimited):
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
        max_norm: float | None = None,
    ) -> None:
        super().__init__()
        self.init_range, self.max_norm = init_range, max_norm
        layers: list[nn.Module] = [nn.Flatten(-len(shape)), Dropout(keep_input)]
        for inputs, outputs in pairwise([prod(shape), *units]):
            layers += [Maxout(inputs, outputs, pieces), Dropout(keep_hidden)]
        self.layers = nn.Sequential(*layers, nn.Linear(units[-1], 1))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        uniform_weights(self, self.init_range, generator)

    def forward(self, images: Tensor) -> Tensor:
        """[..., n, channels, height, width] -> logits [..., n]."""
        return self.layers(images).squeeze(-1)
