"""What is measured of a generator, and the arrays that its figures need: one class a kind of evaluation.

Each is called as `evaluation(gan, data, streams, final)` and has a `monitor`, the scalar by which the best update is
chosen, and its `mode`, max or min; with `at_start = True` the untrained networks are evaluated too.
"""

from ganrepro.evaluation.base import Evaluated
from ganrepro.evaluation.class_diversity import ClassDiversityEvaluation
from ganrepro.evaluation.conditional import ConditionalEvaluation
from ganrepro.evaluation.density import DensityEvaluation
from ganrepro.evaluation.diversity import DiversityEvaluation
from ganrepro.evaluation.features import FeatureEvaluation
from ganrepro.evaluation.fidelity import FidelityEvaluation
from ganrepro.evaluation.gradients import GradientEvaluation
from ganrepro.evaluation.inception import InceptionScoreEvaluation
from ganrepro.evaluation.likelihood import LikelihoodEvaluation
from ganrepro.evaluation.logits import LogitGradientEvaluation
from ganrepro.evaluation.noise import NoiseEvaluation
from ganrepro.evaluation.one_nn import OneNNEvaluation
from ganrepro.evaluation.probed import ProbedEvaluation
from ganrepro.evaluation.ring import RingEvaluation

__all__ = [
    "ClassDiversityEvaluation",
    "ConditionalEvaluation",
    "DensityEvaluation",
    "DiversityEvaluation",
    "Evaluated",
    "FeatureEvaluation",
    "FidelityEvaluation",
    "GradientEvaluation",
    "InceptionScoreEvaluation",
    "LikelihoodEvaluation",
    "LogitGradientEvaluation",
    "NoiseEvaluation",
    "OneNNEvaluation",
    "ProbedEvaluation",
    "RingEvaluation",
]
