"""What three seeds measured under which each judged claim of conf/claims holds, and does not.

A seed's entry: its final scalars; for `at: mean`, `change` and `swing` its metric's rows; both as `Both`; with `dose`
the metric by dose. What a probe found of the run has the name that claims give it, "probes.<probe>.<scalar>". A claim
about several cells has a tuple, one of these for each: the claim's own and its rivals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import planted_tgan_claims
from planted_tgan_claims import Course

from ganrepro.report.claims import load_claims
from ganrepro.report.measured import Claim, rivals

CLAIMS = {claim["id"]: claim for claim in load_claims(Path(__file__).parents[2] / "conf" / "claims")}

HOLDS: dict[str, list[Any]] = {
    "gan.opt_d": [{"opt_d_error": v} for v in (1e-5, 2e-5, 3e-5)],
    "gan.jsd": [{"value_error": v} for v in (1e-7, 2e-7, 3e-7)],
    "gan.half": [[0.4, 0.5, 0.10], [0.4, 0.2, 0.11], [0.4, 0.3, 0.12]],
    "gan.saturates": [[0.0, 2.0, 4.0], [-0.1, 2.0, 4.1], [0.1, 2.0, 4.2]],
    "gan.mnist_ll": [{"parzen/test": v} for v in (223.0, 225.0, 226.0)],
    "gan.mnist_order": [{"parzen/test": v} for v in (220.0, 221.0, 222.0)],
    "gan.tfd_ll": [{"parzen/test": v} for v in (2050.0, 2060.0, 2064.0)],
    "gan.not_copies": [{"copies": v, "recognised/random": 0.8} for v in (0.01, 0.012, 0.009)],
    "gan.smooth": [{"recognised/lines": v, "recognised/random": 0.8} for v in (0.78, 0.79, 0.8)],
    "gan.no_markov": [{"autocorrelation": v} for v in (0.001, -0.002, 0.0)],
    "gan.helvetica": [{1: 0.8 + v, 5: 0.7, 25: 0.6, 125: 0.5 - v} for v in (0.0, 0.01, 0.02)],
}
FAILS: dict[str, list[Any]] = {
    "gan.opt_d": [{"opt_d_error": v} for v in (0.01, 0.011, 0.012)],
    "gan.jsd": [{"value_error": v} for v in (0.01, 0.011, 0.012)],
    "gan.half": [[0.1, 0.0, 0.30], [0.1, 0.0, 0.31], [0.1, 0.0, 0.32]],
    "gan.saturates": [[0.0, -2.0, -4.0], [0.1, -2.0, -4.1], [0.2, -2.0, -4.0]],
    "gan.mnist_ll": [{"parzen/test": v} for v in (200.0, 201.0, 202.0)],
    "gan.mnist_order": [{"parzen/test": v} for v in (200.0, 201.0, 202.0)],
    "gan.tfd_ll": [{"parzen/test": v} for v in (1900.0, 1910.0, 1920.0)],
    "gan.not_copies": [{"copies": v, "recognised/random": 0.8} for v in (0.3, 0.31, 0.29)],
    "gan.smooth": [{"recognised/lines": v, "recognised/random": 0.8} for v in (0.5, 0.51, 0.52)],
    "gan.no_markov": [{"autocorrelation": v} for v in (0.3, 0.31, 0.32)],
    "gan.helvetica": [{1: 0.4 + v, 5: 0.5, 25: 0.6, 125: 0.7} for v in (0.0, 0.01, 0.02)],
}


RULE = CLAIMS["lsgan.bng_adam"]["rule"]


def by_the_rule(good: bool) -> dict[str, float]:
    """What a run measured that succeeds, or fails by every metric of the rule, whatever its bounds are."""
    found = {}
    for metric, bounds in RULE.items():
        low, high = bounds.get("at_least"), bounds.get("at_most")
        inside = 1.05 * low if high is None else high / 2 if low is None else (low + high) / 2
        outside = 0.4 * low if low is not None else 4 * high
        found[metric] = inside if good else outside
    return found


GOOD = {"frechet_ratio": 3.0, "frechet": 30.0, "confidence": 0.97} | by_the_rule(True)
BAD = {"frechet_ratio": 90.0, "frechet": 900.0, "confidence": 0.6} | by_the_rule(False)
SMALL_GOOD, SMALL_BAD = ({"classes_share": share, "confidence": 0.97} for share in (1.0, 0.3))
STEP = 5000  # updates between the rows that events are told from
KEEPS, FALLS = [0, 6, 8, 8, 8, 8], [0, 8, 8, 1, 2, 1]  # modes at 0, 5,000, ... updates
SCATTER = (1.0, 1.02, 0.98, 1.01, 0.99)


def successes(own: int, rival: int, n: int = 10, good: Any = GOOD, bad: Any = BAD) -> list[Any]:
    """Of n seeds, how many of each cell succeed."""
    return [(good if seed < own else bad, good if seed < rival else bad) for seed in range(n)]


def levels(metric: str, *of: float, more: tuple[dict[str, float], ...] = ()) -> list[Any]:
    """The metric of each cell, the claim's own a little different in each seed; `more` scalars of each."""
    more, still = more or ({},) * len(of), [1.0] * (len(of) - 1)
    return [tuple(m | {metric: v * s} for v, s, m in zip(of, (by, *still), more, strict=False)) for by in SCATTER]


def ratios(own: float, rival: float, metric: str = "frechet_ratio") -> list[Any]:
    """Distances of two cells of which the one succeeds and the other does not."""
    return levels(metric, own, rival, more=(GOOD, BAD) if own < rival else (BAD, GOOD))


def each(metric: str, *values: float) -> list[Any]:
    return [{metric: value} for value in values]


def versus(metric: str, against: str, *pairs: tuple[float, float]) -> list[Any]:
    return [{metric: own, against: other} for own, other in pairs]


def of_the_bound(name: str, metric: str, multiples: tuple[float, ...]) -> list[Any]:
    """The metric at these multiples of the claim's threshold, or of the highest of its rows, whatever that is."""
    arguments = CLAIMS[name]["arguments"]
    bound = arguments["threshold"] if "threshold" in arguments else max(arguments["rows"].values())
    return [run | off_the_floor(name) for run in each(metric, *(bound * multiple for multiple in multiples))]


def off_the_floor(name: str) -> dict[str, float]:
    """Scalars of runs that are good enough for the claim to be told."""
    floors = CLAIMS[name].get("floor", [])
    bounds = [floors] if isinstance(floors, dict) else floors
    return {bound["metric"]: bound["above"] / 2 if "above" in bound else 2 * bound["below"] for bound in bounds}


# What is added to the claims above; each has seeds enough.
SMALLER, LARGER = (
    {"parameters/generator": 1e6 * n, "parameters/discriminator": 2e6 * n, "megabytes": 12.0 * n} for n in (1, 2)
)
HOLDS |= {
    "lsgan.opt_d": [{"opt_d_error": v} for v in (1e-5, 2e-5, 3e-5)],
    "lsgan.chi2": [{"chi2_error": v} for v in (1e-7, 2e-7, 3e-7)],
    "lsgan.gradient": [[(0.01, 0.3), (0.02, 0.5)], [(0.01, 0.2), (0.01, 0.6)], [(0.0, 0.3), (0.01, 0.4)]],
    "lsgan.bng_adam": successes(5, 0),
    "lsgan.bngd_rmsprop": ratios(3.0, 30.0),
    "lsgan.bng_rmsprop": levels("frechet_ratio", 5.0, 5.5, more=(GOOD, BAD)),
    "lsgan.bngd_adam": levels("frechet_ratio", 5.0, 4.5, more=(GOOD, BAD)),
    "lsgan.rmsprop": successes(10, 2),
    "lsgan.ring": [(FALLS, KEEPS)] * 6,
    "lsgan.scenes": levels("frechet", 20.0, 30.0, 40.0),
    "lsgan.codings": levels("frechet", 20.0, 21.0),
    "lsgan.cifar_is": levels("inception_score", 6.4, 6.2),
    "lsgan.hwdb": [{"agreement": v} for v in (0.7, 0.72, 0.74)],
    "lsgan.mapping": levels("agreement", 0.7, 0.7, more=(SMALLER, LARGER)),
    "lsgan.uncond_fails": levels("confidence", 0.4, 0.9),
    "lsgan.small_var": successes(10, 0, 10, SMALL_GOOD, SMALL_BAD),
    "lsgan.late": [{"frechet": v} for v in (90.0, 31.0, 32.0)],
}
FAILS |= {
    "lsgan.opt_d": [{"opt_d_error": v} for v in (0.01, 0.011, 0.012)],
    "lsgan.chi2": [{"chi2_error": v} for v in (0.01, 0.011, 0.012)],
    "lsgan.gradient": [[(0.3, 0.0)], [(0.4, 0.0)], [(0.5, 0.1)]],
    "lsgan.bng_adam": successes(0, 8),
    "lsgan.bngd_rmsprop": ratios(30.0, 3.0),
    "lsgan.bng_rmsprop": ratios(50.0, 5.5),
    "lsgan.bngd_adam": ratios(50.0, 4.5),
    "lsgan.rmsprop": successes(2, 10),
    "lsgan.ring": [(KEEPS, KEEPS)] * 6,
    "lsgan.scenes": levels("frechet", 35.0, 30.0, 40.0),
    "lsgan.codings": levels("frechet", 20.0, 40.0),
    "lsgan.cifar_is": levels("inception_score", 3.0, 6.2),
    "lsgan.hwdb": [{"agreement": v} for v in (0.2, 0.22, 0.24)],
    "lsgan.mapping": levels("agreement", 0.5, 0.7, more=(SMALLER, LARGER)),
    "lsgan.uncond_fails": levels("confidence", 0.9, 0.9),
    "lsgan.small_var": successes(1, 9, 10, SMALL_GOOD, SMALL_BAD),
    "lsgan.late": [{"frechet": 31.0}] * 10,
}

ABOVE, BELOW = (1.05, 1.06, 1.07), (0.7, 0.71, 0.72)
BOUNDED: dict[str, tuple[str, tuple[float, ...], tuple[float, ...]]] = {  # multiples: the claim holds, and does not
    "dcgan.no_copies": ("memory/pixels/copies", (0.2, 0.24, 0.18), (4.0, 4.4, 3.8)),
    "dcgan.dedup": ("false_positives", (0.1, 0.0, 0.2), (10.0, 11.0, 12.0)),
    "dcgan.cifar_features": ("features/accuracy", ABOVE, BELOW),
    "dcgan.cifar_400": ("features/few", ABOVE, BELOW),
    "dcgan.svhn": ("features/few", ABOVE, BELOW),
    "dcgan.walk": ("walk/largest_step/trained", BELOW, (2.0, 2.05, 2.1)),
}
HIGHER, LOWER = ((0.7, 0.5), (0.72, 0.5), (0.7, 0.51)), ((0.5, 0.7), (0.5, 0.72), (0.51, 0.7))
ALIKE = ((0.03, 0.031), (0.031, 0.031), (0.032, 0.031))
PAIRED = {  # two metrics of the same run: the claim holds, and does not
    "dcgan.features_learnt": ("features/accuracy", "features/control", HIGHER, LOWER),
    "dcgan.svhn_arch": ("features/few", "features/supervised", HIGHER, LOWER),
    "dcgan.filters": ("filters/concentration/trained", "filters/concentration/untrained", HIGHER, LOWER),
    "dcgan.arithmetic": ("probes.arithmetic.rate/averaged", "probes.arithmetic.rate/single", HIGHER, LOWER),
    "dcgan.pose": ("probes.pose.slope/turn", "probes.pose.slope/random", HIGHER, LOWER),
    "dcgan.forget": ("probes.forget.lost/dropped", "probes.forget.lost/random", HIGHER, LOWER),
    "dcgan.mnist_1nn": ("one_nn/error_equal", "one_nn/real", ALIKE, HIGHER),
}
BESIDES: dict[str, dict[str, float]] = {  # what second statements are about, of runs of which these hold
    "dcgan.arithmetic": {"probes.arithmetic.rate/pixels": 0.2},
    "dcgan.pose": {"probes.pose.rank_correlation/mean_row": 1.0},
    "dcgan.forget": {"probes.forget.kept/dropped": 0.9},
}
LONG = CLAIMS["dcgan.late_collapse"]
# Distances at 1,000 to 2,000 updates of 2,000; those before stand for how it begins.
STILL, SWINGS = [900.0, 300.0, 20.0, 21.0, 20.0, 21.0], [900.0, 300.0, 20.0, 60.0, 20.0, 60.0]


def paired(name: str, place: int) -> list[Any]:
    """The claim's two metrics of each seed, those that hold in place 2, with what else its verdict goes by."""
    pairs = PAIRED[name][place]
    found = versus(PAIRED[name][0], PAIRED[name][1], *pairs)
    return [run | off_the_floor(name) | BESIDES.get(name, {}) for run in found]


@dataclass(frozen=True)
class Both:
    """Final scalars of a run, and the rows of a metric."""

    final: dict[str, float]
    metric: str
    rows: list[float]


def swinging(of: list[Any], *rows: list[float]) -> list[Any]:
    """The same final scalars with a course of the distance in each cell."""
    return [
        tuple(Both(final, "valid/frechet", course) for final, course in zip(cells, rows, strict=True)) for cells in of
    ]


BEFORE = [0.6] * (LONG["rule"]["from"] // STEP)  # ranks of G's filters, which all vary, until the rule looks
VARY, COLLAPSE = BEFORE + [0.6] * 7, BEFORE + [LONG["rule"]["below"] / 2] * 7
HOLDS |= {
    "dcgan.stable": [GOOD] * 10,
    "dcgan.bn": successes(10, 0),
    "dcgan.bn_all": [(STILL, SWINGS), (STILL, SWINGS), ([v * 2 for v in STILL], SWINGS)],
    "dcgan.pool": levels("frechet", 10.0, 20.0),
    "dcgan.fc": levels("frechet", 10.0, 20.0),
    "dcgan.act": levels("frechet", 10.0, 20.0, 20.0, 20.0, 20.0),
    "dcgan.adam": swinging(levels("frechet", 10.0, 20.0, 30.0), STILL, STILL, SWINGS),
    "dcgan.epochs": [[90.0, 50.0, 40.0], [91.0, 60.0, 41.0], [92.0, 40.0, 43.0]],
    "dcgan.late_collapse": [COLLAPSE, *[VARY] * 4],
}
HOLDS |= {name: of_the_bound(name, metric, good) for name, (metric, good, _) in BOUNDED.items()}
HOLDS |= {name: paired(name, 2) for name in PAIRED}
FAILS |= {
    "dcgan.stable": [BAD] * 10,
    "dcgan.bn": successes(0, 10),
    "dcgan.bn_all": [(SWINGS, STILL)] * 3,
    "dcgan.pool": levels("frechet", 20.0, 10.0),
    "dcgan.fc": levels("frechet", 20.0, 10.0),
    "dcgan.act": levels("frechet", 10.0, 20.0, 20.0, 20.0, 5.0),
    "dcgan.adam": swinging(levels("frechet", 20.0, 30.0, 10.0), STILL, STILL, SWINGS),
    "dcgan.epochs": [[40.0, 50.0, 90.0], [41.0, 60.0, 91.0], [43.0, 40.0, 92.0]],
    "dcgan.late_collapse": [VARY] * ceil(4 / LONG["arguments"]["rare"]),  # Wilson's of 0 of n ends at 3.84 / (n + 3.84)
}
FAILS |= {name: of_the_bound(name, metric, bad) for name, (metric, _, bad) in BOUNDED.items()}
FAILS |= {name: paired(name, 3) for name in PAIRED}
HOLDS |= planted_tgan_claims.HOLDS
FAILS |= planted_tgan_claims.FAILS

BEST = {"lsgan.late": {"frechet": 30.0}}  # where the best update is judged beside the last


def planted(claim: Claim, measured: Any) -> list[dict[str, Any]]:
    """The arguments of `plant` for each run behind a seed's entry."""
    cells = [claim["cells"], *rivals(claim)]
    if rivals(claim):
        parts = measured if isinstance(measured, tuple) else [measured] * len(cells)
        return [one_run(claim, part, cell) for part, cell in zip(parts, cells, strict=True)]
    if "dose" in claim:
        axis = claim["dose"]
        runs = [(f"{axis}={dose}-0", {axis: str(dose)}, value) for dose, value in measured.items()]
        return [{"cell": cell, "coordinates": place, "final": {claim["metric"]: v}} for cell, place, v in runs]
    return [one_run(claim, measured, claim["cells"])]


def one_run(claim: Claim, measured: Any, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Final scalars as they are; a list is the metric's rows, pairs those of the metric and of `against`."""
    name = ",".join(f"{key}={value}" for key, value in cell.items())
    place = {"cell": f"{name}-0", "coordinates": dict(cell)} if cell else {}
    data = {"data": {"name": claim["data"]}} if "data" in claim else {}
    if isinstance(measured, Course):
        return measured.run | place
    if isinstance(measured, Both):
        rows = [{"generator_updates": 400 * n, measured.metric: value} for n, value in enumerate(measured.rows)]
        return _found(measured.final) | {"rows": rows, **place}
    if not isinstance(measured, list):
        best = {"best": BEST[claim["id"]]} if claim["id"] in BEST else {}
        return _found(measured) | best | data | place
    key = claim["rule"]["metric"] if "rule" in claim else claim["metric"]
    step = STEP if "rule" in claim else 400 if claim["at"] == "swing" else 1
    rows = [{"generator_updates": n * step} | _scalars(claim, key, value) for n, value in enumerate(measured)]
    return {"rows": rows, **place}


def _found(scalars: Mapping[str, float]) -> dict[str, Any]:
    """Final scalars, and apart from them what probes found."""
    final = {key: value for key, value in scalars.items() if not key.startswith("probes.")}
    probes: dict[str, dict[str, float]] = {}
    for key in scalars.keys() - final.keys():
        _, probe, scalar = key.split(".", 2)
        probes.setdefault(probe, {})[scalar] = scalars[key]
    return {"final": final, "probes": probes}


def _scalars(claim: Claim, key: str, value: Any) -> dict[str, float]:
    return {key: value[0], claim["against"]: value[1]} if isinstance(value, tuple) else {key: value}
