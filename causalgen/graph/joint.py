"""Adjustment for several treatments at once: one set of variables for the joint effect.

References:
    Perkovic, Textor, Kalisch and Maathuis, Complete graphical characterization and construction of adjustment sets
    in Markov equivalence classes of ancestral graphs (2018): the generalised criterion, here for DAGs.
    Henckel, Perkovic and Maathuis (2022), the efficient set of several treatments.
"""

from collections.abc import Iterable
from typing import Literal

import networkx as nx

from ..errors import GraphError
from .accepted import GraphLike, as_graph
from .adjustment import AdjustmentCheck, observed_nodes, write_set
from .graph import CausalGraph
from .separation import ancestral_closure, open_path, write_path

__all__ = ["check_joint_adjustment_set", "chosen_joint_set", "joint_adjustment_set"]


def check_joint_adjustment_set(
    graph: GraphLike, treatments: Iterable[str], outcome: str, adjustment: str | Iterable[str]
) -> AdjustmentCheck:
    """Check one set for the effect of several treatments, and name any fault.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Fewer than two treatments, or the outcome is one of them.

    >>> graph = CausalGraph("drug -> fever -> dose; {drug, dose} -> health; fever <-> health")
    >>> print(check_joint_adjustment_set(graph, ["drug", "dose"], "health", ["fever"]))
    {fever} is not valid: The path drug -> fever <-> health stays open.
    """
    graph = as_graph(graph)
    causes, chosen = _treatments(graph, treatments, outcome), graph.select(adjustment)
    causal = _causal_nodes(graph, causes, outcome)
    late = {name for node in causal for name in graph.descendants(node)}
    forbidden = tuple(name for name in chosen if name in {*causes, outcome, *causal, *late})
    sentences = [
        f"'{name}' is {'a treatment' if name in causes else 'on a causal path, or caused by one that is'}."
        for name in forbidden
    ]
    dag, given = _back_door_graph(graph, causes, causal), set(chosen) - {*causes, outcome}
    paths = (open_path(dag, cause, outcome, given) for cause in causes)
    path = next((path for path in paths if path is not None), None)
    written = None if path is None else write_path(dag, path)
    sentences += [] if written is None else [f"The path {written} stays open."]
    return AdjustmentCheck(chosen, forbidden, written, tuple(sentences))


def joint_adjustment_set(
    graph: GraphLike, treatments: Iterable[str], outcome: str, *, observed: Iterable[str] | None = None
) -> tuple[str, ...] | AdjustmentCheck:
    """One set that identifies the effect of several treatments by adjustment: the efficient one, else a minimal one.

    Args:
        graph: The causal graph.
        treatments: The variables that are intervened on, at least two.
        outcome: The variable whose response is queried.
        observed: Variables that may be adjusted for; by default all but images.

    Returns:
        The set; if none exists, the check of the best attempt, which names the open path.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Fewer than two treatments, or the outcome is one of them.

    >>> joint_adjustment_set(CausalGraph("W -> {E1, E2, Y}; E1 -> Y; E2 -> Y"), ["E1", "E2"], "Y")
    ('W',)
    """
    graph = as_graph(graph)
    found = chosen_joint_set(graph, treatments, outcome, observed=observed)
    return found if isinstance(found, AdjustmentCheck) else found[0]


def chosen_joint_set(
    graph: CausalGraph, treatments: Iterable[str], outcome: str, *, observed: Iterable[str] | None = None
) -> tuple[tuple[str, ...], Literal["efficient", "minimal"]] | AdjustmentCheck:
    """`joint_adjustment_set`, with the word for how the set was chosen."""
    causes = _treatments(graph, treatments, outcome)
    visible = graph.project({*causes, outcome, *observed_nodes(graph, observed)})
    causal = _causal_nodes(visible, causes, outcome)
    late = {name for node in causal for name in visible.descendants(node)}
    allowed = [name for name in visible if name not in {*causes, outcome, *causal, *late}]
    parents = {parent for node in causal for parent in visible.parents(node)}
    efficient = graph.select(parents & set(allowed))
    if check_joint_adjustment_set(graph, causes, outcome, efficient):
        return efficient, "efficient"
    ancestors = ancestral_closure(visible.networkx(), [*causes, outcome])
    attempt = check_joint_adjustment_set(graph, causes, outcome, [name for name in allowed if name in ancestors])
    if not attempt:
        return attempt
    chosen = list(attempt.adjustment)
    for name in attempt.adjustment:
        fewer = [other for other in chosen if other != name]
        chosen = fewer if check_joint_adjustment_set(graph, causes, outcome, fewer) else chosen
    return graph.select(chosen), "minimal"


def _treatments(graph: CausalGraph, treatments: Iterable[str], outcome: str) -> tuple[str, ...]:
    causes = graph.select(treatments)
    if len(causes) < 2 or graph.require(outcome) in causes:
        raise GraphError(
            f"Expected at least two treatments that differ from the outcome '{outcome}'; got {write_set(causes)}."
        )
    return causes


def _causal_nodes(graph: CausalGraph, causes: tuple[str, ...], outcome: str) -> set[str]:
    """All nodes on directed paths from a treatment to the outcome that pass through no other treatment."""
    dag = graph.networkx()
    into = dag.copy()
    into.remove_edges_from([(parent, cause) for cause in causes for parent in graph.parents(cause)])
    out = dag.copy()
    out.remove_edges_from([(cause, child) for cause in causes for child in dag.successors(cause)])
    reached = {name for cause in causes for name in nx.descendants(into, cause)}
    return (reached & {outcome, *nx.ancestors(out, outcome)}) - set(causes)


def _back_door_graph(graph: CausalGraph, causes: tuple[str, ...], causal: set[str]) -> nx.DiGraph:
    """The canonical DAG without the first edge of every causal path."""
    dag = graph.canonical()
    dag.remove_edges_from([(cause, node) for cause in causes for node in causal])
    return dag
