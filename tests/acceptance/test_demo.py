"""The commands a newcomer types, for real."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ganrepro import load
from ganrepro.runs import RunFolder

ROOT = Path(__file__).parents[2]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "run.py"), *words], capture_output=True, text=True)


def test_demo_trains_the_study_and_judges_it(tmp_path: Path) -> None:
    """What `make demo` runs: both losses, three seeds, two workers."""
    result = run("-m", "experiment=gan_mnist", "loss=gan,gan_saturating", "seeds=3", f"runs={tmp_path}")
    assert result.returncode == 0, result.stderr
    folders = sorted(tmp_path.glob("gan_mnist/laptop/*/seed=*"))
    records = [json.loads((folder / "result.json").read_text()) for folder in folders]
    assert len(records) == 6
    assert all(record["status"] in ("done", "diverged") for record in records)
    own = [record["metrics"]["final"] for record in records if not record["departures"]]
    assert len(own) == 3
    for final in own:  # an untrained generator has -7.6 nats, and no sample of it is recognised
        assert final["parzen/test"] > 5
        assert final["recognised/random"] > 0.3
    assert "gan.no_markov" in result.stdout
    page = Path(result.stdout.rsplit("Report: ", 1)[1].strip())
    assert page.read_text().count("data:image/png;base64") >= 4
    assert load(folders[0]).sample(4).shape == (4, 1, 8, 8)


def test_demo_ends_with_a_small_stability_grid(tmp_path: Path) -> None:
    """The second command of `make demo`: four cells of one seed, a scorer made on the way, a strip of every run."""
    result = run("-m", "experiment=lsgan_stability", "norm=no_gd", "seeds=1", f"runs={tmp_path}")
    assert result.returncode == 0, result.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.glob("lsgan_stability/laptop/*/seed=0/result.json")]
    assert len(records) == 4
    assert not any(record["departures"] for record in records)
    assert all(record["status"] in ("done", "diverged") for record in records)
    done = [record["metrics"]["final"] for record in records if record["status"] == "done"]
    assert min(final["frechet_relative"] for final in done) < 0.5  # 1 is a single picture, noise has more
    assert "lsgan.bngd_adam" in result.stdout
    assert len(list(tmp_path.glob(".scorers/classifier-*"))) == 1
    page = Path(result.stdout.rsplit("Report: ", 1)[1].strip())
    assert page.read_text().count("data:image/png;base64") >= 2


def test_ctrl_c_stops_soon_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = ["experiment=gan_mnist", "seeds=1", f"runs={tmp_path}"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list(tmp_path.glob("gan_mnist/laptop/*/seed=0/checkpoints/updates=*.ckpt")):
        assert process.poll() is None
        time.sleep(0.1)
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - begun < 20
    assert "The same command goes on" in errors
    assert "Traceback" not in errors
    result = run(*words)
    assert result.returncode == 0, result.stderr
    assert "1 to resume" in result.stdout


def test_workers_end_with_the_main_process(tmp_path: Path) -> None:
    """SIGKILL to the command alone, as an out-of-memory killer does: its two workers let go of their folders."""
    words = ["experiment=gan_mnist", "seeds=2", "workers=2", f"runs={tmp_path}"]
    process = subprocess.Popen([sys.executable, str(ROOT / "run.py"), *words], start_new_session=True)
    pattern = "gan_mnist/laptop/*/seed=*/checkpoints/updates=*.ckpt"
    while len({path.parents[1] for path in tmp_path.glob(pattern)}) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    runs = [RunFolder(path) for path in tmp_path.glob("gan_mnist/laptop/*/seed=*")]
    begun = time.monotonic()
    while any(folder.is_locked() for folder in runs):
        assert time.monotonic() - begun < 10
        time.sleep(0.1)
    assert not any(folder.done.exists() for folder in runs)
    result = run(*words)
    assert result.returncode == 0, result.stderr
    assert "2 to resume" in result.stdout
