"""Files from elsewhere, each with code in it, through everything of ours that reads files: none of it runs."""

import hashlib
import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganrepro import judges, load
from ganrepro.build import build
from ganrepro.data.folder import ImageFolder
from ganrepro.data.kept import kept_index
from ganrepro.data.standard import CIFAR10
from ganrepro.data.tfd import FILE, TFD
from ganrepro.errors import UserError
from ganrepro.judges import Inception
from ganrepro.probes.attributes import read_choices
from ganrepro.probes.command import probe
from ganrepro.report import write_study
from ganrepro.report.claims import load_claims
from ganrepro.report.records import Run
from ganrepro.runs import RunFolder, read_checkpoint, write_json
from ganrepro.scorers import Scorer, digest, read

TAG = "!!python/object/apply:os.mkdir"


class Planted:
    """Makes the folder `ran` where it is unpickled."""

    def __init__(self, ran: Path) -> None:
        self.ran = ran

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        import os

        return os.mkdir, (str(self.ran),)


@pytest.fixture
def planted(tmp_path: Path) -> Any:
    """What must not come to life; it did if the folder that it makes is there."""
    ran = tmp_path / "ran"
    pickle.loads(pickle.dumps(Planted(ran)))
    ran.rmdir()  # so it would have worked
    yield Planted(ran)
    assert not ran.exists()


def saved(path: Path, content: Any, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, **how)
    return path


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle", "nested"])
def test_a_checkpoint(planted: Planted, tmp_path: Path, form: str) -> None:
    path = tmp_path / "updates=000000001.ckpt"
    content = {"networks": {"generator": {"w": torch.ones(3), "x": planted}}} if form == "nested" else planted
    if form == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        saved(path, content, _use_new_zipfile_serialization=form != "legacy")
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        read_checkpoint(path)


def test_the_newest_of_a_run_falls_back(planted: Planted, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "seed=0")
    run.save_checkpoint({"generator_updates": 1}, 1)
    saved(run.checkpoints / "updates=000000002.ckpt", {"generator_updates": 2, "networks": planted})
    assert run.newest_checkpoint() == {"generator_updates": 1}


def test_what_a_scorer_kept(planted: Planted, tmp_path: Path) -> None:
    weights = saved(tmp_path / "scorer" / "weights.pt", planted)
    write_json(tmp_path / "scorer" / "record.json", {"weights_sha256": digest(weights)})
    with pytest.raises(UserError, match="cannot be read"):
        read(weights.parent, SimpleNamespace(untrained=torch.nn.Identity))  # type: ignore[arg-type]
    saved(tmp_path / "scorer" / "floor.pt", {"value": planted})
    scorer = Scorer("classifier", weights.parent, torch.nn.Identity(), None, {})  # type: ignore[arg-type]
    assert scorer._keep("floor", lambda: 3.0) == 3.0


def test_inception_s_weights_with_a_forged_digest(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "weights.pth", {"Conv2d_1a_3x3.conv.weight": planted})
    monkeypatch.setattr(judges, "INCEPTION_SHA256", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    with pytest.raises(UserError, match="more than tensors"):
        Inception(path)


def test_arrays(planted: Planted, tmp_path: Path) -> None:
    content = {"fingerprint": np.array([planted], object), "kept": np.array([planted], object)}
    (tmp_path / "artifacts").mkdir()
    for path in (tmp_path / "dedup.npz", tmp_path / "artifacts" / "samples.npz"):
        np.savez(path, **content)
    with pytest.raises(UserError, match="Cannot read the index"):
        kept_index(tmp_path, "0123", "rooms")
    assert Run(tmp_path).arrays("samples") is None


def test_data_sets(planted: Planted, tmp_path: Path) -> None:
    """CIFAR-10 comes as pickles: nothing of a file is read before its digest is right. lmdb: tests/data/test_lsun."""
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta"):
        path = tmp_path / "cifar-10-batches-py" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps({"data": planted}))
    with pytest.raises(UserError, match="corrupt"):
        CIFAR10(tmp_path, download=False)
    (tmp_path / FILE).write_bytes(pickle.dumps(planted))
    with pytest.raises(UserError, match="Cannot read"):
        TFD(tmp_path)


def test_yaml(planted: Planted, tmp_path: Path) -> None:
    text = f"model: {TAG} ['{planted.ran}']\n"
    run = RunFolder(tmp_path / "seed=0")
    run.write_record({"status": "done", "data": {"shape": [1]}, "seed": 0})
    for path in (run.path / "config.yaml", tmp_path / "choices.yaml", tmp_path / "claims" / "gan.yaml"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for reads in (
        lambda: load(run.path),
        lambda: read_choices(tmp_path / "choices.yaml"),
        lambda: load_claims(tmp_path / "claims"),
        lambda: probe(["probe=all", f"run={run.path}"]),
        lambda: probe(["probe=samples", f"run={run.path}", f"samples={TAG} ['{planted.ran}']"]),
    ):
        with pytest.raises((UserError, ValueError)) as caught:
            reads()
        assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "target", ["os.mkdir", "ganrepro.cli.partial", "ganrepro.data.kept.Path", "torch.optim.os.mkdir"]
)
def test_a_target_that_is_not_ours(planted: Planted, target: str) -> None:
    """Nor what one of our modules has imported from elsewhere."""
    with pytest.raises(UserError, match=r"is refused|does not exist"):
        build({"_target_": target, "path": str(planted.ran)})


def test_a_record_s_words_are_words_on_the_page(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    run = RunFolder(tmp_path / "runs" / "gan_mnist" / "laptop" / f"default-{'0' * 8}" / "seed=0")
    words = {key: script for key in ("label", "reason", "commit", "source_digest", "status", "hash")}
    run.write_record(
        {**words, "departures": {script: script}, "coordinates": {script: script}, "hardware": {"name": script}}
    )
    shutil.copytree(run.path.parent, run.path.parents[1] / f"{script.replace('/', '_')}-{'1' * 8}")
    (tmp_path / "claims").mkdir()
    page = write_study(tmp_path / "runs", "gan_mnist", "laptop", tmp_path / "page", tmp_path / "claims")
    text = page.read_text()
    assert "alert(1)" in text
    assert "<script>alert" not in text


def test_a_picture_is_no_program(planted: Planted, tmp_path: Path) -> None:
    for at in range(12):
        Image.new("L", (8, 8), at).save(tmp_path / f"{at}.png")
    buffer = io.BytesIO()
    pickle.dump(planted, buffer)
    (tmp_path / "3.png").write_bytes(buffer.getvalue())
    with pytest.raises(UserError, match=r"3\.png"):
        ImageFolder(tmp_path, ".", size=8, channels=1)
