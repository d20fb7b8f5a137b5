"""A small convolutional classifier that judges samples: which class they are of, and the features of distances.

No paper has it; a report that uses its numbers names it. It is trained on real images only.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import log2

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError

FEATURES = 64  # of the layer before the classes: few enough for a covariance from a thousand images
GRID = 4  # positions each way that the last convolution's maps are averaged to


class ConvClassifier(nn.Module):
    """Images -> stride-2 convolutions with ReLU -> averages over a 4x4 grid -> 64 features -> one logit a class.

    Halves the image while it stays at least 4 pixels wide and high: once at 8x8, twice at 28x28, four times at
    112x112. width: channels of the first convolution; each later one has twice as many, at most 4 x width.
    Raises UserError for data that are not images, and for fewer than two classes.
    """

    def __init__(self, shape: Sequence[int], classes: int, width: int = 32) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError(f"ConvClassifier looks at images [channels, height, width], not at {list(shape)}.")
        if classes < 2:
            raise UserError(f"ConvClassifier tells classes apart, and here there are {classes}.")
        halvings = max(1, int(log2(max(GRID, min(shape[1:])) / GRID)))
        channels = [shape[0], *(width * min(2**stage, 4) for stage in range(halvings))]
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise(channels)):
            kernel = 3 if number else 5
            layers += [nn.Conv2d(inputs, outputs, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(GRID), nn.Flatten())
        self.hidden = nn.Linear(channels[-1] * GRID**2, FEATURES)
        self.output = nn.Linear(FEATURES, classes)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights (He et al. 2015, for ReLU); biases 0."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def features(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] in the data's value range -> [n, 64], at least 0."""
        return self.hidden(self.convolutions(images)).relu()

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] in the data's value range -> logits [n, classes]."""
        return self.output(self.features(images))
