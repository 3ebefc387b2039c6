"""Encoding of a table with labels as the numbers that estimators take; every fault is named."""

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.declared import type_columns
from ..datasets.hints import declare_remedy
from ..datasets.kinds import SPREAD, columns_line, describe, read_values, refused
from ..errors import DataError, DataWarning, SupportError, nearest, warn
from ..graph import CausalGraph, Variable

__all__ = ["CLUSTER", "DRAW", "WEIGHTS", "EncodedTable", "as_declared", "check_names", "encode_table", "numeric", "say"]

LEAST_ROWS = 50
LEAST_ROWS_PER_ARM = 10
LEAST_CLUSTERS, LEAST_CLUSTERS_PER_ARM = 10, 5
CLUSTER, WEIGHTS = "(cluster)", "(weights)"  # columns that an encoded table adds
DRAW = "(draw)"  # column that a bootstrap adds: which draw a row comes from
RESERVED = ("placebo", "w_random", CLUSTER, WEIGHTS, DRAW)  # the first two are columns that DoWhy's refuters add


@dataclass(frozen=True)
class EncodedTable:
    """Numbers for the estimators.

    Attributes:
        data: Treatment, outcome and covariates without missing values: floats, or categories for a covariate of
            more than two labels. A binary treatment is 1 where it equals the second value of the contrast. Sampling
            weights and clusters are the columns `WEIGHTS` and `CLUSTER`, where they are given.
        kind: Kind of the treatment.
        control: Treatment value compared with, as in `data`.
        treated: Treatment value of interest, as in `data`.
        contrast: The contrast as declared labels or floats.
        bounds: Range of the outcome in `data`; None when its variable declares no support.
        outcome_unit: Unit of the outcome.
        dropped: Number of rows left out because a used column is missing.
        names: Treatment and outcome.
        labels: Labels of the discrete covariates, in the order of their codes.
        held: Of several treatments: the covariates that the contrast holds, and the value at which it holds them.
        sides: Of several treatments: the contrast as two tuples of labels or floats.
        variables: Every used variable with the kind that was declared or decided, in the order of `data`.
        notes: What a reader should know about the columns.
    """

    data: pd.DataFrame
    kind: Literal["binary", "categorical", "continuous"]
    control: float
    treated: float
    contrast: tuple[Any, Any]
    bounds: tuple[float, float] | None
    outcome_unit: str
    dropped: int
    names: tuple[str, str] = ("", "")
    labels: Mapping[str, tuple[Hashable, ...]] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    sides: tuple[tuple[Any, ...], ...] = ()
    variables: tuple[Variable, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> str:
        """The kind that each used column was read as, in one line."""
        return columns_line(self.variables)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know about the columns and the rows."""
        if not self.dropped:
            return self.notes
        share = self.dropped / (self.dropped + len(self.data))
        percent = f"{share:.0%}" if share >= 0.005 else "under 1%"
        rows = "row was" if self.dropped == 1 else "rows were"
        return (
            *self.notes,
            f"{self.dropped:,} {rows} dropped ({percent}) because a used column is missing; unless they are missing at "
            "random, the effect is that of the complete rows. Fill them in, impute them, or say why they are missing.",
        )

    @property
    def covariates(self) -> pd.DataFrame:
        """The columns adjusted for."""
        return self.data.drop(columns=[*self.names, CLUSTER, WEIGHTS], errors="ignore")

    @property
    def readable(self) -> pd.DataFrame:
        """The columns adjusted for, with labels instead of codes."""
        codes = {name: self.data[name].astype(int).map(dict(enumerate(known))) for name, known in self.labels.items()}
        return self.covariates.assign(**{name: column.astype(str) for name, column in codes.items()})

    @property
    def weights(self) -> NDArray[np.float64]:
        """Sampling weights of mean 1, shape `(rows,)`; ones without any."""
        return self.data[WEIGHTS].to_numpy() if self.weighted else np.ones(len(self.data))

    @property
    def clusters(self) -> NDArray[np.int64] | None:
        """Number of each row's cluster, shape `(rows,)`; None when rows are independent."""
        return np.unique(self.data[CLUSTER], return_inverse=True)[1] if self.clustered else None

    @property
    def weighted(self) -> bool:
        """Whether rows have sampling weights."""
        return WEIGHTS in self.data

    @property
    def clustered(self) -> bool:
        """Whether rows are clustered."""
        return CLUSTER in self.data


def numeric(covariates: pd.DataFrame) -> NDArray[np.float64]:
    """Covariates as numbers, shape `(rows, columns)`: an indicator for every category but the first."""
    if not len(covariates.columns):
        return np.zeros((len(covariates), 0))
    if "category" in covariates.dtypes.astype(str).to_numpy():
        covariates = pd.get_dummies(covariates, drop_first=True)
    return covariates.to_numpy(dtype=float)


def say(table: EncodedTable) -> None:
    """Emit the warnings that a result without a place for them, such as a data frame, cannot hold."""
    for text in table.warnings:
        warn(text, DataWarning)


def check_names(graph: CausalGraph, table: pd.DataFrame, treatment: str, outcome: str) -> None:
    """Check that the question, the graph and the table name the same things.

    Raises:
        UnknownNameError: Treatment or outcome is no node of the graph.
        DataError: Treatment and outcome are equal or images, or an attribute of the graph has no column.
    """
    if not isinstance(graph, CausalGraph):
        raise DataError(f"Expected the graph as a CausalGraph; got {type(graph).__name__}.")
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"Expected the table as a pandas DataFrame; got {type(table).__name__}.")
    for name in (treatment, outcome):
        graph.require(name)
        if graph[name].is_image:
            raise DataError(
                f"Expected an attribute as treatment and outcome; got the image '{name}'. "
                "Measure or predict an attribute on the image first."
            )
    if treatment == outcome:
        raise DataError(f"Expected two different variables as treatment and outcome; got '{treatment}' twice.")
    repeated = table.columns[table.columns.duplicated()].tolist()
    if repeated:
        raise DataError(f"Expected distinct column names; got {repeated} more than once.")
    for variable in graph.variables.values():
        if variable.is_image:
            continue
        if variable.name not in table.columns:
            raise DataError(
                f"Expected a column for every attribute of the graph; '{variable.name}' has none."
                + nearest(variable.name, map(str, table.columns))
                + " If it is unobserved, remove it with graph.project([...]), which keeps the paths through it."
            )
        if variable.name in RESERVED:
            raise DataError(f"Expected a name other than {RESERVED}, used by DoWhy; got '{variable.name}'. Rename it.")


def encode_table(
    graph: CausalGraph,
    table: pd.DataFrame,
    treatment: str,
    outcome: str,
    adjustment: Sequence[str],
    contrast: Any,
    *,
    weights: str | None = None,
    cluster: str | None = None,
) -> EncodedTable:
    """Encode the columns that an estimate uses and drop their incomplete rows.

    Args:
        graph: Declares the variables.
        table: One row per unit.
        treatment: Name of the treatment.
        outcome: Name of the outcome.
        adjustment: Names of the other variables that the estimators use.
        contrast: (a, b), labels or natural units.
        weights: Column of sampling weights.
        cluster: Column that names the cluster of each row.

    Raises:
        DataError: A value is neither a label nor a finite number, a column does not vary, the contrast is not two
            distinct values of the treatment, the kinds do not suit, or too few rows remain.
        SupportError: The contrast or an outcome lies outside the declared support.
    """
    used = [treatment, outcome, *adjustment]
    extra = [name for name in (weights, cluster) if name is not None]
    for name in extra:
        if not isinstance(name, str):
            raise DataError(f"Expected the name of a column for weights and cluster; got {type(name).__name__}.")
        if name in (treatment, outcome):
            raise DataError(f"Expected a separate column for weights and cluster; got '{name}', which is compared.")
        if name not in table.columns:
            raise DataError(
                f"Expected a column for weights and cluster; '{name}' has none."
                + nearest(name, map(str, table.columns))
            )
    present = np.array(table[[*used, *extra]].notna().all(axis=1), dtype=bool)
    typed = type_columns(graph, table, used)[1] if present.any() else {}
    for column in typed.values():
        present &= ~column.reading.missing
    complete = table.loc[present, list(dict.fromkeys([*used, *extra]))].reset_index(drop=True)
    if len(complete) < LEAST_ROWS:
        raise DataError(
            f"Expected at least {LEAST_ROWS} rows with {', '.join([*used, *extra])}; got {len(complete)} "
            f"({len(table) - len(complete)} of {len(table)} rows lack one)."
        )
    variables = {name: typed[name].variable for name in used}
    data = pd.DataFrame({name: typed[name].reading.values[present] for name in used})
    for name in (treatment, outcome):
        if data[name].nunique() < 2:
            raise DataError(f"Expected '{name}' to vary; every row has {complete[name].tolist()[0]!r}.")
    if np.array_equal(data[treatment], data[outcome]):
        raise DataError(
            f"Expected an outcome that is not the treatment itself; column '{outcome}' equals '{treatment}' in every "
            "row. Name another outcome."
        )
    contrast, control, treated = _contrast(variables[treatment], contrast)
    if variables[treatment].is_discrete:
        sizes = data[treatment].value_counts().reindex([control, treated], fill_value=0)
        if sizes.min() < LEAST_ROWS_PER_ARM:
            raise DataError(
                f"Expected at least {LEAST_ROWS_PER_ARM} rows for each value of '{treatment}'; got "
                f"{sizes.min()}. Collect more rows of the rarer one."
            )
    if variables[treatment].kind == "binary":
        data[treatment] = (data[treatment] == treated).astype(float)
        control, treated = 0.0, 1.0
    bounds, unit = _outcome_range(variables[outcome], data[outcome])
    for name in adjustment:
        if variables[name].is_discrete and len(variables[name].labels or ()) > 2:
            data[name] = data[name].astype(int).astype("category")
    columns = 1 + sum(data[name].nunique() - 1 if data[name].dtype == "category" else 1 for name in adjustment)
    if len(data) < 5 * columns:
        raise DataError(
            f"Expected at least 5 rows for each of {columns} columns of treatment and covariates; got {len(data)} "
            "rows. Collect more rows or merge rare labels."
        )
    if weights is not None:
        data[WEIGHTS] = _weights(complete[weights])
    if cluster is not None:
        data[CLUSTER] = _clusters(complete[cluster])
        if variables[treatment].is_discrete:
            _check_clusters_of_arms(data, treatment, cluster, {control: contrast[0], treated: contrast[1]})
    kind = variables[treatment].kind
    return EncodedTable(
        data=data,
        kind="binary" if kind == "binary" else "categorical" if variables[treatment].is_discrete else "continuous",
        control=control,
        treated=treated,
        contrast=contrast,
        bounds=bounds,
        outcome_unit=unit,
        dropped=len(table) - len(complete),
        names=(treatment, outcome),
        labels={name: variables[name].labels or () for name in adjustment if variables[name].is_discrete},
        variables=tuple(variables.values()),
        notes=tuple(note for column in typed.values() for note in column.reading.notes),
    )


def _weights(column: pd.Series) -> pd.Series:
    reading = read_values(column, kind="continuous")
    wrong = np.flatnonzero(~np.isfinite(reading.values) | (reading.values <= 0))
    if len(wrong):
        found = reading.faults[0].found if reading.kind is None else repr(column.tolist()[wrong[0]])
        raise DataError(
            f"Expected positive sampling weights in column '{column.name}'; got {found}. "
            "Leave out rows without a positive weight."
        )
    numbers = pd.Series(reading.values / reading.values.max())  # weights of any size have squares
    if (worth := numbers.sum() ** 2 / (numbers**2).sum()) < LEAST_ROWS:
        raise DataError(
            f"Expected sampling weights in column '{column.name}' with an effective sample size of at least {LEAST_ROWS}; "
            f"got weights so unequal (up to {numbers.max() / numbers.mean():.3g} times their mean) that it is "
            f"{worth:.1f}. Trim the largest weights, or collect more rows like those with large weights."
        )
    return numbers / numbers.mean()


def _clusters(column: pd.Series) -> NDArray[np.int64]:
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


def _check_clusters_of_arms(data: pd.DataFrame, treatment: str, cluster: str, arms: Mapping[float, Any]) -> None:
    for value, label in arms.items():
        count = data[CLUSTER][data[treatment] == value].nunique()
        if count < LEAST_CLUSTERS_PER_ARM:
            raise DataError(
                f"Expected {treatment}={label!r} in at least {LEAST_CLUSTERS_PER_ARM} clusters of '{cluster}'; got "
                f"{count}. With so few clusters, what they share cannot be separated from the effect. Collect more clusters."
            )


def _contrast(treatment: Variable, contrast: Any) -> tuple[tuple[Any, Any], float, float]:
    """The contrast as labels or floats, and as numbers."""
    if not isinstance(contrast, (tuple, list)) or len(contrast) != 2:
        raise DataError(
            f"Expected contrast=(a, b), which compares do({treatment.name}=b) with do({treatment.name}=a); "
            f"got {contrast!r}."
        )
    shown = (as_declared(treatment, contrast[0]), as_declared(treatment, contrast[1]))
    control, treated = map(treatment.encode, shown) if treatment.is_discrete else shown
    if control == treated:
        raise DataError(f"Expected two different values of '{treatment.name}' in the contrast; got {contrast!r}.")
    return shown, float(control), float(treated)


def as_declared(treatment: Variable, value: Any) -> Any:
    """A value of the contrast as the declared label, or as a number inside the support.

    Raises:
        DataError: The value is neither a label nor a finite number.
        SupportError: It lies outside the support.
    """
    if treatment.is_discrete:
        return treatment.decode(_code(treatment, value))
    number = _finite(treatment.name, value)
    low, high = treatment.support or (-np.inf, np.inf)
    if not low <= number <= high:
        raise SupportError(
            f"Expected the contrast inside the support [{low:g}, {high:g}] of '{treatment.name}'; got {number:g}."
        )
    return number


def _code(treatment: Variable, value: Any) -> int:
    """Code of a label, which may be given as text: "1" or "1.0" for 1."""
    value = value.strip() if isinstance(value, str) else value
    if str(value).lower() in ("false", "true") and set(treatment.labels or ()) == {False, True}:
        value = str(value).capitalize()  # shells write true
    if value not in (treatment.labels or ()) and isinstance(value, str):
        with suppress(ValueError, OverflowError):
            value = float(value) if float(value) in (treatment.labels or ()) else value
    try:
        return treatment.encode(value)
    except DataError as error:
        if not all(isinstance(label, int | float) and not isinstance(label, bool) for label in treatment.labels or ()):
            raise
        remedy = (
            f" Or declare it continuous, if its numbers are quantities: {declare_remedy(treatment.name, 'continuous')}."
        )
        raise DataError(f"{error}{remedy}") from None


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise DataError(f"Expected finite numbers in the contrast of the continuous variable '{name}'; got {value!r}.")
    return number


def _outcome_range(outcome: Variable, values: pd.Series) -> tuple[tuple[float, float] | None, str]:
    """Range and unit of the encoded outcome."""
    if outcome.kind == "binary":
        assert outcome.labels is not None
        return (0.0, 1.0), f"probability of {outcome.labels[1]}"
    if outcome.is_discrete:
        raise DataError(
            f"Expected a continuous or binary outcome; '{outcome.name}' is {describe(outcome)}. Declare it continuous if "
            f"its numbers are quantities ({declare_remedy(outcome.name, 'continuous')}), or ask for the probability of "
            "one label: recode it as binary."
        )
    if outcome.support is not None and not values.between(*outcome.support).all():
        low, high = outcome.support
        raise SupportError(
            f"Expected '{outcome.name}' inside its support [{low:g}, {high:g}]; got values from {values.min():g} to "
            f"{values.max():g}. Correct the table, or widen the support in the graph."
        )
    bounded = outcome.support is not None and bool(np.isfinite(outcome.support).all())
    return outcome.support if bounded else None, outcome.unit or ""
