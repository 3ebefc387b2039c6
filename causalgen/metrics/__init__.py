"""Metrics of counterfactual images, each beside its controls and its floor, with intervals over groups of units."""

from .axioms import composition, reversibility
from .bootstrap import Interval, bootstrap
from .case import Answer, Case, ask
from .controls import untrained_control
from .effectiveness import Measure, effectiveness
from .evaluate import evaluate
from .images import l1, ssim, to_bytes
from .kept import classifier_accuracy, kept
from .leak import noise_leak, predictability
from .queries import Query, donors, draw_query
from .result import MetricResult, MetricTable
from .strokes import stroke_measures
from .truth import attribute_error_to_truth, image_error_to_truth
from .units import Units

__all__ = [
    "Answer",
    "Case",
    "Interval",
    "Measure",
    "MetricResult",
    "MetricTable",
    "Query",
    "Units",
    "ask",
    "attribute_error_to_truth",
    "bootstrap",
    "classifier_accuracy",
    "composition",
    "donors",
    "draw_query",
    "effectiveness",
    "evaluate",
    "image_error_to_truth",
    "kept",
    "l1",
    "noise_leak",
    "predictability",
    "reversibility",
    "ssim",
    "stroke_measures",
    "to_bytes",
    "untrained_control",
]
