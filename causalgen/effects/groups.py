"""Groups of the rows of a table by one column: its labels, or intervals of a continuous one."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..datasets.declared import with_variables
from ..datasets.hints import declare_remedy
from ..errors import DataError, NotIdentifiableError, UnknownNameError
from ..graph import CausalGraph, Estimand, check_adjustment_set
from ..graph.notation import spell_number, spell_value
from .single import LEAST_ROWS_PER_ARM
from .table import CLUSTER, EncodedTable

__all__ = ["Bins", "Groups", "check_by", "form_groups", "inner_quantiles", "named_intervals"]

LEAST_GROUP, LEAST_CLUSTERS = 30, 2
Bins = int | Sequence[float]
"""A number of quantile bins, or the values at which a continuous column is cut."""


class Groups(NamedTuple):
    """Groups of rows.

    Attributes:
        names: Their names, in order.
        members: `(groups, rows)`, which rows belong to each.
    """

    names: list[str]
    members: NDArray[np.bool_]


def check_by(graph: CausalGraph, estimand: Estimand, by: str, columns: Collection[str] = ()) -> None:
    """Check that effects within the groups of `by` are identified.

    Args:
        graph: The graph.
        estimand: The average effect, identified by adjustment.
        by: The attribute.
        columns: Columns of the table, for the message.

    Raises:
        UnknownNameError: `by` is not a node.
        DataError: It is the treatment or the outcome.
        NotIdentifiableError: The treatment acts on it, or conditioning on it opens a path.
    """
    treatment, outcome = str(estimand.treatment), estimand.outcome
    if by not in graph and by in columns:
        raise UnknownNameError(
            f"Expected an attribute of the graph to group by; '{by}' is a column of the table without a node. Draw it in "
            f"the graph, such as '{by} -> {outcome}': its causes decide whether the effects in its groups are identified."
        )
    graph.require(by)
    if by in (treatment, outcome):
        which = "treatment" if by == treatment else "outcome"
        raise DataError(f"Expected an attribute other than treatment and outcome to group by; got the {which} '{by}'.")
    check = check_adjustment_set(graph, treatment, outcome, [*estimand.adjustment, by])
    if by in graph.descendants(treatment):
        raise NotIdentifiableError(
            f"Expected groups that the treatment does not form; '{treatment}' acts on '{by}' in the graph. Within a group "
            f"of '{by}' part of the effect is held constant, and treated and untreated rows differ in its other causes: "
            f"{check} Group by a column that is fixed before the treatment, or ask for the effect through '{by}' "
            "as a mediation."
        )
    if not check:
        raise NotIdentifiableError(
            f"Expected an adjustment set that stays valid within the groups of '{by}'; {check} Group by another column, "
            "or name an adjustment set that blocks the path."
        )


def form_groups(graph: CausalGraph, table: EncodedTable, by: str, bins: Bins) -> Groups:
    """The groups of a table.

    Args:
        graph: Declares labels.
        table: The encoded table, with `by` among its covariates.
        by: The column.
        bins: How a continuous column is cut; a column with at most that many different values is not cut.

    Raises:
        DataError: A group has too few rows or clusters of a compared value, or the cuts do not fit the column.
    """
    variable = with_variables(graph, table.variables)[by]
    column: NDArray[np.float64] = table.data[by].to_numpy(dtype=float)
    values = np.unique(column)
    count = int(bins) if isinstance(bins, int | np.integer) else None
    if count is not None and count < 2:
        raise DataError(f"Expected at least 2 bins; got {count}.")
    if variable.labels is not None:
        if count is None:
            raise DataError(
                f"Expected no cuts of '{by}', which is {variable.kind}: its labels are the groups. Leave them out, or "
                f"declare it continuous if its numbers are quantities ({declare_remedy(by, 'continuous')})."
            )
        names = [str(variable.labels[int(value)]) for value in values]
        members = column == values[:, None]
    elif count is not None and len(values) <= count:
        names, members = [spell_value(float(value)) for value in values], column == values[:, None]
    else:
        cuts = _cuts(by, bins) if count is None else inner_quantiles(column, count)
        inside = np.searchsorted(cuts, column, side="left")
        names, members = named_intervals(cuts), inside == np.arange(len(cuts) + 1)[:, None]
    _check_sizes(table, by, names, members)
    return Groups(names, members)


def inner_quantiles(column: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Inner quantiles; fewer if many rows share a value."""
    cuts = np.unique(np.quantile(column, np.arange(1, bins) / bins))
    return cuts[cuts < column.max()]


def _cuts(by: str, given: Bins) -> NDArray[np.float64]:
    try:
        cuts = np.unique(np.asarray(given, dtype=float).ravel())
    except (TypeError, ValueError):
        cuts = np.zeros(0)
    if not len(cuts) or not np.isfinite(cuts).all():
        raise DataError(f"Expected a number of bins or finite values at which to cut '{by}'; got {given!r}.")
    return cuts


def named_intervals(cuts: NDArray[np.float64]) -> list[str]:
    """Names of the intervals between cuts; an interval includes its upper end.

    >>> named_intervals(np.array([40.0, 60.0]))
    ['up to 40', 'above 40, up to 60', 'above 60']
    """
    ends = [spell_number(cut) for cut in cuts]
    between = [f"above {low}, up to {high}" for low, high in pairwise(ends)]
    return [f"up to {ends[0]}", *between, f"above {ends[-1]}"]


def _check_sizes(table: EncodedTable, by: str, names: Sequence[str], members: NDArray[np.bool_]) -> None:
    """Refuse groups with too few rows for an effect; the message names all of them."""
    if len(names) < 2:
        raise DataError(f"Expected at least two groups of '{by}'; all {len(table.data):,} rows are in '{names[0]}'.")
    name, clusters = table.names[0], table.data.get(CLUSTER)
    poor = []
    for group, member in zip(names, members, strict=True):
        counts = {f"{member.sum()} rows": member.sum() < LEAST_GROUP}
        for value, code in zip(table.contrast, (table.control, table.treated), strict=True):
            arm = member & (table.data[name] == code).to_numpy()
            counts[f"{arm.sum()} with {name} = {value}"] = arm.sum() < LEAST_ROWS_PER_ARM
            if clusters is not None:
                own = clusters[arm].nunique()
                counts[f"{own} clusters with {name} = {value}"] = own < LEAST_CLUSTERS
        if faults := [count for count, is_fault in counts.items() if is_fault]:
            poor.append(f"{group} has {', '.join(faults)}")
    if poor:
        raise DataError(
            f"Expected at least {LEAST_GROUP} rows in every group of '{by}', and {LEAST_ROWS_PER_ARM} of each compared "
            f"value; {'; '.join(poor)}. Merge labels, cut at other values, or leave these rows out."
        )
