"""Adjustment sets: which variables to adjust for so that an association is the causal effect.

For a treatment X and an outcome Y, let the *causal nodes* be all nodes on a directed path from X to Y, except X. A set
Z is valid (generalised adjustment criterion) when

1. no member is X, Y, a causal node or a descendant of one, and
2. Z blocks every non-causal path between X and Y: it d-separates them once the first edge of every causal path is
   removed (the *back-door graph*).

Then P(y | do(x)) = Σ_z P(y | x, z) P(z). The criterion is complete: no other set satisfies this formula in every
model of the graph. Bidirected edges count as the hidden common causes that they represent. If selection nodes determine
which units are in the table, Z must block the paths together with them, among the selected rows.

References:
    Perković, Textor, Kalisch and Maathuis, Complete graphical characterization and construction of adjustment sets
    (2018). van der Zander, Liśkiewicz and Textor, Separators and adjustment sets in causal graphs (2019).
    Henckel, Perković and Maathuis, Graphical criteria for efficient total effect estimation (2022).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import networkx as nx

from ..errors import GraphError
from .accepted import GraphLike, as_graph
from .graph import CausalGraph
from .separation import Node, ancestral_closure, colliders, minimal_separators, open_path, write_node, write_path

__all__ = ["AdjustmentCheck", "adjustment_sets", "check_adjustment_set", "efficient_adjustment_set"]


@dataclass(frozen=True)
class AdjustmentCheck:
    """Whether a set is valid for adjustment; its truth value is the verdict.

    Args:
        adjustment: The set that was checked, in topological order.
        forbidden: Its members that no valid set may contain.
        open_path: A non-causal path that the set leaves open, as an edge string; None when it blocks all.
        problems: One sentence for each reason why the set is not valid.
    """

    adjustment: tuple[str, ...]
    forbidden: tuple[str, ...]
    open_path: str | None
    problems: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether adjusting for the set gives the causal effect."""
        return not self.problems

    def __bool__(self) -> bool:
        return self.valid

    def __str__(self) -> str:
        return f"{write_set(self.adjustment)} is " + ("valid." if self else "not valid: " + " ".join(self.problems))


def adjustment_sets(
    graph: GraphLike,
    treatment: str,
    outcome: str,
    *,
    observed: Iterable[str] | None = None,
    limit: int = 100,
) -> Iterator[tuple[str, ...]]:
    """Yield the minimal valid adjustment sets, lazily, those near the treatment first; at most `limit`.

    Minimal: no proper subset is valid. Yields nothing when no set is valid.

    Args:
        graph: The causal graph.
        treatment: The variable that is intervened on.
        outcome: The variable whose response is queried.
        observed: Variables that may be adjusted for; by default all but images.
        limit: Maximum number of sets; there can be exponentially many.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> graph = CausalGraph("hurry -> pen -> thickness -> intensity; hurry -> mood -> intensity")
    >>> list(adjustment_sets(graph, "pen", "intensity"))
    [('hurry',), ('mood',)]
    """
    graph = as_graph(graph)
    check_pair(graph, treatment, outcome)
    allowed = _allowed(graph, treatment, outcome, observed)
    dag = back_door_graph(graph, treatment, outcome)
    separators = minimal_separators(dag, treatment, outcome, allowed, graph.selection.conditions)
    return (graph.select(separator) for separator in islice(separators, limit))


def check_adjustment_set(
    graph: GraphLike, treatment: str, outcome: str, adjustment: str | Iterable[str]
) -> AdjustmentCheck:
    """Check one set, and name any variable that must not be in it and any path that it leaves open.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> graph = CausalGraph("pen -> thickness -> intensity; hurry -> {pen, intensity}")
    >>> print(check_adjustment_set(graph, "pen", "intensity", ["hurry", "thickness"]))
    {hurry, thickness} is not valid: 'thickness' lies on the causal path pen -> thickness -> intensity.
    >>> print(check_adjustment_set(graph, "pen", "intensity", []))
    {} is not valid: The path pen <- hurry -> intensity stays open.
    """
    graph = as_graph(graph)
    check_pair(graph, treatment, outcome)
    chosen = graph.select(adjustment)
    problems = {name: _objection(graph, treatment, outcome, name) for name in chosen}
    forbidden = tuple(name for name in chosen if problems[name])
    given: set[Node] = {*chosen, *graph.selection.conditions}
    given -= {treatment, outcome}
    dag = back_door_graph(graph, treatment, outcome)
    path = open_path(dag, treatment, outcome, given)
    sentences = [problems[name] for name in forbidden]
    if path is not None:
        sentences.append(_why_open(dag, path, given))
    return AdjustmentCheck(chosen, forbidden, None if path is None else write_path(dag, path), tuple(sentences))


def efficient_adjustment_set(
    graph: GraphLike, treatment: str, outcome: str, *, observed: Iterable[str] | None = None
) -> tuple[str, ...] | None:
    """The parents of the causal nodes that are not causal nodes themselves, if observed and valid; else None.

    Without hidden variables, this O-set has the lowest asymptotic variance among all valid sets.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> graph = CausalGraph("cause -> pen -> intensity; paper -> intensity; cause -> habit -> intensity")
    >>> efficient_adjustment_set(graph, "pen", "intensity")
    ('paper', 'habit')
    """
    graph = as_graph(graph)
    check_pair(graph, treatment, outcome)
    visible = graph.project({treatment, outcome, *observed_nodes(graph, observed)})
    parents = {parent for node in causal_nodes(visible, treatment, outcome) for parent in visible.parents(node)}
    chosen = graph.select(parents & set(_allowed(graph, treatment, outcome, observed)))
    return chosen if check_adjustment_set(graph, treatment, outcome, chosen) else None


def check_pair(graph: CausalGraph, treatment: str, outcome: str) -> None:
    """Raise unless treatment and outcome are two nodes of the graph."""
    if graph.require(treatment) == graph.require(outcome):
        raise GraphError(f"Expected two different variables as treatment and outcome; got '{treatment}' for both.")


def observed_nodes(graph: CausalGraph, observed: Iterable[str] | None) -> tuple[str, ...]:
    """The observed nodes: those named, or all whose kind is not "image"."""
    if observed is None:
        return tuple(name for name in graph if not graph[name].is_image)
    return graph.select(observed)


def causal_nodes(graph: CausalGraph, treatment: str, outcome: str) -> tuple[str, ...]:
    """All nodes on a directed path from treatment to outcome, except the treatment."""
    return graph.select(set(graph.descendants(treatment)) & {outcome, *graph.ancestors(outcome)})


def permitted_nodes(graph: CausalGraph, treatment: str, outcome: str) -> tuple[str, ...]:
    """The nodes that are not treatment, outcome, causal node or a descendant of one."""
    causal = causal_nodes(graph, treatment, outcome)
    forbidden = {treatment, outcome, *causal, *(late for node in causal for late in graph.descendants(node))}
    return tuple(name for name in graph if name not in forbidden)


def back_door_graph(graph: CausalGraph, treatment: str, outcome: str) -> nx.DiGraph:
    """The canonical DAG, with its selection nodes, without the first edge of every causal path."""
    dag = graph.with_selection()
    dag.remove_edges_from([(treatment, node) for node in causal_nodes(graph, treatment, outcome)])
    return dag


def best_attempt(graph: CausalGraph, treatment: str, outcome: str, observed: Iterable[str] | None) -> AdjustmentCheck:
    """The check of all permitted ancestors of treatment and outcome: valid if any permitted set is."""
    ancestors = ancestral_closure(graph.with_selection(), [treatment, outcome, *graph.selection.conditions])
    permitted = set(_allowed(graph, treatment, outcome, observed))
    return check_adjustment_set(graph, treatment, outcome, {name for name in permitted if name in ancestors})


def write_set(names: Iterable[str]) -> str:
    """The names in braces: {a, b}."""
    return "{" + ", ".join(names) + "}"


def _allowed(graph: CausalGraph, treatment: str, outcome: str, observed: Iterable[str] | None) -> tuple[str, ...]:
    """The observed nodes that criterion 1 permits."""
    permitted = permitted_nodes(graph, treatment, outcome)
    return tuple(name for name in observed_nodes(graph, observed) if name in permitted)


def _objection(graph: CausalGraph, treatment: str, outcome: str, name: str) -> str:
    """Why no valid set may contain `name`; empty when one may."""
    if name in (treatment, outcome):
        return f"'{name}' is the {'treatment' if name == treatment else 'outcome'} itself."
    causal = causal_nodes(graph, treatment, outcome)
    dag = graph.networkx()
    if name in causal:
        path = nx.shortest_path(dag, treatment, name) + nx.shortest_path(dag, name, outcome)[1:]
        return f"'{name}' lies on the causal path {write_path(dag, path)}."
    for node in causal:
        if name in graph.descendants(node):
            where = "the outcome" if node == outcome else "on a causal path"
            return f"'{name}' is a descendant of '{node}', which is {where}."
    return ""


def _why_open(dag: nx.DiGraph, path: list[Node], given: set[Node]) -> str:
    sentence = f"The path {write_path(dag, path)} stays open"
    for node in colliders(dag, path):
        opener = next(name for name in dag if name in given and node in ancestral_closure(dag, [name]))
        through = "" if opener == node else f", a descendant of '{node}',"
        way = (
            f"adjusting for '{opener}'" if isinstance(opener, str) else f"{write_node(opener)}, which selects the rows"
        )
        sentence += f"; {way}{through} opens it at the collider '{node}'"
    return sentence + "."
