"""The target of a transported effect: the columns that transport it, read like those of the table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.declared import type_column
from ..errors import DataError, nearest
from ..graph import TransportFormula, Variable
from ..graph.notation import spell_number
from .question import EffectQuestion
from .single import cluster_numbers, sampling_weights
from .table import EncodedTable, numeric

__all__ = ["TargetTable", "outside_warnings", "read_target"]

LEAST_ROWS = 10


@dataclass(frozen=True, eq=False)
class TargetTable:
    """The target as numbers, without its incomplete rows.

    Attributes:
        data: The columns that transport the effect, in natural units or as codes of the table's labels.
        here: The same columns of the table, `(rows, numeric columns)`.
        numbers: The columns of the target, `(target rows, numeric columns)`.
        weights: Sampling weights of the target, of mean 1.
        clusters: Number of the cluster of each row of the target; None if there is none.
        warnings: What a reader must know about the target.
    """

    data: pd.DataFrame
    here: NDArray[np.float64]
    numbers: NDArray[np.float64]
    weights: NDArray[np.float64]
    clusters: NDArray[np.int64] | None
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of its rows."""
        return len(self.data)


def read_target(
    target: pd.DataFrame, table: EncodedTable, formula: TransportFormula, needed: Sequence[str], asked: EffectQuestion
) -> TargetTable:
    """Read the needed columns of the target.

    Args:
        target: The target.
        table: The table, encoded; its columns decide the kinds.
        formula: The transport formula.
        needed: The columns.
        asked: The question; the target may also have its columns of weights and clusters.

    Raises:
        DataError: A column is missing or of another kind, a label does not occur in the table, or too few rows are complete.
    """
    variables = {variable.name: variable for variable in table.variables}
    for name in needed:
        if name not in target.columns:
            raise DataError(
                f"Expected a column '{name}' in the target, since the continuous treatment '{formula.treatment}' is adjusted "
                f"for it in the table; got none. Add it to the target." + nearest(name, map(str, target.columns))
            )
    extra = [name for name in (asked.weights, asked.cluster) if name is not None and name in target.columns]
    used = list(needed)
    for name in [*used, *extra]:
        if int((target.columns == name).sum()) > 1:
            raise DataError(
                f"Expected distinct column names in the target; got '{name}' more than once. Rename or drop one of them."
            )
    _check_rows(target[[*used, *extra]].notna().all(axis=1), [*used, *extra])
    data = pd.DataFrame({name: _column(variables[name], target[name], table) for name in used}, index=target.index)
    complete = (data.notna().all(axis=1) & target[extra].notna().all(axis=1)).to_numpy(dtype=bool)
    _check_rows(complete, [*used, *extra])
    data, kept = data[complete], target[complete]
    here = table.data[used]
    both = pd.concat([here.astype(float), data], ignore_index=True)
    for name in used:
        if here[name].dtype == "category":
            both[name] = both[name].astype(int).astype("category")
    numbers = numeric(both)
    weights, clusters = np.ones(len(kept)), None
    with _in_the_target():
        if asked.weights in extra:
            weights = sampling_weights(kept[asked.weights], LEAST_ROWS).to_numpy()
        if asked.cluster in extra:
            clusters = cluster_numbers(kept[asked.cluster])
    warnings = _dropped(len(target) - len(kept), len(target))
    if needed:
        warnings += _not_in_target(asked, extra)
    return TargetTable(data, numbers[: len(here)], numbers[len(here) :], weights, clusters, warnings)


@contextmanager
def _in_the_target(more: str = "") -> Iterator[None]:
    """State that a fault is in the target."""
    try:
        yield
    except DataError as error:
        raise DataError(f"In the target: {error}{more}") from None


def _not_in_target(asked: EffectQuestion, extra: Sequence[str]) -> tuple[str, ...]:
    """Warnings of weights and clusters that the target lacks."""
    found = []
    if asked.weights is not None and asked.weights not in extra:
        found.append(
            f"The target has no column '{asked.weights}' of sampling weights, so all of its rows have equal weight. "
            "Add the column, unless the target is a random sample of its population."
        )
    if asked.cluster is not None and asked.cluster not in extra:
        found.append(
            f"The target has no column '{asked.cluster}' of clusters, so its rows count as independent. Add the column, unless "
            "they are."
        )
    return tuple(found)


def _check_rows(complete: "pd.Series | NDArray[np.bool_]", names: Sequence[str]) -> None:
    if (count := int(complete.sum())) < LEAST_ROWS:
        what = f" with {', '.join(names)}" if names else ""
        raise DataError(
            f"Expected at least {LEAST_ROWS} rows{what} in the target; got {count} of {len(complete)}. Give a table "
            "of the units for which to estimate the effect."
        )


def _column(variable: Variable, column: pd.Series, table: EncodedTable) -> NDArray[np.float64]:
    """A column of the target as numbers, with labels coded as in the table; NaN where it is missing."""
    more = " Rows whose label the table lacks have no counterpart in it." if variable.is_discrete else ""
    with _in_the_target(f" The column is {variable.kind} in the table.{more}"):
        values = type_column(variable, column.reset_index(drop=True)).reading.values
    if variable.is_discrete:
        unseen = np.setdiff1d(values[~np.isnan(values)], table.data[variable.name].astype(float))
        if len(unseen):
            label = variable.decode(int(unseen[0]))
            count = int((values == unseen[0]).sum())
            raise DataError(
                f"Expected labels of '{variable.name}' in the target that occur in the table; got {label!r} in {count:,} rows. "
                "The table has no information on the effect there: leave these rows out, or merge the label with "
                "another one."
            )
    return values


def outside_warnings(table: EncodedTable, target: TargetTable) -> tuple[str, ...]:
    """How many rows of the target lie outside the range of the table, and in which columns."""
    found, any_outside = [], np.zeros(target.rows, dtype=bool)
    for name in target.data:
        if name in table.labels:
            continue
        low, high = float(table.data[name].min()), float(table.data[name].max())
        outside = ((target.data[name] < low) | (target.data[name] > high)).to_numpy()
        any_outside |= outside
        if outside.any():
            found.append(f"{name} ({outside.sum():,}; the table has {spell_number(low)} to {spell_number(high)})")
    if not found:
        return ()
    count = int(any_outside.sum())
    return (
        f"Outside the table: {count:,} of {target.rows:,} rows of the target ({count / target.rows:.0%}) lie outside its range "
        f"in {', '.join(found)}. There the effect is an extrapolation of the fitted regression.",
    )


def _dropped(count: int, rows: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (
        f"{count:,} of {rows:,} rows of the target were dropped ({count / rows:.0%}) because a used column is missing; unless "
        "they are missing at random, the effect is that of its complete rows.",
    )
