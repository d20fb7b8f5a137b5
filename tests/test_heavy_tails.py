"""The latents of DeLiGAN and t-GAN: components of a mixture, multivariate t noise (fact sheet, sections 2.2 and 3)."""

from math import inf, nan, sqrt

import pytest
import torch
from scipy import stats

from ganrepro.latents import Component, Label, Latent, Normal, StudentT

N, DIM = 10_000, 30


@pytest.mark.parametrize("df", [1, 3, 10])
def test_t_noise_has_its_law(df: float, noise: torch.Generator) -> None:
    """A coordinate is t_df, the mean square of an example F(p, df): one chi-square serves all coordinates."""
    z = StudentT(DIM, df).sample(N, noise)
    assert (z.shape, z.dtype) == ((N, DIM), torch.float32)
    assert stats.kstest(z[:, 7], stats.t(df).cdf).pvalue > 0.01
    assert stats.kstest(z.double().square().mean(1), stats.f(DIM, df).cdf).pvalue > 0.01


@pytest.mark.parametrize("df", [1, 3, 10])
def test_squared_coordinates_go_together(df: float, noise: torch.Generator) -> None:
    """By ranks, for the squares have no variance below five degrees of freedom; signs stay independent."""
    z = StudentT(2, df).sample(N, noise)
    assert stats.spearmanr(*z.square().T).statistic > 0.05
    assert stats.spearmanr(*z.T).pvalue > 0.01
    alone = [StudentT(1, df).sample(N, noise).flatten() for _ in range(DIM)]
    assert stats.spearmanr(alone[0].square(), alone[1].square()).pvalue > 0.01
    independent = torch.stack(alone, 1)  # what the test of the law above would not take for the multivariate t
    assert stats.kstest(independent.double().square().mean(1), stats.f(DIM, df).cdf).pvalue < 1e-9


@pytest.mark.parametrize(
    ("df", "wanted"),
    [(1, (1.46, 15.8)), (2, (1.19, 4.4)), (3, (1.11, 2.9)), (5, (1.06, 2.1)), (10, (1.02, 1.6)), (inf, (0.99, 1.21))],
)
def test_lengths_of_the_sheet(df: float, wanted: tuple[float, float], noise: torch.Generator) -> None:
    """Section 3: |t| / sqrt(p) at the 50th and 95th percentile, for p = 30."""
    lengths = StudentT(DIM, df).sample(N, noise).norm(dim=1) / sqrt(DIM)
    found = lengths.quantile(torch.tensor([0.5, 0.95])).tolist()
    assert found == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("df", [1e6, inf])
def test_many_degrees_of_freedom_are_the_normal(df: float, noise: torch.Generator) -> None:
    z = StudentT(DIM, df).sample(N, noise)
    assert stats.kstest(z[:, 0], stats.norm.cdf).pvalue > 0.01
    assert stats.kstest(z.double().square().sum(1), stats.chi2(DIM).cdf).pvalue > 0.01


def test_infinite_degrees_are_the_normals_draws() -> None:
    draws = [block.sample(9, torch.Generator().manual_seed(3)) for block in (StudentT(4, inf), Normal(4, 1.0))]
    assert torch.equal(*draws)


@pytest.mark.parametrize(("df", "far"), [(0.01, 1e38), (0.5, 1e6)])
def test_the_heaviest_tails_are_numbers(df: float, far: float, noise: torch.Generator) -> None:
    """At df = 0.01 a third of the examples lie beyond float32, and a chi-square in float32 would be 0 for them."""
    z = StudentT(3, df).sample(N, noise)
    assert z.isfinite().all()
    assert z.abs().max() > far
    assert z.unique().numel() > N


def test_draws_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    for block in (StudentT(3, 3.0), Component(7, "stratified"), Component(7, "random")):
        first, again, other = (block.sample(20, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("df", [0, -1, nan])
def test_degrees_of_freedom_are_positive(df: float) -> None:
    with pytest.raises(ValueError, match="more than 0 degrees of freedom"):
        StudentT(2, df)


@pytest.mark.parametrize("n", [1, 49, 50, 51, 130])
def test_stratified_components_are_used_alike(n: int, noise: torch.Generator) -> None:
    """Section 2.2: each of 50 components exactly once in a batch of 50; the rest of larger batches is distinct."""
    drawn = Component(50, "stratified").sample(n, noise)
    assert (drawn.shape, drawn.dtype) == ((n, 1), torch.float32)
    counts = torch.bincount(drawn.flatten().long(), minlength=50)
    assert len(counts) == 50
    assert counts.min() == n // 50
    assert counts.max() == -(-n // 50)


def test_stratified_components_are_in_random_order(noise: torch.Generator) -> None:
    """What is left over, and who is first, are each component alike often."""
    block = Component(5, "stratified")
    batches = [block.sample(7, noise).flatten().long() for _ in range(1000)]
    first = torch.stack([batch[0] for batch in batches])
    assert stats.chisquare(torch.bincount(first, minlength=5)).pvalue > 0.01
    extra = torch.stack([torch.bincount(batch, minlength=5) - 1 for batch in batches]).sum(0)
    assert extra.sum() == 2000
    assert stats.chisquare(extra).pvalue > 0.01


def test_random_components_are_independent(noise: torch.Generator) -> None:
    drawn = Component(50, "random").sample(5000, noise)
    assert drawn.shape == (5000, 1)
    counts = torch.bincount(drawn.flatten().long(), minlength=50)
    assert stats.chisquare(counts).pvalue > 0.01
    assert counts.min() < 100 < counts.max()
    pairs = torch.bincount((drawn[0::2] // 10 * 5 + drawn[1::2] // 10).flatten().long(), minlength=25)
    assert stats.chisquare(pairs).pvalue > 0.01


def test_quantiles() -> None:
    middles = (torch.arange(9) + 0.5) / 9
    for df in (1.0, 3.0, inf):
        points = StudentT(2, df).quantiles(9)
        assert (points.shape, points.dtype) == ((9, 2), torch.float32)
        assert torch.equal(points[:, 0], points[:, 1])
        wanted = stats.t.ppf(middles.double().numpy(), df)
        assert points[:, 0].tolist() == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-6)
    assert Component(3, "random").quantiles(6).tolist() == [[0], [0], [1], [1], [2], [2]]


def test_components_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least one component, not 0"):
        Component(0, "random")
    with pytest.raises(ValueError, match="stratified or random, not sorted"):
        Component(5, "sorted")


def test_the_latent_of_t_gan(noise: torch.Generator) -> None:
    latent = Latent(
        component=Component(50, "stratified"), noise=StudentT(30, 3.0), codeword=Normal(10, 0.2), label=Label(10)
    )
    assert latent.dim == 42
    z, points = latent.sample(50, noise), latent.quantiles(10)
    assert z.shape == (50, 42)
    assert sorted(z[:, 0].tolist()) == list(range(50))
    assert z[:, 31:41].std().item() == pytest.approx(0.2, rel=0.1)
    assert set(z[:, 41].tolist()) <= set(range(10))
    assert points[:, 0].tolist() == [2.0, 7.0, 12.0, 17.0, 22.0, 27.0, 32.0, 37.0, 42.0, 47.0]
    assert points[:, 41].tolist() == list(range(10))
