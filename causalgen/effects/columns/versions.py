"""Versions of one table: assigned values where they are known, proxies everywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from ...graph import CausalGraph, Estimand, Variable
from ..table import CLUSTER, EncodedTable, encode_table
from .declare import Column

__all__ = ["Versions", "versions"]

LEAST_LABELLED = 50
Encode = Callable[[CausalGraph, pd.DataFrame], EncodedTable]


@dataclass(frozen=True, eq=False)
class Versions:
    """The rows of a table that have every proxy and every other used column.

    Attributes:
        labelled: `(rows,)`, whether every column with a proxy has its assigned value.
        everywhere: All rows with the proxies in place of the columns that they stand for.
        proxied: The labelled rows of `everywhere`.
        assigned: The labelled rows with their assigned values.
        dropped: Rows left out because a used column is missing, or because a predictor was fitted on them.
    """

    labelled: NDArray[np.bool_]
    everywhere: EncodedTable
    proxied: EncodedTable
    assigned: EncodedTable
    dropped: int

    @property
    def groups(self) -> NDArray:
        """`(rows,)`, number of each row's cluster; without clusters every row is one."""
        data = self.everywhere.data
        return data[CLUSTER].to_numpy() if CLUSTER in data else np.arange(len(data))


def versions(
    graph: CausalGraph,
    table: pd.DataFrame,
    columns: Sequence[Column],
    estimand: Estimand,
    contrast: tuple[Any, Any],
    cluster: str | None,
) -> Versions:
    """Split a table into its versions.

    Args:
        graph: Attributes without the proxies.
        table: One row per unit.
        columns: The used columns that have a proxy.
        estimand: Determines which columns are used.
        contrast: (a, b).
        cluster: Column that names the cluster of each row.

    Raises:
        DataError: Too few rows are labelled, all are, a predictor was fitted on labelled rows, or a value does not fit.
    """
    treatment, outcome, adjustment = estimand.treatment, estimand.outcome, estimand.adjustment
    proxies = {column.name: str(column.proxy) for column in columns}
    needed = [proxies.get(name, name) for name in (treatment, outcome, *adjustment)]
    complete = table[table[needed].notna().all(axis=1)]
    known = complete[list(proxies)].notna().all(axis=1)
    fitted = np.zeros(len(complete), dtype=bool)
    for column in columns:
        seen = complete.index.isin([] if column.fitted_on is None else list(column.fitted_on))
        if (seen & known).any():
            raise DataError(
                f"Expected labelled rows on which the predictor of '{column.name}' was not fitted; it was fitted on "
                f"{(seen & known).sum()} of {known.sum()}. On these it looks better than it is: label other rows, or "
                "leave these out."
            )
        fitted |= seen
    complete, labelled = complete[~fitted], known[~fitted].to_numpy()
    if labelled.sum() < LEAST_LABELLED:
        raise DataError(
            f"Expected at least {LEAST_LABELLED} rows with assigned and proxy values of {', '.join(proxies)}; got "
            f"{labelled.sum()}. Label more rows."
        )
    if labelled.all():
        raise DataError(
            f"Expected rows where {', '.join(proxies)} is known by proxy only; every row is labelled. "
            "Ask estimate_effect, which needs no proxy."
        )
    proxied = complete.assign(
        **{name: _checked(graph[name], complete[proxy], outcome) for name, proxy in proxies.items()}
    )

    def encode(graph: CausalGraph, rows: pd.DataFrame) -> EncodedTable:
        return encode_table(graph, rows, treatment, outcome, adjustment, contrast, cluster=cluster)

    loose = _loosened(graph, outcome) if outcome in proxies else graph
    everywhere = encode(loose, proxied)
    if len(everywhere.data) != len(complete):
        raise DataError(
            f"Expected a cluster for every row; '{cluster}' is missing in some. Fill it in, or leave them out."
        )
    assigned = encode(graph, complete[labelled])
    return Versions(
        labelled=labelled,
        everywhere=replace(everywhere, outcome_unit=assigned.outcome_unit),
        proxied=encode(loose, proxied[labelled]),
        assigned=assigned,
        dropped=len(table) - len(complete),
    )


def _checked(variable: Variable, proxy: pd.Series, outcome: str) -> pd.Series:
    """A proxy in its variable's terms: labels, numbers, or for a binary outcome the second label's probability."""
    if not variable.is_discrete:
        return proxy
    assert variable.labels is not None
    labels = proxy.isin(variable.labels)
    if variable.name != outcome:
        if not labels.all():
            raise DataError(
                f"Expected labels of '{variable.name}' in its proxy '{proxy.name}'; got "
                f"{proxy[~labels].tolist()[0]!r}. Turn predicted probabilities into labels first."
            )
        return proxy
    if labels.all():
        return (proxy == variable.labels[1]).astype(float)
    numbers = pd.to_numeric(proxy, errors="coerce")
    if not numbers.between(0, 1).all():
        raise DataError(
            f"Expected labels of '{variable.name}' or probabilities of {variable.labels[1]!r} in its proxy "
            f"'{proxy.name}'; got {proxy[~numbers.between(0, 1)].tolist()[0]!r}."
        )
    return numbers


def _loosened(graph: CausalGraph, outcome: str) -> CausalGraph:
    """The graph with an unbounded outcome: a reading may leave the range of what it reads."""
    number = Variable(outcome, "continuous", unit=graph[outcome].unit)
    variables = [number if v.name == outcome else v for v in graph.variables.values()]
    return CausalGraph(graph.edges, variables, confounded=graph.confounded)
