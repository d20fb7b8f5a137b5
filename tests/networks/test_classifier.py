import pytest
import torch
from torch import nn
from torch.nn import functional

from ganrepro.errors import UserError
from ganrepro.networks.classifier import FEATURES, ConvClassifier
from ganrepro.networks.layers import initialised


@pytest.mark.parametrize(("size", "halvings"), [(8, 1), (16, 2), (28, 2), (32, 3), (64, 4), (112, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_image_sizes(size: int, halvings: int, channels: int) -> None:
    network = initialised(lambda: ConvClassifier((channels, size, size), 7, 4), 0, "classifier")
    images = torch.zeros(2, channels, size, size)
    assert network(images).shape == (2, 7)
    features = network.features(images)  # type: ignore[operator]
    assert features.shape == (2, FEATURES) == (2, 64)
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.modules()) == halvings


def test_logits_are_linear_in_the_features(noise: torch.Generator) -> None:
    network = initialised(lambda: ConvClassifier((1, 8, 8), 3, 4), 0, "classifier")
    images = torch.rand(5, 1, 8, 8, generator=noise)
    features = network.features(images)  # type: ignore[operator]
    assert features.min() >= 0
    assert torch.equal(network(images), network.output(features))  # type: ignore[operator]


def test_it_learns_what_is_easy(noise: torch.Generator) -> None:
    """Which half of the image is bright, in a few steps from the first weights."""
    network = initialised(lambda: ConvClassifier((1, 12, 12), 2, 4), 0, "classifier")
    labels = torch.randint(2, (64,), generator=noise)
    images = torch.rand(64, 1, 12, 12, generator=noise)
    images[labels == 0, :, :6] += 1
    images[labels == 1, :, 6:] += 1
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    assert (network(images).argmax(1) == labels).all()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_weights_come_from_the_seed() -> None:
    one, same, other = (
        initialised(lambda: ConvClassifier((1, 8, 8), 3, 4), seed, "classifier").state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["output.weight"], other["output.weight"])


def test_classifiers_that_cannot_be() -> None:
    with pytest.raises(UserError, match="looks at images"):
        ConvClassifier((2,), 3, 4)
    with pytest.raises(UserError, match="here there are 1"):
        ConvClassifier((1, 8, 8), 1, 4)
