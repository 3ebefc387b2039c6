"""Why an effect is not identified, and which measurement or assumption would help."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .adjustment import adjustment_sets, best_attempt, write_set
from .general import Plan, plan
from .graph import CausalGraph
from .hedge import Hedge
from .parse import Pair, write_name

__all__ = ["CausalQuery", "why_not"]


@dataclass(frozen=True)
class CausalQuery:
    """P(outcome | do(treatment), given), to be computed from the distribution of the measured variables.

    Args:
        graph: The causal graph, hidden variables included.
        treatment: The variables that are intervened on.
        outcome: The variables whose response is queried.
        given: The variables that are conditioned on.
        measured: The variables in the data.
    """

    graph: CausalGraph
    treatment: tuple[str, ...]
    outcome: tuple[str, ...]
    given: tuple[str, ...]
    measured: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the query has one treatment, one outcome and no condition."""
        return len(self.treatment) == len(self.outcome) == 1 and not self.given

    def plan(self) -> Plan | Hedge:
        """The plan of the identification, or the hedge that prevents it."""
        return plan(self.graph.project(self.measured), self.treatment, self.outcome, self.given)


def why_not(query: CausalQuery, hedge: Hedge) -> str:
    """The message: the open path, the hedge, and a remedy."""
    treatment, outcome = (" and ".join(f"'{name}'" for name in names) for names in (query.treatment, query.outcome))
    condition = f" given {write_set(query.given)}" if query.given else ""
    path = _open_path(query) if query.is_plain else ""
    return (
        f"Expected the effect of {treatment} on {outcome}{condition} to be identified from {write_set(query.measured)}; "
        f"got no formula for it: {path}{hedge} are a hedge. {_remedy(query, hedge)}"
    )


def _open_path(query: CausalQuery) -> str:
    (treatment,), (outcome,) = query.treatment, query.outcome
    attempt = best_attempt(query.graph, treatment, outcome, query.measured)
    even = f" even given {write_set(attempt.adjustment)}" if attempt.adjustment else ""
    return f"the path {attempt.open_path} stays open{even}, no set of them is a front door, and "


def _remedy(query: CausalQuery, hedge: Hedge) -> str:
    options = [write_set(names) for names in _sets_to_measure(query)]
    options += [f"the hidden common cause behind {_arrow(pair)} (or rule it out)" for pair in _decisive_edges(query)]
    if options:
        return f"Measure {', or '.join(options)}: then the effect is identified."
    within = [pair for pair in query.graph.project(query.measured).confounded if set(pair) <= set(hedge.larger)]
    return (
        "No single measurement suffices: measure several of the hidden common causes behind "
        f"{', '.join(map(_arrow, within))} and draw them as variables."
    )


def _sets_to_measure(query: CausalQuery) -> Iterator[tuple[str, ...]]:
    """Hidden variables each of which would suffice; else the smallest adjustment set."""
    graph, hidden = query.graph, [name for name in query.graph if name not in query.measured]
    enough = [(name,) for name in hidden if _is_identified(replace(query, measured=(*query.measured, name)))]
    yield from enough
    if hidden and not enough and query.is_plain:
        sets = adjustment_sets(graph, *query.treatment, *query.outcome, observed=graph)
        missing = [tuple(name for name in names if name in hidden) for names in sets]
        yield from sorted(missing, key=lambda names: (len(names), names))[:1]


def _decisive_edges(query: CausalQuery) -> Iterator[Pair]:
    """The bidirected edges each of whose removal identifies the effect.

    Measuring the cause behind an edge is equivalent to removing the edge.
    """
    graph = query.graph
    for pair in graph.confounded:
        others = [other for other in graph.confounded if other != pair]
        if _is_identified(replace(query, graph=graph.with_parts(confounded=others))):
            yield pair


def _is_identified(query: CausalQuery) -> bool:
    return isinstance(query.plan(), Plan)


def _arrow(pair: Pair) -> str:
    return f"{write_name(pair[0])} <-> {write_name(pair[1])}"
