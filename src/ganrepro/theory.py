"""What the papers prove, on discrete toys with the losses that the networks are trained with.

A toy is a pair of distributions p (data) and q (generator) over a few symbols, with rational weights: n atoms are
spread over the symbols, so that the mean over atoms is the exact expectation and the loss can be called as it is. D is
a table with one logit a symbol, trained to its optimum.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganrepro.errors import UserError
from ganrepro.evaluation.base import Evaluated, Streams
from ganrepro.losses import LeastSquares


@dataclass(frozen=True)
class Toy:
    """p, q: int64 [symbols], how many of the atoms lie on each symbol; at least one each."""

    p: Tensor
    q: Tensor

    @property
    def densities(self) -> tuple[Tensor, Tensor]:
        """float64 [symbols] each, adding up to 1."""
        return self.p.double() / self.p.sum(), self.q.double() / self.q.sum()


def optimal_discriminator(toy: Toy, loss: Any, updates: int, generator: torch.Generator) -> tuple[Tensor, float]:
    """(D's logits [symbols], its loss there), float64, after at most `updates` iterations of L-BFGS from N(0, 1)."""
    logits = torch.randn(len(toy.p), dtype=torch.float64, generator=generator).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=updates, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss.discriminator(logits.repeat_interleave(toy.p), logits.repeat_interleave(toy.q))
        value.backward()
        return value

    optimizer.step(closure)
    return logits.detach(), closure().item()


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """JSD(p || q) in nats of two positive densities."""
    middle = (p + q) / 2
    return (((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2).item()


def random_toy(symbols: int, atoms: int, generator: torch.Generator) -> Toy:
    """Each symbol gets one atom of p and of q, the rest fall at random."""

    def counts() -> Tensor:
        extra = torch.randint(symbols, (atoms - symbols,), generator=generator)
        return torch.bincount(extra, minlength=symbols) + 1

    return Toy(counts(), counts())


class Toys:
    """Random toys, and at the end one with p = q."""

    def __init__(self, loss: Any, toys: int = 20, symbols: int = 8, atoms: int = 64) -> None:
        """atoms: the weights' common denominator. Raises UserError for fewer atoms than symbols, or no toy."""
        if toys < 1 or symbols < 2 or atoms < symbols:
            raise UserError(f"model: {toys} toys of {symbols} symbols with {atoms} atoms cannot be.")
        if loss.critic_output != "logit":
            raise UserError(f"{type(loss).__name__} is not a loss of logits, to which these closed forms belong.")
        self.loss, self.toys, self.symbols, self.atoms = loss, toys, symbols, atoms

    def draw(self, generator: torch.Generator) -> list[Toy]:
        """`toys` random ones, then the first one's p against itself."""
        toys = [random_toy(self.symbols, self.atoms, generator) for _ in range(self.toys)]
        return [*toys, Toy(toys[0].p, toys[0].p)]


def as_arrays(**columns: list[float] | Tensor) -> dict[str, dict[str, Any]]:
    """theory.npz: float64 arrays."""
    return {"theory": {name: torch.as_tensor(column, dtype=torch.float64).numpy() for name, column in columns.items()}}


class DiscreteToys(Toys):
    """Trains D on random toys, and on one with p = q, and measures how far it ends from the 2014 paper's closed forms.

    opt_d_error: max |D - p / (p + q)| over all symbols (Proposition 1). value_error: max |V - (-log 4 + 2 JSD)| over
    all toys, the one with p = q included, where V should be -log 4 (Theorem 1). minimum_error and half_error: that
    toy's |V + log 4| and max |D - 1/2|. V is minus D's loss.
    """

    monitor = "value_error"
    mode = "min"

    def __call__(self, streams: Streams, updates: int) -> Evaluated:
        """The four errors, and theory.npz with each symbol's d and d_formula and each toy's value and jsd."""
        generator = streams("toys")
        learned, formula, values, divergences = [], [], [], []
        for toy in self.draw(generator):
            logits, loss = optimal_discriminator(toy, self.loss, updates, generator)
            p, q = toy.densities
            learned.append(logits.sigmoid())
            formula.append(p / (p + q))
            values.append(-loss)
            divergences.append(jensen_shannon(p, q))
        errors = [abs(value - (2 * jsd - math.log(4))) for value, jsd in zip(values, divergences, strict=True)]
        d, d_formula = torch.cat(learned), torch.cat(formula)
        metrics = {
            "opt_d_error": (d - d_formula).abs().max().item(),
            "value_error": max(errors),
            "minimum_error": abs(values[-1] + math.log(4)),
            "half_error": (learned[-1] - 0.5).abs().max().item(),
        }
        return Evaluated(metrics, as_arrays(d=d, d_formula=d_formula, value=values, jsd=divergences))


def pearson(p: Tensor, q: Tensor) -> float:
    """Pearson's chi-square of p + q against 2q, sum of (2q - (p + q))^2 / (p + q), of two positive densities."""
    return ((2 * q - (p + q)).square() / (p + q)).sum().item()


class LeastSquaresToys(Toys):
    """The closed forms of Mao et al. 2017, section 3.3, at the D that each toy's least squares lead to.

    G's criterion there is C = 1/2 E_p (D - c)^2 + 1/2 E_q (D - c)^2, whose first term, of real images, G cannot change
    while D stands still. Two codings of the labels are trained on every toy: (a, b, c) = (-1, 1, 0), which meets the
    paper's conditions b - c = 1 and b - a = 2, and the study's own.

    opt_d_error: max |D - (b p + a q) / (p + q)| over symbols, toys and both codings.
    chi2_error: max |C - chi^2(p + q || 2q) / 2| over the toys, for -1, 1, 0.
    criterion_error: max |C - (m^2 + h^2 chi^2 / 2)| over the toys for the study's coding, with m = (a + b) / 2 - c and
        h = (b - a) / 2. That is what C becomes with the optimal D put in, whatever the labels are: the conditions make
        m = 0 and h = 1; (0, 1, 1) breaks both, and C = 1/2 sum of q^2 / (p + q) = 1/4 + chi^2 / 8 has the same minimum.
    """

    monitor = "chi2_error"
    mode = "min"

    def __init__(self, loss: Any, toys: int = 20, symbols: int = 8, atoms: int = 64) -> None:
        """As Toys; raises UserError for a loss other than the mean of least squares."""
        super().__init__(loss, toys, symbols, atoms)
        if not isinstance(loss, LeastSquares) or loss.reduction != "mean":
            raise UserError("lsgan_theory has the closed forms of least squares: choose loss=lsgan, reduction=mean.")

    def __call__(self, streams: Streams, updates: int) -> Evaluated:
        """The three errors, and theory.npz with, of the study's coding, each symbol's d and d_formula and each toy's
        criterion and chi2.
        """
        generator = streams("toys")
        toys = self.draw(generator)
        d, d_formula, criteria = self.optimum(self.loss, toys, updates, generator)
        met = LeastSquares(-1.0, 1.0, 0.0)
        d_met, d_met_formula, halves = self.optimum(met, toys, updates, generator)
        divergences = torch.tensor([pearson(*toy.densities) for toy in toys], dtype=torch.float64)
        middle = (self.loss.fake + self.loss.real) / 2 - self.loss.target
        half = (self.loss.real - self.loss.fake) / 2
        metrics = {
            "opt_d_error": max((d - d_formula).abs().max().item(), (d_met - d_met_formula).abs().max().item()),
            "chi2_error": (halves - divergences / 2).abs().max().item(),
            "criterion_error": (criteria - (middle**2 + half**2 * divergences / 2)).abs().max().item(),
        }
        return Evaluated(metrics, as_arrays(d=d, d_formula=d_formula, criterion=criteria, chi2=divergences))

    def optimum(
        self, loss: LeastSquares, toys: list[Toy], updates: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(D as trained [all symbols], the formula's, G's criterion at the trained one [toys]), float64."""
        learned, formula, criteria = [], [], []
        for toy in toys:
            outputs, _ = optimal_discriminator(toy, loss, updates, generator)
            p, q = toy.densities
            learned.append(outputs)
            formula.append((loss.real * p + loss.fake * q) / (p + q))
            on_both = (loss.generator(outputs.repeat_interleave(atoms)) for atoms in (toy.p, toy.q))
            criteria.append(sum(on_both, torch.zeros(())))
        return torch.cat(learned), torch.cat(formula), torch.stack(criteria)
