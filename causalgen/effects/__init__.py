"""Effects of one attribute on another: identified, estimated, doubted, compared. DoWhy loads on the first estimate."""

from .comparisons import implied_effect, measured_effect
from .estimate import estimate_effect
from .report import EffectReport, Estimate, Refutation

__all__ = ["EffectReport", "Estimate", "Refutation", "estimate_effect", "implied_effect", "measured_effect"]
