"""Metrics of counterfactual images, each with controls, a floor, and intervals over groups of units."""

from .axioms import composition, reversibility
from .bootstrap import Interval, bootstrap
from .calibration import calibration
from .case import Answer, Case, ask
from .cohort import Cohort, Readers
from .collapse import collapsed, mode_collapse
from .controls import untrained_control
from .effectiveness import effectiveness
from .evaluate import evaluate
from .gradient import gradient_defect
from .image_change import ImageChange, image_changes
from .images import as_stored, bits_of, l1, ssim, to_bytes
from .kept import classifier_accuracy, kept
from .leak import noise_leak, predictability
from .membership import membership_advantage
from .memorisation import Memorisation, memorisation
from .minimality import minimality
from .predicted import predicted_effectiveness
from .protocol import AS_FITTED, CAUSALGEN, PROTOCOLS, PUBLISHED, Protocol, protocol_named, with_residual
from .queries import Query, donors, draw_from_other_bin, draw_query
from .realism import frechet_distance, kernel_distance, realism
from .result import MetricResult, MetricTable
from .samples import draw_samples, sample_quality
from .spaces import Measure, Space, feature_space, fit_latents, kept_latents, latent_space
from .strokes import stroke_measures
from .surface_verdicts import SurfaceVerdict
from .transferred import transfer_report
from .truth import attribute_error_to_truth, image_error_to_truth
from .units import Units

__all__ = [
    "AS_FITTED",
    "CAUSALGEN",
    "PROTOCOLS",
    "PUBLISHED",
    "Answer",
    "Case",
    "Cohort",
    "ImageChange",
    "Interval",
    "Measure",
    "Memorisation",
    "MetricResult",
    "MetricTable",
    "Protocol",
    "Query",
    "Readers",
    "Space",
    "SurfaceVerdict",
    "Units",
    "as_stored",
    "ask",
    "attribute_error_to_truth",
    "bits_of",
    "bootstrap",
    "calibration",
    "classifier_accuracy",
    "collapsed",
    "composition",
    "donors",
    "draw_from_other_bin",
    "draw_query",
    "draw_samples",
    "effectiveness",
    "evaluate",
    "feature_space",
    "fit_latents",
    "frechet_distance",
    "image_changes",
    "image_error_to_truth",
    "kept",
    "kept_latents",
    "kernel_distance",
    "l1",
    "latent_space",
    "membership_advantage",
    "memorisation",
    "minimality",
    "mode_collapse",
    "gradient_defect",
    "noise_leak",
    "predictability",
    "predicted_effectiveness",
    "protocol_named",
    "realism",
    "reversibility",
    "sample_quality",
    "ssim",
    "stroke_measures",
    "to_bytes",
    "transfer_report",
    "untrained_control",
    "with_residual",
]
