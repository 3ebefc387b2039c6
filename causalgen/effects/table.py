"""The numbers that estimators use, with the data that they were encoded from."""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.kinds import columns_line
from ..errors import DataError, DataWarning, nearest, warn
from ..graph import CausalGraph, Variable

if TYPE_CHECKING:
    from .missing.completeness import Completeness

__all__ = [
    "CLUSTER",
    "DRAW",
    "WEIGHTS",
    "EncodedTable",
    "check_names",
    "coded",
    "independent_units",
    "numeric",
    "say",
    "warns_of_dropped_rows",
]

CLUSTER, WEIGHTS = "(cluster)", "(weights)"  # columns that an encoded table adds
DRAW = "(draw)"  # column that a bootstrap adds: the draw from which a row comes
AS_FRAME = "Convert it with pd.DataFrame(table), or with table.to_pandas() from Polars or Arrow."
RESERVED = ("placebo", "w_random", CLUSTER, WEIGHTS, DRAW)  # the first two are columns that DoWhy's refuters add


@dataclass(frozen=True)
class EncodedTable:
    """Numbers for the estimators.

    Attributes:
        data: Treatment, outcome and covariates without missing values: floats, or categories for a covariate of
            more than two labels. A binary treatment is 1 where it equals the second value of the contrast. Sampling
            weights and clusters are the columns `WEIGHTS` and `CLUSTER`, if given.
        kind: Kind of the treatment.
        control: Treatment value compared with, as in `data`.
        treated: Treatment value of interest, as in `data`.
        contrast: The contrast as declared labels or floats.
        bounds: Range of the outcome in `data`; None when its variable declares no support.
        outcome_unit: Unit of the outcome.
        dropped: Number of rows left out because a used column is missing.
        names: Treatment and outcome.
        labels: Labels of the discrete covariates, in the order of their codes.
        held: For several treatments: the covariates that the contrast holds fixed, and their values.
        sides: For several treatments: the contrast as two tuples of labels or floats.
        variables: Every used variable with the kind that was declared or decided, in the order of `data`.
        notes: What a reader should know about the columns.
        index: Labels of the rows in the user's table, in the order of `data`.
        holes: By used column: its missing cells in the user's table.
        completeness: How complete rows represent all; None if incomplete rows are just left out.
        remedy: How to have missing values imputed; empty if that would be refused.
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
    index: pd.Index | None = None
    holes: Mapping[str, int] = field(default_factory=dict)
    completeness: "Completeness | None" = None
    remedy: str = ""

    @property
    def columns(self) -> str:
        """The kind that each used column was read as, in one line."""
        return columns_line(self.variables)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know about the columns and the rows."""
        if not self.dropped:
            return self.notes
        if self.completeness is not None:
            many = self.completeness.truncated
            weights = "weight of a complete row was" if many == 1 else "weights of complete rows were"
            cut = f"{many:,} {weights} lowered to 20 times the mean: few rows represent many here."
            return (*self.notes, cut) if many else self.notes
        share = self.dropped / (self.dropped + len(self.data))
        percent = f"{share:.0%}" if share >= 0.005 else "under 1%"
        rows = "row was" if self.dropped == 1 else "rows were"
        imputed = f", or have them imputed: {self.remedy}" if self.remedy else ""
        return (
            *self.notes,
            f"{self.dropped:,} {rows} dropped ({percent}) because a used column is missing; unless they are missing at "
            f"random, the effect is that of the complete rows. Fill them in{imputed}.",
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
        """Sampling weights of mean 1, shape `(rows,)`; ones if there are none."""
        return self.data[WEIGHTS].to_numpy() if self.weighted else np.ones(len(self.data))

    @property
    def clusters(self) -> NDArray[np.int64] | None:
        """Number of each row's cluster, shape `(rows,)`; None when rows are independent."""
        return np.unique(self.data[CLUSTER], return_inverse=True)[1] if self.clustered else None

    @property
    def units(self) -> int:
        """Number of independent units: clusters, or rows without any."""
        return independent_units(len(self.data), self.clusters)

    @property
    def weighted(self) -> bool:
        """Whether rows have sampling weights."""
        return WEIGHTS in self.data

    @property
    def clustered(self) -> bool:
        """Whether rows are clustered."""
        return CLUSTER in self.data


def independent_units(rows: int, clusters: NDArray[np.int64] | None) -> int:
    """Number of clusters, numbered from 0, or of rows without any."""
    return rows if clusters is None else int(clusters.max()) + 1


def numeric(covariates: pd.DataFrame) -> NDArray[np.float64]:
    """Covariates as numbers, shape `(rows, columns)`: an indicator for every category but the first."""
    if not len(covariates.columns):
        return np.zeros((len(covariates), 0))
    labelled = [name for name, dtype in covariates.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    if not labelled:
        return covariates.to_numpy(dtype=float)
    parts = [covariates.drop(columns=labelled).to_numpy(dtype=float)]
    for name in labelled:  # pandas' get_dummies gives the same, and takes ten times as long
        codes = covariates[name].cat.codes.to_numpy()
        parts.append((codes[:, None] == np.arange(1, len(covariates[name].cat.categories))).astype(float))
    return np.hstack(parts)


def coded(covariates: pd.DataFrame) -> NDArray[np.float64]:
    """Covariates as numbers, shape `(rows, covariates)`: a category as the place of its label."""
    codes = {name: column.cat.codes for name, column in covariates.items() if column.dtype == "category"}
    return covariates.assign(**codes).to_numpy(dtype=float)  # type: ignore[arg-type]  # names of columns are text


def warns_of_dropped_rows(text: str) -> bool:
    """Whether a text is the warning about rows that were left out.

    >>> warns_of_dropped_rows("1,200 rows were dropped (5%) because ..."), warns_of_dropped_rows("12 rows are equal.")
    (True, False)
    """
    return re.match(r"[\d,]+ rows? (was|were) dropped ", text) is not None


def say(table: EncodedTable) -> None:
    """Emit warnings for a result that cannot hold them, such as a data frame."""
    for text in table.warnings:
        warn(text, DataWarning)


def check_names(graph: CausalGraph, table: pd.DataFrame, treatment: str, outcome: str) -> None:
    """Check that the question, the graph and the table name the same things.

    Raises:
        UnknownNameError: Treatment or outcome is not a node of the graph.
        DataError: Treatment and outcome are equal or images, or an attribute of the graph has no column.
    """
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"Expected the table as a pandas DataFrame; got {type(table).__name__}. {AS_FRAME}")
    if table.columns.nlevels > 1:
        raise DataError(
            f"Expected one level of column names; got {table.columns.nlevels}, such as {table.columns[0]}. Join them: "
            "table.columns = ['_'.join(map(str, names)) for names in table.columns]."
        )
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
        raise DataError(f"Expected distinct column names; got {repeated} more than once. Rename or drop one of them.")
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
