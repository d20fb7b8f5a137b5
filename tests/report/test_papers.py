from ganrepro.report.papers import table1, table1_complete, table1_tfd, theory_table
from ganrepro.report.records import read_runs
from ganrepro.report.rendering import to_latex, to_markdown

MNIST = {"name": "mnist", "stand_in_for": None, "shape": [1, 28, 28]}


def parzen(likelihood: float) -> dict[str, float]:
    return {"parzen/test": likelihood, "parzen/test_se": 1.9, "parzen/sigma": 0.21544, "parzen/test_images": 10000}


def test_table1_on_mnist(plant, root):
    for seed in range(3):
        plant(seed=seed, scale="workstation", final=parzen(210 + seed), best=parzen(220 + seed), data=MNIST)
    table = table1(read_runs(root))
    assert [row[:3] for row in table.rows[:4]] == [
        ["DBN (quoted)", "138", "± 2"],
        ["Stacked CAE (quoted)", "121", "± 1.6"],
        ["Deep GSN (quoted)", "214", "± 1.1"],
        ["Adversarial nets (quoted)", "225", "± 2"],
    ]
    best, last = table.rows[4:]
    assert best == ["ours, best", "221.0 [218.5, 223.5]", "± 1.9", "0.2154", "10000", "3 of 3"]
    assert last[:2] == ["ours, last", "211.0 [208.5, 213.5]"]
    assert [folder and folder.name for folder in table.folders] == [None] * 4 + ["default-1a2b3c4d"] * 2


def test_table1_on_other_data_says_it_cannot_be_compared(plant, root):
    plant(final=parzen(100))
    plant(seed=1, status="diverged")
    table = table1(read_runs(root))
    assert table.rows[-1][0] == "ours, last (on digits: a stand-in, not comparable)"
    assert table.rows[-1][-1] == "1 of 2"
    assert any("cannot be compared" in note for note in table.notes)
    assert "1 of 2 runs diverged and are not in the mean." in table.notes
    assert len(table1([]).rows) == 4


FACES = {"name": "yaleB48", "stand_in_for": "TFD"}
TFD = {"name": "tfd", "stand_in_for": None}


def folds(likelihood: float) -> dict[str, float]:
    return {"parzen/test": likelihood, "parzen/test_se": 105.0, "parzen/sigma": 0.13, "parzen/folds": 5.0}


def test_table1_of_tfd_is_over_folds(plant, root):
    for seed in range(3):
        plant(study="gan_tfd", scale="paper", seed=seed, final=folds(2000 + seed), data=TFD)
    table = table1_tfd(read_runs(root))
    assert [row[1:3] for row in table.rows[:4]] == [
        ["1909", "± 66"], ["2110", "± 50"], ["1890", "± 29"], ["2057", "± 26"],
    ]  # fmt: skip
    assert table.header[2:6] == ["± over folds", "σ", "test images", "folds"]
    assert table.rows[4] == ["ours, best", "2001.0 [1998.5, 2003.5]", "± 105", "0.13", "", "5", "3 of 3"]
    assert any("stacked CAE above the adversarial nets" in note for note in table.notes)


def test_table1_of_tfd_says_where_the_error_is_of_another_kind(plant, root):
    plant(study="gan_tfd", final=parzen(900), data=FACES)
    row = table1_tfd(read_runs(root)).rows[-1]
    assert row[0] == "ours, last (on yaleB48: a stand-in, not comparable)"
    assert row[2] == "± 1.9 (over test images)"


def test_complete_table1_without_any_run():
    table = table1_complete([])
    assert [row[1:3] + row[4:6] for row in table.rows] == [
        ["138", "± 2", "1909", "± 66"],
        ["121", "± 1.6", "2110", "± 50"],
        ["214", "± 1.1", "1890", "± 29"],
        ["225", "± 2", "2057", "± 26"],
    ]
    assert all(len(row) == len(table.header) for row in table.rows)


def test_complete_table1_has_both_columns_at_each_scale(plant, root, tmp_path):
    for seed in range(3):
        plant(seed=seed, final=parzen(100 + seed))
        plant(study="gan_tfd", seed=seed, final=folds(900 + seed), best=folds(910 + seed), data=FACES)
        plant(seed=seed, scale="workstation", final=parzen(210 + seed), best=parzen(220 + seed), data=MNIST)
        plant(seed=seed, scale="workstation", cell="loss=x-0", final=parzen(1), departures={"loss": "x"}, data=MNIST)
    plant(seed=3, scale="workstation", status="diverged")
    plant(study="gan_tfd", scale="paper", status="running")
    table = table1_complete(read_runs(root))
    ours = {row[0]: row[1:] for row in table.rows[4:]}
    stand_ins = "(MNIST on digits, TFD on yaleB48: stand-ins, not comparable)"
    interval = "901.0 [898.5, 903.5]"
    assert ours[f"ours, laptop, last {stand_ins}"][3:] == [interval, "± 105", "3 of 3"]
    assert ours[f"ours, laptop, best {stand_ins}"][3] == "911.0 [908.5, 913.5]"
    assert ours[f"ours, laptop, last {stand_ins}"][:3] == ["101.0 [98.5, 103.5]", "± 1.9", "3 of 3"]
    best = ours["ours, workstation, best"]
    assert best == ["221.0 [218.5, 223.5]", "± 1.9", "3 of 4", "not run", "", ""]
    assert ours["ours, paper, best"] == ["not run", "", "", "not run", "", ""]
    assert "MNIST, workstation: 1 of 4 runs diverged and are not in the mean." in table.notes
    laptop, workstation, paper = table.folders[4], table.folders[6], table.folders[8]
    assert [folder.parts[-3] for folder in laptop] == ["gan_mnist", "gan_tfd"]
    assert [folder.parts[-3:] for folder in workstation] == [("gan_mnist", "workstation", "default-1a2b3c4d")]
    assert paper is None
    text = to_markdown(table, tmp_path / "out")
    assert "[gan_tfd/default-1a2b3c4d](<../runs/gan_tfd/laptop/default-1a2b3c4d>)" in text
    addresses = "% runs/gan_mnist/laptop/default-1a2b3c4d, runs/gan_tfd/laptop/default-1a2b3c4d"
    assert to_latex(table).count(addresses) == 2


def test_a_scale_where_every_run_diverged_is_no_blank(plant, root):
    plant(scale="workstation", status="diverged")
    table = table1_complete(read_runs(root))
    assert table.rows[4][1:4] == ["–", "", "0 of 1"]


def test_theory_table_has_the_worst_seed(plant, root):
    for seed in range(3):
        plant(study="gan_theory", seed=seed, final={"opt_d_error": (seed + 1) * 1e-4, "value_error": 1e-7})
    table = theory_table(read_runs(root))
    assert [row[2:] for row in table.rows] == [["0.0003", "3"], ["1e-07", "3"]]
    assert theory_table([]).rows == []


def test_a_typed_stand_in_has_a_row_of_its_own_kind(plant, root):
    typed = {"data": "image_folder", "data.folder": "yaleB48"}
    plant(study="gan_tfd", scale="workstation", final=folds(900), departures=typed, data=FACES)
    plant(study="gan_tfd", scale="paper", final=folds(900), departures={"loss": "x"}, data=TFD)
    rows = [row for row in table1_complete(read_runs(root)).rows if row[0].startswith("ours")]
    assert rows[0][0] == "ours, workstation, best (TFD on yaleB48: a stand-in, not comparable)"
    assert rows[0][4] == "900"
    assert rows[2] == ["ours, paper, best", "not run", "", "", "not run", "", ""]
