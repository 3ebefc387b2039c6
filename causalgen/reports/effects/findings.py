"""One effect with everything that speaks for and against it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...graph import CausalGraph

if TYPE_CHECKING:
    import pandas as pd

    from ...effects import Agreement, EffectReport
    from ...effects.doubt import Doubt

__all__ = ["EffectFindings"]


@dataclass(frozen=True, eq=False)
class EffectFindings:
    """One effect, and what puts it in doubt.

    Args:
        report: The estimates.
        doubt: What `causalgen.effects.doubt.examine` found.
        agreement: Whether data, fitted model and generated images agree.
        graph: The assumed graph; drawn where the report stands alone.
        table: The rows on which the report rests; the notebook needs them.
        arguments: Further arguments of `estimate_effect`, such as `simulations`; the notebook repeats them.
        page: Its report of its own, relative to the report of the study; empty without.
    """

    report: "EffectReport"
    doubt: "Doubt | None" = None
    agreement: "Agreement | None" = None
    graph: CausalGraph | None = None
    table: "pd.DataFrame | None" = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    page: str = ""
