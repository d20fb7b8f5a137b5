"""The inception score of given class probabilities (Salimans et al. 2016, appendix).

torchmetrics' InceptionScore shuffles with torch's global generator, and draws in training code are forbidden here.
"""

import math

import torch
from torch import Tensor


def inception_score(probabilities: Tensor, splits: int = 10) -> tuple[float, float]:
    """exp E KL(p(y|x) || p(y)) of probabilities [n, classes]: mean and standard deviation over `splits` equal parts.

    The parts are successive and p(y) is each part's own, as in the authors' code (openai/improved-gan). The deviation
    is NaN for one part; both are where a probability is not finite. Between 1 and the number of classes. ValueError
    for fewer images than parts.
    """
    if splits < 1 or len(probabilities) < splits:
        raise ValueError(f"{len(probabilities)} images cannot be divided into {splits} parts")
    if not probabilities.isfinite().all():
        return math.nan, math.nan
    scores = []
    for part in probabilities.double().tensor_split(splits):
        marginal = part.mean(0, keepdim=True)
        terms = torch.special.entr(marginal).sum() - torch.special.entr(part).sum(1).mean()  # H(y) - H(y|x)
        scores.append(terms.exp())
    values = torch.stack(scores)
    return values.mean().item(), values.std(correction=1).item() if splits > 1 else math.nan
