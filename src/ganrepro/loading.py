"""A trained run as an object: `ganrepro.load("runs/.../seed=0").sample(64)`."""

from pathlib import Path

import torch

from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import is_measurement, module_of
from ganrepro.errors import UserError
from ganrepro.runs import RunFolder, read_checkpoint


def load(folder: str | Path, which: str = "final") -> AdversarialModule:
    """The module of a run folder in evaluation mode on the CPU, with its last ("final") or its "best" networks.

    `load(folder).sample(64)` gives 64 images, float [64, channels, height, width] in the data's value range.
    Nothing in the folder can run code. Raises UserError when it is no run folder, or has no such weights.
    """
    run = RunFolder(Path(folder))
    if which not in ("final", "best"):
        raise UserError(f"which={which!r}: needs 'final' or 'best'.")
    if not run.record:
        raise UserError(f"{folder} is not a run folder: it has no result.json.")
    config = run.config
    if is_measurement(config):
        raise UserError(f"{folder} is of a study without networks.")
    last = [run.weights] if run.weights.exists() else run.all_checkpoints()
    files = [run.best] if which == "best" else last
    if not files or not files[0].exists():
        raise UserError(f"{folder} holds no {which} weights yet (its status is {run.record['status']}).")
    shape = tuple(run.record["data"]["shape"])
    module = module_of(config, shape, run.record["seed"], torch.full(shape, 0.5), run.record["data"].get("classes", 0))
    saved = read_checkpoint(files[0])
    for name, network in module.networks.items():
        network.load_state_dict(saved["networks"][name])
    module.generator_updates = saved["generator_updates"]
    return module.eval()
