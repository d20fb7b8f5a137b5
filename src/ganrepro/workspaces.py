"""A study's dashboard as a W&B workspace: a saved view of its runs, made in code."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import wandb_workspaces.reports.v2 as panels
import wandb_workspaces.workspaces as views

from ganrepro.report.page import Page
from ganrepro.report.records import Run
from ganrepro.wandb_report import pictures_of, tables_of
from ganrepro.wandb_runs import CLOCK, group_of

Panel = Any  # the package's own type is a union of all of its panels
CLOCKS = (CLOCK, "images_seen")
COLUMNS = ["run:state", "config:seed", "config:commit", "summary:status"]
LINES = 100  # runs that a plot draws from at most


def workspace(page: Page, runs: Sequence[Run], entity: str, project: str) -> views.Workspace:
    """The view of one study at one scale. page: its report, whose tables and pictures `show_study` sent.

    The runs of a cell are one line in each plot, the mean over its seeds with the range from the lowest to the highest.
    """
    study, scale = runs[0].study, runs[0].scale
    names = measured(runs)
    losses = [name for name in names if name.startswith("loss/")]
    tables: list[Panel] = [panels.WeavePanelSummaryTable(table_name=key) for key in tables_of(page)]
    pictures: list[Panel] = [
        panels.MediaBrowser(title=it.title, media_keys=[key]) for key, it in pictures_of(page).items()
    ]
    samples = panels.MediaBrowser(title="Samples", media_keys=["samples"], grid_x_axis="step", grid_y_axis="run")
    sections = [
        views.Section(name="Report: tables", panels=tables, is_open=True),
        views.Section(name="Report: pictures", panels=pictures),
        views.Section(name="Losses", panels=[plot(name) for name in losses], is_open=True),
        views.Section(name="Measures", panels=[plot(name) for name in names if name not in losses]),
        views.Section(name="Samples while training", panels=[samples] if names else [], is_open=True),
    ]
    return views.Workspace(
        entity=entity,
        project=project,
        name=f"{study}, scale {scale}",
        sections=[section for section in sections if section.panels],
        settings=views.WorkspaceSettings(x_axis=CLOCK, max_runs=LINES),
        runset_settings=views.RunsetSettings(
            filters=views.And(views.Metric("Group") == group_of(study, scale)),
            groupby=[views.Metric("JobType")],  # the cell
            pinned_columns=list(COLUMNS),
        ),
    )


def measured(runs: Iterable[Run]) -> list[str]:
    """Every scalar in the rows of these runs, by name, but the clocks."""
    return sorted({name for run in runs for row in run.rows for name in row} - set(CLOCKS))


def plot(name: str) -> panels.LinePlot:
    return panels.LinePlot(
        title=name,
        x=CLOCK,
        y=[name],
        groupby="JobType",
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        max_runs_to_show=LINES,
    )


def outline(made: views.Workspace) -> str:
    """What a workspace holds, a line a section."""
    lines = [f"{made.name}: runs where {made.runset_settings.filters}, grouped by cell"]
    for section in made.sections:
        lines.append(f"  {section.name}: " + ", ".join(map(shown, section.panels)))
    return "\n".join(lines)


def shown(panel: Panel) -> str:
    """The key that a panel shows."""
    if isinstance(panel, panels.LinePlot):
        return str(panel.y[0])
    return str(panel.media_keys[0] if isinstance(panel, panels.MediaBrowser) else panel.table_name)


def save(made: views.Workspace, kept: Path) -> str:
    """Sends a view and returns its address, which is kept in a file.

    It takes the place of the view whose address is there, unless that is of another project or was deleted.
    """
    if kept.exists():
        with suppress(ValueError):  # the package's answer where there is no such view
            before = views.Workspace.from_url(kept.read_text())
            if (before.entity, before.project) == (made.entity, made.project):
                before.name, before.sections = made.name, made.sections
                before.settings, before.runset_settings = made.settings, made.runset_settings
                made = before
    made.save()
    kept.write_text(made.url)
    return made.url
