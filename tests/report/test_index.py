"""The index: every claim has a row, every run is in runs.csv, and the same runs give the same bytes."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Plant
from markdown_pages import rows, section

from ganrepro.report.about import HEADER
from ganrepro.report.claims import largest_decided, load_claims, paper_board
from ganrepro.report.index import verdicts_of, write_index
from ganrepro.report.kept import FILE, GONE, kept_pages
from ganrepro.report.paper_page import write_paper
from ganrepro.report.records import read_runs
from ganrepro.report.study import write_study


def write(root: Path, out: Path, claims_dir: Path) -> tuple[str, str]:
    """index.html and index.md."""
    runs = read_runs(root)
    kept = kept_pages(out, runs)
    page = write_index(runs, verdicts_of(runs, root, claims_dir, kept), root, out, ["gan"], kept)
    return page.read_text(), (out / "index.md").read_text()


def test_every_claim_has_a_row_also_without_runs(root: Path, tmp_path: Path, claims_dir: Path) -> None:
    text = write(root, tmp_path, claims_dir)[1]
    found = [row[0] for row in rows(text) if re.match(r"(gan|dcgan|lsgan|tgan)\.", row[0])]
    ids = [claim["id"] for claim in load_claims(claims_dir)]
    assert sorted(found) == sorted(ids)
    assert len(ids) >= 58
    assert text.splitlines()[2].startswith(f"{len(ids)} claims, each at the largest scale that gives a verdict: ")
    assert (tmp_path / "runs.csv").read_text().count("\n") == 1, "the header"


def test_a_claim_is_shown_at_the_largest_scale_that_gives_a_verdict(
    plant: Plant, root: Path, tmp_path: Path, claims_dir: Path
) -> None:
    copies = {"copies": 0.01, "recognised/random": 0.8}
    for scale in ("laptop", "workstation"):
        for seed in range(3):
            plant(seed=seed, scale=scale, final=copies)
    plant(scale="paper", status="running")
    shown = {v.claim["id"]: v for v in largest_decided(paper_board(load_claims(claims_dir, "gan"), read_runs(root)))}
    assert (shown["gan.not_copies"].scale, shown["gan.not_copies"].word) == ("workstation", "reproduced")
    assert (shown["gan.tfd_ll"].scale, shown["gan.tfd_ll"].word) == ("workstation", "not run"), "its first scale"
    html, text = write(root, tmp_path / "out", claims_dir)
    row = next(row for row in rows(text) if row[0] == "gan.not_copies")
    assert row[1:3] == ["workstation", "reproduced"]
    assert "0.01 [0.01, 0.01]" in row[5]
    assert '<a href="gan_mnist/laptop/index.html">gan_mnist</a>' in html
    assert '<a href="runs.csv">runs.csv</a>' in html
    assert "[gan_mnist](<gan_mnist/laptop/gan_mnist.md>)" in section(text, "Studies")
    assert "[gan](<gan/gan.md>)" in section(text, "Papers")


def test_studies_say_where_they_ran_and_why_they_did_not(
    plant: Plant, root: Path, tmp_path: Path, claims_dir: Path
) -> None:
    plant(seed=0, commit="abc1234")
    plant(seed=1, commit="def5678", dirty=True, status="diverged", reason="not finite")
    (root / "gan_tfd" / "workstation").mkdir(parents=True)
    (root / "gan_tfd" / "workstation" / "not_run.json").write_text(json.dumps({"reason": "TFD is not there."}))
    (root / "gan_1d" / "laptop").mkdir(parents=True)
    (root / "gan_1d" / "laptop" / "not_run.json").write_text("{")
    text = write(root, tmp_path, claims_dir)[1]
    studies = {row[0]: row for row in rows(section(text, "Studies"))}
    machine, minutes = "A CPU (cpu, 2 cores)", f"{130 / 60:.1f}"
    expected = ["1 done, 1 diverged", machine, "abc1234, def5678 + changes", minutes, "6%"]
    assert studies["gan_mnist"][3:8] == expected
    assert studies["gan_tfd"][3] == "not run: TFD is not there."
    assert studies.keys() == {"gan_mnist", "gan_tfd"}
    claim = next(row for row in rows(text) if row[0] == "gan.tfd_ll")
    assert claim[2] == "not run"
    assert "TFD is not there." in claim, "the reason in place of the command that cannot be carried out"


def test_a_page_whose_runs_are_elsewhere_has_a_row(plant: Plant, root: Path, tmp_path: Path, claims_dir: Path) -> None:
    plant()
    for place in ("gan_mnist/laptop/gan_mnist.md", "gan_mnist/workstation/gan_mnist.md", "gan/gan.md"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    laptop, workstation = rows(section(write(root, tmp_path, claims_dir)[1], "Studies"))
    assert laptop[3] == "1 done"
    assert workstation[:4] == ["gan_mnist", "workstation", "", "not here; the page is of earlier ones"]
    assert workstation[-1] == "[gan_mnist](<gan_mnist/workstation/gan_mnist.md>)"


@pytest.fixture
def without_its_runs(plant: Plant, root: Path, tmp_path: Path, claims_dir: Path) -> Path:
    """reports/ with the page of three workstation runs, which were deleted since; runs/ with three at laptop scale."""
    for seed in range(3):
        plant(seed=seed, scale="workstation", final={"copies": 0.01, "recognised/random": 0.8})
    write_study(root, "gan_mnist", "workstation", tmp_path / "reports/gan_mnist/workstation", claims_dir)
    shutil.rmtree(root / "gan_mnist/workstation")
    for seed in range(3):
        plant(seed=seed, final={"copies": 0.5, "recognised/random": 0.8})
    return tmp_path / "reports"


def claimed(text: str) -> list[list[str]]:
    return [row for row in rows(text) if row[0] == "gan.not_copies"]


def test_a_page_keeps_its_verdicts_when_its_runs_are_deleted(
    without_its_runs: Path, root: Path, claims_dir: Path
) -> None:
    text = write(root, without_its_runs, claims_dir)[1]
    [row] = claimed(text)
    assert row[1:3] == ["workstation", "reproduced"]
    assert (row[5], row[6]) == ("copies = 0.01 [0.01, 0.01]", "3")
    assert row[7].endswith(GONE)
    [_, study] = rows(section(text, "Studies"))
    assert study[1:4] == [
        "workstation",
        "digits, standing in for MNIST",
        "3 done, not here; the page is of earlier ones",
    ]
    assert write(root, without_its_runs, claims_dir)[1] == text

    kept = kept_pages(without_its_runs, read_runs(root))
    write_paper(root, "gan", without_its_runs / "gan", claims_dir, kept=kept)
    page = (without_its_runs / "gan/gan.md").read_text()
    assert "not here: [gan_mnist, workstation](../gan_mnist/workstation/gan_mnist.md)." in page
    both = claimed(page)
    assert [row[1:3] for row in both] == [["laptop", "not reproduced"], ["workstation", "reproduced"]]


def test_a_scale_of_ones_own_comes_last(plant: Plant, root: Path, claims_dir: Path) -> None:
    for scale in ("mine", "paper"):
        plant(scale=scale)
    board = paper_board(load_claims(claims_dir, "gan"), read_runs(root))
    assert [verdict.scale for verdict in board if verdict.claim["id"] == "gan.not_copies"] == ["paper", "mine"]


def test_runs_that_are_there_count_in_place_of_what_a_page_kept(
    without_its_runs: Path, plant: Plant, root: Path, claims_dir: Path
) -> None:
    for seed in range(3):
        plant(seed=seed, scale="workstation", final={"copies": 0.5, "recognised/random": 0.8})
    [row] = claimed(write(root, without_its_runs, claims_dir)[1])
    assert row[1:3] == ["workstation", "not reproduced"]
    assert GONE not in row[7]


def test_a_claim_that_was_rewritten_since_says_so(
    without_its_runs: Path, root: Path, tmp_path: Path, claims_dir: Path
) -> None:
    other = tmp_path / "claims"
    shutil.copytree(claims_dir, other)
    (other / "gan.yaml").write_text(
        (other / "gan.yaml").read_text().replace("The samples are not memorised", "No sample is a memorised")
    )
    [row] = claimed(write(root, without_its_runs, other)[1])
    assert row[2] == "reproduced"
    assert "the claim changed since these runs started" in row[7]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        "{}",
        '{"about": 1, "verdicts": 2}',
        json.dumps({"about": dict.fromkeys(HEADER, "x"), "verdicts": {"gan.not_copies": {"verdict": "reproduced"}}}),
    ],
)
def test_a_page_with_damaged_verdicts_still_has_its_row(
    without_its_runs: Path, root: Path, claims_dir: Path, content: str | None
) -> None:
    path = without_its_runs / "gan_mnist/workstation" / FILE
    path.unlink() if content is None else path.write_text(content)
    text = write(root, without_its_runs, claims_dir)[1]
    assert claimed(text)[0][1:3] == ["laptop", "not reproduced"]
    assert rows(section(text, "Studies"))[1][3] == "not here; the page is of earlier ones"


def test_a_run_is_a_row(plant: Plant, root: Path, tmp_path: Path, claims_dir: Path) -> None:
    best = {"parzen/validation": 91.0, "parzen/test": 88.0}
    plant(seed=10, final={"parzen/validation": 90.5, "parzen/test": 87.0}, best=best, hash="cafe0123")
    plant(seed=9, status="diverged", reason="not finite: loss")
    (root / "gan_mnist" / "laptop" / "default-1a2b3c4d" / "seed=11").mkdir()
    write(root, tmp_path, claims_dir)
    with (tmp_path / "runs.csv").open(newline="") as file:
        nine, ten, eleven = csv.DictReader(file)
    assert (nine["seed"], nine["status"], nine["reason"], nine["last"]) == ("9", "diverged", "not finite: loss", "")
    scores = [ten[key] for key in ("monitor", "last", "best", "best_updates", "test", "test_last", "test_best")]
    assert scores == ["parzen/validation", "90.5", "91.0", "500", "parzen/test", "87.0", "88.0"]
    where = [
        ten[key] for key in ("updates", "seconds", "hardware", "threads", "commit", "source_digest", "config_hash")
    ]
    assert where == ["2000", "65.0", "A CPU", "1", "abc1234", "0123abcd", "cafe0123"]
    assert (eleven["status"], eleven["updates"], eleven["hardware"]) == ("running", "", "")


def test_two_processes_give_the_same_bytes(plant: Plant, root: Path, tmp_path: Path, claims_dir: Path) -> None:
    """Of Markdown, CSV and LaTeX; the second hashes strings in another order."""
    for seed in (1, 0):
        plant(seed=seed, artifacts=True)
        plant(seed=seed, cell="k=2-00000001", departures={"k": "2"})
    plant(study="gan_1d", status="diverged", samples=False, data={"name": "mixture"})
    shutil.copytree(root, tmp_path / "copy" / "runs")
    found = []
    for number, place in enumerate((root.parent, tmp_path / "copy")):
        command = [
            sys.executable,
            "-m",
            "ganrepro.report",
            "--claims",
            str(Path(__file__).parents[2] / "conf" / "claims"),
        ]
        environment = {"PYTHONHASHSEED": str(number), "PYTHONPATH": ":".join(sys.path)}
        drawn = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
        assert drawn.returncode == 0, drawn.stderr
        files = [path for ending in ("md", "csv", "tex") for path in (place / "reports").rglob(f"*.{ending}")]
        found.append({str(path.relative_to(place)): path.read_bytes() for path in files})
    assert found[0] == found[1]
    assert {"reports/index.md", "reports/runs.csv", "reports/gan/gan.md"} < found[0].keys()
    largest = max((root.parent / "reports").rglob("*.png"), key=lambda path: path.stat().st_size)
    assert largest.stat().st_size <= 200_000
    assert not re.search(r"\d{4}-\d{2}-\d{2}", found[0]["reports/index.md"].decode()), "no date"


@pytest.mark.parametrize("content", ["[]", '{"reason": null}', "{"])
def test_a_damaged_note_is_no_error(root: Path, tmp_path: Path, claims_dir: Path, content: str) -> None:
    (root / "gan_tfd" / "laptop").mkdir(parents=True)
    (root / "gan_tfd" / "laptop" / "not_run.json").write_text(content)
    assert "## Papers" in write(root, tmp_path, claims_dir)[1]
