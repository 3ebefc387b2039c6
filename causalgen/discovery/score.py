"""GES: greedy search over equivalence classes for the best score, by causal-learn."""

import numpy as np
from causallearn.search.ScoreBased.GES import ges as causal_learn_ges

from .columns import SearchedColumns
from .equivalence import EquivalenceClass, from_partial

__all__ = ["ges"]


def ges(columns: SearchedColumns) -> EquivalenceClass:
    """The CPDAG with the best score: Gaussian BIC of continuous columns, BDeu of discrete ones.

    Reference: Chickering, Optimal structure identification with greedy search, JMLR 2002.
    """
    names, values = columns.names, columns.values
    if columns.kinds[0] == "continuous":
        scaled = (values - values.mean(axis=0)) / values.std(axis=0)
        found = causal_learn_ges(scaled, "local_score_BIC")
    else:
        found = causal_learn_ges(values.astype(np.int64), "local_score_BDeu")
    marks = found["G"].graph  # marks[i, j] is the end at i of the edge between i and j: -1 tail, 1 arrowhead
    arrows = {(names[i], names[j]) for i, j in np.argwhere((marks == -1) & (marks.T == 1))}
    lines = {(names[i], names[j]) for i, j in np.argwhere(np.triu((marks == -1) & (marks.T == -1)))}
    return from_partial("CPDAG", names, (frozenset(arrows), frozenset(lines)), ())
