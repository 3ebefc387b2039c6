"""One treatment: its table as the numbers that estimators take; every fault is named."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.declared import TypedColumn, type_columns
from ..datasets.hints import declare_remedy
from ..datasets.kinds import SPREAD, describe, read_values, refused
from ..errors import DataError, SupportError
from ..graph import Variable
from .contrast import read_contrast
from .effective_size import effective_size
from .missing.completeness import Completeness, complete_weights
from .question import EffectQuestion
from .table import CLUSTER, WEIGHTS, EncodedTable

__all__ = [
    "LEAST_CLUSTERS",
    "LEAST_CLUSTERS_PER_ARM",
    "LEAST_ROWS",
    "LEAST_ROWS_PER_ARM",
    "cluster_numbers",
    "encode_single",
    "sampling_weights",
]

LEAST_ROWS = 50
LEAST_ROWS_PER_ARM = 10
LEAST_CLUSTERS, LEAST_CLUSTERS_PER_ARM = 10, 5


def encode_single(question: EffectQuestion, used: Sequence[str]) -> EncodedTable:
    """Encode treatment, outcome, the `used` covariates, weights and clusters, without the incomplete rows.

    Raises:
        DataError: A value is neither a label nor a finite number, a column does not vary, the contrast is not two
            distinct values of the treatment, the kinds do not suit, or too few rows remain.
        SupportError: The contrast or an outcome lies outside the declared support.
    """
    treatment, outcome = str(question.treatment), question.outcome
    names = [treatment, outcome, *used]
    typed, present = _complete_rows(question, names)
    complete = question.table.loc[present, list(dict.fromkeys([*names, *question.extra_columns]))]
    data = pd.DataFrame({name: typed[name].reading.values[present] for name in names})
    variables = {name: column.variable for name, column in typed.items()}
    for name in (treatment, outcome):
        if data[name].nunique() < 2:
            raise DataError(f"Expected '{name}' to vary; every row has {complete[name].tolist()[0]!r}.")
    if np.array_equal(data[treatment], data[outcome]):
        raise DataError(
            f"Expected an outcome that is not the treatment itself; column '{outcome}' equals '{treatment}' in every "
            "row. Name another outcome."
        )
    asked = variables[treatment]
    contrast, control, treated = read_contrast(asked, question.contrast)
    if asked.is_discrete:
        _check_rows_of_arms(data[treatment], control, treated)
    if asked.kind == "binary":
        data[treatment] = (data[treatment] == treated).astype(float)
        control, treated = 0.0, 1.0
    bounds, unit = _outcome_range(variables[outcome], data[outcome])
    for name in used:
        if variables[name].is_discrete and len(variables[name].labels or ()) > 2:
            data[name] = data[name].astype(int).astype("category")
    _check_width(data, used)
    if question.weights is not None:
        data[WEIGHTS] = sampling_weights(complete[question.weights])
    completeness = _completeness(question, names, present) if not present.all() else None
    if completeness is not None:
        data[WEIGHTS] = sampling_weights(
            pd.Series(completeness.weights, name="of complete rows") * data.get(WEIGHTS, 1.0)
        )
    if question.cluster is not None:
        data[CLUSTER] = cluster_numbers(complete[question.cluster])
        if asked.is_discrete:
            _check_clusters_of_arms(data, question, {control: contrast[0], treated: contrast[1]})
    return EncodedTable(
        data=data,
        kind="binary" if asked.kind == "binary" else "categorical" if asked.is_discrete else "continuous",
        control=control,
        treated=treated,
        contrast=contrast,
        bounds=bounds,
        outcome_unit=unit,
        dropped=len(question.table) - len(data),
        names=(treatment, outcome),
        labels={name: variables[name].labels or () for name in used if variables[name].is_discrete},
        variables=tuple(variables.values()),
        notes=tuple(note for column in typed.values() for note in column.reading.notes),
        index=complete.index,
        holes={name: int(column.reading.missing.sum()) for name, column in typed.items()},
        completeness=completeness,
        remedy=question.remedy,
    )


def _complete_rows(question: EffectQuestion, names: Sequence[str]) -> tuple[dict[str, TypedColumn], NDArray[np.bool_]]:
    """The typed columns, and which rows are complete."""
    table, extra = question.table, question.extra_columns
    present = np.array(table[[*names, *extra]].notna().all(axis=1), dtype=bool)
    typed = type_columns(question.graph, table, names)[1] if present.any() else {}
    for column in typed.values():
        present &= ~column.reading.missing
    if (count := int(present.sum())) < LEAST_ROWS:
        way = f" Impute missing values: {question.remedy}." if len(table) >= LEAST_ROWS and question.remedy else ""
        raise DataError(
            f"Expected at least {LEAST_ROWS} rows with {', '.join([*names, *extra])}; got {count} "
            f"({len(table) - count} of {len(table)} rows lack one).{way}"
        )
    return typed, present


def _completeness(question: EffectQuestion, names: Sequence[str], present: NDArray[np.bool_]) -> Completeness | None:
    """The weights with which complete rows represent all; None if incomplete rows are just dropped."""
    if question.missing != "weight":
        return None
    sampling = np.ones(len(present))
    if question.weights is not None:
        sampling = sampling_weights(question.table[question.weights]).to_numpy()
    return complete_weights(question, names, present, sampling)


def _check_rows_of_arms(treatment: pd.Series, control: float, treated: float) -> None:
    first, second = treatment.value_counts().reindex([control, treated], fill_value=0)
    if min(first, second) < LEAST_ROWS_PER_ARM:
        raise DataError(
            f"Expected at least {LEAST_ROWS_PER_ARM} rows with each compared value of '{treatment.name}'; got {first:,} with "
            f"the first and {second:,} with the second. Collect more rows, or compare other values."
        )


def _check_width(data: pd.DataFrame, used: Sequence[str]) -> None:
    columns = 1 + sum(data[name].nunique() - 1 if data[name].dtype == "category" else 1 for name in used)
    if len(data) < 5 * columns:
        raise DataError(
            f"Expected at least 5 rows for each of {columns} columns of treatment and covariates; got {len(data)} "
            "rows. Collect more rows or merge rare labels."
        )


def sampling_weights(column: pd.Series, least: float = LEAST_ROWS) -> pd.Series:
    """Sampling weights of mean 1, whose effective sample size is at least `least`."""
    reading = read_values(column, kind="continuous")
    wrong = np.flatnonzero(~np.isfinite(reading.values) | (reading.values <= 0))
    if len(wrong):
        found = reading.faults[0].found if reading.kind is None else repr(column.tolist()[wrong[0]])
        raise DataError(
            f"Expected positive sampling weights in column '{column.name}'; got {found}. "
            "Leave out rows without a positive weight."
        )
    numbers = pd.Series(reading.values / reading.values.max())  # weights of any size have squares
    if (worth := effective_size(numbers)) < least:
        raise DataError(
            f"Expected sampling weights in column '{column.name}' with an effective sample size of at least {least}; "
            f"got weights so unequal (up to {numbers.max() / numbers.mean():.3g} times their mean) that it is "
            f"{worth:.1f}. Trim the largest weights, or collect more rows like those with large weights."
        )
    return numbers / numbers.mean()


def cluster_numbers(column: pd.Series) -> NDArray[np.int64]:
    if (fault := refused(column)) is not None and fault.remedy == SPREAD:
        raise DataError(
            f"Expected one value per cell in column '{column.name}' of clusters; got {fault.found}. Join them into one name."
        )
    words = column.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    codes, labels = pd.factorize(words)
    if len(labels) < LEAST_CLUSTERS:
        raise DataError(
            f"Expected at least {LEAST_CLUSTERS} clusters in column '{column.name}'; got {len(labels)}. With so few, "
            "no interval can be trusted; adjust for the column instead."
        )
    return codes


def _check_clusters_of_arms(data: pd.DataFrame, question: EffectQuestion, arms: Mapping[float, Any]) -> None:
    for value, label in arms.items():
        count = data[CLUSTER][data[question.treatment] == value].nunique()
        if count < LEAST_CLUSTERS_PER_ARM:
            raise DataError(
                f"Expected {question.treatment}={label!r} in at least {LEAST_CLUSTERS_PER_ARM} clusters of "
                f"'{question.cluster}'; got {count}. With so few clusters, cluster effects cannot be separated from "
                "the treatment effect. Collect more clusters."
            )


def _outcome_range(outcome: Variable, values: pd.Series) -> tuple[tuple[float, float] | None, str]:
    """Range and unit of the encoded outcome."""
    if outcome.kind == "binary":
        assert outcome.labels is not None
        return (0.0, 1.0), f"probability of {outcome.labels[1]}"
    if outcome.is_discrete:
        label = (outcome.labels or ("",))[-1]
        quantity = f"Declare it continuous if its numbers are quantities ({declare_remedy(outcome.name, 'continuous')}), or ask"
        raise DataError(
            f"Expected a continuous or binary outcome; '{outcome.name}' is {describe(outcome)}. "
            f"{'Ask' if isinstance(label, str) else quantity} for the probability of a label: "
            f"--outcome {shlex.quote(f'{outcome.name}={label}')} on the command line, causalgen.effects.label_outcome in "
            "Python."
        )
    if outcome.support is not None and not values.between(*outcome.support).all():
        low, high = outcome.support
        raise SupportError(
            f"Expected '{outcome.name}' inside its support [{low:g}, {high:g}]; got values from {values.min():g} to "
            f"{values.max():g}. Correct the table, or widen the support in the graph."
        )
    bounded = outcome.support is not None and bool(np.isfinite(outcome.support).all())
    return outcome.support if bounded else None, outcome.unit or ""
