"""What is measured of a generator, and the arrays that its figures need: one class a kind of evaluation.

Each is called as `evaluation(gan, data, streams, final)` and has a `monitor`, the scalar by which the best update is
chosen, and its `mode`, max or min.
"""

from ganrepro.evaluation.base import Evaluated
from ganrepro.evaluation.density import DensityEvaluation
from ganrepro.evaluation.diversity import DiversityEvaluation
from ganrepro.evaluation.gradients import GradientEvaluation
from ganrepro.evaluation.likelihood import LikelihoodEvaluation

__all__ = ["DensityEvaluation", "DiversityEvaluation", "Evaluated", "GradientEvaluation", "LikelihoodEvaluation"]
