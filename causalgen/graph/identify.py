"""Identification: turning an effect of an intervention into a quantity of the observational distribution.

References:
    Pearl, Causality (2009), 3.3.1 (back-door) and 3.3.2 (front-door).
    Jeong, Tian and Bareinboim, Finding and listing front-door adjustment sets (2022).
"""

from collections.abc import Iterable, Iterator

import networkx as nx

from ..errors import NotIdentifiableError
from .adjustment import (
    adjustment_sets,
    best_attempt,
    causal_nodes,
    check_pair,
    efficient_adjustment_set,
    observed_nodes,
    write_set,
)
from .estimand import Estimand
from .graph import CausalGraph

__all__ = ["front_door_set", "identify"]


def identify(graph: CausalGraph, *, treatment: str, outcome: str, observed: Iterable[str] | None = None) -> Estimand:
    """Find a formula for P(outcome | do(treatment)) in terms of the observed variables.

    Tried in turn: no directed path (no effect); back-door adjustment, for the efficient set where it is observed and
    valid, else for a minimal set; front-door adjustment. Other ways to identify an effect (instruments under further
    assumptions, the general ID algorithm) are not tried.

    Args:
        graph: The causal graph.
        treatment: The variable that is intervened on.
        outcome: The variable whose response is asked for.
        observed: The measured variables; by default all but images. The others are treated as hidden. Treatment
            and outcome count as observed unless this list leaves them out.

    Raises:
        NotIdentifiableError: Neither criterion holds; the message names the open path and what would help.
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> graph = CausalGraph("hurry -> {pen, thickness, intensity}; pen -> thickness -> intensity; pen -> intensity")
    >>> print(identify(graph, treatment="pen", outcome="intensity").formula)
    P(intensity | do(pen)) = Σ_{hurry} P(intensity | pen, hurry) P(hurry)
    >>> smoking = CausalGraph("smoking -> tar -> cancer; smoking <-> cancer")
    >>> print(identify(smoking, treatment="smoking", outcome="cancer").formula)
    P(cancer | do(smoking)) = Σ_{tar} P(tar | smoking) Σ_{smoking′} P(cancer | tar, smoking′) P(smoking′)
    """
    check_pair(graph, treatment, outcome)
    measured = observed_nodes(graph, observed)
    if observed is None:
        measured = graph.select({*measured, treatment, outcome})
    for name in (treatment, outcome):
        if name not in measured:
            raise NotIdentifiableError(f"Expected treatment and outcome to be observed; got '{name}' hidden.")
    if outcome not in graph.descendants(treatment):
        return Estimand("no effect", treatment, outcome)
    chosen = efficient_adjustment_set(graph, treatment, outcome, observed=measured)
    if chosen is not None:
        return Estimand("backdoor", treatment, outcome, adjustment=chosen, choice="efficient")
    for chosen in adjustment_sets(graph, treatment, outcome, observed=measured, limit=1):
        return Estimand("backdoor", treatment, outcome, adjustment=chosen, choice="minimal")
    mediators = front_door_set(graph, treatment, outcome, observed=measured)
    if mediators is not None:
        return Estimand("frontdoor", treatment, outcome, mediators=mediators)
    raise NotIdentifiableError(_what_is_missing(graph, treatment, outcome, measured))


def front_door_set(
    graph: CausalGraph, treatment: str, outcome: str, *, observed: Iterable[str] | None = None
) -> tuple[str, ...] | None:
    """A set M of observed variables that satisfies the front-door criterion, or None; no member can be dropped.

    (i) M intercepts every directed path from treatment to outcome; (ii) no back-door path from the treatment to M
    is open; (iii) the treatment blocks every back-door path from M to the outcome.

    Conditions (ii) and (iii) exclude variables one after another, and an excluded one can never come back, so what
    remains is the greatest set that satisfies both; if that misses a directed path, every set does.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> front_door_set(CausalGraph("x -> a -> b -> y; x <-> y"), "x", "y")
    ('a',)
    """
    check_pair(graph, treatment, outcome)
    dag = graph.canonical()
    candidates = [name for name in observed_nodes(graph, observed) if name not in (treatment, outcome)]
    unconfounded = _without_edges_out_of(dag, [treatment])
    kept = [name for name in candidates if nx.is_d_separator(unconfounded, treatment, name, set())]
    while exposed := _exposed(dag, kept, treatment, outcome):
        kept = [name for name in kept if name not in exposed]
    if not _intercepts(dag, kept, treatment, outcome):
        return None
    causal = causal_nodes(graph, treatment, outcome)
    kept.sort(key=lambda name: (name in causal, -graph.nodes.index(name)))
    while (smaller := next(_one_less(dag, kept, treatment, outcome), None)) is not None:
        kept = smaller
    return graph.select(kept)


def _one_less(dag: nx.DiGraph, mediators: list[str], treatment: str, outcome: str) -> Iterator[list[str]]:
    """The front-door sets that lack one of the mediators; a drop can make another possible."""
    for name in mediators:
        rest = [other for other in mediators if other != name]
        if _intercepts(dag, rest, treatment, outcome) and not _exposed(dag, rest, treatment, outcome):
            yield rest


def _without_edges_out_of(dag: nx.DiGraph, nodes: Iterable[str]) -> nx.DiGraph:
    return nx.restricted_view(dag, [], list(dag.out_edges(nodes)))


def _exposed(dag: nx.DiGraph, mediators: list[str], treatment: str, outcome: str) -> set[str]:
    """The mediators with a back-door path to the outcome that the treatment does not block."""
    back_doors = _without_edges_out_of(dag, mediators)
    return {name for name in mediators if not nx.is_d_separator(back_doors, name, outcome, {treatment})}


def _intercepts(dag: nx.DiGraph, mediators: list[str], treatment: str, outcome: str) -> bool:
    return not nx.has_path(nx.restricted_view(dag, mediators, []), treatment, outcome)


def _what_is_missing(graph: CausalGraph, treatment: str, outcome: str, measured: tuple[str, ...]) -> str:
    attempt = best_attempt(graph, treatment, outcome, measured)
    given = f" even given {write_set(attempt.adjustment)}" if attempt.adjustment else ""
    wanted = (set(names) - set(measured) for names in adjustment_sets(graph, treatment, outcome, observed=graph))
    missing = min(wanted, key=lambda names: (len(names), graph.select(names)), default=None)
    if missing:
        remedy = f"Measure {write_set(graph.select(missing))}: then the effect is identified by adjustment"
    else:
        remedy = "Measure the hidden common causes on that path and draw them as variables"
    return (
        f"Expected the effect of '{treatment}' on '{outcome}' to be identified by back-door or front-door adjustment "
        f"from {write_set(measured)}; got a path that no set of them blocks: {attempt.open_path} "
        f"stays open{given}, and no set of them is a front door. "
        f"{remedy}, or measure unconfounded mediators that carry the whole effect."
    )
