"""A study's report as a W&B run: what is in its files."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from wandb_files import offline

from ganrepro.assemble import folder_of
from ganrepro.cells import Cell
from ganrepro.cli import summarise
from ganrepro.provenance import commit
from ganrepro.report.claims import Verdict
from ganrepro.report.page import Page, Picture, Section
from ganrepro.report.rendering import Table
from ganrepro.train import train_cell
from ganrepro.wandb_report import show_study

KEY = "0123456789abcdef0123456789abcdef01234567"
VERDICTS = [
    Verdict({"id": "gan.mnist_ll"}, "laptop", "reproduced", ""),
    Verdict({"id": "gan.fast"}, "laptop", "not run", "no runs"),
]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    Image.new("L", (8, 8)).save(tmp_path / "curves.png")
    folder = tmp_path / "runs" / "gan_mnist" / "laptop" / "default-1a2b3c4d"
    board = Table(["claim", "verdict"], [["gan.mnist_ll", "reproduced"]], folders=[folder])
    cells = Section("All cells", [Table(["cell"], [["default"]]), Table(["p"], [["0.5"]]), Table(["none"], [])])
    pictures = [Picture(tmp_path / "curves.png", "Learning curves", "A line a seed.")]
    sections = [Section("Verdicts", [board]), cells, Section("Pictures", pictures=pictures)]
    return Page("gan_mnist, scale laptop", "Data: digits.", sections, ["2 runs: 2 done."])


def test_tables_pictures_and_verdicts_are_in_one_run_a_study(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The true service, offline and twice: the second run has the place of the first, and the key is nowhere."""
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    out = tmp_path / "report"
    for verdicts in (VERDICTS[:1], VERDICTS):
        show_study(page, verdicts, out, "gan_mnist", "laptop", "mine", offline=True)
    [run] = offline(out)
    who = (run.run.run_id, run.run.run_group, run.run.job_type, run.run.display_name)
    assert who == ("report-gan_mnist-laptop", "gan_mnist/laptop", "report", "gan_mnist, scale laptop")
    assert run.run.notes == "Data: digits.\n2 runs: 2 done."
    assert (run.config["study"], run.config["scale"], run.config["commit"]) == ("gan_mnist", "laptop", commit()[0])
    assert run.exit_code == 0

    media = run.folder / "files"
    tables = {key: run.summary[f"{key}.path"] for key in ("tables/verdicts", "tables/all_cells", "tables/all_cells_2")}
    read = [json.loads((media / path).read_text()) for path in tables.values()]
    assert [table["columns"] for table in read] == [["claim", "verdict", "folder"], ["cell"], ["p"]]
    assert read[0]["data"] == [["gan.mnist_ll", "reproduced", "default-1a2b3c4d"]]
    with Image.open(media / run.summary["pictures/curves.path"]) as picture:
        assert picture.size == (8, 8)
    assert run.summary["pictures/curves.caption"] == "Learning curves. A line a seed."
    claims = {key: word for key, word in run.summary.items() if key.startswith("claims/")}
    assert claims == {"claims/gan.mnist_ll": "reproduced", "claims/gan.fast": "not run"}

    files = [path for path in out.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert any("staging" in path.parts for path in files)  # not in the home folder
    assert "WANDB_DATA_DIR" not in os.environ
    assert capfd.readouterr() == ("", "")


def test_a_report_that_wandb_cannot_write_costs_a_line(
    page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wandb").touch()  # where its folder would be
    show_study(page, VERDICTS, tmp_path, "gan_mnist", "laptop", "mine", offline=True)
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"W&B shows no more of {tmp_path} (FileExistsError")


@pytest.mark.parametrize("logger", ["csv", "wandb"])
def test_a_command_with_wandb_ends_with_the_studys_run(
    logger: str, narrow: Callable[..., Cell], conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr("ganrepro.wandb_report.show_study", lambda *words, **more: told.append((*words, more)))
    cell = narrow("updates=2")
    train_cell(cell, folder_of(cell), {})
    assert summarise(conf, [narrow("updates=2", f"logger={logger}")], [folder_of(cell)]) == 0
    if logger == "csv":
        assert told == []
        return
    [[page, verdicts, out, *rest]] = told
    assert isinstance(page, Page)
    assert {verdict.claim["study"] for verdict in verdicts} == {"gan_mnist"}
    assert (out / "index.html").is_file()
    assert rest == ["gan_mnist", "laptop", {"project": "ganrepro", "offline": True}]
