"""First values for missing attributes, before a model can draw them: chained linear regressions."""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..graph import CausalGraph

__all__ = ["chained_guesses"]

SWEEPS = 10
PREDICTORS = 20
"""Maximum number of columns that predict a column: those most correlated with it."""


def chained_guesses(
    graph: CausalGraph, values: Mapping[str, Tensor], known: Mapping[str, Tensor], draws: int
) -> dict[str, Tensor]:
    """Draws `(k, missing)` of the missing values of each attribute, rounded to labels where it is discrete.

    Categorical attributes, whose codes have no order, are drawn from the known values of other rows.

    Args:
        graph: Describes the attributes.
        values: All attributes, `(N,)` each; a placeholder where a value is missing.
        known: By attribute with missing values: bool `(N,)`.
        draws: Number of draws k.
    """
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401, imported late: it takes a second
    from sklearn.impute import IterativeImputer

    found: dict[str, list[Tensor]] = {name: [] for name in known}
    for _ in range(draws):
        seed = int(torch.randint(2**31, ()))
        filled = {name: _of_other_rows(values[name], is_known) for name, is_known in known.items()}
        chained = [name for name in known if graph[name].kind != "categorical"]
        if chained:
            table, limits = _numbers(graph, dict(values) | filled, known, chained)
            imputer = IterativeImputer(
                sample_posterior=True,
                max_iter=SWEEPS,
                n_nearest_features=PREDICTORS if table.shape[1] > PREDICTORS else None,
                min_value=limits[:, 0],
                max_value=limits[:, 1],
                random_state=seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a few sweeps are enough to start from
                completed = torch.from_numpy(imputer.fit_transform(table))
            for place, name in enumerate(chained):
                column = completed[:, place].to(values[name].device)
                column = column.round() if graph[name].is_discrete else column
                filled[name] = torch.where(known[name], values[name], column.to(values[name].dtype))
        for name, is_known in known.items():
            found[name].append(filled[name][~is_known])
    return {name: torch.stack(parts) for name, parts in found.items()}


def _of_other_rows(values: Tensor, known: Tensor) -> Tensor:
    pool = values[known]
    chosen = pool[torch.randint(len(pool), (len(values),), device=pool.device)]
    return torch.where(known, values, chosen)


def _numbers(
    graph: CausalGraph, values: Mapping[str, Tensor], known: Mapping[str, Tensor], chained: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """A table `(N, columns)`, NaN where a chained attribute is missing, and the limits `(columns, 2)` of its columns."""
    columns, limits = [], []
    for name in chained:
        columns.append(values[name].double().masked_fill(~known[name], torch.nan).cpu())
        top = len(graph[name].labels or ()) - 1
        limits.append((0.0, float(top)) if graph[name].is_discrete else graph[name].support or (-np.inf, np.inf))
    for name in graph.attributes:
        if name in chained:
            continue
        if graph[name].kind == "categorical":
            columns += F.one_hot(values[name], len(graph[name].labels or ())).double().cpu().unbind(dim=1)
        else:
            columns.append(values[name].double().cpu())
    limits += [(-np.inf, np.inf)] * (len(columns) - len(limits))
    return torch.stack(columns, dim=1).numpy(), np.array(limits)
