r"""Primal fixable treatments, which share no hidden cause with their children, directly or through others.

Let D be the *district* of the treatment X: the variables connected to it by bidirected edges. If no child of X is in D,
then with all non-descendants C of X before it and the others after it in topological order,

.. math:: P(y \mid do(x)) = \sum_{v \setminus y} P(c) \prod_{m \notin D} P(m \mid past, x)
    \sum_{x'} P(x' \mid c) \prod_{l \in D} P(l \mid past, x').

So each variable after X enters by a regression on its past: outside D under the value that is set, in D under the value
that the unit had. The front door is the case with D = {X, Y}.

References:
    Tian and Pearl, A general identification condition for causal effects (2002): the criterion.
    Bhattacharya, Nabi and Shpitser, Semiparametric inference for causal effects in graphical models with hidden variables
    (2022): its name and its influence function.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import networkx as nx

from .graph import CausalGraph

__all__ = ["PrimalStages", "primal_stages"]


@dataclass(frozen=True)
class PrimalStages:
    """The variables of a primal fixable treatment's formula.

    Args:
        before: The non-descendants of the treatment: C.
        stages: The variables after it, in topological order and with the outcome last: names, and whether they respond to
            the value that is set (outside D) or to the one that the unit had (in D).
    """

    before: tuple[str, ...]
    stages: tuple[tuple[tuple[str, ...], bool], ...]


def primal_stages(
    graph: CausalGraph, treatment: str, outcome: str, *, observed: Iterable[str] | None = None
) -> PrimalStages | None:
    """The stages of the formula, if the treatment is primal fixable among the outcome's ancestors; else None.

    Args:
        graph: The causal graph.
        treatment: The variable that is intervened on.
        outcome: One of its descendants.
        observed: The variables that the formula may use next to treatment and outcome; None for all.

    >>> primal_stages(CausalGraph("c -> {x, y}; x -> m -> y; x <-> y"), "x", "y")
    PrimalStages(before=('c',), stages=((('m',), True), (('y',), False)))
    """
    visible = graph if observed is None else graph.project({treatment, outcome, *observed})
    visible = visible.project(visible.select({outcome, *visible.ancestors(outcome)}))
    joined = nx.Graph(visible.confounded)
    joined.add_node(treatment)
    district = nx.node_connected_component(joined, treatment)
    if any(treatment in visible.parents(name) for name in district):
        return None
    after = [name for name in visible if name in visible.descendants(treatment)]
    before = tuple(name for name in visible if name not in {*after, treatment})
    stages = tuple((tuple(names), outside) for outside, names in groupby(after, lambda name: name not in district))
    return PrimalStages(before, stages)
