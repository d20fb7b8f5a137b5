import re

import numpy as np
import pytest
from markdown_pages import rows, section, study_page
from markupsafe import escape
from PIL import Image
from planted_claims import RULE
from planted_dcgan import (
    DIGITS,
    FACES,
    FACTORS,
    cell_of,
    plant_dcgan,
    plant_guidelines,
    plant_labelled,
    plant_pictures,
    plant_probe,
)

from ganrepro.data.embedded import Digits
from ganrepro.evaluation import OneNNEvaluation
from ganrepro.latents import Label, Latent, Normal
from ganrepro.report import dcgan
from ganrepro.report.claims import load_claims
from ganrepro.report.image_studies import grid, rule_in_words
from ganrepro.report.paper_page import write_paper
from ganrepro.report.records import read_runs
from ganrepro.report.registry import PAPERS, STUDIES
from ganrepro.report.study import write_study
from ganrepro.streams import stream

PROBED = {f"dcgan_lsun_{name}.png" for name in ("walk", "steps", "guided_backprop", "memorisation", "distances")}


@pytest.fixture
def page(root, tmp_path, claims_dir):
    """`page(study, scale)`: its text, and the names of its files, which lie in out/<study>."""
    return lambda study, scale="laptop": study_page(root, study, tmp_path / "out" / study, claims_dir, scale)


# The rules. ----------------------------------------------------------------------------------------------------


@pytest.fixture
def table(root, claims_dir):
    """The rows of the table of rules."""

    def made():
        claims = load_claims(claims_dir, "dcgan")
        return dcgan.guideline_table(read_runs(root), claims, RULE)

    return made


def test_rules_have_rates_and_distances_to_the_base(plant, table):
    plant_guidelines(plant)
    made = table()
    assert [row[0].partition(":")[0] for row in made.rows[::2]] == list(dcgan.GUIDELINES)
    found = {(row[0].partition(":")[0], row[1]): row[2:] for row in made.rows}
    assert found["base", "last"][:6] == ["5 of 5: 1.00 [0.57, 1.00]", "–", "–", "–", "", "0 of 5"]
    # Fisher's p of 0 of 5 against 5 of 5: 2 of C(10, 5) = 252 tables; one of five runs diverged, so four pairs
    assert found["no_norm", "last"][:6] == [
        "0 of 5: 0.00 [0.00, 0.43]", "0.008", "8 [8, 8]", "< 0.001", "4", "1 of 5",
    ]  # fmt: skip
    assert found["relu_d", "best"][1:4] == ["1.000", "1 [1, 1]", "1.000"]
    for broken, factor in FACTORS.items():
        if broken != "base":
            assert float(found[broken, "last"][2].split()[0]) == pytest.approx(factor)
    assert found["pooling", "last"][6].startswith("Strided convolutions")
    assert found["maxout_d", "last"][6].startswith("ReLU in G, but for the output's tanh")
    assert made.notes[0].startswith(f"Success: {rule_in_words(RULE)}.")
    assert made.notes[-1].endswith("5 seeds, 2,000 updates of each network.")
    assert made.notes[1] == "Frechet distances are of 300 test images, with as many samples."


def test_rules_have_every_run(plant, page):
    plant_guidelines(plant, seeds=2, rules=("base", "no_norm", "pooling"))
    text, files = page("dcgan_guidelines")
    assert {f"dcgan_guidelines_{name}.png" for name in ("rates", "sheet", "cells")} <= files
    assert "every_seed.png" not in files  # the sheet has them
    assert len(rows(section(text, "Rules broken"))) == 6


def test_distances_are_paired_by_seed(plant, table):
    plant_guidelines(plant, seeds=1, rules=("base", "pooling"))
    for seed in range(1, 4):  # the base alone, far off
        values = {"frechet": 1000.0, "images": 300.0}
        plant(seed=seed, study="dcgan_guidelines", paper="dcgan", final=values, **cell_of({"guideline": "base"}))
    assert table().rows[2][4:7] == ["2", "–", "1"]


def test_departed_rules_have_lines_of_their_own(plant, table):
    plant_guidelines(plant, seeds=1, rules=("base", "pooling"))
    choices = {"guideline": "pooling", "data": "mnist"}
    given = {**cell_of(choices), "coordinates": {"guideline": "pooling"}, "departures": {"data": "mnist"}}
    plant(study="dcgan_guidelines", paper="dcgan", final={"frechet": 5.0}, **given)
    found = table()
    last, best = found.rows[-2:]
    assert last[0] == best[0] == "pooling: pooling in place of strides, data=mnist †"
    assert last[3:6] == ["–", "–", "–"]  # no base on these data
    assert "† departs from the study's own grid and enters no claim." in found.notes


def test_rules_that_just_began_say_what_to_type(plant, page):
    plant_guidelines(plant, seeds=1, rules=("base",), status="running", metrics={}, rows=[], arrays={})
    text, files = page("dcgan_guidelines")
    assert "Not run: `python run.py -m experiment=dcgan_guidelines scale=laptop`." in section(text, "Rules broken")
    assert "dcgan_guidelines_rates.png" not in files


def test_without_claims_there_are_no_rates(plant, root, tmp_path):
    plant_guidelines(plant, seeds=1, rules=("base",))
    write_study(root, "dcgan_guidelines", "laptop", tmp_path / "out", tmp_path / "none")
    text = (tmp_path / "out" / "dcgan_guidelines.md").read_text()
    assert "## Rules broken" not in text
    assert "## Every run" in text


def test_two_folders_of_a_study_without_a_grid_are_told_apart(plant, root):
    for name in ("default-11111111", "default-22222222"):
        plant(cell=name)
    assert list(grid(read_runs(root), "")[0]) == ["plain [11111111]", "plain [22222222]"]


# Pictures. -----------------------------------------------------------------------------------------------------


def test_pictures_have_the_probes_and_their_numbers(plant, page, tmp_path):
    plant_pictures(plant, "dcgan_lsun", DIGITS)
    text, files = page("dcgan_lsun")
    assert {*PROBED, "dcgan_lsun_sheet.png", "dcgan_lsun_cells.png"} <= files
    assert not {"walk.png", "steps.png", "every_seed.png"} & files
    own = section(text, "Probes")
    table = rows(own)
    # 1.5, 1.51, 1.52 less 1.1, 1.11, 1.12; a half width of 4.3027 * 0.01 / sqrt 3
    assert table[0][:3] == ["largest step of a walk over its mean step", "1.510 [1.485, 1.535]", "1.110 [1.085, 1.135]"]
    assert float(table[0][3].split()[0]) == pytest.approx(0.4)
    assert [row[0].split()[-1] for row in table[1:3]] == ["pixels", "nothing"]
    assert table[2][1:4] == ["0 [0, 0]", "0.25 [0.25, 0.25]", "-0.25 [-0.25, -0.25]"]
    assert table[3][0].startswith("independent maps")
    assert table[4][:6] == ["pixels", "6 [6, 6]", "3 [3, 3]", "2 [2, 2]", "0.020 [-0.005, 0.045]", "3"]
    assert table[5][0] == "features"
    assert "100 lines of 10 images" in own
    assert "64 maps of D's convolution 3, the strongest five of 1,000 test images" in own
    assert "300 samples and 300 test images against 1,197 training images" in own
    assert "default-1a2b3c4d: seeds 0, 1, 2 after 2,000 updates of G." in own
    assert own.count("Seed 0, last update.") == 5
    assert (
        "Forgetting. Not run: `python run.py probe=forget run=runs/dcgan_lsun/laptop/default-1a2b3c4d/seed=0`." in own
    )
    for name in files:
        if name.endswith(".png"):
            assert len(np.unique(np.asarray(Image.open(tmp_path / "out" / "dcgan_lsun" / name)))) > 2


def test_colour_samples_and_the_probes_that_need_a_choice(plant, page):
    folders = plant_pictures(plant, "dcgan_faces", FACES, seeds=2, scale="workstation")
    for place, folder in enumerate(folders):
        found = {"rate/averaged": 0.9 + place / 100, "rate/single": 0.5, "rate/pixels": 0.6}
        plant_probe(folder, "arithmetic", found, ["exemplars as chosen", "judged by the classifier"])
    own = section(page("dcgan_faces", "workstation")[0], "Probes")
    assert "Seed 0: exemplars as chosen; judged by the classifier." in own
    table = {row[0]: row[1] for row in rows(own)}
    assert table["arithmetic: rate of what is wanted, three exemplars"].startswith("0.905 [")
    assert table["arithmetic: the same, one exemplar"] == "0.5 [0.5, 0.5]"
    assert "Vector arithmetic. Not run" not in own
    assert "Pose. Not run: `python run.py probe=pose run=runs/dcgan_faces/workstation/" in own
    assert "probe=forget" not in own  # the paper forgets objects in bedrooms


def test_what_was_probed_since_is_shown_where_training_did_not(plant, page, tmp_path):
    [folder] = plant_pictures(plant, "dcgan_svhn", DIGITS, seeds=1)
    for name in ("walk", "filters", "memory"):
        (folder / "artifacts" / f"{name}.npz").write_bytes(b"PK\x03\x04 cut off")
    own = section(page("dcgan_svhn")[0], "Probes")
    assert own.count("Not run: `python run.py probe=") == 4
    plant_probe(folder, "guided_backprop", {"concentration/trained": 0.9}, [])
    text, files = page("dcgan_svhn")
    assert "dcgan_svhn_guided_backprop.png" in files
    assert "Seed 0." in section(text, "Probes")
    assert section(text, "Probes").count("Not run: `python run.py probe=") == 3


def test_pictures_that_can_no_longer_be_drawn_are_removed(plant, page):
    [folder] = plant_pictures(plant, "dcgan_lsun", DIGITS, seeds=1)
    assert page("dcgan_lsun")[1] >= PROBED
    for path in (folder / "artifacts").glob("*.npz"):
        path.unlink()
    assert not PROBED & page("dcgan_lsun")[1]


def test_pictures_that_just_began(plant, page):
    plant(study="dcgan_imagenet32", paper="dcgan", status="running")
    text = page("dcgan_imagenet32")[0]
    assert "Not run: `python run.py experiment=dcgan_imagenet32 scale=laptop`." in section(text, "Probes")


# Labelled digits. ----------------------------------------------------------------------------------------------


class Shading:
    """Stands for a conditional GAN: an even image, the brighter the higher the class."""

    latent = Latent(z=Normal(2, 1.0), label=Label(10))

    def images(self, z):
        return (z[:, -1] / 10)[:, None, None, None].expand(-1, 1, 8, 8)


def test_labelled_digits_are_shown_as_the_evaluation_leaves_them(plant, page, tmp_path):
    found = OneNNEvaluation(50, 20)(Shading(), Digits(), lambda *purpose: stream(0, *purpose), True)
    metrics = {"monitor": "valid/one_nn/error", "mode": "min", "final": found.metrics, "best": found.metrics}
    rows_ = [{"generator_updates": 200, **found.metrics}]
    plant(study="dcgan_mnist_conditional", paper="dcgan", metrics=metrics, rows=rows_, arrays=found.arrays)
    text, files = page("dcgan_mnist_conditional")
    assert "dcgan_mnist_conditional_classes.png" in files
    assert "A class a column, 4 lines of each seed, last update." in section(text, "Classes asked for")
    path = tmp_path / "out" / "dcgan_mnist_conditional" / "dcgan_mnist_conditional_classes.png"
    levels = np.unique(np.asarray(Image.open(path).convert("L")))
    assert set(levels) >= {round(255 * label / 10) for label in range(10)}, "every class is there"


# The paper's page. ---------------------------------------------------------------------------------------------


@pytest.fixture
def paper(root, tmp_path, claims_dir):
    def write():
        html = write_paper(root, "dcgan", tmp_path / "paper", claims_dir).read_text()
        return html, (tmp_path / "paper" / "dcgan.md").read_text()

    return write


def test_the_papers_page_has_every_claim_and_every_study(plant, paper, tmp_path):
    plant_dcgan(plant, seeds=1)
    html, text = paper()
    assert text.startswith("# Radford et al. 2016, ")
    claims = [line for line in section(text, "Claims").splitlines() if line.startswith("| dcgan.")]
    assert len(claims) == 22
    for study, title in dcgan.TITLES.items():
        assert f"Study {study}, scale laptop" in section(text, title)
        assert "Nothing" not in section(text, title)
        assert f"<h2>{escape(title)}</h2>" in html
    assert {row[0] for row in rows(section(text, "All studies"))} == dcgan.TITLES.keys() == dcgan.OWN.keys()
    assert "probe=arithmetic" in section(text, "Faces")  # what is missing keeps its command
    assert {"table1.tex", "table2.tex"} <= {path.name for path in (tmp_path / "paper").iterdir()}
    assert not re.search(r'(src|href)="https?:', html)
    assert html.count('src="data:image/png;base64,') == len(list((tmp_path / "paper").glob("*.png")))


def test_the_papers_page_from_nothing(paper):
    html, text = paper()
    assert len([line for line in text.splitlines() if line.startswith("| dcgan.")]) == 22
    assert "Not run: `python run.py -m experiment=dcgan_faces`." in section(text, "Faces")
    assert "Not run: `python run.py -m experiment=lsun_dedup`." in section(text, "Near-duplicates")
    table = section(text, dcgan.TITLES["dcgan_cifar10_features"])
    assert len(rows(table)) == 5
    assert "Not run: `python run.py experiment=dcgan_cifar10_features scale=laptop`." in table
    assert "<img src=" not in html


def test_same_runs_same_bytes(plant, root, tmp_path, claims_dir):
    plant_pictures(plant, "dcgan_svhn", DIGITS, seeds=1)
    plant_labelled(plant, seeds=1)
    for name in ("a", "b"):
        for study in ("dcgan_svhn", "dcgan_mnist_conditional"):
            write_study(root, study, "laptop", tmp_path / name / study, claims_dir)
    files = {path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")}
    assert len(files) > 15
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_every_paper_has_what_a_page_needs():
    for module in PAPERS.values():
        assert module.TITLES.keys() == module.OWN.keys() <= STUDIES
        assert module.sections("another_study", [], [], "laptop", None) == []
