"""Short declarations of kinds, and a graph in which every column of a table has its kind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pandas as pd

from ..errors import DataError, GraphError, UnknownNameError, nearest
from ..graph import CausalGraph, Variable
from .hints import declare_remedy, maybe_missing, missing_remedy
from .kinds import Reading, ReadingFault, read_values
from .precision import out_of_reach

__all__ = ["KINDS", "KindsLike", "TypedColumn", "declare_kinds", "type_column", "type_columns", "with_variables"]

KINDS = ("continuous", "binary", "categorical", "ordinal")
KindsLike: TypeAlias = Mapping[str, str | Variable | Mapping[str, Any]]
"""By column: a kind, a Variable, or a mapping with kind, labels, support and unit."""
LONG = 60
"""Maximum number of characters of a cell that a message shows."""
FIELDS = ("kind", "labels", "support", "unit")


@dataclass(frozen=True)
class TypedColumn:
    """A column with its variable.

    Args:
        variable: The variable of the column.
        reading: Its values.
    """

    variable: Variable
    reading: Reading


def with_variables(graph: CausalGraph, variables: Iterable[Variable]) -> CausalGraph:
    """The same graph with some of its variables replaced, by name; others are ignored."""
    named = {variable.name: variable for variable in variables}
    return graph.with_parts(variables=[named.get(name, graph[name]) for name in graph.nodes])


def declare_kinds(graph: CausalGraph, table: pd.DataFrame, variables: KindsLike | None) -> CausalGraph:
    """The graph with the declarations of its variables; labels that are not listed are read from their columns.

    Args:
        graph: The graph.
        table: A column for every variable that is declared.
        variables: A kind such as "categorical", a Variable, or a mapping with kind, labels, support and unit, by node.

    Raises:
        UnknownNameError: A name is not a node of the graph.
        DataError: A kind is unknown, or its column cannot be read as that kind.

    >>> graph = CausalGraph("clinic -> pain")
    >>> table = pd.DataFrame({"clinic": range(100), "pain": range(100)})
    >>> declare_kinds(graph, table, {"clinic": "continuous"})["clinic"].kind
    'continuous'
    """
    if not variables:
        return graph
    if not isinstance(variables, Mapping):
        raise DataError(
            f"Expected variables as a mapping such as {{'clinic': 'categorical'}}; got {type(variables).__name__}."
        )
    return with_variables(graph, [_declared(graph, table, name, said) for name, said in variables.items()])


def type_columns(
    graph: CausalGraph, table: pd.DataFrame, names: Iterable[str]
) -> tuple[CausalGraph, dict[str, TypedColumn]]:
    """The graph with a kind for every named column, declared or decided, and the columns.

    Raises:
        DataError: A column cannot be read.
    """
    columns = {name: type_column(graph[name], table[name]) for name in dict.fromkeys(names)}
    return with_variables(graph, [column.variable for column in columns.values()]), columns


def type_column(variable: Variable, column: pd.Series) -> TypedColumn:
    """A column read as its variable declares, or by the typing rule if the variable has no kind.

    Raises:
        DataError: The column cannot be read.
    """
    reading = read_values(column.rename(variable.name), kind=variable.kind, labels=variable.labels)
    for fault in reading.faults:
        raise DataError(_message(variable, fault))
    if variable.kind is None:
        if reading.constant and reading.kind != "continuous":
            first = column[~reading.missing].tolist()[0] if len(column) else None
            raise DataError(
                f"Expected '{variable.name}' to vary; every row has {first!r}. A constant needs no node: leave it out."
            )
        missing = "" if reading.labels else maybe_missing(variable.name, reading.values[~reading.missing])
        reading = replace(reading, notes=(*reading.notes, missing)) if missing else reading
        variable = _variable(variable.name, reading, variable.support, variable.unit)
    varies = not variable.is_discrete and not reading.constant
    if varies and (reason := out_of_reach(reading.values[~reading.missing])) is not None:
        raise DataError(_message(variable, reason))
    return TypedColumn(variable, reading)


def _declared(graph: CausalGraph, table: pd.DataFrame, name: str, said: Any) -> Variable:
    if name not in graph:
        raise UnknownNameError(
            f"Expected variables of the graph ({', '.join(graph.nodes)}); got {name!r}." + nearest(str(name), graph)
        )
    if isinstance(said, Variable):
        if said.name != name:
            raise DataError(f"Expected the variable '{name}' under its own name; got '{said.name}'.")
        return said
    fields: dict[str, Any] = (
        {"kind": said} if isinstance(said, str) else dict(said) if isinstance(said, Mapping) else {"kind": said}
    )
    for key in fields:
        if key not in FIELDS:
            raise DataError(
                f"Expected declarations of '{name}' among {', '.join(FIELDS)}; got {key!r}." + nearest(str(key), FIELDS)
            )
    kind, labels = fields.get("kind"), fields.get("labels")
    if kind is not None and kind not in KINDS:
        raise DataError(
            f"Expected the kind of '{name}' among {', '.join(KINDS)}; got {kind!r}." + nearest(str(kind), KINDS)
        )
    support: Any = fields.get("support", graph[name].support)
    unit = fields.get("unit", graph[name].unit)
    if kind is None and labels is None:
        return Variable(name, support=support, unit=unit)
    if name not in table.columns:
        raise DataError(
            f"Expected a column for the declared variable '{name}'; got none." + nearest(name, map(str, table.columns))
        )
    reading = read_values(table[name].rename(name), kind=kind, labels=labels)
    for fault in reading.faults:
        raise DataError(_message(graph[name], fault))
    return _variable(name, reading, support, unit)


def _variable(name: str, reading: Reading, support: Any, unit: str | None) -> Variable:
    discrete = reading.kind != "continuous"
    try:
        kind: Any = reading.kind
        return Variable(
            name, kind, labels=reading.labels, support=None if discrete else support, unit=unit or reading.unit or None
        )
    except GraphError as error:
        raise DataError(str(error)) from None


def _words(fault: ReadingFault) -> list[str]:
    """The first cell of a fault, as a word that may mean a missing value."""
    return [fault.found.strip("'\"")[:LONG]]


def _message(variable: Variable, fault: ReadingFault) -> str:
    remedy = f" {fault.remedy[0].upper()}{fault.remedy[1:]}." if fault.remedy else ""
    if not fault.rows:
        return f"Expected {fault.expected} in column '{variable.name}'; got {fault.found}.{remedy}"
    cell = fault.found if len(fault.found) < LONG else fault.found[:LONG] + "..."
    more = f" and {len(fault.rows) - 1:,} more" if len(fault.rows) > 1 else ""
    if not remedy and variable.is_discrete:
        remedy = " Correct the cells, or declare the labels that occur."
    elif not remedy and fault.expected == "a finite number":
        remedy = " Correct the cells, or leave them empty (NaN) to leave out their rows."
    elif not remedy:
        remedy = (
            f" Leave missing values empty (NaN), or declare their words: {missing_remedy(_words(fault))}. Where the column "
            f"holds labels, declare it categorical: {declare_remedy(variable.name, 'categorical')}."
        )
    found = f"{cell} in row {fault.rows[0]}{more}"
    return f"Expected {fault.expected} in every row of column '{variable.name}'; got {found}.{remedy}"
