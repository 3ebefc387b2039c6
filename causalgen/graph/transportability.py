r"""Transport of an effect from the population of a table to another one, or to the whole population.

A graph with selection nodes describes two populations at once. Let D be the nodes such as `[site]`, from which arrows lead to
the mechanisms that differ between them, and C those such as `[recruited]`, which decide who is in the table. Covariates
Z that the treatment X does not change transport the effect on Y when

1. in the back-door graph (without the first edge of every causal path), Z separates Y from D and C, and
2. some further covariates W of the table make Z and W valid to adjust for among the rows that C selects.

Then, with P in the table and P* in the target,

.. math:: P^*(y \mid do(x)) = \sum_z P^*(z) \sum_w P(w \mid z)\, P(y \mid x, z, w).

Condition 1 is S-admissibility for D. For C it is stricter than the condition in the graph under the intervention: if X
determines who is in the table, its causes are distributed differently there. Treatment, outcome and W are not needed in
the target. A formula from experiments, or from treatments observed in the target, may exist without such sets; it is
not searched here.

References:
    Bareinboim and Pearl, A general algorithm for deciding transportability of experimental results (2013).
    Bareinboim and Pearl, Causal inference and the data-fusion problem (2016).
    Bareinboim, Tian and Pearl, Recovering from selection bias in causal and statistical inference (2014).
    Correa, Tian and Bareinboim, Generalized adjustment under confounding and selection biases (2018).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import networkx as nx

from ..errors import GraphError, NotIdentifiableError
from .accepted import GraphLike, as_graph
from .adjustment import (
    back_door_graph,
    best_attempt,
    check_adjustment_set,
    check_pair,
    efficient_adjustment_set,
    observed_nodes,
    permitted_nodes,
    write_set,
)
from .graph import CausalGraph
from .separation import Node, Square, ancestral_closure, minimal_separators, open_path, write_path
from .transport_formula import TransportFormula

__all__ = ["Populations", "transport"]

MOST_SETS = 100
"""Maximum number of minimal sets to try; there can be exponentially many."""
ORIGIN = Square("")
"""A common child of all selection nodes: what separates it from the outcome separates each of them."""


def transport(
    graph: GraphLike,
    *,
    treatment: str,
    outcome: str,
    observed: Iterable[str] | None = None,
    in_target: Iterable[str] | None = None,
) -> TransportFormula:
    """Find covariates that transport the effect from the population of the table to the target.

    The target is the other population if the graph marks differences ("[site] -> age"), and the whole population if it
    only marks who is in the table ("pain -> [recruited]").

    Args:
        graph: The causal graph, with selection nodes.
        treatment: The variable that is intervened on.
        outcome: The variable whose response is queried.
        observed: The variables in the table; by default all but images.
        in_target: The variables that are known in the target; by default those of the table.

    Raises:
        NotIdentifiableError: No covariates transport the effect; the message shows the open path.
        GraphError: The graph has no selection node, or treatment and outcome are the same.
        UnknownNameError: A name is not a node.

    >>> graph = CausalGraph("age -> {drug, relief}; drug -> relief; [site] -> age")
    >>> print(transport(graph, treatment="drug", outcome="relief").formula)
    P*(relief | do(drug)) = Σ_{age} P*(age) P(relief | drug, age)
    """
    graph = as_graph(graph)
    asked = Populations(graph, treatment, outcome, observed)
    known = observed_nodes(graph, observed if in_target is None else in_target)
    found = sorted(asked.sets(known), key=lambda sets: len(sets[0]))
    if not found:
        raise NotIdentifiableError(asked.why_not(known))
    carriers, adjustment = found[0]
    selection = graph.selection
    return TransportFormula(
        treatment, outcome, carriers, adjustment, selection.differing, selection.sampling, tuple(z for z, _ in found)
    )


@dataclass(frozen=True)
class Populations:
    """The question of which covariates transport an effect; see `transport`."""

    graph: CausalGraph
    treatment: str
    outcome: str
    observed: Iterable[str] | None = None

    def __post_init__(self) -> None:
        check_pair(self.graph, self.treatment, self.outcome)
        if not self.graph.selection:
            raise GraphError(
                "Expected a graph with selection nodes, such as '[site] -> age' where the mechanism of age differs between the "
                "populations, or 'pain -> [recruited]' where pain decides who is in the table; got none. Draw what differs."
            )

    @cached_property
    def _back_door(self) -> nx.DiGraph:
        """The back-door graph, in which `ORIGIN` is a child of every selection node."""
        dag = back_door_graph(self.graph, self.treatment, self.outcome)
        squares = [node for node in dag if isinstance(node, Square)]
        dag.add_edges_from((square, ORIGIN) for square in squares)
        return dag

    @cached_property
    def _covariates(self) -> tuple[str, ...]:
        """Permitted members of a set: observed, not on a causal path, not changed by the treatment."""
        late = set(self.graph.descendants(self.treatment))
        permitted = set(permitted_nodes(self.graph, self.treatment, self.outcome)) - late
        return tuple(name for name in observed_nodes(self.graph, self.observed) if name in permitted)

    def sets(self, known: Iterable[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Minimal sets Z among the names known in the target, each with a set that contains it and is valid to adjust for."""
        allowed = [name for name in self._covariates if name in set(known)]
        separators = minimal_separators(self._back_door, ORIGIN, self.outcome, allowed)
        for separator in islice(separators, MOST_SETS):
            carriers = self.graph.select(separator)
            adjustment = self.adjustment(carriers)
            if adjustment is not None:
                yield carriers, adjustment

    def is_separated(self, carriers: Iterable[str]) -> bool:
        """Whether a set separates the outcome from every selection node, in the back-door graph."""
        return open_path(self._back_door, ORIGIN, self.outcome, set(carriers)) is None

    def is_valid(self, adjustment: Iterable[str]) -> bool:
        """Whether a set is valid to adjust for among the rows of the table."""
        chosen = set(adjustment)
        valid = check_adjustment_set(self.graph, self.treatment, self.outcome, chosen)
        return chosen <= set(self._covariates) and bool(valid)

    def adjustment(self, carriers: tuple[str, ...] = ()) -> tuple[str, ...] | None:
        """A valid set with these members: the efficient one if that is valid, else a minimal one."""
        efficient = efficient_adjustment_set(self.graph, self.treatment, self.outcome, observed=self.observed)
        if efficient is not None and self.is_valid({*carriers, *efficient}):
            return self.graph.select({*carriers, *efficient})
        ends: list[Node] = [self.treatment, self.outcome, *carriers, *self.graph.selection.conditions]
        closure = ancestral_closure(self.graph.with_selection(), ends)
        chosen = {*carriers, *(name for name in self._covariates if name in closure)}
        if not self.is_valid(chosen):
            return None
        for name in self.graph.nodes:
            if name in chosen and name not in carriers and self.is_valid(chosen - {name}):
                chosen.remove(name)
        return self.graph.select(chosen)

    def open_path(self, known: Iterable[str]) -> str:
        """A path from a selection node to the outcome that no set of known covariates blocks; empty where one blocks all."""
        dag = self._back_door
        useful = ancestral_closure(dag, [ORIGIN, self.outcome])
        path = open_path(
            dag, ORIGIN, self.outcome, {name for name in self._covariates if name in useful and name in set(known)}
        )
        return "" if path is None else write_path(dag, path[1:])

    def why_not(self, known: Iterable[str]) -> str:
        """The message: the open path, and what would help."""
        known, outcome = tuple(known), self.outcome
        path = self.open_path(known)
        among = write_set(name for name in self._covariates if name in known)
        if not path:
            spurious = best_attempt(self.graph, self.treatment, outcome, self.observed).open_path
            shown = f"the path {spurious} stays open" if spurious else "no set serves both"
            return (
                f"Expected covariates of the table that block the common causes of '{self.treatment}' and '{outcome}', and "
                f"carry the effect over; {shown}. Measure a variable on it."
            )
        return (
            f"Expected covariates that carry the effect of '{self.treatment}' on '{outcome}' over to the target, among "
            f"{among}; got the path {path}, which they leave open. {self._remedy(path, known)}"
        )

    def _remedy(self, path: str, known: tuple[str, ...]) -> str:
        more = [name for name in self._covariates if name not in known]
        if not self.open_path([*known, *more]):
            wanted = next((sets[0] for sets in self.sets([*known, *more])), tuple(more))
            missing = [name for name in wanted if name not in known]
            return f"Record {write_set(missing)} in the target: then the effect carries over."
        every = Populations(self.graph, self.treatment, self.outcome, self.graph.nodes)
        if not every.open_path(self.graph.nodes):
            wanted = next((sets[0] for sets in every.sets(self.graph.nodes)), ())
            missing = [name for name in wanted if name not in known or name not in self._covariates]
            return f"Use {write_set(missing)}, measured in both populations: then the effect carries over."
        return (
            "No covariate blocks it: what differs acts on the outcome other than through what is fixed before the treatment. "
            "Measure treatment and outcome in the target as well, and estimate the effect there."
        )
