"""The regularised linear L2-SVM that judges features, with all labels and with few (Radford et al. 2016, section 5)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import solve_triangular
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from ganrepro.errors import UserError

GRID = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)  # of C, in dcgan_code svhn/svhn_semisup_analysis.py
PASSES = 1000  # over the images, at most: the default of the authors and of scikit-learn
DEVIATIONS = 1.96  # of which ± consists in that file
ROUNDING = 1e-7  # of a float32
COLUMNS = 4096  # features whose products are summed at once, for memory only


class Part(NamedTuple):
    """Images as a classifier sees them."""

    features: np.ndarray  # float32 [n, dims]
    labels: np.ndarray  # int64 [n]


@dataclass(frozen=True)
class Scores:
    """What SVMs on features reach.

    c: the chosen one. edge: whether it is the grid's first or last. validation: the mean accuracy on validation images
    for every C of the grid, [len(grid)]. test: accuracies on test images with the chosen one, one a draw of labels.
    unconverged: how many fits, among all that were made, ended before liblinear's tolerance was reached.
    """

    c: float
    edge: bool
    validation: np.ndarray
    test: np.ndarray
    unconverged: int

    @property
    def accuracy(self) -> float:
        """The mean over draws."""
        return float(self.test.mean())

    @property
    def spread(self) -> float:
        """1.96 standard deviations over draws, what the authors print behind ±; 0 for a single one."""
        return float(DEVIATIONS * self.test.std())


def choose_c(validation: np.ndarray, grid: Sequence[float] = GRID) -> tuple[float, bool]:
    """The C of the highest accuracy in `validation` [len(grid)], the first of equals; and whether it is at an edge."""
    at = int(validation.argmax())
    return grid[at], at in (0, len(grid) - 1)


def all_labels(train: Part, validation: Part, test: Part, seed: int, grid: Sequence[float] = GRID) -> Scores:
    """One SVM on all training images, with the C that validation images choose. They are not trained on afterwards.

    seed: of liblinear's order of images, below 2^32.
    """
    found, unconverged = accuracies(train, [validation, test], seed, grid)
    c, edge = choose_c(found[:, 0], grid)
    return Scores(c, edge, found[:, 0], found[[grid.index(c)], 1], unconverged)


def few_labels(
    train: Part,
    validation: Part,
    test: Part,
    per_class: int,
    tuning_draws: int,
    draws: int,
    generator: torch.Generator,
    grid: Sequence[float] = GRID,
) -> Scores:
    """SVMs on `per_class` labels of each class, drawn anew each time.

    C is that of the highest mean accuracy on validation images over `tuning_draws` draws, the same ones for each C;
    test images are judged after `draws` others. generator: on the CPU. Raises UserError as `drawn` does.
    """

    def tried(held: Part, c: Sequence[float]) -> tuple[np.ndarray, int]:
        chosen = drawn(train.labels, per_class, generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        return accuracies(Part(train.features[chosen], train.labels[chosen]), [held], seed, c)

    tuning, unconverged = zip(*(tried(validation, grid) for _ in range(tuning_draws)), strict=True)
    mean = np.mean(tuning, axis=0)[:, 0]
    c, edge = choose_c(mean, grid)
    final, further = zip(*(tried(test, [c]) for _ in range(draws)), strict=True)
    return Scores(c, edge, mean, np.concatenate(final)[:, 0], sum(unconverged) + sum(further))


def drawn(labels: np.ndarray, per_class: int, generator: torch.Generator) -> np.ndarray:
    """`per_class` different images of each class among labels [n], at random: int64 [classes * per_class].

    Raises UserError for a class that has fewer.
    """
    places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if (fewest := min(map(len, places))) < per_class:
        raise UserError(
            f"A class has {fewest} training images, fewer than evaluation.per_class={per_class}: lower it, "
            "or raise evaluation.train_images."
        )
    return np.concatenate([of[torch.randperm(len(of), generator=generator)[:per_class].numpy()] for of in places])


def accuracies(train: Part, held: Sequence[Part], seed: int, grid: Sequence[float]) -> tuple[np.ndarray, int]:
    """The share of images in each held-out part that are classified rightly, for every C: float64
    [len(grid), len(held)]; and the number of fits that did not converge.

    scikit-learn's LinearSVC with the defaults of the authors' time: squared hinge, one class against the rest, the
    dual problem, the intercept regularised like a weight, features as they come. It needs 28 bytes a feature and image.
    """
    few = len(train.features) < train.features.shape[1]
    rows = coordinates(train.features) if few else train.features.astype(np.float64)
    found, unconverged = [], 0
    for c in grid:
        machine = LinearSVC(C=c, dual=True, max_iter=PASSES, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is counted instead
            machine.fit(rows, train.labels)
        unconverged += int(machine.n_iter_ >= PASSES)
        weights = machine.coef_
        if few:
            weights = solve_triangular(rows, weights.T, trans="T", lower=True).T @ train.features
        found.append([accuracy(part, weights, machine.intercept_, machine.classes_) for part in held])
    return np.array(found), unconverged


def coordinates(features: np.ndarray) -> np.ndarray:
    """n images with more features than images, in n coordinates: float64 [n, n], lower triangular.

    The dual problem knows the images by their products alone, and those of the rows are the images' own: the Cholesky
    factor of X X^T. liblinear goes the same way to the same weights (w = X^T L^-T v) on a fraction of the numbers.
    Each squared norm is enlarged by the rounding of a float32, so that equal images leave the products definite.
    """
    products = torch.zeros(len(features), len(features), dtype=torch.float64)
    for columns in torch.from_numpy(features).split(COLUMNS, dim=1):
        products.addmm_(columns.double(), columns.double().T)
    squares = products.diagonal()
    squares.add_(ROUNDING * (squares.mean().item() or 1.0))
    return torch.linalg.cholesky(products).numpy()


def accuracy(part: Part, weights: np.ndarray, intercept: np.ndarray, classes: np.ndarray) -> float:
    """The share of images that weights [classes, dims], or [1, dims] for two classes, give their own label."""
    scores = part.features @ weights.astype(np.float32).T + intercept
    best = scores.argmax(1) if len(classes) > 2 else (scores[:, 0] > 0).astype(np.int64)
    return float((classes[best] == part.labels).mean())
