"""The inception score (Salimans et al. 2016, appendix) and the modified one (DeLiGAN) of given log-probabilities.

Both in float64 from a classifier's log-softmax and without an epsilon: the modified score takes logarithms of tiny
probabilities, and clipping them at 1e-8 has been seen to turn 1.86 into 1.41. torchmetrics' InceptionScore shuffles
with torch's global generator, and draws in training code are forbidden here.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from ganrepro.metrics.coverage import covered
from ganrepro.metrics.parzen import float64_device

PAIRINGS = ("predicted", "asked", "all")
PARTS = 10  # of a class's samples, behind the deviation that DeLiGAN's code prints beside its score
TOLERANCE = 1e-3  # by which a row's probabilities may miss 1: those of float32 logits do, by less


class InceptionScore(Metric):
    """exp E KL(p(y|x) || p(y)): mean and standard deviation over `splits` equal parts of all images.

    The parts are successive and p(y) is each part's own, as in the authors' code (openai/improved-gan). `compute()`
    gives both as float64 tensors. The deviation (n - 1) is NaN for one part; both are where a log-probability is NaN.
    The score is between 1 and the number of classes.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    log_probabilities: list[Tensor]

    def __init__(self, splits: int = 10, **kwargs: Any) -> None:
        """ValueError for fewer than one part."""
        super().__init__(**kwargs)
        if splits < 1:
            raise ValueError(f"images cannot be divided into {splits} parts")
        self.splits = splits
        self.add_state("log_probabilities", [], dist_reduce_fx="cat")

    def update(self, log_probabilities: Tensor) -> None:
        """[n, classes], -inf where a probability is 0. ValueError where a row's probabilities do not add up to 1."""
        self.log_probabilities.append(checked(log_probabilities))

    def compute(self) -> tuple[Tensor, Tensor]:
        """See the class. ValueError for fewer images than parts."""
        given = dim_zero_cat(self.log_probabilities)
        if len(given) < self.splits:
            raise ValueError(f"{len(given)} images cannot be divided into {self.splits} parts")
        scores = torch.stack([mutual_information(part) for part in given.exp().tensor_split(self.splits)]).exp()
        return scores.mean(), scores.std(correction=1) if self.splits > 1 else scores.new_tensor(math.nan)


class ModifiedInceptionScore(Metric):
    """exp E_i E_j KL(p(y|x_i) || p(y|x_j)), all ordered pairs within a class, a sample with itself among them.

    val-iisc/deligan, the code behind its m-IS. It is at least 1, and 1 for samples that are all judged alike; it rises
    with the variety within a class, and also where the classifier is confused.
    pairing: "predicted", within the class that is read, as DeLiGAN's code has it; "asked", within the class that was
    asked for; "all", among all samples, which is another convention (SaShiMi's) with far higher values.
    `compute()` returns a dictionary of float64 tensors; a class here is a class or, for "all", the whole:
      per_class [classes]: its score, NaN for an empty class; inf where one sample has a probability for which another
        of its class has exactly 0. counts (int64): samples in it.
      per_class_std: DeLiGAN's own ±, the population deviation of the scores of ten successive parts of its samples,
        each against all of them; NaN for fewer than ten.
      mean, std: of per_class over the classes that hold at least a tenth of an equal share of the samples; the
        population deviation. A single sample scores 1, which says nothing of its class.
    Where a log-probability is NaN all scores are, and that sample is not counted. torchmetrics turns arrays of one
    element into scalars.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    log_probabilities: list[Tensor]
    groups: list[Tensor]

    def __init__(self, classes: int, pairing: str = "predicted", **kwargs: Any) -> None:
        """ValueError for another pairing, and for fewer than one class."""
        super().__init__(**kwargs)
        if pairing not in PAIRINGS or classes < 1:
            raise ValueError(f"pairing must be one of {', '.join(PAIRINGS)}, not {pairing!r}, of at least 1 class")
        self.classes, self.pairing = classes, pairing
        self.add_state("log_probabilities", [], dist_reduce_fx="cat")
        self.add_state("groups", [], dist_reduce_fx="cat")

    def update(self, log_probabilities: Tensor, labels: Tensor | None = None) -> None:
        """log_probabilities: [n, classes], as InceptionScore's. labels: int64 [n], for the pairing "asked" alone.

        ValueError for labels that are absent, not wanted or of no class.
        """
        given = checked(log_probabilities, self.classes)
        if (labels is not None) != (self.pairing == "asked"):
            raise ValueError(f"labels are for the pairing 'asked', and needed there; the pairing is {self.pairing!r}")
        if labels is None:
            labels = given.argmax(1) if self.pairing == "predicted" else given.new_zeros(len(given), dtype=torch.int64)
        elif labels.shape != given.shape[:1] or not ((labels >= 0) & (labels < self.classes)).all():
            raise ValueError(f"labels must be [{len(given)}], from 0 to {self.classes - 1}")
        self.log_probabilities.append(given)
        self.groups.append(labels.to(given.device, torch.int64))

    def compute(self) -> dict[str, Tensor]:
        """See the class."""
        given, groups = dim_zero_cat(self.log_probabilities), dim_zero_cat(self.groups)
        broken = given.isnan().any(1)
        size = 1 if self.pairing == "all" else self.classes
        counts = torch.bincount(groups[~broken], minlength=size)
        scores = given.new_full((size,), math.nan)
        deviations = scores.clone()
        for group in [] if broken.any() else counts.nonzero()[:, 0].tolist():
            terms = divergences(given[groups == group])
            scores[group] = terms.mean().exp()
            if len(terms) >= PARTS:
                parts = [part.mean() for part in terms.tensor_split(PARTS)]
                deviations[group] = torch.stack(parts).exp().std(correction=0)
        equal = torch.full((size,), 1 / size, dtype=torch.float64)
        known = scores[covered(counts.cpu(), equal, len(given)).to(scores.device) & ~scores.isnan()]
        mean, std = known.mean(), known.std(correction=0) if len(known) else scores.new_tensor(math.nan)
        return {"per_class": scores, "per_class_std": deviations, "counts": counts, "mean": mean, "std": std}


def inception_score(log_probabilities: Tensor, splits: int = 10) -> tuple[float, float]:
    """InceptionScore of [n, classes] at once: mean and standard deviation. ValueError as it raises them."""
    metric = InceptionScore(splits, sync_on_compute=False)
    metric.update(log_probabilities)
    mean, deviation = metric.compute()
    return mean.item(), deviation.item()


def mutual_information(probabilities: Tensor) -> Tensor:
    """E KL(p(y|x) || p(y)) = H(y) - H(y|x) in nats, of [n, classes]."""
    return torch.special.entr(probabilities.mean(0)).sum() - torch.special.entr(probabilities).sum(1).mean()


def divergences(log_probabilities: Tensor) -> Tensor:
    """The mean over all j of KL(p_i || p_j), in nats: float64 [n] of log-probabilities [n, classes].

    It is linear in log p_j, so that the mean over j goes inside: no pairs are formed. A class of probability 0 adds
    nothing, whatever log p_j is; one of probability above 0 adds inf where some p_j is 0.
    """
    probabilities = log_probabilities.exp()
    shifted = log_probabilities - log_probabilities.amax(0)  # so that equal rows differ by exactly 0
    return torch.where(probabilities > 0, probabilities * (shifted - shifted.mean(0)), 0.0).sum(1)


def checked(log_probabilities: Tensor, classes: int | None = None) -> Tensor:
    """They, in float64 without a gradient. ValueError for what cannot be log-probabilities [n, classes]; NaN may be."""
    if log_probabilities.ndim != 2 or log_probabilities.shape[1] != (classes or log_probabilities.shape[1]):
        raise ValueError(f"log-probabilities are {list(log_probabilities.shape)}, not [n, {classes or 'classes'}]")
    given = log_probabilities.detach().to(float64_device(log_probabilities.device), torch.float64)
    if ((given.exp().sum(1) - 1).abs() > TOLERANCE).any():  # NaN is not
        raise ValueError("log-probabilities are those of a log-softmax: their exponentials add up to 1")
    return given
