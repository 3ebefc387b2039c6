"""The question of an effect: which contrast, of which variables, in which table, under which graph."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from ..datasets.declared import KindsLike, declare_kinds
from ..errors import DataError, nearest
from ..graph import CausalGraph, Estimand, GraphLike, as_graph
from .find_estimand import find_estimand
from .missing.ways import WAYS, Way, remedy
from .table import check_names

if TYPE_CHECKING:
    from .report import EffectReport
    from .survival.censored import CensoredOutcome

__all__ = ["ContrastWords", "EffectQuestion", "QuestionWords"]


class QuestionWords(TypedDict, total=False):
    """Keywords of a question about a curve or a group of rows; each is explained in `EffectQuestion`."""

    treatment: str
    outcome: str
    adjustment: Sequence[str] | None
    weights: str | None
    cluster: str | None
    variables: KindsLike | None
    event: str | None
    horizon: float | None
    missing: Way


class ContrastWords(QuestionWords, total=False):
    """The same with the contrast."""

    contrast: tuple[Any, Any]


@dataclass(frozen=True, eq=False)
class EffectQuestion:
    """The effect of do(treatment=b) against do(treatment=a), checked against graph and table once.

    A public function builds it from its keywords, and everything below takes it instead of them::

        question = EffectQuestion(graph, table, treatment, outcome, contrast, variables=variables, cluster=cluster)
        question.estimand                    # found in the graph, or checked where an adjustment set was given
        encoded = encode_question(question)  # from causalgen.effects.encode: the columns that the estimand uses
        replace(question, contrast=(0, 1))   # the same question with another contrast, checked again

    Args:
        graph: The assumed causal graph. Images are projected out: the attribute is the graph of the attributes.
        table: One row per unit; a column for every attribute of the graph.
        treatment: A name, or several; a list of one name becomes that name, several become a tuple.
        outcome: Name of the outcome.
        contrast: (a, b), labels or natural units; of several treatments ((a1, a2), (b1, b2)). `encode_question` checks it.
        adjustment: The user's adjustment set; None to have one found.
        instrument: The user's instrument; None for none.
        weights: Column of sampling weights.
        cluster: Column that names the cluster of each row.
        missing: What happens to missing values: "drop" leaves incomplete rows out, "weight" weights complete rows to
            represent them, "impute" fills the cells in; see `causalgen.effects.missing`.
        variables: Kinds of columns, which override the graph: {"clinic": "categorical"}.
        event: Of an outcome that is a time until an event or until censoring: the column that says whether the event
            happened, or "column=label". The outcome of the question is then the pseudo-observation of the time up to the
            horizon, and `survival` holds what was observed.
        horizon: Time up to which such an outcome is followed.
        survival: Derived from event and horizon; None for an outcome without censoring.
        imputable: Whether the caller pools estimates over tables with imputed values.

    Raises:
        UnknownNameError: Treatment or outcome is not a node of the graph.
        DataError: Treatment and outcome are equal or images, an attribute of the graph has no column, or event and horizon
            do not fit.
    """

    graph: CausalGraph
    table: pd.DataFrame
    treatment: str | tuple[str, ...]
    outcome: str
    contrast: Any = None
    adjustment: Sequence[str] | None = None
    instrument: str | None = None
    weights: str | None = None
    cluster: str | None = None
    missing: Way = "drop"
    variables: InitVar[KindsLike | None] = None
    event: InitVar[str | None] = None
    horizon: InitVar[float | None] = None
    survival: "CensoredOutcome | None" = None
    imputable: bool = False

    def __post_init__(self, variables: KindsLike | None, event: str | None, horizon: float | None) -> None:
        if self.missing not in WAYS:
            raise DataError(
                f"Expected missing among {', '.join(WAYS)}; got {self.missing!r}." + nearest(str(self.missing), WAYS)
            )
        object.__setattr__(self, "graph", as_graph(self.graph))
        treatment, contrast = _read(self.treatment, self.contrast)
        object.__setattr__(self, "treatment", treatment)
        for name in self.treatments:
            check_names(self.graph, self.table, name, self.outcome)
        graph = declare_kinds(self.graph, self.table, variables)
        attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
        for field, value in (("contrast", contrast), ("graph", attributes)):
            object.__setattr__(self, field, value)
        if event is not None or horizon is not None:
            if self.missing != "drop":
                raise DataError(
                    f"Expected missing='drop' with a censored outcome; got {self.missing!r}. Censoring is handled by "
                    "pseudo-observations of complete rows."
                )
            from .survival.censored import replace_censored

            replaced = replace_censored(self, event, horizon)
            for field, value in zip(("graph", "table", "survival"), replaced, strict=True):
                object.__setattr__(self, field, value)

    @classmethod
    def of_report(cls, graph: GraphLike, table: pd.DataFrame, report: "EffectReport") -> "EffectQuestion":
        """The question that a report answers, with its column kinds; graph and table are given again.

        If values were imputed, its table is the first completed one.
        """
        survival, way = report.survival, "drop" if report.missing is None else report.missing.way
        asked = cls(
            as_graph(graph),
            table,
            report.treatment,
            report.outcome,
            report.contrast,
            adjustment=report.estimand.adjustment if survival and report.estimand.method == "backdoor" else None,
            instrument=report.estimand.instrument if survival else None,
            weights=report.weights,
            cluster=report.cluster,
            missing=way,
            variables={variable.name: variable for variable in report.variables},
            event=None if survival is None else survival.event,
            horizon=None if survival is None else survival.horizon,
        )
        if way != "impute":
            return asked
        from .missing.impute import imputation

        used = [variable.name for variable in report.variables]
        return next(imputation(asked, used).completed(report.seed, 1))

    @property
    def treatments(self) -> tuple[str, ...]:
        """The treatments, one or several."""
        return (self.treatment,) if isinstance(self.treatment, str) else self.treatment

    @cached_property
    def estimand(self) -> Estimand:
        """What identifies the effect.

        Raises:
            NotIdentifiableError: No estimator here can use what identifies it, or the given set or instrument is invalid.
        """
        return find_estimand(
            self.graph, self.treatment, self.outcome, adjustment=self.adjustment, instrument=self.instrument
        )

    @property
    def used(self) -> list[str]:
        """The variables that the estimand uses next to treatment and outcome."""
        return [*self.estimand.adjustment, *self.estimand.beside]

    @property
    def remedy(self) -> str:
        """How to have missing values imputed; empty if that would be refused."""
        if not self.imputable or self.survival is not None or self.estimand.method == "instrument":
            return ""
        return remedy("impute")

    @property
    def extra_columns(self) -> list[str]:
        """The columns of weights and clusters, without holes unless incomplete rows are dropped."""
        extra = [name for name in (self.weights, self.cluster) if name is not None]
        for name in extra:
            if not isinstance(name, str):
                raise DataError(f"Expected the name of a column for weights and cluster; got {type(name).__name__}.")
            if name in (*self.treatments, self.outcome):
                raise DataError(f"Expected a separate column for weights and cluster; got '{name}', which is compared.")
            if name not in self.table.columns:
                raise DataError(
                    f"Expected a column for weights and cluster; '{name}' has none."
                    + nearest(name, map(str, self.table.columns))
                )
            if self.missing != "drop" and (holes := int(self.table[name].isna().sum())):
                raise DataError(
                    f"Expected a value in every row of '{name}', which cannot be imputed; {holes:,} are missing. Fill "
                    "them "
                    "in, or leave these rows out of the table."
                )
        return extra


def _read(treatment: Any, contrast: Any) -> tuple[str | tuple[str, ...], Any]:
    """The treatment as a name, or several as a tuple, with the contrast; a list of one treatment is that one.

    >>> _read(["drug"], ((0,), (1,))), _read(("drug", "dose"), ((0, 1), (1, 2)))
    (('drug', (0, 1)), (('drug', 'dose'), ((0, 1), (1, 2))))
    """
    contrast = contrast.tolist() if isinstance(contrast, np.ndarray) else contrast
    if isinstance(treatment, str):
        return treatment, contrast
    if not isinstance(treatment, list | tuple) or not all(isinstance(name, str) for name in treatment):
        raise DataError(f"Expected the treatment as a name or a tuple of names; got {treatment!r}.")
    names = tuple(treatment)
    if not names or len(set(names)) < len(names):
        raise DataError(f"Expected different names of treatments; got {', '.join(names) or 'none'}.")
    if len(names) > 1:
        return names, contrast
    sides = tuple(contrast) if isinstance(contrast, list | tuple) else ()
    nested = bool(sides) and all(isinstance(side, list | tuple) and len(side) == 1 for side in sides)
    return names[0], tuple(side[0] for side in sides) if nested else contrast
