"""The PixelCNN is a distribution over images, sees all that comes before a channel and nothing else, and draws it."""

from functools import partial
from itertools import product
from math import log2
from typing import Any

import pytest
import torch
from torch import Tensor

from ganrepro.errors import UserError
from ganrepro.networks.layers import initialised
from ganrepro.networks.pixelcnn import PixelCNN
from ganrepro.streams import stream


def network(shape: tuple[int, ...] = (1, 5, 5), seed: int = 0, **changes: Any) -> PixelCNN:
    given = {"levels": 4, "classes": 0, "filters": 12, "kernels": [3, 3], "hidden": 16} | changes
    return initialised(partial(PixelCNN, shape, **given), seed, "p")  # type: ignore[return-value]


def roused(made: PixelCNN) -> PixelCNN:
    """With biases that matter, and logits that are far from alike."""
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("bias") or "told" in name:
                parameter.normal_(0.0, 0.5, generator=stream(0, name))
        for head in made.heads:
            head.output.weight.mul_(10)  # type: ignore[union-attr, operator]
    return made


def pixels(n: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=stream(0, "pixels"))


@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 4, 5)])
def test_logits_depend_on_all_that_comes_before_and_nothing_else(shape: tuple[int, int, int]) -> None:
    """Four layers reach over all of so small an image: there is no blind spot, and no sight of the future."""
    made = roused(network(shape, kernels=[3, 3, 3, 3])).double()
    seen = torch.randn(1, *shape, dtype=torch.float64, generator=stream(0, "seen"), requires_grad=True)
    made.values = lambda levels: seen  # type: ignore[method-assign]
    logits = made(torch.zeros(1, *shape, dtype=torch.int64))[0]
    weights = torch.randn(4, dtype=torch.float64, generator=stream(0, "weights"))
    order = torch.arange(seen.numel()).view(shape[1], shape[2], shape[0]).permute(2, 0, 1)  # row, column, channel
    for place in product(*map(range, shape)):
        (gradient,) = torch.autograd.grad((weights @ logits[:, *place]), seen, retain_graph=True, allow_unused=True)
        found = torch.zeros(shape, dtype=torch.bool) if gradient is None else gradient[0] != 0
        assert torch.equal(found, order < order[place]), place


@pytest.mark.parametrize(("shape", "levels"), [((1, 2, 2), 3), ((2, 1, 3), 2)])
def test_all_images_add_up_to_one(shape: tuple[int, int, int], levels: int) -> None:
    made = roused(network(shape, levels=levels, classes=2))
    numbers = shape[0] * shape[1] * shape[2]
    every = torch.tensor(list(product(range(levels), repeat=numbers))).view(-1, *shape)
    for label in (0, 1):
        bits = made.nll(made.pixels(every), torch.full((len(every),), label)).double()
        assert (-bits * numbers).exp2().sum().item() == pytest.approx(1, abs=1e-5)
        assert bits.max() > bits.min() + 0.5


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_untrained_knows_nothing(levels: int) -> None:
    made = network((3, 6, 6), levels=levels)
    bits = made.nll(pixels(8, (3, 6, 6)))
    assert bits.shape == (8,)
    assert bits.mean().item() == pytest.approx(log2(levels), rel=0.02)


def test_bits_by_hand() -> None:
    made = network((1, 2, 2), levels=2)
    with torch.no_grad():
        made.heads[0].output.weight.zero_()  # type: ignore[union-attr, operator]
        made.heads[0].output.bias.copy_(torch.tensor([0.0, 3.0]).log1p())  # type: ignore[union-attr, operator]
    image = torch.tensor([[[[0, 127], [128, 255]]]], dtype=torch.uint8)
    assert made.nll(image).item() == pytest.approx((2 * log2(5) + 2 * log2(5 / 4)) / 4)


@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_levels_and_back(levels: int) -> None:
    made = network(levels=levels)
    every = torch.arange(256, dtype=torch.uint8)
    found = made.quantised(every)
    assert torch.equal(found.unique(), torch.arange(levels))
    assert (made.pixels(found).int() - every.int()).abs().max() <= 256 // levels + 1
    assert torch.equal(made.quantised(made.pixels(torch.arange(levels))), torch.arange(levels))
    assert made.values(torch.tensor([0, levels - 1])).tolist() == [-1, 1]
    if levels == 256:
        assert torch.equal(made.pixels(found), every)


@pytest.mark.parametrize(("shape", "classes"), [((1, 5, 6), 0), ((3, 4, 3), 3)])
def test_samples_are_drawn_from_the_logits_of_the_whole_image(shape: tuple[int, int, int], classes: int) -> None:
    made = roused(network(shape, classes=classes, kernels=[5, 3, 3]))
    labels = torch.arange(7) % classes if classes else None
    said: list[list[Tensor]] = [[] for _ in made.heads]
    hooks = [
        head.register_forward_hook(lambda *given, at=at: said[at].append(given[2]))
        for at, head in enumerate(made.heads)
    ]
    drawn = made.sample(7, labels, stream(0, "samples"))
    for hook in hooks:
        hook.remove()
    stepwise = torch.stack([torch.cat(each, 3).unflatten(3, shape[1:])[:, :, 0] for each in said], 2)
    with torch.no_grad():
        whole = made(made.quantised(drawn), labels)
    assert torch.allclose(stepwise, whole, atol=1e-4)
    assert whole.std() > 1


def test_samples_have_the_probabilities() -> None:
    made = roused(network((1, 1, 2), levels=3))
    levels = made.quantised(made.sample(10_000, None, stream(0, "samples")))
    counts = torch.bincount(levels[:, 0, 0, 0] * 3 + levels[:, 0, 0, 1], minlength=9) / 10_000
    every = torch.tensor(list(product(range(3), repeat=2))).view(-1, 1, 1, 2)
    assert torch.allclose(counts, (-2 * made.nll(made.pixels(every))).exp2(), atol=0.015)


def test_samples_come_from_the_generator_they_are_given() -> None:
    made, before = network(), torch.get_rng_state()
    drawn = made.sample(5, None, stream(0, "samples"))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(drawn, made.sample(5, None, stream(0, "samples")))
    assert not torch.equal(drawn, made.sample(5, None, stream(1, "samples")))
    assert drawn.dtype == torch.uint8
    assert not drawn.requires_grad


@pytest.mark.parametrize("half", [0, 1])
def test_a_class_has_a_say_in_both_stacks(half: int) -> None:
    made, image = roused(network(classes=2)), pixels(1, (1, 5, 5))
    with torch.no_grad():
        for layer in made.layers:
            layer.told.weight.chunk(2, 1)[1 - half].zero_()  # type: ignore[union-attr, operator]
        one, other = (made.nll(image, torch.tensor([label])) for label in (0, 1))
    assert abs(one - other) > 1e-3


def test_learns_a_few_images_by_heart_and_draws_the_one_it_is_asked_for() -> None:
    shape = (3, 3, 3)
    made = network(shape, classes=3, filters=16, hidden=32)
    learned, labels = made.pixels(made.quantised(pixels(3, shape))), torch.arange(3)
    optimizer = torch.optim.Adam(made.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = made.nll(learned, labels).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    asked = torch.arange(12) % 3
    drawn = made.sample(12, asked, stream(0, "samples"))
    assert (drawn == learned[asked]).flatten(1).all(1).double().mean() > 0.8


def test_refusals() -> None:
    for wrong in ({"levels": 257}, {"levels": 1}, {"classes": -1}, {"filters": 0}, {"hidden": 0}):
        with pytest.raises(UserError, match="2 to 256 levels"):
            network(**wrong)
    for kernels in ([], [3, 4], [-1]):
        with pytest.raises(UserError, match="odd"):
            network(kernels=kernels)
    with pytest.raises(UserError, match="image data"):
        network((2,))
    images = pixels(2, (1, 5, 5))
    with pytest.raises(ValueError, match="no labels"):
        network().nll(images, torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="2 labels"):
        network(classes=3).nll(images)
    with pytest.raises(ValueError, match="4 labels"):
        network(classes=3).sample(4, torch.zeros(2, dtype=torch.int64), stream(0, "samples"))
    with pytest.raises(ValueError, match="uint8"):
        network().nll(images.float())
