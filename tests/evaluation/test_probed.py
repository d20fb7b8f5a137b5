"""The probes as part of an evaluation, and how many independent maps there are."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganrepro.data.embedded import Digits
from ganrepro.data.images import ImageData
from ganrepro.evaluation import Evaluated, ProbedEvaluation, probed
from ganrepro.evaluation.probed import effective_rank, no_filters
from ganrepro.latents import Label, Latent, Uniform
from ganrepro.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganrepro.networks.mlp import MaxoutDiscriminator
from ganrepro.probes.base import at_rest
from ganrepro.streams import stream

DATA = Digits(value_range=(-1.0, 1.0))
COMMON: dict[str, Any] = {"kernel": 5, "norm": "batch", "eps": 1e-8, "running": False, "sampling": "strided"}


def gan(activation: str = "leaky_relu") -> SimpleNamespace:
    """Narrow networks with fresh weights; `activation` is D's."""
    generator = DCGANGenerator(
        6, (1, 8, 8), 8, [6], [2, 2], activation="relu", weight_std=0.3, output="tanh", **COMMON
    )  # fmt: skip
    discriminator = DCGANDiscriminator((1, 8, 8), [4, 6], [2, 2], activation=activation, weight_std=0.02, **COMMON)
    for network in (generator, discriminator):
        network.initialise(stream(0, type(network).__name__))
    return SimpleNamespace(
        players=nn.ModuleDict({"generator": generator}),
        critics=nn.ModuleDict({"discriminator": discriminator}),
        latent=Latent(z=Uniform(6, 1.0)),
        images=generator,
    )


def measured(evaluation: ProbedEvaluation, of: SimpleNamespace, final: bool) -> Evaluated:
    return evaluation(of, DATA, lambda *p: stream(0, *p), final)


def test_a_discriminator_without_rectifiers_costs_the_filters_alone(
    scorers_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With maxout all else is as it is without: the first evaluation says so, and the last is no error."""
    found = {}
    for activation in ("leaky_relu", "maxout"):
        evaluation, of = ProbedEvaluation(60, 60, str(scorers_folder)), gan(activation)
        capsys.readouterr()
        first = measured(evaluation, of, final=False)
        said = capsys.readouterr().out.splitlines()
        assert [line for line in said if "filters" in line] == (
            ["filters/... are left out: Guided backpropagation needs a discriminator with ReLU or LeakyReLU; "
             "this one has neither."] if activation == "maxout" else []
        )  # fmt: skip
        assert not {name for name in first.metrics if name.startswith(("walk/", "filters/", "memory/"))}
        found[activation] = measured(evaluation, of, final=True)
        assert "filters" not in capsys.readouterr().out, "it is said once"
    rectified, maxout = found["leaky_relu"], found["maxout"]
    assert set(rectified.arrays) == {"fidelity", "walk", "filters", "memory"}
    assert set(maxout.arrays) == {"fidelity", "walk", "memory"}
    lost = {name for name in rectified.metrics if name.startswith("filters/")}
    assert "filters/concentration/trained" in lost
    assert maxout.metrics == {name: value for name, value in rectified.metrics.items() if name not in lost}
    assert {"walk/largest_step/ratio", "memory/pixels/copies", "filter_rank", "frechet"} <= set(maxout.metrics)


def test_what_else_has_no_filters() -> None:
    assert no_filters(gan(), DATA) is None
    assert "LeakyReLU" in no_filters(gan("tanh"), DATA)
    told = gan()
    told.latent = Latent(z=Uniform(6, 1.0), label=Label(10))
    assert "told the class" in no_filters(told, DATA)
    flat = gan()
    flat.critics["discriminator"] = MaxoutDiscriminator((1, 8, 8), [5], 2, 0.01, 0.8, 0.5)
    assert "of convolutions" in no_filters(flat, DATA)
    few = ImageData("few", DATA.train, DATA.validation, DATA.test[:4], value_range=(-1.0, 1.0))
    assert "has 4 to look in" in no_filters(gan(), few)


def test_statistics_do_not_depend_on_the_number_of_samples(
    scorers_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory check's, too, are of 256 latents, of which its own are none."""
    given: list[Tensor] = []
    monkeypatch.setattr(probed, "at_rest", lambda network, z: (given.append(z), at_rest(network, z))[1])
    for samples in (40, 300):
        measured(ProbedEvaluation(samples, 60, str(scorers_folder)), gan(), final=True)
    assert [len(z) for z in given] == [256, 256]
    assert torch.equal(*given)


def test_maps_alike_count_once_and_independent_ones_all() -> None:
    draws = torch.randn(2000, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    assert effective_rank(draws) == pytest.approx(1, abs=0.01)
    assert effective_rank(draws[:, :1].expand(-1, 4, -1, -1)) == pytest.approx(0.25)
    two = torch.cat([draws[:, :2], torch.zeros(2000, 2, 3, 3)], 1)
    assert effective_rank(two) == pytest.approx(0.5, abs=0.01)
    assert effective_rank(torch.full((9, 2, 2, 2), torch.nan)) != effective_rank(draws)
    assert torch.tensor(effective_rank(torch.zeros(9, 2, 2, 2))).isnan()
