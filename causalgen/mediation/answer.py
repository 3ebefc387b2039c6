"""The answer to a nested question, from a table or from a fitted model: numbers, intervals and assumptions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from ..errors import UnknownNameError, nearest
from ..graph import NestedEstimand, NestedQuestion
from ..graph.nested_estimand import ESTIMANDS
from ..graph.notation import spell_number, spell_value

__all__ = ["NestedAnswer", "NestedEffect", "title"]


@dataclass(frozen=True)
class NestedEffect:
    """One effect or one probability, averaged over the units.

    Attributes:
        name: Such as "natural direct", or "PN".
        value: The value in the outcome's unit; None if the data only bound it.
        low: Lower end of the interval; without a value, of an interval that covers both bounds.
        high: Upper end.
        definition: The counterfactuals that are compared, or the meaning of the probability.
        bounds: Lowest and highest value over all couplings of the worlds; None for an effect, which has a value.
        monotone: The value if the treatment never prevents the outcome; below 0 it contradicts that.
        monotone_interval: Interval of `monotone`; None from a model.
    """

    name: str
    value: float | None
    low: float
    high: float
    definition: str
    bounds: tuple[float, float] | None = None
    monotone: float | None = None
    monotone_interval: tuple[float, float] | None = None

    def covers(self, value: float) -> bool:
        """Whether the interval contains `value`."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        interval = f"[{spell_number(self.low)}, {spell_number(self.high)}]"
        if self.bounds is None:
            assert self.value is not None
            return f"{self.name}: {spell_number(self.value)} {interval}, {self.definition}"
        least, most = self.bounds
        if self.value is not None:
            value, bounds = spell_number(self.value), f"[{spell_number(least)}, {spell_number(most)}]"
            return f"{self.name}: {value} {interval} by the model's coupling; for any {bounds}"
        assert self.monotone is not None
        under = f"; under monotonicity {spell_number(self.monotone)}"
        if self.monotone_interval is not None:
            under += " [{}, {}]".format(*map(spell_number, self.monotone_interval))
        return f"{self.name}: between {spell_number(least)} and {spell_number(most)} {interval}{under}"


@dataclass(frozen=True, eq=False, repr=False)
class NestedAnswer:
    """Effects of do(treatment=b) against do(treatment=a) that compare nested counterfactuals.

    Attributes:
        question: The question.
        title: The question as text, with labels and units.
        source: "table" or "model".
        effects: One entry for each effect; also by name: `answer["natural direct"]`.
        outcome_unit: Unit of every number.
        estimand: How the graph identifies the effects from data; None if it does not, and only the model answers.
        identification: The formula, or why there is none.
        rows_used: Rows of the table, or units of the model, that the numbers average over.
        rows_dropped: Rows left out because a used column is missing.
        level: Level of the intervals.
        seed: Seed of all random numbers.
        note: How the numbers and their intervals were computed.
        warnings: What a reader must know before using the numbers.
        columns: The kind that each used column of a table was read as, as text.
        by_unit: Effects of each unit of a model (mean over particles), in the order of the factual table or of the draws.
        supported: Share of a model's units whose recomputed nodes all had parents inside the joint range of training.
    """

    question: NestedQuestion
    title: str
    source: Literal["table", "model"]
    effects: tuple[NestedEffect, ...]
    outcome_unit: str
    estimand: NestedEstimand | None
    identification: str
    rows_used: int
    rows_dropped: int
    level: float
    seed: int
    note: str
    warnings: tuple[str, ...] = ()
    columns: str = ""
    by_unit: pd.DataFrame | None = None
    supported: float = 1.0

    def __getitem__(self, name: str) -> NestedEffect:
        """The effect of that name.

        Raises:
            UnknownNameError: There is none.
        """
        known = {row.name: row for row in self.effects}
        if name not in known:
            raise UnknownNameError(f"Expected one of {', '.join(known)}; got {name!r}." + nearest(str(name), known))
        return known[name]

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions under which the numbers are the answer."""
        return self.estimand.assumptions if self.estimand is not None else ()

    def to_frame(self) -> pd.DataFrame:
        """One row for each effect: name, value, low, high, definition; bounds and monotone values where there are any."""
        rows = []
        for effect in self.effects:
            row: dict[str, Any] = asdict(effect)
            for key, ends in (("bound", row.pop("bounds")), ("monotone", row.pop("monotone_interval"))):
                row |= {} if ends is None else {f"{key}_low": ends[0], f"{key}_high": ends[1]}
            rows.append(row if effect.bounds is not None else {k: v for k, v in row.items() if k != "monotone"})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON-serialisable data."""
        return {
            "question": self.title,
            "estimand": self.question.estimand,
            "source": self.source,
            "outcome_unit": self.outcome_unit,
            "effects": [asdict(effect) for effect in self.effects],
            "identified": self.estimand is not None,
            "identification": self.identification,
            "assumptions": list(self.assumptions),
            "rows_used": self.rows_used,
            "rows_dropped": self.rows_dropped,
            "level": self.level,
            "seed": self.seed,
            "note": self.note,
            "warnings": list(self.warnings),
        }

    @property
    def reading(self) -> str:
        """The findings and their assumptions, as text."""
        found = "; ".join(map(str, self.effects))
        rests = f" It rests on: {' '.join(self.assumptions)}" if self.assumptions else ""
        return f"{self.title}: {found}. {self.identification} {self.note}{rests}"

    def __str__(self) -> str:
        dropped = f", {self.rows_dropped:,} dropped" if self.rows_dropped else ""
        lines = [
            *self.effects,
            *(f"warning: {text}" for text in self.warnings),
            f"{self.rows_used:,} {'rows' if self.source == 'table' else 'units'} used{dropped}. {self.note}",
        ]
        lines += [self.columns] if self.columns else []
        lines += [self.identification, *(["It rests on:"] if self.assumptions else [])]
        lines += [f"- {text}" for text in self.assumptions]
        return "\n".join([self.title, *(f"  {line}" for line in lines)])

    __repr__ = __str__


def title(question: NestedQuestion, contrast: Sequence[Any], unit: str) -> str:
    """The question as text, such as "Natural effects of pen on intensity, b: felt-tip against a: ballpoint"."""
    a, b = map(spell_value, contrast)
    outcome = f"{question.outcome}{f' [{unit}]' if unit else ''}"
    name = ESTIMANDS[question.estimand]
    return f"{name[0].upper()}{name[1:]} of {question.treatment} on {outcome}, b: {b} against a: {a}"
