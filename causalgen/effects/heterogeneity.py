"""Heterogeneous effects: by groups of rows from doubly robust scores, and row by row from a causal forest."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import f as fisher

from ..datasets.declared import KindsLike, declare_kinds
from ..errors import DataError, NotIdentifiableError, UnknownNameError
from ..graph import CausalGraph, Estimand
from .estimate import check_level, find_estimand
from .groups import Bins, check_by, form_groups
from .table import check_names, encode_table, say

if TYPE_CHECKING:
    from .estimators.adjustment import Influence

__all__ = ["effects_by_group", "effects_by_unit"]

Array = NDArray[np.float64]


def effects_by_group(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    by: str,
    bins: Bins = 4,
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
        by: Attribute that forms the groups, on which the treatment does not act: its labels, or intervals of a
            continuous one.
        bins: Number of quantile bins of a continuous attribute, or the values at which to cut it, such as [40, 60].
        adjustment: Your adjustment set; None to have one found.
        weights: Column of sampling weights.
        cluster: Column that names the cluster of each row.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        level: Level of the intervals.
        seed: Seed of folds.

    Returns:
        One row per group: group, rows, effect, low, high, low_all, high_all, the rows with each compared value
        (rows_control, rows_treated), and poor_overlap, the share of rows for which one of these values is rare. Its
        `attrs` hold by, level, unit, columns (the kind each column was read as) and p_value (Wald test; hypothesis:
        all groups have the same effect).

    Raises:
        DataError: The treatment is continuous, or a group has fewer than 30 rows or 10 of a compared value.
        NotIdentifiableError: The treatment acts on the attribute, or with it the adjustment set is not valid; the
            message shows the path.
    """
    from .estimators.doubly_robust import DoublyRobust
    from .estimators.outcome_model import OutcomeModel
    from .identification import dowhy_estimand
    from .overlap import rare_rows, require_overlap, treatment_overlap
    from .quiet import quiet_dowhy

    check_level(level)
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    given = _by_adjustment(find_estimand(attributes, treatment, outcome, adjustment=adjustment))
    if by not in attributes and by in table.columns:
        raise UnknownNameError(
            f"Expected an attribute of the graph to group by; '{by}' is a column of the table without a node. Draw it in "
            f"the graph, such as '{by} -> {outcome}': its causes decide whether the effects in its groups are identified."
        )
    check_by(attributes, treatment, outcome, by, given.adjustment)
    held = list(dict.fromkeys([*given.adjustment, by]))
    estimand = find_estimand(attributes, treatment, outcome, adjustment=held)
    encoded = encode_table(
        attributes, table, treatment, outcome, estimand.adjustment, contrast, weights=weights, cluster=cluster
    )
    if encoded.kind == "continuous":
        raise DataError(
            f"Expected a binary or categorical treatment for effects by group; '{treatment}' is continuous. Use "
            "effects_by_unit, or recode the treatment."
        )
    groups = form_groups(attributes, encoded, by, bins)
    if (overlap := treatment_overlap(encoded, seed=seed)) is not None:
        require_overlap(overlap, treatment, population="whole", weighs=True)
    say(encoded)
    with quiet_dowhy():
        model = OutcomeModel(encoded.bounds, penalty=None)
        estimator = DoublyRobust(dowhy_estimand(attributes, estimand), outcome_model=model, seed=seed).fit(encoded.data)
        arrays = estimator.arrays(encoded.data)
        scores = estimator.scores(arrays, encoded.control, encoded.treated)
    found = [_effect(scores.pull, arrays.weights, arrays.clusters, member) for member in groups.members]
    ends = [[*one.interval(level), *one.interval(level ** (1 / len(found)))] for one in found]
    frame = pd.DataFrame(ends, columns=["low", "high", "low_all", "high_all"])
    frame.insert(0, "group", groups.names)
    frame.insert(1, "rows", groups.members.sum(axis=1))
    frame.insert(2, "effect", [one.effect for one in found])
    exposed, rare = encoded.data[treatment].to_numpy(), rare_rows(encoded, seed=seed)
    for name, value in (("rows_control", encoded.control), ("rows_treated", encoded.treated)):
        frame[name] = (groups.members & (exposed == value)).sum(axis=1)
    frame["poor_overlap"] = [float(rare[member].mean()) for member in groups.members]
    frame.attrs = {"columns": encoded.columns, "by": by, "level": level, "unit": encoded.outcome_unit}
    frame.attrs["p_value"] = _equal_effects(found, groups.members, arrays.clusters)
    return frame


def _effect(pull: Array, weights: Array, clusters: NDArray[np.int64] | None, member: NDArray[np.bool_]) -> "Influence":
    """Average score of one group, with the influence of its rows."""
    from .estimators.adjustment import Influence

    own = weights[member]
    effect = float(np.average(pull[member], weights=own))
    known = None if clusters is None else np.unique(clusters[member], return_inverse=True)[1]
    return Influence(effect, own * (pull[member] - effect) / own.mean(), known)


def _equal_effects(
    found: "Sequence[Influence]", members: NDArray[np.bool_], clusters: NDArray[np.int64] | None
) -> float:
    """P-value of the Wald test that all groups have the same effect; a cluster may have rows in several groups."""
    own: Array = np.zeros(members.shape)
    for row, one, member in zip(own, found, members, strict=True):
        row[member] = one.influence / member.sum()
    if clusters is not None:
        own = np.stack([np.bincount(clusters, weights=row) for row in own])
    units = len(own.T)
    differences = np.diff(np.eye(len(own)), axis=0)
    covariance = differences @ own @ own.T @ differences.T * units / (units - 1)
    gaps = differences @ np.array([one.effect for one in found])
    statistic = float(gaps @ np.linalg.pinv(covariance) @ gaps)
    if clusters is None:
        return float(chi2.sf(statistic, len(gaps)))
    return float(fisher.sf(statistic / len(gaps), len(gaps), units - 1))


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
