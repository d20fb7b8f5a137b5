"""Each probe on a run: which samples it takes, who judges them, and how that is said."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ganrepro.adversarial import AdversarialModule
from ganrepro.data.images import ImageData
from ganrepro.errors import UserError
from ganrepro.probes import attributes
from ganrepro.probes.arithmetic import TURNED, arithmetic, pose
from ganrepro.probes.base import REFERENCE, Found, at_rest, images_of, refuse_told
from ganrepro.probes.forget import forget
from ganrepro.probes.guided import guided_backprop
from ganrepro.probes.memorisation import memorisation
from ganrepro.probes.walk import latent_walk
from ganrepro.scorers import Judged, Scorer, scorer_of
from ganrepro.streams import stream

NUMBERED = 1000  # samples that can be chosen from
BLOCK = 50  # of them drawn at once, so that their number changes none of the first
ANNOTATED = 300  # of them behind the regression that finds the maps of a class
CHOOSERS = {"forget": "classifier", "arithmetic": "classifier", "pose": "measure"}  # where no person chooses
SHEET = 150  # on the sheet with the numbers, as many as the paper's authors looked at


@dataclass(frozen=True)
class Opened:
    """A trained run in memory, and what was typed: the seed of the draws, how many samples, the file of choices."""

    gan: AdversarialModule
    data: ImageData
    scorers: str
    choices: dict[str, Any]
    seed: int = 0
    samples: int | None = None
    layer: int | None = None
    sheet: int = SHEET  # samples on the numbered sheet that is there to choose from

    @property
    def choosable(self) -> int:
        """The first so many samples can be chosen: somebody can have seen them."""
        return min(self.sheet, self.samples or NUMBERED)

    def noise(self, *purpose: str) -> torch.Generator:
        """The stream of a probe's draws."""
        return stream(self.seed, "probe", *purpose)

    @property
    def generator(self) -> nn.Module:
        return self.gan.players["generator"]

    @cached_property
    def z(self) -> Tensor:
        """The latents of the numbered samples: float32 [n, dim]."""
        noise, n = self.noise("numbered"), self.samples or NUMBERED
        return torch.cat([self.gan.latent.sample(BLOCK, noise) for _ in range(-(-n // BLOCK))])[:n]

    @cached_property
    def images(self) -> Tensor:
        """The numbered samples, in the networks' range."""
        reference = self.gan.latent.sample(REFERENCE, self.noise("reference"))
        return images_of(at_rest(self.generator, reference), self.z)

    @cached_property
    def scorer(self) -> Scorer:
        return scorer_of(self.data, self.scorers)

    @property
    def judge(self) -> str:
        """Who judges, in words."""
        accuracy = self.scorer.record["accuracy"]
        right = f", which is right about {100 * accuracy:.1f} % of the test images" if accuracy else ""
        return f"judged by the {self.scorer.name}{right}"

    @cached_property
    def classifier(self) -> Scorer | None:
        """The scorer of labelled data, whose probabilities are of their classes."""
        labelled = len(self.data.classes) > 1 and bool((self.data.train.labels >= 0).all())
        return self.scorer if labelled else None

    @cached_property
    def judged(self) -> Judged | None:
        """What the classifier says of the numbered samples."""
        return self.classifier.judge_samples(self.images) if self.classifier else None

    def choice(self, probe: str) -> dict[str, Any] | None:
        return self.choices.get(probe)

    def chooser(self, probe: str) -> str | None:
        """Who says which samples show what: "person" where a file names samples, else "classifier" or "measure".

        None for a probe that asks nobody.
        """
        named = any(isinstance(part, list) for part in (self.choice(probe) or {}).values())
        return "person" if named else CHOOSERS.get(probe)

    def with_chooser(self, probe: str, found: Found) -> Found:
        """With `by_person`: 1.0 where a person chose, else 0.0."""
        return found._replace(metrics={**found.metrics, "by_person": float(self.chooser(probe) == "person")})


Look = Callable[[Opened], tuple[Found, list[str]]]  # what was found, and in words what was done


def unlabelled(probe: str, example: str) -> UserError:
    return UserError(
        f"probe={probe} needs your choice here, since the data have no labels: look at the numbers that probe=samples "
        f"draws, write\n  {probe}: {example}\ninto a YAML file, and type choices=<that file>."
    )


def numbered(run: Opened) -> tuple[Found, list[str]]:
    pixels = run.data.to_uint8(run.images[: run.samples or SHEET]).numpy()
    return Found({"samples": float(len(pixels))}, {"samples": pixels}), []


def walk(run: Opened) -> tuple[Found, list[str]]:
    segments = {} if run.samples is None else {"segments": run.samples}
    return latent_walk(run.generator, run.gan.latent, run.data, run.noise("latent_walk"), **segments), []


def filters(run: Opened) -> tuple[Found, list[str]]:
    refuse_told(run.gan.latent, "guided_backprop")
    samples = {} if run.samples is None else {"samples": run.samples}
    discriminator = run.gan.critics["discriminator"]
    noise = run.noise("guided_backprop")
    return guided_backprop(discriminator, run.data, noise, layer=run.layer, **samples), []


def forgotten(run: Opened) -> tuple[Found, list[str]]:
    refuse_told(run.gan.latent, "forget")
    chosen = run.choice("forget") or {}
    classes, wanted = run.data.classes, -1
    if "class" in chosen:
        wanted = attributes.class_index(chosen["class"], classes)
    elif run.judged and not chosen:
        wanted = attributes.most_frequent(run.judged, 1)[0]
    if "boxes" in chosen:
        height, width = run.data.shape[1:]
        samples, marks = attributes.boxes(chosen["boxes"], run.choosable, (height, width))
        z, words = run.z[samples], [f"maps found by {len(chosen['boxes'])} boxes in {len(samples)} samples"]
    elif wanted < 0:
        raise unlabelled("forget", "{boxes: [[12, 8, 8, 20, 24]]}   (sample, left, top, right, bottom)")
    else:
        assert run.judged is not None
        z, judged = run.z[:ANNOTATED], run.judged[:ANNOTATED]
        attributes.members(judged, wanted, classes)
        has = attributes.taken(judged) == wanted
        marks = has[:, None, None].expand(-1, *run.data.shape[1:])
        words = [
            f"maps found without boxes: positions anywhere in the {int(has.sum())} samples that the classifier takes "
            f"for {classes[wanted]}, against those in the other {int((~has).sum())}"
        ]
    scorer = run.classifier if wanted >= 0 else None
    words += [run.judge] if scorer else []
    samples_drawn = {} if run.samples is None else {"samples": run.samples}
    noise = run.noise("forget")
    found = forget(
        run.generator, run.gan.latent, run.data, z, marks, noise, scorer=scorer, wanted=wanted, **samples_drawn
    )
    return run.with_chooser("forget", found), words


def sums(run: Opened) -> tuple[Found, list[str]]:
    refuse_told(run.gan.latent, "arithmetic")
    if chosen := run.choice("arithmetic"):
        by_class = any(not isinstance(part, list) for part in chosen.values())
        scorer, judged = (run.classifier, run.judged) if by_class else (None, None)
        concepts = attributes.chosen_concepts(chosen, run.choosable, scorer, judged)
    elif run.classifier and run.judged:
        concepts = attributes.bright_concepts(run.classifier, run.judged, run.data.to_uint8(run.images))
    else:
        raise unlabelled("arithmetic", "{a: [3, 17, 22], b: [4, 9, 41], c: [5, 6, 12]}")
    pools = {name: run.z[samples] for name, samples in concepts.pools.items()}
    found = arithmetic(run.generator, run.gan.latent, run.data, pools, run.noise("arithmetic"), concepts.has)
    return run.with_chooser("arithmetic", found), [concepts.words, *([run.judge] if concepts.has else [])]


def turned(run: Opened) -> tuple[Found, list[str]]:
    refuse_told(run.gan.latent, "pose")
    measure = attributes.horizontal_centre
    if chosen := run.choice("pose"):
        sides = attributes.sides(chosen, run.choosable)
        words = f"exemplars as chosen, {len(sides[0])} left and {len(sides[1])} right"
    else:
        order = measure(run.data.to_uint8(run.images)).argsort()
        sides = order[:TURNED], order[-TURNED:]
        words = f"exemplars by the measure itself: the {TURNED} lowest and highest of {len(run.z)} samples"
    left, right = (run.z[side] for side in sides)
    found = pose(run.generator, run.gan.latent, run.data, left, right, measure, run.noise("pose"))
    measured = "measured by the horizontal centre of brightness, -1 left edge to 1 right edge"
    return run.with_chooser("pose", found), [words, measured]


def recited(run: Opened) -> tuple[Found, list[str]]:
    bounded = run.data.value_range is not None  # else there are no pictures that the scorer could judge
    scorer = run.scorer if bounded else None
    found = memorisation(run.images, run.data, run.noise("memorisation"), scorer)
    return found, [run.judge if scorer else "without features: data.scaling=gcn has no pictures"]


LOOKS: dict[str, Look] = {
    "samples": numbered,
    "latent_walk": walk,
    "guided_backprop": filters,
    "forget": forgotten,
    "arithmetic": sums,
    "pose": turned,
    "memorisation": recited,
}
