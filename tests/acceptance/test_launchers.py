"""The same command with every launcher: the basic one's results, bit for bit, and what a killed worker costs.

SLURM itself is not here: submitit's local executor carries out the same jobs, by the same code of ours.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ganrepro.runs import RunFolder, read_checkpoint

ROOT = Path(__file__).parents[2]
TINY = [
    "-m", "experiment=gan_mnist", "network.generator.hidden=[16]", "network.discriminator.units=[8]", "latent.z.dim=6",
    "network.discriminator.pieces=2", "batch_size=20", "tick=10", "evaluate_every=20", "checkpoint_every=20",
    "evaluation.samples=100",
]  # fmt: skip
LAUNCHERS = {
    "joblib": [],
    "ray": ["hydra.launcher.ray.init.num_cpus=2", "hydra.launcher.ray.init.include_dashboard=false"],
    "submitit_local": [],
}
NAMES = sorted(LAUNCHERS)


def command(runs: Path, launcher: str, *words: str) -> list[str]:
    chosen = [f"hydra/launcher={launcher}", *LAUNCHERS.get(launcher, [])]
    return [sys.executable, str(ROOT / "run.py"), *TINY, *chosen, *words, f"runs={runs}"]


def ended(runs: Path, launcher: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(runs, launcher, *words), capture_output=True, text=True)


def bits(runs: Path) -> dict[str, Any]:
    """Of every run, by its folder: the rows, and the bytes of every weight."""
    found: dict[str, Any] = {}
    for path in sorted(runs.glob("gan_mnist/laptop/*/seed=*")):
        run = RunFolder(path)
        assert run.done.exists(), path
        name = str(path.relative_to(runs))
        found[name] = run.metrics.read_bytes()
        for network, weights in read_checkpoint(run.all_checkpoints()[0])["networks"].items():
            found |= {f"{name} {network}.{key}": tensor.numpy().tobytes() for key, tensor in weights.items()}
    return found


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two cells of two seeds, one run after the other in one process."""
    runs = tmp_path_factory.mktemp("basic")
    result = ended(runs, "basic", "loss=gan,gan_saturating", "seeds=2", "updates=20")
    assert result.returncode == 0, result.stderr
    return bits(runs)


@pytest.mark.parametrize("launcher", NAMES)
def test_results_are_the_basic_launcher_s(launcher: str, basic: dict[str, Any], tmp_path: Path) -> None:
    result = ended(tmp_path, launcher, "loss=gan,gan_saturating", "seeds=2", "updates=20")
    assert result.returncode == 0, result.stderr
    assert bits(tmp_path) == basic
    folders = list(tmp_path.glob("gan_mnist/laptop/*/seed=*"))
    assert len(folders) == 4
    assert len(list(tmp_path.glob(".sweeps/*/[0-9]*"))) == 4, "each seed of each cell is a job"


def worker_of(run: RunFolder) -> int:
    """The process that holds a run's lock."""
    inode = (run.path / ".lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            return int(fields[4])
    raise LookupError(f"{run.path} is not locked")


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="/proc/locks tells who trains a run")
@pytest.mark.parametrize("launcher", NAMES)
def test_a_killed_worker_costs_its_own_run_and_the_same_command_goes_on(launcher: str, tmp_path: Path) -> None:
    """Of three runs two are under way when one is killed; the other two end."""
    words = ["seeds=3", "updates=4000", "workers=2"]
    if launcher == "ray":
        words.append("hydra.launcher.ray.remote.max_retries=0")
    process = subprocess.Popen(command(tmp_path, launcher, *words), stderr=subprocess.PIPE, text=True)
    while len(begun := [path.parents[1] for path in tmp_path.glob("*/laptop/*/seed=*/checkpoints/*.ckpt")]) < 1:
        assert process.poll() is None
        time.sleep(0.05)
    run = RunFolder(begun[0])
    os.kill(worker_of(run), signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "1 of 3 jobs were killed (out of memory?). The same command goes on." in errors
    assert [line.partition(" (")[0] for line in errors.splitlines() if line.startswith("not finished")] == [
        f"not finished: {run.path}"
    ]
    assert len(list(tmp_path.glob("gan_mnist/laptop/*/seed=*/DONE"))) == 2
    again = ended(tmp_path, launcher, *words)
    assert again.returncode == 0, again.stderr
    assert "1 to resume, 2 done" in again.stdout
    assert ended(tmp_path / "basic", "basic", "seeds=3", "updates=4000").returncode == 0
    assert bits(tmp_path) == bits(tmp_path / "basic")


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="/proc/locks tells who trains a run")
def test_ray_goes_on_with_a_killed_job_by_itself(tmp_path: Path) -> None:
    process = subprocess.Popen(command(tmp_path, "ray", "seeds=1", "updates=4000"), stdout=subprocess.DEVNULL)
    while not (begun := list(tmp_path.glob("gan_mnist/laptop/*/seed=0/checkpoints/*.ckpt"))):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(worker_of(RunFolder(begun[0].parents[1])), signal.SIGKILL)
    assert process.wait() == 0
    assert len(list(tmp_path.glob("gan_mnist/laptop/*/seed=0/DONE"))) == 1


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="/proc/locks tells who trains a run")
def test_a_preempted_job_is_requeued_and_goes_on(tmp_path: Path) -> None:
    """submitit's signal, as SLURM sends it, to the process that trains: it leaves, and is started again."""
    words = ["seeds=1", "updates=4000"]
    process = subprocess.Popen(command(tmp_path, "submitit_local", *words), stdout=subprocess.DEVNULL)
    while not (begun := list(tmp_path.glob("gan_mnist/laptop/*/seed=0/checkpoints/*.ckpt"))):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(worker_of(RunFolder(begun[0].parents[1])), signal.SIGUSR2)
    assert process.wait() == 0
    [log] = tmp_path.glob(".sweeps/*/submitit/*/*_log.out")
    assert log.read_text().count("Loading pickle") == 2, "left once, started twice"
    assert ended(tmp_path / "basic", "basic", *words).returncode == 0
    assert bits(tmp_path) == bits(tmp_path / "basic")
