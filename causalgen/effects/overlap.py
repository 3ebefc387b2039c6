"""Overlap: do both treatment values occur among similar rows, and where do they not?"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype
from sklearn.tree import DecisionTreeClassifier

from ..errors import DataError
from ..graph.notation import spell_value
from .effective_size import effective_size
from .estimators.basis import FlexibleBasis
from .estimators.folds import cross_folds
from .estimators.outcome_model import OutcomeModel
from .estimators.recalibration import Calibration, calibrated_propensities
from .estimators.weighting import CLIP, least_propensity
from .table import EncodedTable, numeric

__all__ = [
    "Overlap",
    "cross_fitted_mean",
    "overlap_warnings",
    "population_weights",
    "propensities",
    "rare_rows",
    "require_overlap",
    "treatment_overlap",
    "unseen_rows",
    "warns_of_calibration",
    "weighting_propensities",
]

Array = NDArray[np.float64]

RARE = 0.05
RARE_SHARE = 0.1
"""Multiple of a value's share of the rows: a value that is rare everywhere does not lack overlap."""
SHARE_WORTH_A_WARNING = 0.01
LEAST_EFFECTIVE_SHARE = 0.05
MOST_POOR = 0.9
LEAST_COMPARABLE = 10
MOST_EXTREME = 0.02
LEAST_PROPENSITY = 1e-6
MOST_ROWS = 20_000
MISCALIBRATED = "The propensity model of ", " is miscalibrated: its propensities are too "
"""Start of the warning, before and after the name of the treatment."""


@dataclass(frozen=True)
class Overlap:
    """How comparable the two compared groups are, given the adjustment set.

    Attributes:
        poor: Share of rows for which one of the two values has a propensity below 5 %, or below a tenth of the value's
            share of the rows if that is smaller.
        where: The region of the covariates that holds most of those rows, as text; empty without any.
        effective: Kish's effective size of each group's weights in the whole population, as a share of the group's
            rows, (control, treated); 1 when all weights are equal.
        comparable: Rows of each group whose propensities all lie in [0.01, 0.99], (control, treated).
        told_by: The region of the covariates that separates the groups best, as text.
        truncated: Share of rows whose weights in doubly robust scores are truncated.
        extreme: Share of rows with a propensity below 0.01.
        calibrations: Calibration of the propensities before they were calibrated.
    """

    poor: float
    where: str
    effective: tuple[float, float]
    comparable: tuple[int, int]
    told_by: str
    truncated: float = 0.0
    extreme: float = 0.0
    calibrations: tuple[Calibration, ...] = ()

    @property
    def separated(self) -> bool:
        """Whether almost no row of a group has a counterpart in the other."""
        return min(self.comparable) < LEAST_COMPARABLE

    @property
    def one_sided(self) -> bool:
        """Whether one of the two values is rare for nine in ten rows."""
        return self.poor > MOST_POOR

    @property
    def explodes(self) -> bool:
        """Whether many weights are extreme: a group's effective size is below 5 %, and not because of a few rows."""
        return min(self.effective) < LEAST_EFFECTIVE_SHARE and self.extreme > MOST_EXTREME


def treatment_overlap(table: EncodedTable, *, seed: int = 0) -> Overlap | None:
    """Overlap for a binary or categorical treatment, from cross-fitted propensities; None without covariates.

    If there are more than 20,000 rows, a sample of 20,000 is used.
    """
    if not len(table.covariates.columns):
        return None
    if len(table.data) > MOST_ROWS:
        table = replace(table, data=table.data.sample(MOST_ROWS, random_state=seed))
    covariates, members = table.readable, _members(table)
    propensity, calibrations = _calibrated(table, seed)
    rare = _rare(propensity, members)
    inside = propensity.min(axis=0) >= CLIP
    least = least_propensity(table.units, np.average(members, axis=1, weights=table.weights))
    weights = [1 / np.maximum(own[member], LEAST_PROPENSITY) for own, member in zip(propensity, members, strict=True)]
    effective = [float(effective_size(weight) / len(weight)) for weight in weights]
    return Overlap(
        poor=float(rare.mean()),
        where=region(covariates, rare),
        effective=(effective[0], effective[1]),
        comparable=(int((inside & members[0]).sum()), int((inside & members[1]).sum())),
        told_by=region(covariates, members[1]),
        truncated=float((propensity < least).any(axis=0).mean()),
        extreme=float((~inside).mean()),
        calibrations=calibrations,
    )


def rare_rows(table: EncodedTable, *, seed: int = 0) -> NDArray[np.bool_]:
    """Rows for which a compared value is rare, as `Overlap.poor` counts them, shape `(rows,)`."""
    if not len(table.covariates.columns):
        return np.zeros(len(table.data), dtype=bool)
    return _rare(propensities(table, seed=seed), _members(table))


def _rare(propensity: Array, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return (propensity < np.minimum(RARE, RARE_SHARE * members.mean(axis=1, keepdims=True))).any(axis=0)


def propensities(table: EncodedTable, *, seed: int = 0) -> Array:
    """Cross-fitted, calibrated probabilities of the two compared values given the covariates, shape `(2, rows)`."""
    return _calibrated(table, seed)[0]


def _calibrated(table: EncodedTable, seed: int) -> tuple[Array, tuple[Calibration, ...]]:
    return calibrated_propensities(_propensities(table, seed), _members(table), table.weights, table.units)


def _propensities(table: EncodedTable, seed: int) -> Array:
    clusters, weights, members = table.clusters, table.weights, _members(table)
    features = _features(table)
    found = np.zeros(members.shape)
    for fit, score in cross_folds(len(weights), 5, seed, arm=np.select(list(members), [1, 2]), clusters=clusters):
        known = None if clusters is None else clusters[fit]
        for which, member in enumerate(members):
            if which and table.kind == "binary":
                found[1, score] = 1 - found[0, score]
                continue
            model = OutcomeModel((0.0, 1.0), penalty=None)
            model.fit(features[fit], member[fit].astype(float), weights[fit], known)
            found[which, score] = model.predict_unseen(features[score], features[fit], member[fit])
    return found


def weighting_propensities(table: EncodedTable) -> Array:
    """The same probabilities as the weighting estimator fits them, from all rows at once, shape `(2, rows)`."""
    features = _features(table)
    models = [OutcomeModel((0.0, 1.0)).fit(features, member.astype(float), table.weights) for member in _members(table)]
    return np.stack([model.predict(features) for model in models])


def cross_fitted_mean(table: EncodedTable, *, seed: int = 0) -> Array:
    """Expected value of a continuous treatment given the covariates, `(rows,)`, by models fitted on other rows."""
    return _cross_fitted(table, _features(table), seed)[0]


def cross_fitted_means(table: EncodedTable, *, seed: int = 0) -> tuple[Array, Array]:
    """`cross_fitted_mean` of the rows as they are, and with the columns that a joint contrast holds set to their values."""
    seen, held = _features(table), _features(table, held=True) if table.held else None
    return _cross_fitted(table, seen, seed, held)


def _cross_fitted(table: EncodedTable, seen: Array, seed: int, held: Array | None = None) -> tuple[Array, Array]:
    clusters, weights, treatment = table.clusters, table.weights, table.data[table.names[0]].to_numpy()
    found = np.zeros((2, len(weights)))
    for fit, score in cross_folds(len(weights), 5, seed, clusters=clusters):
        model = OutcomeModel().fit(seen[fit], treatment[fit], weights[fit])
        found[0, score] = model.predict(seen[score])
        found[1, score] = found[0, score] if held is None else model.predict(held[score])
    return found[0], found[1]


def population_weights(table: EncodedTable, population: str, propensity: Array) -> Array:
    """Weight of each row in a population, shape `(rows,)`: its sampling weight times its share of the population.

    Args:
        table: The table.
        population: "whole", "overlap", "treated" or "control".
        propensity: Probabilities of the two compared values, `(2, rows)`.
    """
    control, treated = _members(table)
    share = {"treated": treated, "control": control, "overlap": propensity[0] * propensity[1]}
    return table.weights * share.get(population, np.ones(len(control)))


def _members(table: EncodedTable) -> NDArray[np.bool_]:
    values = table.data[table.names[0]].to_numpy()
    return np.stack([values == table.control, values == table.treated])


def _features(table: EncodedTable, *, held: bool = False) -> Array:
    columns = numeric(table.covariates)
    basis = FlexibleBasis(columns, units=table.units)
    return basis(numeric(table.covariates.assign(**table.held)) if held else columns)


def require_overlap(overlap: Overlap, treatment: str) -> None:
    """Refuse an effect without comparable rows.

    Raises:
        DataError: The covariates separate the two groups.
    """
    if overlap.separated:
        raise DataError(
            f"Expected rows with both values of '{treatment}' among similar rows; got (nearly) perfect separation: "
            f"{overlap.told_by} predicts '{treatment}', and {min(overlap.comparable)} rows of one group have a propensity "
            "between 1 % and 99 %. Leave out a covariate that decides the treatment if the graph allows it, collect rows "
            "where both values occur, or request population='overlap' with a coarser adjustment set."
        )


def overlap_warnings(table: EncodedTable, overlap: Overlap | None) -> tuple[str, ...]:
    """Warn if the estimate extrapolates a model instead of comparing similar rows.

    For a discrete treatment: rows for which a compared value is rare (see `Overlap.poor`). For a continuous one: rows
    for which a contrast value lies outside 99 % of the treatment's spread around its mean given the covariates.
    """
    treatment = table.names[0]
    if table.kind == "continuous":
        return _unseen_values(table)
    if overlap is None:
        return ()
    return (*_poor(overlap, treatment), *_miscalibrated(overlap, treatment))


def warns_of_calibration(text: str) -> bool:
    """Whether a text is the warning that the propensity model of a treatment is miscalibrated.

    >>> warns_of_calibration("The propensity model of drug is miscalibrated: its propensities are too extreme.")
    True
    >>> warns_of_calibration("Poor overlap: one value of 'is miscalibrated: its propensities are too ' is rare.")
    False
    """
    before, after = MISCALIBRATED
    return text.startswith(before) and after in text


def _miscalibrated(overlap: Overlap, treatment: str) -> tuple[str, ...]:
    return tuple(
        f"{treatment.join(MISCALIBRATED)}"
        f"{'extreme' if found.slope < 1 else 'moderate'} (calibration slope {found.slope:.2f}, 1 is right), and are "
        "recalibrated before they weight rows. Check the model first: an unusual column, too few rows for its columns."
        for found in overlap.calibrations
        if found.fails
    )[:1]


def _poor(overlap: Overlap, treatment: str) -> tuple[str, ...]:
    if overlap.poor < SHARE_WORTH_A_WARNING:
        return ()
    truncated = f"; the weights of {overlap.truncated:.1%} of the rows are truncated" if overlap.truncated else ""
    return (
        f"Poor overlap: for {overlap.poor:.0%} of the rows one value of {treatment} has a probability below {RARE:.0%} or a "
        "tenth of its share given the adjustment set, so the estimate rests on few comparable rows there; mostly where "
        f"{overlap.where}{truncated}.",
    )


def unseen_rows(table: EncodedTable, values: Array) -> NDArray[np.bool_]:
    """Rows for which a value of a continuous treatment is rare, shape `(values, rows)`.

    Rare: outside 99 % of the treatment's spread around its mean given the covariates.
    """
    features, treatment = _features(table), table.data[table.names[0]].to_numpy()
    model = OutcomeModel().fit(features, treatment, table.weights)
    expected = model.predict(features)
    low, high = np.quantile(treatment - expected, [0.005, 0.995])
    expected = model.predict(_features(table, held=True)) if table.held else expected
    away = np.asarray(values)[:, None] - expected
    return (away < low) | (away > high)


def _unseen_values(table: EncodedTable) -> tuple[str, ...]:
    treatment, values = table.names[0], np.array([table.control, table.treated])
    found = []
    for value, shown, unseen in zip(values, table.contrast, unseen_rows(table, values), strict=True):
        set_to = f"{treatment} = {shown}" if table.held else f"do({treatment}={spell_value(float(value))})"
        if unseen.mean() >= SHARE_WORTH_A_WARNING:
            place = region(table.readable, unseen)
            found.append(
                f"{set_to} lies outside the {treatment} seen among similar rows for {unseen.mean():.0%} of the rows"
                + f", mostly where {place}" * bool(place)
            )
    extrapolated = "for these the estimate is an extrapolation of the fitted model."
    return (f"Poor overlap: {'; '.join(found)}; {extrapolated}",) if found else ()


def region(covariates: pd.DataFrame, chosen: NDArray[np.bool_]) -> str:
    """The region of the covariates that holds most of the chosen rows, as text; empty without rows or covariates.

    It is a leaf of a tree of depth 2.

    >>> z = np.linspace(0, 1, 100)
    >>> region(pd.DataFrame({"z": z}), z > 0.8)
    'z > 0.803 (100% of them)'
    """
    if not chosen.any() or not len(covariates.columns):
        return ""
    features = [(name, None, column) for name, column in covariates.items() if is_numeric_dtype(column)]
    for name, column in covariates.items():
        if not is_numeric_dtype(column):
            features += [(name, label, column == label) for label in sorted(column.unique())[1:]]
    columns = np.column_stack([values.to_numpy(dtype=np.float32) for *_, values in features])
    tree = DecisionTreeClassifier(max_depth=2, min_samples_leaf=max(1, len(columns) // 200), random_state=0)
    leaves = tree.fit(columns, chosen).apply(columns)
    inside, counts = np.unique(leaves[chosen], return_counts=True)
    best = int(inside[counts.argmax()])
    path = _path(tree, best, [(str(name), label) for name, label, _ in features])
    return f"{path or 'the covariates have any value'} ({counts.max() / chosen.sum():.0%} of them)"


def _path(tree: DecisionTreeClassifier, leaf: int, features: list[tuple[str, str | None]]) -> str:
    """The conditions that lead to a leaf; a feature is a column of numbers, or one label of a column."""
    nodes, node = tree.tree_, leaf
    conditions: dict[tuple[int, bool], str] = {}
    while node:
        left = np.flatnonzero(nodes.children_left == node)
        parent = int(left[0] if len(left) else np.flatnonzero(nodes.children_right == node)[0])
        place, below = int(nodes.feature[parent]), bool(len(left))
        conditions.setdefault((place, below), _condition(*features[place], nodes.threshold[parent], below=below))
        node = parent  # going up: of two bounds on one column, the one nearer the leaf is tighter
    return " and ".join(reversed(conditions.values()))


def _condition(name: str, label: str | None, threshold: float, *, below: bool) -> str:
    if label is not None:
        return f"{name} is {'not ' * below}{label}"
    return f"{name} {'<=' if below else '>'} {float(f'{threshold:.3g}'):,.15g}"
