"""A study's report as a W&B run of its own: its tables, its pictures, and the claims board as its summary."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ganrepro.provenance import commit
from ganrepro.report.claims import Verdict
from ganrepro.report.page import Page, Picture
from ganrepro.report.rendering import Table, places
from ganrepro.wandb_runs import WandbRun, group_of, image

T = TypeVar("T")
JOB = "report"  # its job type, where a seed's is the cell


def show_study(
    page: Page, verdicts: Sequence[Verdict], out: Path, study: str, scale: str, project: str, offline: bool
) -> None:
    """Writes the page that was drawn into `out` as the W&B run of the study at this scale.

    There is one: its files in out/wandb replace those of the last time, and W&B adds to the run of the same id.
    """
    shutil.rmtree(out / "wandb", ignore_errors=True)
    short, dirty = commit()
    with staging_in(out / "wandb"):
        view = WandbRun(
            out,
            project,
            offline,
            id=f"report-{study}-{scale}",
            group=group_of(study, scale),
            job_type=JOB,
            name=page.title,
            tags=[study, scale, JOB],
            notes="\n".join(filter(None, [page.lead, *page.notes])),
            config={"study": study, "scale": scale, "commit": short, "dirty": dirty},
        )
        view.tell(lambda run: run.log({key: as_wandb(table) for key, table in tables_of(page).items()}))
        view.tell(lambda run: run.log({key: as_image(picture) for key, picture in pictures_of(page).items()}))
        view.tell(lambda run: run.summary.update({f"claims/{v.claim['id']}": v.word for v in verdicts}))
        view.conclude(failed=False)


def tables_of(page: Page) -> dict[str, Table]:
    """The tables of a page by the key that they have in W&B, in their order."""
    tables = ((section.title, table) for section in page.shown for table in section.shown)
    return named("tables", tables)


def pictures_of(page: Page) -> dict[str, Picture]:
    """The same of its pictures, which are named after their files."""
    return named("pictures", ((it.path.stem, it) for section in page.shown for it in section.pictures))


def named(kind: str, things: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Things by "kind/their title" in letters, digits and underscores; with a number where titles are the same."""
    found: dict[str, T] = {}
    for title, thing in things:
        key = f"{kind}/" + re.sub(r"\W+", "_", title.lower()).strip("_")
        same = sum(re.fullmatch(rf"{key}(_\d+)?", other) is not None for other in found)
        found[f"{key}_{same + 1}" if same else key] = thing
    return found


def as_wandb(table: Table) -> Any:
    """Rows of text, with the folders that their numbers come from in a last column."""
    import wandb

    rows = [list(row) for row in table.rows]
    for row, folder in zip(rows, table.folders, strict=False):  # there are none where no number has one
        row.append(", ".join(name for name, _ in places(folder)))
    return wandb.Table(columns=[*table.header, *["folder"] * bool(table.folders)], data=rows)


def as_image(picture: Picture) -> Any:
    return image(picture.path, f"{picture.title}. {picture.caption}")


@contextmanager
def staging_in(folder: Path) -> Iterator[None]:
    """W&B stages a table's file in the home folder until it is sent; here it lies with the run, and goes with it."""
    before = os.environ.get("WANDB_DATA_DIR")
    os.environ["WANDB_DATA_DIR"] = str(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ["WANDB_DATA_DIR"]
        else:
            os.environ["WANDB_DATA_DIR"] = before
