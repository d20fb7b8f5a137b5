import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ganrepro.report.__main__ import main
from ganrepro.report.study import write_study

PICTURES = {"figure2.png", "figure3.png", "curves.png", "every_seed.png"}


@pytest.fixture
def planted(plant):
    """A plain cell with a diverged seed, a cell with a departure, a run cut off, and one that failed."""
    scalars = {"parzen/validation": 100.0, "parzen/test": 90.0, "autocorrelation": 0.0, "copies": 0.01}
    for seed in range(3):
        plant(seed=seed, final={key: value + seed / 10 for key, value in scalars.items()}, artifacts=True)
    plant(seed=3, status="diverged", reason="not finite: loss/generator", source_digest="eeeeeeee")
    departed = {"departures": {"loss": "gan_saturating"}, "label": "laptop (loss=gan_saturating)"}
    plant(cell="loss=gan_saturating-99aa00bb", final=scalars, **departed)
    plant(cell="loss=gan_saturating-99aa00bb", seed=1, status="error", reason="OSError: disk full", **departed)
    broken = plant(cell="k=2-77777777", seed=0, status="running")
    (broken / "result.json").unlink()


def write(root, out, claims_dir):
    page = write_study(root, "gan_mnist", "laptop", out, claims_dir)
    return page.read_text(), (out / "gan_mnist.md").read_text()


@pytest.mark.usefixtures("planted")
def test_the_page_has_everything_and_needs_nothing(root, tmp_path, claims_dir):
    html, text = write(root, tmp_path / "out", claims_dir)
    for heading in ("Verdicts", "Table 1, MNIST", "All cells", "Pictures", "Runs", "Notes"):
        assert f"<h2>{heading}</h2>" in html
        assert f"## {heading}" in text
    assert html.count('src="data:image/png;base64,') == 4
    assert not re.search(r'(src|href)="https?:', html)
    assert "prefers-color-scheme: dark" in html
    assert 'class="word inconclusive"' in html
    for page in (html, text):
        assert "laptop (loss=gan_saturating)" in page
        assert "diverged: not finite: loss/generator" in page
        assert "error: OSError: disk full" in page
        assert "Data: digits, standing in for MNIST." in page
        assert "loss=gan_saturating †" in page
        assert "a stand-in, not comparable" in page


@pytest.mark.usefixtures("planted")
def test_notes_name_what_a_reader_must_know(root, tmp_path, claims_dir):
    notes = write(root, tmp_path, claims_dir)[1].split("## Notes")[1]
    assert "- 7 runs: 4 done, 1 diverged, 1 error, 1 running." in notes
    assert "- default-1a2b3c4d, seed 3: diverged (not finite: loss/generator)." in notes
    assert "- k=2-77777777, seed 0: running or cut off." in notes
    assert "runs of different sources are mixed: 0123abcd (seed 0, 1, 2); eeeeeeee (seed 3)" in notes
    assert "- Runs of different sources are on this page: 0123abcd, eeeeeeee." in notes


@pytest.mark.usefixtures("planted")
def test_same_runs_same_bytes(root, tmp_path, claims_dir):
    for name in ("a", "b"):
        write_study(root, "gan_mnist", "laptop", tmp_path / name, claims_dir)
    files = {path.name for path in (tmp_path / "a").iterdir()}
    written = {"index.html", "gan_mnist.md", "table.md", "table.csv", "table.tex", "table1.tex", "verdicts.json"}
    assert files == PICTURES | written
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.usefixtures("planted")
def test_pictures_exist_and_are_not_blank(root, tmp_path, claims_dir):
    write_study(root, "gan_mnist", "laptop", tmp_path, claims_dir)
    for name in PICTURES:
        assert (tmp_path / name).stat().st_size <= 200_000
        assert len(np.unique(np.asarray(Image.open(tmp_path / name)))) > 2


@pytest.mark.usefixtures("planted")
def test_links_lead_to_the_folders(root, tmp_path, claims_dir):
    text = write(root, tmp_path / "deep" / "out", claims_dir)[1]
    links = re.findall(r"\]\(<(.+?)>\)", text)
    assert len(links) > 10
    assert all((tmp_path / "deep" / "out" / link).is_dir() for link in links)


def test_without_any_run(root, tmp_path, claims_dir):
    html, text = write(root, tmp_path, claims_dir)
    assert "There are no runs yet." in text
    assert text.count("| not run |") == 6
    assert "<img src=" not in html


def test_with_nothing_but_broken_folders(root, tmp_path, claims_dir):
    folder = root / "gan_mnist" / "laptop" / "default-00000000" / "seed=0"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{")
    text = write(root, tmp_path, claims_dir)[1]
    assert "default-00000000, seed 0: running or cut off." in text


def test_a_picture_whose_arrays_are_gone_is_removed(plant, root, tmp_path, claims_dir):
    folder = plant(artifacts=True)
    write_study(root, "gan_mnist", "laptop", tmp_path, claims_dir)
    shutil.rmtree(folder / "artifacts")
    write_study(root, "gan_mnist", "laptop", tmp_path, claims_dir)
    assert not (tmp_path / "figure2.png").exists()


def test_a_study_without_claims_or_paper_table(plant, root, tmp_path):
    plant(study="mine", final={"parzen/validation": 1.0})
    page = write_study(root, "mine", "laptop", tmp_path / "out", tmp_path / "no_claims")
    assert "No claim is about this study." in page.read_text()
    assert "Table 1" not in page.read_text()


def test_the_command_redraws_all_and_prints_the_board(plant, root, tmp_path, claims_dir, capsys):
    plant()
    plant(scale="workstation", data={"name": "mnist"})
    out = tmp_path / "reports"
    assert main(["--runs", str(root), "--out", str(out), "--claims", str(claims_dir)]) == 0
    printed = capsys.readouterr().out
    for scale in ("laptop", "workstation"):
        assert (out / "gan_mnist" / scale / "index.html").exists()
        assert scale in printed
    assert "gan.mnist_ll" in printed
    assert "not run" in printed


def test_the_command_without_runs_and_with_wrong_claims(root, plant, tmp_path, capsys):
    assert main(["--runs", str(root), "--out", str(tmp_path)]) == 0
    assert "No runs in" in capsys.readouterr().out
    plant()
    (tmp_path / "bad.yaml").write_text(json.dumps([{"id": "x"}]))
    assert main(["--runs", str(root), "--out", str(tmp_path / "o"), "--claims", str(tmp_path)]) == 1
    assert "missing or unknown" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_line(root, plant, tmp_path, claims_dir, capsys):
    plant()
    (tmp_path / "file").write_text("")
    assert main(["--runs", str(root), "--out", str(tmp_path / "file"), "--claims", str(claims_dir)]) == 1
    assert capsys.readouterr().err.startswith(f"cannot write {tmp_path / 'file'}")


def test_no_training_code_is_imported():
    code = "import sys, ganrepro.report.study; sys.exit(bool({'torch', 'lightning', 'hydra'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_page_escapes_what_runs_say(plant, root, tmp_path, claims_dir):
    plant(status="error", reason="<script>alert(1)</script>")
    assert "<script>alert" not in write(root, tmp_path, claims_dir)[0]
