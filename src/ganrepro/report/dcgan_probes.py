"""What probes found in a study of images: numbers over seeds, and the pictures of the first seed that has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganrepro.probes.pictures import DRAW
from ganrepro.report import figures
from ganrepro.report.image_studies import not_run, trained_for
from ganrepro.report.page import Picture, Section
from ganrepro.report.records import Run, address, shown_cell
from ganrepro.report.rendering import Table
from ganrepro.report.statistics import compare_paired, p_in_words
from ganrepro.report.tables import interval_or


@dataclass(frozen=True)
class Probe:
    """pictures: title and caption by file, in their order. arrays: the run's, of what was found at the end of training,
    with the `needed` names in it; "" for a probe that needs a choice, or a classifier, and is only made later.
    """

    pictures: dict[str, tuple[str, str]]
    arrays: str = ""
    needed: frozenset[str] = frozenset()


PROBES = {
    "latent_walk": Probe(
        {
            "walk": (
                "Walks in latent space",
                "Figure 4: straight lines through a chain of random latents; where a row ends the next begins.",
            ),
            "steps": ("Steps of the walks", "The largest of a line's steps over their mean: 1 where all are alike."),
        },
        "walk",
        frozenset({"trained", "untrained", "steps_trained", "steps_untrained"}),
    ),
    "guided_backprop": Probe(
        {
            "guided_backprop": (
                "What D's features respond to",
                "Figure 5: guided gradients of six features of D's last convolution, a row each.",
            )
        },
        "filters",
        frozenset({"gradients_trained", "gradients_untrained", "images_trained"}),
    ),
    "memorisation": Probe(
        {
            "memorisation": (
                "Nearest training images",
                "The samples nearest to a training image, and below each that image.",
            ),
            "distances": ("Distances to the nearest training image", "Of samples and of test images."),
        },
        "memory",
        frozenset({"samples", "nearest_pixels", "distances_pixels_samples", "distances_pixels_heldout"}),
    ),
    "forget": Probe(
        {
            "forget": (
                "Forgetting",
                "Figure 6: the same latents with all maps, without those of the object, without as many at random.",
            )
        }
    ),
    "arithmetic": Probe(
        {
            "arithmetic": (
                "Vector arithmetic",
                "Figure 7: a - b + c of the exemplars' mean latents, of single ones, and of pixels; each sum with its "
                "neighbours around.",
            )
        }
    ),
    "pose": Probe(
        {
            "pose": ("Pose", "Figure 8: random latents, framed, moved along the turn vector."),
            "axis": ("The measure along the turn vector", "A line a latent."),
        }
    ),
}
ALL = ("latent_walk", "guided_backprop", "memorisation")
APART = {  # measured on the trained network and on the same one with fresh weights
    "walk/largest_step": "largest step of a walk over its mean step",
    "filters/concentration": "share of a guided gradient in the strongest tenth of the pixels",
    "filters/silent": "share of D's features that respond to nothing",
    "filters/purity": "largest share of one class among a feature's images",
}
CHOSEN = {  # what is shown of the probes that need a choice
    "forget.rate/before": "forget: share of samples taken for the class",
    "forget.rate/dropped": "forget: the same, its maps dropped",
    "forget.rate/random": "forget: the same, as many maps at random dropped",
    "forget.lost/dropped": "forget: share of the class that is lost, its maps dropped",
    "forget.lost/random": "forget: the same, as many maps at random dropped",
    "forget.kept/dropped": "forget: share of the others that stay what they were",
    "forget.change/marked": "forget: mean change of a value in the marked pixels, the maps dropped",
    "forget.change/unmarked": "forget: the same in the other pixels of these samples",
    "arithmetic.rate/averaged": "arithmetic: rate of what is wanted, three exemplars",
    "arithmetic.rate/single": "arithmetic: the same, one exemplar",
    "arithmetic.rate/pixels": "arithmetic: the same, pixels",
    "arithmetic.rate/chance": "arithmetic: the same, random samples",
    "pose.slope/turn": "pose: slope of the measure along the turn vector",
    "pose.slope/random": "pose: the same along random vectors",
}


def probed(study: str, runs: Sequence[Run], scale: str, out: Path, wanted: Sequence[str] = ALL) -> Section:
    """Numbers and pictures, and what to type for those of the `wanted` probes that there are none of."""
    for probe in PROBES.values():
        for stem in probe.pictures:
            (out / f"{study}_{stem}.png").unlink(missing_ok=True)
    done = [run for run in shown_cell(runs)[0] if run.status == "done"]
    if not done:
        return Section("Probes", empty=not_run(study, scale))
    pictures = {name: pictures_of(study, name, done, out) for name in PROBES}
    stale = {name: run for run in reversed(done) for name in run.stale if name in PROBES}
    missing = [
        f"{_called(probe)}. Not run: `python run.py probe={probe} run={address(done[0].folder)}`."
        for probe in wanted
        if not pictures[probe] and probe not in stale
    ]
    missing += [
        f"{_called(probe)}, seed {run.seed}: stale, run it again: "
        f"`python run.py probe={probe} run={address(run.folder)}`."
        for probe, run in stale.items()
    ]
    tables = [trained_table(done), copies_table(done), chosen_table(done)]
    text = [*trained_for(done), *missing]
    return Section("Probes", tables, [each for drawn in pictures.values() for each in drawn], text)


def _called(probe: str) -> str:
    return next(iter(PROBES[probe].pictures.values()))[0]


# Numbers -------------------------------------------------------------------------------------------------------


def trained_table(done: Sequence[Run]) -> Table:
    """What a trained network does beside the same one with fresh weights, paired by seed."""
    header = ["measure", "trained [95 %]", "untrained [95 %]", "difference, paired [95 %]", "p", "seeds"]
    table = Table(header, [])
    for key, what in APART.items():
        sides = [measured(done, f"{key}/{side}") for side in ("trained", "untrained")]
        if compared := compare_paired(*sides):
            means = [interval_or(list(side.values()), "–") for side in sides]
            row = [what, *means, str(compared.difference), p_in_words(compared.p), str(compared.difference.n)]
            table.rows.append(row)
            table.folders.append(done[0].folder.parent)
    if ranks := list(by_seed(done, "filter_rank").values()):
        what = "independent maps among G's highest, over their number"
        table.rows.append([what, interval_or(ranks, "–"), "", "", "", str(len(ranks))])
        table.folders.append(done[0].folder.parent)
    if (lines := _first(done, "walk/segments")) and (steps := _first(done, "walk/steps")):
        table.notes.append(
            f"Walks: {lines:,.0f} lines of {steps:g} images by each network; a step is an L2 distance of neighbours. "
            f"1 where all steps of a line are alike, {steps - 1:g} where all changes in one."
        )
    if (features := _first(done, "filters/features")) and (images := _first(done, "filters/images")):
        table.notes.append(
            f"Features: {features:g} maps of D's convolution {_first(done, 'filters/layer'):g}, the strongest five of "
            f"{images:,.0f} test images for each. A gradient that is even has a share of 0.1."
        )
    return table


def copies_table(done: Sequence[Run]) -> Table:
    """How near samples lie to training images, beside test images."""
    header = ["distance to the nearest training image, by", "samples, median [95 %]", "test images, median"]
    table = Table([*header, "ratio [95 %]", "share of copies [95 %]", "seeds"], [])
    for space in ("pixels", "features"):
        keys = (f"memory/{space}/{name}" for name in ("nearest", "heldout", "ratio", "copies"))
        values = [list(measured(done, key).values()) for key in keys]
        if all(values):
            table.rows.append([space, *(interval_or(each, "–") for each in values), str(len(values[-1]))])
            table.folders.append(done[0].folder.parent)
    samples, heldout, train = (_first(done, f"memory/{name}") for name in ("samples", "heldout", "train"))
    table.notes.append(
        f"{samples:,.0f} samples and {heldout:,.0f} test images against {train:,.0f} training images, in each seed. A "
        "copy lies nearer to a training image than 99 % of the test images do; of those 0.01 are."
    )
    return table


def chosen_table(done: Sequence[Run]) -> Table:
    """What `python run.py probe=...` found of these runs since, with somebody's choice or a classifier's."""
    table = Table(["measure", "mean over seeds [95 %]", "seeds"], [])
    for key, what in CHOSEN.items():
        if values := list(by_seed(done, f"probes.{key}").values()):
            table.rows.append([what, interval_or(values, "–"), str(len(values))])
            table.folders.append(done[0].folder.parent)
    return table


def by_seed(done: Sequence[Run], key: str) -> dict[int, float]:
    return {run.seed: value for run in done if (value := run.value(key)) is not None}


def measured(done: Sequence[Run], key: str) -> dict[int, float]:
    """ "walk/steps" and the like, from the evaluation, or else from the probe since."""
    arrays, _, metric = key.partition("/")
    since = next(name for name, probe in PROBES.items() if probe.arrays == arrays)
    return by_seed(done, f"probes.{since}.{metric}") | by_seed(done, key)


def _first(done: Sequence[Run], key: str) -> float:
    """Of the first seed that has it; 0 without."""
    return next(iter(measured(done, key).values()), 0.0)


# Pictures ------------------------------------------------------------------------------------------------------


def pictures_of(study: str, name: str, done: Sequence[Run], out: Path) -> list[Picture]:
    """Those of the first seed that has the arrays; else those that `python run.py probe=...` has drawn."""
    probe = PROBES[name]
    for run in done:
        arrays = run.arrays(probe.arrays) if probe.arrays else None
        if arrays is not None and arrays.keys() >= probe.needed:
            for path in DRAW[name](arrays, out):
                path.replace(out / f"{study}_{path.name}")
            return _pictures(study, probe, out, f"Seed {run.seed}, last update.")
    for run in (run for run in done if name in run.probes):
        drawn = [path for path in (run.folder / "probes" / name).glob("*.png") if path.stem in probe.pictures]
        for path in drawn:
            figures.copied(path, out / f"{study}_{path.name}")
        if drawn:
            return _pictures(study, probe, out, f"Seed {run.seed}{_how(run, name)}.")
    return []


def _pictures(study: str, probe: Probe, out: Path, of: str) -> list[Picture]:
    paths = {stem: out / f"{study}_{stem}.png" for stem in probe.pictures}
    found = [(paths[stem], *words) for stem, words in probe.pictures.items() if paths[stem].exists()]
    return [Picture(path, title, f"{caption} {of}") for path, title, caption in found]


def _how(run: Run, name: str) -> str:
    """In the probe's own words, who chose and who judged: ": exemplars as chosen; measured by ..."."""
    words = run.probed.get(name, {}).get("how")
    return f": {'; '.join(map(str, words))}" if isinstance(words, list) and words else ""
