"""What a user types and reads. Each message is plain, short, and comes before anything is written."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganrepro import cli, schema, usage
from ganrepro.cells import cells_of
from ganrepro.errors import INTERRUPTED, JobsLost
from ganrepro.runs import RunFolder

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("-m", "loss=gan,gan_saturating")` in this process: (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)

    def go(*words: str, conf: Path = CONF) -> tuple[int, str, str]:
        code = cli.guarded(conf, [*words, f"runs={tmp_path / 'runs'}"])
        out, err = capsys.readouterr()
        return code, out, err

    return go


def test_alone_it_says_what_to_type_and_lists_the_studies() -> None:
    text = usage.welcome(CONF)
    assert "python run.py experiment=gan_mnist" in text
    for study in (CONF / "experiment").glob("*.yaml"):
        assert any(line.split()[:1] == [study.stem] and len(line.split()) > 3 for line in text.splitlines())


def test_help_has_every_key_and_option() -> None:
    text = usage.help_text(CONF)
    assert all(f" {key} " in text for key in (*schema.TOP, *schema.OPTIONS))
    assert "gan_saturating" in text
    assert "hydra/launcher= basic, joblib, ray, submitit_local, submitit_slurm" in text
    assert max(map(len, text.splitlines())) <= 110


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['run.py', '--help']; import runpy; runpy.run_path('run.py', run_name='__main__'); "
    code += "sys.exit(bool({'torch', 'hydra', 'lightning'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0


ERRORS = [
    (["experiment=gan_minst"], "Unknown study experiment=gan_minst. Did you mean gan_mnist, tgan_mnist?"),
    (["experiment=gan_mnist", "los=gan"], "Unknown key 'los'. Did you mean loss?"),
    (["experiment=gan_mnist", "batch_size=0"], "batch_size=0: needs a whole number, at least 1"),
    (["experiment=gan_mnist", "data.value_range=[-1,1]"], "set data.value_range=[0,1]"),
    (["experiment=gan_mnist", "data=mnist", "data.download=false", "data.root=/nowhere/at/all"], "/nowhere/at/all"),
    (["experiment=gan_mnist", "data=image_folder", "data.folder=/nowhere"], "/nowhere"),
    (["experiment=gan_mnist", "trainer=cuda"], "trainer.accelerator=cuda: there is none here"),
    (["experiment=gan_mnist", "data=image_folder"], "data.folder must be given (the pictures"),
    (["experiment=gan_mnist", "resume=/nowhere"], "there is no run folder"),
    (["experiment=gan_mnist", "evaluation.sigmas=[1,0.1,10]"], "evaluation.sigmas is"),
    (["-m", "experiment=gan_mnist", "data=mnist,svhn", "data.download=1"], "data.download=1: needs true or false"),
    (["-m", "experiment=gan_mnist", "keep=full,weights"], "keep cannot be swept: it changes no result"),
    (["-m", "experiment=gan_mnist", "updates=50,100"], "updates cannot be swept"),
    (["-m", "experiment=gan_mnist", "logger=csv,wandb"], "logger cannot be swept"),
    (["-m", "experiment=gan_mnist", "loss=gan,gan"], "Two cells of this sweep are the same run"),
    (["--cfg", "job", "experiment=gan_minst"], "gan_minst"),
    (["-c", "job", "experiment=gan_minst"], "gan_minst"),
    (["-m", "experiment=gan_mnist", "scale=laptop,paper"], "scale cannot be swept"),
    (["-m", "experiment=gan_mnist", "batch_size=10,20,0"], "batch_size=0: needs"),
    (["-m", "experiment=gan_mnist", "data.value_range=[0,1],[-1,1]"], "set data.value_range"),
]


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_errors_are_short_and_come_first(
    run: Run, tmp_path: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, out, err = run(*words)
    assert code == cli.ERROR
    assert message in err
    assert err.startswith("error: ")
    assert len(err.splitlines()) <= 3
    assert "Traceback" not in out + err
    assert not (tmp_path / "runs").exists()


def test_debug_shows_the_traceback(run: Run) -> None:
    code, _, err = run("experiment=gan_mnist", "batch_size=0", "debug=true")
    assert code == cli.ERROR
    assert "Traceback" in err


def test_no_permission_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.guarded(CONF, ["experiment=gan_mnist", f"runs={tmp_path / 'file'}"]) == cli.ERROR
    assert "cannot write there" in capsys.readouterr().err


def test_a_truncated_data_set_stops_the_run(run: Run, tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\0\0\x08\x03\0")
    code, _, err = run("experiment=gan_mnist", "data=mnist", f"data.root={tmp_path / 'data'}", "data.download=false")
    assert code == cli.ERROR
    assert "ubyte" in err
    assert len(err.splitlines()) <= 3


def test_plan_prints_jobs_time_and_disk_and_starts_nothing(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("-m", "experiment=gan_mnist", "loss=gan,gan_saturating", "seeds=4", "plan=true")
    assert code == 0
    assert out.count("4 to train") == 2
    assert "time: about 5 min on two cores (by the study's budget)" in out  # 2 x 4 seeds; 2 min are for 3
    assert "MB" in out
    assert not (tmp_path / "runs").exists()


def test_a_plan_fetches_no_data(run: Run, tmp_path: Path) -> None:
    code, _, err = run("experiment=gan_mnist", "data=mnist", f"data.root={tmp_path / 'none'}", "plan=true")
    assert code == cli.ERROR
    assert "download=false" in err
    assert not (tmp_path / "none").exists()


@pytest.fixture
def swept(run: Run, narrow_words: list[str]) -> Callable[..., tuple[int, str, str]]:
    """A sweep of two losses, small, in this process."""

    def go(*words: str) -> tuple[int, str, str]:
        return run("-m", "experiment=gan_mnist", "loss=gan,gan_saturating", "workers=1", *narrow_words, *words)

    return go


def test_a_sweep_ends_with_its_table_and_started_again_trains_nothing(swept: Run, tmp_path: Path) -> None:
    code, out, err = swept("seeds=2")
    assert (code, err) == (0, "")
    assert "loss=gan_saturating" in out
    assert "difference from loss=gan" in out
    page = Path(out.rsplit("Report: ", 1)[1].strip())
    assert page.read_text().startswith("<!")
    assert {path.suffix for path in (page.parent / "sweep").iterdir()} == {".md", ".csv", ".tex"}
    records = sorted(tmp_path.rglob("result.json"))
    times = [path.stat().st_mtime_ns for path in records]
    assert len(times) == 4
    code, out, _ = swept("seeds=2")
    assert code == 0
    assert out.count("2 done") >= 2
    assert [path.stat().st_mtime_ns for path in records] == times
    code, out, _ = swept("seeds=3")
    assert out.count("1 to train, 2 done") == 2
    assert len(list(tmp_path.rglob("DONE"))) == 6


def test_a_run_that_fails_makes_the_exit_code(swept: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("ganrepro.train.fit", lambda *_: 1 / 0)
        code, out, err = swept()
    assert code == cli.ERROR
    assert "ZeroDivisionError: division by zero" in out
    assert err.count("not finished") == 2
    assert swept()[0] == 0


def test_interrupted_says_how_to_go_on(swept: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganrepro.train.fit", interrupted)
    code, _, err = swept()
    assert code == INTERRUPTED
    assert "The same command goes on" in err


def test_resume_refuses_another_configuration_and_names_the_keys(
    run: Run, narrow_words: list[str], tmp_path: Path
) -> None:
    words = ["experiment=gan_mnist", *narrow_words]
    assert run(*words)[0] == 0
    [folder] = tmp_path.glob("runs/gan_mnist/laptop/*/seed=0")
    code, _, err = run(*words, f"resume={folder}", "optimizer.lr=0.3", "z=fresh")
    assert code == cli.ERROR
    assert "optimizer.lr (0.1 there, 0.3 here), z (shared there, fresh here)" in err
    code, _, err = run("experiment=lsgan_theory", f"resume={folder}")
    assert (code, err.splitlines()) == (cli.ERROR, [f"error: {folder} is a run of gan_mnist, not of lsgan_theory."])
    assert run(*words, f"resume={folder}", "updates=12")[0] == 0
    assert RunFolder(folder).record["generator_updates"] == 12
    checkpoint = RunFolder(folder).all_checkpoints()[0]
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    code, _, err = run(*words, f"resume={checkpoint}", "updates=16")
    assert code == cli.ERROR
    assert "cannot be read as a checkpoint" in err


def test_resume_names_a_run_by_its_seed_and_a_checkpoint_to_go_on_from(
    run: Run, narrow_words: list[str], tmp_path: Path
) -> None:
    words = ["experiment=gan_mnist", *narrow_words]
    assert run(*words)[0] == 0
    [folder] = tmp_path.glob("runs/gan_mnist/laptop/*/seed=0")
    before = RunFolder(folder).record
    code, _, err = run(*words, f"resume={folder / 'checkpoints' / 'best.pt'}", "updates=12")
    assert code == cli.ERROR
    assert "holds weights only" in err
    assert RunFolder(folder).record == before
    moved = tmp_path / "it's, a = [copy]" / "mine"
    shutil.copytree(folder, moved)
    code, _, err = run(*words, f"resume={moved}", "updates=12")
    assert code == cli.ERROR
    assert "name it seed=0" in err
    moved = moved.rename(moved.with_name("seed=0"))
    code, _, err = run(*words, f"resume={moved}", "updates=12")
    assert (code, err) == (0, "")
    assert RunFolder(moved).record["generator_updates"] == 12
    assert RunFolder(folder).record == before
    assert [path.name for path in moved.parent.iterdir()] == ["seed=0"]


def test_what_cannot_be_made_longer_stops_before_training(run: Run, narrow_words: list[str], tmp_path: Path) -> None:
    words = ["-m", "experiment=gan_mnist", "loss=gan_saturating,gan", *narrow_words]
    assert run(*words[1:2], *narrow_words, "keep=weights")[0] == 0
    code, _, err = run(*words, "updates=12")
    assert code == cli.ERROR
    assert "keep=weights" in err
    assert len(list(tmp_path.rglob("result.json"))) == 1


PATHS = ["it's", "p,q", "a b", "k=v", "[x](y){z}", "back\\slash", "end\\", 'say "hi"', "1", "true", "ä"]


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize("path", PATHS)
def test_any_path_reaches_the_configuration_as_typed(path: str) -> None:
    [cell] = cells_of(["experiment=gan_mnist", cli.quoted(f"runs={path}", sweep=True)], sweep=True)
    assert cell.config["runs"] == path


def test_home_is_expanded_and_what_is_quoted_or_swept_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert cli.quoted("runs=~/r", sweep=False) == "runs='/home/me/r'"
    for word in ("runs='a b'", "resume=null", "data.folder=a,b", "loss=gan,x"):
        assert cli.quoted(word, sweep=True) == word


def test_help_anywhere_is_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "experiment=gan_mnist", "--help"])
    cli.main(CONF)
    assert "Keys of the options" in capsys.readouterr().out


def test_a_single_run_that_departs_says_so_in_the_table(run: Run, narrow_words: list[str]) -> None:
    _, out, _ = run("experiment=gan_mnist", *narrow_words)
    assert "batch_size=10" in out.split("runs", 1)[1]
    assert "default" not in out.split("† departs")[0]


def test_a_study_joins_by_its_yaml_alone(run: Run, narrow_words: list[str], tmp_path: Path) -> None:
    """A study with a grid of its own: -m runs it, its axes name the folders and are no departures."""
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf)
    text = (CONF / "experiment" / "gan_mnist.yaml").read_text().replace("study: gan_mnist", "study: gan_losses")
    text += "\nhydra: {sweeper: {params: {loss: 'gan,gan_saturating'}}}\n"
    (conf / "experiment" / "gan_losses.yaml").write_text(text)
    assert "gan_losses" in usage.welcome(conf)
    code, _, _ = run("-m", "experiment=gan_losses", "workers=1", *narrow_words, conf=conf)
    assert code == 0
    records = [RunFolder(path).record for path in sorted(tmp_path.glob("runs/gan_losses/laptop/*/seed=0"))]
    assert [record["coordinates"] for record in records] == [{"loss": "gan"}, {"loss": "gan_saturating"}]
    assert not any("loss" in record["departures"] for record in records)


def test_a_study_with_a_grid_without_m_trains_the_one_cell_that_is_shown(
    run: Run, narrow_words: list[str], tmp_path: Path
) -> None:
    """With workers the seeds are swept behind the user's back; the study's grid must not be swept with them."""
    words = ["experiment=gan_helvetica", "input=null", *narrow_words[:-2], "evaluation.samples=20", "seeds=2"]
    code, out, _ = run(*words, "workers=2")
    assert code == 0
    assert "2 to train" in out
    assert len(list(tmp_path.glob("runs/gan_helvetica/laptop/*/seed=*"))) == 2


def test_a_killed_worker_is_said_and_the_rest_is_reported(
    run: Run, narrow_words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise JobsLost("1 of 2 jobs were killed (out of memory?). The same command goes on.")

    monkeypatch.setattr(cli, "start_hydra", killed)
    code, out, err = run("-m", "experiment=gan_mnist", "loss=gan,gan_saturating", *narrow_words)
    assert code == cli.ERROR
    assert "1 of 2 jobs were killed (out of memory?). The same command goes on." in err
    assert "Report: " in out


def test_the_joblib_launcher_gives_the_basic_one_s_runs(run: Run, narrow_words: list[str], tmp_path: Path) -> None:
    """True processes, from run.py, as a user's sweep has them."""
    words = ["-m", "experiment=gan_mnist", "loss=gan,gan_saturating", *narrow_words]
    assert run(*words, "workers=1")[0] == 0
    command = [sys.executable, str(ROOT / "run.py"), *words, "workers=2", f"runs={tmp_path / 'parallel'}"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    one, other = (
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("metrics.jsonl"))]
        for name in ("runs", "parallel")
    )
    assert one == other
    assert len(one) == 2


def test_with_workers_each_population_is_a_job(
    run: Run, narrow_words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["-m", "experiment=gan_mnist", "loss=gan,gan_saturating", *narrow_words, "seeds=3", "population=2"]
    assert run(*words, "workers=1")[0] == 0
    command = [sys.executable, str(ROOT / "run.py"), *words, "workers=2", f"runs={tmp_path / 'parallel'}"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "how: workers=2 threads=1 population=2" in result.stdout
    one, other = (
        {path.parent.name + path.parent.parent.name: path.read_bytes() for path in folder.rglob("metrics.jsonl")}
        for folder in (tmp_path / "runs", tmp_path / "parallel")
    )
    assert one == other
    assert len(one) == 6
    together = [RunFolder(path.parent).timing.read_text().count('"together": 2') for path in tmp_path.rglob("DONE")]
    assert sorted(together) == [0] * 4 + [4] * 8

    started: list[list[str]] = []
    monkeypatch.setattr(cli, "start_hydra", lambda conf, flags, overrides: started.append(overrides))
    run(*words, "workers=2", "evaluation.lines=7")
    assert "seeds=[0,1],[2]" in started[0]


def test_what_cannot_be_a_population_stops_before_training(run: Run, tmp_path: Path) -> None:
    code, _, err = run("experiment=gan_cifar10_conv", "population=2")
    assert code == cli.ERROR
    assert "population needs fully connected networks" in err
    assert not (tmp_path / "runs").exists()


def test_the_plan_says_how_it_is_run(run: Run) -> None:
    out = run("experiment=gan_mnist", "plan=true", "seeds=4", "population=2", "workers=2")[1]
    assert "how: workers=2 threads=1 population=2\n" in out
