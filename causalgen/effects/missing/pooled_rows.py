"""Rows of a report pooled over completed tables: an estimate, and its numbers on other scales."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from ..report import Estimate
from ..scales import NUMBER, Scale, number_needed_to_treat
from .pool import Pooled, pool

__all__ = ["PoolingRule"]

IDENTITY = (lambda number: number, lambda number: number)
LOGARITHM = (np.log, np.exp)
LOGIT = (logit, expit)


@dataclass(frozen=True)
class PoolingRule:
    """How rows of completed tables are pooled.

    Attributes:
        level: Level of the intervals.
        units: Independent units of the table: clusters, or rows.
        clustered: Whether the rows' intervals are Student's, with units - 1 degrees of freedom.
        label: What a case is, for a number needed to treat.
    """

    level: float
    units: int
    clustered: bool = False
    label: str = "case"

    @property
    def reach(self) -> float:
        """Half the width of a row's interval, in standard errors."""
        return float(student.ppf(0.5 + self.level / 2, self.units - 1 if self.clustered else np.inf))

    def numbers(
        self, values: Sequence[float], lows: Sequence[float | None], highs: Sequence[float | None]
    ) -> Pooled | None:
        """Pool numbers with their intervals; None if one of them has no interval."""
        widths = [high - low for low, high in zip(lows, highs, strict=True) if low is not None and high is not None]
        if len(widths) < len(values):
            return None
        return pool(values, [width / (2 * self.reach) for width in widths], self.units - 1)

    def estimates(self, rows: Sequence[Estimate]) -> tuple[Estimate, Pooled | None]:
        """Pool the estimates of all tables; the result has no interval if one of them has none."""
        first, value = rows[0], float(np.mean([row.value for row in rows]))
        found = self.numbers([row.value for row in rows], [row.low for row in rows], [row.high for row in rows])
        low, high = (None, None) if found is None else found.interval(self.level)
        note = f"{first.note} Pooled over {len(rows)} completed tables (Rubin's rules)."
        cautions = [row.caution for row in rows if row.caution]
        pooled = replace(first, value=value, low=low, high=high, note=note, caution=cautions[0] if cautions else "")
        return replace(pooled, scales=self._scales(pooled, [row.scales for row in rows])), found

    def _scales(self, pooled: Estimate, tables: Sequence[Sequence[Scale]]) -> tuple[Scale, ...]:
        """The scales of the pooled estimate; risks are pooled as logits, ratios as logarithms."""
        named = [{one.name: one for one in scales} for scales in tables]
        found = []
        for name in dict.fromkeys(one.name for scales in tables for one in scales):
            ones = [table[name] for table in named if name in table]
            if name.endswith("difference"):
                found.append(Scale(name, pooled.value, pooled.low, pooled.high))
            elif name == NUMBER:
                found.append(number_needed_to_treat(pooled.value, pooled.low, pooled.high, self.label))
            elif len(ones) == len(tables) and all(one.value is not None for one in ones):
                found.append(self._scale(name, ones))
            elif any(one.value is not None for one in ones):
                lacking = len(tables) - len(ones)
                found.append(
                    Scale(name, None, note=f"none, since {lacking} of {len(tables)} completed tables have none")
                )
            else:
                found.append(ones[0])
        return tuple(found)

    def _scale(self, name: str, ones: Sequence[Scale]) -> Scale:
        to, back = LOGARITHM if name.endswith("ratio") else LOGIT if name.startswith("risk under") else IDENTITY
        numbers = np.array([[one.value, one.low, one.high] for one in ones], dtype=float)
        with np.errstate(all="ignore"):
            moved = to(numbers)
        if not np.isfinite(moved).all():
            to, back, moved = *IDENTITY, numbers
        pooled = self.numbers(*moved.T.tolist()) if np.isfinite(moved).all() else None
        if pooled is None:
            return Scale(name, float(back(moved[:, 0].mean())))
        low, high = back(np.array(pooled.interval(self.level)))
        return Scale(name, float(back(pooled.value)), float(low), float(high))
