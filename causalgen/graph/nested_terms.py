"""The parts of a nested formula: the adjustment set of the mediation formula, and the stages of regression on regression."""

from collections.abc import Collection, Iterable

import networkx as nx

from .edge_formula import Factor
from .graph import CausalGraph
from .nested_estimand import Stage
from .separation import ancestral_closure

__all__ = ["early", "mediation_set", "mediation_terms", "stages"]


def mediation_set(
    graph: CausalGraph, treatment: str, outcome: str, mediators: tuple[str, ...], measured: tuple[str, ...]
) -> tuple[str, ...] | None:
    """A set W unaffected by X with (Y(b, m), M(a)) ⊥ X | W and Y(b, m) ⊥ M(a) | W; no member can be dropped.

    Both are read off the graph without the arrows out of X; for the second those out of M are removed as well. What X
    affects cannot be in W, so a variable that X affects and that confounds M and Y leaves a path open.
    """
    dag = graph.canonical()
    single = nx.restricted_view(dag, [], list(dag.out_edges(treatment)))
    double = nx.restricted_view(dag, [], list(dag.out_edges([treatment, *mediators])))
    allowed = set(measured) - {treatment, *graph.descendants(treatment)}

    def valid(chosen: Collection[str]) -> bool:
        return nx.is_d_separator(single, {treatment}, {*mediators, outcome}, set(chosen)) and nx.is_d_separator(
            double, set(mediators), {outcome}, set(chosen)
        )

    near = ancestral_closure(dag, [treatment, *mediators, outcome])
    nearer = ancestral_closure(double, [*mediators, outcome])
    for start in (allowed & near, allowed & nearer):
        if valid(start):
            for name in graph.select(start):
                start = start - {name} if valid(start - {name}) else start
            return graph.select(start)
    return None


def mediation_terms(
    outcome: str, mediators: tuple[str, ...], adjustment: tuple[str, ...], graph: CausalGraph
) -> tuple[Factor, ...]:
    """P(adjustment) P(mediators | a, adjustment) P(outcome | b, adjustment, mediators)."""
    response = Factor((outcome,), graph.select((*adjustment, *mediators)), "b", True)
    mediation = Factor(mediators, adjustment, "a", True)
    return (Factor(adjustment, (), "", True), mediation, response) if adjustment else (mediation, response)


def early(graph: CausalGraph, treatment: str, terms: Iterable[Factor]) -> tuple[str, ...]:
    """The variables of the formula that the treatment does not affect."""
    late = graph.descendants(treatment)
    return graph.select(node for term in terms for node in term.nodes if node not in late)


def stages(graph: CausalGraph, treatment: str, terms: tuple[Factor, ...], *, joined: bool = True) -> tuple[Stage, ...]:
    """Descendants of the treatment, neighbours of one treatment value joined; nothing unless every factor is plain.

    A variable that is set may lie between neighbours and depend on the first, so that they cannot be joined.
    """
    if not all(term.plain for term in terms):
        return ()
    found: list[Stage] = []
    for term in terms:
        if term.nodes[0] in graph.descendants(treatment):
            level = term.level or (found[-1][1] if found else "b")
            if joined and found and found[-1][1] == level:
                found[-1] = ((*found[-1][0], *term.nodes), level)
            else:
                found.append((term.nodes, level))
    return tuple(found)
