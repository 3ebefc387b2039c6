"""Further questions about an effect: in groups, in each row, along doses, and with columns known by proxy."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from ..errors import DataWarning
from ..graph import CausalGraph
from .columns import Column, estimate_with_proxies
from .dose_response import dose_response
from .heterogeneity import effects_by_group, effects_by_unit
from .report import EffectReport

__all__ = ["FurtherAnswers", "FurtherQuestions", "unit_summary"]

TITLES = {"by": "Effects by", "doses": "Mean outcome by dose", "units": "Effects by unit"}


@dataclass(frozen=True)
class FurtherQuestions:
    """What to estimate next to an average effect.

    Args:
        by: Attributes that form groups, each with the values at which it is cut; none for labels or quartiles.
        doses: Values of a continuous treatment, or "auto" for a grid; None for no dose-response curve.
        units: Whether to estimate the effect in each row.
        proxies: Columns that are known by proxy.
    """

    by: Mapping[str, Sequence[float]] = field(default_factory=dict)
    doses: Literal["auto"] | Sequence[float] | None = None
    units: bool = False
    proxies: Sequence[Column] = ()

    def answer(
        self, graph: CausalGraph, table: pd.DataFrame, report: EffectReport, *, all_rows: pd.DataFrame | None = None
    ) -> "FurtherAnswers":
        """Answer them for the effect of a report, with its adjustment set, weights, clusters, level and seed.

        Args:
            graph: The graph of the report.
            table: The table of the report.
            report: The average effect.
            all_rows: The table for the proxies where `table` lacks rows without assigned values.

        Raises:
            DataError, NotIdentifiableError, UnknownNameError, SupportError: As the functions that answer them.
        """
        words: dict[str, Any] = {"treatment": report.treatment, "outcome": report.outcome}
        words |= {"weights": report.weights, "cluster": report.cluster, "level": report.level, "seed": report.seed}
        words |= {"adjustment": report.estimand.adjustment} if report.estimand.method == "backdoor" else {}
        contrasted: dict[str, Any] = words | {"contrast": report.contrast}
        groups, curve, units, proxies = [], None, None, None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # every answer holds them
            for name, cuts in self.by.items():
                groups.append(effects_by_group(graph, table, by=name, bins=list(cuts) or 4, **contrasted))
            if self.doses is not None:
                grid = None if isinstance(self.doses, str) else self.doses
                curve = dose_response(graph, table, values=grid, **words)
            if self.units:
                units = effects_by_unit(graph, table, **contrasted)
            if self.proxies:
                rows = table if all_rows is None else all_rows
                proxies = estimate_with_proxies(graph, rows, columns=self.proxies, **contrasted)
        return FurtherAnswers(self, tuple(groups), curve, units, proxies)


@dataclass(frozen=True, eq=False)
class FurtherAnswers:
    """Answers to further questions.

    Attributes:
        questions: The questions.
        groups: Effects by group, one table for each attribute.
        curve: The dose-response curve.
        units: The effect in each row.
        proxies: The effect with columns known by proxy, uncorrected and corrected.
    """

    questions: FurtherQuestions
    groups: tuple[pd.DataFrame, ...] = ()
    curve: pd.DataFrame | None = None
    units: pd.DataFrame | None = None
    proxies: EffectReport | None = None

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table by name."""
        tables = {f"by {frame.attrs['by']}": frame for frame in self.groups}
        tables |= {} if self.curve is None else {"doses": self.curve}
        return tables if self.units is None else tables | {"units": self.units}

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form: every table as rows with its notes, and the report with proxies."""
        found: dict[str, Any] = {
            name: {"rows": json.loads(frame.reset_index(names="row").to_json(orient="records"))} | frame.attrs
            for name, frame in self.frames.items()
        }
        return found if self.proxies is None else found | {"proxies": self.proxies.to_dict()}

    def __str__(self) -> str:
        blocks = []
        for name, frame in self.frames.items():
            shown = (
                unit_summary(frame)
                if frame is self.units
                else frame.to_string(index=False, float_format="{:.4g}".format)
            )
            same = f"; all groups have the same effect: p = {frame.attrs['p_value']:.2g}" if "by" in frame.attrs else ""
            blocks.append(f"{TITLES[name.partition(' ')[0]]} {name.partition(' ')[2]}".rstrip() + f"{same}\n{shown}")
            blocks += [f"  warning: {text}" for text in frame.attrs["warnings"]]
        if self.proxies is not None:
            lines = (*self.proxies.estimates, *self.proxies.warnings)
            blocks.append("\n  ".join(["With measured and predicted columns", *map(str, lines)]))
        return "\n".join(blocks)


def unit_summary(units: pd.DataFrame) -> str:
    """Spread of the effects of rows, and how many intervals exclude 0, as text."""
    low, middle, high = units["effect"].quantile([0.05, 0.5, 0.95])
    apart = int(((units["low"] > 0) | (units["high"] < 0)).sum())
    return (
        f"the effect is {middle:.3g} in the median row, and {low:.3g} to {high:.3g} in nine rows of ten; the intervals of "
        f"{apart:,} of {len(units):,} rows exclude 0."
    )
