"""Are successive samples independent? A Markov chain's are not (Goodfellow et al. 2014, sections 1 and 6)."""

from torch import Tensor


def autocorrelation(samples: Tensor) -> float:
    """The lag-1 autocorrelation of samples in the order they were drawn, pooled over pixels.

    samples: [n, ...]. With x centred at its mean over samples: sum_t <x_t, x_{t+1}> / sum_t <x_t, x_t>, in
    float64; NaN when all samples are equal. Independent samples give 0 within about 1 / sqrt(n).
    """
    x = samples.flatten(1).double()
    x = x - x.mean(0)
    return ((x[:-1] * x[1:]).sum() / x.square().sum()).item()
