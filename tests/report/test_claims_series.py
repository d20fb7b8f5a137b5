"""Claims over rows, over doses, and on one data set only."""

from math import e, log

import pytest
from planted_claims import CLAIMS, HOLDS

from ganrepro.report.claims import judge, judged
from ganrepro.report.measured import slope
from ganrepro.report.records import Run, by_dose, read_runs, scales_of, shown_cell

FACES = {"name": "yaleB48", "stand_in_for": "TFD"}


def test_mean_by_hand(verdict):
    # means 1, 2, 6; s = sqrt 7; half width 4.3027 sqrt 7 / sqrt 3 = 6.57
    found = verdict("gan.saturates", [[0.0, 2.0], [1.0, 2.0, 3.0], [6.0]])
    assert found.ours == "3.0 [-3.6, 9.6] (mean of the rows)"
    assert found.other is None
    assert found.word == "inconclusive"


def test_change_is_the_last_row_less_the_first(verdict):
    found = verdict("gan.half", [[0.5, 0.9, 0.4], [0.5, 0.0, 0.3], [0.5, 0.2]])
    assert found.value.mean == pytest.approx(-0.2)
    assert found.ours.endswith("(last row less the first)")


def test_rows_without_the_metric_do_not_count(plant):
    rows = [{"generator_updates": 1, "d_deviation": 0.5}, {"generator_updates": 2}]
    run = Run(plant(rows=[*rows, {"generator_updates": 3, "d_deviation": 0.2}, {"loss": 1.0}]))
    assert run.value("d_deviation", "change") == pytest.approx(-0.3)
    assert run.value("d_deviation", "mean") == pytest.approx(0.35)
    assert run.value("loss", "mean") == 1.0
    assert run.value("loss", "change") is run.value("nothing", "mean") is run.value("nothing", "change") is None


@pytest.mark.parametrize("rows", [[0.5], [0.5, None], [float("nan"), 0.5, 0.1], []])
def test_rows_that_leave_it_open(verdict, rows):
    found = verdict("gan.half", [rows, *HOLDS["gan.half"]])
    assert found.word == "inconclusive"
    assert "1 of 4 runs did not record it; the other runs support it" in found.reason


def test_a_deviation_that_stays_has_not_fallen(verdict):
    assert verdict("gan.half", [[0.5, 0.5]] * 3).word == "not reproduced"


def test_slope_by_hand():
    assert slope([(log(d), 3 - 0.5 * log(d)) for d in (1, 5, 25, 125)]) == pytest.approx(-0.5)
    assert slope([(0, 1), (1, 0), (2, 2)]) == 0.5  # (-1 * 1 + 0 * 0 + 1 * 2) / 2


def test_the_slope_is_per_e_fold_of_the_dose(verdict):
    doses = (1, e, e**2)
    found = verdict("gan.helvetica", [{f"{d:.17g}": 1 - step * log(d) for d in doses} for step in (0.1, 0.2, 0.3)])
    # s = 0.1; half width 4.3027 * 0.1 / sqrt 3 = 0.248
    assert str(found.value) == "-0.20 [-0.45, 0.05]"
    assert found.word == "inconclusive"
    assert judged(found.claim) == "slope of diversity against log generator_steps"


def test_a_seed_needs_three_doses_whichever(verdict):
    lacking = [{1: 0.8, 5: 0.7, 125: 0.2}, {5: 0.8, 25: 0.7, 125: 0.2}, {1: 0.8, 5: 0.1}]
    found = verdict("gan.helvetica", lacking)
    assert (found.word, found.value.n) == ("inconclusive", 2)
    assert "2 of at least 3 seeds" in found.reason


def test_two_doses_are_no_response(verdict):
    found = verdict("gan.helvetica", [{1: 0.8, 125: 0.1}] * 4)
    assert (found.word, found.value) == ("inconclusive", None)
    assert found.reason.startswith("no seed is done in 3 doses of generator_steps")


def test_no_response_is_no_collapse(verdict):
    assert verdict("gan.helvetica", [dict.fromkeys((1, 5, 25), 1.0)] * 3).word == "not reproduced"


def test_a_dose_that_diverged_is_counted(verdict, plant, root):
    verdict("gan.helvetica", HOLDS["gan.helvetica"])
    place = {"cell": "generator_steps=625-0", "coordinates": {"generator_steps": "625"}}
    plant(study="gan_helvetica", status="diverged", **place)
    found = judge(CLAIMS["gan.helvetica"], read_runs(root), "laptop")
    assert (found.word, found.value.n, len(found.runs)) == ("inconclusive", 3, 13)
    assert "1 of 13 runs diverged; the other runs support it" in found.reason


@pytest.mark.parametrize(("seeds", "word"), [(3, "not reproduced"), (2, "inconclusive")])
def test_every_dose_of_every_seed_diverged(verdict, seeds, word):
    found = verdict("gan.helvetica", HOLDS["gan.helvetica"][:seeds], ["diverged"] * seeds)
    assert (found.word, found.value) == (word, None)


def test_only_cells_that_differ_in_the_dose_alone_enter(verdict, plant, root):
    verdict("gan.helvetica", HOLDS["gan.helvetica"])
    for seed in range(3):
        given = {"study": "gan_helvetica", "seed": seed, "final": {"diversity": 9.0}}
        seventh = {**given, "coordinates": {"generator_steps": "7"}}
        plant(cell="a-1", **seventh, departures={"generator_steps": 7})  # typed, outside the grid
        plant(cell="b-2", **seventh, departures={"loss": "x"})
        plant(cell="c-3", **seventh, variant="as_printed")
        plant(cell="d-4", **given, coordinates={"generator_steps": "7", "k": "2"})
        plant(cell="e-5", **given, coordinates={"generator_steps": "0"})
    found = judge(CLAIMS["gan.helvetica"], read_runs(root), "laptop")
    assert (found.word, found.value.n, len(found.runs)) == ("reproduced", 3, 12)
    assert "generator_steps=0 was left out: it is no positive number." in found.notes
    with_k = judge(CLAIMS["gan.helvetica"] | {"cells": {"k": "2"}}, read_runs(root), "laptop")
    assert {run.cell for run in with_k.runs} == {"d-4"}


def test_doses_are_in_order_of_size(verdict, root):
    verdict("gan.helvetica", HOLDS["gan.helvetica"])
    assert list(by_dose(read_runs(root), "generator_steps", {})[0]) == [1, 5, 25, 125]


def test_scales_are_in_order_of_cost(plant, root):
    for scale in ("paper", "mine", "workstation", "laptop"):
        plant(scale=scale)
    assert scales_of(read_runs(root)) == ["laptop", "workstation", "paper", "mine"]


@pytest.mark.parametrize("scale", ["laptop", "workstation", "paper"])
def test_stand_in_data_cannot_judge_tfd(plant, root, scale):
    for seed in range(3):
        plant(study="gan_tfd", seed=seed, scale=scale, final=HOLDS["gan.tfd_ll"][seed], data=FACES)
    found = judge(CLAIMS["gan.tfd_ll"], read_runs(root), scale)
    assert (found.word, found.value) == ("not run", None)
    assert found.reason == "needs TFD; these runs are on yaleB48, standing in for TFD"
    assert len(found.runs) == 3  # a reader can follow them


def test_other_data_that_claim_nothing_cannot_either(plant, root):
    plant(study="gan_tfd", scale="paper", data={"name": "lfw", "stand_in_for": None})
    plant(study="gan_tfd", scale="paper", seed=1, data=None)
    found = judge(CLAIMS["gan.tfd_ll"], read_runs(root), "paper")
    assert (found.word, found.reason) == ("not run", "needs TFD; these runs are on None and lfw")


def test_a_wide_interval_around_tfds_figure_settles_nothing(verdict):
    assert verdict("gan.tfd_ll", [{"parzen/test": v} for v in (2000.0, 2057.0, 2110.0)]).word == "inconclusive"


TYPED = {"data": "image_folder", "data.folder": "yaleB48", "data.stand_in_for": "TFD"}


def test_a_stand_in_that_was_typed_is_named_and_never_judged(plant, root):
    given = {"study": "gan_tfd", "scale": "workstation", "final": {"parzen/test": 2057.0}, "data": FACES}
    for seed in range(3):
        plant(seed=seed, cell="data=image_folder-1", departures=TYPED, **given)
        plant(seed=seed, cell="smaller-2", departures=TYPED | {"updates": 9}, **given)
    found = judge(CLAIMS["gan.tfd_ll"], read_runs(root), "workstation")
    assert found.reason == "needs TFD; these runs are on yaleB48, standing in for TFD"
    assert {run.cell for run in found.runs} == {"data=image_folder-1"}
    on_mnist = CLAIMS["gan.not_copies"] | {"study": "gan_tfd"}
    assert judge(on_mnist, read_runs(root), "workstation").reason.startswith("no finished run yet")


def test_a_stand_in_is_shown_only_while_the_studys_own_data_have_no_finished_run(plant, root):
    plant(seed=0, status="error")
    plant(cell="data=faces-1", departures=TYPED, data=FACES)
    plant(cell="data=faces-1", departures=TYPED, data=FACES, seed=1, status="running")
    plant(cell="data=fashion_mnist-2", departures={"data": "fashion_mnist"}, data={"name": "fashion_mnist"})
    plant(cell="as_printed-3", departures=TYPED, data=FACES, variant="as_printed")
    runs, notes = shown_cell(read_runs(root))
    assert [run.folder.parts[-2:] for run in runs] == [("data=faces-1", "seed=0"), ("data=faces-1", "seed=1")]
    assert notes[0] == "data=faces-1 is shown: there is no finished run on the study's own data."
    plant(seed=1)
    assert {run.cell for run in shown_cell(read_runs(root))[0]} == {"default-1a2b3c4d"}
    assert shown_cell([]) == ([], [])
