"""Effects of one attribute on another: identification, estimates, checks, comparison. DoWhy loads on the first estimate."""

from .agreement import Images, agreement
from .agreement_result import Agreement
from .columns import Column, estimate_with_proxies, with_proxies
from .comparisons import implied_effect, measured_effect, scored_effect
from .dose_response import dose_response
from .estimate import estimate_effect
from .heterogeneity import effects_by_group, effects_by_unit
from .nested import (
    bound_probabilities_of_causation,
    estimate_controlled_direct_effect,
    estimate_effect_on_treated,
    estimate_natural_effects,
    estimate_path_specific_effect,
)
from .nested_report import CausationReport, NestedReport
from .report import EffectReport, Estimate, Refutation

__all__ = [
    "Agreement",
    "CausationReport",
    "Column",
    "EffectReport",
    "Estimate",
    "Images",
    "NestedReport",
    "Refutation",
    "agreement",
    "bound_probabilities_of_causation",
    "dose_response",
    "effects_by_group",
    "effects_by_unit",
    "estimate_controlled_direct_effect",
    "estimate_effect",
    "estimate_effect_on_treated",
    "estimate_natural_effects",
    "estimate_path_specific_effect",
    "estimate_with_proxies",
    "implied_effect",
    "measured_effect",
    "scored_effect",
    "with_proxies",
]
