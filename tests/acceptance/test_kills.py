"""SIGKILL at random moments: what comes out is the run never interrupted."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from ganrepro.runs import RunFolder, read_checkpoint

ROOT = Path(__file__).parents[2]
WORDS = [
    "experiment=gan_mnist", "updates=20000", "seeds=[0]", "network.generator.hidden=[64,64]", "tick=10",
    "network.discriminator.units=[32,32]", "evaluate_every=500", "checkpoint_every=500", "evaluation.samples=200",
]  # fmt: skip
KILLS = 20


def start(runs: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *WORDS, *words, f"runs={runs}"],
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def folder(runs: Path) -> RunFolder:
    [path] = runs.glob("gan_mnist/laptop/*/seed=0")
    return RunFolder(path)


def test_twenty_kills_at_random_moments(tmp_path: Path) -> None:
    """Half of the kills come while it trains, wherever that is; half at a moment after the start of the process."""
    assert start(tmp_path / "whole").wait() == 0
    whole = folder(tmp_path / "whole")
    seconds = sum(float(line.split('"seconds": ')[1].split(",")[0]) for line in whole.timing.read_text().splitlines())
    chance, kills, in_training = random.Random(0), 0, 0
    while kills < KILLS:
        process = start(tmp_path / "killed")
        timing = list((tmp_path / "killed").glob("gan_mnist/laptop/*/seed=0/timing.jsonl"))
        size = timing[0].stat().st_size if timing else 0
        if kills % 2:
            while process.poll() is None:  # until it trains
                found = list((tmp_path / "killed").glob("gan_mnist/laptop/*/seed=0/timing.jsonl"))
                if found and found[0].stat().st_size > size:
                    in_training += 1
                    break
                time.sleep(0.01)
            time.sleep(chance.uniform(0, seconds / KILLS))
        else:
            time.sleep(chance.uniform(0, 10))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        if list((tmp_path / "killed").glob("gan_mnist/laptop/*/seed=0/DONE")):
            break
    assert start(tmp_path / "killed").wait() == 0
    killed = folder(tmp_path / "killed")
    print(f"{kills} kills, {in_training} of them in training")
    assert kills == KILLS, f"finished after {kills} kills; make it longer"
    assert killed.metrics.read_bytes() == whole.metrics.read_bytes()
    pictures = sorted(path.name for path in whole.samples.iterdir())
    assert [(killed.samples / name).read_bytes() for name in pictures] == [
        (whole.samples / name).read_bytes() for name in pictures
    ]
    one, other = (read_checkpoint(run.all_checkpoints()[0]) for run in (whole, killed))
    for name, weights in one["networks"].items():
        for key, tensor in weights.items():
            assert torch.equal(tensor, other["networks"][name][key]), (name, key)


def bits(runs: Path) -> dict[str, object]:
    """By seed, the rows and the bytes of every weight."""
    found: dict[str, object] = {}
    for path in sorted(runs.glob("gan_mnist/laptop/*/seed=*")):
        run = RunFolder(path)
        networks = read_checkpoint(run.all_checkpoints()[0])["networks"]
        found[f"{path.name} rows"] = run.metrics.read_bytes()
        for name, weights in networks.items():
            found |= {f"{path.name} {name}.{key}": tensor.numpy().tobytes() for key, tensor in weights.items()}
    return found


def test_a_population_killed_at_random_moments(tmp_path: Path) -> None:
    """Five seeds in populations of four: the second group has three empty places. Each kill is while one trains."""
    words = ["population=4", "seeds=5", "updates=4000", "workers=1"]
    assert start(tmp_path / "whole", *words).wait() == 0
    chance, kills = random.Random(1), 0
    pattern = "gan_mnist/laptop/*/seed=*/timing.jsonl"
    while len(list((tmp_path / "killed").glob("gan_mnist/laptop/*/seed=*/DONE"))) < 5 and kills < 6:
        sizes = {path: path.stat().st_size for path in (tmp_path / "killed").glob(pattern)}
        process = start(tmp_path / "killed", *words)
        while process.poll() is None:  # until one trains
            found = list((tmp_path / "killed").glob(pattern))
            if any(path.stat().st_size > sizes.get(path, 0) for path in found):
                break
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 3))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    print(f"{kills} kills of a population")
    assert kills >= 3, "make it longer"
    assert start(tmp_path / "killed", *words).wait() == 0
    assert len(list((tmp_path / "killed").glob("gan_mnist/laptop/*/seed=*/DONE"))) == 5
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")
