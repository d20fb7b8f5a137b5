"""`make reproduce-all`: every study at one scale, a process each, then the report."""

import argparse
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
# At scale=paper these train on what that study keeps of their data (conf/data/bedrooms/paper.yaml).
AFTER = {"dcgan_lsun": ["lsun_dedup"], "dcgan_guidelines": ["lsun_dedup"]}


def main() -> int:
    """Trains what is missing of each study; goes on after a failure; returns 1 if there was one."""
    names = in_order(ROOT / "conf" / "experiment")
    parser = argparse.ArgumentParser(prog="python -m ganrepro.reproduce", description=main.__doc__)
    parser.add_argument("--scale", default="laptop", choices=("laptop", "workstation", "paper"))
    parser.add_argument("--runs", default="runs")
    parser.add_argument("studies", nargs="*", metavar="study", help=f"of {', '.join(names)}; all when none is named")
    arguments = parser.parse_args()
    if unknown := set(arguments.studies) - set(names):
        parser.error(f"unknown study {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    failed = []
    for study in arguments.studies or names:
        print(f"== {study} at scale {arguments.scale}", flush=True)
        words = ["-m", f"experiment={study}", f"scale={arguments.scale}", f"runs={arguments.runs}"]
        if subprocess.run([sys.executable, ROOT / "run.py", *words]).returncode:
            failed.append(study)
    report = subprocess.run([sys.executable, "-m", "ganrepro.report", "--runs", arguments.runs])
    if failed:
        print(f"not carried out in full: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed or report.returncode))


def in_order(folder: Path) -> list[str]:
    """All studies by name, but whatever another one goes on from before that one."""
    files = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
    before: dict[str, list[str]] = {
        name: [content["input"]["study"]] if content.get("input") else AFTER.get(name, [])
        for name, content in files.items()
    }
    return list(TopologicalSorter(before).static_order())


if __name__ == "__main__":
    sys.exit(main())
