"""The autoencoder whose code is a semantic hash: 3072-128-3072 for 32x32 RGB (Radford et al. 2016, section 4.1.1)."""

import torch
from torch import Tensor, nn

from ganrepro.networks.layers import Dropout


class Autoencoder(nn.Module):
    """Flat images -> a rectified code, with dropout while training -> flat images.

    The encoder has no bias, so which units of the code are active does not change when an image is scaled.
    keep: share of the code that dropout keeps; `dropout.generator` must be set for training. weight_std: all weights
    start from N(0, weight_std), biases at 0; where it is large, what is left of the first weights decides on the signs.
    """

    def __init__(self, inputs: int, code: int, keep: float, weight_std: float) -> None:
        super().__init__()
        self.weight_std = weight_std
        self.encoder = nn.Linear(inputs, code, bias=False)
        self.dropout = Dropout(keep)
        self.decoder = nn.Linear(code, inputs)

    def initialise(self, generator: torch.Generator) -> None:
        for layer in (self.encoder, self.decoder):
            nn.init.normal_(layer.weight, std=self.weight_std, generator=generator)
        nn.init.zeros_(self.decoder.bias)

    def code(self, images: Tensor) -> Tensor:
        """[n, inputs] -> [n, code], at least 0."""
        return self.encoder(images).relu()

    def forward(self, images: Tensor) -> Tensor:
        """[n, inputs] -> [n, inputs], without bounds."""
        return self.decoder(self.dropout(self.code(images)))
