import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ganrepro.report.__main__ import main
from ganrepro.report.paper_page import papers_of, write_paper
from ganrepro.report.records import read_runs
from ganrepro.report.study import write_study

PICTURES = {f"{name}.png" for name in ("figure1", "figure2", "figure3", "theory", "gradients", "doses")}
SECTIONS = ["Claims", "Table 1", "Figure 1", "Figure 2", "Figure 3", "Theory", "Early gradients", "G trained too much"]


def write(root, out, claims_dir):
    page = write_paper(root, "gan", out, claims_dir)
    return page.read_text(), (out / "gan.md").read_text()


def section(text, title):
    return re.split(r"^## ", text.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text):
    """The claims board by (claim, scale)."""
    lines = [
        line.strip("| ").split(" | ") for line in section(text, "Claims").splitlines() if line.startswith("| gan.")
    ]
    return {(line[0], line[1]): line[2:] for line in lines}


def test_everything_is_on_the_page(plant_all, root, tmp_path, claims_dir):
    plant_all()
    html, text = write(root, tmp_path / "out", claims_dir)
    for title in [*SECTIONS, "Studies"]:
        assert f"<h2>{title}</h2>" in html
        assert f"## {title}\n" in text
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == PICTURES
    assert html.count('src="data:image/png;base64,') == len(PICTURES)
    assert not re.search(r'(src|href)="https?:', html)
    found = rows(text)
    assert len(found) == 12
    verdicts = {claim: cells[0] for (claim, _), cells in found.items()}
    assert verdicts.pop("gan.fast") == "reported"
    lacking = {claim for claim, word in verdicts.items() if word == "not run"}
    assert lacking == {"gan.mnist_ll", "gan.mnist_order", "gan.tfd_ll"}
    assert set(verdicts.values()) == {"reproduced", "not run"}
    assert "needs TFD; these runs are on yaleB48, standing in for TFD" in text
    figure = section(text, "Figure 2")
    assert "b) TFD: data: yaleB48, standing in for TFD; scale laptop; seed 0" in figure
    assert "d) CIFAR-10, convolutional: not run" in figure
    assert "Study gan_1d, scale laptop" in section(text, "Figure 1")
    assert "|value + log 4|, at p = q" in section(text, "Theory").replace("\\|", "|")


@pytest.mark.parametrize("claims", [True, False])
def test_from_nothing(root, tmp_path, claims_dir, claims):
    html, text = write(root, tmp_path / "out", claims_dir if claims else tmp_path / "none")
    assert len(rows(text)) == (12 if claims else 0)
    assert all(cells[0] == "not run" for cells in rows(text).values())
    assert "Adversarial nets (quoted)" in section(text, "Table 1")
    assert "Not run: `python run.py experiment=gan_1d`." in section(text, "Figure 1")
    assert "There are no runs yet." in section(text, "Studies")
    assert "<img src=" not in html


def test_partial_runs_and_what_is_gone(plant_all, plant, root, tmp_path, claims_dir):
    plant_all(seeds=1)
    write(root, tmp_path, claims_dir)
    for study in ("gan_1d", "gan_theory", "gan_helvetica", "gan_saturation", "gan_tfd", "gan_cifar10_fc"):
        shutil.rmtree(root / study)
    plant(study="gan_1d", status="running", samples=False, rows=[])
    broken = plant(study="gan_theory", status="error", samples=False, rows=[])
    (broken / "result.json").write_text("{")
    text = write(root, tmp_path, claims_dir)[1]
    assert {path.name for path in tmp_path.glob("*.png")} == {"figure2.png", "figure3.png"}
    assert rows(text)["gan.half", "laptop"][0] == "not run"
    assert "Not run: `python run.py experiment=gan_1d`." in section(text, "Figure 1")
    listed = section(text, "Studies")
    assert "| gan_theory | laptop |  | 1 running |" in listed  # its record is lost, not its place


def test_the_largest_scale_that_has_it_is_drawn(plant_all, plant, root, tmp_path, claims_dir):
    plant_all()
    plant(scale="workstation", artifacts=True, seed=4, data={"name": "mnist"})
    plant(scale="paper", status="running", data={"name": "mnist"})  # without arrays yet
    text = write(root, tmp_path, claims_dir)[1]
    assert "a) MNIST: data: mnist; scale workstation; seed 4" in section(text, "Figure 2")
    assert "Study gan_mnist, scale workstation; data: mnist." in section(text, "Figure 3")
    found = rows(text)
    assert [scale for claim, scale in found if claim == "gan.mnist_ll"] == ["laptop", "workstation", "paper"]
    assert "ours, paper, last" in section(text, "Table 1")


def test_claims_count_once_and_stand_ins_are_told_apart(plant_all, plant, root, tmp_path, claims_dir):
    plant_all()
    text = write(root, tmp_path, claims_dir)[1]
    lead = text.splitlines()[2]
    assert lead.startswith("12 claims, each at the largest scale that gives a verdict: ")
    counts = re.findall(r"(\d+) ([a-z][a-z -]+)", lead.split(": ")[1])
    assert sum(int(count) for count, _ in counts) == 12
    assert {word for _, word in counts} == {
        "reproduced", "reproduced on stand-in data", "not run", "reported on stand-in data",
    }  # fmt: skip


def test_departed_runs_draw_nothing(plant, root, tmp_path, claims_dir):
    plant(artifacts=True, departures={"loss": "x"})
    plant(study="gan_saturation", rows=[{"generator_updates": 1, "gradient/saturating": 1.0}], departures={"k": 2})
    write(root, tmp_path, claims_dir)
    assert list(tmp_path.glob("*.png")) == []


def test_same_runs_same_bytes(plant_all, root, tmp_path, claims_dir):
    plant_all(seeds=2)
    for name in ("a", "b"):
        write(root, tmp_path / name, claims_dir)
    files = {path.name for path in (tmp_path / "a").iterdir()}
    assert files == PICTURES | {"index.html", "gan.md", "table1.tex"}
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_links_lead_to_the_folders(plant_all, root, tmp_path, claims_dir):
    plant_all()
    html, text = write(root, tmp_path / "deep" / "out", claims_dir)
    links = re.findall(r"\]\(<(.+?)>\)", text)
    assert len(links) > 20
    assert all((tmp_path / "deep" / "out" / link).is_dir() for link in links)
    assert len(re.findall(r'<a href="(?!#)', html)) == len(links)  # besides those to its own sections


@pytest.mark.parametrize(
    ("study", "own"),
    [
        ("gan_1d", "figure1.png"),
        ("gan_theory", "theory.png"),
        ("gan_saturation", "gradients.png"),
        ("gan_helvetica", "doses.png"),
    ],
)
def test_studies_show_their_own_figure(plant_all, root, tmp_path, claims_dir, study, own):
    plant_all()
    html = write_study(root, study, "laptop", tmp_path, claims_dir).read_text()
    assert len(np.unique(np.asarray(Image.open(tmp_path / own)))) > 2
    assert not (tmp_path / "figure2.png").exists()
    assert (tmp_path / "every_seed.png").exists() == (study == "gan_helvetica")  # the others have no samples
    assert '<td class="word reproduced">reproduced</td>' in html
    assert ("<h2>Theory</h2>" in html) == (study == "gan_theory")


def test_the_study_page_of_tfd_has_its_column(plant_all, root, tmp_path, claims_dir):
    plant_all()
    html = write_study(root, "gan_tfd", "laptop", tmp_path, claims_dir).read_text()
    assert "<h2>Table 1, TFD</h2>" in html
    assert "Data: yaleB48, standing in for TFD." in html
    assert "2110" in (tmp_path / "table1.tex").read_text()


def test_the_page_of_a_grid_names_its_data(plant_all, root, tmp_path, claims_dir):
    plant_all()
    assert (
        "Data: digits, standing in for MNIST."
        in write_study(root, "gan_helvetica", "laptop", tmp_path, claims_dir).read_text()
    )


def test_the_command_writes_the_papers_after_the_studies(plant_all, plant, root, tmp_path, claims_dir, capsys):
    plant_all(seeds=1)
    plant(study="mine", paper="other", artifacts=True)
    out = tmp_path / "reports"
    assert main(["--runs", str(root), "--out", str(out), "--claims", str(claims_dir)]) == 0
    printed = capsys.readouterr().out.splitlines()
    pages = [line for line in printed if line.endswith("index.html")]
    assert pages[-3:] == [str(out / name / "index.html") for name in ("gan", "other", "")]
    assert (out / "gan" / "gan.md").exists()
    other = (out / "other" / "other.md").read_text()
    assert other.startswith("# other\n")
    assert "gan.mnist_ll" not in other
    assert "| mine | laptop |" in other


def test_a_paper_is_known_by_its_claims_where_every_record_is_lost(plant, root, claims_dir, tmp_path):
    (plant() / "result.json").unlink()
    assert papers_of(read_runs(root), claims_dir) == ["gan"]
    assert papers_of(read_runs(root), tmp_path / "none") == []


def test_a_record_without_a_paper_or_with_odd_data(plant, root, tmp_path, claims_dir):
    folder = plant(study="gan_1d", samples=False, rows=[])
    record = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(record | {"paper": None, "data": {}, "metrics": None}))
    assert "gan_1d" in section(write(root, tmp_path, claims_dir)[1], "Studies")


def test_no_training_code_is_imported():
    code = "import sys, ganrepro.report.__main__; sys.exit(bool({'torch', 'lightning', 'hydra'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
