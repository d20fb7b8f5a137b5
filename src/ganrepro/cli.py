"""The command line: what to type, the checks before anything starts, the sweep, the table after it."""

import multiprocessing
import os
import re
import sys
import threading
import time
import traceback
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganrepro.errors import INTERRUPTED, JobsLost, UserError, of_disk
from ganrepro.usage import help_text, welcome

if TYPE_CHECKING:
    from ganrepro.cells import Cell
    from ganrepro.launching import Launching

ERROR = 1
MULTIRUN = ("-m", "--multirun")
PATHS = ("resume", "runs", "data.root", "data.folder")


def main(conf: Path) -> None:
    """Runs `sys.argv` against the configuration folder `conf`; exits non-zero if a run could not be carried out."""
    words = sys.argv[1:]
    if not words:
        print(welcome(conf))
    elif {"-h", "--help"} & set(words):
        print(help_text(conf))
    else:
        sys.exit(guarded(conf, words))


def guarded(conf: Path, words: list[str]) -> int:
    """`run`, with a plain message instead of a traceback, unless debug=true."""
    try:
        if any(word.startswith("probe=") for word in words):
            from ganrepro.probes.command import probe

            probe(words)
            return 0
        if any(word.startswith("-") and word not in MULTIRUN for word in words):
            start_hydra(conf, words, [])  # Hydra's own flags: --cfg, --info, --hydra-help, ...
            return 0
        return run(conf, words)
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from the last checkpoints.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if "debug=true" in words:
            traceback.print_exc()
        plain = plainly(error)
        print("\n".join(["error: " + plain.splitlines()[0], *plain.splitlines()[1:3]]), file=sys.stderr)
        return ERROR


def plainly(error: Exception) -> str:
    """What is wrong, without what Hydra says around it."""
    if type(error).__module__.startswith(("hydra.", "omegaconf.")):
        from ganrepro.overrides import plain_words

        return plain_words(error)
    if isinstance(error, OSError):
        return of_disk(error)
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def run(conf: Path, words: list[str]) -> int:
    """Composes and checks all cells, trains what is missing, prints the table of what is there."""
    from ganrepro.cells import cells_of, hydra_at
    from ganrepro.launching import launching

    sweep = any(word in MULTIRUN for word in words)
    overrides = [quoted(word, sweep) for word in words if word not in MULTIRUN]
    with hydra_at(conf):
        where = launching(overrides)
        overrides += where.overrides
        cells = cells_of(overrides, sweep)
    from ganrepro import checks
    from ganrepro.assemble import folder_of
    from ganrepro.how_to_run import how_to_run
    from ganrepro.plan import plan
    from ganrepro.runs import RunFolder
    from ganrepro.train import check_startable, state_of

    if sweep:
        checks.refuse_ranks(cells, overrides)
    if cells[0].config["plan"]:
        for cell in cells:
            checks.fetch_nothing(cell.config)
    if resume := cells[0].config["resume"]:
        cells, folders = [checks.resumed(cells, overrides)], [checks.run_folder(resume).parent]
    else:
        folders = [folder_of(cell) for cell in cells]
        checks.refuse_twins(cells, folders)
    sizes, weights = checks.fitted(cells)
    runs = [
        (RunFolder(folder / f"seed={n}"), cell, n)
        for cell, folder in zip(cells, folders, strict=True)
        for n in cell.seeds
    ]
    for each, cell, seed in runs:
        check_startable(each, cell, seed)
    how = how_to_run(cells[0], where.hardware(cells[0].config["trainer"]["accelerator"]), len(cells), weights)
    if not cells[0].config["plan"]:
        checks.check_writable(Path(cells[0].config["runs"]))
        where.check_there()
    print(plan(cells, folders, sizes, how))
    if cells[0].config["plan"]:
        return 0
    if any(state_of(each, cell) != "skip" for each, cell, _ in runs):
        carry_out(conf, overrides, cells, folders, where, how.workers, sweep)
    return summarise(conf, cells, folders)


def quoted(word: str, sweep: bool) -> str:
    """A path in quotes, as Hydra's grammar wants it: run folders have "=" in their names. "~" is the home folder."""
    key, _, value = word.partition("=")
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    swept = sweep and "," in value and key.startswith("data.")
    if key not in PATHS or is_quoted or swept or value == "null":
        return word
    path = os.path.expanduser(value)
    escaped = re.sub(r"(\\*)('|$)", r"\1\1\2", path).replace("'", "\\'")  # backslashes count before a quote only
    return f"{key}='{escaped}'"


def carry_out(
    conf: Path,
    overrides: list[str],
    cells: list["Cell"],
    folders: list[Path],
    where: "Launching",
    workers: int,
    sweep: bool,
) -> None:
    """Hands the cells to Hydra's launcher and shows how far their runs are."""
    from ganrepro.progress import Progress
    from ganrepro.runs import write_wanted

    for cell, folder in zip(cells, folders, strict=True):
        if not cell.config["resume"]:
            write_wanted(folder, cell.seeds, cell.config["updates"])
    if workers > 1 or where.apart:
        overrides = [*apart(cells, overrides, where, workers), *["hydra.sweeper.params=null"] * (not sweep)]
        sweep = True  # without -m one cell was typed, not the study's grid
    with Progress(cells, folders):
        try:
            start_hydra(conf, ["-m"] * sweep, overrides)
        except JobsLost as error:
            print(error, file=sys.stderr)


def apart(cells: list["Cell"], overrides: list[str], where: "Launching", workers: int) -> list[str]:
    """The words by which every population, or seed, of every cell is a job of its own, so that no core is left idle."""
    from ganrepro.population import groups

    jobs = groups(cells[0].seeds, max(cell.config["population"] for cell in cells))
    given = {"seeds": ",".join("[" + ",".join(map(str, seeds)) + "]" for seeds in jobs)}
    if not where.scheduled:
        given["workers"] = str(workers)
    if where.name is None:
        given["hydra/launcher"] = "joblib"
    kept = (word for word in overrides if word.partition("=")[0] not in given)
    return [*kept, *(f"{key}={value}" for key, value in given.items())]


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
    end_with_parent()
    from hydra.core.hydra_config import HydraConfig

    from ganrepro.assemble import folder_of
    from ganrepro.cells import cells_of
    from ganrepro.checks import run_folder
    from ganrepro.report.claims import claims_for
    from ganrepro.train import train_cell

    [cell] = cells_of(list(HydraConfig.get().overrides.task), sweep=False)
    claims = claims_for(cell.config["study"], Path(conf) / "claims")
    resume = cell.config["resume"]
    train_cell(cell, run_folder(resume).parent if resume else folder_of(cell), claims)


@lru_cache(maxsize=1)
def end_with_parent() -> None:
    """In a worker process: ends it when the main process is killed, which would leave it training, unseen."""
    if multiprocessing.parent_process() is None:
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(ERROR)  # at any moment: a run survives a kill

    threading.Thread(target=watch, daemon=True).start()


def summarise(conf: Path, cells: list["Cell"], folders: list[Path]) -> int:
    """Prints the table, writes the study's report beside its runs, one command at a time, and says what failed."""
    from filelock import FileLock

    from ganrepro.plan import describe
    from ganrepro.report import sweep_table
    from ganrepro.report.study import study_page, verdict_text, verdicts_of
    from ganrepro.runs import FINISHED, RunFolder

    config = cells[0].config
    root, study, scale = Path(config["runs"]), config["study"], config["scale"]
    out, pairs = root / study / scale / "report", list(zip(cells, folders, strict=True))
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".lock"):
        print(sweep_table([(cell.typed or cell.departures, folder) for cell, folder in pairs], out / "sweep"))
        if not config["resume"] or root.resolve() in folders[0].resolve().parents:
            page = study_page(root, study, scale, out, conf / "claims")
            print(verdict_text(root, study, scale, conf / "claims"))
            print(f"Report: {page.write(out, study)}")
            logger = dict(config["logger"])
            if logger.pop("_target_") == "ganrepro.loggers.wandb":
                from ganrepro.wandb_report import show_study

                show_study(page, verdicts_of(root, study, scale, conf / "claims"), out, study, scale, **logger)
    runs = [RunFolder(folder / f"seed={seed}") for cell, folder in pairs for seed in cell.seeds]
    short = {"done": config["updates"]}  # a diverged run ended where it did
    failed = [
        run
        for run in runs
        if run.record.get("status") not in FINISHED
        or run.record.get("generator_updates", 0) < short.get(run.record["status"], 0)
    ]
    for run in failed:
        word = run.record.get("reason") or describe(run.record, run.is_locked())
        print(f"not finished: {run.path} ({word}; {run.reached():,} of {config['updates']:,} updates)", file=sys.stderr)
    return ERROR if failed else 0
