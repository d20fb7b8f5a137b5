"""A classifier with pooled convolutions and batch norm, which reads few real images wrongly: the judge of m-IS."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganrepro.errors import UserError
from ganrepro.networks.layers import Dropout

POOLED = 4  # what two poolings divide an image's height and width by


class PooledClassifier(nn.Module):
    """Images -> twice (5x5 convolution, batch norm, ReLU, 2x2 max-pool) -> features -> dropout -> a logit a class.

    ChunyuanLI/MNIST_Inception_Score has 32 and 64 channels and 1,024 features. width: channels of the first
    convolution; the second has twice as many. keep: the share of features that dropout keeps in training.
    Raises UserError for data that are not images of at least 4x4 pixels, and for fewer than two classes.
    """

    def __init__(self, shape: Sequence[int], classes: int, width: int, features: int, keep: float) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape[1:]) < POOLED:
            raise UserError(f"PooledClassifier looks at images [channels, height, width] from 4x4, not {list(shape)}.")
        if classes < 2:
            raise UserError(f"PooledClassifier tells classes apart, and here there are {classes}.")
        positions = (shape[1] // POOLED) * (shape[2] // POOLED)
        self.convolutions = nn.Sequential(
            *_stage(shape[0], width),
            *_stage(width, 2 * width),
            nn.Flatten(),
            nn.Linear(2 * width * positions, features),
        )
        self.norm, self.dropout = nn.BatchNorm1d(features), Dropout(keep)
        self.output = nn.Linear(features, classes)

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights (He et al. 2015, for ReLU); biases 0, batch norm's scales 1."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                layer.reset_parameters()

    def features(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] in [-1, 1] -> [n, features], at least 0."""
        return self.norm(self.convolutions(images)).relu()

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] in [-1, 1] -> logits [n, classes]."""
        return self.output(self.dropout(self.features(images)))


def _stage(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 5, padding=2), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
