"""PC and FCI on causal-learn's searches, with background knowledge.

causal-learn finds the skeleton and the separating sets, and has FCI's orientation rules. Two of its properties are not
adopted: it drops a required edge that a test calls independent, and its FCI turns a forbidden b -> a into the
*directed* edge a -> b, although a hidden common cause remains possible. So knowledge is applied here: required pairs
stay adjacent, and in FCI a forbidden b -> a only puts an arrowhead at b. FCI's rules 5 to 7 serve selection bias, which
is assumed away, and rule 10 is left out: causal-learn's does not check that its paths are uncovered, so it can orient
edges that are not implied.
"""

from itertools import combinations

from causallearn.graph.Edge import Edge as RawEdge
from causallearn.graph.Endpoint import Endpoint
from causallearn.graph.GeneralGraph import GeneralGraph
from causallearn.graph.GraphNode import GraphNode
from causallearn.search.ConstraintBased import FCI as rules
from causallearn.utils.cit import CIT_Base
from causallearn.utils.FAS import fas
from causallearn.utils.PCUtils.SkeletonDiscovery import skeleton_discovery

from ..graph.parse import Pair
from .equivalence import Edge, EquivalenceClass, Mark, from_partial
from .knowledge import Knowledge
from .orientation import complete, extendable

__all__ = ["fci", "pc"]

MARKS: dict[tuple[str, str], Mark] = {
    ("TAIL", "ARROW"): "->",
    ("CIRCLE", "ARROW"): "o->",
    ("ARROW", "ARROW"): "<->",
    ("CIRCLE", "CIRCLE"): "o-o",
}
"""Marks by the ends at the first and the second column; without selection bias, no others occur."""


def pc(names: tuple[str, ...], test: CIT_Base, alpha: float, knowledge: Knowledge) -> EquivalenceClass:
    """The CPDAG that the PC algorithm (stable skeleton) finds, refined by knowledge.

    Reference: Spirtes, Glymour, Scheines, Causation, Prediction, and Search, 2000; Colombo, Maathuis, JMLR 2014.
    """
    found = skeleton_discovery(test.data, alpha, test, stable=True, show_progress=False)
    adjacent, separators = set(), {}
    for i, j in combinations(range(len(names)), 2):
        if found.G.graph[i, j] or found.G.graph[j, i]:
            adjacent.add((names[i], names[j]))
        else:
            separators[names[i], names[j]] = {names[k] for part in found.sepset[i, j] for k in part}
    arrows, conflicts = _colliders(adjacent, separators, knowledge)
    lines = {(a, b) for a, b in adjacent if not {(a, b), (b, a)} & arrows}
    banned = {(a, b) for a, b in adjacent if knowledge.forbids(a, b) and knowledge.forbids(b, a)}
    conflicts += [f"No columns make {a} and {b} independent, but knowledge allows no edge." for a, b in sorted(banned)]
    gone = banned | {(b, a) for a, b in banned}
    partial = complete(arrows - gone, lines - gone, knowledge)
    if not extendable(names, *partial):
        conflicts.append(
            "No acyclic graph has these arrows and colliders: the tests contradict each other or knowledge."
        )
    return from_partial("CPDAG", names, partial, conflicts)


def _colliders(
    adjacent: set[Pair], separators: dict[Pair, set[str]], knowledge: Knowledge
) -> tuple[set[Pair], list[str]]:
    """Arrows of the unshielded colliders; if two of them disagree about an edge, it stays open, independently of the order."""
    neighbours: dict[str, set[str]] = {}
    for a, b in adjacent:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    wanted: set[Pair] = set()
    for (a, b), separator in separators.items():
        for middle in neighbours.get(a, set()) & neighbours.get(b, set()) - separator:
            if not (knowledge.forbids(a, middle) or knowledge.forbids(b, middle)):
                wanted |= {(a, middle), (b, middle)}
    both = {(a, b) for a, b in wanted if (b, a) in wanted}
    conflicts = [f"The tests imply both {a} -> {b} and {b} -> {a}." for a, b in sorted(both) if a < b]
    return wanted - both, conflicts


def fci(names: tuple[str, ...], test: CIT_Base, alpha: float, knowledge: Knowledge) -> EquivalenceClass:
    """The PAG that the FCI algorithm finds, hidden common causes allowed, with the arrowheads and tails of knowledge.

    Reference: Zhang, On the completeness of orientation rules for causal discovery, Artificial Intelligence 172, 2008.
    """
    nodes = [GraphNode(f"X{position}") for position in range(len(names))]
    graph, separators, _ = fas(test.data, nodes, test, alpha=alpha, show_progress=False)
    rules.rule0(graph, nodes, separators, None, False)
    rules.removeByPossibleDsep(graph, test, alpha, separators)
    for (i, j), separator in list(separators.items()):
        separators[j, i] = separator  # causal-learn stores the sets of its second search in one order only
    rules.rule0(graph, nodes, separators, None, False)
    _mark_knowledge(graph, nodes, names, knowledge)
    changed = True
    while changed:
        changed = rules.rulesR1R2cycle(graph, None, False)
        changed = rules.ruleR3(graph, separators, None, changed)
        changed = rules.ruleR4B(graph, -1, test.data, test, alpha, separators, changed, None)
        changed = rules.rule8(graph, nodes, changed)
        changed = rules.rule9(graph, nodes, changed)
    pairs = combinations(range(len(names)), 2)
    edges = [_edge(graph, nodes, names, i, j) for i, j in pairs if graph.is_adjacent_to(nodes[i], nodes[j])]
    return EquivalenceClass("PAG", names, tuple(edges))


def _mark_knowledge(graph: GeneralGraph, nodes: list[GraphNode], names: tuple[str, ...], knowledge: Knowledge) -> None:
    """Put an arrowhead at an end that is not a cause, and a tail at the cause of a required edge."""
    for edge in list(graph.get_graph_edges()):
        first, second = edge.get_node1(), edge.get_node2()
        a, b = (names[nodes.index(node)] for node in (first, second))
        ends = [edge.get_endpoint1(), edge.get_endpoint2()]
        for place, (cause, effect) in enumerate(((a, b), (b, a))):
            if knowledge.requires(cause, effect):
                ends[place] = Endpoint.TAIL
            elif knowledge.forbids(cause, effect):
                ends[place] = Endpoint.ARROW
        graph.remove_edge(edge)
        graph.add_edge(RawEdge(first, second, *ends))


def _edge(graph: GeneralGraph, nodes: list[GraphNode], names: tuple[str, ...], i: int, j: int) -> Edge:
    at_i, at_j = graph.get_endpoint(nodes[j], nodes[i]), graph.get_endpoint(nodes[i], nodes[j])
    if at_i == Endpoint.ARROW and at_j != Endpoint.ARROW:
        i, j, at_i, at_j = j, i, at_j, at_i
    return names[i], MARKS[at_i.name, at_j.name], names[j]
