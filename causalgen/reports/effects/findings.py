"""One effect with all its checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from ...effects.agreement_result import SOURCES
from ...effects.concerns import Check, concerns_of, headline, ranked
from ...graph import CausalGraph

if TYPE_CHECKING:
    import pandas as pd

    from ...effects import Agreement, EffectReport
    from ...effects.diagnostics import Diagnostics
    from ...effects.further import FurtherAnswers

__all__ = ["EffectFindings", "FoundParts"]


class FoundParts(TypedDict, total=False):
    """What a separate report shows next to the estimates; `EffectFindings` explains each field."""

    doubt: "Diagnostics | None"
    agreement: "Agreement | None"
    graph: CausalGraph | None
    table: "pd.DataFrame | None"
    arguments: Mapping[str, Any] | None
    further: "FurtherAnswers | None"


@dataclass(frozen=True, eq=False)
class EffectFindings:
    """One effect and its checks.

    Args:
        report: The estimates.
        doubt: What `causalgen.effects.diagnostics.examine` found.
        agreement: Whether data, fitted model and generated images agree.
        graph: The assumed graph; drawn in a separate report.
        table: The rows behind the report; the notebook needs them.
        arguments: Further arguments of `estimate_effect`, such as `simulations`; the notebook repeats them.
        further: Answers to further questions: by group, dose and unit, and with proxies.
        page: Its separate report, relative to the report of the study; empty without one.
    """

    report: "EffectReport"
    doubt: "Diagnostics | None" = None
    agreement: "Agreement | None" = None
    graph: CausalGraph | None = None
    table: "pd.DataFrame | None" = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    further: "FurtherAnswers | None" = None
    page: str = ""

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return all checks, ranked: those of the report, of `examine`, and of the agreement with model and images."""
        examined = () if self.doubt is None else self.doubt.examined
        return tuple(ranked((*self.report.checks, *examined, *self._compared())))

    @property
    def headline(self) -> str:
        """Say how many checks raise a concern, and which."""
        return headline(self.checks, "" if self.doubt is None else self.doubt.fragile)

    @property
    def concerns(self) -> tuple[str, ...]:
        """Return the concerns in full."""
        return concerns_of(self.checks)

    def _compared(self) -> list[Check]:
        """Return a check per compared pair: one with the table concerns the estimate, others only the comparison."""
        data = SOURCES[0]
        pairs = () if self.agreement is None else self.agreement.pairs
        return [
            Check(
                f"{pair.first} and {pair.second} differ",
                f"Sources differ by more than the margin. {pair}" if pair.verdict == "differ" else "",
                "estimate" if data in (pair.first, pair.second) else "comparison",
                "methods",
            )
            for pair in pairs
            if pair.verdict != "undecided"
        ]
