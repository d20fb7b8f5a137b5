import re

import pytest
from planted_claims import RULE
from planted_lsgan import (
    plant_calibration,
    plant_characters,
    plant_factors,
    plant_gradients,
    plant_images,
    plant_lsgan,
    plant_ring,
    plant_stability,
    plant_theory,
)

from ganrepro.report import lsgan
from ganrepro.report.__main__ import redraw
from ganrepro.report.image_studies import rule_in_words
from ganrepro.report.paper_page import write_paper
from ganrepro.report.records import read_runs
from ganrepro.report.study import write_study


def section(text, title):
    return re.split(r"^## ", text.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]


@pytest.fixture
def page(root, tmp_path, claims_dir):
    def write(study, scale="laptop"):
        out = tmp_path / "out" / study
        html = write_study(root, study, scale, out, claims_dir).read_text()
        return html, (out / f"{study}.md").read_text(), {path.name for path in out.glob("*.png")}

    return write


def test_stability_has_the_grid_the_words_and_every_run(plant, page):
    plant_stability(plant)
    html, text, pictures = page("lsgan_stability")
    assert {f"lsgan_stability_{name}.png" for name in ("rates", "sheet", "cells")} <= pictures
    assert "every_seed.png" not in pictures  # the sheet has them
    table = rows(section(text, "Success"))
    assert len(table) == 2 * 5
    first = table[0]
    assert first[:2] == ["norm=no_g, optimizer=adam", "last"]
    assert first[2:5] == ["0 of 10: 0.00 [0.00, 0.28]", "5 of 10: 0.50 [0.24, 0.76]", "0.033"]
    assert first[5].startswith("Without batch norm in G, with Adam, LSGAN reaches good images in half of 10 runs")
    assert table[1][1:5] == ["best", "5 of 10: 0.50 [0.24, 0.76]", "10 of 10: 1.00 [0.72, 1.00]", "0.033"]
    assert table[-1][0] == "norm=both, optimizer=adam †"
    assert f"Success: {rule_in_words(RULE)}." in text
    judged = {row[0]: row[1:] for row in rows(section(text, "Judged at the last and the best update"))}
    assert len(judged) == 5
    assert [judged["lsgan.bng_adam"][place] for place in (0, 1, 3)] == ["last", "reproduced", "not reproduced"]
    assert '<td class="word not-reproduced">not reproduced</td>' in html
    assert len(rows(section(text, "Verdicts"))) == 5


def test_stability_without_claims_has_its_pictures(plant, root, tmp_path):
    plant_stability(plant, seeds=2, control=False)
    write_study(root, "lsgan_stability", "laptop", tmp_path / "out", tmp_path / "none")
    text = (tmp_path / "out" / "lsgan_stability.md").read_text()
    assert "## Success" not in text
    assert "## Every run" in text


def test_half_a_grid_is_drawn(plant, page, root):
    plant_stability(plant, seeds=2, control=False)
    for run in read_runs(root):
        if run.choices["loss"] == "lsgan" and run.choices["norm"] == "no_gd":
            for path in sorted(run.folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            run.folder.rmdir()
    text = page("lsgan_stability")[1]
    table = {(row[0], row[1]): row for row in rows(section(text, "Success"))}
    assert table["norm=no_gd, optimizer=adam", "last"][3:5] == ["not run", "–"]


def test_a_grid_that_just_began(plant, page):
    plant_stability(plant, seeds=1, control=False, status="running", metrics={}, rows=[], arrays={})
    _, text, pictures = page("lsgan_stability")
    assert "8 running" in text
    assert "lsgan_stability_rates.png" not in pictures
    assert "no finished run yet: python run.py -m experiment=lsgan_stability" in text


def test_departed_cells_have_a_strip_and_no_claim(plant, page):
    plant_stability(plant, seeds=1, control=False, departures={"data": "mnist"})
    text = page("lsgan_stability")[1]
    assert all(row[1] == "not run" for row in rows(section(text, "Verdicts")))
    assert "## Every run" in text


def test_the_ring(plant, page):
    plant_ring(plant, seeds=5)
    _, text, pictures = page("lsgan_ring")
    assert {f"lsgan_ring_{name}.png" for name in ("time", "last", "modes", "near")} <= pictures
    assert [row[0] for row in rows(section(text, "The ring"))] == ["loss=gan", "loss=lsgan"]
    assert "ideal 0.989" in text
    assert rows(section(text, "Verdicts"))[0][1] == "reproduced"


def test_the_factors(plant, page):
    plant_factors(plant)
    _, text, pictures = page("lsgan_ring_factors")
    assert "lsgan_ring_factors.png" in pictures
    table = [row[0] for row in rows(section(text, "What decides who collapses"))]
    order = ["base", "relu", "doubled", "alternating"]
    assert [name for name in table if name not in ("factor", "---")] == [
        *order,
        *(factor for factor in order for _ in range(2)),
    ]


def test_theory_and_gradients(plant, page):
    plant_theory(plant)
    plant_gradients(plant)
    assert "χ²(p + q ‖ 2q) / 2" in page("lsgan_theory")[1]
    _, text, pictures = page("lsgan_gradients")
    assert "lsgan_gradients.png" in pictures
    table = {row[0]: row[1:] for row in rows(section(text, "Figure 2"))}
    assert table["lsgan"][:6] == ["9", "5", "1", "0", "3", "7"]  # |D - 1| at -8, -4, 0, 1, 4, 8
    assert table["gan"][2] == "0.5"


def test_characters_have_classes_asked_costs_and_the_classifiers_own_accuracy(plant, page):
    plant_characters(plant)
    _, text, pictures = page("lsgan_hwdb", "workstation")
    assert {f"asked_condition_{name}.png" for name in ("mapped", "one_hot", "none")} <= pictures
    table = rows(section(text, "Classes asked for"))
    assert len(table) == 6
    assert "9,400,000" in table[0]
    assert "right on 97.0% of real test images" in text


def test_calibration_says_which_sets_would_succeed(plant, page):
    plant_calibration(plant)
    _, text, pictures = page("lsgan_calibration")
    assert "lsgan_calibration.png" in pictures
    table = {row[0]: row for row in rows(section(text, "Sets of known quality"))}
    assert list(table) == ["real", "blur 1", "one class", "few 1"]
    assert [row[-1] for row in table.values()] == ["6 of 6", "0 of 6", "0 of 6", "0 of 6"]


def test_scenes_show_the_last_against_the_best(plant, page):
    plant_images(plant, "lsgan_scenes", "loss", ("lsgan", "gan", "ebgan"), "frechet")
    _, text, pictures = page("lsgan_scenes")
    assert "lsgan_scenes_sheet.png" in pictures
    late = rows(section(text, "Last against best"))
    assert late[0][:2] == ["loss=ebgan", "0: 1.00, 1: 1.00, 2: 1.00"]


def test_small_variability_has_its_own_rule(plant, page):
    plant_images(plant, "lsgan_small_variability", "loss", ("gan", "lsgan"), "frechet")
    text = page("lsgan_small_variability")[1]
    assert "classes_share at least 1; confidence at least 0.9" in section(text, "Success")


# The paper's page. ---------------------------------------------------------------------------------------------


@pytest.fixture
def paper(root, tmp_path, claims_dir):
    def write(out="paper"):
        html = write_paper(root, "lsgan", tmp_path / out, claims_dir).read_text()
        return html, (tmp_path / out / "lsgan.md").read_text()

    return write


def test_the_papers_page_has_every_claim_and_every_study_and_is_reproducible(plant, paper, tmp_path):
    plant_lsgan(plant, seeds=1)
    html, text = paper("a")
    assert text.startswith('# Mao et al. 2017, "Least Squares Generative Adversarial Networks"')
    claims = [line for line in section(text, "Claims").splitlines() if line.startswith("| lsgan.")]
    assert len(claims) == 17
    for title in lsgan.TITLES.values():
        assert "Nothing" not in section(text, title)
        assert "Not run" not in section(text, title)
        assert f"<h2>{title}</h2>" in html
    overview = rows(section(text, "All studies"))
    assert {row[0] for row in overview} == lsgan.TITLES.keys()
    assert lsgan.TITLES.keys() == lsgan.OWN.keys()
    assert "Study lsgan_stability, scale laptop; data: digits, standing in for LSUN bedroom." in text
    assert not re.search(r'(src|href)="https?:', html)
    paper("b")
    files = {path.name for path in (tmp_path / "a").iterdir()}
    assert len(files) > 20
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_papers_page_from_nothing(paper):
    html, text = paper()
    assert len([line for line in text.splitlines() if line.startswith("| lsgan.")]) == 17
    assert "Not run: `python run.py -m experiment=lsgan_ring`." in section(text, "Eight Gaussians")
    assert "<img src=" not in html


def test_the_papers_page_takes_the_largest_scale_with_finished_runs(plant, paper):
    plant_theory(plant)
    plant(study="lsgan_theory", scale="workstation", seed=0, paper="lsgan", status="running", rows=[], samples=False)
    assert "Study lsgan_theory, scale laptop." in section(paper()[1], "Theory")


def test_a_paper_shows_the_pictures_of_its_studies_pages(plant, root, tmp_path, claims_dir):
    """Unless a page has runs that the paper's has not: then it draws its own."""
    plant_calibration(plant)
    (tmp_path / "lsgan").mkdir()
    (tmp_path / "lsgan" / "of_before.png").touch()
    redraw(root, tmp_path, claims_dir)
    shown = re.findall(
        r"^!\[.*\]\((.+)\)$",
        section((tmp_path / "lsgan" / "lsgan.md").read_text(), lsgan.TITLES["lsgan_calibration"]),
        re.MULTILINE,
    )
    assert shown
    assert all(
        name.startswith("../lsgan_calibration/laptop/") and (tmp_path / "lsgan" / name).exists() for name in shown
    )
    assert not list((tmp_path / "lsgan").glob("*.png"))
    plant(study="lsgan_calibration", cell="k=2-00000001", paper="lsgan", departures={"k": "2"})
    redraw(root, tmp_path, claims_dir)
    text = (tmp_path / "lsgan" / "lsgan.md").read_text()
    assert "../lsgan_calibration/laptop/" not in "".join(re.findall(r"!\[.*", text))
    assert {path.name for path in (tmp_path / "lsgan").glob("*.png")} == {name.rpartition("/")[2] for name in shown}
