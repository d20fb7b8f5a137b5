"""The claims about t-GAN: over rows from an update on, over classes, over other training data and machines."""

from math import log

import pytest
import yaml
from planted_claims import CLAIMS, FAILS, HOLDS
from planted_tgan import UPDATES, course
from planted_tgan_claims import (
    CLASSES,
    FALLING,
    FLAT,
    PER_CLASS,
    REAL,
    Course,
    apart,
    by_class,
    confused,
    diverse,
    scored,
    settling,
)

from ganrepro.errors import UserError
from ganrepro.report.claims import command, judge, judged, load_claims
from ganrepro.report.measured import mean_after, slope_after, value_of
from ganrepro.report.records import Run, read_runs

IDS = ["heavy_tail", "codeword", "class_loss", "mnist", "mnist_data", "fashion", "fashion_converges", "two_log_two"]
IDS += ["cifar", "pixelcnn"]
MINE = [claim for name, claim in CLAIMS.items() if name.startswith("tgan.")]


def test_every_claim_of_the_paper_is_there():
    assert [claim["id"].partition(".")[2] for claim in MINE] == IDS
    assert all(claim["seeds"] >= 5 for claim in MINE)


# Scores. -------------------------------------------------------------------------------------------------------


def test_the_modified_score_has_to_agree(verdict):
    own = {"inception_score": 8.0, "modified_inception_score": 1.1} | REAL
    found = verdict("tgan.heavy_tail", apart(own, scored(False)))
    assert (found.word, found.value.mean) == ("not reproduced", pytest.approx(2))
    assert "its modified score is higher too: not reproduced" in found.reason


@pytest.mark.parametrize("whose", ["own", "rival"])
def test_above_real_images_the_modified_score_is_told_and_does_not_count(verdict, whose):
    """Lower or higher than the rival's: where one of the two is above the real images' there is nothing to compare."""
    own, rival = scored(True), scored(False)
    own, rival = (confused(own), rival) if whose == "own" else (own, confused(rival))
    found = verdict("tgan.heavy_tail", apart(own, rival))
    assert found.word == "reproduced"
    assert "its modified score is higher too: reported (" in found.reason
    assert "inconclusive: the classifier is confused: modified_inception_score is 2.5" in found.reason
    assert "above real/modified_inception_score, 1.7)" in found.reason


def test_what_is_only_told_says_that_the_classifier_is_confused(verdict):
    found = verdict("tgan.class_loss", apart(confused(diverse(False, 7.0)), diverse(True, 9.0)))
    assert found.word == "not reproduced", "the inception score alone decides"
    assert found.reason.count("inconclusive: the classifier is confused") == 2


def test_a_confused_rival_hides_only_itself(verdict):
    """Of the four baselines one is above real images; another's modified score is higher, and counts."""
    low, higher = scored(False), scored(False) | {"modified_inception_score": 1.65}
    found = verdict("tgan.mnist", apart(scored(True), low, low, confused(low), low))
    assert found.word == "reproduced"
    assert "than model=acgan: reported (inconclusive: the classifier is confused" in found.reason
    assert verdict("tgan.fashion", apart(scored(True), low, low, confused(low), higher)).word == "not reproduced"


def test_without_the_real_images_score_the_modified_one_does_not_count(verdict):
    bare = [tuple({k: v for k, v in cell.items() if k not in REAL} for cell in seed) for seed in HOLDS["tgan.fashion"]]
    found = verdict("tgan.fashion", bare)
    assert found.word == "reproduced"
    assert "real/modified_inception_score is not recorded" in found.reason


@pytest.mark.parametrize("name", ["tgan.codeword", "tgan.cifar"])
@pytest.mark.parametrize("planted", [HOLDS, FAILS])
def test_a_claim_about_diversity_alone_is_open_where_the_classifier_is_confused(verdict, name, planted):
    found = verdict(name, [(confused(own), confused(rival)) for own, rival in planted[name]])
    assert found.word == "inconclusive"
    assert "the classifier is confused: modified_inception_score is 2.5, above" in found.reason


def test_a_share_of_the_other_metric(verdict, monkeypatch):
    bound = CLAIMS["tgan.cifar"]["floor"][1] | {"share": 0.8}  # 0.8 * 1.7 is below 1.5
    monkeypatch.setitem(CLAIMS, "tgan.cifar", CLAIMS["tgan.cifar"] | {"floor": bound})
    found = verdict("tgan.cifar", by_class(4))
    assert found.word == "inconclusive"
    assert "is 1.5, above 0.8 times real/modified_inception_score, 1.7" in found.reason


def test_no_difference_is_no_gain(verdict):
    found = verdict("tgan.heavy_tail", [(scored(True), scored(True))] * 5)
    assert (found.word, found.ours) == ("not reproduced", "0 [0, 0]")


def test_one_better_rival_is_enough(verdict):
    found = verdict("tgan.mnist", FAILS["tgan.mnist"])
    assert found.word == "not reproduced"
    assert found.reason.startswith("than model=gan: reproduced; than model=dcgan: reproduced; than model=acgan: repro")
    assert "than model=deligan: not reproduced" in found.reason


def test_pictures_of_nothing_are_not_diverse(verdict):
    bad = {"inception_score": 1.3}
    found = verdict("tgan.codeword", apart(diverse(True, 9.0) | bad, diverse(False, 7.0) | bad))
    assert found.word == "inconclusive"
    assert "at the floor: inception_score is 1.3, below 2" in found.reason


def test_what_the_literature_says_of_diversity_is_told_and_not_judged(verdict):
    found = verdict("tgan.class_loss", HOLDS["tgan.class_loss"])  # its distances are the smaller ones
    assert found.word == "reproduced"
    assert "diversity within classes, which the literature expects to drop: reported (-2.0" in found.reason


# Other training data. ------------------------------------------------------------------------------------------


def test_unequal_data_are_departures_with_a_command_each(plant, root):
    claim = CLAIMS["tgan.mnist_data"]
    for seed in range(5):
        plant(study=claim["study"], scale="workstation", seed=seed, cell="model=tgan-1", data={"name": "mnist"},
              coordinates={"model": "tgan"}, final=scored(True))  # fmt: skip
    found = judge(claim, read_runs(root), "workstation")
    assert found.word == "not run"
    assert "model=acgan, data.images=null and of model=dcgan, data.images=null" in found.reason
    words = "experiment=tgan_mnist scale=workstation"
    assert command(claim, "workstation") == (
        f"python run.py -m {words} and python run.py {words} model=acgan data.images=null "
        f"and python run.py {words} model=dcgan data.images=null"
    )
    for model in ("acgan", "dcgan"):
        place = {"coordinates": {"model": model}, "departures": {"data.images": "null"}, "data": {"name": "mnist"}}
        for seed in range(5):
            given = {"cell": f"model={model},data.images=null-2", "final": scored(False), **place}
            plant(study=claim["study"], scale="workstation", seed=seed, **given)
    assert judge(claim, read_runs(root), "workstation").word == "reproduced"


def test_equal_data_do_not_stand_for_unequal_ones(verdict, plant, root):
    found = verdict("tgan.mnist", HOLDS["tgan.mnist"], data={"name": "mnist"})
    assert found.word == "reproduced"
    assert judge(CLAIMS["tgan.mnist_data"], read_runs(root), found.scale).word == "not run"


def test_digits_do_not_tell_how_much_of_mnist_is_enough(verdict):
    found = verdict("tgan.mnist_data", HOLDS["tgan.mnist_data"], data={"name": "digits", "stand_in_for": "MNIST"})
    assert found.word == "not run"
    assert found.reason.endswith("these runs are on digits, standing in for MNIST")


# Losses. -------------------------------------------------------------------------------------------------------


def of_rows(plant, *points):
    return Run(plant(rows=[{"generator_updates": n, "m": value} for n, value in points]))


def test_slope_and_mean_by_hand(plant):
    run = of_rows(plant, (1000, 50.0), (2000, 40.0), (3000, 1.0), (4000, 3.0), (6000, 5.0))
    # x less its mean 13/3: -4/3, -1/3, 5/3, of squares 42/9; y less its mean 3: -2, 0, 2; 18/3 over 42/9 is 9/7
    assert slope_after(run, "m", 2000) == pytest.approx(9 / 7)
    assert mean_after(run, "m", 2000) == 3
    claim = CLAIMS["tgan.fashion_converges"] | {"metric": "m", "from": 2000}
    assert value_of(run, claim, "slope_after") == pytest.approx(9 / 7)
    assert value_of(run, claim, "mean_after") == 3


@pytest.mark.parametrize("last", [(), ((5000, float("nan")), (6000, 1.0))])
def test_two_later_rows_or_one_without_a_number_say_nothing(plant, last):
    run = of_rows(plant, (1000, 9.0), (3000, 1.0), (4000, 2.0), *last)
    assert mean_after(run, "m", 2000) is slope_after(run, "m", 2000) is None


@pytest.mark.parametrize("name", ["tgan.fashion_converges", "tgan.two_log_two"])
def test_short_runs_cannot_say_that_losses_settle(verdict, name):
    found = verdict(name, HOLDS[name], updates_wanted=7500)
    assert (found.word, found.value) == ("not run", None)
    assert found.reason == "needs runs longer than 7,500 updates; the longest of these has 7,500"


def test_slopes_are_told_per_thousand_updates(verdict):
    found = verdict("tgan.fashion_converges", FAILS["tgan.fashion_converges"])
    assert found.value.mean == pytest.approx(-0.2, abs=0.01)
    assert found.ours.endswith("(slope after 7,500 updates, per 1,000)")


def test_a_d_that_does_not_settle_refutes(verdict):
    found = verdict("tgan.fashion_converges", settling(FLAT, FALLING))
    assert found.word == "not reproduced"
    assert found.reason.startswith("D's is flat as well: not reproduced (-0.2")


def test_settled_losses_as_a_run_leaves_them(plant, root):
    """G's falls to log 2 by 7,500 updates; the totals have a constant besides."""
    for seed in range(5):
        long = {"generator_updates": UPDATES, "updates_wanted": UPDATES, "rows": course(seed, 1.0)}
        place = {"cell": "model=tgan-1", "coordinates": {"model": "tgan"}}
        plant(study="tgan_fashion_mnist", scale="workstation", seed=seed, **place, **long)
    flat, stated = (judge(CLAIMS[f"tgan.{name}"], read_runs(root), "workstation") for name in IDS[6:8])
    assert (flat.word, stated.word) == ("reproduced", "not reproduced")
    assert stated.value.mean == pytest.approx(log(2), abs=0.01)
    said = stated.reason.split("; ")
    assert said[0] == "as the formulas have it, G's is near log 2: reproduced"
    assert said[1].startswith("D's is near 2 log 2: reproduced (1.38")
    assert said[2].startswith("G's with the classification loss and the penalty: reported (1.69")


def test_both_at_two_log_two_is_what_is_stated(verdict):
    found = verdict("tgan.two_log_two", HOLDS["tgan.two_log_two"])
    assert found.word == "reproduced"
    assert "G's is near log 2: not reproduced" in found.reason


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"at": "slope_after"}, "slope_after takes from"),
        ({"at": "mean_after", "from": 10, "against": "m"}, "mean_after takes from, and no against"),
        ({"at": "mean_after", "from": 10, "log": True}, "no log"),
        ({"several": {"each": "m/"}}, "several: it has each and at_least"),
        ({"floor": {"metric": "m", "above_metric": "n"}}, "floor: it has a metric, and either"),
        ({"also": {"says": "s", "metric": "m", "unless": {"metric": "m"}, "test": "at_most",
                   "arguments": {"threshold": 0}}}, "also: unless: it has a metric, and either"),
        ({"also": {"says": "s", "metric": "m", "at": "slope_after", "test": "at_most", "arguments": {"threshold": 0}}},
         "also: at: slope_after takes from"),
    ],
)  # fmt: skip
def test_a_course_or_a_count_that_cannot_be_told_is_refused(tmp_path, wrong, says):
    (tmp_path / "p.yaml").write_text(yaml.safe_dump([CLAIMS["tgan.heavy_tail"] | wrong]))
    with pytest.raises(UserError, match=says):
        load_claims(tmp_path)


# Classes. ------------------------------------------------------------------------------------------------------


def test_three_classes_are_several(verdict):
    found = verdict("tgan.cifar", by_class(3))
    assert (found.word, found.value.n) == ("reproduced", 5)
    assert found.reason.startswith("in 3 of 10 (class 0, class 1, class 2); the inception score beside it: reported (")


def test_two_are_not(verdict):
    assert verdict("tgan.cifar", by_class(2)).word == "not reproduced"


def test_classes_that_are_higher_by_chance_do_not_count(verdict):
    seeds = by_class(10)
    for place, (own, _) in enumerate(seeds):
        for n, name in enumerate(CLASSES):
            own[PER_CLASS + name] = 1.2 + 0.1 * (-1) ** (n + place)  # three seeds above, or two
    found = verdict("tgan.cifar", seeds)
    assert found.word == "inconclusive"
    assert "in 0 of 10, open in 10; needs about" in found.reason


def test_a_class_that_a_seed_has_no_samples_of_stays_open(verdict):
    seeds = by_class(3)
    del seeds[0][0][PER_CLASS + CLASSES[0]]
    found = verdict("tgan.cifar", seeds)
    assert found.word == "inconclusive"
    assert found.reason.startswith("in 2 of 10 (class 1, class 2), open in 1; needs far more seeds")


def test_runs_without_scores_of_classes_refute_nothing(verdict):
    found = verdict("tgan.cifar", apart(scored(True), scored(False)))
    assert (found.word, found.reason[:10]) == ("inconclusive", "in 0 of 0;")


# Time. ---------------------------------------------------------------------------------------------------------


def test_seconds_are_where_the_kind_of_run_has_them(verdict):
    """t-GAN's are in its record: 61.2 in every planted run."""
    found = verdict("tgan.pixelcnn", apart(scored(True), scored(False) | {"train_seconds": 612.0}))
    assert (found.word, found.ours) == ("reproduced", "0.1 [0.1, 0.1]")
    assert judged(found.claim) == "train_seconds or speed.train_seconds, model=tgan over model=pixelcnn"


def test_another_machine_is_no_yardstick(verdict, plant, root):
    verdict("tgan.pixelcnn", HOLDS["tgan.pixelcnn"])
    for seed in range(5):
        path = next(root.glob(f"*/*/model=tgan-0/seed={seed}/result.json"))
        path.write_text(path.read_text().replace("A CPU", "Another"))
    found = judge(CLAIMS["tgan.pixelcnn"], read_runs(root), "laptop")
    assert found.word == "inconclusive"
    assert found.reason.startswith("these runs differ in hardware")


def test_faster_but_no_better_is_not_enough(verdict):
    own, rival = scored(False) | {"train_seconds": 1.0}, scored(True) | {"train_seconds": 90.0}
    found = verdict("tgan.pixelcnn", apart(own, rival))
    assert found.word == "not reproduced"
    assert "its inception score is higher: not reproduced" in found.reason


def test_a_planted_course_is_as_long_as_it_says():
    assert Course({"m": [1.0] * 7}).run["rows"][-1]["generator_updates"] == 12_000
