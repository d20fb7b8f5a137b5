"""`make reproduce-all`: every study at one scale, two of them at a time, a process each, then the reports."""

import argparse
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from ganrepro.agenda import Study, agenda, in_order, look, sources, time_of
from ganrepro.cells import hydra_at
from ganrepro.checks import check_writable
from ganrepro.cli import quoted
from ganrepro.errors import INTERRUPTED, UserError
from ganrepro.how_to_run import jobs_at_once, this_machine
from ganrepro.plan import duration
from ganrepro.processes import Processes
from ganrepro.runs import write_json
from ganrepro.schema import nearest

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
RUN = (sys.executable, str(ROOT / "run.py"))
REPORT = (sys.executable, "-m", "ganrepro.report")
RESTARTS = 2  # of a study whose worker died
AT_ONCE = 2  # studies: while one starts, or waits for its last run, or draws its page, the other has work
NOT_RUN = "not_run.json"  # in runs/<study>/<scale>: why there are no runs


@dataclass(frozen=True)
class Outcome:
    """What became of a study: done, not run (for want of data) or failed, with the reason of the last two."""

    study: str
    word: str
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Command:
    """What is typed for a study; `words` are overrides that all studies get."""

    scale: str
    runs: Path
    words: tuple[str, ...] = ()

    @property
    def overrides(self) -> list[str]:
        return [f"scale={self.scale}", quoted(f"runs={self.runs}", sweep=True), *self.words]

    def of(self, study: str, workers: int | None) -> list[str]:
        given = [] if workers is None else [f"workers={workers}"]
        return [*RUN, "-m", f"experiment={study}", *self.overrides, *given]


def main(argv: Sequence[str] | None = None) -> int:
    """Trains what is missing of each study, goes on after a failure, then draws the reports.

    Returns 1 if any run could not be carried out, 130 after Ctrl-C.
    """
    names = in_order(CONF / "experiment")
    parser = argparse.ArgumentParser(prog="python -m ganrepro.reproduce", description=main.__doc__)
    parser.add_argument("--scale", default="laptop", choices=("laptop", "workstation", "paper"))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs lie (default: runs)")
    parser.add_argument("--out", type=Path, default=Path("reports"), help="where the reports go (default: reports)")
    parser.add_argument("--strict", action="store_true", help="data that are not there are an error")
    text = "studies; all when none is named. key=value is handed on to each."
    parser.add_argument("words", nargs="*", metavar="study", help=text)
    given = parser.parse_args(argv)
    overrides = tuple(quoted(word, sweep=True) for word in given.words if "=" in word)
    chosen = {word for word in given.words if "=" not in word} or set(names)
    if unknown := chosen - set(names):
        name = min(unknown)
        parser.error(f"unknown study {name}.{nearest(name, names)} `python run.py` lists them.")
    begun = time.monotonic()
    try:
        check_writable(given.runs)
        with hydra_at(CONF):
            command = Command(given.scale, given.runs, overrides)
            outcomes = carry_out([name for name in names if name in chosen], command)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from the last checkpoints.", file=sys.stderr)
        return INTERRUPTED
    seconds = time.monotonic() - begun
    drawn = subprocess.run([*REPORT, "--runs", str(given.runs), "--out", str(given.out)]).returncode
    print(summary(outcomes, seconds))
    wrong = {"failed", "not run"} if given.strict else {"failed"}
    return int(bool(drawn or wrong & {outcome.word for outcome in outcomes}))


def carry_out(names: Sequence[str], command: Command) -> list[Outcome]:
    """Looks at all studies, says what there is to do, and does it."""
    print(f"Looking at {len(names)} studies at scale {command.scale} ...", flush=True)
    studies = {name: look(name, command.overrides) for name in names}
    print(agenda(list(studies.values()), command.runs), flush=True)
    outcomes = [Outcome(name, "done") for name, study in studies.items() if study.is_done]
    to_do = {name: study for name, study in studies.items() if not study.is_done}
    for outcome in in_lanes(to_do, command):
        outcomes.append(outcome)
        left = time_of([study for name, study in to_do.items() if name not in {one.study for one in outcomes}])
        print(f"== {said(outcome)}; {len(outcomes)} of {len(studies)}, left by the budgets: {left}", flush=True)
    return sorted(outcomes, key=lambda outcome: names.index(outcome.study))


def in_lanes(to_do: Mapping[str, Study], command: Command) -> Iterator[Outcome]:
    """Studies as they end. The longest starts first, so that none is left alone at the end; each after its sources."""
    before = sources(CONF / "experiment")
    order = TopologicalSorter({name: [one for one in before[name] if one in to_do] for name in to_do})
    order.prepare()
    lanes, workers = shares(list(to_do.values()), command)
    waiting, running = list[str](), dict[Future[Outcome], str]()
    processes = Processes(max(map(len, to_do), default=0))
    with ThreadPoolExecutor(lanes) as pool:
        try:
            while order.is_active():
                waiting += order.get_ready()
                waiting.sort(key=lambda name: -math.inf if (left := to_do[name].seconds) is None else -left)
                while waiting and len(running) < lanes:
                    name = waiting.pop(0)
                    study = ready(to_do[name], command)
                    print(f"\n== {name}", flush=True)
                    running[pool.submit(reproduce, study, command.of(name, workers), processes)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    order.done(running.pop(future))
                    yield future.result()
        except BaseException:
            processes.stop()
            raise


def shares(studies: Sequence[Study], command: Command) -> tuple[int, int | None]:
    """How many studies run at once, and the workers of each; None leaves them all that there are.

    One at a time where the user said how many workers, or where a launcher was named that has machines of its own.
    """
    if any(word.startswith(("workers=", "hydra/launcher=", "hydra.launcher.")) for word in command.words):
        return 1, None
    configs = [cell.config for study in studies for cell in study.cells]
    room = min((jobs_at_once(one, this_machine(one["trainer"]["accelerator"])) for one in configs), default=1)
    lanes = max(1, min(AT_ONCE, room, len(studies)))
    return lanes, room // lanes if lanes > 1 else None


def ready(study: Study, command: Command) -> Study:
    """The study before it starts, once more where its data may be fetched, or were made by one before it."""
    if not study.folders:
        study = look(study.name, command.overrides, fetch=True)
    note_missing(command.runs / study.name / command.scale / NOT_RUN, study)
    return study


def reproduce(study: Study, words: Sequence[str], processes: Processes) -> Outcome:
    """Carries out what is missing of a study, again where its worker died; says what became of it and why."""
    if study.problem:
        return Outcome(study.name, "not run" if study.missing else "failed", study.problem.splitlines()[0])
    begun = time.monotonic()
    for attempt in range(1 + RESTARTS):
        code = processes.run(study.name, words)
        if code == 0:
            return Outcome(study.name, "done", seconds=time.monotonic() - begun)
        unfinished = list(study.unfinished())
        if not worker_died(code, [state for _, state in unfinished]):
            break
        if attempt < RESTARTS:
            print(f"A process of {study.name} died (out of memory?): it is started again.", flush=True)
    if not unfinished:
        return Outcome(study.name, "failed", f"exit code {code}, although every run has its result")
    run, why = next(iter(unfinished))
    return Outcome(
        study.name, "failed", f"{len(unfinished)} of {len(study.runs)} runs gave no result; {run.path}: {why}"
    )


def worker_died(code: int, states: Sequence[str]) -> bool:
    """Whether a signal ended the study's process, or that of a run which was begun, or none has begun."""
    return code < 0 or "cut off" in states


def note_missing(path: Path, study: Study) -> None:
    """Keeps for the reports why a study has no runs; takes it away when its data are there."""
    if study.missing:
        write_json(path, {"reason": study.problem.splitlines()[0]})
    else:
        path.unlink(missing_ok=True)


# In words ------------------------------------------------------------------------------------------------------


def said(outcome: Outcome) -> str:
    why = f": {outcome.reason.rstrip('.')}" if outcome.reason else f" ({duration(outcome.seconds)})"
    return f"{outcome.study}: {outcome.word}{why}"


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """How many studies are done, those that are not, each with its reason, and what to type next."""
    apart = [outcome for outcome in outcomes if outcome.word != "done"]
    lines = [f"{len(outcomes) - len(apart)} of {len(outcomes)} studies are done, in {duration(seconds)}."]
    lines += [f"  {said(outcome)}" for outcome in apart]
    if failed := [outcome.study for outcome in apart if outcome.word == "failed"]:
        lines.append(f'The same command tries again what failed; STUDIES="{" ".join(failed)}" that alone.')
    return "\n".join(lines)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's word for Ctrl-C
    sys.exit(main())
