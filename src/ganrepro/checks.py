"""Before a command starts anything: what it must not fetch, where it must write, what cannot be trained together."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganrepro import schema
from ganrepro.assemble import check_fit, check_measurement, identity_of, is_measurement, ranks_of
from ganrepro.cells import Cell, exempt
from ganrepro.ddp import check_ranks
from ganrepro.errors import UserError
from ganrepro.how_to_run import stackable_weights
from ganrepro.plan import PICTURES, run_bytes
from ganrepro.population import check_population
from ganrepro.runs import RunFolder, read_checkpoint


def fetch_nothing(config: dict[str, Any]) -> None:
    """A plan needs the data to know what is done, and must not load them down."""
    for node in config, config.get("evaluation") or {}:
        if isinstance(data := node.get("data"), dict) and "download" in data:
            data["download"] = False


def refuse_twins(cells: list[Cell], folders: list[Path]) -> None:
    """Raises UserError where two cells of a sweep would train in one folder."""
    for number, folder in enumerate(folders):
        if (first := folders.index(folder)) != number:
            keys = [key for key, value in cells[number].typed.items() if cells[first].typed[key] != value]
            if set(keys) & {"labels", "reduction"}:
                raise UserError(f"Only loss=lsgan has labels and a reduction: sweep {', '.join(keys)} with loss=lsgan.")
            if any(exempt(key) for key in keys):
                raise UserError(f"{', '.join(keys)} cannot be swept: it changes no result, the cells would be one run.")
            raise UserError(f"Two cells of this sweep are the same run, {folder}: leave one out.")


def refuse_ranks(cells: list[Cell], overrides: list[str]) -> None:
    """UserError, with what to type instead, where a multirun holds a cell that wants all GPUs for itself."""
    cell = next((cell for cell in cells if "devices" in cell.config["trainer"]), None)
    if cell is None:
        return
    choices = {**cell.coordinates, **cell.typed}
    words = [word for word in overrides if word.partition("=")[0] not in choices and not word.startswith("hydra")]
    words += [f"{key}={value}" for key, value in choices.items()]
    raise UserError(
        "trainer=ddp takes all GPUs for one cell at a time, which a multirun (-m) does not see to. Type for each cell, "
        f"as for this one:\n  python run.py {' '.join(words)}\n"
        "or leave trainer=ddp out: one job a GPU gets more seeds trained in the same time (docs/ddp.md)."
    )


def fitted(cells: list[Cell]) -> tuple[list[int], int | None]:
    """Builds what each cell trains; UserError where that cannot be, or not as a population or over several ranks.

    Returns the bytes of a run of each cell, roughly, and how many weights a population would stack (None: it cannot).
    """
    sizes, weights = [], None
    for cell in cells:
        if is_measurement(cell.config):
            check_measurement(cell)
            sizes.append(PICTURES)
            continue
        module = check_fit(cell)
        if ranks_of(cell.config["trainer"]) > 1:
            check_ranks(cell, module)
        if cell.config["population"] > 1:
            check_population(module)
        sizes.append(run_bytes(module, cell.config["optimizer"]["_target_"]))
        weights = stackable_weights(module) if weights is None else weights
    return sizes, weights


def check_writable(runs: Path) -> None:
    """Raises UserError unless run folders can be made under `runs`."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs):
            pass
    except OSError as error:
        raise UserError(f"runs={runs}: cannot write there ({error.strerror}).") from None


def run_folder(resume: str) -> Path:
    """The run folder that resume=<folder, or checkpoint in it> names. UserError if it is none."""
    path = Path(resume)
    folder = path.parent.parent if path.is_file() else path
    record = RunFolder(folder).record
    if not record:
        raise UserError(f"resume={resume}: there is no run folder (with a result.json) there.")
    if folder.name != f"seed={record['seed']}":
        raise UserError(f"resume={resume}: that folder holds seed {record['seed']}; name it seed={record['seed']}.")
    return folder


def resumed(cells: list[Cell], overrides: list[str]) -> Cell:
    """The cell of resume=<folder>, checked against what that folder was trained with."""
    if len(cells) > 1:
        raise UserError("resume= goes on with one run; leave it out of a sweep, which resumes by itself.")
    cell = cells[0]
    named_path = Path(cell.config["resume"])
    folder = run_folder(cell.config["resume"])
    record, mine = RunFolder(folder).record, identity_of(cell)
    if record.get("study", cell.config["study"]) != cell.config["study"]:
        raise UserError(f"{folder} is a run of {record['study']}, not of {cell.config['study']}.")
    different = [
        f"{key} ({schema.shown(record['identity'].get(key))} there, {schema.shown(mine.get(key))} here)"
        for key in sorted(mine.keys() | record["identity"].keys())
        if mine.get(key) != record["identity"].get(key)
    ]
    if different:
        more = f" and {len(different) - 4} more" if len(different) > 4 else ""
        raise UserError(f"{folder} was trained with another configuration: {', '.join(different[:4])}{more}.")
    if named_path.is_file() and "optimizers" not in read_checkpoint(named_path):
        raise UserError(f"resume={named_path} holds weights only; name a checkpoints/updates=... of the run.")
    overrides.append(f"seeds=[{record['seed']}]")
    return replace(cell, config={**cell.config, "seeds": [record["seed"]]})
