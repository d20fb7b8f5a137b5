"""The run that another goes on from: which it is, whether it is there, and its weights.

The 2014 paper's face networks are made in two stages (adversarial/tfd_pretrain): the second holds the first one's
generator whole. Seed n goes on from seed n of the other study.
"""

from typing import Any

from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import folder_of
from ganrepro.cells import Cell
from ganrepro.errors import UserError
from ganrepro.runs import RunFolder, read_checkpoint


def input_run(cell: Cell, seed: int) -> RunFolder:
    """The run folder that this seed goes on from."""
    assert cell.input is not None
    return RunFolder(folder_of(cell.input) / f"seed={seed}")


def check_input(cell: Cell, seed: int) -> None:
    """UserError, with the command that makes it, unless that run is there with the updates asked for."""
    run, updates = input_run(cell, seed), cell.config["input"]["updates"]
    record = run.record
    if record.get("status") != "done" or record["generator_updates"] < updates:
        study = cell.config["input"]["study"]
        raise UserError(
            f"{cell.config['study']} goes on from {study} with {updates:,} updates, and seed {seed} of that is not "
            f"there yet. Make it first:\n  {command(cell)}"
        )
    if record["generator_updates"] > updates:
        raise UserError(
            f"{run.path} was made longer, to {record['generator_updates']:,} updates; {updates:,} are asked for: "
            f"type input.updates={record['generator_updates']}, or delete that folder and train it again."
        )


def command(cell: Cell) -> str:
    """What to type for the runs that are gone on from."""
    assert cell.input is not None
    config, first = cell.config, cell.input.config
    words = [f"experiment={first['study']}", f"scale={first['scale']}"]
    words += [f"variant={first['variant']}"] * (first["variant"] != "authors_code")
    words += [f"{key}={value}" for key, value in cell.input.departures.items()]
    words += [f"updates={config['input']['updates']}"] * (config["input"]["updates"] != first["updates"])
    words += [f"runs={config['runs']}"] * (config["runs"] != "runs")
    return " ".join(["python run.py", *words, f"seeds=[{','.join(map(str, cell.seeds))}]"])


def load_input(module: AdversarialModule, cell: Cell, seed: int) -> None:
    """Gives the networks named by `input.networks` the weights of the other run; the others stay new.

    A network with a method `load_input(state)` puts them where they belong, as the stacked face generator does.
    """
    check_input(cell, seed)
    run = input_run(cell, seed)
    files = [run.weights] if run.weights.exists() else run.all_checkpoints()
    states: list[dict[str, Any]] = [read_checkpoint(path) for path in files[:1]]
    if not states or states[0]["generator_updates"] != cell.config["input"]["updates"]:
        raise UserError(f"{run.path} holds no weights of {cell.config['input']['updates']:,} updates.")
    for name in cell.config["input"]["networks"]:
        network: Any = module.networks[name]
        state = states[0]["networks"][name]
        try:
            getattr(network, "load_input", network.load_state_dict)(state)
        except RuntimeError:
            raise UserError(f"The weights of {run.path} do not fit this {name}: the networks differ.") from None
