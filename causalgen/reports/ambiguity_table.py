"""How far counterfactuals survive other couplings of the noise: a sentence for the first screen, and the table."""

from collections.abc import Sequence

import numpy as np

from ..scm import Ambiguity
from ..scm.ambiguity_result import rho_text
from .folder import Group, Row, Table
from .style import number

__all__ = ["ambiguity_answer", "ambiguity_table"]

HEADER = [
    "Claim",
    "Mean of the model",
    "Mean over all couplings",
    "Width of a unit's band",
    "Holds for units down to rho",
    "Holds for the mean down to rho",
]


def ambiguity_answer(ambiguities: Sequence[Ambiguity]) -> str:
    """Say in one sentence down to which correlation the claims under the first intervention hold."""
    first = ambiguities[0]
    summary = first.summary()
    units = ", ".join(f"{_tipping(row.holds_down_to)} ({name})" for name, row in summary.iterrows())
    means = summary["holds_down_to_average"].dropna()
    averaged = ""
    if len(means):
        kept = "for all of them" if means.max() <= 0 else f"down to {_tipping(means.max())}"
        averaged = f"; claims about the mean hold {kept}"
    return (
        "Models in which the noises of the two worlds are only correlated fit the data just as well. Among these, under "
        f"{first.title}, claims about single units hold for {first.level:.0%} of them down to a correlation of "
        f"{units}{averaged}."
    )


def ambiguity_table(ambiguities: Sequence[Ambiguity], file: str = "") -> Table:
    """One row for each claim under each intervention."""
    groups = []
    for ambiguity in ambiguities:
        rows = [
            Row(
                [
                    f"{name} {row.statement}",
                    number(row.value),
                    f"{number(row.low)} to {number(row.high)}",
                    number(row.width),
                    _tipping(row.holds_down_to),
                    _tipping(row.holds_down_to_average),
                ]
            )
            for name, row in ambiguity.summary().iterrows()
        ]
        groups.append(Group(rows, ambiguity.title))
    return Table("Claims about test units in models that fit all data equally well", HEADER, groups, file)


def _tipping(rho: float) -> str:
    """Format a tipping point as a table cell."""
    if np.isnan(rho):
        return "–"
    return rho_text(rho) if 0 < rho < 1 else f"{rho:g}"
