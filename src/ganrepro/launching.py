"""Where a command's jobs run: the launcher that it names, and what that says of their device."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING

from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from ganrepro.cells import FRAME, composed
from ganrepro.errors import UserError
from ganrepro.overrides import parse

if TYPE_CHECKING:
    from ganrepro.how_to_run import Hardware

GROUP = "hydra/launcher"
GPUS = {"ray": "ray.remote.num_gpus", "submitit_slurm": "gpus_per_node"}  # whose jobs a scheduler places
NEEDS = {"ray": "ray", "submitit_slurm": "submitit", "submitit_local": "submitit"}
EXTRAS = {"ray": "ray", "submitit": "slurm"}


@dataclass(frozen=True)
class Launching:
    """name: of the launcher that was typed, or None. accelerator: trainer's. gpus: that a scheduler gives each job."""

    name: str | None = None
    accelerator: str = "auto"
    gpus: float = 0

    @property
    def scheduled(self) -> bool:
        """Whether a scheduler places the jobs, on machines that need not be like this one."""
        return self.name in GPUS

    @property
    def apart(self) -> bool:
        """Whether each job was asked to be a process of its own."""
        return self.name not in (None, "basic")

    @property
    def overrides(self) -> list[str]:
        """What trainer=auto means to a scheduler: "cuda" where it gives a job a GPU, whatever this machine has."""
        if not self.scheduled or self.accelerator != "auto":
            return []
        return [f"trainer.accelerator={'cuda' if self.gpus else 'cpu'}"]

    def check_there(self) -> None:
        """UserError where this machine has no way to hand jobs to the launcher's scheduler."""
        if self.name == "submitit_slurm" and which("srun") is None:
            raise UserError(f"{GROUP}={self.name} is typed on a machine with SLURM, and there is no srun here.")

    def hardware(self, accelerator: str) -> "Hardware":
        """This machine; of it one worker for the basic launcher; with a scheduler as much as there are jobs.

        UserError where it lacks the device.
        """
        from ganrepro.how_to_run import Hardware, this_machine

        if self.scheduled:
            return Hardware(accelerator, sys.maxsize, sys.maxsize)
        here = this_machine(accelerator)
        return Hardware(here.device, 1, 1) if self.name == "basic" else here


def launching(overrides: Sequence[str]) -> Launching:
    """Of a command; needs `hydra_at`. UserError for a launcher that there is not, and for one without its packages."""
    typed = parse(overrides)
    names = [override.get_value_element_as_str() for override in typed if override.key_or_group == GROUP]
    if not names:
        return Launching()
    name, options = names[-1], sorted(GlobalHydra.instance().config_loader().get_group_options(GROUP))
    if name not in options:
        raise UserError(f"Unknown launcher {GROUP}={name}. There are {', '.join(options)}.")
    if (package := NEEDS.get(name)) and find_spec(package) is None:
        raise UserError(f"{GROUP}={name} needs the {package} package: pip install -e '.[{EXTRAS[package]}]'")
    relevant = [
        str(override.input_line)
        for override in typed
        if not override.is_sweep_override()
        and (override.key_or_group in FRAME or override.key_or_group.startswith(("hydra", "trainer")))
    ]
    config = composed(relevant)
    gpus = float(OmegaConf.select(config, f"hydra.launcher.{GPUS[name]}") or 0) if name in GPUS else 0
    accelerator = config.trainer.accelerator
    if name in GPUS and (accelerator == "cuda") != (gpus > 0) and accelerator != "auto":
        asked = "a GPU" if gpus else "no GPU"
        raise UserError(
            f"trainer.accelerator={accelerator}, but {GROUP}={name} gives each job {asked}: "
            f"set hydra.launcher.{GPUS[name]}={0 if gpus else 1}."
        )
    return Launching(name, accelerator, gpus)
