"""Which rejected independencies bear on an effect: those whose missing edge would break its identification."""

from collections.abc import Iterable, Iterator

from ...errors import GraphError, NotIdentifiableError
from ...graph import (
    CausalGraph,
    Estimand,
    Independence,
    check_adjustment_set,
    check_instrument,
    check_joint_adjustment_set,
    identify,
)

__all__ = ["break_together", "breaking_edges", "cannot_bear", "repaired", "touches"]


def cannot_bear(row: Independence, graph: CausalGraph, estimand: Estimand) -> bool:
    """Whether no edge between the two variables can change the adjustment, by a simple sufficient rule.

    The rule holds for two adjustment variables that do not descend from the treatment, one of which has no observed or
    hidden cause: every path along the new edge then passes one of them in a way that adjustment blocks.

    >>> graph = CausalGraph("{a, b} -> {t, y}; t -> y")
    >>> cannot_bear(Independence("a", "b", ()), graph, identify(graph, treatment="t", outcome="y"))
    True
    """
    if estimand.method != "backdoor" or not {row.x, row.y} <= set(estimand.adjustment):
        return False
    treatments = (estimand.treatment,) if isinstance(estimand.treatment, str) else estimand.treatment
    descendants = {name for treatment in treatments for name in graph.descendants(treatment)}
    caused = {name for pair in graph.confounded for name in pair} | {name for _, name in graph.edges}
    return not {row.x, row.y} & descendants and not {row.x, row.y} <= caused


def breaking_edges(row: Independence, graph: CausalGraph, estimand: Estimand) -> tuple[str, ...]:
    """The edges between the two variables that would break the identification; empty if it would still hold.

    >>> graph = CausalGraph("w -> t; z -> {t, y}; t -> y")
    >>> breaking_edges(Independence("w", "y", ("t", "z")), graph, identify(graph, treatment="t", outcome="y"))
    ('w -> y', 'w <-> y')
    """
    if cannot_bear(row, graph, estimand):
        return ()
    return tuple(edge for edge, changed in _with_edge(row, graph) if not _holds(changed, estimand))


def touches(row: Independence, estimand: Estimand) -> bool:
    """Whether the independence is about the treatment or the outcome."""
    return bool({row.x, row.y} & _ends(estimand))


def break_together(rows: Iterable[Independence], graph: CausalGraph, estimand: Estimand) -> bool:
    """Whether edges that are harmless one by one break the identification when all are drawn.

    A variable that the graph connects to neither treatment nor outcome becomes a confounder through two edges. Edges of
    treatment and outcome point to them where they make no cycle; all others are hidden common causes.

    >>> graph = CausalGraph("z -> {t, y}; t -> y; w")
    >>> rows = [Independence("w", "t", ()), Independence("w", "y", ())]
    >>> break_together(rows, graph, identify(graph, treatment="t", outcome="y"))
    True
    """
    ends = _ends(estimand)
    for row in rows:
        edges = dict(_with_edge(row, graph))
        effect = next((name for name in (row.x, row.y) if name in ends), "")
        cause = row.y if effect == row.x else row.x
        hidden = edges[f"{row.x} <-> {row.y}"]
        graph = edges.get(f"{cause} -> {effect}", hidden) if effect and cause not in ends else hidden
    return not _holds(graph, estimand)


def _ends(estimand: Estimand) -> set[str]:
    treatments = (estimand.treatment,) if isinstance(estimand.treatment, str) else estimand.treatment
    return {*treatments, str(estimand.outcome)}


def repaired(row: Independence, graph: CausalGraph, edge: str, estimand: Estimand) -> Estimand | None:
    """The adjustment that identifies the effect after an edge of `breaking_edges` is added; None if there is none."""
    changed = dict(_with_edge(row, graph))[edge]
    try:
        found = identify(changed, treatment=estimand.treatment, outcome=estimand.outcome)
    except NotIdentifiableError:
        return None
    return found if found.method == "backdoor" else None


def _with_edge(row: Independence, graph: CausalGraph) -> Iterator[tuple[str, CausalGraph]]:
    """The graph with each edge that the independence excludes, except those that would make a cycle."""
    for cause, effect in ((row.x, row.y), (row.y, row.x)):
        try:
            yield f"{cause} -> {effect}", graph.with_parts(edges=[*graph.edges, (cause, effect)])
        except GraphError:
            continue
    yield f"{row.x} <-> {row.y}", graph.with_parts(confounded=[*graph.confounded, (row.x, row.y)])


def _holds(graph: CausalGraph, estimand: Estimand) -> bool:
    """Whether the same formula gives the effect in another graph."""
    treatment, outcome = estimand.treatment, str(estimand.outcome)
    if not isinstance(treatment, str):
        return bool(check_joint_adjustment_set(graph, treatment, outcome, estimand.adjustment))
    if estimand.method == "backdoor":
        return bool(check_adjustment_set(graph, treatment, outcome, estimand.adjustment))
    if estimand.method == "no effect":
        return outcome not in graph.descendants(treatment)
    if estimand.method == "instrument":
        return bool(check_instrument(graph, treatment, outcome, estimand.instrument, given=estimand.adjustment))
    try:
        found = identify(graph, treatment=treatment, outcome=outcome)
    except NotIdentifiableError:
        return False
    return (found.method, found.expression) == (estimand.method, estimand.expression)
