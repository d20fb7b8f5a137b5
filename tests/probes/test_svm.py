"""The SVM against scikit-learn's, the choice of C, and the draws of few labels, on planted features."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC

from ganrepro.errors import UserError
from ganrepro.probes import svm
from ganrepro.probes.svm import GRID, Part, all_labels, choose_c, drawn, few_labels
from ganrepro.streams import stream


def part(features: np.ndarray, labels: np.ndarray) -> Part:
    return Part(features.astype(np.float32), labels.astype(np.int64))


def digits() -> tuple[Part, Part, Part]:
    """scikit-learn's digits, 64 features each, in [0, 1]."""
    images, labels = load_digits(return_X_y=True)
    return tuple(part(images[a:b] / 16, labels[a:b]) for a, b in ((0, 900), (900, 1300), (1300, 1797)))


def wide(n: int, dims: int = 300, classes: int = 3) -> Part:
    """Images with more features than images, of which some are equal to others, and a common mean of some size."""
    rng = np.random.default_rng(n)
    labels = rng.integers(classes, size=n)
    features = 3 + rng.normal(size=(n, dims)) + np.eye(dims)[labels] * 4
    features[5:15], labels[5:15] = features[:10], labels[:10]
    return part(features, labels)


@pytest.mark.parametrize("classes", [2, 3])
def test_fewer_images_than_features_and_the_same_machine(classes: int) -> None:
    train, held = wide(60, classes=classes), wide(400, classes=classes)
    found, unconverged = svm.accuracies(train, [held], 7, (1e-5, 1e-2))
    for at, c in enumerate((1e-5, 1e-2)):
        machine = LinearSVC(C=c, dual=True, random_state=7).fit(train.features, train.labels)
        assert found[at, 0] == machine.score(held.features, held.labels)
    assert unconverged == 0
    assert found[1, 0] > 1 / classes + 0.1


def test_the_weights_are_liblinears_own() -> None:
    train = wide(60)
    rows = svm.coordinates(train.features)
    assert np.array_equal(rows, np.tril(rows))
    machine = LinearSVC(C=1e-3, dual=True, random_state=7).fit(rows, train.labels)
    direct = LinearSVC(C=1e-3, dual=True, random_state=7).fit(train.features.astype(np.float64), train.labels)
    weights = np.linalg.solve(rows.T, machine.coef_.T).T @ train.features
    np.testing.assert_allclose(weights, direct.coef_, atol=1e-5 * np.abs(direct.coef_).max())
    np.testing.assert_allclose(machine.intercept_, direct.intercept_, rtol=1e-4)
    assert machine.n_iter_ == direct.n_iter_


def test_features_that_are_all_zero_are_no_failure() -> None:
    empty = part(np.zeros((6, 10)), np.array([0, 0, 0, 0, 1, 1]))
    assert svm.accuracies(empty, [empty], 0, (1e-2,))[0][0, 0] == pytest.approx(4 / 6)


def test_the_choice_of_c() -> None:
    assert choose_c(np.array([0.1, 0.4, 0.5, 0.5, 0.4, 0.3, 0.2])) == (5e-4, False)  # the first of equals
    assert choose_c(np.array([0.6, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])) == (1e-4, True)
    assert choose_c(np.array([0.2, 0.6]), (1.0, 10.0)) == (10.0, True)


def test_all_labels_on_digits() -> None:
    train, validation, test = digits()
    scores = all_labels(train, validation, test, seed=3)
    machines = [LinearSVC(C=c, dual=True, random_state=3).fit(train.features, train.labels) for c in GRID]
    expected = [machine.score(validation.features, validation.labels) for machine in machines]
    np.testing.assert_allclose(scores.validation, expected, atol=1e-12)
    best = int(np.argmax(expected))
    assert (scores.c, scores.edge) == (GRID[best], best in (0, 6))
    assert scores.accuracy == machines[best].score(test.features, test.labels)
    assert scores.accuracy > 0.85
    assert (scores.spread, scores.unconverged) == (0, 0)


def test_validation_images_choose_and_test_images_do_not() -> None:
    """A loud feature that misleads and a quiet one that tells: only the largest C hears the quiet one."""
    labels = np.arange(400) % 2
    loud = np.where(np.arange(400) % 20 < 14, labels, 1 - labels) * 2.0 - 1
    heard = part(np.stack([loud, 0.1 * (2 * labels - 1)], 1), labels)
    deaf = part(np.stack([loud, 0 * loud], 1), labels)
    weak, strong = 1e-4, 100.0
    chosen = all_labels(heard, heard, deaf, 0, (weak, strong))
    assert (chosen.c, chosen.validation.tolist()) == (strong, [0.7, 1.0])
    misled = all_labels(heard, deaf, heard, 0, (weak, strong))
    assert misled.c == weak
    assert misled.accuracy == 0.7


def test_draws_have_every_class_alike() -> None:
    labels = np.repeat([4, 1, 9], [50, 8, 30])
    generator = stream(0, "draws")
    first, second = drawn(labels, 8, generator), drawn(labels, 8, generator)
    assert np.unique(labels[first], return_counts=True)[1].tolist() == [8, 8, 8]
    assert len(np.unique(first)) == 24
    assert set(first) != set(second)
    with pytest.raises(UserError, match=r"8 training images, fewer than .*per_class=9"):
        drawn(labels, 9, generator)


def test_few_labels_of_features_that_tell_all_and_nothing() -> None:
    labels = np.arange(300) % 10
    telling = part(np.eye(10)[labels], labels)
    scores = few_labels(telling, telling, telling, 3, 2, 4, stream(0, "few"))
    assert (scores.accuracy, scores.spread, scores.test.tolist()) == (1, 0, [1.0] * 4)
    assert scores.validation.tolist() == [1.0] * 7
    assert (scores.c, scores.edge) == (GRID[0], True)
    silent = part(np.random.default_rng(0).normal(size=(300, 20)), labels)
    rest = silent._replace(features=silent.features[::-1].copy())
    assert few_labels(silent, rest, rest, 3, 2, 4, stream(0, "few")).accuracy == pytest.approx(0.1, abs=0.05)


def test_few_labels_on_digits() -> None:
    train, validation, test = digits()
    scores = few_labels(train, validation, test, 10, 3, 5, stream(0, "few"))
    assert 0.7 < scores.accuracy < all_labels(train, validation, test, 0).accuracy
    assert scores.accuracy == np.mean(scores.test)
    assert scores.spread == pytest.approx(1.96 * np.sqrt(np.mean((scores.test - np.mean(scores.test)) ** 2)))
    assert 0 < scores.spread < 0.15
    assert scores.validation[GRID.index(scores.c)] == scores.validation.max()
    again = few_labels(train, validation, test, 10, 3, 5, stream(0, "few"))
    assert np.array_equal(again.test, scores.test)
    assert not torch.equal(torch.tensor(scores.test), torch.tensor(scores.test[:1]).expand(5))


def test_fits_that_stop_short_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "PASSES", 2)
    train, validation, test = digits()
    assert all_labels(train, validation, test, 0).unconverged == len(GRID)
    assert few_labels(train, validation, test, 5, 2, 3, stream(0, "few")).unconverged == 2 * len(GRID) + 3
