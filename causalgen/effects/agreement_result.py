"""The result of comparing sources: pairs, verdicts, and what agreement cannot show."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..datasets.kinds import columns_line
from ..graph import Variable
from ..graph.notation import spell_estimate
from .report import Estimate

__all__ = ["SOURCES", "Agreement", "AgreementPair", "Verdict"]

SOURCES = ("estimate from data", "fitted model under do", "measured on generated images")
Verdict = Literal["agree within the margin", "differ", "undecided"]
VERDICTS = {
    "agree within the margin": "The sources agree within the margin",
    "differ": "The sources differ by more than the margin",
    "undecided": "Undecided: the intervals neither lie within nor beyond the margin",
}
CANNOT_SHOW = (
    "All sources share the graph and the rows: agreement tests whether the mechanisms have the right functional form "
    "and the images follow their attributes. It cannot show that a confounder is missing or that an arrow is wrong, "
    "because all sources would then be wrong together."
)


@dataclass(frozen=True)
class AgreementPair:
    """Difference between two sources, second minus first.

    Attributes:
        first: One source.
        second: The other.
        difference: Second minus first, in the outcome's unit.
        low: Lower end of its interval at the level of the agreement.
        high: Upper end.
        verdict: "agree within the margin" when both one-sided tests reject a difference beyond the margin, "differ"
            when the interval lies outside the margin, else "undecided".
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    verdict: Verdict

    def __str__(self) -> str:
        difference = spell_estimate(self.difference, self.low, self.high)
        return f"{self.second} minus {self.first}: {difference}, {self.verdict}"


@dataclass(frozen=True, eq=False, repr=False)
class Agreement:
    """One effect from several sources, and whether they agree.

    Attributes:
        treatment: Name of the treatment.
        outcome: Name of the outcome.
        contrast: (a, b).
        outcome_unit: Unit of every number.
        margin: Largest difference that does not matter, in the outcome's unit.
        margin_reason: Why the margin has this size.
        sources: The effect from each source, with its bootstrap interval.
        pairs: Every two sources compared.
        draws: Joint bootstrap distribution, one row per replicate, one column per source.
        level: Level of the intervals; each one-sided test of a margin has size 1 - level.
        iterations: L-BFGS iterations of every refit.
        cannot_show: What agreement cannot show, as text.
        lost: Replicates left out because a refit diverged or the images followed no line.
        variables: Every column of the estimate from data, with the kind that the fitted model gives it.
    """

    treatment: str
    outcome: str
    contrast: tuple[Any, Any]
    outcome_unit: str
    margin: float
    margin_reason: str
    sources: tuple[Estimate, ...]
    pairs: tuple[AgreementPair, ...]
    draws: pd.DataFrame
    level: float
    iterations: int
    cannot_show: str = CANNOT_SHOW
    lost: int = 0
    variables: tuple[Variable, ...] = ()

    @property
    def columns(self) -> str:
        """The type of every used column, in one line."""
        return columns_line(self.variables)

    @property
    def verdict(self) -> Verdict:
        """Agreement when every pair agrees within the margin, difference when one pair differs, else undecided."""
        verdicts = {pair.verdict for pair in self.pairs}
        order: tuple[Verdict, ...] = ("differ", "undecided", "agree within the margin")
        return next(verdict for verdict in order if verdict in verdicts)

    @property
    def monte_carlo_error(self) -> float:
        """Relative Monte Carlo error of each bootstrap standard deviation, and so of each interval's width."""
        return float(1 / np.sqrt(2 * (len(self.draws) - 1)))

    @property
    def reading(self) -> str:
        """The result as text."""
        unit = f" {self.outcome_unit}" if self.outcome_unit else ""
        lost = f" ({self.lost} more diverged and are left out, so intervals may be too narrow)" * bool(self.lost)
        return (
            f"{VERDICTS[self.verdict]} of {self.margin:.3g}{unit} ({self.margin_reason}). "
            + "; ".join(map(str, self.pairs))
            + f". {len(self.draws)} joint bootstrap replicates{lost}, attribute mechanisms refitted from the fitted weights by "
            f"{self.iterations} L-BFGS iterations, image mechanisms kept; widths are known to "
            f"{self.monte_carlo_error:.0%} (Monte Carlo), which the intervals take into account. {self.cannot_show}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per pair: first, second, difference, low, high, margin, verdict."""
        return pd.DataFrame([vars(pair) | {"margin": self.margin} for pair in self.pairs])

    def __repr__(self) -> str:
        return f"Agreement({self.verdict}; {'; '.join(map(str, self.sources))})\n  {self.columns}".rstrip()
