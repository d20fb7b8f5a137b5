"""The dashboards of studies: what would be sent to W&B, and what TensorBoard serves."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from ganrepro.dashboard import main
from ganrepro.report.page import Page, Picture, Section
from ganrepro.report.records import read_runs
from ganrepro.report.rendering import Table
from ganrepro.workspaces import workspace

PATIENCE = 300.0  # seconds
ROWS = [
    {"generator_updates": 2, "images_seen": 20, "loss/generator": 0.7, "loss/discriminator": 1.4},
    {"generator_updates": 4, "images_seen": 40, "loss/generator": 0.8, "parzen/validation": 9.0},
]


@pytest.fixture
def planted(plant: Any, root: Path) -> None:
    """A study with a seed in W&B and one that is not, one with its report there, and one without anything."""
    (plant(seed=0, rows=ROWS) / "wandb_id").write_text("a1b2c3d4")
    plant(seed=1, rows=ROWS)
    plant(study="gan_tfd", rows=ROWS)
    plant(study="gan_theory", rows=[])
    (root / "gan_theory" / "laptop" / "report" / "wandb").mkdir(parents=True)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    pictures = [Picture(tmp_path / "curves.png", "Learning curves", "")]
    return Page("", "", [Section("Verdicts", [Table(["claim"], [["gan.fast"]])]), Section("Pictures", (), pictures)])


@pytest.mark.usefixtures("planted")
def test_what_would_be_sent(page: Page, root: Path) -> None:
    made = workspace(page, read_runs(root, "gan_mnist"), "me", "mine")
    spec = json.loads(made._to_model().spec.model_dump_json(by_alias=True, exclude_none=True))["section"]
    [runs] = spec["runSets"]
    [only] = runs["filters"]["filters"]
    assert (only["key"], only["op"], only["value"]) == ({"section": "run", "name": "group"}, "=", "gan_mnist/laptop")
    assert runs["grouping"] == [{"section": "run", "name": "jobType"}]
    assert spec["settings"]["xAxis"] == "generator_updates"
    sections = {section["name"]: section["panels"] for section in spec["panelBankConfig"]["sections"]}
    plots = sections["Losses"] + sections["Measures"]
    assert [plot["config"]["metrics"] for plot in plots] == [
        ["loss/discriminator"], ["loss/generator"], ["parzen/validation"],
    ]  # fmt: skip
    for plot in plots:
        config = plot["config"]
        assert (config["xAxis"], config["groupBy"]) == ("generator_updates", "jobType")
        assert (config["groupAgg"], config["groupArea"]) == ("mean", "minmax")
    [table] = sections["Report: tables"]
    assert table["config"]["panel2Config"]["exp"]["fromOp"]["inputs"]["key"]["val"] == "tables/verdicts"
    [picture] = sections["Report: pictures"]
    assert picture["config"]["mediaKeys"] == ["pictures/curves"]
    [samples] = sections["Samples while training"]
    assert samples["config"]["mediaKeys"] == ["samples"]
    assert samples["config"]["gridSettings"] == {"xAxis": "step", "yAxis": "run"}


@pytest.fixture
def quick(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is not drawn: its own tests do that."""
    monkeypatch.setattr("ganrepro.report.study.study_page", lambda *_: page)


@pytest.mark.parametrize("words", [[], ["--send"]])
@pytest.mark.usefixtures("planted", "quick")
def test_without_a_key_it_is_only_shown(
    words: list[str], root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wandb.login", lambda **_: False)
    monkeypatch.setattr("ganrepro.workspaces.save", lambda *_: pytest.fail("nothing may be sent"))
    before = sorted(root.rglob("*"))
    assert main(["--runs", str(root), "--entity", "me", "--project", "mine", *words]) == 0
    assert sorted(root.rglob("*")) == before
    out = capsys.readouterr().out
    assert "gan_mnist, scale laptop: runs where Metric(\"Group\") == 'gan_mnist/laptop', grouped by cell" in out
    assert "  Losses: loss/discriminator, loss/generator\n" in out
    assert "gan_theory, scale laptop: runs where" in out
    assert "gan_tfd, scale laptop: left out" in out
    assert "/me/mine" in out
    assert ("`wandb login`" in out) == bool(words)


class Server:
    """Stands in W&B's place: keeps the views that it is sent."""

    def __init__(self) -> None:
        self.views: dict[str, dict[str, Any]] = {}

    def __call__(self, api: object, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "upsertView" in query:
            number = variables.get("id", f"view{len(self.views)}")
            self.views[number] = variables
            return {"upsertView": {"view": {"id": number, "name": variables["name"]}}}
        nodes = [
            {"node": {"id": number, "displayName": view["displayName"], "spec": view["spec"]}}
            for number, view in self.views.items()
            if view["name"] == variables["viewName"]
        ]
        return {"project": {"allViews": {"edges": nodes}}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr("ganrepro.wandb_runs.has_key", lambda: True)
    monkeypatch.setattr("wandb.Api", lambda: type("Api", (), {"default_entity": "me"}))
    monkeypatch.setattr("wandb_workspaces.workspaces.internal.execute_graphql", made)
    monkeypatch.setattr("wandb_workspaces.workspaces.interface.get_app_url", lambda api: "https://wandb.test")
    return made


@pytest.mark.usefixtures("planted", "quick")
def test_a_view_is_sent_and_the_next_time_replaced(
    server: Server, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--runs", str(root), "--send", "gan_mnist"]
    for _ in range(2):
        assert main(words) == 0
        kept = (root / "gan_mnist" / "laptop" / "wandb_view").read_text()
        assert kept.startswith("https://wandb.test/me/ganrepro?nw=")
        assert f"sent: {kept}" in capsys.readouterr().out
    [view] = server.views.values()
    assert (view["entityName"], view["projectName"], view["displayName"]) == (
        "me",
        "ganrepro",
        "gan_mnist, scale laptop",
    )
    assert "loss/generator" in view["spec"]
    assert main([*words, "--project", "other"]) == 0
    assert [view["projectName"] for view in server.views.values()] == ["ganrepro", "other"]
    server.views.clear()  # somebody deleted them
    assert main([*words, "--project", "other"]) == 0
    assert len(server.views) == 1


@pytest.mark.usefixtures("planted", "quick", "server")
def test_an_answer_of_wandb_is_one_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("403\nand more")

    monkeypatch.setattr("wandb_workspaces.workspaces.internal.execute_graphql", refuse)
    assert main(["--runs", str(root), "--send"]) == 1
    assert capsys.readouterr().err == "W&B did not take it (PermissionError: 403).\n"


@pytest.mark.usefixtures("planted")
def test_what_cannot_be_shown(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", str(root), "gan_1d"]) == 1
    assert capsys.readouterr().err == f"No runs of gan_1d in {root}.\n"
    assert main(["--runs", str(root / "none")]) == 1
    assert "No runs in" in capsys.readouterr().err
    assert main(["--runs", str(root), "--logger", "tensorboard", "gan_mnist"]) == 1
    assert capsys.readouterr().err == f"No event files in {root / 'gan_mnist'}: train with logger=tensorboard.\n"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for logger in ("wandb", "tensorboard"):
        assert main(["--runs", str(root), "--logger", logger]) == 1
        assert "pip install 'ganrepro[" in capsys.readouterr().err


@pytest.mark.parametrize("studies", [[], ["gan_mnist"]])
def test_tensorboard_serves_the_event_files(root: Path, studies: list[str]) -> None:
    for study in ("gan_mnist", "gan_tfd"):
        writer = EventFileWriter(str(root / study / "laptop" / "default-1a2b3c4d" / "seed=0" / "tensorboard"))
        writer.add_event(Event(step=2, summary=Summary(value=[Summary.Value(tag="loss/generator", simple_value=0.5)])))
        writer.close()
    command = [sys.executable, "-m", "ganrepro.dashboard", "--logger", "tensorboard", "--runs", str(root), *studies]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            [address] = re.findall(r"at (http\S+) until Ctrl-C", process.stdout.readline())
            shown = runs_at(address)
        finally:
            process.terminate()
    expected = [f"{study}/laptop/default-1a2b3c4d/seed=0/tensorboard" for study in studies or ("gan_mnist", "gan_tfd")]
    assert sorted(shown) == expected


def test_ctrl_c_ends_tensorboard(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganrepro.dashboard.serve", lambda root, studies: "http://there/")
    monkeypatch.setattr("ganrepro.dashboard.threading", SimpleNamespace(Event=lambda: SimpleNamespace(wait=interrupt)))
    assert main(["--runs", str(root), "--logger", "tensorboard"]) == 0
    assert capsys.readouterr().out == f"TensorBoard shows {root} at http://there/ until Ctrl-C.\n"


def runs_at(address: str) -> list[str]:
    """What TensorBoard has found, once it has found something: it reads in a thread of its own."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with build_opener(ProxyHandler({})).open(f"{address}data/runs") as answer:
            if found := json.loads(answer.read()):
                return found
        time.sleep(0.1)
    return []
