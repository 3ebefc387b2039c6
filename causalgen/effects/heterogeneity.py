"""Heterogeneous effects: by groups of rows from doubly robust scores, and row by row from a causal forest."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import f as fisher

from ..errors import DataError
from ..graph import GraphLike, as_graph
from .adjusted import adjusted
from .encode import encode_question
from .groups import Bins, check_by, form_groups
from .missing.pooled_frame import pooled_frame
from .question import ContrastWords, EffectQuestion
from .settings import check_level
from .simultaneous import joint_covariance, simultaneous_reach
from .table import independent_units, say

if TYPE_CHECKING:
    from .estimators.adjustment import Influence

__all__ = ["effects_by_group", "effects_by_unit"]

Array = NDArray[np.float64]


def effects_by_group(
    graph: GraphLike,
    table: pd.DataFrame,
    *,
    by: str,
    bins: Bins = 4,
    level: float = 0.95,
    seed: int = 0,
    **question: Unpack[ContrastWords],
) -> pd.DataFrame:
    """Estimate the average effect within the groups of an attribute, from cross-fitted doubly robust scores.

    The attribute joins the adjustment set, which must stay valid with it. Intervals are pointwise (low, high) and
    simultaneous (low_all, high_all): these hold for all groups at once, by the joint covariance of the effects. Groups
    whose simultaneous intervals do not overlap differ by more than chance. The groups describe where the effect
    differs; they do not show that the attribute causes the difference.

    Args:
        graph: The assumed causal graph.
        table: One row per unit.
        by: Attribute that forms the groups, on which the treatment does not act: its labels, or intervals of a
            continuous one.
        bins: Number of quantile bins of a continuous attribute, or the values at which to cut it, such as [40, 60].
        level: Level of the intervals.
        seed: Seed of folds.
        question: As in `estimate_effect`: treatment (binary or categorical), outcome, contrast, adjustment, weights,
            cluster, missing, variables.

    Returns:
        One row per group: group, rows, effect, low, high, low_all, high_all, the rows with each compared value
        (rows_control, rows_treated), and poor_overlap, the share of rows for which one of these values is rare. Its
        `attrs` hold by, level, unit, columns (the kind each column was read as), warnings and p_value (Wald test;
        hypothesis: all groups have the same effect), and missing, a text on imputed values.

    Raises:
        DataError: The treatment is continuous, or a group has fewer than 30 rows or 10 of a compared value.
        NotIdentifiableError: The treatment acts on the attribute, or with it the adjustment set is not valid; the
            message shows the path.
    """
    graph = as_graph(graph)
    check_level(level)
    asked = EffectQuestion(graph, table, imputable=True, **question)
    check_by(asked.graph, adjusted(asked.estimand), by, asked.table.columns)
    asked = replace(asked, adjustment=list(dict.fromkeys([*asked.estimand.adjustment, by])))
    if asked.missing == "impute":
        return pooled_frame(asked, "effect", seed, lambda one: _by_group(one, by, bins, level, seed))
    return _by_group(asked, by, bins, level, seed)


def _by_group(asked: EffectQuestion, by: str, bins: Bins, level: float, seed: int) -> pd.DataFrame:
    """Effects within the groups of an attribute of the adjustment set."""
    from .estimators.doubly_robust import DoublyRobust
    from .identification import dowhy_estimand
    from .overlap import overlap_warnings, rare_rows, require_overlap, treatment_overlap
    from .quiet import quiet_dowhy

    encoded = encode_question(asked)
    if encoded.kind == "continuous":
        raise DataError(
            f"Expected a binary or categorical treatment for effects by group; '{asked.treatment}' is continuous. Use "
            "effects_by_unit, or recode the treatment."
        )
    groups = form_groups(asked.graph, encoded, by, bins)
    if (overlap := treatment_overlap(encoded, seed=seed)) is not None:
        require_overlap(overlap, encoded.names[0])
    say(encoded)
    with quiet_dowhy():
        estimator = DoublyRobust(dowhy_estimand(asked.graph, asked.estimand), bounds=encoded.bounds, seed=seed)
        arrays = estimator.fit(encoded.data).arrays(encoded.data)
        pull = estimator.scores(arrays, encoded.control, encoded.treated).pull
    found = [_effect(pull, arrays.weights, arrays.clusters, member) for member in groups.members]
    joint = _joint_influence(found, groups.members)
    freedom = min(one.freedom for one in found)
    reach = simultaneous_reach(joint_covariance(joint.T, arrays.clusters), freedom, level, seed)
    around = [(one.effect, reach * one.standard_error) for one in found]
    ends = [[*one.interval(level), mean - far, mean + far] for one, (mean, far) in zip(found, around, strict=True)]
    frame = pd.DataFrame(ends, columns=["low", "high", "low_all", "high_all"])
    frame.insert(0, "group", groups.names)
    frame.insert(1, "rows", groups.members.sum(axis=1))
    frame.insert(2, "effect", [one.effect for one in found])
    exposed, rare = encoded.data[encoded.names[0]].to_numpy(), rare_rows(encoded, seed=seed)
    for name, value in (("rows_control", encoded.control), ("rows_treated", encoded.treated)):
        frame[name] = (groups.members & (exposed == value)).sum(axis=1)
    frame["poor_overlap"] = [float(rare[member].mean()) for member in groups.members]
    frame.attrs = {"columns": encoded.columns, "level": level, "unit": encoded.outcome_unit, "by": by}
    frame.attrs |= {"p_value": _equal_effects(found, joint, arrays.clusters)}
    frame.attrs["warnings"] = (*encoded.warnings, *overlap_warnings(encoded, overlap))
    return frame


def _effect(pull: Array, weights: Array, clusters: NDArray[np.int64] | None, member: NDArray[np.bool_]) -> "Influence":
    """Average score of one group, with the influence of its rows."""
    from .estimators.adjustment import Influence

    own = weights[member]
    effect = float(np.average(pull[member], weights=own))
    known = None if clusters is None else np.unique(clusters[member], return_inverse=True)[1]
    return Influence(effect, own * (pull[member] - effect) / own.mean(), known)


def _joint_influence(found: "Sequence[Influence]", members: NDArray[np.bool_]) -> Array:
    """Influence of every row of the table on every group's effect, `(groups, rows)`."""
    own: Array = np.zeros(members.shape)
    for row, one, member in zip(own, found, members, strict=True):
        row[member] = one.influence * len(row) / member.sum()
    return own


def _equal_effects(found: "Sequence[Influence]", joint: Array, clusters: NDArray[np.int64] | None) -> float:
    """P-value of the Wald test that all groups have the same effect; a cluster may have rows in several groups."""
    units = independent_units(len(joint.T), clusters)
    differences = np.diff(np.eye(len(joint)), axis=0)
    covariance = differences @ joint_covariance(joint.T, clusters) @ differences.T
    gaps = differences @ np.array([one.effect for one in found])
    statistic = float(gaps @ np.linalg.pinv(covariance) @ gaps)
    if clusters is None:
        return float(chi2.sf(statistic, len(gaps)))
    return float(fisher.sf(statistic / len(gaps), len(gaps), units - 1))


def effects_by_unit(
    graph: GraphLike,
    table: pd.DataFrame,
    *,
    level: float = 0.95,
    seed: int = 0,
    **question: Unpack[ContrastWords],
) -> pd.DataFrame:
    """Estimate the effect given each row's covariates, by econml's causal forest (the extra `econml`).

    Args:
        graph: The assumed causal graph.
        table: One row per unit.
        level: Level of the intervals, which hold for one row at a time.
        seed: Seed of the forest.
        question: As in `estimate_effect`: treatment (binary or continuous; of a continuous one the forest's slope is
            multiplied by b - a), outcome, contrast, adjustment (its members are what effects may depend on), variables.

    Returns:
        The covariates, with effect, low and high, under the table's index; rows with a missing value are left out. Its
        `attrs` hold level, unit, columns (the kind each column was read as) and warnings.

    Raises:
        DataError: The table or the contrast does not fit, or the treatment has more than two labels.
        ImportError: econml is not installed.
    """
    graph = as_graph(graph)
    from .estimators.forest import CausalForest, modifiers
    from .estimators.methods import check_table
    from .identification import dowhy_estimand
    from .quiet import quiet_dowhy

    check_level(level)
    asked = EffectQuestion(graph, table, **question)
    estimand, encoded = adjusted(asked.estimand), encode_question(asked)
    check_table("causal forest", encoded)
    if encoded.kind == "categorical":
        raise DataError(
            f"Expected a binary or continuous treatment for a causal forest; '{asked.treatment}' has more than two "
            "labels. Leave out the rows of the other labels."
        )
    with quiet_dowhy():
        discrete = encoded.kind == "binary"
        estimator = CausalForest(dowhy_estimand(asked.graph, estimand), discrete=discrete, seed=seed).fit(encoded.data)
        arrays = estimator.arrays(encoded.data)
        ends = {"T0": encoded.control, "T1": encoded.treated}
        inference = estimator.forest(arrays).effect_inference(modifiers(arrays), **ends)
    low, high = inference.conf_int(alpha=1 - level)
    say(encoded)
    found = encoded.readable.assign(effect=inference.point_estimate, low=low, high=high).set_axis(encoded.index)  # type: ignore[arg-type]  # set by the encoding
    found.attrs = {
        "columns": encoded.columns,
        "level": level,
        "unit": encoded.outcome_unit,
        "warnings": encoded.warnings,
    }
    return found
