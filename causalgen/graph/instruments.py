"""Instruments: variables that affect the outcome through the treatment alone.

A variable Z is an instrument for the total effect of X on Y given W when

1. neither Z nor W lies on a causal path from X to Y or descends from one,
2. Z and X are associated given W, and
3. W separates Z from Y once the first edge of every causal path from X to Y is removed.

In a linear model the effect is then Cov(z, y | w) / Cov(z, x | w). Without linearity or a similar assumption an instrument
does not identify an effect: it only bounds it.

References:
    Van der Zander, Textor and Liśkiewicz, Efficiently finding conditional instruments for causal inference (2015).
    Henckel, Buttenschoen and Maathuis, Graphical tools for selecting conditional instrumental sets (2024).
    Imbens and Angrist, Identification and estimation of local average treatment effects (1994).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from ..errors import GraphError
from .accepted import GraphLike, as_graph
from .adjustment import back_door_graph, check_pair, observed_nodes, permitted_nodes
from .estimand import Estimand
from .separation import minimal_separators, open_path, write_path

__all__ = ["InstrumentCheck", "check_instrument", "instruments"]


@dataclass(frozen=True)
class InstrumentCheck:
    """Whether a variable is an instrument; true or false as a condition.

    Args:
        instrument: The variable that was checked.
        given: The variables conditioned on.
        problems: One sentence for each reason why it is not an instrument.
    """

    instrument: str
    given: tuple[str, ...]
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        held = f" given {', '.join(self.given)}" if self.given else ""
        return (
            f"'{self.instrument}' is {'an' if self else 'not an'} instrument{held}. {' '.join(self.problems)}".rstrip()
        )


def check_instrument(
    graph: GraphLike, treatment: str, outcome: str, instrument: str, *, given: str | Iterable[str] = ()
) -> InstrumentCheck:
    """Check one variable, and list the reasons why it is not an instrument.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same, or the instrument is one of the others.

    >>> from causalgen.graph import CausalGraph
    >>> graph = CausalGraph("z -> x -> y; z -> y; x <-> y")
    >>> print(check_instrument(graph, "x", "y", "z"))
    'z' is not an instrument. It reaches 'y' past the effect of 'x': the path z -> y stays open.
    """
    graph = as_graph(graph)
    check_pair(graph, treatment, outcome)
    held = graph.select(given)
    if graph.require(instrument) in (treatment, outcome, *held):
        raise GraphError(
            f"Expected an instrument other than treatment, outcome and conditioning variables; got '{instrument}'."
        )
    problems = []
    permitted = permitted_nodes(graph, treatment, outcome)
    for name in (instrument, *held):
        if name not in permitted:
            problems.append(f"'{name}' is the treatment, the outcome, on a causal path, or a descendant of one.")
    if not problems and nx.is_d_separator(graph.canonical(), instrument, treatment, set(held)):
        problems.append(f"It is not associated with '{treatment}'.")
    dag = back_door_graph(graph, treatment, outcome)
    path = None if problems else open_path(dag, instrument, outcome, held)
    if path is not None:
        problems.append(
            f"It reaches '{outcome}' past the effect of '{treatment}': the path {write_path(dag, path)} stays open."
        )
    return InstrumentCheck(instrument, held, tuple(problems))


def instruments(
    graph: GraphLike, treatment: str, outcome: str, *, observed: Iterable[str] | None = None
) -> tuple[Estimand, ...]:
    """Every observed instrument with a conditioning set: the empty set if it suffices.

    Otherwise the set is the separator nearest to the outcome: if any set of ancestors of instrument and outcome makes
    the variable an instrument, this one does. If there is an instrument with any set, one is found.

    Args:
        graph: The causal graph.
        treatment: The variable that is intervened on.
        outcome: The variable whose response is queried.
        observed: The measured variables; by default all but images.

    Returns:
        Estimands of the method "instrument", those with the smallest conditioning set first; empty if there is none.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> from causalgen.graph import CausalGraph
    >>> graph = CausalGraph("w -> {z, y}; z -> x -> y; x <-> y")
    >>> [(found.instrument, found.adjustment) for found in instruments(graph, "x", "y")]
    [('z', ('w',))]
    """
    graph = as_graph(graph)
    check_pair(graph, treatment, outcome)
    if outcome not in graph.descendants(treatment):
        return ()
    candidates = [
        name for name in observed_nodes(graph, observed) if name in permitted_nodes(graph, treatment, outcome)
    ]
    dag = back_door_graph(graph, treatment, outcome)
    found = []
    for name in candidates:
        allowed = [other for other in candidates if other != name]
        nearest = next(minimal_separators(dag, outcome, name, allowed), None)
        sets = [()] if nearest is None else [(), graph.select(nearest)]
        for held in sets:
            if check_instrument(graph, treatment, outcome, name, given=held):
                found.append(Estimand("instrument", treatment, outcome, adjustment=held, instrument=name))
                break
    return tuple(sorted(found, key=lambda estimand: len(estimand.adjustment)))
