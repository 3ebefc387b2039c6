"""Effects of one attribute on another: identification, estimates, checks, comparison. DoWhy loads on the first estimate."""

from typing import TYPE_CHECKING

from ..moved import keep_old_names
from ..on_use import load_on_use
from .agreement import agreement
from .agreement_result import Agreement
from .columns import Column, estimate_with_proxies, with_proxies
from .comparisons import implied_effect, measured_effect, scored_effect
from .dose_response import dose_response
from .estimate import estimate_effect
from .heterogeneity import effects_by_group, effects_by_unit
from .label_outcome import label_outcome
from .measured_images import Images
from .missing.ways import MissingValues
from .power_result import PowerCurve
from .report import EffectReport, Estimate, Refutation
from .target_effect import transport_effect
from .transported_effect import TransportedEffect

if TYPE_CHECKING:
    from .power import ReadOutcome, power_curve
    from .shared_noise import SharedNoise

__all__ = [
    "Agreement",
    "Column",
    "EffectReport",
    "Estimate",
    "Images",
    "MissingValues",
    "PowerCurve",
    "ReadOutcome",
    "Refutation",
    "SharedNoise",
    "TransportedEffect",
    "agreement",
    "dose_response",
    "effects_by_group",
    "effects_by_unit",
    "estimate_effect",
    "estimate_with_proxies",
    "implied_effect",
    "label_outcome",
    "measured_effect",
    "power_curve",
    "scored_effect",
    "transport_effect",
    "with_proxies",
]

# Models need torch, which takes longer to load than many an effect of a table to estimate.
load_on_use(__name__, {"ReadOutcome": "power", "SharedNoise": "shared_noise", "power_curve": "power"})
keep_old_names(__name__)
