"""Every study, whatever becomes of each: with a stand-in for run.py that does as its study's name says."""

import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ganrepro import agenda, processes, reproduce
from ganrepro.agenda import Study, in_order, look, time_of
from ganrepro.cells import cells_of
from ganrepro.errors import DataMissing
from ganrepro.how_to_run import Hardware
from ganrepro.runs import RunFolder

ROOT = Path(__file__).parents[1]
STUDIES = (
    *("done", "fails", "good", "killed", "killed_once", "no_data", "stopped", "stops_all", "user_error", "worker"),
    *("deaf", "follows", "meets_1", "meets_2"),
)
STAND_IN = """
import json, os, signal, sys, time
from pathlib import Path
given = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
study, runs = given["experiment"], Path(given["runs"].strip("'"))
with (runs / "started.txt").open("a") as file:
    file.write(study + "\\n")
times = (runs / "started.txt").read_text().split().count(study)
run = runs / study / given["scale"] / "cell" / "seed=0"
def record(**content):
    run.mkdir(parents=True, exist_ok=True)
    (run / "result.json").write_text(json.dumps(content))
if study == "fails":
    record(status="error", reason="ValueError: bad", generator_updates=3)
if study in ("killed", "worker") or study == "killed_once" and times == 1:
    record(status="running", generator_updates=3)
    os.kill(os.getpid(), signal.SIGKILL) if study != "worker" else sys.exit(1)
if study == "stopped":
    os.kill(os.getpid(), signal.SIGINT)
if study == "stops_all":
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
if study == "deaf":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
if study.startswith("meets"):
    other = "meets_2" if study == "meets_1" else "meets_1"
    end = time.monotonic() + 30
    while other not in (runs / "started.txt").read_text().split():
        assert time.monotonic() < end, "the other one does not start while this one runs"
        time.sleep(0.05)
if study == "follows":
    assert (runs / "good/laptop/cell/seed=0/DONE").exists(), "it started before its source has ended"
print("said by", study, given.get("workers"), file=sys.stderr)
if study in ("good", "killed_once", "follows", "meets_1", "meets_2"):
    record(status="diverged", generator_updates=7)
    (run / "DONE").touch()
sys.exit(study in ("fails", "user_error"))
"""


def stand_in(name: str, runs: Path) -> Study:
    """A study of one run."""
    if name == "no_data":
        return Study(name, problem="MNIST is not there: no data.\nGet it.", missing=True)
    return Study(name, [cell()], [runs / name / "laptop" / "cell"], 5_000_000)


def cell(**config: Any) -> Any:
    """What is asked of a cell, of one seed and ten updates."""
    common = {"updates": 10, "budget": 3.0, "rerun": "missing", "threads": 1, "trainer": {"accelerator": "cpu"}}
    config = common | config
    return SimpleNamespace(seeds=[0], config=config, study_updates=10, name="cell")


Go = Callable[..., int]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def go(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """`go("--strict", "good", ...)`: reproduce-all with the stand-in; what is drawn goes to drawn.txt."""
    (tmp_path / "experiment").mkdir()
    for name in STUDIES:
        source = "{study: good}" if name == "follows" else "null"
        (tmp_path / "experiment" / f"{name}.yaml").write_text(f"input: {source}")
    (tmp_path / "run.py").write_text(STAND_IN)
    monkeypatch.setattr(reproduce, "CONF", tmp_path)
    monkeypatch.setattr(reproduce, "RUN", (sys.executable, str(tmp_path / "run.py")))
    draw = f"import sys; open({str(tmp_path / 'drawn.txt')!r}, 'w').write(' '.join(sys.argv[1:]))"
    monkeypatch.setattr(reproduce, "REPORT", (sys.executable, "-c", draw))
    monkeypatch.setattr(processes, "PATIENCE", 0.1)
    monkeypatch.setattr(reproduce, "AT_ONCE", 1)
    monkeypatch.setattr(reproduce, "this_machine", lambda accelerator: Hardware(accelerator, cores=4))
    monkeypatch.setattr(reproduce, "look", lambda name, overrides, fetch=False: stand_in(name, runs))
    done = RunFolder(runs / "done" / "laptop" / "cell" / "seed=0")
    done.write_record({"status": "done", "generator_updates": 10})
    done.done.touch()
    return lambda *words: reproduce.main(["--runs", str(runs), "--out", str(tmp_path / "out"), *words])


def started(runs: Path) -> list[str]:
    return (runs / "started.txt").read_text().split()


def test_it_goes_on_after_failures_and_says_what_failed(
    go: Go, runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["done", "fails", "good", "killed_once", "no_data", "user_error", "worker"]
    assert go(*words) == 1
    once = ["fails", "good", "killed_once", "killed_once", "user_error", "worker", "worker", "worker"]
    assert sorted(started(runs)) == once, "what is done is not started, what is killed again, twice at most"
    out = capfd.readouterr().out
    head, tail = out.split("\n== ", 1)
    assert "In all: 5 runs, 15 min, 25 MB of disk." in head
    assert "not run: MNIST is not there: no data." in head
    assert "; 3 of 7, left by the budgets: 9 min" in tail
    assert "good        | said by good None" in tail
    assert tail.split("studies are done")[0].endswith("3 of 7 ")
    assert "fails: failed: 1 of 1 runs gave no result;" in tail
    assert "seed=0: ValueError: bad\n" in tail
    assert "user_error: failed: 1 of 1 runs gave no result;" in tail
    assert "seed=0: not begun\n" in tail
    assert "seed=0: cut off\n" in tail
    assert tail.count("A process of worker died") == 2
    assert 'STUDIES="fails user_error worker" that alone' in tail
    assert (tmp_path / "drawn.txt").read_text() == f"--runs {runs} --out {tmp_path / 'out'}"


def test_a_result_or_missing_data_are_no_failure_unless_strict(go: Go, runs: Path) -> None:
    assert go("good", "no_data") == 0, "a diverged run is a result"
    reason = json.loads((runs / "no_data" / "laptop" / "not_run.json").read_text())["reason"]
    assert reason == "MNIST is not there: no data."
    assert go("--strict", "good", "no_data") == 1
    assert go("--strict", "good") == 0
    assert started(runs) == ["good"]


def test_a_process_that_is_killed_is_started_again_twice(go: Go, runs: Path) -> None:
    assert go("killed") == 1
    assert started(runs) == ["killed"] * 3


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A background job of a shell ignores Ctrl-C, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("name", ["stopped", "stops_all", "deaf"])
def test_ctrl_c_ends_the_study_and_all_after_it(
    go: Go, runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    assert go(name, "done") == 130
    assert started(runs) == [name]
    assert "The same command goes on" in capfd.readouterr().err
    assert not (tmp_path / "drawn.txt").exists()


def test_nothing_starts_once_all_are_stopped(tmp_path: Path) -> None:
    several = processes.Processes(1)
    several.stop()
    with pytest.raises(KeyboardInterrupt):
        several.run("a", ["touch", str(tmp_path / "a")])
    assert not (tmp_path / "a").exists()


def test_the_report_that_fails_is_a_failure(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "REPORT", (sys.executable, "-c", "raise SystemExit(3)"))
    assert go("good") == 1


def test_words_with_an_equals_sign_are_handed_on(go: Go, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Sequence[str]] = []
    monkeypatch.setattr(reproduce.Processes, "run", lambda self, name, words: given.append(words) or 0)
    assert go("good", "workers=1", "--scale", "workstation") == 0
    assert given[0][2:] == ["-m", "experiment=good", "scale=workstation", f"runs='{runs}'", "workers=1"]


def test_two_studies_run_at_once_and_share_the_workers(
    go: Go, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduce, "AT_ONCE", 2)
    assert go("meets_1", "meets_2") == 0
    out = capfd.readouterr().out
    assert "meets_1 | said by meets_1 2" in out, "of four cores"
    assert "meets_2 | said by meets_2 2" in out


def test_a_study_waits_for_its_source(go: Go, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "AT_ONCE", 2)
    assert go("follows", "good", "killed_once") == 0
    assert started(runs).index("follows") > started(runs).index("good")


@pytest.mark.parametrize(
    ("cores", "studies", "words", "shared"),
    [
        (2, 3, (), (2, 1)),
        (8, 2, (), (2, 4)),
        (1, 3, (), (1, None)),
        (8, 1, (), (1, None)),
        (8, 3, ("workers=3",), (1, None)),
        (8, 3, ("hydra/launcher=ray",), (1, None)),
    ],
)
def test_who_gets_how_many_workers(
    cores: int, studies: int, words: tuple[str, ...], shared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "this_machine", lambda accelerator: Hardware(accelerator, cores))
    found = reproduce.shares([stand_in("good", tmp_path)] * studies, reproduce.Command("laptop", tmp_path, words))
    assert found == shared


def test_an_unknown_study_or_a_folder_that_cannot_be_written(
    go: Go, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        go("god")
    assert "unknown study god. Did you mean good?" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        go("no_such_study")
    assert "unknown study no_such_study. `python run.py` lists them." in capsys.readouterr().err
    (runs / "file").touch()
    assert reproduce.main(["--runs", str(runs / "file")]) == 1
    assert "cannot write there" in capsys.readouterr().err


# What there is to do -------------------------------------------------------------------------------------------


def test_the_order_has_each_study_once() -> None:
    names = in_order(ROOT / "conf" / "experiment")
    assert sorted(names) == sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))


def test_the_laptop_is_done_in_an_hour() -> None:
    """By the studies' budgets, which hold their start; a minute is left to the plan and the reports."""
    files = [ROOT / "conf" / "scale_of" / name / "laptop.yaml" for name in in_order(ROOT / "conf" / "experiment")]
    budgets = [yaml.safe_load(file.read_text())["budget"] for file in files]
    assert min(budgets) >= 0.3, "what a study takes to start"
    assert sum(budgets) <= 59


def test_a_study_as_it_stands(conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["scale=laptop", f"runs='{tmp_path}'", "seeds=3"]
    cells = cells_of(["experiment=lsgan_theory", *overrides], sweep=True)
    monkeypatch.setattr(agenda, "cells_of", lambda words, sweep: cells)
    study, whole = look("lsgan_theory", overrides), 60 * cells[0].config["budget"]
    assert (study.to_do, study.is_done, study.seconds) == (3, False, pytest.approx(whole))
    _, run, _ = study.runs[0]
    run.write_record({"status": "done", "generator_updates": 100})
    run.done.touch()
    again = look("lsgan_theory", overrides)
    assert (again.to_do, again.disk, again.seconds) == (2, 2 * agenda.PICTURES, pytest.approx(whole * 2 / 3))
    assert [why for _, why in again.unfinished()] == ["not begun", "not begun"]


def test_a_study_that_cannot_be_composed(conf: Path) -> None:
    study = look("lsgan_theory", ["nothing=1"])
    assert (study.problem[:21], study.missing) == ("Unknown key 'nothing'", False)


def test_data_that_may_be_fetched_are_not_missing_before_that_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    fetches: list[bool] = []

    def absent(cell: Any) -> Path:
        fetches.append(cell.config["data"]["download"])
        raise DataMissing("MNIST is not there.\nGet it.")

    monkeypatch.setattr(agenda, "cells_of", lambda words, sweep: [cell(data={"download": True})])
    monkeypatch.setattr(agenda, "folder_of", absent)
    study = look("gan_mnist", [])
    assert (study.problem, study.missing, study.to_do, study.is_done) == ("", False, 1, False)
    study = look("gan_mnist", [], fetch=True)
    assert (study.problem.splitlines()[0], study.missing) == ("MNIST is not there.", True)
    assert fetches == [False, True]


def test_time_without_a_budget(tmp_path: Path) -> None:
    known, unknown = stand_in("good", tmp_path), Study("more", [cell(budget=None)], [tmp_path])
    assert time_of([known]) == "3 min"
    assert time_of([known, unknown]) == "more than 3 min"
    assert time_of([unknown]) == "time not known"
