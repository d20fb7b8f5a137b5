"""The propositions of the 2014 paper on discrete toys, with the losses that the networks are trained with.

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


class DiscreteToys:
    """Trains D on random toys, and on one with p = q, and measures how far it ends from the closed forms.

    opt_d_error: max |D - p / (p + q)| over all symbols (Proposition 1). value_error: max |V - (-log 4 + 2 JSD)| over
    all toys, the one with p = q included, where V should be -log 4 (Theorem 1). minimum_error and half_error: that
    toy's |V + log 4| and max |D - 1/2|. V is minus D's loss.
    """

    monitor = "value_error"
    mode = "min"

    def __init__(self, loss: Any, toys: int = 20, symbols: int = 8, atoms: int = 64) -> None:
        """atoms: the weights' common denominator. Raises UserError for fewer atoms than symbols, or no toy."""
        if toys < 1 or symbols < 2 or atoms < symbols:
            raise UserError(f"model: {toys} toys of {symbols} symbols with {atoms} atoms cannot be.")
        if loss.critic_output != "logit":
            raise UserError(f"{type(loss).__name__} is not a loss of logits, to which these closed forms belong.")
        self.loss, self.toys, self.symbols, self.atoms = loss, toys, symbols, atoms

    def __call__(self, streams: Streams, updates: int) -> Evaluated:
        """The four errors, and theory.npz with each symbol's d and d_formula and each toy's value and jsd."""
        generator = streams("toys")
        toys = [random_toy(self.symbols, self.atoms, generator) for _ in range(self.toys)]
        toys.append(Toy(toys[0].p, toys[0].p))
        learned, formula, values, divergences = [], [], [], []
        for toy in toys:
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
        arrays = {"d": d, "d_formula": d_formula, "value": torch.tensor(values, dtype=torch.float64)}
        arrays["jsd"] = torch.tensor(divergences, dtype=torch.float64)
        return Evaluated(metrics, {"theory": {name: array.double().numpy() for name, array in arrays.items()}})
