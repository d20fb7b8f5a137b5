"""What the generators of DeLiGAN and t-GAN make of a latent before their first layer: a mixture's draw, a class code.

DeLiGAN (Gurumurthy et al. 2017) learns the means and scales of a mixture together with G: the draw from component i is
mean_i + scale_i * e with standard e (val-iisc/deligan mnist/dg_mnist.py). t-GAN (Sun et al. 2020) takes e from a
multivariate t, and puts a random vector beside it whose mean says the class.
"""

from math import expm1, log

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganrepro.errors import UserError


class DiagonalScale(nn.Module):
    """A factor for each coordinate of each component, of either sign: the noise is symmetric.

    All start at `init`, or with `signs` uniform on (-init, init), as in val-iisc/deligan cifar/dg_cifar.py.
    """

    def __init__(self, components: int, dim: int, init: float, signs: bool) -> None:
        super().__init__()
        self.init, self.signs = init, signs
        self.factors = nn.Parameter(torch.empty(components, dim))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the factors."""
        low = -self.init if self.signs else self.init
        nn.init.uniform_(self.factors, low, self.init, generator=generator)

    def diagonals(self) -> Tensor:
        """[components, dim]."""
        return self.factors

    def forward(self, e: Tensor, component: Tensor) -> Tensor:
        """[n, dim], int64 [n] -> [n, dim]: each row times its component's factors."""
        return functional.embedding(component, self.factors) * e


class FullScale(nn.Module):
    """A lower triangular matrix for each component, so that the noise has the scale matrix A A^T.

    Diagonals are softplus of a parameter and start at `init`; what is below them starts at 0. No code of the papers
    has it: it is the Cholesky form of t-GAN's scale matrix. Raises UserError for signs, which softplus does not have.
    """

    def __init__(self, components: int, dim: int, init: float, signs: bool) -> None:
        super().__init__()
        if signs:
            raise UserError("scale_signs is for a diagonal scale: the diagonals of full matrices are positive.")
        self.init = init
        self.raw_diagonals = nn.Parameter(torch.empty(components, dim))
        self.below = nn.Parameter(torch.empty(components, dim * (dim - 1) // 2))

    def initialise(self, generator: torch.Generator) -> None:
        """Sets all entries; nothing is drawn."""
        nn.init.constant_(self.raw_diagonals, log(expm1(self.init)))
        nn.init.zeros_(self.below)

    def diagonals(self) -> Tensor:
        """[components, dim]."""
        return functional.softplus(self.raw_diagonals)

    def forward(self, e: Tensor, component: Tensor) -> Tensor:
        """[n, dim], int64 [n] -> [n, dim]: A_i e, where i is the row's component."""
        matrix = functional.embedding(component, self.diagonals()).diag_embed()
        row, column = torch.tril_indices(e.shape[1], e.shape[1], -1, device=e.device)
        matrix[:, row, column] = functional.embedding(component, self.below)
        return (matrix @ e[:, :, None]).squeeze(2)


SCALES: dict[str, type[DiagonalScale | FullScale]] = {"diagonal": DiagonalScale, "full": FullScale}


class Mixture(nn.Module):
    """Means and scales of a mixture's components; means start uniform on (-1, 1), as in DeLiGAN's code."""

    def __init__(self, components: int, dim: int, scale: DiagonalScale | FullScale) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.empty(components, dim))
        self.scale = scale

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the means and the scales."""
        nn.init.uniform_(self.means, -1.0, 1.0, generator=generator)
        self.scale.initialise(generator)

    def forward(self, e: Tensor, component: Tensor) -> Tensor:
        """Standard noise [n, dim], int64 [n] -> a draw from each row's component, [n, dim]."""
        return functional.embedding(component, self.means) + self.scale(e, component)


class MixtureInput(nn.Module):
    """Latents -> G's input: a draw from the mixture, and beside it the class code.

    A latent's coordinates are, in this order: the component's index (components > 0), noise, the codeword's noise
    (`codeword` coordinates), the class's index (code other than "none"). How many are noise is what remains.
    components: of the mixture; 0: the noise goes on as it is, and `scale`, `scale_init` and `scale_signs` say nothing.
    scale: "diagonal" or "full"; scale_init, scale_signs: what it starts at (DiagonalScale, FullScale).
    code: the codeword's mean. "raw": the class's index in every coordinate, as t-GAN's text has it; "scaled": the
    same divided by the largest index; "one_hot", with as many coordinates as classes, or without any noise when
    `codeword` is 0; "none": no code. `dim` is the number of coordinates of the result.
    Raises UserError where these numbers do not go together.
    """

    def __init__(
        self,
        latent_dim: int,
        components: int,
        scale: str,
        scale_init: float,
        scale_signs: bool,
        codeword: int,
        code: str,
        classes: int,
    ) -> None:
        super().__init__()
        check_code(code, codeword, classes)
        if components < 0 or scale not in SCALES or scale_init <= 0:
            raise UserError(
                f"components={components}, scale={scale}, scale_init={scale_init}: a mixture has 0 or more components, "
                "a diagonal or full scale, and starts it above 0."
            )
        indices = [int(components > 0), int(code != "none")]
        noise = latent_dim - sum(indices) - codeword
        if noise < 1:
            raise UserError(
                f"A latent of {latent_dim} coordinates leaves none for noise beside {indices[0]} for the component, "
                f"{codeword} for the codeword and {indices[1]} for the class."
            )
        self.code, self.classes, self.components = code, classes, components
        self.parts = [indices[0], noise, codeword, indices[1]]
        self.dim = noise + (classes if code == "one_hot" else codeword)
        if components:
            self.mixture = Mixture(components, noise, SCALES[scale](components, noise, scale_init, scale_signs))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the mixture's means and scales."""
        if self.components:
            self.mixture.initialise(generator)

    def penalty(self) -> Tensor:
        """The mean of (s - 1)^2 over the diagonals s of all scales; 0 without a mixture. DeLiGAN's loss of G has
        a third of it on MNIST, a tenth on points (mnist/dg_mnist.py, Toy/dg_toy.py).
        """
        if not self.components:
            return torch.zeros(())
        return (self.mixture.scale.diagonals() - 1).square().mean()

    def class_code(self, label: Tensor, codeword: Tensor) -> Tensor:
        """Indices [n, 1] and codeword noise [n, codeword] -> the class code [n, dim - noise coordinates]."""
        if self.code == "one_hot":
            exact = functional.one_hot(label[:, 0].long(), self.classes).to(label.dtype)
            return exact + codeword if codeword.shape[1] else exact
        return codeword + (label / (self.classes - 1) if self.code == "scaled" else label)

    def forward(self, z: Tensor) -> Tensor:
        """[n, latent_dim] -> [n, dim]. In evaluation mode ValueError for latents whose indices are none."""
        component, inputs, codeword, label = z.split(self.parts, 1)
        if not self.training:  # in training every step would wait for the device
            check_indices("component", component, self.components)
            check_indices("class", label, self.classes)
        if self.components:
            inputs = self.mixture(inputs, component[:, 0].long())
        if self.code == "none":
            return inputs
        return torch.cat([inputs, self.class_code(label, codeword)], 1)


class MixtureGenerator(nn.Module):
    """A generator whose latents go through `input` first."""

    input: MixtureInput

    def penalty(self) -> Tensor:
        """MixtureInput's, for G's loss."""
        return self.input.penalty()


def check_code(code: str, codeword: int, classes: int) -> None:
    """UserError for a class code there is not, or that does not fit the codeword or the data's classes."""
    if code not in ("none", "raw", "scaled", "one_hot"):
        raise UserError(f"code={code}: the class code is none, raw, scaled or one_hot.")
    if code != "none" and classes < 2:
        raise UserError(f"code={code} tells the class, and the data have {classes or 'no'} classes to tell apart.")
    if codeword < 0 or (code == "none" and codeword):
        raise UserError(f"codeword={codeword} with code={code}: a codeword has 0 or more coordinates, and none has 0.")
    if code in ("raw", "scaled") and not codeword:
        raise UserError(f"code={code} needs a codeword of at least one coordinate to say the class.")
    if code == "one_hot" and codeword not in (0, classes):
        raise UserError(f"codeword={codeword}: a one-hot code of {classes} classes has {classes} coordinates, or 0.")


def check_indices(name: str, indices: Tensor, count: int) -> None:
    """ValueError where `indices` are not among 0, ..., count - 1: the latent's blocks are others, or in other order."""
    if not ((indices == indices.round()) & (indices >= 0) & (indices < count)).all():
        raise ValueError(f"the latent's {name} coordinate must hold an index from 0 to {count - 1}.")
