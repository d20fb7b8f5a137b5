"""Priors p(z) as torch modules. A latent is a list of named blocks, drawn one after the other and joined."""

from math import isinf

import torch
from scipy import special
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


class Component(nn.Module):
    """The component of a mixture that an example comes from: one coordinate that holds its index, all alike likely.

    pick: "stratified" uses every component equally often among the examples drawn together, what is left over going
    to different ones at random, in random order: DeLiGAN's batches of 50 have each of its 50 components once
    (val-iisc/deligan mnist/dg_mnist.py). "random" draws each example's by itself.
    """

    dim = 1

    def __init__(self, count: int, pick: str) -> None:
        """count: how many components. Raises ValueError for none, and for another `pick`."""
        super().__init__()
        if count < 1:
            raise ValueError(f"a mixture has at least one component, not {count}.")
        if pick not in ("stratified", "random"):
            raise ValueError(f"components are picked stratified or random, not {pick}.")
        self.count, self.pick = count, pick

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, 1] on the generator's device: 0, 1, ..., count - 1."""
        device = generator.device
        if self.pick == "random":
            return torch.randint(self.count, (n, 1), generator=generator, device=device).float()
        equal = torch.arange(self.count, device=device).repeat(n // self.count)
        left_over = torch.randperm(self.count, generator=generator, device=device)[: n % self.count]
        order = torch.randperm(n, generator=generator, device=device)
        return torch.cat([equal, left_over])[order, None].float()

    def quantiles(self, n: int) -> Tensor:
        """As Uniform's."""
        return (middles(n)[:, None] * self.count).floor()


class StudentT(nn.Module):
    """Standard multivariate t: N(0, I) times sqrt(df / u), with one chi-square u of `df` degrees for all coordinates.

    One u makes a whole example an outlier: the coordinates depend on each other (Sun et al. 2020, the noise of t-GAN).
    torch.distributions.StudentT draws a u for each of them, which is another law. df = inf is the standard normal.
    """

    def __init__(self, dim: int, df: float) -> None:
        """df: degrees of freedom, any number above 0. Raises ValueError for others."""
        super().__init__()
        if not df > 0:
            raise ValueError(f"a t distribution has more than 0 degrees of freedom, not {df}.")
        self.dim, self.df = dim, float(df)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, dim] on the generator's device, always finite: the tails end where float32 does."""
        normal = torch.empty(n, self.dim, device=generator.device).normal_(generator=generator)
        if isinf(self.df):
            return normal
        # In float64: with few degrees of freedom a float32 gamma is often 0.
        half = torch.full((n, 1), self.df / 2, dtype=torch.float64, device=generator.device)
        u = 2 * torch._standard_gamma(half, generator=generator).clamp_min(torch.finfo(torch.float64).tiny)
        largest = torch.finfo(torch.float32).max
        return (normal * (self.df / u).sqrt()).clamp(-largest, largest).float()

    def quantiles(self, n: int) -> Tensor:
        """As Uniform's; of a coordinate by itself, which is Student's t."""
        if isinf(self.df):
            points = torch.special.ndtri(middles(n))
        else:
            points = torch.from_numpy(special.stdtrit(self.df, middles(n).double().numpy())).float()
        return points[:, None].expand(n, self.dim)


def middles(n: int) -> Tensor:
    """The middles of n equal parts of [0, 1]."""
    return (torch.arange(n) + 0.5) / n


class Latent(nn.Module):
    """The blocks of a latent, in order; `dim` is the sum of theirs."""

    def __init__(self, **blocks: Uniform | Normal | StudentT | Component | Label) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks.values())
        self.dim = sum(block.dim for block in blocks.values())

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """float32 [n, dim]: every block's draw, side by side."""
        return torch.cat([block.sample(n, generator) for block in self.blocks], dim=1)  # type: ignore[operator]

    def quantiles(self, n: int) -> Tensor:
        """float32 [n, dim]: every block's, side by side."""
        return torch.cat([block.quantiles(n) for block in self.blocks], dim=1)  # type: ignore[operator]
