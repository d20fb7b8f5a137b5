"""What runs are of: their data, machine, commit and time, in words."""

from collections.abc import Sequence

from ganrepro.report.claims import stand_in_of
from ganrepro.report.records import Run, counted, shown_cell

HEADER = ["data", "runs", "hardware", "commit", "minutes", "evaluation"]


def about(runs: Sequence[Run]) -> list[str]:
    """The columns of HEADER for the runs of one study at one scale."""
    speeds = [run.record.get("speed") or {} for run in runs]
    seconds, trained = (sum(speed.get(key, 0) for speed in speeds) for key in ("seconds", "train_seconds"))
    where = [", ".join(sorted({of(run) for run in runs} - {""})) for of in (machine_of, commit_of)]
    share = f"{1 - trained / seconds:.0%}" if trained else ""
    return [data_of(own_runs(runs)), counted(runs), *where, f"{seconds / 60:.1f}", share]


def data_of(runs: Sequence[Run]) -> str:
    """ "digits, standing in for MNIST", or the data's own name; "" without data."""
    known = [run for run in runs if run.record.get("data")]
    return stand_in_of(known) or " and ".join(sorted({str(run.record["data"].get("name")) for run in known}))


def own_runs(runs: Sequence[Run]) -> list[Run]:
    """Of one study at one scale: its cell; the cells of one that is a grid."""
    grid = [run for run in runs if not run.departures and "variant" not in run.choices]
    return shown_cell(runs)[0] or grid


def machine_of(run: Run) -> str:
    """ "A CPU (cpu, 2 cores)"; "" where no record says."""
    hardware = run.record.get("hardware")
    if not hardware:
        return ""
    return f"{hardware.get('name', '')} ({hardware.get('device', '?')}, {hardware.get('cores', '?')} cores)"


def commit_of(run: Run) -> str:
    """ "abc1234", or "abc1234 + changes"."""
    return f"{run.record.get('commit') or ''}{' + changes' if run.record.get('dirty') else ''}"
