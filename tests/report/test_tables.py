import csv

import pytest

from ganrepro.report.rendering import Table, to_latex, to_markdown, to_text
from ganrepro.report.tables import sweep_table

SATURATING = "loss=gan_saturating-99aa00bb"


@pytest.fixture
def sweep(plant, root):
    """Two cells of three seeds: 10, 11, 12 against 20, 22, 24, the third of the second diverged; `best` is 5 more."""
    for seed in range(3):
        final = {"parzen/validation": 15.0 + seed, "parzen/test": 10.0 + seed, "copies": 0.01}
        best = {"parzen/validation": 20.0 + seed, "parzen/test": 15.0 + seed}
        plant(seed=seed, final=final, best=best)
        doubled = {key: 2 * value for key, value in final.items()}
        departed = {"cell": SATURATING, "departures": {"loss": "gan_saturating"}}
        plant(seed=seed, final=doubled, status=("done", "done", "diverged")[seed], **departed)
    folder = root / "gan_mnist" / "laptop"
    return [({"loss": "gan"}, folder / "default-1a2b3c4d"), ({"loss": "gan_saturating"}, folder / SATURATING)]


def test_printed_table(sweep, tmp_path):
    text = sweep_table(sweep, tmp_path / "out")
    assert max(map(len, text.splitlines())) <= 100
    assert "loss=gan_saturating †" in text
    assert "11.0 [8.5, 13.5]" in text  # 11 ± 2.484
    assert "2 done, 1 diverged" in text
    assert "difference from loss=gan" in text
    # 20 - 10 = 10 and 22 - 11 = 11: 10.5 ± 12.706 * 0.7071 / sqrt 2 = 6.353
    assert "10.5 [4.1, 16.9]" in text
    assert "0.030" in text  # t = 10.5 / 0.5 = 21, 1 degree of freedom
    assert "1 of 3 runs diverged (95 % Wilson interval 0.06 to 0.79)" in text.replace("\n", " ")


def test_csv_has_every_scalar_with_its_folder(sweep, tmp_path):
    sweep_table(sweep, tmp_path)
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    by = {(row["loss"], row["metric"], row["at"]): row for row in rows}
    plain = by["gan", "parzen/test", "last"]
    assert (plain["mean"], plain["n"], plain["values"], plain["seeds"]) == ("11.0", "3", "10.0 11.0 12.0", "0 1 2")
    assert plain["folder"] == "runs/gan_mnist/laptop/default-1a2b3c4d"
    assert (plain["departs"], plain["difference"], plain["done"], plain["diverged"]) == ("no", "", "3", "0")
    other = by["gan_saturating", "parzen/test", "last"]
    assert (other["mean"], other["n"], other["done"], other["diverged"]) == ("21.0", "2", "2", "1")
    assert (other["difference"], other["pairs"], other["departs"]) == ("10.5", "2", "yes")
    assert other["folder"].endswith(SATURATING)
    assert ("gan", "copies", "last") in by
    assert ("gan", "copies", "best") not in by
    assert by["gan", "parzen/test", "best"]["mean"] == "16.0"


def test_markdown_links_every_row_to_its_folder(sweep, tmp_path):
    sweep_table(sweep, tmp_path / "out")
    text = (tmp_path / "out" / "table.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| loss=")]
    assert len(rows) == 4 + 4  # two cells last and best; two metrics of the second cell last and best
    assert all("](<../runs/gan_mnist/laptop/" in row for row in rows)


def test_latex_has_the_folder_in_a_comment_and_escapes(sweep, tmp_path):
    sweep_table(sweep, tmp_path)
    text = (tmp_path / "table.tex").read_text()
    assert r"loss=gan\_saturating $\dagger$ & last & 2 done, 1 diverged" in text
    assert f"% runs/gan_mnist/laptop/{SATURATING}" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert "toprule" not in text


def test_cells_without_runs_are_shown(plant, root, tmp_path):
    plant(status="error", reason="it broke")
    folder = root / "gan_mnist" / "laptop"
    text = sweep_table([({}, folder / "default-1a2b3c4d"), ({"k": "2"}, folder / "k=2-00000000")], tmp_path)
    assert "1 error" in text
    assert "none" in text
    assert (tmp_path / "table.csv").read_text().count("\n") == 3
    assert sweep_table([], tmp_path) != ""


def test_only_diverged_runs(plant, root, tmp_path):
    cell = plant(status="diverged", best={"parzen/test": 1.0, "parzen/validation": 1.0}).parent
    text = sweep_table([({}, cell)], tmp_path)
    assert "1 diverged" in text
    assert "–" in text


def test_same_choices_in_two_folders_are_told_apart(plant, tmp_path):
    cells = [({}, plant(cell=cell, final={"parzen/validation": 1.0}).parent) for cell in ("default-a1", "default-b2")]
    text = sweep_table(cells, tmp_path)
    assert "default [a1]" in text
    assert "default [b2]" in text


def test_a_metric_that_some_seeds_lack_says_how_many(plant, tmp_path):
    cell = plant(seed=0, final={"parzen/validation": 1.0, "parzen/test": 1.0}).parent
    plant(seed=1, final={"parzen/validation": 2.0})
    assert "1 (n = 1)" in sweep_table([({}, cell)], tmp_path)


def test_rendering_escapes(tmp_path):
    table = Table(["a|b"], [["50 % of x_1 & <y>"]])
    assert r"a\|b" in to_markdown(table, tmp_path)
    assert r"50 \% of x\_1 \& $<$y$>$ \\" in to_latex(table)
    assert "50 % of x_1 & <y>" in to_text(table)


def test_runs_of_one_folder_that_are_unequally_long_are_rows_of_their_own(plant, tmp_path):
    for seed, wanted in enumerate((400, 2000, 2000)):
        folder = plant(seed=seed, final={"parzen/validation": 10.0 * seed}, updates_wanted=wanted).parent
    other = plant(cell="b-22222222", seed=1, final={"parzen/validation": 11.0}, updates_wanted=2000).parent
    text = sweep_table([({"updates": "400"}, folder), ({"loss": "b"}, other)], tmp_path / "out")
    means = [line.split("   ") for line in text.splitlines() if " last " in line]
    assert [line[0].strip() for line in means][:3] == ["default [2,000 updates]", "default [400 updates]", "loss=b"]
    assert "15 [-49, 79]" in text, "of the two long ones"
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text().splitlines()))
    found = {row["cell"]: (row["n"], row["pairs"]) for row in rows if row["at"] == "last"}
    assert found == {"default [2,000 updates]": ("2", ""), "default [400 updates]": ("1", ""), "loss=b": ("1", "1")}


def test_cells_trained_unequally_long_are_said_not_to_compare(plant, tmp_path):
    first = plant(cell="a-11111111", final={"parzen/validation": 1.0}, updates_wanted=400).parent
    other = plant(cell="b-22222222", final={"parzen/validation": 2.0}).parent
    text = sweep_table([({"loss": "a"}, first), ({"loss": "b"}, other)], tmp_path / "out")
    assert "not all trained equally long, so they do not compare: 400, 2,000 updates" in " ".join(text.split())
    assert "equally long" not in sweep_table([({"loss": "b"}, other)], tmp_path / "out")
