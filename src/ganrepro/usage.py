"""What `python run.py` alone and `--help` print. Imports nothing heavy."""

import textwrap
from pathlib import Path

import yaml

from ganrepro import schema
from ganrepro.probes.keys import KEYS, PROBES


def studies(conf: Path) -> dict[str, str]:
    """Each study's name and its line."""
    files = sorted((conf / "experiment").glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text())["about"] for file in files}


def welcome(conf: Path) -> str:
    """What to type."""
    lines = [f"  {name:<24} {about}" for name, about in studies(conf).items()]
    return "\n".join(
        [
            "ganrepro re-runs the experiments of early GAN papers. The studies:",
            *lines,
            "",
            "Train one:          python run.py experiment=gan_mnist",
            "Sweep a choice:     python run.py -m experiment=gan_mnist loss=gan,gan_saturating",
            "Only see the plan:  python run.py experiment=gan_mnist plan=true",
            "Look into a run:    python run.py probe=all run=runs/<study>/<scale>/<cell>/seed=0",
            "Every key:          python run.py --help",
        ]
    )


def help_text(conf: Path) -> str:
    """Every key with its type, range and meaning, and the options of every group."""
    others = ("claims", "hydra", "scale_of", "variant_of")
    folders = [path for path in sorted(conf.iterdir()) if path.is_dir() and path.name not in others]
    groups = [
        textwrap.fill(
            f"  {group.relative_to(conf).as_posix() + '=':<16}"
            + ", ".join(sorted([path.stem for path in group.glob("*.yaml")] + ["basic"] * (group.name == "launcher"))),
            110,
            subsequent_indent=" " * 18,
        )
        for group in [*folders, conf / "hydra" / "launcher"]
    ]
    sections = {
        "Keys": schema.TOP,
        "Keys of the options (each only where its option is chosen)": schema.OPTIONS,
        "Keys that go with probe=, which looks into a trained run, and with no others": KEYS,
    }
    lines = [
        "python run.py [-m] experiment=<study> [key=value ...]   (-m sweeps: key=a,b)",
        "",
        "Options:",
        *groups,
    ]
    for title, keys in sections.items():
        lines += ["", f"{title}:"]
        for name, key in keys.items():
            text = f"  {name:<39} {key.help}: {key.expected}"
            lines.append(textwrap.fill(text, 110, subsequent_indent=" " * 42))
    lines += ["", "Probes:", *(f"  {name:<16} {about}" for name, about in PROBES.items())]
    return "\n".join(lines)
