"""`make dashboard`: the studies under runs/ in W&B, a saved view each, or in TensorBoard."""

import argparse
import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path

from ganrepro.errors import UserError, exit_code
from ganrepro.report.records import Run, read_runs

YOURS = "<your entity>"  # in what is shown, where nobody named one


def main(argv: list[str] | None = None) -> int:
    """Shows what would go to W&B and where, and sends it with --send; or serves TensorBoard. 1 on a user's error."""
    parser = argparse.ArgumentParser(prog="python -m ganrepro.dashboard", description=__doc__)
    parser.add_argument("--logger", choices=("wandb", "tensorboard"), default="wandb", help="default: wandb")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs lie (default: runs)")
    parser.add_argument("--claims", type=Path, default=Path("conf/claims"), help="default: conf/claims")
    parser.add_argument("--entity", default=os.environ.get("WANDB_ENTITY", ""), help="of W&B (default: yours)")
    parser.add_argument("--project", default="ganrepro", help="of W&B (default: ganrepro)")
    parser.add_argument("--send", action="store_true", help="to W&B; without it nothing leaves this machine")
    parser.add_argument("studies", nargs="*", metavar="study", help="all when none is named")
    given = parser.parse_args(argv)
    if given.logger == "tensorboard":
        return exit_code(lambda: open_tensorboard(given.runs, given.studies))
    return exit_code(
        lambda: make_views(given.runs, given.claims, given.studies, given.entity, given.project, given.send)
    )


def make_views(root: Path, claims: Path, studies: Sequence[str], entity: str, project: str, send: bool) -> None:
    """A view of every study and scale that has runs in W&B: shown, and sent where `send` is and W&B has a key."""
    need("wandb_workspaces", "dashboard")
    import wandb

    from ganrepro.report.study import study_page
    from ganrepro.wandb_runs import has_key
    from ganrepro.workspaces import outline, save, workspace

    found = chosen(root, studies)
    ready = send and has_key()
    with asking_wandb():
        entity = entity or (wandb.Api().default_entity or "" if ready else YOURS)
    for runs in found:
        study, scale = runs[0].study, runs[0].scale
        if not in_wandb(root, runs):
            print(f"{study}, scale {scale}: left out, as no command with logger=wandb was about it.")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            made = workspace(study_page(root, study, scale, Path(scratch), claims), runs, entity, project)
        print(outline(made))
        if ready:
            with asking_wandb():
                print(f"  sent: {save(made, root / study / scale / 'wandb_view')}")
    if not ready:
        print(f"Nothing was sent. It would go to {wandb.setup().settings.app_url}/{entity}/{project}: type")
        print("make dashboard SEND=1" + (" after `wandb login`, for W&B has no key here." if send else "."))


def chosen(root: Path, studies: Sequence[str]) -> list[list[Run]]:
    """The runs of each study and scale, of these studies or of all. UserError where there are none."""
    runs = read_runs(root)
    if missing := sorted(set(studies) - {run.study for run in runs}):
        raise UserError(f"No runs of {', '.join(missing)} in {root}.")
    if not runs:
        raise UserError(f"No runs in {root}. `python run.py` says what to type.")
    wanted = [run for run in runs if run.study in (studies or [run.study])]
    return [list(members) for _, members in groupby(wanted, key=lambda run: (run.study, run.scale))]


def in_wandb(root: Path, runs: Sequence[Run]) -> bool:
    """Whether W&B was told of one of these seeds or, as of a study that only measures, of the report alone."""
    report = root / runs[0].study / runs[0].scale / "report" / "wandb"
    return report.exists() or any((run.folder / "wandb_id").exists() for run in runs)


def open_tensorboard(root: Path, studies: Sequence[str]) -> None:
    """Serves the event files under root, of these studies or of all, until Ctrl-C."""
    print(f"TensorBoard shows {root} at {serve(root, studies)} until Ctrl-C.", flush=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def serve(root: Path, studies: Sequence[str]) -> str:
    """Starts TensorBoard and returns its address. UserError without the package, or without event files."""
    need("tensorboard", "tensorboard")
    from tensorboard import program

    places = {study: root / study for study in studies} or {"": root}
    empty = [str(place) for place in places.values() if not any(place.rglob("events.out.tfevents.*"))]
    if empty:
        raise UserError(f"No event files in {', '.join(empty)}: train with logger=tensorboard.")
    if studies:
        where = ["--logdir_spec", ",".join(f"{study}:{place}" for study, place in places.items())]
    else:
        where = ["--logdir", str(root)]
    server = program.TensorBoard()
    server.configure(argv=["tensorboard", *where])
    return str(server.launch())


def need(package: str, extra: str) -> None:
    """UserError where a package of one of our extras is not installed."""
    if importlib.util.find_spec(package) is None:
        raise UserError(f"This needs the package {package}: pip install 'ganrepro[{extra}]'")


@contextmanager
def asking_wandb() -> Iterator[None]:
    """UserError, in a line, for whatever W&B answers in the block."""
    try:
        yield
    except Exception as error:
        from ganrepro.wandb_runs import in_a_line

        raise UserError(f"W&B did not take it ({in_a_line(error)}).") from None


if __name__ == "__main__":
    sys.exit(main())
