"""A table as the algorithms want it: complete rows, a kind for each column, nothing that would break a test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Columns", "ColumnKind", "embed", "read_columns"]

ColumnKind = Literal["continuous", "discrete"]
LEVELS = 50
"""Most levels of a discrete column; more are an identifier or a text."""
FEW = 10
"""Whole numbers with at most this many values might be codes."""
TOLERANCE = 1e-8


@dataclass(frozen=True)
class Columns:
    """Complete rows of the chosen columns.

    Args:
        names: The columns.
        kinds: "continuous" or "discrete", by position.
        values: `(rows, columns)` float64; a discrete column holds codes 0, 1, ...
        groups: `(rows,)` codes of the groups that are resampled together, or None.
        dropped: Rows left out because a value was missing.
        warnings: What the reader should know about the table.
    """

    names: tuple[str, ...]
    kinds: tuple[ColumnKind, ...]
    values: np.ndarray
    groups: np.ndarray | None = None
    dropped: int = 0
    warnings: tuple[str, ...] = ()

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
    kinds: Mapping[str, ColumnKind] | None = None,
    graph: CausalGraph | None = None,
    group: str | int | Sequence | None = None,
) -> Columns:
    """Check a table and encode it.

    A column is discrete when `kinds`, or the variable in `graph`, says so; otherwise when it holds labels, truth values or
    only two numbers. Everything else is continuous.

    Args:
        table: One row per unit.
        columns: The columns to use, all but `group` when left out.
        kinds: "continuous" or "discrete" by column, over what is seen in the table.
        graph: A graph whose variables declare kinds.
        group: A column, or one value per row, that says which rows share a source, such as a patient.

    Raises:
        UnknownNameError: A column or a kind does not exist.
        DataError: Fewer than two columns, a constant or infinite column, one that the others determine, a discrete one with
            too many levels, or too few complete rows.
    """
    table = _check_table(table)
    chosen, groups = _choose(table, columns, group)
    overrides = _read_kinds({str(name): kind for name, kind in (kinds or {}).items()}, chosen)
    part = table[list(chosen)]
    complete = part.notna().all(axis=1).to_numpy() & (True if groups is None else groups.notna().to_numpy())
    part, dropped = part[complete], int((~complete).sum())
    if len(part) < len(chosen) + 5:
        lost = f" ({dropped} rows lack a value)" if dropped else ""
        raise DataError(
            f"Expected at least {len(chosen) + 5} complete rows for {len(chosen)} columns; got {len(part)}{lost}."
        )
    decided = [overrides.get(name) or _kind(part[name], name, graph) for name in chosen]
    encoded = [_encode(part[name], name, kind) for name, kind in zip(chosen, decided)]
    values = np.column_stack(encoded)
    _refuse_determined(chosen, decided, values)
    return Columns(
        chosen,
        tuple(decided),
        values,
        None if groups is None else _codes(groups[complete]),
        dropped,
        tuple(_warnings(part, chosen, decided, overrides, graph, dropped)),
    )


def _check_table(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise DataError(f"Expected a table as a pandas DataFrame; got {type(table).__name__}.")
    table = table.set_axis([str(name) for name in table.columns], axis=1)
    if table.columns.has_duplicates:
        raise DataError(f"Expected every column once; got '{table.columns[table.columns.duplicated()][0]}' twice.")
    return table


def _choose(
    table: "pd.DataFrame", columns: str | int | Iterable[str | int] | None, group: str | int | Sequence | None
) -> "tuple[tuple[str, ...], pd.Series | None]":
    import pandas as pd

    known = list(table.columns)
    named = [str(group)] if isinstance(group, str | int) else []
    if columns is None:
        wanted = [name for name in known if name not in named]
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


def _read_kinds(kinds: Mapping[str, ColumnKind], columns: Sequence[str]) -> dict[str, ColumnKind]:
    for name, kind in kinds.items():
        if name not in columns:
            raise UnknownNameError(
                f"Expected kinds for the columns {', '.join(columns)}; got '{name}'." + nearest(name, columns)
            )
        if kind not in ("continuous", "discrete"):
            raise DataError(f"Expected '{name}' to be continuous or discrete; got {kind!r}.")
    return dict(kinds)


def _kind(column: "pd.Series", name: str, graph: CausalGraph | None) -> ColumnKind:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    declared = graph[name].kind if graph is not None and name in graph else None
    if declared is not None:
        return "continuous" if declared == "continuous" else "discrete"
    if is_bool_dtype(column) or not is_numeric_dtype(column):
        return "discrete"
    return "discrete" if column.nunique() == 2 else "continuous"


def _encode(column: "pd.Series", name: str, kind: ColumnKind) -> np.ndarray:
    if column.nunique() < 2:
        raise DataError(f"Expected columns that vary; '{name}' is always {column.iloc[0]}. Leave it out.")
    if kind == "discrete":
        codes = _codes(column)
        if codes.max() >= LEVELS:
            raise DataError(
                f"Expected at most {LEVELS} levels in a discrete column; '{name}' has {int(codes.max()) + 1}. "
                "Group them, leave it out, or call it continuous."
            )
        return codes.astype(float)
    try:
        values = column.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"Expected numbers in the continuous column '{name}'; got {column.iloc[0]!r}.") from None
    if not np.isfinite(values).all():
        raise DataError(f"Expected finite numbers in '{name}'; got {int((~np.isfinite(values)).sum())} infinite ones.")
    return values


def _codes(column: "pd.Series") -> np.ndarray:
    return np.unique(column.astype(str).to_numpy(dtype=str), return_inverse=True)[1]


def _refuse_determined(names: Sequence[str], kinds: Sequence[ColumnKind], values: np.ndarray) -> None:
    """No test can tell a column from what determines it."""
    for i, j in combinations([k for k, kind in enumerate(kinds) if kind == "discrete"], 2):
        pairs = len(np.unique(values[:, [i, j]], axis=0))
        if pairs == values[:, i].max() + 1 == values[:, j].max() + 1:
            raise DataError(f"Expected columns that differ; '{names[j]}' says the same as '{names[i]}'. Leave one out.")
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
    """Continuous columns as they are, discrete ones as an indicator of each level but the first.

    Returns:
        The embedding, `(rows, width)`, and the position of the column that each of its columns stands for.

    >>> embed(("discrete", "continuous"), np.array([[0, 1.5], [1, 2.5], [2, 3.5]]))[1]
    array([0, 0, 1])
    """
    blocks = [
        values[:, [k]] if kind == "continuous" else (values[:, [k]] == np.unique(values[:, k])[1:]).astype(float)
        for k, kind in enumerate(kinds)
    ]
    return np.hstack(blocks), np.repeat(np.arange(len(kinds)), [block.shape[1] for block in blocks])


def _warnings(
    part: "pd.DataFrame",
    names: Sequence[str],
    kinds: Sequence[ColumnKind],
    overrides: Mapping[str, ColumnKind],
    graph: CausalGraph | None,
    dropped: int,
) -> Iterable[str]:
    rows = len(part)
    if dropped > 0.05 * (rows + dropped):
        yield (
            f"{dropped:,} of {rows + dropped:,} rows lack a value and were dropped; the result holds for complete rows, which "
            "may differ from the others."
        )
    for name, kind in zip(names, kinds):
        told = name in overrides or (graph is not None and name in graph and graph[name].kind is not None)
        if kind == "continuous" and not told and part[name].nunique() <= FEW and (part[name] % 1 == 0).all():
            yield (
                f"'{name}' holds {part[name].nunique()} whole numbers and is taken as continuous; say it is discrete if these "
                "are codes."
            )
    levels = sorted((part[name].nunique() for name, kind in zip(names, kinds) if kind == "discrete"), reverse=True)[:3]
    if len(levels) == 3 and rows < 5 * np.prod(levels):
        yield (
            f"{rows:,} rows in {int(np.prod(levels)):,} cells of three columns: tests that condition on a discrete column have "
            "little power, and miss edges."
        )
    if rows < 10 * len(names):
        yield f"Only {rows} rows for {len(names)} columns: expect missing edges and unstable directions."
