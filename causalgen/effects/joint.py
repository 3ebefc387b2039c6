"""Several treatments at once: do(first=b1, second=b2) against do(first=a1, second=a2).

Discrete treatments become one categorical treatment, whose values are the cells of their product: every estimator of
categorical treatments applies, and each compared cell needs enough rows. Where a treatment is continuous, the
treatments become one column that moves from 0 to 1 along the contrast, and columns that the contrast does not move.
The map is linear and invertible, so linear adjustment equals that on the original treatments; g-computation sets the
columns that do not move to their value under the contrast.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from ..datasets.declared import type_columns
from ..errors import DataError
from ..graph.notation import spell_value
from .contrast import read_joint_contrast
from .question import EffectQuestion
from .single import LEAST_CLUSTERS_PER_ARM, LEAST_ROWS_PER_ARM, encode_single
from .table import CLUSTER, EncodedTable

__all__ = ["encode_joint"]

NEAR = 1.0  # standard deviations of every continuous treatment
LEAST_NEAR = 10


def encode_joint(question: EffectQuestion, used: Sequence[str]) -> EncodedTable:
    """Encode several treatments as one; the contrast holds a tuple for each side, in the order of the treatments.

    Raises:
        DataError: As `encode_single`, for each treatment; or a compared cell of discrete treatments has too few rows.
    """
    treatments, _ = question.treatments, question.extra_columns  # which refuses any of the treatments
    typed = type_columns(question.graph, question.table, treatments)[1]
    control, treated = read_joint_contrast([typed[name].variable for name in treatments], question.contrast)
    parts, shown = [], []
    for name, a, b in zip(treatments, control, treated, strict=True):
        others = [other for other in treatments if other != name]
        same = a == b
        compared = (a, _another(question.table, name, a)) if same else (a, b)
        part = encode_single(replace(question, treatment=name, contrast=compared), [*others, *used])
        end = part.control if same else part.treated
        shown.append((part.contrast[0], part.contrast[0 if same else 1]))
        labels = typed[name].variable.labels or ()
        parts.append(_Part(name, part.kind, part.data[name], part.control, end, labels))
    label = ", ".join(treatments)
    rest = part.data.drop(columns=list(treatments))
    sides = tuple(zip(*shown, strict=True))
    base = replace(
        part,
        data=rest,
        contrast=(", ".join(map(spell_value, sides[0])), ", ".join(map(spell_value, sides[1]))),
        sides=sides,
        names=(label, question.outcome),
        variables=tuple(sorted(part.variables, key=lambda one: [*treatments, question.outcome, *used].index(one.name))),
        labels={name: known for name, known in part.labels.items() if name not in treatments},
    )
    joined = _cells if all(one.kind != "continuous" for one in parts) else _direction
    return joined(base, parts, label)


class _Part(NamedTuple):
    """One treatment: its column, and its value under both sides of the contrast."""

    name: str
    kind: str
    column: pd.Series
    control: float
    treated: float
    labels: tuple[Hashable, ...] = ()


def _another(table: pd.DataFrame, name: str, value: Any) -> Any:
    """A value of a column other than `value`, for a treatment that the contrast holds fixed."""
    return next(
        (other for other in table[name].dropna().unique().tolist() if other != value and str(other) != str(value)),
        value,
    )


def _cells(base: EncodedTable, parts: list[_Part], label: str) -> EncodedTable:
    """The cells of discrete treatments as the codes of one categorical treatment."""
    columns = pd.DataFrame({one.name: one.column for one in parts})
    sides = [tuple(one.control for one in parts), tuple(one.treated for one in parts)]
    cells = [*sides, *sorted(set(columns.itertuples(index=False, name=None)) - set(sides))]
    codes = columns.apply(tuple, axis=1).map({cell: float(code) for code, cell in enumerate(cells)})
    data = pd.concat([codes.rename(label), base.data], axis=1)
    for code, shown in enumerate(base.contrast):
        rows = data[codes == code]
        if len(rows) < LEAST_ROWS_PER_ARM:
            raise DataError(
                f"Expected at least {LEAST_ROWS_PER_ARM} rows in each compared cell; {label} = {shown} has {len(rows)} "
                f"({len(cells)} cells, {len(data)} rows). Compare cells that occur, or collect more rows."
            )
        if CLUSTER in rows and rows[CLUSTER].nunique() < LEAST_CLUSTERS_PER_ARM:
            raise DataError(
                f"Expected at least {LEAST_CLUSTERS_PER_ARM} clusters in each compared cell; {label} = {shown} has "
                f"{rows[CLUSTER].nunique()}. Collect more clusters."
            )
    kind: Literal["binary", "categorical"] = "binary" if len(cells) == 2 else "categorical"
    return replace(base, data=data, kind=kind, control=0.0, treated=1.0)


def _direction(base: EncodedTable, parts: list[_Part], label: str) -> EncodedTable:
    """Treatments of which at least one is continuous: the direction of the contrast, and the columns it leaves."""
    columns = [column for one in parts for column in _numeric(one)]
    moving = [one for one in columns if one.control != one.treated]
    pivot = next((one for one in moving if one.kind == "continuous"), moving[0])
    along = (pivot.column - pivot.control) / (pivot.treated - pivot.control)
    left = {
        f"{one.name} (held)": one.column - (one.treated - one.control) * along for one in columns if one is not pivot
    }
    held = {f"{one.name} (held)": float(one.control) for one in columns if one is not pivot}
    data = pd.concat([along.rename(label), pd.DataFrame(left), base.data], axis=1)
    base = replace(base, data=data, kind="continuous", control=0.0, treated=1.0, held=held)
    return replace(base, notes=(*base.notes, *_far(columns, base.contrast, label)))


def _numeric(one: _Part) -> list[_Part]:
    """A treatment as numbers: indicators of the labels of a categorical one."""
    if one.kind != "categorical":
        return [one]
    return [
        _Part(
            f"{one.name}={spell_value(one.labels[int(code)])}",
            "indicator",
            (one.column == code).astype(float),
            float(one.control == code),
            float(one.treated == code),
        )
        for code in sorted(one.column.unique())[1:]
    ]


def _far(columns: list[_Part], contrast: tuple[Any, Any], label: str) -> list[str]:
    """Warnings if few rows lie near a side of the contrast."""
    found = []
    for side, shown in zip(("control", "treated"), contrast, strict=True):
        near = np.ones(len(columns[0].column), dtype=bool)
        for one in columns:
            reach = NEAR * one.column.std() if one.kind == "continuous" else 0.0
            near &= (one.column - getattr(one, side)).abs().to_numpy() <= reach
        if near.sum() < LEAST_NEAR:
            found.append(
                f"Few rows near the contrast: {near.sum()} lie within a standard deviation of {label} = {shown}; the "
                "estimate there is an extrapolation of the fitted model."
            )
    return found
