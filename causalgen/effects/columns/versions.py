"""Versions of one table: assigned values where they are known, proxies everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...datasets.declared import with_variables
from ...errors import DataError
from ...graph import CausalGraph, Variable
from ..encode import encode_question
from ..question import EffectQuestion
from ..table import EncodedTable
from .declare import Column

__all__ = ["Versions", "versions"]

LEAST_LABELLED = 50


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
        clusters = self.everywhere.clusters
        return np.arange(len(self.labelled)) if clusters is None else clusters


def versions(question: EffectQuestion, columns: Sequence[Column]) -> Versions:
    """Split the table of a question into its versions.

    Args:
        question: The question, its graph without the proxies.
        columns: The used columns that have a proxy.

    Raises:
        DataError: Too few rows are labelled, all are, a predictor was fitted on labelled rows, a proxy copies what it
            stands for, or a value does not fit.
    """
    table, outcome, names = question.table, question.outcome, [column.name for column in columns]
    proxies = {column.name: str(column.proxy) for column in columns}
    needed = [proxies.get(name, name) for name in (str(question.treatment), outcome, *question.used)]
    complete = table[table[needed].notna().all(axis=1)]
    known = complete[names].notna().all(axis=1)
    kept = ~_fitted(complete, known, columns)
    complete, labelled = complete[kept], known[kept].to_numpy()
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
    assigned = encode_question(replace(question, table=complete[labelled]))
    read = {name: _checked(question, name, complete[proxy]) for name, proxy in proxies.items()}
    _check_copies(complete[labelled], proxies)
    proxied = complete.assign(**read)
    loose = replace(question, graph=_loosened(question)) if outcome in proxies else question
    everywhere = encode_question(replace(loose, table=proxied), question.used)
    if len(everywhere.data) != len(complete):
        raise DataError(
            f"Expected a cluster for every row; '{question.cluster}' is missing in some. Fill it in, or leave them out."
        )
    return Versions(
        labelled=labelled,
        everywhere=replace(everywhere, outcome_unit=assigned.outcome_unit),
        proxied=encode_question(replace(loose, table=proxied[labelled]), question.used),
        assigned=assigned,
        dropped=len(table) - len(complete),
    )


def _fitted(complete: pd.DataFrame, known: pd.Series, columns: Sequence[Column]) -> NDArray[np.bool_]:
    """The rows on which a predictor was fitted; refused if they are labelled."""
    fitted = np.zeros(len(complete), dtype=bool)
    for column in columns:
        seen = complete.index.isin(() if column.fitted_on is None else list(column.fitted_on))
        if (seen & known).any():
            raise DataError(
                f"Expected labelled rows on which the predictor of '{column.name}' was not fitted; it was fitted on "
                f"{(seen & known).sum()} of {known.sum()}. Its errors are smaller there than elsewhere: label other "
                "rows, or leave these out."
            )
        fitted |= seen
    return fitted


def _check_copies(labelled: pd.DataFrame, proxies: dict[str, str]) -> None:
    """Refuse a continuous proxy that repeats the assigned values, since no reading is that good."""
    for name, proxy in proxies.items():
        if labelled[name].nunique() > 2 and (labelled[name] == labelled[proxy]).all():
            raise DataError(
                f"Expected a proxy with errors of its reading; '{proxy}' equals '{name}' in all {len(labelled)} labelled "
                "rows, as a copy of it or a prediction for rows that the predictor was fitted on would. Leave the assigned "
                "values out of the proxy."
            )


def _checked(question: EffectQuestion, name: str, proxy: pd.Series) -> pd.Series:
    """A proxy in its variable's terms: labels, numbers, or for a binary outcome the second label's probability."""
    variable = question.graph[name]
    if variable.labels is None:
        return proxy
    labels = proxy.isin(variable.labels)
    if name != question.outcome:
        if not labels.all():
            raise DataError(
                f"Expected labels of '{name}' in its proxy '{proxy.name}'; got {proxy[~labels].tolist()[0]!r}. Turn "
                "predicted probabilities into labels first."
            )
        return proxy
    if labels.all():
        return (proxy == variable.labels[1]).astype(float)
    numbers = pd.to_numeric(proxy, errors="coerce")
    if not numbers.between(0, 1).all():
        raise DataError(
            f"Expected labels of '{name}' or probabilities of {variable.labels[1]!r} in its proxy '{proxy.name}'; got "
            f"{proxy[~numbers.between(0, 1)].tolist()[0]!r}."
        )
    return numbers


def _loosened(question: EffectQuestion) -> CausalGraph:
    """The graph with an unbounded outcome: a reading may leave the range of what it reads."""
    outcome = question.outcome
    return with_variables(question.graph, [Variable(outcome, "continuous", unit=question.graph[outcome].unit)])
