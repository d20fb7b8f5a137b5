"""The command line: what to type, the checks before anything starts, the sweep, the table after it."""

import os
import sys
import tempfile
import textwrap
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganrepro import schema
from ganrepro.errors import UserError

if TYPE_CHECKING:
    from ganrepro.cells import Cell

ERROR, INTERRUPTED = 1, 130
PATHS = ("resume", "runs", "data.root", "data.folder")


def main(conf: Path) -> None:
    """Runs `sys.argv` against the configuration folder `conf`; exits non-zero if a run could not be carried out."""
    words = sys.argv[1:]
    if not words:
        print(welcome(conf))
    elif words[0] in ("-h", "--help"):
        print(help_text(conf))
    elif any(word.startswith("--") and word != "--multirun" for word in words):
        start_hydra(conf, words, [])  # Hydra's own flags: --cfg, --info, --hydra-help, ...
    else:
        sys.exit(guarded(conf, words))


def guarded(conf: Path, words: list[str]) -> int:
    """`run`, with a plain message instead of a traceback, unless debug=true."""
    try:
        return run(conf, words)
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from the last checkpoints.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if "debug=true" in words:
            traceback.print_exc()
        plain = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        print("\n".join(["error: " + plain.splitlines()[0], *plain.splitlines()[1:3]]), file=sys.stderr)
        return ERROR


def run(conf: Path, words: list[str]) -> int:
    """Composes and checks all cells, trains what is missing, prints the table of what is there."""
    from ganrepro.cells import cells_of, hydra_at

    overrides = [quoted(word) for word in words if word not in ("-m", "--multirun")]
    sweep = len(overrides) < len(words)
    with hydra_at(conf):
        cells = cells_of(overrides, sweep)
    from ganrepro import train
    from ganrepro.plan import plan, run_bytes
    from ganrepro.runs import RunFolder

    if resume := cells[0].config["resume"]:
        cells, folders = [resumed(cells, overrides)], [run_folder(resume).parent]
    else:
        folders = [train.folder_of(cell) for cell in cells]
    sizes = [run_bytes(train.check_fit(cell), cell.config["optimizer"]["_target_"]) for cell in cells]
    if not cells[0].config["plan"]:
        check_writable(Path(cells[0].config["runs"]))
    print(plan(cells, folders, sizes))
    if cells[0].config["plan"]:
        return 0
    runs = [
        (RunFolder(folder / f"seed={n}"), cell) for cell, folder in zip(cells, folders, strict=True) for n in cell.seeds
    ]
    if any(train.state_of(run, cell) != "skip" for run, cell in runs):
        carry_out(conf, overrides, cells, folders, sweep)
    return summarise(conf, cells, folders)


def quoted(word: str) -> str:
    """A path in quotes, as Hydra's grammar wants it: run folders have "=" in their names."""
    key, _, value = word.partition("=")
    if key not in PATHS or value[:1] in ("'", '"') or not set("= ()[]{}") & set(value):
        return word
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{escaped}'"


def check_writable(runs: Path) -> None:
    """Raises UserError unless run folders can be made under `runs`."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs):
            pass
    except OSError as error:
        raise UserError(f"runs={runs}: cannot write there ({error.strerror}).") from None


def carry_out(conf: Path, overrides: list[str], cells: list["Cell"], folders: list[Path], sweep: bool) -> None:
    """Hands the cells to Hydra's launcher and shows how far their runs are."""
    from ganrepro.progress import Progress

    seeds = cells[0].seeds
    workers = min(cells[0].config["workers"] or default_workers(cells[0]), len(cells) * len(seeds))
    if workers > 1:  # then every seed of every cell is a job of its own, so that no core is left idle
        sweep = True
        axis = "seeds=" + ",".join(f"[{seed}]" for seed in seeds)
        overrides = [*(word for word in overrides if not word.startswith("seeds=")), axis]
        if not any(word.startswith("hydra/launcher=") for word in overrides):
            overrides += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}"]
    with Progress(cells, folders):
        start_hydra(conf, ["-m"] * sweep, overrides)


def default_workers(cell: "Cell") -> int:
    """One worker a GPU, or as many as the cores carry: two workers with two threads each on two cores crawl."""
    import torch

    from ganrepro.train import device_of

    if device_of(cell.config["trainer"]["accelerator"]) == "cuda":
        return torch.cuda.device_count()
    return max(1, (os.cpu_count() or 1) // cell.config["threads"])


def start_hydra(conf: Path, flags: list[str], overrides: list[str]) -> None:
    """hydra.main on these words. Hydra would print its errors in ten lines; ours are caught by `guarded`."""
    import hydra

    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv = [sys.argv[0], *flags, *overrides]
    hydra.main(config_path=str(conf.resolve()), config_name="config", version_base="1.3")(
        named(partial(job, str(conf.resolve())))
    )()


def named(task: Any) -> Any:
    """Hydra names a job after its function; a partial has no name."""
    task.__name__, task.__module__, task.__qualname__ = "job", __name__, "job"
    return task


def job(conf: str, config: Any) -> None:
    """One cell, in this process or in a worker of the launcher."""
    from hydra.core.hydra_config import HydraConfig

    from ganrepro.cells import cells_of
    from ganrepro.report.claims import claims_for
    from ganrepro.train import folder_of, train_cell

    [cell] = cells_of(list(HydraConfig.get().overrides.task), sweep=False)
    claims = claims_for(cell.config["study"], Path(conf) / "claims")
    resume = cell.config["resume"]
    train_cell(cell, run_folder(resume).parent if resume else folder_of(cell), claims)


def run_folder(resume: str) -> Path:
    """The run folder that resume=<folder, or checkpoint in it> names. UserError if it is none."""
    path = Path(resume)
    folder = path.parent.parent if path.is_file() else path
    if not (folder / "result.json").exists():
        raise UserError(f"resume={resume}: there is no run folder (with a result.json) there.")
    return folder


def resumed(cells: list["Cell"], overrides: list[str]) -> "Cell":
    """The cell of resume=<folder>, checked against what that folder was trained with."""
    from dataclasses import replace

    from ganrepro.runs import RunFolder, read_checkpoint
    from ganrepro.train import identity_of

    if len(cells) > 1:
        raise UserError("resume= goes on with one run; leave it out of a sweep, which resumes by itself.")
    cell = cells[0]
    named_path = Path(cell.config["resume"])
    folder = run_folder(cell.config["resume"])
    record, mine = RunFolder(folder).record, identity_of(cell)
    different = [
        f"{key} ({schema.shown(record['identity'].get(key))} there, {schema.shown(mine.get(key))} here)"
        for key in sorted(mine.keys() | record["identity"].keys())
        if mine.get(key) != record["identity"].get(key)
    ]
    if different:
        more = f" and {len(different) - 4} more" if len(different) > 4 else ""
        raise UserError(f"{folder} was trained with another configuration: {', '.join(different[:4])}{more}.")
    if named_path.is_file():
        read_checkpoint(named_path)
    overrides.append(f"seeds=[{record['seed']}]")
    return replace(cell, config={**cell.config, "seeds": [record["seed"]]})


def summarise(conf: Path, cells: list["Cell"], folders: list[Path]) -> int:
    """Prints the table, writes the study's report beside its runs, and says what failed."""
    from ganrepro.plan import describe
    from ganrepro.report import sweep_table, write_study
    from ganrepro.report.study import verdict_text
    from ganrepro.runs import FINISHED, RunFolder

    config = cells[0].config
    root, study, scale = Path(config["runs"]), config["study"], config["scale"]
    out, pairs = root / study / scale / "report", list(zip(cells, folders, strict=True))
    print(sweep_table([(cell.typed, folder) for cell, folder in pairs], out / "sweep"))
    page = write_study(root, study, scale, out, conf / "claims")
    print(verdict_text(root, study, scale, conf / "claims"))
    print(f"Report: {page}")
    runs = [RunFolder(folder / f"seed={seed}") for cell, folder in pairs for seed in cell.seeds]
    short = {"done": config["updates"]}  # a diverged run ended where it did
    failed = [
        run
        for run in runs
        if run.record.get("status") not in FINISHED
        or run.record.get("generator_updates", 0) < short.get(run.record["status"], 0)
    ]
    for run in failed:
        print(
            f"not finished: {run.path} ({run.record.get('reason') or describe(run.record, run.is_locked())})",
            file=sys.stderr,
        )
    return ERROR if failed else 0


def studies(conf: Path) -> dict[str, str]:
    """Each study's name and its line."""
    import yaml

    files = sorted((conf / "experiment").glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text())["about"] for file in files}


def welcome(conf: Path) -> str:
    """What to type."""
    lines = [f"  {name:<16} {about}" for name, about in studies(conf).items()]
    return "\n".join(
        [
            "ganrepro re-runs the experiments of early GAN papers. The studies:",
            *lines,
            "",
            "Train one:          python run.py experiment=gan_mnist",
            "Sweep a choice:     python run.py -m experiment=gan_mnist loss=gan,gan_saturating",
            "Only see the plan:  python run.py experiment=gan_mnist plan=true",
            "Every key:          python run.py --help",
        ]
    )


def help_text(conf: Path) -> str:
    """Every key with its type, range and meaning, and the options of every group."""
    groups = [
        f"  {group.name + '=':<14}{', '.join(sorted(path.stem for path in group.glob('*.yaml')))}"
        for group in sorted(conf.iterdir())
        if group.is_dir() and group.name not in ("claims", "hydra", "scale_of", "variant_of")
    ]
    sections = {
        "Keys": schema.TOP,
        "Keys of the options (each only where its option is chosen)": schema.OPTIONS,
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
    return "\n".join(lines)
