"""The power of a study by its number of units, as a table, and the number that reaches a target."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from ..graph.notation import spell_number

__all__ = ["Needed", "PowerCurve", "falls", "needed_size", "summarize_sizes"]

RESAMPLES = 1000
FALL = 0.01
"""Level of the test of whether the power falls with the size."""
LEVEL = 0.95
"""Level of the Monte Carlo intervals."""
CONDITION = (
    "These numbers hold if the fitted model is right: its graph, its mechanisms, and the effect that it has learned. "
    "An effect half as large needs about four times as many units."
)


@dataclass(frozen=True)
class Needed:
    """The smallest number of units above which the power stays at the target, interpolated between simulated sizes.

    Attributes:
        n: The number; -inf where all sizes reach the target, inf where the largest one does not.
        low: Lower end of its Monte Carlo interval, likewise.
        high: Upper end, likewise.
    """

    n: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, repr=False)
class PowerCurve:
    """How often a study of n units finds an effect, by simulation from a fitted model.

    Attributes:
        question: The effect, as text.
        unit: What n counts, as text.
        method: The estimator, or the one that the report of a first table recommends.
        effect: The effect of the model under do.
        effect_error: Its Monte Carlo error.
        level: Level of the simulated intervals.
        target: The power that `needed` refers to.
        tables: Number of simulated tables.
        frame: One row per size: n; rows, their mean number; power, the share of intervals that exclude 0; width, the
            mean of finite ones; coverage, the share of intervals with the effect of the model; each with its 95 % Monte
            Carlo interval as `_low` and `_high`; refused, the number of tables from which nothing could be estimated.
            They count as intervals that contain 0, and are left out of width and coverage.
        needed: The number of units that reaches the target.
        notes: What a reader must know, in sentences.
    """

    question: str
    unit: str
    method: str
    effect: float
    effect_error: float
    level: float
    target: float
    tables: int
    frame: pd.DataFrame
    needed: Needed
    notes: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The number of units that reaches the target, as one sentence."""
        sizes = self.frame["n"]
        goal, least, most = f"{100 * self.target:.4g}% power", f"{sizes.min():,}", f"{sizes.max():,}"
        ends = [f"below {least}" if self.needed.low == -math.inf else f"{self.needed.low:,.0f}"]
        ends.append(f"above {most}" if self.needed.high == math.inf else f"{self.needed.high:,.0f}")
        span = f"95 % Monte Carlo interval {ends[0]} to {ends[1]}"
        if math.isfinite(self.needed.n):
            return f"{goal} at about {self.needed.n:,.0f} {self.unit} ({span})."
        if self.needed.n < 0:
            return f"{goal} at {least} {self.unit} or fewer. Simulate smaller sizes to find where it begins."
        return f"{goal} is not reached with {most} {self.unit}. Simulate larger sizes, or look at the effect."

    def __str__(self) -> str:
        rows = [self.question, f"  {self.answer}"]
        rows.append(f"  {self.method}, {100 * self.level:.4g}% intervals, {self.tables} simulated tables of each size")
        rows.append(
            f"  effect of the model under do: {spell_number(self.effect)} (Monte Carlo error {self.effect_error:.2g})"
        )
        widths = self.frame["width"].to_numpy(dtype=float)
        for row, width in zip(self.frame.itertuples(), widths, strict=True):
            text = f"  {row.n:,} {self.unit}: power {row.power:.2f} [{row.power_low:.2f}, {row.power_high:.2f}]"
            text += f", mean width {spell_number(width)}, coverage {row.coverage:.2f}"
            rows.append(text + f" [{row.coverage_low:.2f}, {row.coverage_high:.2f}]")
        return "\n".join([*rows, *(f"  {note}" for note in self.notes)])

    __repr__ = __str__


def summarize_sizes(
    sizes: NDArray[np.int64], rows: NDArray[np.float64], ends: NDArray[np.float64], effect: float
) -> pd.DataFrame:
    """The frame of a curve.

    Args:
        sizes: `(sizes,)`.
        rows: Number of rows of each table, `(tables, sizes)`.
        ends: Interval of each table, `(tables, sizes, 2)`; NaN where nothing could be estimated.
        effect: The effect of the model.
    """
    found = []
    for place, size in enumerate(sizes):
        low, high = ends[~np.isnan(ends[:, place, 0]), place].T
        excluded, covered = int(((low > 0) | (high < 0)).sum()), int(((low <= effect) & (effect <= high)).sum())
        entry = {"n": int(size), "rows": rows[:, place].mean()}
        entry |= _share("power", excluded, len(ends)) | _width(high - low) | _share("coverage", covered, len(low))
        found.append(entry | {"refused": len(ends) - len(low)})
    return pd.DataFrame(found)


def needed_size(sizes: NDArray[np.int64], found: NDArray[np.bool_], target: float, seed: int) -> Needed:
    """The size at which the share of tables that find the effect reaches the target, with its interval.

    The power is interpolated on the scale on which that of a normal test is a straight line: the normal quantile of the
    power over the square root of n. The interval resamples whole tables. Where no table finds the effect at the size below, or
    every one at the size above, their quantile has no bound, and the interval reaches to the other size.

    Args:
        sizes: `(sizes,)`, rising.
        found: Whether each table finds the effect, `(tables, sizes)`.
        target: The power.
        seed: Seed of the resamples.
    """
    at = _crossing(sizes, found.mean(0), target, len(found))
    draws = np.random.default_rng(seed).integers(0, len(found), (RESAMPLES, len(found)))
    again = np.sort([_crossing(sizes, found[drawn].mean(0), target, len(found)) for drawn in draws])
    low, high = (float(again[round(tail * (RESAMPLES - 1))]) for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    if math.isfinite(at):
        rising = _rising(found.mean(0))
        after = int(np.argmax(rising >= target))
        low = min(low, float(sizes[after - 1])) if rising[after] == 1 else low
        high = max(high, float(sizes[after])) if rising[after - 1] == 0 else high
    return Needed(at, low, high)


def _rising(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lowest power at each size and all larger ones, `(sizes,)`."""
    return np.minimum.accumulate(power[::-1])[::-1]


def _crossing(sizes: NDArray[np.int64], power: NDArray[np.float64], target: float, tables: int) -> float:
    """The size above which the power stays at the target; -inf at or below the smallest size, inf above the largest."""
    rising = _rising(power)
    reached = np.flatnonzero(rising >= target)
    if not len(reached):
        return math.inf
    if (after := int(reached[0])) == 0:
        return -math.inf
    edge = 0.5 / (tables + 1)
    start, end, goal = norm.ppf(np.clip([rising[after - 1], rising[after], target], edge, 1 - edge))
    roots = np.sqrt(sizes[[after - 1, after]])
    share = 1.0 if end <= start else min(1.0, (goal - start) / (end - start))
    return float((roots[0] + share * (roots[1] - roots[0])) ** 2)


def falls(found: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Positions of two sizes, the smaller one first, between which the power falls; None without such a fall.

    Args:
        found: As in `needed_size`. The same tables at both sizes are compared by McNemar's exact test, at 1 % over all pairs.
    """
    places = range(found.shape[1])
    pairs = [(i, j) for i in places for j in places if i < j]
    for i, j in sorted(pairs, key=lambda pair: found[:, pair[1]].mean() - found[:, pair[0]].mean()):
        lost, won = int((found[:, i] & ~found[:, j]).sum()), int((found[:, j] & ~found[:, i]).sum())
        if lost > won and binomtest(lost, lost + won, alternative="greater").pvalue < FALL / len(pairs):
            return i, j
    return None


def _share(name: str, count: int, total: int) -> dict[str, float]:
    if not total:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), math.nan)
    ends = binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return {name: count / total, f"{name}_low": float(ends.low), f"{name}_high": float(ends.high)}


def _width(widths: NDArray[np.float64]) -> dict[str, float]:
    """Mean width of the finite intervals, with a normal interval of the mean."""
    finite = widths[np.isfinite(widths)]
    if not len(finite):
        return dict.fromkeys(("width", "width_low", "width_high"), math.nan)
    mean = float(finite.mean())
    error = float(finite.std(ddof=1) / np.sqrt(len(finite))) if len(finite) > 1 else math.nan
    reach = float(norm.ppf((1 + LEVEL) / 2)) * error
    return {"width": mean, "width_low": mean - reach, "width_high": mean + reach}
