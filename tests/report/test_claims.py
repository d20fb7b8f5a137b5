from pathlib import Path

import pytest
import yaml
from planted_claims import CLAIMS, FAILS, HOLDS

from ganrepro.errors import UserError
from ganrepro.report.claims import board, claim_hash, claims_for, judge, load_claims, paper_board
from ganrepro.report.criteria import above_each, at_least, at_most, within
from ganrepro.report.measured import rivals
from ganrepro.report.records import read_runs
from ganrepro.schema import OPTIONS

REPORTED = {name for name, claim in CLAIMS.items() if claim["test"] == "report_only"}
EXPERIMENTS = Path(__file__).parents[2] / "conf" / "experiment"
JUDGED = sorted(CLAIMS.keys() - REPORTED)


def test_every_claim_is_planted():
    assert set(HOLDS) == set(FAILS) == set(JUDGED)


@pytest.mark.parametrize("name", JUDGED)
def test_holds(verdict, name):
    found = verdict(name, HOLDS[name])
    seeds = len(HOLDS[name])
    ran = {run.seed for run in found.runs}
    assert (found.word, found.value.n, len(ran), found.changed) == ("reproduced", seeds, seeds, False)


@pytest.mark.parametrize("name", JUDGED)
def test_does_not_hold(verdict, name):
    assert verdict(name, FAILS[name]).word == "not reproduced"


@pytest.mark.parametrize("name", JUDGED)
@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds(verdict, name, seeds):
    found = verdict(name, HOLDS[name][:seeds])
    assert found.word == "inconclusive"
    assert f"{seeds} of at least {CLAIMS[name]['seeds']} seeds; needs about" in found.reason


@pytest.mark.parametrize("name", sorted(REPORTED))
def test_report_only_claims_are_reported_and_not_judged(verdict, name):
    assert verdict(name, [{}]).word == "reported"


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_without_finished_runs_it_is_not_run_with_what_to_type(verdict, name):
    found = verdict(name, [{}], ["running"])
    scale = CLAIMS[name]["scales"][0]
    assert found.word == "not run"
    sweep = "-m " if {"dose", "versus"} & CLAIMS[name].keys() else ""
    assert f"python run.py {sweep}experiment={CLAIMS[name]['study']} scale={scale}" in found.reason
    assert found.value is None


@pytest.mark.parametrize("name", ["gan.mnist_ll", "gan.mnist_order"])
def test_embedded_digits_cannot_judge_mnist(plant, root, name):
    for seed in range(3):
        plant(seed=seed, final=HOLDS[name][seed])
    found = judge(CLAIMS[name], read_runs(root), "laptop")
    assert (found.word, found.reason) == ("not run", "needs MNIST: scale=workstation")


def test_an_interval_around_the_figure_must_be_narrow(verdict):
    found = verdict("gan.mnist_ll", [{"parzen/test": v} for v in (215.0, 225.0, 235.0)])
    assert found.word == "inconclusive"
    # s = 10; t(15) 10 / sqrt 16 = 5.33 is the first half width of at most 5.5, t(14) 10 / sqrt 15 = 5.54
    assert "needs about 16 seeds" in found.reason


def test_far_above_the_figure_width_does_not_matter(verdict):
    assert verdict("gan.mnist_ll", [{"parzen/test": v} for v in (270.0, 300.0, 330.0)]).word == "reproduced"


def test_order_names_the_rows(verdict):
    found = verdict("gan.mnist_order", [{"parzen/test": v} for v in (200.0, 210.0, 220.0)])
    assert found.word == "inconclusive"
    assert "above DBN 138, above stacked CAE 121, cannot be told from deep GSN 214" in found.reason


@pytest.mark.parametrize("name", ["gan.smooth", "gan.not_copies"])
@pytest.mark.parametrize("planted", [HOLDS, FAILS])
def test_noise_says_nothing(verdict, name, planted):
    found = verdict(name, [scalars | {"recognised/random": 0.1} for scalars in planted[name]])
    assert found.word == "inconclusive"
    assert "at the floor: recognised/random is 0.1, below 0.3" in found.reason


def test_smooth_is_paired_by_seed(verdict):
    # the two shares scatter by tenths over seeds, their difference does not
    found = verdict("gan.smooth", [{"recognised/lines": v - 0.01, "recognised/random": v} for v in (0.4, 0.6, 0.9)])
    assert found.word == "reproduced"
    assert str(found.value) == "-0.01 [-0.01, -0.01]"


def test_a_diverged_run_is_counted_and_never_left_out(verdict):
    found = verdict("gan.no_markov", [*HOLDS["gan.no_markov"], {}], ["done", "done", "done", "diverged"])
    assert found.word == "inconclusive"
    assert "1 of 4 runs diverged; the other runs support it" in found.reason
    assert (found.value.n, len(found.runs)) == (3, 4)


def test_a_diverged_run_does_not_rescue_a_claim_that_fails(verdict):
    found = verdict("gan.no_markov", [*FAILS["gan.no_markov"], {}], ["done", "done", "done", "diverged"])
    assert found.word == "not reproduced"
    assert "1 of 4 runs diverged" in found.reason


@pytest.mark.parametrize(("seeds", "word"), [(3, "not reproduced"), (2, "inconclusive")])
def test_all_diverged(verdict, seeds, word):
    found = verdict("gan.mnist_ll", [{"parzen/test": 225.0}] * seeds, ["diverged"] * seeds)
    assert (found.word, found.value) == (word, None)
    assert f"{seeds} of {seeds} runs diverged" in found.reason


def test_runs_that_did_not_record_the_metric_refute_nothing(verdict):
    found = verdict("gan.mnist_ll", [{}] * 3)
    assert (found.word, found.reason) == (
        "inconclusive",
        "3 of 3 runs did not record it; on digits, standing in for MNIST",
    )


def test_a_claim_written_anew_after_the_runs_is_marked(verdict):
    found = verdict("gan.no_markov", HOLDS["gan.no_markov"], claims={"gan.no_markov": "00000000"})
    assert (found.word, found.changed) == ("reproduced", True)
    assert "the claim changed since these runs started" in found.reason


def test_last_and_best_are_both_shown(plant, root):
    for seed in range(3):
        plant(scale="workstation", seed=seed, final={"parzen/test": 210.0 + seed}, best={"parzen/test": 225.0 + seed})
    found = judge(CLAIMS["gan.mnist_ll"], read_runs(root), "workstation")
    assert (found.value.mean, found.other.mean) == (226, 211)
    assert found.ours == "226.0 [223.5, 228.5] (best), 211.0 [208.5, 213.5] (last)"


def test_departed_runs_and_other_variants_do_not_enter(plant, root):
    for seed in range(3):
        plant(seed=seed, final=HOLDS["gan.no_markov"][seed], departures={"loss": "x"}, cell="loss=x-1")
        plant(seed=seed, final=HOLDS["gan.no_markov"][seed], variant="as_printed", cell="as_printed-2")
    assert judge(CLAIMS["gan.no_markov"], read_runs(root), "laptop").word == "not run"
    named = CLAIMS["gan.no_markov"] | {"cells": {"loss": "x"}}
    assert judge(named, read_runs(root), "laptop").word == "reproduced"


def test_board_has_a_row_for_every_claim_of_the_study():
    verdicts = board(list(CLAIMS.values()), [], "gan_mnist", "laptop")
    assert {v.claim["id"] for v in verdicts} == {n for n, claim in CLAIMS.items() if claim["study"] == "gan_mnist"}
    assert {v.word for v in verdicts} == {"not run"}


def test_the_tests_by_hand():
    values = [1.0, 2.0, 3.0]  # interval [-0.484, 4.484]
    assert at_least(values, -0.5).word == at_most(values, 4.5).word == within(values, -0.5, 4.5).word == "reproduced"
    assert at_least(values, 4.5).word == at_most(values, -0.5).word == within(values, 5, 6).word == "not reproduced"
    assert at_least(values, 0.0).word == at_most(values, 4.0).word == within(values, 0.0, 9).word == "inconclusive"
    assert at_least(values, 0.5).seeds == at_most(values, 3.5).seeds == within(values, 0.5, 9).seeds == 5
    assert at_least(values, 2.0).seeds is None
    assert at_least(values, 0.0, precision=2.5).word == "reproduced"
    assert above_each(values, {"a": -1, "b": 5, "c": 0}).word == "not reproduced"
    assert above_each(values, {"a": -1, "c": 0.5}).seeds == 5


def test_hash_covers_what_an_entry_says_and_not_its_layout():
    claim = CLAIMS["gan.mnist_ll"]
    assert claim_hash(claim) == claim_hash(dict(reversed(claim.items())))
    assert len(claim_hash(claim)) == 8
    assert claim_hash(claim | {"arguments": {"threshold": 224, "precision": 5.5}}) != claim_hash(claim)


def test_claims_for_a_study(claims_dir, tmp_path):
    hashes = claims_for("gan_mnist", claims_dir)
    assert hashes["gan.fast"] == claim_hash(CLAIMS["gan.fast"])
    assert claims_for("nothing", claims_dir) == claims_for("gan_mnist", tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"test": "at_lest"}, "test is one of"),
        ({"dosis": "k"}, "missing or unknown: dosis"),
        ({"arguments": {"treshold": 1}}, "at_least: .*threshold"),
        ({"at": "last"}, "at is one of final"),
        ({"sees": 3}, "missing or unknown: sees"),
        ({"id": "gan.fast"}, "id of its own"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, change, says):
    entries = [CLAIMS["gan.fast"], CLAIMS["gan.mnist_ll"] | change]
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(entries))
    with pytest.raises(UserError, match=says):
        load_claims(tmp_path)


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("- {id: ")
    with pytest.raises(UserError, match="cannot be read"):
        load_claims(tmp_path)


def test_the_entries_that_runs_have_recorded_stay_as_they_were():
    recorded = {
        "gan.fast": "54195f7c", "gan.mnist_ll": "99b09a86", "gan.mnist_order": "6301039d",
        "gan.no_markov": "12b93418", "gan.not_copies": "99e769b6", "gan.smooth": "1fa65ded",
    }  # fmt: skip
    assert {name: claim_hash(CLAIMS[name]) for name in recorded} == recorded


def test_the_papers_board_has_every_claim_at_every_scale_run(plant, root):
    plant()
    plant(scale="workstation", data={"name": "mnist"})
    verdicts = paper_board(list(CLAIMS.values()), read_runs(root))
    assert {v.claim["id"] for v in verdicts} == set(CLAIMS)
    of = [(v.scale, v.word) for v in verdicts if v.claim["id"] == "gan.mnist_ll"]
    assert of == [("laptop", "not run"), ("workstation", "inconclusive")]
    [theory] = [v for v in verdicts if v.claim["id"] == "gan.opt_d"]
    assert theory.reason == "no finished run yet: python run.py experiment=gan_theory scale=laptop"


def test_claims_of_one_paper(tmp_path):
    for paper in ("a", "b"):
        (tmp_path / f"{paper}.yaml").write_text(yaml.safe_dump([CLAIMS["gan.fast"] | {"id": f"{paper}.fast"}]))
    assert [claim["id"] for claim in load_claims(tmp_path)] == ["a.fast", "b.fast"]
    assert [claim["id"] for claim in load_claims(tmp_path, "b")] == ["b.fast"]
    assert load_claims(tmp_path, "c") == []


@pytest.mark.parametrize(
    "claim", [claim for claim in CLAIMS.values() if "dose" not in claim], ids=lambda claim: claim["id"]
)
def test_the_cells_are_in_the_studys_grid_at_every_scale_of_the_claim(claim):
    for scale in claim["scales"]:
        values = grid_of(claim["study"], scale)
        for cell in (claim["cells"], *rivals(claim)):
            own = {axis: str(value) for axis, value in cell.items() if axis in values}
            assert own.keys() == values.keys()
            assert all(value in values[axis] for axis, value in own.items()), scale
            assert all(axis in OPTIONS for axis in cell.keys() - own.keys()), "a departure has a key's full name"


def grid_of(study, scale):
    """The values of each axis, as the study's file has them and its scale's replaces them."""
    grid = {}
    for path in (EXPERIMENTS / f"{study}.yaml", EXPERIMENTS.parent / "scale_of" / study / f"{scale}.yaml"):
        content = yaml.safe_load(path.read_text()) if path.exists() else {}
        grid |= content.get("hydra", {}).get("sweeper", {}).get("params", {})
    return {axis: str(text).replace(" ", "").split(",") for axis, text in grid.items()}
