"""Tables that the papers print, with ours beside the quoted figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganrepro.report.records import Run, scales_of, shown_cell
from ganrepro.report.rendering import Source, Table
from ganrepro.report.statistics import mean_interval
from ganrepro.report.tables import AT, NAMES


@dataclass(frozen=True)
class Column:
    """A column of the 2014 paper's Table 1. error: what its ± is over. quoted: log-likelihood and ±, as printed."""

    name: str
    study: str
    data: str
    error: str
    quoted: dict[str, tuple[str, str]]


MNIST = Column(
    "MNIST",
    "gan_mnist",
    "mnist",
    "test images",
    {
        "DBN": ("138", "± 2"),
        "Stacked CAE": ("121", "± 1.6"),
        "Deep GSN": ("214", "± 1.1"),
        "Adversarial nets": ("225", "± 2"),
    },
)
TFD = Column(
    "TFD",
    "gan_tfd",
    "tfd",
    "folds",
    {
        "DBN": ("1909", "± 66"),
        "Stacked CAE": ("2110", "± 50"),
        "Deep GSN": ("1890", "± 29"),
        "Adversarial nets": ("2057", "± 26"),
    },
)
COLUMNS = (MNIST, TFD)
QUOTED = "Quoted rows: Goodfellow et al. 2014, Table 1; ± is the standard error over {}."
CAE = (
    "On TFD the paper's own table has the stacked CAE above the adversarial nets (2110 ± 50, 2057 ± 26), both in bold."
)
OURS = "Ours: mean over training seeds with its 95 % t interval; the ± of the paper's kind beside it."


def table1(runs: Sequence[Run], column: Column = MNIST) -> Table:
    """One column: the paper's four rows, quoted, and ours at the best and the last update. `runs`: one plain cell."""
    folds = ["folds"] if column is TFD else []
    table = Table(["model", "log-likelihood [nats]", f"± over {column.error}", "σ", "test images", *folds, "seeds"], [])
    for model, (likelihood, error) in column.quoted.items():
        table.rows.append([f"{model} (quoted)", likelihood, error, "", "", *([""] if folds else []), ""])
        table.folders.append(None)
    finished, done = _finished(runs)
    for at in reversed(AT):
        likelihood, error = _ours(done, column, at)
        if likelihood:
            sigma = ", ".join(f"{value:.4g}" for value in sorted(set(_values(done, "parzen/sigma", at))))
            counts = [
                ", ".join(f"{value:.0f}" for value in sorted(set(_values(done, f"parzen/{key}", at))))
                for key in ("test_images", *folds)
            ]
            seeds = f"{len(_values(done, 'parzen/test', at))} of {len(finished)}"
            label = f"ours, {NAMES[at]}{_not_comparable(_others(done, column))}"
            table.rows.append([label, likelihood, error, sigma, *counts, seeds])
            table.folders.append(done[0].folder.parent)
    table.notes.append(QUOTED.format(column.error))
    table.notes.extend([CAE] if column is TFD else [])
    table.notes.append(OURS)
    if _others(done, column):
        table.notes.append(f"Our data stand in for {column.name}: these rows cannot be compared with the quoted ones.")
    if lost := len(finished) - len(done):
        table.notes.append(f"{lost} of {len(finished)} runs diverged and are not in the mean.")
    return table


def table1_tfd(runs: Sequence[Run]) -> Table:
    return table1(runs, TFD)


def table1_complete(runs: Sequence[Run]) -> Table:
    """Both columns: the four quoted rows, then ours at each scale, best and last. `runs`: of every study and scale."""
    table = Table(["model"], [])
    for column in COLUMNS:
        table.header.extend([f"{column.name} [nats]", f"± over {column.error}", f"{column.name} seeds"])
    for model in MNIST.quoted:
        cells = [cell for column in COLUMNS for cell in (*column.quoted[model], "")]
        table.rows.append([f"{model} (quoted)", *cells])
        table.folders.append(None)
    table.notes.extend([QUOTED.format("test images for MNIST, over folds for TFD"), CAE, OURS])
    of_column = [run for run in runs if run.study in {column.study for column in COLUMNS}]
    for scale in scales_of(of_column):
        ours = [shown_cell(r for r in of_column if (r.study, r.scale) == (c.study, scale))[0] for c in COLUMNS]
        for at in reversed(AT):
            row, folder, others = _row(ours, at)
            what = "stand-ins" if len(others) > 1 else "a stand-in"
            stand_ins = f" ({', '.join(others)}: {what}, not comparable)" if others else ""
            table.rows.append([f"ours, {scale}, {NAMES[at]}{stand_ins}", *row])
            table.folders.append(folder)
        for column, members in zip(COLUMNS, ours, strict=True):
            finished, done = _finished(members)
            if lost := len(finished) - len(done):
                what = f"{lost} of {len(finished)} runs diverged and are not in the mean"
                table.notes.append(f"{column.name}, {scale}: {what}.")
    return table


def _row(ours: Sequence[Sequence[Run]], at: str) -> tuple[list[str], Source, list[str]]:
    """Our cells of each column, the folders they come from, and the data that are not the paper's."""
    cells, folders, others = [], [], []
    for column, members in zip(COLUMNS, ours, strict=True):
        finished, done = _finished(members)
        likelihood, error = _ours(done, column, at)
        if likelihood:
            cells += [likelihood, error, f"{len(_values(done, 'parzen/test', at))} of {len(finished)}"]
            folders.append(done[0].folder.parent)
            others += [f"{column.name} on {other}"] if (other := _others(done, column)) else []
        else:
            cells += ["–" if finished else "not run", "", f"0 of {len(finished)}" if finished else ""]
    return cells, tuple(folders) or None, others


def _finished(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Those that finished, and of these those that are done."""
    finished = [run for run in runs if run.finished]
    return finished, [run for run in finished if run.status == "done"]


def _ours(done: Sequence[Run], column: Column, at: str) -> tuple[str, str]:
    """The mean over seeds, and the mean ± of the paper's kind; what it is over where that is another kind."""
    likelihoods, errors = _values(done, "parzen/test", at), _values(done, "parzen/test_se", at)
    if not likelihoods:
        return "", ""
    error = f"± {_two_figures(sum(errors) / len(errors))}" if errors else "–"
    over_folds = max(_values(done, "parzen/folds", at), default=1) > 1
    over = "folds" if over_folds else "test images"
    return str(mean_interval(likelihoods)), error + (f" (over {over})" if errors and over != column.error else "")


def _two_figures(value: float) -> str:
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


def _values(runs: Sequence[Run], key: str, at: str) -> list[float]:
    return [value for run in runs if (value := run.value(key, at)) is not None]


def _others(runs: Sequence[Run], column: Column) -> str:
    """The names of the data that are not the column's."""
    return ", ".join(sorted({str((run.record.get("data") or {}).get("name")) for run in runs} - {column.data}))


def _not_comparable(others: str) -> str:
    return f" (on {others}: a stand-in, not comparable)" if others else ""


# Section 4 of the 2014 paper, measured on toys: the largest errors over all of them.
THEORY = {
    "opt_d_error": "|D(x) − p(x) / (p(x) + q(x))|, D trained to its optimum",
    "value_error": "|value − (−log 4 + 2 JSD)|, at that D",
    "minimum_error": "|value + log 4|, at p = q",
    "half_error": "|D(x) − 1/2|, at p = q",
}


def theory_table(runs: Sequence[Run]) -> Table:
    """The errors of the closed forms. `runs`: one plain cell of gan_theory."""
    return errors_table(runs, THEORY)


def errors_table(runs: Sequence[Run], errors: Mapping[str, str]) -> Table:
    """The largest error of each kind, whose names are given by metric."""
    table = Table(["the largest error of", "mean over seeds [95 %]", "worst seed", "seeds"], [])
    for key, what in errors.items():
        done = _finished(runs)[1]
        if values := _values(done, key, "final"):
            row = [what, str(mean_interval(values)), f"{max(values):.2g}", str(len(values))]
            table.rows.append(row)
            table.folders.append(done[0].folder.parent)
    return table
