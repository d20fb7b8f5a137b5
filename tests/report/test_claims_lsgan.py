"""Claims over two cells, over counted runs, and what hides or refuses them."""

from math import log

import pytest
import yaml
from planted_claims import (
    BAD,
    CLAIMS,
    FALLS,
    GOOD,
    HOLDS,
    KEEPS,
    LARGER,
    RULE,
    SMALL_BAD,
    SMALL_GOOD,
    SMALLER,
    levels,
    successes,
)
from planted_lsgan import plant_stability

from ganrepro.errors import UserError
from ganrepro.report.claims import claim_hash, judge, judged, load_claims
from ganrepro.report.criteria import extremes, it_happens, more_often, most_and_few
from ganrepro.report.events import collapse_time, keeps
from ganrepro.report.records import Run, read_runs
from ganrepro.report.statistics import Count, fisher, seeds_for_fisher, seeds_for_side

IDS = ["opt_d", "chi2", "gradient", "bng_adam", "bngd_rmsprop", "bng_rmsprop", "bngd_adam", "rmsprop", "ring", "scenes"]
IDS += ["codings", "cifar_is", "hwdb", "mapping", "uncond_fails", "small_var", "late"]
MINE = [claim for name, claim in CLAIMS.items() if name.startswith("lsgan.")]
STABILITY = ["lsgan.bng_adam", "lsgan.bngd_rmsprop", "lsgan.bng_rmsprop", "lsgan.bngd_adam", "lsgan.rmsprop"]


def test_every_claim_of_the_paper_is_there():
    assert [claim["id"].partition(".")[2] for claim in MINE] == IDS


@pytest.mark.parametrize("name", STABILITY)
def test_the_rule_of_success_is_in_the_hash_of_every_stability_claim(name):
    claim = CLAIMS[name]
    rule = RULE | {"frechet": {"at_most": 12345}}
    assert claim["ceiling"] == RULE
    assert claim_hash(claim | {"ceiling": rule}) != claim_hash(claim)


# Numbers by hand. ----------------------------------------------------------------------------------------------


def test_fisher_by_hand():
    # 5 of 10 against 0 of 10: the margins 5 and 15 of 20; both tails are C(10, 5) / C(20, 5) = 252 / 15504
    assert fisher(Count(5, 10), Count(0, 10)) == pytest.approx(2 * 252 / 15504)
    assert fisher(Count(3, 3), Count(0, 3)) == pytest.approx(2 / 20)  # three runs can never tell
    assert fisher(Count(4, 10), Count(4, 10)) == 1


def test_wilson_of_a_count():
    # z^2 = 3.8415: 0 of 10 ends at z^2 / (10 + z^2); 5 of 10 is 0.5 ± z sqrt(10 / 4 + z^2 / 4) / (10 + z^2)
    assert Count(0, 10).rate.high == pytest.approx(3.8415 / 13.8415, abs=1e-4)
    assert Count(5, 10).rate.low == pytest.approx(0.5 - 1.95996 * (2.5 + 3.8415 / 4) ** 0.5 / 13.8415, abs=1e-4)
    assert (Count(0, 0).rate.low, Count(0, 0).rate.high) == (0, 1)


def test_more_often_by_hand():
    assert more_often(Count(5, 10), Count(0, 10)).word == "reproduced"
    assert more_often(Count(0, 10), Count(5, 10)).word == "not reproduced"
    open_ = more_often(Count(4, 10), Count(1, 10))
    assert (open_.word, open_.seeds) == ("inconclusive", seeds_for_fisher(Count(4, 10), Count(1, 10)))
    assert fisher(Count(round(0.4 * open_.seeds), open_.seeds), Count(round(0.1 * open_.seeds), open_.seeds)) < 0.05
    assert more_often(Count(4, 10), Count(4, 10)).seeds is None


def test_never_is_refuted_only_where_wilsons_interval_lies_above():
    # 4 of 10 begins at 0.168, 2 of 10 at 0.057
    refuted = more_often(Count(10, 10), Count(4, 10), never=0.1)
    assert refuted.word == "not reproduced"
    assert "the order holds, but 4 of 10 is more than 0.1" in refuted.reason
    assert more_often(Count(10, 10), Count(2, 10), never=0.1).word == "reproduced"


def test_most_and_few_by_hand():
    # 9 of 10 begins at 0.596, 8 of 10 at 0.490
    assert most_and_few(Count(9, 10), Count(1, 10)).word == "reproduced"
    assert most_and_few(Count(8, 10), Count(1, 10)).word == "inconclusive"
    assert most_and_few(Count(0, 10), Count(0, 10)).word == "not reproduced"
    assert most_and_few(Count(10, 10), Count(10, 10)).word == "not reproduced"
    assert most_and_few(Count(5, 10), Count(0, 10)).seeds is None
    assert seeds_for_side(Count(8, 10), 0.5) == most_and_few(Count(8, 10), Count(1, 10)).seeds > 10


def test_it_happens_by_hand():
    assert it_happens(Count(1, 10), 0.3).word == "reproduced"
    assert it_happens(Count(0, 10), 0.3).word == "not reproduced"  # Wilson's interval ends at 0.278
    few = it_happens(Count(0, 5), 0.3)  # at 0.434; z^2 / (n + z^2) is below 0.3 from n = 9 on
    assert (few.word, few.seeds) == ("inconclusive", 9)


def test_extremes_by_hand():
    assert extremes(Count(10, 10), Count(3, 3)).startswith("at the ceiling: both always succeed (10 of 10 and 3 of 3")
    assert extremes(Count(0, 10), Count(0, 10)).startswith("at the floor: both never succeed")
    assert extremes(Count(10, 10), Count(0, 10)) == extremes(Count(9, 10), Count(10, 10)) == ""
    assert extremes(Count(0, 0), Count(1, 1)) == ""


def test_a_rule_is_kept_within_all_its_bounds():
    rule = {"a": {"at_most": 2}, "b": {"at_least": 0.5, "at_most": 1.5}, "c": {"at_least": 1, "if_labelled": True}}
    assert keeps({"a": 2.0, "b": 0.5, "c": 1.0}, rule)
    assert keeps({"a": 1.0, "b": 1.5}, rule)  # data without classes
    assert [keeps({"a": 1.0, "b": b, "c": 1.0}, rule) for b in (0.4, 1.6)] == [False, False]
    assert keeps({"a": 1.0, "b": 1.0, "c": 0.9}, rule) is False
    assert keeps({"a": None, "b": 1.0, "c": 1.0}, rule) is None


def test_time_of_collapse(plant):
    def run(seed, modes):
        return Run(plant(seed=seed, rows=[{"generator_updates": n * 10, "modes": m} for n, m in enumerate(modes)]))

    assert collapse_time(run(0, [0, 8, 7, 8, 6, 5]), "modes", 8) == 40
    assert collapse_time(run(1, [0, 8, 7, 8]), "modes", 8) is None
    assert collapse_time(run(2, [0, 7, 7]), "modes", 8) == 0
    assert collapse_time(run(3, [None]), "modes", 8) is None


# Verdicts. -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STABILITY)
@pytest.mark.parametrize(("of", "place"), [(GOOD, "ceiling: both always"), (BAD, "floor: both never")])
def test_cells_that_all_succeed_or_fail_say_nothing(verdict, name, of, place):
    found = verdict(name, [(of, of)] * 6)
    assert found.word == "inconclusive"
    count = 6 if of is GOOD else 0
    assert f"at the {place} succeed ({count} of 6 and {count} of 6 runs)" in found.reason


def test_a_ring_where_both_keep_all_modes_refutes(verdict):
    found = verdict("lsgan.ring", [(KEEPS, KEEPS)] * 6)
    assert (found.word, found.ours) == (
        "not reproduced",
        "0.00 [0.00, 0.39] (0 of 6) against 0.00 [0.00, 0.39] (0 of 6)",
    )


def test_a_mode_that_comes_back_is_no_collapse(verdict):
    assert verdict("lsgan.ring", [([0, 8, 8, 7, 8, 7], KEEPS)] * 6).word == "not reproduced"


def test_a_ring_that_was_cut_short_says_nothing(verdict):
    found = verdict("lsgan.ring", [(FALLS[:3], KEEPS[:3])] * 6)  # to 10,000 updates
    assert (found.word, found.value) == ("inconclusive", None)
    assert "12 of 12 runs did not record it" in found.reason


def test_a_rate_needs_enough_runs_to_tell(verdict):
    found = verdict("lsgan.bng_adam", successes(3, 1))
    assert found.word == "inconclusive"
    assert found.reason.startswith("Fisher's p = 0.58; needs about")
    assert verdict("lsgan.small_var", successes(7, 2, 10, SMALL_GOOD, SMALL_BAD)).word == "inconclusive"


def test_never_means_never(verdict):
    found = verdict("lsgan.bng_adam", successes(10, 5))
    assert (found.word, found.value.n) == ("not reproduced", 10)
    assert "the order holds, but 5 of 10 is more than 0.1" in found.reason


def test_a_diverged_run_has_failed(verdict, plant, root):
    plant_stability(plant, seeds=6, control=False)
    runs = read_runs(root)
    [lost] = [run for run in runs if run.status == "diverged"]
    claim = CLAIMS["lsgan.bng_adam"]
    cells = {"cells": lost.choices, "versus": claim["versus"]}
    found = judge(claim | cells, runs, "laptop")
    assert found.value.n == 6
    assert "did not record" not in found.reason


def test_a_run_without_a_metric_of_the_rule_is_not_counted(verdict):
    lacking = {key: value for key, value in GOOD.items() if key != "diversity"}
    found = verdict("lsgan.rmsprop", [*successes(9, 0, 9), (lacking, BAD)])
    assert (found.word, found.value.n) == ("inconclusive", 9)
    assert "1 of 20 runs did not record it; the other runs support it" in found.reason


def test_samples_that_are_not_finite_have_failed(verdict):
    broken = {metric: float("nan") for metric in GOOD}
    found = verdict("lsgan.rmsprop", [(GOOD, broken)] * 8)
    assert (found.word, found.value.n) == ("reproduced", 8)
    assert "(8 of 8) against 0.00 [0.00, 0.32] (0 of 8)" in found.ours


def test_data_without_classes_are_judged_by_the_rest_of_the_rule(verdict):
    always = [metric for metric, bounds in RULE.items() if not bounds.get("if_labelled")]
    unlabelled = [tuple({key: measured[key] for key in always} for measured in pair) for pair in successes(9, 0)]
    assert verdict("lsgan.rmsprop", unlabelled).word == "reproduced"


def test_last_and_best_rates_are_both_shown_and_judged(plant, root):
    plant_stability(plant, control=False)
    found = judge(CLAIMS["lsgan.bng_adam"], read_runs(root), "laptop")
    assert found.ours == (
        "0.50 [0.24, 0.76] (5 of 10) against 0.00 [0.00, 0.28] (0 of 10) (last), "
        "1.00 [0.72, 1.00] (10 of 10) against 0.50 [0.24, 0.76] (5 of 10) (best)"
    )
    best = judge(CLAIMS["lsgan.bng_adam"], read_runs(root), "laptop", at="best")
    assert (found.word, best.word, best.changed) == ("reproduced", "not reproduced", False)
    assert best.ours.endswith("(0 of 10) (last)")


def test_factors_are_told_as_factors(verdict):
    found = verdict("lsgan.codings", levels("frechet", 20.0, 40.0))
    assert found.value.mean == pytest.approx(log(0.5) + sum(log(s) for s in (1, 1.02, 0.98, 1.01, 0.99)) / 5)
    # s of the logarithms is 0.0158, t(4) 2.776 / sqrt 5: a half width of 0.0197, so 0.5 / 1.02 to 0.5 * 1.02
    assert found.ours == "0.4999 [0.4902, 0.5099]"
    assert judged(found.claim) == "frechet, labels=minus_one over labels=zero_one"
    assert "the journal, (-1, 1, 0) is better: reproduced" in found.reason
    assert found.word == "not reproduced"


def test_alike_asks_for_a_narrow_interval(verdict):
    wide = [({"frechet": v}, {"frechet": 20.0}) for v in (10.0, 20.0, 40.0)]
    found = verdict("lsgan.codings", wide)
    assert found.word == "inconclusive"
    assert "needs about" in found.reason
    assert "the journal, (-1, 1, 0) is better: inconclusive" in found.reason


def test_the_worst_of_several_rivals_counts(verdict):
    found = verdict("lsgan.scenes", levels("frechet", 35.0, 30.0, 40.0))
    assert (found.word, found.reason.split("; on ")[0]) == (
        "not reproduced",
        "than loss=gan: not reproduced; than loss=ebgan: reproduced",
    )
    assert found.ours.count("[") == 2
    assert judged(found.claim) == "frechet, loss=lsgan over loss=gan and over loss=ebgan"


def test_a_rival_without_runs_is_named(plant, root):
    for seed, (own, rival, _) in enumerate(HOLDS["lsgan.scenes"]):
        plant(study="lsgan_scenes", seed=seed, cell="a-0", coordinates={"loss": "lsgan"}, final=own)
        plant(study="lsgan_scenes", seed=seed, cell="b-0", coordinates={"loss": "gan"}, final=rival)
    found = judge(CLAIMS["lsgan.scenes"], read_runs(root), "laptop")
    assert (found.word, found.reason) == (
        "not run",
        "no finished run yet of loss=ebgan: python run.py -m experiment=lsgan_scenes scale=laptop",
    )


def test_pairs_are_by_seed(plant, root):
    for seed in range(4):
        own, rival = {"frechet": 10.0 * 2**seed}, {"frechet": 10.5 * 2**seed}
        plant(study="lsgan_codings", seed=seed, cell="a-0", coordinates={"labels": "minus_one"}, final=own)
        plant(study="lsgan_codings", seed=seed + 1, cell="b-0", coordinates={"labels": "zero_one"}, final=rival)
    found = judge(CLAIMS["lsgan.codings"], read_runs(root), "laptop")
    assert (found.value.n, found.ours) == (3, "1.905 [1.905, 1.905]")
    assert len(found.runs) == 8


def test_no_seed_in_both_cells(plant, root):
    for seed, labels in ((0, "minus_one"), (1, "zero_one")):
        plant(
            study="lsgan_codings", seed=seed, cell=f"{labels}-0", coordinates={"labels": labels}, final={"frechet": 1.0}
        )
    found = judge(CLAIMS["lsgan.codings"], read_runs(root), "laptop")
    assert (found.word, found.value) == ("inconclusive", None)
    assert found.reason.startswith("no seed is done in both cells")


def test_a_diverged_rival_is_counted(verdict):
    seeds = levels("frechet", 20.0, 21.0)
    found = verdict("lsgan.codings", seeds, ["done"] * 4 + ["diverged"])
    assert (found.word, found.value.n) == ("inconclusive", 4)
    assert "2 of 10 runs diverged; the other runs support it" in found.reason


def test_the_map_must_cost_less(verdict):
    found = verdict("lsgan.mapping", levels("agreement", 0.7, 0.7, more=(LARGER, SMALLER)))
    assert found.word == "not reproduced"
    assert "parameters/generator 2,000,000 against 1,000,000; " in found.reason


def test_costs_that_were_not_recorded_leave_it_open(verdict):
    found = verdict("lsgan.mapping", levels("agreement", 0.7, 0.7))
    assert found.word == "inconclusive"
    assert "megabytes is not recorded" in found.reason


@pytest.mark.parametrize("name", ["lsgan.hwdb", "lsgan.uncond_fails", "lsgan.mapping"])
def test_ten_digits_are_not_many_classes(plant, root, name):
    plant(study="lsgan_hwdb", final={"agreement": 1.0}, coordinates={"condition": "mapped"})
    found = judge(CLAIMS[name], read_runs(root), "laptop")
    assert found.word == "not run"
    assert found.reason.startswith("needs ")


def test_late_collapse_is_told_by_the_worst_run(verdict):
    found = verdict("lsgan.late", [{"frechet": v} for v in (31.0, 61.0, 31.0, 31.0)])
    assert (found.word, found.reason.split(";")[0]) == ("reproduced", "in 1 of 4 runs")


def test_stand_ins_are_named(plant, root):
    plant_stability(plant, seeds=5, control=False)
    found = judge(CLAIMS["lsgan.rmsprop"], read_runs(root), "laptop")
    assert found.reason.endswith("on digits, standing in for LSUN bedroom")


def test_controls_do_not_enter(plant, root):
    plant_stability(plant, seeds=5)
    found = judge(CLAIMS["lsgan.bng_adam"], read_runs(root), "laptop")
    assert {run.choices["norm"] for run in found.runs} == {"no_g"}


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("lsgan.bng_adam", {"test": "at_least"}, "test is one of more_often, most_and_few, mostly, it_happens"),
        ("lsgan.bng_adam", {"metric": "succes"}, "rule: metric is one of success, collapse, late"),
        ("lsgan.bng_adam", {"rule": {}}, "rule: a rule is a mapping"),
        ("lsgan.bng_adam", {"rule": {"frechet_ratio": {"at_mots": 3}}}, "frechet_ratio has at_least or at_most"),
        ("lsgan.bng_adam", {"rule": {"frechet_ratio": {"at_most": "x"}}}, "with a number"),
        ("lsgan.bng_adam", {"rule": {"a": {"at_most": 1, "if_labelled": True}}}, "every metric is if_labelled"),
        ("lsgan.ring", {"rule": {"metric": "modes", "below": 8}}, "a rule of collapse has below, from, metric"),
        ("lsgan.bng_adam", {"arguments": {"nevr": 1}}, "more_often: .*nevr"),
        ("lsgan.late", {"versus": {"loss": "gan"}}, "it_happens"),
        ("lsgan.bngd_adam", {"ceiling": {"a": 1}}, "ceiling: a has at_least"),
        ("lsgan.hwdb", {"ceiling": {"a": {"at_most": 1}}}, "ceiling: it takes versus"),
        ("lsgan.codings", {"also": {"says": "x"}}, "also: it has says, arguments, and a test"),
        ("lsgan.codings", {"also": {"says": "x", "test": "at_most", "arguments": {}}}, "also: at_most: "),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, name, change, says):
    (tmp_path / "x.yaml").write_text(yaml.safe_dump([CLAIMS[name] | change]))
    with pytest.raises(UserError, match=says):
        load_claims(tmp_path)
