"""LiNGAM: linear relations with non-Gaussian noise single out one DAG; by causal-learn.

The order of the columns comes from causal-learn's DirectLiNGAM or ICALiNGAM, the edges from its adaptive lasso along that
order. Forbidden edges are left out of the lasso: as prior knowledge causal-learn would read a forbidden a -> b as "b comes
before a", which is a stronger statement. Tiers and required edges are such statements about the order.
"""

import warnings
from collections.abc import Iterable

import numpy as np
from causallearn.search.FCMBased.lingam import DirectLiNGAM, ICALiNGAM
from causallearn.search.FCMBased.lingam.utils import predict_adaptive_lasso
from scipy.stats import jarque_bera
from sklearn.exceptions import ConvergenceWarning

from .columns import SearchedColumns
from .equivalence import ClassKind, Edge, EquivalenceClass
from .knowledge import Knowledge

__all__ = ["direct_lingam", "gaussian_noises", "ica_lingam"]

KIND: ClassKind = "DAG under LiNGAM's assumptions"


def direct_lingam(columns: SearchedColumns, knowledge: Knowledge) -> EquivalenceClass:
    """The DAG that DirectLiNGAM finds.

    Reference: Shimizu et al., DirectLiNGAM, JMLR 2011.
    """
    names = columns.names
    prior = np.full((len(names), len(names)), -1)
    for i, cause in enumerate(names):
        for j, effect in enumerate(names):
            if knowledge.requires(cause, effect):
                prior[j, i] = 1
            elif _later(cause, effect, knowledge):
                prior[j, i] = 0
    found = DirectLiNGAM(prior_knowledge=prior if (prior >= 0).any() else None).fit(_scaled(columns))
    return _edges(columns, found.causal_order_, knowledge)


def ica_lingam(columns: SearchedColumns, seed: int) -> EquivalenceClass:
    """The DAG that ICA-LiNGAM finds; it takes no background knowledge.

    Reference: Shimizu et al., A linear non-Gaussian acyclic model for causal discovery, JMLR 2006.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = ICALiNGAM(random_state=seed).fit(_scaled(columns))
    conflicts = ["The independent component analysis did not converge."]
    failed = any(issubclass(item.category, ConvergenceWarning) for item in caught)
    return _edges(columns, found.causal_order_, Knowledge(), conflicts if failed else ())


def gaussian_noises(columns: SearchedColumns, found: EquivalenceClass, level: float = 0.05) -> tuple[str, ...]:
    """The columns whose residual given their parents is not rejected as Gaussian (Jarque-Bera).

    With two of them, the directions between these have no basis.
    """
    values = _scaled(columns)
    kept = []
    for place, name in enumerate(columns.names):
        parents = [columns.names.index(a) for a, b in found.directed if b == name]
        design = np.column_stack([np.ones(len(values)), values[:, parents]])
        residual = values[:, place] - design @ np.linalg.lstsq(design, values[:, place], rcond=None)[0]
        if jarque_bera(residual).pvalue > level:
            kept.append(name)
    return tuple(kept)


def _later(cause: str, effect: str, knowledge: Knowledge) -> bool:
    tier = {name: position for position, names in enumerate(knowledge.tiers) for name in names}
    return cause in tier and effect in tier and tier[cause] > tier[effect]


def _scaled(columns: SearchedColumns) -> np.ndarray:
    return (columns.values - columns.values.mean(axis=0)) / columns.values.std(axis=0)


def _edges(
    columns: SearchedColumns, order: list[int], knowledge: Knowledge, conflicts: Iterable[str] = ()
) -> EquivalenceClass:
    """The parents of each column among those before it, by the adaptive lasso; a required one always stays."""
    names, values = columns.names, _scaled(columns)
    edges: list[Edge] = []
    for place, effect in enumerate(order):
        causes = [k for k in order[:place] if not knowledge.forbids(names[k], names[effect])]
        weights = predict_adaptive_lasso(values, causes, effect) if causes else ()
        for cause, weight in zip(causes, weights):
            if weight != 0 or knowledge.requires(names[cause], names[effect]):
                edges.append((names[cause], "->", names[effect]))
    return EquivalenceClass(KIND, names, tuple(edges), tuple(conflicts))
