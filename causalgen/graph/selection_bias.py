"""Selection bias: how the effect in a table of selected units differs from the one among all, and what recovers it.

Reference:
    Bareinboim, Tian and Pearl, Recovering from selection bias in causal and statistical inference (2014).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from .accepted import GraphLike, as_graph
from .adjustment import adjustment_sets, best_attempt, causal_nodes, check_adjustment_set, write_set
from .graph import CausalGraph
from .transport_formula import TransportFormula
from .transportability import Populations, transport

__all__ = ["SelectionBias", "selection_bias"]

WHY = {
    "confounding": "the path {path} stays open, whatever is adjusted for",
    "collider bias": "the selection of the rows by {squares} opens the path {path}",
    "outcome-dependent selection": "'{outcome}' helps to decide which units are in the table: {path}",
    "treatment-dependent selection": "what '{treatment}' changes helps to decide which units are in the table: {path}",
    "unrepresentative sample": "who is in the table depends on causes of '{outcome}': {path}",
}
"""Cause of each kind of bias."""


@dataclass(frozen=True)
class SelectionBias:
    """The bias of an effect in a table of selected units; it is true if there is a bias.

    Args:
        treatment: The variable that is intervened on.
        outcome: The variable whose response is queried.
        sampling: The selection nodes that decide which units are in the table.
        kind: Key of `WHY`: "collider bias" (the selection opens a path between treatment and outcome), "outcome-dependent
            selection" (the outcome helps to decide who is in the table), "treatment-dependent selection" (so does a variable
            on a causal path), "unrepresentative sample" (so do causes of the outcome), "confounding" (adjustment fails without
            any selection); or "" if the table alone gives the effect in the whole population.
        open_path: The path that causes the bias, as an edge string.
        adjustment: A set that gives the effect averaged over the units in the table; None where none does.
        follows: Whether the treatment helps to decide which units are in the table.
        recovery: How the distribution of some covariates in the whole population recovers the effect there; None where none
            does.
    """

    treatment: str
    outcome: str
    sampling: tuple[str, ...]
    kind: str
    open_path: str
    adjustment: tuple[str, ...] | None
    follows: bool
    recovery: TransportFormula | None

    def __bool__(self) -> bool:
        return bool(self.kind)

    @property
    def text(self) -> str:
        """The bias and its remedy, as text."""
        squares = " and ".join(f"[{name}]" for name in self.sampling)
        if not self.kind:
            assert self.adjustment is not None
            return (
                f"{squares} selects the rows without bias: adjusting for {write_set(self.adjustment)} gives the effect of "
                f"'{self.treatment}' on '{self.outcome}' in the whole population."
            )
        why = WHY[self.kind].format(
            path=self.open_path, squares=squares, treatment=self.treatment, outcome=self.outcome
        )
        return " ".join(filter(None, [f"{self.kind.capitalize()}: {why}.", self._recovery(), self._sampled()]))

    def _recovery(self) -> str:
        if self.recovery is None:
            return "No set of the observed covariates recovers the effect in the whole population."
        others = self.recovery.others
        inner = f" (adjusting for {write_set(others)} as well)" if others else ""
        carriers = write_set(self.recovery.carriers)
        return (
            f"To recover the effect in the whole population, estimate it given {carriers}{inner}, and average over "
            f"{carriers} in a table of the whole population."
        )

    def _sampled(self) -> str:
        if self.adjustment is None:
            return ""
        return f"Adjusting for {write_set(self.adjustment)} gives the effect averaged over the units in the table."

    def __str__(self) -> str:
        return self.text


def selection_bias(
    graph: GraphLike, *, treatment: str, outcome: str, observed: Iterable[str] | None = None
) -> SelectionBias:
    """Name the selection bias of an effect in a table of selected units, and find what recovers the effect.

    Args:
        graph: The causal graph, in which an edge such as "pain -> [recruited]" declares what determines who is in the
            table.
        treatment: The variable that is intervened on.
        outcome: The variable whose response is queried.
        observed: The variables in the table; by default all but images.

    Raises:
        GraphError: The graph has no selection node, or treatment and outcome are the same.
        UnknownNameError: A name is not a node.

    >>> graph = CausalGraph("drug -> relief; age -> relief; {drug, age} -> [clinic]")
    >>> bias = selection_bias(graph, treatment="drug", outcome="relief")
    >>> bias.kind, bias.open_path, bias.recovery.carriers
    ('collider bias', 'drug -> [clinic] <- age -> relief', ('age',))
    """
    graph = as_graph(graph)
    inner = graph.selection.only_sampling()
    own = CausalGraph(graph.edges, graph.variables.values(), graph.confounded, inner.statements())
    asked = Populations(own, treatment, outcome, observed)
    adjustment = asked.adjustment()
    follows = any(treatment in nx.ancestors(own.with_selection(), square) for square in inner.conditions)
    if asked.is_separated(()) and adjustment is not None:
        return SelectionBias(treatment, outcome, inner.sampling, "", "", adjustment, follows, None)
    kind, path = _kind(own, asked)
    recovery = transport(own, treatment=treatment, outcome=outcome, observed=observed) if any(asked.sets(own)) else None
    if follows:  # only given the carriers is the outcome, under a treatment, the same in the table as among all units
        adjustment = None if recovery is None else recovery.adjustment
    return SelectionBias(treatment, outcome, inner.sampling, kind, path, adjustment, follows, recovery)


def _kind(graph: CausalGraph, asked: Populations) -> tuple[str, str]:
    """The kind of the bias, and the path that causes it."""
    treatment, outcome = asked.treatment, asked.outcome
    whole = CausalGraph(graph.edges, graph.variables.values(), graph.confounded)
    usual = next(adjustment_sets(whole, treatment, outcome, observed=asked.observed, limit=1), None)
    if usual is None:
        return "confounding", str(best_attempt(whole, treatment, outcome, asked.observed).open_path)
    if (path := check_adjustment_set(graph, treatment, outcome, usual).open_path) is not None:
        return "collider bias", path
    dag = graph.with_selection()
    deciding = set().union(*(nx.ancestors(dag, square) for square in graph.selection.conditions))
    causal = deciding.intersection(causal_nodes(graph, treatment, outcome))
    kind = "treatment-dependent selection" if causal else "unrepresentative sample"
    return ("outcome-dependent selection" if outcome in causal else kind), asked.open_path(())
