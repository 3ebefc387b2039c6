"""The three rules of do-calculus, as checkable statements about a graph.

With disjoint sets X, Y, Z, W, a graph with a bar over a set lacks the arrows into it, one with a bar under a set lacks
the arrows out of it:

1. Insertion and deletion of observations: P(y | do(x), z, w) = P(y | do(x), w) if Y ⊥ Z | X, W where nothing points
   into X.
2. Exchange of action and observation: P(y | do(x), do(z), w) = P(y | do(x), z, w) if Y ⊥ Z | X, W where nothing points
   into X or out of Z.
3. Insertion and deletion of actions: P(y | do(x), do(z), w) = P(y | do(x), w) if Y ⊥ Z | X, W where nothing points into
   X or into the members of Z that are not ancestors of W once nothing points into X.

A bidirected edge is a hidden common cause: it points into both of its ends.

Reference:
    Pearl, Causality (2009), theorem 3.4.1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import networkx as nx

from ..errors import GraphError
from .accepted import GraphLike, as_graph
from .expression import Probability
from .graph import CausalGraph
from .separation import ancestral_closure, open_path, write_path

__all__ = [
    "Names",
    "RuleCheck",
    "exchange_of_action_and_observation",
    "insertion_of_actions",
    "insertion_of_observations",
    "rule_between",
]

Names: TypeAlias = str | Iterable[str]
TITLES = {
    1: "insertion or deletion of observations",
    2: "exchange of action and observation",
    3: "insertion or deletion of actions",
}


@dataclass(frozen=True)
class RuleCheck:
    """Whether one rule applies; true or false as a condition.

    Args:
        rule: 1, 2 or 3.
        before: The longer side: with the observation z (rule 1), or with do(z) (rules 2 and 3).
        after: The other side, equal if the rule applies.
        separation: The separation that is required, such as "y ⊥ z | x, w".
        cut_into: The variables into which nothing points in the graph of the separation.
        cut_out_of: The variables out of which nothing points there.
        open_path: A path that stays open, as an edge string; None if the rule applies.
    """

    rule: int
    before: Probability
    after: Probability
    separation: str
    cut_into: tuple[str, ...]
    cut_out_of: tuple[str, ...]
    open_path: str | None

    @property
    def holds(self) -> bool:
        """Whether the graph has the separation that the rule requires."""
        return self.open_path is None

    def __bool__(self) -> bool:
        return self.holds

    @property
    def graph(self) -> str:
        """The graph of the separation, as text."""
        into = [f"into {', '.join(self.cut_into)}"] if self.cut_into else []
        out_of = [f"out of {', '.join(self.cut_out_of)}"] if self.cut_out_of else []
        return "the graph" + (f" without arrows {' or '.join(into + out_of)}" if into or out_of else "")

    @property
    def reason(self) -> str:
        """The rule and its separation."""
        verdict = "" if self.holds else f" fails: {self.open_path} is open"
        return f"rule {self.rule}, {TITLES[self.rule]}: {self.separation} in {self.graph}{verdict}"

    def __str__(self) -> str:
        return f"{self.before} {'=' if self else '≠'} {self.after} by {self.reason}"


def insertion_of_observations(graph: GraphLike, *, y: Names, z: Names, x: Names = (), w: Names = ()) -> RuleCheck:
    """Rule 1: whether P(y | do(x), z, w) = P(y | do(x), w).

    Args:
        graph: The causal graph.
        y: The variables whose probability it is.
        z: The observations to insert or delete.
        x: The variables that are intervened on.
        w: The other observations.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: `y` or `z` is empty, or two of the sets share a name.

    >>> bool(insertion_of_observations(CausalGraph("x -> m -> y"), y="y", z="x", w="m"))
    True
    """
    graph = as_graph(graph)
    y, z, x, w = _checked(graph, y, z, x, w)
    return _check(graph, 1, Probability(y, (*z, *w), x), Probability(y, w, x), z, x, ())


def exchange_of_action_and_observation(
    graph: GraphLike, *, y: Names, z: Names, x: Names = (), w: Names = ()
) -> RuleCheck:
    """Rule 2: whether P(y | do(x), do(z), w) = P(y | do(x), z, w). Arguments and errors as in rule 1.

    >>> print(exchange_of_action_and_observation(CausalGraph("c -> {x, y}; x -> y"), y="y", z="x", w="c"))
    P(y | do(x), c) = P(y | x, c) by rule 2, exchange of action and observation:
        y ⊥ x | c in the graph without arrows out of x
    """
    graph = as_graph(graph)
    y, z, x, w = _checked(graph, y, z, x, w)
    return _check(graph, 2, Probability(y, w, (*x, *z)), Probability(y, (*z, *w), x), z, x, z)


def insertion_of_actions(graph: GraphLike, *, y: Names, z: Names, x: Names = (), w: Names = ()) -> RuleCheck:
    """Rule 3: whether P(y | do(x), do(z), w) = P(y | do(x), w). Arguments and errors as in rule 1.

    >>> check = insertion_of_actions(CausalGraph("x -> y; c -> x"), y="y", z="x")
    >>> check.holds, check.open_path
    (False, 'y <- x')
    """
    graph = as_graph(graph)
    y, z, x, w = _checked(graph, y, z, x, w)
    cut = graph.do(x).networkx()
    free = tuple(name for name in z if name not in ancestral_closure(cut, w))
    return _check(graph, 3, Probability(y, w, (*x, *z)), Probability(y, w, x), z, graph.select((*x, *free)), ())


def rule_between(graph: CausalGraph, one: Probability, other: Probability) -> RuleCheck:
    """The check of the rule that would make two probabilities of the same variables equal.

    Raises:
        GraphError: The probabilities differ by more than one rule can change.

    >>> graph = CausalGraph("x -> y")
    >>> rule_between(graph, Probability(("y",), (), ("x",)), Probability(("y",), ("x",))).rule
    2
    """
    longer, shorter = sorted((one, other), key=lambda term: (len(term.do), len(term.given)), reverse=True)
    more, same = set(longer.do) - set(shorter.do), set(longer.given) - set(shorter.given)
    x, w = shorter.do, longer.given
    if set(longer.of) == set(shorter.of) and set(shorter.do) <= set(longer.do):
        if more and set(longer.given) == set(shorter.given):
            return insertion_of_actions(graph, y=longer.of, z=more, x=x, w=w)
        if more and set(shorter.given) == set(longer.given) | more:
            return exchange_of_action_and_observation(graph, y=longer.of, z=more, x=x, w=w)
        if same and not more and set(shorter.given) <= set(longer.given):
            return insertion_of_observations(graph, y=longer.of, z=same, x=x, w=shorter.given)
    raise GraphError(f"Expected two probabilities that differ by one rule of do-calculus; got {one} and {other}.")


def _check(
    graph: CausalGraph,
    rule: int,
    before: Probability,
    after: Probability,
    z: tuple[str, ...],
    cut_into: tuple[str, ...],
    cut_out_of: tuple[str, ...],
) -> RuleCheck:
    """Separate y from z given all else of the shorter side, in the graph without the arrows that are cut."""
    y = before.of
    held = tuple(name for name in (*after.do, *after.given) if name not in z)
    dag = graph.canonical()
    dag.remove_edges_from([*dag.in_edges(cut_into), *dag.out_edges(cut_out_of)])
    found = _open_path_between(dag, y, z, held)
    separation = f"{', '.join(y)} ⊥ {', '.join(z)}" + (f" | {', '.join(held)}" if held else "")
    return RuleCheck(rule, before, after, separation, cut_into, cut_out_of, found)


def _open_path_between(dag: nx.DiGraph, y: tuple[str, ...], z: tuple[str, ...], held: tuple[str, ...]) -> str | None:
    if nx.is_d_separator(dag, set(y), set(z), set(held)):
        return None
    paths = (open_path(dag, start, end, held) for start, end in product(y, z))
    return next(write_path(dag, path) for path in paths if path is not None)


def _checked(graph: CausalGraph, *sets: Names) -> list[tuple[str, ...]]:
    """The sets y, z, x, w in topological order: disjoint, the first two not empty."""
    chosen = [graph.select(names) for names in sets]
    if not chosen[0] or not chosen[1]:
        raise GraphError("Expected at least one variable in y and in z; got none.")
    seen: set[str] = set()
    for name in (name for names in chosen for name in names):
        if name in seen:
            raise GraphError(f"Expected y, z, x and w to share no variable; got '{name}' in two of them.")
        seen.add(name)
    return chosen
