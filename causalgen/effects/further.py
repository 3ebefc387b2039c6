"""Further questions about an effect: in groups, in each row, along doses, with proxies, and in another population."""

import json
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import pandas as pd

from ..errors import CausalgenError, DataError, DataWarning
from ..graph import CausalGraph
from ..graph.notation import spell_number
from .adjusted import adjusted
from .columns import Column, estimate_with_proxies
from .dose_response import dose_response
from .heterogeneity import effects_by_group, effects_by_unit
from .question import EffectQuestion
from .report import EffectReport
from .target_effect import transport_effect
from .transported_effect import TransportedEffect

__all__ = ["FurtherAnswers", "FurtherQuestions", "unit_summary"]

TITLES = {"by": "Effects by", "doses": "Mean outcome by dose", "units": "Effects by unit"}


@dataclass(frozen=True)
class FurtherQuestions:
    """What to estimate in addition to an average effect.

    Args:
        by: Attributes that form groups, each with the values at which it is cut; empty for labels or quartiles.
        doses: Values of a continuous treatment, or "auto" for a grid; None for no dose-response curve.
        units: Whether to estimate the effect in each row.
        proxies: Columns that are observed through a proxy.
        target: Table of another population to transport the effect to; None for none.
    """

    by: Mapping[str, Sequence[float]] = field(default_factory=dict)
    doses: Literal["auto"] | Sequence[float] | None = None
    units: bool = False
    proxies: Sequence[Column] = ()
    target: pd.DataFrame | None = None

    def __bool__(self) -> bool:
        return bool(self.by or self.doses is not None or self.units or self.proxies or self.target is not None)

    def answer(
        self,
        graph: CausalGraph,
        question: EffectQuestion,
        *,
        level: float = 0.95,
        seed: int = 0,
        rows: pd.DataFrame | None = None,
        notes: list[str] | None = None,
    ) -> "FurtherAnswers":
        """Answer them for the effect of a question, with its adjustment set, weights and clusters.

        Args:
            graph: The graph of the question, images included.
            question: The question.
            level: Level of the intervals.
            seed: Seed of all random numbers.
            rows: The table for the proxies where that of the question lacks rows without assigned values.
            notes: Receives the messages of questions that the table cannot answer; None to raise them.

        Raises:
            DataError, NotIdentifiableError, UnknownNameError, SupportError: As the functions that answer them.
        """
        if question.survival is not None:
            graph = question.graph  # its outcome is the complete one
            if self.proxies:
                raise DataError(
                    f"Expected no columns known by proxy with the censored outcome '{question.outcome}'; got some. Omit them."
                )
        table, adjustment = question.table, list(adjusted(question.estimand).adjustment)
        used: dict[str, Any] = {"adjustment": adjustment, "weights": question.weights, "cluster": question.cluster}
        used |= {} if question.missing == "drop" else {"missing": question.missing}
        words: dict[str, Any] = {"treatment": question.treatment, "outcome": question.outcome, **used}
        words |= {"level": level, "seed": seed, "survival": question.survival}
        contrasted: dict[str, Any] = words | {"contrast": question.contrast}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # every answer holds them
            ask = partial(_ask, notes)
            groups = [
                ask(effects_by_group, graph, table, by=name, bins=list(cuts) or 4, **contrasted)
                for name, cuts in self.by.items()
            ]
            grid = None if isinstance(self.doses, str) else self.doses
            curve = None if self.doses is None else ask(dose_response, graph, table, values=grid, **words)
            units = ask(effects_by_unit, graph, table, **contrasted) if self.units else None
            given = table if rows is None else rows
            proxies = None
            if self.proxies:
                proxies = ask(estimate_with_proxies, graph, given, columns=self.proxies, **contrasted)
            transported = None
            if self.target is not None:  # add the carriers to the user's set, not to the one found without them
                own = contrasted | {"adjustment": question.adjustment}
                transported = ask(transport_effect, graph, table, self.target, **own)
        groups = [frame for frame in groups if frame is not None]
        if question.survival is not None:
            used |= {"event": question.survival.event, "horizon": question.survival.horizon}
        return FurtherAnswers(self, used, tuple(groups), curve, units, proxies, transported)


@dataclass(frozen=True, eq=False)
class FurtherAnswers:
    """Answers to further questions.

    Attributes:
        questions: The questions.
        words: Adjustment set, weights, clusters and the way with missing values that they share.
        groups: Effects by group, one table for each attribute.
        curve: The dose-response curve.
        units: The effect in each row.
        proxies: The effect with columns known by proxy, uncorrected and corrected.
        transported: The effect in the target.
    """

    questions: FurtherQuestions
    words: Mapping[str, Any]
    groups: tuple[pd.DataFrame, ...] = ()
    curve: pd.DataFrame | None = None
    units: pd.DataFrame | None = None
    proxies: EffectReport | None = None
    transported: TransportedEffect | None = None

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table by name."""
        tables = {f"by {frame.attrs['by']}": frame for frame in self.groups}
        tables |= {} if self.curve is None else {"doses": self.curve}
        return tables if self.units is None else tables | {"units": self.units}

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form: every table as rows with its notes, the report with proxies, the target."""
        found: dict[str, Any] = {
            name: {"rows": json.loads(frame.reset_index(names="row").to_json(orient="records"))} | frame.attrs
            for name, frame in self.frames.items()
        }
        parts = {"proxies": self.proxies, "target": self.transported}
        return found | {name: part.to_dict() for name, part in parts.items() if part is not None}

    def describe(self, known: Collection[str] = ()) -> str:
        """The answers as text, without the warnings that the report already shows."""
        blocks = []
        for name, frame in self.frames.items():
            shown = (
                unit_summary(frame) if frame is self.units else frame.to_string(index=False, float_format=spell_number)
            )
            title = f"{TITLES[name.partition(' ')[0]]} {name.partition(' ')[2]}".rstrip()
            if "by" in frame.attrs:
                p_value = f"{frame.attrs['p_value']:.2g}"
                title += f", over all rows of each group; all groups have the same effect: p = {p_value}"
            blocks.append(f"{title}\n{shown}")
            blocks += [f"  warning: {text}" for text in frame.attrs["warnings"] if text not in known]
        if self.proxies is not None:
            lines = (*self.proxies.estimates, *self.proxies.warnings)
            blocks.append("\n  ".join(["With measured and predicted columns", *map(str, lines)]))
        if self.transported is not None:
            blocks.append(self.transported.describe(known))
        return "\n".join(blocks)

    def __str__(self) -> str:
        return self.describe()


def _ask(notes: list[str] | None, function: Callable[..., Any], *arguments: Any, **words: Any) -> Any:
    """The answer of a function; if it raises and notes are collected, None, with the message as a note."""
    try:
        return function(*arguments, **words)
    except (CausalgenError, ImportError) as error:
        if notes is None:
            raise
        notes.append(f"Not answered: {error}")
        return None


def unit_summary(units: pd.DataFrame) -> str:
    """Spread of the effects of rows, and how many intervals exclude 0, as text."""
    low, middle, high = units["effect"].quantile([0.05, 0.5, 0.95])
    apart = int(((units["low"] > 0) | (units["high"] < 0)).sum())
    return (
        f"the effect is {middle:.3g} in the median row, and {low:.3g} to {high:.3g} in nine out of ten rows; the "
        "intervals of "
        f"{apart:,} of {len(units):,} rows exclude 0."
    )
