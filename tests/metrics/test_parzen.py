"""The Parzen window against scikit-learn, closed forms and a double loop."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity

from ganrepro.metrics.parzen import SIGMAS, ParzenLogLikelihood, float64_device, log_densities
from ganrepro.streams import stream


def uniform(*shape: int, purpose: str) -> torch.Tensor:
    return torch.rand(*shape, generator=stream(0, purpose))


def measured(samples, validation, test, **options) -> dict[str, torch.Tensor]:
    metric = ParzenLogLikelihood(**options)
    for role, images in (("samples", samples), ("validation", validation), ("test", test)):
        metric.update(images, role)
    return metric.compute()


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """70 samples, 50 validation and 60 test images, [1, 5, 4], float32."""
    return tuple(uniform(n, 1, 5, 4, purpose=name) for n, name in ((70, "s"), (50, "v"), (60, "t")))


def test_the_default_grid_is_the_authors():
    """gan_dcgan.md 1.7, from parzen_ll.py: ten log-spaced values, to four digits."""
    assert [round(sigma, 4) for sigma in SIGMAS] == [
        0.1, 0.1292, 0.1668, 0.2154, 0.2783, 0.3594, 0.4642, 0.5995, 0.7743, 1.0
    ]  # fmt: skip


@pytest.mark.parametrize("sigma", [0.1, 0.2154, 1.0])
@pytest.mark.parametrize("dim", [3, 784])
def test_agrees_with_scikit_learn(sigma, dim):
    """leaf_size = n makes scikit-learn sum all terms; its tree's bounds break down in high dimensions (its #7492)."""
    centres, queries = uniform(300, dim, purpose="centres"), uniform(40, dim, purpose="queries")
    exact = KernelDensity(bandwidth=sigma, rtol=0, leaf_size=300).fit(centres.double().numpy())
    expected = exact.score_samples(queries.double().numpy())
    ours = log_densities(queries, centres, [sigma], chunk=64)[0].numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


def test_agrees_with_a_double_loop(images):
    samples, _, test = (part.flatten(1).double().tolist() for part in images)
    sigma, dim = 0.3, 20
    for image, ours in zip(test, log_densities(*(images[i].flatten(1) for i in (2, 0)), [sigma])[0], strict=True):
        terms = [
            math.exp(-sum((a - b) ** 2 for a, b in zip(image, centre, strict=True)) / (2 * sigma**2))
            for centre in samples
        ]
        expected = math.log(sum(terms) / len(terms)) - dim * math.log(sigma * math.sqrt(2 * math.pi))
        assert ours.item() == pytest.approx(expected, abs=1e-9)


def test_one_centre_is_a_gaussian():
    """By hand: x = (3, 4) sigma away from the only centre in 2-D is -25 / 2 - log(2 pi sigma^2)."""
    density = log_densities(torch.tensor([[0.8, 1.1]]), torch.tensor([[0.5, 0.7]]), [0.1])
    assert density.item() == pytest.approx(-12.5 - math.log(2 * math.pi * 0.01), abs=1e-5)


def test_many_gaussian_centres_give_the_widened_gaussian():
    """Centres from N(0, s^2 I) smoothed by sigma are N(0, (s^2 + sigma^2) I); its mean log density is closed.

    s = sigma = 0.5, 2-D: variance v = 0.5. For queries from N(0, v I) the mean is -log(2 pi v) - 1. The average of
    n = 4,000 queries has standard error sqrt(1 / n) = 0.016 (|x|^2 / 2v is exponential with variance 1), that of
    the estimate with m = 20,000 centres is smaller; 0.06 is more than 3.5 of them.
    """
    s, sigma, n = 0.5, 0.5, 4000
    v = s**2 + sigma**2
    centres = s * torch.randn(20000, 2, generator=stream(0, "centres"))
    queries = math.sqrt(v) * torch.randn(n, 2, generator=stream(0, "queries"))
    density = log_densities(queries, centres, [sigma])[0]
    assert density.mean().item() == pytest.approx(-math.log(2 * math.pi * v) - 1, abs=0.06)
    closed = -math.log(2 * math.pi * v) - queries.double().square().sum(1) / (2 * v)
    central = queries.square().sum(1) < 4 * v
    assert (density - closed)[central].abs().max() < 0.1


def test_sigma_is_the_best_on_validation(images):
    samples, validation, test = images
    result = measured(*images)
    means = [log_densities(validation.flatten(1), samples.flatten(1), [s])[0].mean().item() for s in SIGMAS]
    best = int(np.argmax(means))
    assert 0 < best < 9
    assert result["sigma"].item() == SIGMAS[best]
    assert result["validation_log_likelihood"].item() == pytest.approx(means[best], abs=1e-9)
    np.testing.assert_allclose(result["validation_by_sigma"], means, atol=1e-9)
    scored = log_densities(test.flatten(1), samples.flatten(1), [SIGMAS[best]])[0]
    np.testing.assert_allclose(result["test_by_image"], scored, atol=1e-12)
    assert result["log_likelihood"].item() == pytest.approx(scored.mean().item(), abs=1e-9)
    assert result["standard_error"].item() == pytest.approx(np.std(scored.numpy()) / math.sqrt(60), abs=1e-9)
    assert all(result[key].dtype == torch.float64 for key in ("log_likelihood", "standard_error", "test_by_image"))


def test_sigma_sees_the_first_validation_images_only(images):
    samples, validation, test = images
    elsewhere = torch.cat([validation, validation + 7.0])  # far away: all of them would want the largest sigma
    first = measured(samples, elsewhere, test, sigma_images=50)
    assert torch.equal(first["validation_by_sigma"], measured(*images)["validation_by_sigma"])
    assert measured(samples, elsewhere, test, sigma_images=100)["sigma"] == 1.0


def test_it_says_how_many_images_it_had(images):
    few = measured(*images)
    assert [int(few[key]) for key in ("samples", "validation_images", "test_images")] == [70, 50, 60]
    assert int(measured(*images, sigma_images=30)["validation_images"]) == 30


@pytest.mark.parametrize("chunk", [1, 7, 60])
def test_chunks_change_nothing(images, chunk):
    whole, chunked = measured(*images), measured(*images, chunk=chunk)
    for key, value in whole.items():
        torch.testing.assert_close(chunked[key], value, rtol=0, atol=1e-10)


def test_neither_autocast_nor_matmul_precision_reach_it(images):
    expected = measured(*images)["test_by_image"]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(measured(*images)["test_by_image"], expected)
    finally:
        torch.set_float32_matmul_precision(before)


def test_updates_in_parts_reset_and_merge(images):
    samples, validation, test = images
    expected = measured(*images)
    parts = ParzenLogLikelihood()
    for part in test.split(25):
        parts.update(part, "test")
    other = ParzenLogLikelihood()
    other.update(samples, "samples")
    other.update(validation, "validation")
    parts.merge_state(other)
    for key, value in expected.items():
        assert torch.equal(parts.compute()[key], value), key
    parts.reset()
    for role, flipped in (("samples", test), ("validation", validation), ("test", samples)):
        parts.update(flipped, role)
    assert torch.equal(parts.compute()["log_likelihood"], measured(test, validation, samples)["log_likelihood"])


def test_several_tensors_of_a_rank_are_joined(images):
    """After ranks are gathered torchmetrics leaves one tensor where there was a list."""
    metric = ParzenLogLikelihood()
    for role, part in zip(("samples", "validation", "test"), images, strict=True):
        setattr(metric, role, part.flatten(1))
    metric._update_count = 1
    assert torch.equal(metric.compute()["test_by_image"], measured(*images)["test_by_image"])


def test_refuses_what_it_cannot_score(images):
    samples, validation, test = images
    metric = ParzenLogLikelihood()
    metric.update(samples, "samples")
    with pytest.raises(ValueError, match="no validation images"):
        metric.compute()
    metric.update(validation, "validation")
    metric.update(test[:0], "test")
    with pytest.raises(ValueError, match="no test images"):
        metric.compute()
    with pytest.raises(ValueError, match="test has 10 values an image, samples has 20"):
        metric.update(test.flatten(1)[:, :10], "test")
    with pytest.raises(ValueError, match="role must be one of samples, validation, test, not 'train'"):
        metric.update(test, "train")
    with pytest.raises(ValueError, match=r"floating point \[n, ...\], got torch.uint8"):
        metric.update(test.to(torch.uint8), "test")
    with pytest.raises(ValueError, match="sigmas must be positive"):
        ParzenLogLikelihood(sigmas=[0.1, 0.0])
    with pytest.raises(ValueError, match="at least 1, got 0 and 1000"):
        ParzenLogLikelihood(sigma_images=0)


def test_devices_without_float64_fall_back_to_the_cpu():
    assert float64_device(torch.device("mps")) == torch.device("cpu")
    assert float64_device(torch.device("cuda", 1)) == torch.device("cuda", 1)
