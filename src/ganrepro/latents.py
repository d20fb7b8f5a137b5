"""Priors p(z) as torch modules. A latent is a list of named blocks, drawn one after the other and joined."""

import torch
from torch import Tensor, nn


class Uniform(nn.Module):
    """Independent coordinates on (-half_width, half_width).

    half_width = sqrt(3) gives unit variance: "uniform" in the 2014 authors' code (adversarial/__init__.py).
    """

    def __init__(self, dim: int, half_width: float) -> None:
        super().__init__()
        self.dim, self.half_width = dim, half_width

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, dim] on the generator's device."""
        z = torch.empty(n, self.dim, device=generator.device)
        return z.uniform_(-self.half_width, self.half_width, generator=generator)

    def quantiles(self, n: int) -> Tensor:
        """n points at the middles of n equally likely parts, the same in every coordinate: float32 [n, dim]."""
        return middles(n)[:, None].expand(n, self.dim) * 2 * self.half_width - self.half_width


class Normal(nn.Module):
    """Independent N(0, std^2) coordinates; std = 1 is the class default of the 2014 authors' code."""

    def __init__(self, dim: int, std: float) -> None:
        super().__init__()
        self.dim, self.std = dim, std

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, dim] on the generator's device."""
        return torch.empty(n, self.dim, device=generator.device).normal_(0.0, self.std, generator=generator)

    def quantiles(self, n: int) -> Tensor:
        """As Uniform's."""
        return torch.special.ndtri(middles(n))[:, None].expand(n, self.dim) * self.std


class Label(nn.Module):
    """A class at random, all alike: one coordinate that holds its index. For networks that are asked for a class."""

    dim = 1

    def __init__(self, classes: int) -> None:
        """classes: how many. Raises ValueError for fewer than two."""
        super().__init__()
        if classes < 2:
            raise ValueError(
                f"networks are told a label here, and the data have {classes or 'no'} classes to tell apart."
            )
        self.classes = classes

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, 1] on the generator's device: 0, 1, ..., classes - 1."""
        return torch.randint(self.classes, (n, 1), generator=generator, device=generator.device).float()

    def quantiles(self, n: int) -> Tensor:
        """As Uniform's."""
        return (middles(n)[:, None] * self.classes).floor()


def middles(n: int) -> Tensor:
    """The middles of n equal parts of [0, 1]."""
    return (torch.arange(n) + 0.5) / n


class Latent(nn.Module):
    """The blocks of a latent, in order; `dim` is the sum of theirs."""

    def __init__(self, **blocks: Uniform | Normal | Label) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks.values())
        self.dim = sum(block.dim for block in blocks.values())

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, dim]: every block's draw, side by side."""
        return torch.cat([block.sample(n, generator) for block in self.blocks], dim=1)  # type: ignore[operator]

    def quantiles(self, n: int) -> Tensor:
        """float32 [n, dim]: every block's, side by side."""
        return torch.cat([block.quantiles(n) for block in self.blocks], dim=1)  # type: ignore[operator]
