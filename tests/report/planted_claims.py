"""What three seeds measured under which each judged claim of conf/claims holds, and does not.

A seed's entry: its final scalars; for `at: mean` and `change` the metric's rows; with `dose` the metric by dose.
"""

from pathlib import Path
from typing import Any

from ganrepro.report.claims import Claim, load_claims

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


def planted(claim: Claim, measured: Any) -> list[dict[str, Any]]:
    """The arguments of `plant` for each run behind a seed's entry."""
    data = {"data": {"name": claim["data"]}} if "data" in claim else {}
    if "dose" in claim:
        axis = claim["dose"]
        runs = [(f"{axis}={dose}-0", {axis: str(dose)}, value) for dose, value in measured.items()]
        return [{"cell": cell, "coordinates": place, "final": {claim["metric"]: v}} for cell, place, v in runs]
    if claim["at"] in ("mean", "change"):
        return [{"rows": [{"generator_updates": n, claim["metric"]: value} for n, value in enumerate(measured)]}]
    return [{"final": measured, **data}]
