"""Heterogeneous effects: by groups of rows from doubly robust scores, and row by row from a causal forest."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.declared import KindsLike, declare_kinds, with_variables
from ..errors import DataError, NotIdentifiableError
from ..graph import CausalGraph, Estimand
from .estimate import check_level, find_estimand
from .table import EncodedTable, check_names, encode_table, say

__all__ = ["effects_by_group", "effects_by_unit"]

LEAST_GROUP = 30


def effects_by_group(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    by: str,
    bins: int = 4,
    adjustment: Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Average effect within the groups of an attribute, from cross-fitted doubly robust scores.

    The attribute joins the adjustment set, which must stay valid with it. Intervals are pointwise (low, high) and
    simultaneous (low_all, high_all; Šidák). Differences between groups whose simultaneous intervals do not overlap are
    beyond chance; how the effect *depends* on the attribute is not a causal claim about it.

    Args:
        graph: The assumed causal graph.
        table: One row per unit.
        treatment: A binary or categorical variable.
        outcome: A binary or continuous variable.
        contrast: (a, b), labels or natural units.
        by: Attribute that forms the groups: its labels, or quantile bins of a continuous one.
        bins: Number of bins.
        adjustment: Your adjustment set; None to have one found.
        weights: Column of sampling weights.
        cluster: Column that names the cluster of each row.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        level: Level of the intervals.
        seed: Seed of folds.

    Returns:
        One row per group: group, rows, effect, low, high, low_all, high_all. Its `attrs["columns"]` says what every
        column was read as.

    Raises:
        DataError: The treatment is continuous, or a group has fewer than 30 rows.
        NotIdentifiableError: With the attribute the adjustment set is not valid; the message shows the open path.
    """
    from .estimators.adjustment import Influence
    from .estimators.doubly_robust import DoublyRobust
    from .estimators.outcome_model import OutcomeModel
    from .identification import dowhy_estimand
    from .overlap import require_overlap, treatment_overlap
    from .quiet import quiet_dowhy

    check_level(level)
    check_names(graph, table, treatment, outcome)
    if not isinstance(bins, int) or bins < 2:
        raise DataError(f"Expected at least 2 bins; got {bins!r}.")
    graph = declare_kinds(graph, table, variables)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    given = find_estimand(attributes, treatment, outcome, adjustment=adjustment)
    held = list(dict.fromkeys([*given.adjustment, attributes.require(by)]))
    estimand = _by_adjustment(find_estimand(attributes, treatment, outcome, adjustment=held))
    encoded = encode_table(
        attributes, table, treatment, outcome, estimand.adjustment, contrast, weights=weights, cluster=cluster
    )
    if encoded.kind == "continuous":
        raise DataError(
            f"Expected a binary or categorical treatment for effects by group; '{treatment}' is continuous. Use "
            "effects_by_unit, or recode the treatment."
        )
    if (overlap := treatment_overlap(encoded, seed=seed)) is not None:
        require_overlap(overlap, treatment, population="whole", weighs=True)
    say(encoded)
    groups, names = _groups(with_variables(attributes, encoded.variables), encoded, by, bins)
    with quiet_dowhy():
        model = OutcomeModel(encoded.bounds, penalty=None)
        estimator = DoublyRobust(dowhy_estimand(attributes, estimand), outcome_model=model, seed=seed).fit(encoded.data)
        arrays = estimator.arrays(encoded.data)
        scores = estimator.scores(arrays, encoded.control, encoded.treated)
    levels = level, level ** (1 / len(names))
    rows = []
    for group, name in enumerate(names):
        share = arrays.weights * (groups == group)
        effect = float(np.average(scores.pull, weights=share))
        influence = share * (scores.pull - effect) / share.mean()
        result = Influence(effect, influence, arrays.clusters)
        rows.append([name, int((groups == group).sum()), effect, *(e for one in levels for e in result.interval(one))])
    found = pd.DataFrame(rows, columns=["group", "rows", "effect", "low", "high", "low_all", "high_all"])
    found.attrs["columns"] = encoded.columns
    return found


def effects_by_unit(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    adjustment: Sequence[str] | None = None,
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Effect given each row's covariates, by econml's causal forest (the extra `econml`).

    Args:
        graph: The assumed causal graph.
        table: One row per unit.
        treatment: A binary or continuous variable.
        outcome: A binary or continuous variable.
        contrast: (a, b), labels or natural units; of a continuous treatment the forest's slope is multiplied by b - a.
        adjustment: Your adjustment set; None to have one found. Its members are what effects may depend on.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        level: Level of the intervals, which hold for one row at a time.
        seed: Seed of the forest.

    Returns:
        The covariates as the forest saw them, with effect, low and high; rows with a missing value are left out.
        Its `attrs["columns"]` states the kind each column was read as.

    Raises:
        DataError: The table or the contrast does not fit, or the treatment has more than two labels.
        ImportError: econml is not installed.
    """
    from .estimators.forest import CausalForest, modifiers
    from .identification import dowhy_estimand
    from .quiet import quiet_dowhy

    check_level(level)
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    estimand = _by_adjustment(find_estimand(attributes, treatment, outcome, adjustment=adjustment))
    encoded = encode_table(attributes, table, treatment, outcome, estimand.adjustment, contrast)
    if encoded.kind == "categorical":
        raise DataError(
            f"Expected a binary or continuous treatment for a causal forest; '{treatment}' has more than two labels. "
            "Leave out the rows of the other labels."
        )
    with quiet_dowhy():
        discrete = encoded.kind == "binary"
        estimator = CausalForest(dowhy_estimand(attributes, estimand), discrete=discrete, seed=seed).fit(encoded.data)
        arrays = estimator.arrays(encoded.data)
        ends = {"T0": encoded.control, "T1": encoded.treated}
        inference = estimator.forest(arrays).effect_inference(modifiers(arrays), **ends)
    low, high = inference.conf_int(alpha=1 - level)
    say(encoded)
    found = encoded.covariates.assign(effect=inference.point_estimate, low=low, high=high)
    found.attrs["columns"] = encoded.columns
    return found


def _by_adjustment(estimand: Estimand) -> Estimand:
    if estimand.method != "backdoor":
        raise NotIdentifiableError(
            f"Expected an effect that adjustment identifies; of that of '{estimand.treatment}' on '{estimand.outcome}' "
            f"the graph says: {estimand.text} Ask estimate_effect for its average."
        )
    return estimand


def _groups(graph: CausalGraph, table: EncodedTable, by: str, bins: int) -> tuple[NDArray[np.integer], list[str]]:
    """The group of every row, and the groups' names in order."""
    column, labels = table.data[by], graph[by].labels
    discrete = isinstance(column.dtype, pd.CategoricalDtype) or column.nunique() <= bins
    grouped = column.astype("category") if discrete else pd.qcut(column, bins, duplicates="drop")
    names = [_name(value, labels) if discrete else str(value) for value in grouped.cat.categories]
    groups = grouped.cat.codes.to_numpy(dtype=np.int64)
    smallest = int(np.bincount(groups).min())
    if smallest < LEAST_GROUP:
        raise DataError(
            f"Expected at least {LEAST_GROUP} rows in every group of '{by}'; got {smallest}. Merge labels or ask for "
            "fewer bins."
        )
    return groups, names


def _name(value: float, labels: tuple[Hashable, ...] | None) -> str:
    return f"{value:g}" if labels is None else str(labels[int(value)])
