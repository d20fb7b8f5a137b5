"""The mixture and the class code in front of G (t-GAN's fact sheet, sections 2.2, 2.3 and 3)."""

from functools import partial
from math import log
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from ganrepro.errors import UserError
from ganrepro.networks.layers import initialised
from ganrepro.networks.mixture import MixtureInput


def mixture_input(**changes: Any) -> Any:
    """With its weights; two diagonal components of two coordinates and no class code, but for `changes`."""
    given = {
        "latent_dim": 3, "components": 2, "scale": "diagonal", "scale_init": 0.2, "scale_signs": False,
        "codeword": 0, "code": "none", "classes": 0,
    }  # fmt: skip
    return initialised(partial(MixtureInput, **{**given, **changes}), 0, "input")


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_a_diagonal_mixture_by_hand() -> None:
    layer = mixture_input()
    with torch.no_grad():
        layer.mixture.means.copy_(torch.tensor([[1.0, 2.0], [-1.0, 0.0]]))
        layer.mixture.scale.factors.copy_(torch.tensor([[2.0, 3.0], [0.5, -1.0]]))
    z = torch.tensor([[0.0, 1.0, 1.0], [1.0, 4.0, 5.0], [0.0, -2.0, 0.0]])
    assert layer(z).tolist() == [[3, 5], [1, -5], [-3, 2]]
    assert layer.penalty().item() == pytest.approx((1 + 4 + 0.25 + 4) / 4)


def test_a_full_mixture_by_hand() -> None:
    """softplus(0) = log 2 and softplus(log(e - 1)) = 1 on the diagonals; the only entry below them is 3 and -1."""
    layer = mixture_input(scale="full")
    one = torch.tensor(1.0).expm1().log()
    with torch.no_grad():
        layer.mixture.means.copy_(torch.tensor([[1.0, 2.0], [-1.0, 0.0]]))
        layer.mixture.scale.raw_diagonals.copy_(torch.tensor([[one, one], [one, 0.0]]))
        layer.mixture.scale.below.copy_(torch.tensor([[3.0], [-1.0]]))
    z = torch.tensor([[0.0, 1.0, 1.0], [1.0, 4.0, 5.0]])
    log_2 = log(2)
    assert torch.allclose(layer(z), torch.tensor([[2.0, 6.0], [3.0, -4 + 5 * log_2]]))
    assert layer.penalty().item() == pytest.approx((log_2 - 1) ** 2 / 4, rel=1e-5)


def test_entries_of_a_full_scale_lie_row_by_row(noise: torch.Generator) -> None:
    layer, e = mixture_input(latent_dim=5, scale="full"), torch.randn(6, 4, generator=noise)
    below = torch.randn(2, 6, generator=noise)
    with torch.no_grad():
        layer.mixture.scale.below.copy_(below)
    component = torch.tensor([0, 1, 1, 0, 1, 0])
    wanted = []
    for each, i in zip(e, component, strict=True):
        a, b, c, d, f, g = below[i].tolist()
        matrix = torch.tensor([[0.2, 0, 0, 0], [a, 0.2, 0, 0], [b, c, 0.2, 0], [d, f, g, 0.2]])
        wanted.append(layer.mixture.means[i] + matrix @ each)
    assert torch.allclose(layer(torch.cat([component[:, None].float(), e], 1)), torch.stack(wanted), atol=1e-5)


@pytest.mark.parametrize("dim", [1, 4])
def test_a_full_scale_starts_as_the_diagonal_one(dim: int, noise: torch.Generator) -> None:
    layers = [mixture_input(latent_dim=1 + dim, scale=scale) for scale in ("diagonal", "full")]
    z = torch.cat([torch.tensor([[0.0], [1.0], [1.0]]), torch.randn(3, dim, generator=noise)], 1)
    assert torch.allclose(layers[0](z), layers[1](z), atol=1e-6)
    assert parameters(layers[0]) == 2 * 2 * dim
    assert parameters(layers[1]) == 2 * (dim + dim * (dim + 1) // 2)


@pytest.mark.parametrize("scale", ["diagonal", "full"])
def test_components_that_are_not_drawn_have_no_gradient(scale: str, noise: torch.Generator) -> None:
    layer = mixture_input(latent_dim=4, components=5, scale=scale)
    component = torch.tensor([[1.0], [3.0], [3.0]])
    layer(torch.cat([component, torch.randn(3, 3, generator=noise)], 1)).square().sum().backward()
    for name, parameter in layer.named_parameters():
        drawn = parameter.grad.flatten(1).abs().sum(1) > 0
        assert drawn.tolist() == [False, True, False, True, False], name


@pytest.mark.parametrize("scale", ["diagonal", "full"])
def test_the_penalty_draws_all_scales_to_one(scale: str) -> None:
    layer = mixture_input(latent_dim=4, components=5, scale=scale)
    penalty = layer.penalty()
    assert penalty.item() == pytest.approx((0.2 - 1) ** 2)
    penalty.backward()
    [(_, grown), *rest] = [pair for pair in layer.named_parameters() if "means" not in pair[0]]
    assert (grown.grad < 0).all()
    assert all(parameter.grad is None for _, parameter in rest)  # what is below the diagonal


def test_without_a_mixture_noise_goes_on_as_it_is(noise: torch.Generator) -> None:
    layer, z = mixture_input(components=0), torch.randn(4, 3, generator=noise)
    assert torch.equal(layer(z), z)
    assert (layer.dim, layer.penalty().item(), parameters(layer)) == (3, 0, 0)


def test_what_a_mixture_starts_at() -> None:
    """Section 2.2: means from U(-1, 1), scales constant; 2.3: of both signs."""
    layer = mixture_input(latent_dim=101, components=50)
    assert stats.kstest(layer.mixture.means.detach().flatten(), stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert (layer.mixture.scale.factors == 0.2).all()
    signed = mixture_input(latent_dim=101, components=50, scale_signs=True)
    assert stats.kstest(signed.mixture.scale.factors.detach().flatten(), stats.uniform(-0.2, 0.4).cdf).pvalue > 0.01
    full = mixture_input(latent_dim=5, scale="full", scale_init=0.02)
    assert torch.allclose(full.mixture.scale.diagonals(), torch.full((2, 4), 0.02))
    assert not full.mixture.scale.below.any()


@pytest.mark.parametrize(
    ("code", "codeword", "wanted"),
    [
        ("none", 0, []),
        ("raw", 2, [2.1, 1.8]),
        ("scaled", 2, [1.1, 0.8]),
        ("one_hot", 0, [0, 0, 1]),
        ("one_hot", 3, [0.1, -0.2, 1.3]),
    ],
)
def test_class_codes(code: str, codeword: int, wanted: list[float]) -> None:
    """Class 2 of three, codeword noise 0.1, -0.2, 0.3: the mean is the class's, the noise lies around it."""
    told = [] if code == "none" else [2.0]
    z = torch.tensor([[0.5, -0.5, *[0.1, -0.2, 0.3][:codeword], *told]])
    layer = mixture_input(latent_dim=z.shape[1], components=0, code=code, codeword=codeword, classes=3)
    assert layer.dim == 2 + len(wanted)
    assert torch.allclose(layer(z), torch.tensor([[0.5, -0.5, *wanted]]))
    mixed = mixture_input(latent_dim=z.shape[1] + 1, code=code, codeword=codeword, classes=3)
    first = torch.tensor([[1.0]])
    found = mixed(torch.cat([first, z], 1))[0]
    assert torch.allclose(found[:2], mixed.mixture.means[1] + 0.2 * torch.tensor([0.5, -0.5]))
    assert found[2:].tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent_dim": 1}, "leaves none for noise beside 1 for the component"),
        ({"latent_dim": 12, "codeword": 10, "code": "raw", "classes": 4}, "leaves none for noise"),
        ({"components": -1}, "a mixture has 0 or more components"),
        ({"scale": "round"}, "a diagonal or full scale"),
        ({"scale_init": 0.0}, "starts it above 0"),
        ({"scale": "full", "scale_signs": True}, "scale_signs is for a diagonal scale"),
        ({"code": "label", "classes": 4}, "the class code is none, raw, scaled or one_hot"),
        ({"code": "one_hot"}, "the data have no classes"),
        ({"codeword": 2}, "none has 0"),
        ({"code": "raw", "classes": 4}, "needs a codeword of at least one"),
        ({"code": "scaled", "classes": 4}, "needs a codeword of at least one"),
        ({"code": "one_hot", "codeword": 3, "classes": 4, "latent_dim": 9}, "has 4 coordinates, or 0"),
    ],
)
def test_layouts_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        mixture_input(**changes)


@pytest.mark.parametrize(
    ("first", "last", "name"), [(0.3, 1, "component"), (-1, 1, "component"), (2, 1, "component"), (1, 3, "class")]
)
def test_coordinates_that_are_no_indices(first: float, last: float, name: str) -> None:
    """As where a latent lacks the block; found out in evaluation mode, in which two images are made before training."""
    layer = mixture_input(latent_dim=4, code="one_hot", classes=3).eval()
    assert layer(torch.tensor([[1.0, 0.3, 0.3, 2.0]])).shape == (1, 5)
    with pytest.raises(ValueError, match=f"the latent's {name} coordinate must hold an index"):
        layer(torch.tensor([[first, 0.3, 0.3, last]]))
