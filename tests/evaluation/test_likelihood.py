"""The 2014 paper's evaluation, on generators whose behaviour is planted."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData, Images
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, LikelihoodEvaluation
from ganrepro.evaluation.likelihood import spread
from ganrepro.metrics.parzen import ParzenLogLikelihood
from ganrepro.streams import stream

EVERY_TIME = {
    "parzen/test",
    "parzen/test_se",
    "parzen/validation",
    "parzen/sigma",
    "parzen/samples",
    "parzen/validation_images",
    "parzen/test_images",
    "sample_std",
}
FINAL = EVERY_TIME | {"copies", "nearest/samples", "nearest/heldout", "autocorrelation"}
RECOGNISED = {"recognised/random", "recognised/lines", "recognised/heldout"}
SMALL = {"samples": 120, "lines": 12, "probe_images": 100}


def streams(*purpose: str) -> torch.Generator:
    return stream(0, "evaluation", *purpose)


def latent(n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(n, 64, generator=generator)


def pixels_from_z(z: torch.Tensor) -> torch.Tensor:
    """A generator whose image is its latent."""
    return z.view(-1, 1, 8, 8)


def evaluated(generate=pixels_from_z, data: ImageData | None = None, final=True, latent=latent, **options) -> Evaluated:
    data = data or Digits()
    gan = SimpleNamespace(images=generate, latent=SimpleNamespace(sample=latent))
    return LikelihoodEvaluation(**{**SMALL, **options})(gan, data, streams, final)


def reciting(images: torch.Tensor):
    """A generator that ignores z and gives `images` in order, from the start in every fresh evaluation."""
    given = iter(images.repeat(40, 1, 1, 1).split(1))
    return lambda z: torch.cat([next(given) for _ in z])


def unlabelled(data: ImageData) -> ImageData:
    splits = [
        Images(part.pixels, torch.full_like(part.labels, -1)) for part in (data.train, data.validation, data.test)
    ]
    return ImageData("unlabelled", *splits)


def test_names_and_types():
    small = evaluated(final=False)
    assert set(small.metrics) == EVERY_TIME
    assert small.arrays == {}
    whole = evaluated()
    assert set(whole.metrics) == FINAL | RECOGNISED
    assert all(type(value) is float and math.isfinite(value) for value in whole.metrics.values())
    assert whole.metrics.items() >= small.metrics.items()
    assert set(evaluated(data=unlabelled(Digits())).metrics) == FINAL


def test_arrays_are_those_of_a_run_folder():
    arrays = evaluated().arrays
    shapes = {name: {key: (str(a.dtype), a.shape) for key, a in held.items()} for name, held in arrays.items()}
    assert shapes == {
        "samples": {"samples": ("uint8", (64, 1, 8, 8))},
        "nearest": {
            "samples": ("uint8", (20, 1, 8, 8)),
            "neighbours": ("uint8", (4, 1, 8, 8)),
            "distances": ("float32", (4,)),
        },
        "lines": {"images": ("uint8", (10, 10, 1, 8, 8))},
        "parzen": {"sigmas": ("float64", (10,)), "validation": ("float64", (10,)), "test": ("float64", (300,))},
    }


def test_the_likelihood_is_that_of_the_metric():
    data, metric = Digits(), ParzenLogLikelihood()
    metric.update(latent(120, streams("samples")), "samples")
    metric.update(data.validation.pixels / 255, "validation")
    metric.update(data.test.pixels / 255, "test")
    expected, ours = metric.compute(), evaluated()
    assert ours.metrics["parzen/test"] == pytest.approx(expected["log_likelihood"].item(), abs=1e-9)
    assert ours.metrics["parzen/test_se"] == pytest.approx(expected["standard_error"].item(), abs=1e-9)
    assert ours.metrics["parzen/validation"] == pytest.approx(expected["validation_log_likelihood"].item(), abs=1e-9)
    assert ours.metrics["parzen/sigma"] == expected["sigma"].item()
    counts = [ours.metrics[f"parzen/{name}"] for name in ("samples", "validation_images", "test_images")]
    assert counts == [120, 300, 300]
    assert ours.arrays["parzen"]["test"].mean() == pytest.approx(ours.metrics["parzen/test"])
    assert ours.arrays["parzen"]["validation"].max() == ours.metrics["parzen/validation"]


def test_options_reach_the_likelihood():
    metrics = evaluated(final=False, sigma_images=40, test_images=50, sigmas=[0.3, 0.3, 1], samples=64).metrics
    assert metrics["parzen/sigma"] == pytest.approx(0.3)
    assert [metrics[f"parzen/{name}"] for name in ("samples", "validation_images", "test_images")] == [64, 40, 50]
    assert evaluated(sigmas=[0.2, 0.8, 3]).arrays["parzen"]["sigmas"] == pytest.approx([0.2, 0.4, 0.8])
    assert evaluated(sigmas=[0.3, 0.3, 1]).arrays["parzen"]["validation"].shape == (1,)


def test_both_value_ranges_give_the_same_numbers():
    """Networks of range (-1, 1) are measured in [0, 1] too."""
    expected = evaluated()
    other = evaluated(lambda z: pixels_from_z(z) * 2 - 1, Digits(value_range=[-1.0, 1.0]))
    assert other.metrics == pytest.approx(expected.metrics, abs=1e-4)
    assert np.abs(other.arrays["lines"]["images"].astype(int) - expected.arrays["lines"]["images"]).max() <= 1


def test_repeatable_harmless_and_without_gradients():
    before = torch.get_rng_state()
    weight = torch.ones((), requires_grad=True)
    first, second = evaluated(lambda z: pixels_from_z(z) * weight), evaluated(batch=7)
    assert first.metrics == second.metrics
    for name, held in first.arrays.items():
        for key, array in held.items():
            assert np.array_equal(array, second.arrays[name][key])
    assert torch.equal(torch.get_rng_state(), before)
    assert weight.grad is None


def test_batches_are_no_larger_than_said():
    sizes = []
    evaluated(lambda z: sizes.append(len(z)) or pixels_from_z(z), batch=50)
    assert max(sizes) == 50
    assert sum(sizes) == 120 + 12 * 10


def test_a_generator_that_recites_is_caught():
    data = Digits()
    train = data.train.pixels / 255
    result = evaluated(reciting(train), data)
    assert result.metrics["copies"] == 1.0
    assert result.metrics["nearest/samples"] == 0.0
    assert np.array_equal(result.arrays["nearest"]["samples"], data.train.pixels[:20].numpy())
    assert np.array_equal(result.arrays["nearest"]["neighbours"], data.train.pixels[4:20:5].numpy())
    assert not result.arrays["nearest"]["distances"].any()


def test_a_generator_like_the_data_is_not():
    data = Digits()
    metrics = evaluated(reciting(data.test.pixels / 255), data, samples=300, probe_images=300).metrics
    assert metrics["copies"] == pytest.approx(0.01, abs=1e-6)
    assert metrics["nearest/samples"] == pytest.approx(metrics["nearest/heldout"])
    assert metrics["recognised/random"] == pytest.approx(metrics["recognised/heldout"])
    assert metrics["recognised/heldout"] > 0.85
    assert metrics["sample_std"] == pytest.approx((data.test.pixels / 255.0).double().std(0, correction=0).mean())


def test_noise_is_not_recognised():
    metrics = evaluated().metrics
    assert metrics["recognised/random"] == metrics["recognised/lines"] == 0.0
    assert abs(metrics["autocorrelation"]) < 0.1


def test_recognised_on_lines_looks_at_inner_points_only():
    """Three-point lines whose ends are noise and whose middles are digits: all of what is recognised is between."""
    data = Digits()
    digit = data.train.pixels[:1] / 255
    noise = torch.rand(1, 1, 8, 8, generator=stream(0, "noise"))

    def generate(z: torch.Tensor) -> torch.Tensor:
        whole = (z == z.round()).all(1)[:, None, None, None]
        return torch.where(whole, noise, digit)

    def corners(n: int, generator: torch.Generator) -> torch.Tensor:
        return torch.arange(n)[:, None].remainder(2).float().expand(n, 4)

    metrics = evaluated(generate, data, latent=corners, line_steps=3).metrics
    assert (metrics["recognised/random"], metrics["recognised/lines"]) == (0.0, 1.0)


def test_lines_start_and_end_at_random_latents():
    ends = (latent(13, streams("lines")).view(13, 1, 8, 8) * 255).round().to(torch.uint8).numpy()
    images = evaluated().arrays["lines"]["images"]
    assert np.array_equal(images[:, 0], ends[:10])
    assert np.array_equal(images[:, -1], ends[1:11])


def test_spread_covers_both_ends():
    assert spread(torch.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert spread(torch.arange(10), 10).tolist() == list(range(10))
    assert spread(torch.arange(3), 10).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("samples", 19),
        ("sigma_images", 0),
        ("test_images", 0),
        ("batch", 0),
        ("lines", 0),
        ("line_steps", 2),
        ("probe_images", 5),
        ("sigmas", [0.1, 0.2]),
        ("sigmas", [0.0, 1.0, 10]),
        ("sigmas", [1.0, 0.1, 10]),
        ("sigmas", [0.1, 1.0, 2.5]),
    ],
)
def test_impossible_options_are_refused(option, value):
    with pytest.raises(UserError, match=rf"^evaluation\.{option} is .*; it must be [^\n]*$"):
        LikelihoodEvaluation(**{option: value})
