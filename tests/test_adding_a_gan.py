"""docs/adding_a_gan.md, done to a copy of the project word for word."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEP = re.compile(r"^(Append to|New file|Into `OPTIONS` of) `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHORT = ["updates=4", "tick=2", "evaluate_every=4", "checkpoint_every=4", "seeds=1", "workers=1", "k=2"]
SHORT += ["evaluation.samples=40", "evaluation.sigma_images=20", "evaluation.test_images=20", "evaluation.lines=2"]
SHORT += ["evaluation.probe_images=20", "evaluation.batch=40"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which every step of the page has been taken."""
    copy, page = tmp_path_factory.mktemp("project"), (ROOT / "docs" / "adding_a_gan.md").read_text()
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "run.py", copy)
    steps = STEP.findall(page)
    assert len(steps) == page.count("```python") + page.count("```yaml") == 7
    for what, name, text in steps:
        file = copy / name
        if what == "New file":
            assert not file.exists()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        elif what == "Append to":
            file.write_text(f"{file.read_text()}\n\n{text}")
        else:
            head, opening, rest = file.read_text().partition("OPTIONS: dict[str, Key] = {\n")
            file.write_text(head + opening + text + rest)
    return copy


def typed(project: Path, words: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_page(project: Path) -> None:
    [commands] = CONSOLE.findall((ROOT / "docs" / "adding_a_gan.md").read_text())
    plan, train, report = (line.split()[1:] for line in commands.splitlines())
    assert "loss=gan" in typed(project, plan)
    assert "wgan_mnist" in typed(project, train + SHORT)
    results = [json.loads(path.read_text()) for path in project.glob("runs/wgan_mnist/*/*/seed=0/result.json")]
    assert [result["status"] for result in results] == ["done", "done"]
    assert "reports/wgan" in typed(project, report)


def test_the_code_of_the_page_is_formatted_and_typed(project: Path) -> None:
    for words in (["ruff", "check"], ["ruff", "format", "--check"]):
        typed(project, ["-m", *words, "--config", str(ROOT / "pyproject.toml"), "src/ganrepro"])
    typed(project, ["-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "src/ganrepro/networks/mlp.py"])


def test_the_clip_holds(project: Path) -> None:
    [run] = project.glob("runs/wgan_mnist/*/loss=wasserstein*/seed=0")
    script = (
        "import sys, ganrepro; module = ganrepro.load(sys.argv[1]); "
        "print(max(float(p.abs().max()) for p in module.critics['discriminator'].parameters()))"
    )
    assert 0 < float(typed(project, ["-c", script, str(run)])) <= 0.01 + 1e-9
