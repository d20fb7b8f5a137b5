"""The DCGAN paper's claims: over probes, rules and pairs, and what hides or refuses them."""

import json
from math import log
from statistics import stdev

import pytest
import yaml
from planted_claims import BAD, CLAIMS, FAILS, GOOD, HOLDS, STILL, SWINGS, each, levels, successes, swinging, versus
from planted_dcgan import plant_guidelines

from ganrepro.errors import UserError
from ganrepro.report.claims import judge, judged, load_claims
from ganrepro.report.criteria import at_least, at_most
from ganrepro.report.measured import value_of
from ganrepro.report.records import Run, read_runs

IDS = ["stable", "bn", "bn_all", "pool", "fc", "act", "adam", "epochs", "no_copies", "dedup", "cifar_features"]
IDS += ["features_learnt", "cifar_400", "svhn", "svhn_arch", "walk", "filters", "forget", "arithmetic", "pose"]
IDS += ["late_collapse", "mnist_1nn"]
MINE = [claim for name, claim in CLAIMS.items() if name.startswith("dcgan.")]


def test_every_claim_of_the_paper_is_there():
    assert [claim["id"].partition(".")[2] for claim in MINE] == IDS


def test_the_rule_of_success_is_that_of_the_other_paper():
    assert CLAIMS["dcgan.stable"]["rule"] == CLAIMS["lsgan.bng_adam"]["rule"]
    assert CLAIMS["dcgan.bn"]["ceiling"] == CLAIMS["dcgan.stable"]["rule"]


def test_stable_means_most_runs(verdict):
    # 7 of 10 begins at 0.397, 9 of 10 at 0.596
    found = verdict("dcgan.stable", [GOOD] * 7 + [BAD] * 3)
    assert (found.word, found.reason.split(";")[0]) == ("inconclusive", "in 7 of 10 runs")


def test_most_of_ten_is_enough(verdict):
    assert verdict("dcgan.stable", [GOOD] * 9 + [BAD]).word == "reproduced"


@pytest.mark.parametrize(("of", "place"), [(GOOD, "ceiling: both always"), (BAD, "floor: both never")])
def test_batch_norm_that_changes_nobodys_fate_says_nothing(verdict, of, place):
    found = verdict("dcgan.bn", [(of, of)] * 6)
    assert found.word == "inconclusive"
    assert f"at the {place} succeed" in found.reason


@pytest.mark.parametrize("name", [f"dcgan.{name}" for name in ("no_copies", "walk", "forget", "arithmetic", "pose")])
@pytest.mark.parametrize("planted", [HOLDS, FAILS])
def test_pictures_that_are_none_say_nothing(verdict, name, planted):
    found = verdict(name, [scalars | {"frechet_relative": 0.8} for scalars in planted[name]])
    assert found.word == "inconclusive"
    assert "at the floor: frechet_relative is 0.8, above 0.5" in found.reason


@pytest.mark.parametrize(("values", "word"), [([0, 0, 0], "not reproduced"), ([0.1, 0.1, 0.1], "reproduced")])
def test_no_difference_at_all_is_none(values, word):
    assert at_least(values, 0, strict=True).word == word
    assert at_least([0, 0, 0], 0).word == "reproduced"
    assert at_most([-value for value in values], 0, strict=True).word == word


@pytest.mark.parametrize("wrong", [{"metric": "m"}, {"metric": "m", "below": 1, "above": 2}, {"below": 1}])
def test_a_floor_is_on_one_side(tmp_path, wrong):
    entry = next(claim for claim in MINE if claim["id"] == "dcgan.walk") | {"floor": wrong}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump([entry]))
    with pytest.raises(UserError, match=r"dcgan\.walk: floor: it has a metric, and either below or above"):
        load_claims(tmp_path)


@pytest.mark.parametrize(
    ("name", "metric", "level", "says"),
    [
        ("dedup", "recall", 0.05, "recall is 0.05, below 0.1"),
        ("arithmetic", "probes.arithmetic.trials", 1.0, "probes.arithmetic.trials is 1, below 20"),
        ("pose", "probes.pose.by_person", 0.0, "probes.pose.by_person is 0, below 1"),
    ],
)
def test_nothing_to_tell_from(verdict, name, metric, level, says):
    found = verdict(f"dcgan.{name}", [scalars | {metric: level} for scalars in HOLDS[f"dcgan.{name}"]])
    assert found.word == "inconclusive"
    assert f"at the floor: {says}" in found.reason


@pytest.mark.parametrize(
    ("name", "metric", "level"),
    [
        ("forget", "probes.forget.kept/dropped", 0.2),
        ("arithmetic", "probes.arithmetic.rate/pixels", 0.9),
        ("pose", "probes.pose.rank_correlation/mean_row", 0.6),
    ],
)
def test_the_second_statement_has_to_hold_too(verdict, name, metric, level):
    claim = f"dcgan.{name}"
    found = verdict(claim, [scalars | {metric: level} for scalars in HOLDS[claim]])
    also = CLAIMS[claim]["also"]
    assert found.word == "not reproduced"
    assert f"{also[-1]['says'] if isinstance(also, list) else also['says']}: not reproduced (" in found.reason


def test_a_few_that_forget_more_than_at_random_are_not_most(verdict):
    shares = ((0.3, 0.1), (0.31, 0.1), (0.32, 0.1))
    few = versus("probes.forget.lost/dropped", "probes.forget.lost/random", *shares)
    found = verdict(
        "dcgan.forget", [all_else | these for all_else, these in zip(HOLDS["dcgan.forget"], few, strict=True)]
    )
    assert (found.word, found.value.mean) == ("not reproduced", pytest.approx(0.21))
    assert found.reason.startswith("most samples with the object lose it: not reproduced (0.310 [0.285, 0.335])")


def test_what_a_probe_did_not_record_leaves_the_second_statement_open(verdict):
    lacking = [{k: v for k, v in run.items() if "mean_row" not in k} for run in HOLDS["dcgan.pose"]]
    found = verdict("dcgan.pose", lacking)
    assert found.word == "inconclusive"
    assert "the measure rises all the way: inconclusive (3 of 3 runs did not record it" in found.reason


def test_oscillation_by_hand(plant):
    """log: 0, log 2, 0, log 2 has a standard deviation of log 2 / sqrt 3; rows up to half of 2,000 updates are out."""
    values = [50.0, 9.0, 10.0, 20.0, 10.0, 20.0]
    run = Run(
        plant(rows=[{"generator_updates": 500 + 250 * n, "valid/frechet": v} for n, v in enumerate(values, start=1)])
    )
    assert run.value("valid/frechet", "swing") == pytest.approx(10 / 3**0.5)
    assert run.swing("valid/frechet", log=True) == pytest.approx(log(2) / 3**0.5)
    claim = CLAIMS["dcgan.bn_all"]
    assert value_of(run, claim, "swing") == run.swing("valid/frechet", log=True)


@pytest.mark.parametrize("last", [[10.0, 20.0], [10.0, 20.0, None], [10.0, float("nan"), 20.0, 10.0]])
def test_two_rows_or_one_without_a_number_have_no_swing(plant, last):
    assert (
        Run(plant(rows=[{"generator_updates": 1500 + n, "m": v} for n, v in enumerate(last)])).value("m", "swing")
        is None
    )


def test_swing_is_said_and_is_no_factor(verdict):
    found = verdict("dcgan.bn_all", HOLDS["dcgan.bn_all"])
    assert judged(found.claim) == "valid/frechet, guideline=base − guideline=norm_all"
    assert found.ours.endswith("(swing in the second half)")
    assert found.value.mean == pytest.approx(stdev(map(log, STILL[3:])) - stdev(map(log, SWINGS[3:])))


def test_a_course_that_swings_as_much_refutes_adam(verdict):
    cells = swinging(levels("frechet", 10.0, 20.0, 30.0), SWINGS, STILL, STILL)
    found = verdict("dcgan.adam", cells)
    assert found.word == "not reproduced"
    assert found.reason.startswith("than guideline=lr_high: reproduced; than guideline=beta1_high: reproduced; ")
    assert "swings less than with a beta1 of 0.9: not reproduced" in found.reason


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"also": {"says": "s", "test": "at_most"}}, "also: it has says, arguments"),
        (
            {"also": {"says": "s", "test": "at_most", "arguments": {"threshold": 0}, "at": "swing"}},
            "only a metric of its own",
        ),
        (
            {
                "also": {
                    "says": "s",
                    "test": "at_most",
                    "arguments": {"threshold": 0},
                    "metric": "m",
                    "versus": {"a": "b"},
                }
            },
            "not among the claim's",
        ),
        ({"at": "swing", "against": "m"}, "swing takes no against"),
        ({"floor": [{"metric": "m", "below": 1}, {"metric": "m"}]}, "either below or above"),
    ],
)
def test_a_second_statement_or_a_swing_that_cannot_be_judged_is_refused(tmp_path, wrong, says):
    (tmp_path / "p.yaml").write_text(yaml.safe_dump([CLAIMS["dcgan.walk"] | wrong]))
    with pytest.raises(UserError, match=says):
        load_claims(tmp_path)


def test_a_distance_that_is_the_same_is_no_improvement(verdict):
    found = verdict("dcgan.pool", [({"frechet": 10.0}, {"frechet": 10.0})] * 3)
    assert (found.word, found.ours) == ("not reproduced", "1 [1, 1]")


def test_one_activation_that_is_better_refutes(verdict):
    found = verdict("dcgan.act", FAILS["dcgan.act"])
    assert [part.rpartition(": ")[2] for part in found.reason.split("; ")[:4]] == [
        "reproduced", "reproduced", "reproduced", "not reproduced",
    ]  # fmt: skip
    assert "than guideline=maxout_d: not reproduced" in found.reason


def test_both_settings_of_adam_have_to_be_worse(verdict):
    found = verdict("dcgan.adam", levels("frechet", 10.0, 20.0, 5.0))
    assert found.reason.startswith("than guideline=lr_high: reproduced; than guideline=beta1_high: not reproduced")


def test_a_base_that_diverges_is_counted(plant, root):
    plant_guidelines(plant, seeds=6)
    claim = CLAIMS["dcgan.pool"] | {"versus": {"guideline": "no_norm"}}
    found = judge(claim, read_runs(root), "laptop")
    assert (found.word, found.value.n) == ("inconclusive", 5)
    assert "1 of 12 runs diverged; the other runs support it" in found.reason
    assert found.ours == "0.125 [0.125, 0.125]"


@pytest.mark.parametrize("name", ["forget", "arithmetic", "pose"])
def test_what_probes_found_since_is_judged(verdict, plant, root, name):
    claim, found = CLAIMS[f"dcgan.{name}"], verdict(f"dcgan.{name}", HOLDS[f"dcgan.{name}"])
    assert all((run.folder / "probes" / name / "result.json").is_file() for run in found.runs)
    plant(study=claim["study"], scale=found.scale, seed=3)  # a run that nobody probed yet
    later = judge(claim, read_runs(root), found.scale)
    assert (found.word, later.word, later.value.n) == ("reproduced", "inconclusive", 3)
    assert "1 of 4 runs did not record it; the other runs support it" in later.reason


@pytest.mark.parametrize("looked_at", [{"which": "best"}, {"generator_updates": 1000}])
def test_a_probe_of_other_weights_is_stale(verdict, root, looked_at):
    found = verdict("dcgan.forget", HOLDS["dcgan.forget"])
    path = found.runs[0].folder / "probes" / "forget" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | looked_at))
    first, *others = read_runs(root)
    assert (first.stale, first.probes) == (["forget"], {})
    assert all(run.stale == [] and run.probes.keys() == {"forget"} for run in others)
    again = judge(CLAIMS["dcgan.forget"], [first, *others], "laptop")
    assert (again.word, again.value.n) == ("inconclusive", 2)


@pytest.mark.parametrize("name", ["forget", "arithmetic", "pose"])
def test_probes_that_nobody_made_are_not_run(plant, root, name):
    claim = CLAIMS[f"dcgan.{name}"]
    for seed in range(3):
        plant(study=claim["study"], scale=claim["scales"][0], seed=seed)
    found = judge(claim, read_runs(root), claim["scales"][0])
    assert found.word == "not run"
    assert found.reason == f"no probe of these runs yet: python run.py probe={name} run=<each run>"


@pytest.mark.parametrize("name", ["cifar_features", "cifar_400", "svhn", "epochs", "late_collapse"])
def test_what_needs_the_papers_own_data_is_not_run_on_less(plant, root, name):
    claim = CLAIMS[f"dcgan.{name}"]
    plant(study=claim["study"])
    found = judge(claim, read_runs(root), "laptop")
    assert (found.word, found.reason) == ("not run", f"needs {claim['needs']}")


def test_kmeans_is_beaten_row_by_row(verdict):
    found = verdict("dcgan.cifar_features", each("features/accuracy", 0.812, 0.813, 0.814))
    assert found.word == "not reproduced"
    assert "above 1-layer K-means 0.806, below 3-layer K-means 0.82, below view-invariant K-means 0.819" in found.reason


def test_features_are_paired_with_their_better_control(verdict):
    pairs = ((0.5, 0.4), (0.6, 0.5), (0.7, 0.6))  # far apart from seed to seed, 0.1 above in each
    found = verdict("dcgan.features_learnt", versus("features/accuracy", "features/control", *pairs))
    assert (found.word, judged(found.claim)) == ("reproduced", "features/accuracy − features/control")
    assert found.value.mean == pytest.approx(0.1)


def test_neighbours_must_be_within_a_hundredth(verdict):
    found = verdict("dcgan.mnist_1nn", versus("one_nn/error_equal", "one_nn/real", (0.04, 0.031), (0.05, 0.031)) * 2)
    assert found.word == "inconclusive"


def test_late_collapse_needs_the_second_half(verdict):
    found = verdict("dcgan.late_collapse", [[0.6, 0.05, 0.05]] * 5)  # to 10,000 updates
    assert (found.word, found.value) == ("inconclusive", None)


def test_successes_are_counted_at_the_last_update(verdict):
    found = verdict("dcgan.bn", successes(10, 0))
    assert "1.00 [0.72, 1.00] (10 of 10) against 0.00 [0.00, 0.28] (0 of 10)" in found.ours
