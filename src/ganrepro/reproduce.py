"""`make reproduce-all`: every study at one scale, a process each, then the reports."""

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganrepro.agenda import Study, agenda, in_order, look, time_of
from ganrepro.cells import hydra_at
from ganrepro.checks import check_writable
from ganrepro.cli import INTERRUPTED, quoted
from ganrepro.errors import UserError
from ganrepro.plan import duration
from ganrepro.runs import write_json

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
RUN = (sys.executable, str(ROOT / "run.py"))
REPORT = (sys.executable, "-m", "ganrepro.report")
RESTARTS = 2  # of a study whose worker died
PATIENCE = 10.0  # seconds that a study has to end after Ctrl-C, before it is told again and then killed
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

    def of(self, study: str) -> list[str]:
        return [*RUN, "-m", f"experiment={study}", *self.overrides]


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
    text = f"studies, of {', '.join(names)}; all when none is named. key=value is handed on to each."
    parser.add_argument("words", nargs="*", metavar="study", help=text)
    given = parser.parse_args(argv)
    overrides = tuple(quoted(word, sweep=True) for word in given.words if "=" in word)
    chosen = {word for word in given.words if "=" not in word} or set(names)
    if unknown := chosen - set(names):
        parser.error(f"unknown study {', '.join(sorted(unknown))}; there are {', '.join(names)}")
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
    drawn = subprocess.run([*REPORT, "--runs", str(given.runs), "--out", str(given.out)]).returncode
    print(summary(outcomes))
    wrong = {"failed", "not run"} if given.strict else {"failed"}
    return int(bool(drawn or wrong & {outcome.word for outcome in outcomes}))


def carry_out(names: Sequence[str], command: Command) -> list[Outcome]:
    """Looks at all studies, says what there is to do, and does it."""
    print(f"Looking at {len(names)} studies at scale {command.scale} ...", flush=True)
    studies = [look(name, command.overrides) for name in names]
    print(agenda(studies, command.runs), flush=True)
    outcomes = []
    for place, study in enumerate(studies):
        if study.is_done:
            outcomes.append(Outcome(study.name, "done"))
            continue
        left = time_of([other for other in studies[place:] if not other.problem])
        print(f"\n== {place + 1} of {len(studies)}: {study.name} (left by the budgets: {left})", flush=True)
        begun = time.monotonic()
        outcome = reproduce(study, command)
        outcomes.append(Outcome(study.name, *outcome, time.monotonic() - begun))
        print(f"== {said(outcomes[-1])}", flush=True)
    return outcomes


def reproduce(study: Study, command: Command) -> tuple[str, str]:
    """Carries out what is missing of a study, again where its worker died; returns the outcome and why."""
    if not study.folders:  # its data may be fetched, or made by a study before it
        study = look(study.name, command.overrides, fetch=True)
    note_missing(command.runs / study.name / command.scale / NOT_RUN, study)
    if study.problem:
        return "not run" if study.missing else "failed", study.problem.splitlines()[0]
    for attempt in range(1 + RESTARTS):
        code = started(command.of(study.name))
        if code == 0:
            return "done", ""
        unfinished = list(study.unfinished())
        if not worker_died(code, [state for _, state in unfinished]):
            break
        if attempt < RESTARTS:
            print(f"A process of {study.name} died (out of memory?): it is started again.", flush=True)
    if not unfinished:
        return "failed", f"exit code {code}, although every run has its result"
    run, why = next(iter(unfinished))
    return "failed", f"{len(unfinished)} of {len(study.runs)} runs gave no result; {run.path}: {why}"


def worker_died(code: int, states: Sequence[str]) -> bool:
    """Whether a signal ended the study's process, or that of a run which was begun, or none has begun."""
    return code < 0 or "cut off" in states


def started(words: Sequence[str]) -> int:
    """Runs a command to its end and returns its exit code; KeyboardInterrupt where it, or this process, was stopped."""
    process = subprocess.Popen(words)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        await_end(process)
        raise
    finally:
        process.kill()
    if code in (INTERRUPTED, -signal.SIGINT):
        raise KeyboardInterrupt
    return code


def await_end(process: subprocess.Popen[bytes]) -> None:
    """Of a study that has had Ctrl-C from the terminal; if it has not, it is told."""
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


def note_missing(path: Path, study: Study) -> None:
    """Keeps for the reports why a study has no runs; takes it away when its data are there."""
    if study.missing:
        write_json(path, {"reason": study.problem.splitlines()[0]})
    else:
        path.unlink(missing_ok=True)


# In words ------------------------------------------------------------------------------------------------------


def said(outcome: Outcome) -> str:
    why = f": {outcome.reason}" if outcome.reason else f" ({duration(outcome.seconds)})"
    return f"{outcome.study}: {outcome.word}{why}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many studies are done, those that are not, each with its reason, and what to type next."""
    apart = [outcome for outcome in outcomes if outcome.word != "done"]
    seconds = duration(sum(outcome.seconds for outcome in outcomes))
    lines = [f"{len(outcomes) - len(apart)} of {len(outcomes)} studies are done, in {seconds}."]
    lines += [f"  {said(outcome)}" for outcome in apart]
    if failed := [outcome.study for outcome in apart if outcome.word == "failed"]:
        lines.append(f'The same command tries again what failed; STUDIES="{" ".join(failed)}" that alone.')
    return "\n".join(lines)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's word for Ctrl-C
    sys.exit(main())
