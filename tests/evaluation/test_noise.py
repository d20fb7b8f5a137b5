"""NoiseEvaluation: the ring's measures, and what reaches G's first layer before and after training."""

from types import SimpleNamespace

import pytest
import torch

from ganrepro.data.points import Blobs
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated, NoiseEvaluation
from ganrepro.latents import Component, Latent, StudentT
from ganrepro.networks.deligan import ToyGenerator
from ganrepro.networks.layers import initialised
from ganrepro.streams import stream


def generator(components: int) -> ToyGenerator:
    def make() -> ToyGenerator:
        return ToyGenerator(2 + (components > 0), (2,), components, "diagonal", 0.5, [4])

    return initialised(make, 0, "generator")  # type: ignore[return-value]


def measured(components: int, df: float, updates: int, final: bool) -> tuple[ToyGenerator, Evaluated]:
    g = generator(components)
    blocks = {"component": Component(components, "stratified")} if components else {}
    gan = SimpleNamespace(
        latent=Latent(**blocks, noise=StudentT(2, df)), images=g, players={"generator": g}, dtype=torch.float32,
        generator_updates=updates,
    )  # fmt: skip
    evaluation = NoiseEvaluation(samples=4000, w1_points=100, moments=[0])
    return g, evaluation(gan, Blobs(2), lambda *purpose: stream(0, "evaluation", *purpose), final)


def test_the_noise_is_the_mixture_s() -> None:
    g, found = measured(components=3, df=float("inf"), updates=0, final=False)
    arrays = found.arrays["ring"]
    assert arrays["noise"].shape == (2000, 2)
    means = torch.from_numpy(arrays["mixture_means"])
    assert torch.equal(means, g.input.mixture.means.detach())
    assert arrays["mixture_scales"].shape == (3, 2)
    distances = torch.cdist(torch.from_numpy(arrays["noise"]), means).amin(1)
    assert distances.median() < 0.7  # of scales 0.5
    assert {"modes", "high_quality", "w1", "noise_largest"} <= found.metrics.keys()


def test_heavy_tails_reach_further() -> None:
    far = [measured(components=3, df=df, updates=1, final=True)[1].metrics["noise_largest"] for df in (1.0, 3.0, 1e6)]
    assert far[0] > 5 * far[1] > 5 * far[2]


def test_without_a_mixture_there_are_no_means_and_between_the_moments_no_arrays() -> None:
    assert "mixture_means" not in measured(components=0, df=3.0, updates=0, final=False)[1].arrays["ring"]
    assert measured(components=0, df=3.0, updates=1, final=False)[1].arrays == {}


def test_other_networks_have_no_noise_to_show() -> None:
    gan = SimpleNamespace(players={"generator": torch.nn.Linear(2, 2)})
    with pytest.raises(UserError, match="input layer"):
        NoiseEvaluation()(gan, Blobs(), lambda *purpose: stream(0, *purpose), True)
