"""`python run.py probe=<name> run=<folder>`: looks into a trained run, and writes what it found beside it."""

import json
import time
from pathlib import Path
from typing import Any

from ganrepro import schema
from ganrepro.build import build
from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.loading import load
from ganrepro.probes.attributes import PARTS, read_choices, read_yaml
from ganrepro.probes.base import REFERENCE
from ganrepro.probes.catalogue import LOOKS, Opened
from ganrepro.probes.keys import KEYS
from ganrepro.probes.pictures import DRAW
from ganrepro.provenance import source_digest
from ganrepro.recorder import write_arrays
from ganrepro.report.rendering import Table, to_text
from ganrepro.runs import RunFolder, write_json

GOES_WITH = {"layer": ("guided_backprop",), "choices": tuple(PARTS)}  # besides probe=all


def probe(words: list[str]) -> None:
    """Carries out the probe that the words name, or with probe=all each that can be, and prints what it found.

    Writes result.json, arrays.npz and pictures into <run>/probes/<probe>/; the run's own files stay as they are.
    Raises UserError for unknown words, and for a run or a choice that the probe cannot work with.
    """
    typed = settings(words)
    run = opened(typed, chosen(typed))
    names = list(LOOKS) if typed["probe"] == "all" else [typed["probe"]]
    left_out = []
    for name in names:
        try:
            carry_out(name, run, typed)
        except UserError as error:
            if typed["probe"] != "all":
                raise
            left_out.append(f"{name} left out: {' '.join(str(error).split())}")
    for line in left_out:
        print(line)
    if "out" not in typed:
        print("`make report` puts what was found into the study's page.")


def settings(words: list[str]) -> dict[str, Any]:
    """The values by key, checked; UserError at the first that is wrong."""
    typed: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in KEYS:
            raise UserError(f"{word}: with probe=, the keys are {', '.join(KEYS)}.{schema.nearest(name, KEYS)}")
        key = KEYS[name]
        value = text if key.kind is str else read_yaml(text, word)
        if problem := key.problem(value):
            raise UserError(f"{word}: {problem}. ({name}: {key.help})")
        typed[name] = value
    for name, probes in GOES_WITH.items():
        if name in typed and typed["probe"] not in (*probes, "all"):
            raise UserError(f"{name}= goes with probe={', '.join(probes)} or all; probe={typed['probe']} takes none.")
    if "run" not in typed:
        raise UserError("probe= needs a trained run: run=runs/<study>/<scale>/<cell>/seed=0")
    return typed


def chosen(typed: dict[str, Any]) -> dict[str, Any]:
    """The choices by probe, {} without a file; UserError for a file that has nothing for the probe that was named."""
    if "choices" not in typed:
        return {}
    choices = read_choices(Path(typed["choices"]).expanduser())
    if typed["probe"] not in (*choices, "all"):
        raise UserError(f"choices={typed['choices']} has no part {typed['probe']}, which is what was to be looked for.")
    return choices


def opened(typed: dict[str, Any], choices: dict[str, Any]) -> Opened:
    """The run's networks and data."""
    folder = Path(typed["run"]).expanduser()
    gan = load(folder, typed.get("which", "final"))
    config = RunFolder(folder).config
    data = build(config["data"])
    if not isinstance(data, ImageData):
        raise UserError(f"Probes look at pictures; the data of {folder} are points.")
    if data.fingerprint != RunFolder(folder).record["data"]["fingerprint"]:
        raise UserError(f"{folder} was trained on other images than the {data.name} that are there now.")
    if not gan.sample(REFERENCE).isfinite().all():
        raise UserError(f"{folder}: its generator's images are not finite; there is nothing to look into.")
    own = config["evaluation"].get("scorers", f"{config['runs']}/.scorers")
    given = {key: typed[key] for key in ("seed", "samples", "layer") if key in typed}
    return Opened(gan, data, typed.get("scorers", own), choices, **given, **on_sheet(found_in(typed)))


def found_in(typed: dict[str, Any]) -> Path:
    """Where what probes find of the run is written."""
    return Path(typed.get("out", f"{typed['run']}/probes")).expanduser()


def on_sheet(probes: Path) -> dict[str, int]:
    """How many samples the sheet has that was drawn of this run last; {} where there is none."""
    try:
        return {"sheet": int(json.loads((probes / "samples" / "result.json").read_text())["metrics"]["samples"])}
    except (OSError, ValueError, KeyError):
        return {}


def carry_out(name: str, run: Opened, typed: dict[str, Any]) -> None:
    """Looks, writes and prints."""
    begun = time.monotonic()
    found, words = LOOKS[name](run)
    folder = found_in(typed) / name
    record = {
        "probe": name,
        "run": typed["run"],
        "which": typed.get("which", "final"),
        "generator_updates": run.gan.generator_updates,
        "seed": run.seed,
        "choices": run.choice(name),
        "chosen": run.chooser(name),
        "how": words,
        "metrics": found.metrics,
        "seconds": round(time.monotonic() - begun, 1),
        "source_digest": source_digest(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_arrays(folder / "arrays.npz", dict(found.arrays))
        pictures = DRAW[name](found.arrays, folder)
        write_json(folder / "result.json", record)
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror}).") from None
    rows = [[key, f"{value:,.0f}" if value.is_integer() else f"{value:.4g}"] for key, value in found.metrics.items()]
    print(to_text(Table([name, f"after {run.gan.generator_updates:,} updates"], rows, notes=words)))
    print("\n".join(map(str, [folder / "result.json", *pictures])), end="\n\n", flush=True)
