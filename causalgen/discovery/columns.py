"""A table prepared for the algorithms: complete rows, a kind for each column, nothing that would break a test."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..datasets.declared import type_column
from ..datasets.kinds import read_values
from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph, Variable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnKind", "SearchedColumns", "embed", "read_columns"]

ColumnKind = Literal["continuous", "discrete"]
LEVELS = 50
"""Maximum number of levels of a discrete column; a column with more is an identifier or text."""
KINDS = ("continuous", "discrete", "binary", "categorical", "ordinal")
TOLERANCE = 1e-8


@dataclass(frozen=True)
class SearchedColumns:
    """Complete rows of the chosen columns.

    Args:
        names: The columns.
        kinds: "continuous" or "discrete", by position.
        values: `(rows, columns)` float64; a discrete column holds codes 0, 1, ...
        groups: `(rows,)` codes of the groups that are resampled together, or None.
        dropped: Rows left out because a value was missing.
        warnings: Remarks on the table for the reader.
        variables: The variable that each column was read as.
    """

    names: tuple[str, ...]
    kinds: tuple[ColumnKind, ...]
    values: np.ndarray
    groups: np.ndarray | None = None
    dropped: int = 0
    warnings: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def mixed(self) -> bool:
        """Whether there are continuous and discrete columns."""
        return len(set(self.kinds)) == 2

    def of_kind(self, kind: ColumnKind) -> tuple[str, ...]:
        """The columns of one kind."""
        return tuple(name for name, own in zip(self.names, self.kinds) if own == kind)


def read_columns(
    table: "pd.DataFrame",
    *,
    columns: str | int | Iterable[str | int] | None = None,
    kinds: Mapping[str, str] | None = None,
    graph: CausalGraph | None = None,
    group: str | int | Sequence | None = None,
) -> SearchedColumns:
    """Check a table and encode it.

    A column is discrete when `kinds`, or the variable in `graph`, declares it so, otherwise when the rule of
    `causalgen.datasets.kinds` reads labels: words, truth values, two numbers or a few whole ones.

    Args:
        table: One row per unit.
        columns: The columns to use; when left out, all but `group`, and without undeclared columns of row names, of
            dates or of one value, which a warning names.
        kinds: "continuous" or "discrete" (also "binary", "categorical" or "ordinal") by column, overriding the table.
        graph: A graph whose variables declare kinds.
        group: A column, or one value per row, that identifies rows from one source, such as a patient.

    Raises:
        UnknownNameError: A column or a kind does not exist.
        DataError: Fewer than two columns, a constant or infinite column, one that the others determine, a discrete one with
            too many levels, or too few complete rows.
    """
    table = _check_table(table)
    given = {str(name): kind for name, kind in (kinds or {}).items()}
    useless = {} if columns is not None else _useless(table, {*given, *(graph.nodes if graph else ())}, group)
    chosen, groups = _choose(table, columns, group, useless)
    overrides = _read_kinds(given, chosen)
    typed = {name: type_column(_variable(table[name], name, overrides, graph), table[name]) for name in chosen}
    missing = np.any([column.reading.missing for column in typed.values()], axis=0)
    complete = ~missing & (True if groups is None else groups.notna().to_numpy(dtype=bool))
    dropped = int((~complete).sum())
    if complete.sum() < len(chosen) + 5:
        lost = f" ({dropped} rows lack a value)" if dropped else ""
        raise DataError(
            f"Expected at least {len(chosen) + 5} complete rows for {len(chosen)} columns; got {complete.sum()}{lost}."
        )
    variables = tuple(column.variable for column in typed.values())
    decided: list[ColumnKind] = ["discrete" if variable.is_discrete else "continuous" for variable in variables]
    values = np.column_stack(
        [_encode(column.reading.values[complete], variable) for variable, column in zip(variables, typed.values())]
    )
    _refuse_determined(chosen, decided, values)
    notes = [note for column in typed.values() for note in column.reading.notes]
    return SearchedColumns(
        chosen,
        tuple(decided),
        values,
        None if groups is None else _codes(groups[complete]),
        dropped,
        (*_left_out(useless), *notes, *_warnings(values, decided, dropped)),
        variables,
    )


def _check_table(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"Expected a table as a pandas DataFrame; got {type(table).__name__}. Convert it with pd.DataFrame(table), or "
            "with table.to_pandas() from Polars or Arrow."
        )
    table = table.set_axis([str(name) for name in table.columns], axis=1)
    if table.columns.has_duplicates:
        raise DataError(f"Expected every column once; got '{table.columns[table.columns.duplicated()][0]}' twice.")
    return table


def _choose(
    table: "pd.DataFrame",
    columns: str | int | Iterable[str | int] | None,
    group: str | int | Sequence | None,
    useless: Collection[str],
) -> "tuple[tuple[str, ...], pd.Series | None]":
    import pandas as pd

    known = list(table.columns)
    named = [str(group)] if isinstance(group, str | int) else []
    if columns is None:
        wanted = [name for name in known if name not in named and name not in useless]
    else:
        wanted = list(dict.fromkeys(map(str, [columns] if isinstance(columns, str | int) else columns)))
    for name in (*wanted, *named):
        if name not in known:
            raise UnknownNameError(
                f"Expected a column among {', '.join(known)}; got {name!r}." + nearest(str(name), known)
            )
    if named and named[0] in wanted:
        raise DataError(f"Expected a group that is not searched itself; got '{named[0]}' among the columns too.")
    if len(wanted) < 2:
        raise DataError(f"Expected at least two columns; got {', '.join(wanted) or 'none'}.")
    if group is None:
        return tuple(wanted), None
    groups = table[str(group)] if isinstance(group, str | int) else pd.Series(list(group))
    if len(groups) != len(table):
        raise DataError(f"Expected one group per row, {len(table)}; got {len(groups)}.")
    return tuple(wanted), groups


def _useless(table: "pd.DataFrame", declared: Collection[str], group: str | int | Sequence | None) -> dict[str, str]:
    """What is in the undeclared columns of row names, of dates or of one value, by name."""
    found = {}
    for name in table.columns:
        if name in declared or (isinstance(group, str | int) and name == str(group)):
            continue
        reading = read_values(table[name])
        whole = [fault.found for fault in reading.faults if not fault.rows]
        if whole:
            found[name] = whole[0].partition(", as in")[0]
        elif reading.constant and not reading.faults:
            found[name] = "one value"
    return found


def _left_out(useless: Mapping[str, str]) -> list[str]:
    if not useless:
        return []
    shown = "; ".join(f"{name} ({contents})" for name, contents in useless.items())
    return [f"Left out of the search: {shown}. Declare the kind of a column to search it."]


def _read_kinds(kinds: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    for name, kind in kinds.items():
        if name not in columns:
            raise UnknownNameError(
                f"Expected kinds for the columns {', '.join(columns)}; got '{name}'." + nearest(name, columns)
            )
        if kind not in KINDS:
            raise DataError(
                f"Expected '{name}' to be continuous or discrete (binary, categorical, ordinal); got {kind!r}."
                + nearest(str(kind), KINDS)
            )
    return dict(kinds)


def _variable(column: "pd.Series", name: str, overrides: Mapping[str, str], graph: CausalGraph | None) -> Variable:
    """The declared variable; without a kind if nothing is declared."""
    known = graph[name] if graph is not None and name in graph else Variable(name)
    if name not in overrides:
        return known
    kind = "categorical" if overrides[name] == "discrete" else overrides[name]
    if kind == "continuous":
        return Variable(name, "continuous", unit=known.unit)
    reading = read_values(column.rename(name), kind=kind)
    if reading.labels is None or len(reading.labels) < 2:
        return Variable(name)  # the fault is reported when the column is read
    return Variable(name, "binary" if len(reading.labels) == 2 else kind, labels=reading.labels)  # type: ignore[arg-type]


def _encode(values: np.ndarray, variable: Variable) -> np.ndarray:
    """Complete values, codes without gaps."""
    different, codes = np.unique(values, return_inverse=True)
    if len(different) < 2:
        shown = variable.decode(int(values[0])) if variable.is_discrete else values[0]
        raise DataError(f"Expected columns that vary; '{variable.name}' is always {shown}. Leave it out.")
    if not variable.is_discrete:
        return values
    if len(different) > LEVELS:
        raise DataError(
            f"Expected at most {LEVELS} levels in a discrete column; '{variable.name}' has {len(different)}. "
            "Group them, leave it out, or declare it continuous."
        )
    return codes.astype(float)


def _codes(column: "pd.Series") -> np.ndarray:
    return np.unique(column.astype(str).to_numpy(dtype=str), return_inverse=True)[1]


def _refuse_determined(names: Sequence[str], kinds: Sequence[ColumnKind], values: np.ndarray) -> None:
    """Refuse columns that others determine: no test can separate them."""
    for i, j in combinations([k for k, kind in enumerate(kinds) if kind == "discrete"], 2):
        pairs = len(np.unique(values[:, [i, j]], axis=0))
        if pairs == values[:, i].max() + 1 == values[:, j].max() + 1:
            raise DataError(f"Expected columns that differ; '{names[j]}' repeats '{names[i]}'. Leave one out.")
    if "continuous" in kinds:
        _refuse_collinear(names, *embed(kinds, values))


def _refuse_collinear(names: Sequence[str], embedded: np.ndarray, owner: np.ndarray) -> None:
    scaled = embedded - embedded.mean(axis=0)
    triangle = np.linalg.qr(scaled / np.linalg.norm(scaled, axis=0)).R
    for position in range(len(owner)):
        if abs(triangle[position, position]) < TOLERANCE:
            weights = np.linalg.lstsq(triangle[:position, :position], triangle[:position, position], rcond=None)[0]
            used = [owner[k] for k in np.flatnonzero(np.abs(weights) > TOLERANCE**0.5)]
            others = dict.fromkeys(names[k] for k in used if k != owner[position])
            raise DataError(
                f"Expected columns none of which is a linear function of others; '{names[owner[position]]}' is one of "
                f"{', '.join(others)}. Leave one of them out."
            )


def embed(kinds: Sequence[ColumnKind], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Continuous columns unchanged, and an indicator of each level but the first for discrete ones.

    Returns:
        The embedding, `(rows, width)`, and the position of the original column of each of its columns.

    >>> embed(("discrete", "continuous"), np.array([[0, 1.5], [1, 2.5], [2, 3.5]]))[1]
    array([0, 0, 1])
    """
    blocks = [
        values[:, [k]] if kind == "continuous" else (values[:, [k]] == np.unique(values[:, k])[1:]).astype(float)
        for k, kind in enumerate(kinds)
    ]
    return np.hstack(blocks), np.repeat(np.arange(len(kinds)), [block.shape[1] for block in blocks])


def _warnings(values: np.ndarray, kinds: Sequence[ColumnKind], dropped: int) -> Iterable[str]:
    rows, width = values.shape
    if dropped > 0.05 * (rows + dropped):
        yield (
            f"{dropped:,} of {rows + dropped:,} rows lack a value and were dropped; the result applies to complete rows, which "
            "may differ from the others."
        )
    discrete = [values[:, place] for place, kind in enumerate(kinds) if kind == "discrete"]
    levels = sorted((int(column.max()) + 1 for column in discrete), reverse=True)[:3]
    if len(levels) == 3 and rows < 5 * np.prod(levels):
        yield (
            f"{rows:,} rows in {int(np.prod(levels)):,} cells of three columns: tests that condition on a discrete column have "
            "little power, and miss edges."
        )
    if rows < 10 * width:
        yield f"Only {rows} rows for {width} columns: expect missing edges and unstable directions."
