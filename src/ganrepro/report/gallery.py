"""Which pictures a study has, and what stands below each: for its own pages and for its paper's."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ganrepro.report import figures, figures_gan
from ganrepro.report.page import Picture
from ganrepro.report.records import Run, by_dose, shown_cell
from ganrepro.report.registry import STUDIES

Maker = Callable[[Sequence[Run], Path], Picture | None]  # from the runs of one study at one scale
BANDS = {  # section 5, Table 1: data and figures; drawn beside curves on this data only
    "gan_mnist": ("mnist", {"parzen/test": (225.0, 2.0)}),
    "gan_tfd": ("tfd", {"parzen/test": (2057.0, 26.0)}),
}


def neighbours(runs: Sequence[Run], path: Path) -> Picture | None:
    caption = "Four rows of five samples, drawn at random; framed: the training image nearest to the fifth (L2)."
    return _of_one(
        runs, path, figures.figure2, "Samples and their nearest neighbours", f"{caption} Seed {{}}, last update."
    )


def lines(runs: Sequence[Run], path: Path) -> Picture | None:
    caption = "Straight lines between points of the latent space, one a row. Seed {}, last update."
    return _of_one(runs, path, figures.figure3, "Lines in latent space", caption)


def densities(runs: Sequence[Run], path: Path) -> Picture | None:
    caption = (
        "Dotted: the data's density p; green: the generator's, q; dashed: D(x), with p / (p + q), the best D, thin. "
        "Below: where G takes z (arrows), z stretched to the panel's width. The first recorded moment, two between at "
        "equal steps of log(updates), and the last. Seed {}."
    )
    return _of_one(runs, path, figures_gan.figure1, "Figure 1: p, q, D and G while training", caption)


def theory(runs: Sequence[Run], path: Path) -> Picture | None:
    title = "What is learned against the closed forms"
    caption = "All toys of all seeds; the line is equality. Left: D symbol by symbol. Right: the value, a point a toy."
    drawn = figures_gan.theory([run for run in shown_cell(runs)[0] if run.finished], path)
    return Picture(drawn, title, caption) if drawn else None


def gradients(runs: Sequence[Run], path: Path) -> Picture | None:
    title = "Gradients of the generator's two losses"
    caption = "Norms at the same networks, so paired at every update; a line a seed."
    drawn = figures_gan.saturation(shown_cell(runs)[0], path)
    return Picture(drawn, title, caption) if drawn else None


def doses(runs: Sequence[Run], path: Path) -> Picture | None:
    title = "Diversity against updates of G for each of D"
    caption = "Grey: a line a seed. Blue: the mean over seeds with its 95 % t interval."
    drawn = figures_gan.dose_response(by_dose(runs, "generator_steps", {})[0], "diversity", "generator_steps", path)
    return Picture(drawn, title, caption) if drawn else None


def _of_one(
    runs: Sequence[Run], path: Path, make: Callable[[Run, Path], Path | None], title: str, caption: str
) -> Picture | None:
    """The picture of the first seed of the study's cell that has what it takes."""
    for run in shown_cell(runs)[0]:
        if drawn := make(run, path):
            return Picture(drawn, title, caption.format(run.seed))
    return None


# By file name: those of any study that has the arrays, and those of one study.
ANY: dict[str, Maker] = {"figure2.png": neighbours, "figure3.png": lines}
OWN: dict[str, dict[str, Maker]] = {
    "gan_1d": {"figure1.png": densities},
    "gan_theory": {"theory.png": theory},
    "gan_saturation": {"gradients.png": gradients},
    "gan_helvetica": {"doses.png": doses},
}


def of_study(study: str, runs: Sequence[Run], labels: Mapping[Path, str], out: Path) -> list[Picture]:
    """The pictures for which the runs hold what is needed; one that can no longer be drawn is removed."""
    data, band = BANDS.get(study, ("", {}))
    on_data = any((run.record.get("data") or {}).get("name") == data for run in shown_cell(runs)[0])

    def curves(runs: Sequence[Run], path: Path) -> Picture | None:
        caption = (
            "A line a seed, all cells; a cross where a run diverged. A scale is cut below where the start is far off."
        )
        drawn = figures.curves(runs, labels, path, band if on_data else None)
        return Picture(drawn, "Learning curves", caption) if drawn else None

    def every_seed(runs: Sequence[Run], path: Path) -> Picture | None:
        drawn = figures.every_seed(runs, labels, path)
        return (
            Picture(drawn, "Every seed", "Samples of every seed, of images the first sixteen; red: not done.")
            if drawn
            else None
        )

    makers = {**OWN.get(study, {}), **ANY, "curves.png": curves}
    if study not in STUDIES:  # they have a sheet of their own
        makers["every_seed.png"] = every_seed
    return [made for name, make in makers.items() if (made := fresh(make, runs, out / name))]


def fresh(make: Maker, runs: Sequence[Run], path: Path) -> Picture | None:
    """Drawn anew, so that nothing stale stays."""
    path.unlink(missing_ok=True)
    return make(runs, path)
