"""The launchers' loop over true processes that train nothing; and what a command makes of hydra/launcher=."""

import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.utils import get_class
from omegaconf import OmegaConf

from ganrepro import launching as module
from ganrepro.cells import cell_of, composed, hydra_at
from ganrepro.cli import apart
from ganrepro.errors import UserError
from ganrepro.how_to_run import how_to_run
from ganrepro.launching import Launching, launching
from hydra_plugins.ganrepro_launchers.joblib_launcher import JoblibLauncher
from hydra_plugins.ganrepro_launchers.submitit_launcher import LocalLauncher

CONF = Path(__file__).parents[1] / "conf"
PRESETS = ("joblib", "ray", "submitit_local", "submitit_slurm")


def job(number: int, work: Callable[..., Any], *arguments: Any) -> Any:
    """What a launcher asks of a job: to be called, in another process too, and to have a number."""
    made = partial(work, *arguments)
    made.number = number  # type: ignore[attr-defined]
    return made


JOBS = [
    job(0, subprocess.run, ["sleep", "2"]),
    job(1, signal.raise_signal, signal.SIGKILL),
    job(2, os.getpid),
    job(3, os.getenv, "OMP_NUM_THREADS", "unset"),
]


def test_joblib_loses_a_killed_job_and_no_other() -> None:
    """The first is under way when its neighbour is killed, the others have not begun."""
    found = JoblibLauncher(n_jobs=2, inner_max_num_threads=3).carry_out(JOBS)
    assert sorted(found) == [0, 2, 3]
    assert found[2] != os.getpid()
    assert found[3] == "3"  # type: ignore[comparison-overlap]


def test_submitit_s_local_executor_loses_a_killed_job_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher = LocalLauncher(f"{tmp_path}/%j", max_num_timeout=0, at_once=2, timeout_min=60)
    assert sorted(launcher.carry_out(JOBS)) == [0, 2, 3]
    assert f"its log: {tmp_path}" in capsys.readouterr().err


def test_an_error_ends_the_workers_that_still_run() -> None:
    launcher = JoblibLauncher(n_jobs=2, inner_max_num_threads=1)
    with pytest.raises(ZeroDivisionError):
        launcher.carry_out([job(0, subprocess.run, ["sleep", "600"]), job(1, divmod, 1, 0)])


@pytest.mark.parametrize("name", PRESETS)
def test_presets_compose_and_name_a_launcher_that_hydra_finds(conf: object, name: str) -> None:
    node = composed([f"hydra/launcher={name}", "threads=2", "workers=5"]).hydra.launcher
    launcher = Plugins.instance().class_name_to_class[node._target_]
    settings = OmegaConf.to_container(node, resolve=False)
    assert isinstance(settings, dict)
    assert "workers" in str(settings), "workers= limits every launcher"
    assert get_class(node._target_) is launcher
    assert not launcher.__abstractmethods__


def test_presets_are_ours_though_hydra_s_plugin_has_one_of_the_same_name() -> None:
    ConfigStore.instance().store(name="joblib", group="hydra/launcher", node={"_target_": "theirs", "n_jobs": -1})
    with hydra_at(CONF):
        node = composed(["hydra/launcher=joblib"]).hydra.launcher
    assert node._target_ == "hydra_plugins.ganrepro_launchers.joblib_launcher.JoblibLauncher"


def test_a_command_without_a_launcher_says_nothing_of_one(conf: object) -> None:
    where = launching(["experiment=gan_mnist", "loss=gan,gan_saturating"])
    assert where == Launching()
    assert not where.apart
    assert not where.overrides
    assert launching(["hydra/launcher=basic"]).hardware("cpu").cores == 1


def test_a_scheduler_s_gpus_say_what_auto_means(conf: object) -> None:
    """A login node has no GPU: its command must name the folders of the jobs' device."""
    slurm = launching(["-m", "hydra/launcher=submitit_slurm"][1:])
    assert slurm.overrides == ["trainer.accelerator=cuda"]
    assert slurm.hardware("cuda").device == "cuda", "though there is none here"
    assert launching(["hydra/launcher=ray"]).overrides == ["trainer.accelerator=cpu"]
    quarter = launching(["hydra/launcher=ray", "hydra.launcher.ray.remote.num_gpus=0.25"])
    assert (quarter.gpus, quarter.overrides) == (0.25, ["trainer.accelerator=cuda"])
    assert launching(["hydra/launcher=submitit_local"]).overrides == []


def test_slurm_is_looked_for_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="there is no srun here"):
        Launching("submitit_slurm").check_there()
    Launching("submitit_local").check_there()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydra/launcher=slurm"], "Unknown launcher hydra/launcher=slurm. There are basic, joblib, "),
        (["hydra/launcher=ray", "trainer=cuda"], "gives each job no GPU: set hydra.launcher.ray.remote.num_gpus=1."),
        (["hydra/launcher=submitit_slurm", "trainer=cpu"], "gives each job a GPU: set hydra.launcher.gpus_per_node=0."),
        (["hydra/launcher=ray", "hydra.launcher.gpus=1"], "Hydra has no key 'hydra.launcher.gpus'"),
    ],
)
def test_what_cannot_be_is_said(conf: object, words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        launching(words)


def test_a_launcher_without_its_packages_is_said(conf: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "ray" else util.find_spec(name))
    with pytest.raises(UserError, match=r"needs the ray package: pip install -e '\.\[ray\]'"):
        launching(["hydra/launcher=ray"])


def test_every_seed_or_population_is_a_job(conf: object) -> None:
    cells = [cell_of(["experiment=gan_mnist", "seeds=3"], {})]
    typed = ["experiment=gan_mnist", "seeds=3", "workers=7"]
    ours = ["seeds=[0],[1],[2]", "workers=2", "hydra/launcher=joblib"]
    assert apart(cells, typed, Launching(), 2) == ["experiment=gan_mnist", *ours]
    assert apart(cells, typed, Launching("ray"), 3) == ["experiment=gan_mnist", "workers=7", "seeds=[0],[1],[2]"]
    pairs = [cell_of(["experiment=gan_mnist", "seeds=3", "population=2"], {})]
    assert "seeds=[0,1],[2]" in apart(pairs, typed, Launching("submitit_slurm"), 3)


def test_with_a_scheduler_all_jobs_are_at_once_unless_workers_says_less(conf: object) -> None:
    everywhere = Launching("submitit_slurm").hardware("cuda")
    assert how_to_run(cell_of(["experiment=gan_mnist", "seeds=40"], {}), everywhere).workers == 40
    assert how_to_run(cell_of(["experiment=gan_mnist", "seeds=40", "workers=8"], {}), everywhere).workers == 8
