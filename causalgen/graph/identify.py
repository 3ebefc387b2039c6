"""Identification: turning an effect of an intervention into a quantity of the observational distribution.

References:
    Pearl, Causality (2009), 3.3.1 (back-door) and 3.3.2 (front-door).
    Shpitser and Pearl, Complete identification methods for the causal hierarchy (2008).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from ..errors import GraphError, NotIdentifiableError
from .accepted import GraphLike, as_graph
from .adjustment import adjustment_sets, check_pair, efficient_adjustment_set, observed_nodes
from .derivation import derive_back_door, derive_front_door, derive_no_effect
from .do_calculus import insertion_of_actions
from .estimand import Estimand
from .expression import Probability
from .front_door import front_door_set
from .general import derive
from .graph import CausalGraph
from .hedge import Hedge
from .instruments import instruments
from .joint import chosen_joint_set
from .primal import primal_stages
from .remedies import CausalQuery, why_not
from .selection_bias import selection_bias

__all__ = ["identify"]


def identify(
    graph: GraphLike,
    *,
    treatment: str | Iterable[str],
    outcome: str | Iterable[str],
    given: str | Iterable[str] = (),
    observed: Iterable[str] | None = None,
    assume: Literal["linear"] | None = None,
) -> Estimand:
    """Find a formula for P(outcome | do(treatment), given) in terms of the observed variables.

    Tried in turn: no effect; back-door adjustment, for the efficient set if it is observed and valid, else for a
    minimal set; front-door adjustment; the general ID algorithm (IDC with a condition). This is complete: if no formula
    is found, none exists. With several outcomes or a condition, the general algorithm runs directly; its formula may be
    an adjustment. With several treatments, it writes the formula, and names the adjustment set if one set is valid for
    all of them.

    Args:
        graph: The causal graph.
        treatment: The variable that is intervened on, or several.
        outcome: The variable whose response is queried, or several (their joint distribution).
        given: Variables to condition on: the effect among units in which they are observed to have some value. A
            variable that the treatment changes has its value after the intervention.
        observed: The measured variables; by default all but images. The others are treated as hidden. Treatment,
            outcome and `given` count as observed unless this list leaves them out.
        assume: "linear" to fall back on an instrument if there is no formula without that assumption.

    Raises:
        NotIdentifiableError: No formula exists; the message shows the hedge (also as the attribute `hedge`), and what
            would help.
        UnknownNameError: A name is not a node.
        GraphError: Treatment, outcome and `given` share a variable, or there is no treatment or no outcome.

    >>> graph = CausalGraph("hurry -> {pen, thickness, intensity}; pen -> thickness -> intensity; pen -> intensity")
    >>> print(identify(graph, treatment="pen", outcome="intensity").formula)
    P(intensity | do(pen)) = Σ_{hurry} P(intensity | pen, hurry) P(hurry)
    >>> smoking = CausalGraph("smoking -> tar -> cancer; smoking <-> cancer")
    >>> print(identify(smoking, treatment="smoking", outcome="cancer").formula)
    P(cancer | do(smoking)) = Σ_{tar} P(tar | smoking) Σ_{smoking′} P(cancer | tar, smoking′) P(smoking′)
    >>> napkin = CausalGraph("w -> z -> x -> y; w <-> x; w <-> y")
    >>> print(identify(napkin, treatment="x", outcome="y").formula)
    P(y | do(x)) = [Σ_{w} P(w) P(x | z, w) P(y | x, z, w)] / [Σ_{w} P(w) P(x | z, w)]
    """
    graph = as_graph(graph)
    if assume not in (None, "linear"):
        raise GraphError(f"Expected assume='linear' or None; got {assume!r}.")
    query = _read(graph, treatment, outcome, given, observed)
    x, y, z = query.treatment, query.outcome, query.given
    asked = (treatment if isinstance(treatment, str) else x, outcome if isinstance(outcome, str) else y)
    effect = Probability(y, z, x)
    if insertion_of_actions(graph, y=y, z=x, w=z):
        return Estimand("no effect", *asked, given=z, derivation=derive_no_effect(graph, effect))
    if graph.selection.sampling:
        return _from_selected_rows(query, *asked)
    if query.is_plain and (found := _by_criterion(query, *asked)) is not None:
        return found
    way = query.plan()
    if not isinstance(way, Hedge):
        derivation = derive(graph.project(query.measured), effect, way)
        chosen = chosen_joint_set(graph, x, y[0], observed=query.measured) if len(x) > 1 == len(y) and not z else None
        if isinstance(chosen, tuple):
            found = Estimand("backdoor", *asked, adjustment=chosen[0], choice=chosen[1], derivation=derivation)
            return replace(found, expression=derivation.formula)
        formula = derivation.formula
        stages = primal_stages(graph, *x, *y, observed=formula.names) if query.is_plain else None
        return Estimand("general", *asked, given=z, expression=formula, stages=stages, derivation=derivation)
    if assume == "linear" and query.is_plain:
        for estimand in instruments(graph, *x, *y, observed=query.measured):
            return estimand
    raise NotIdentifiableError(why_not(query, way), hedge=way)


def _read(
    graph: CausalGraph,
    treatment: str | Iterable[str],
    outcome: str | Iterable[str],
    given: str | Iterable[str],
    observed: Iterable[str] | None,
) -> CausalQuery:
    """The query, checked."""
    x, y, z = graph.select(treatment), graph.select(outcome), graph.select(given)
    for role, names in (("treatment", x), ("outcome", y)):
        if not names:
            raise GraphError(f"Expected at least one {role}; got none.")
    if len(x) == len(y) == 1:
        check_pair(graph, *x, *y)
    roles = {"treatment": x, "outcome": y, "given": z}
    for name in (*x, *y, *z):
        taken = [role for role, names in roles.items() if name in names]
        if len(taken) > 1:
            raise GraphError(f"Expected treatment, outcome and given to differ; got '{name}' as {' and '.join(taken)}.")
    measured = observed_nodes(graph, observed)
    if observed is None:
        measured = graph.select({*measured, *x, *y, *z})
    for role, names in roles.items():
        for name in names:
            if name not in measured:
                raise NotIdentifiableError(
                    f"Expected treatment, outcome and given to be observed; got '{name}' hidden, the {role}."
                )
    return CausalQuery(graph, x, y, z, measured)


def _by_criterion(
    query: CausalQuery, treatment: str | tuple[str, ...], outcome: str | tuple[str, ...]
) -> Estimand | None:
    """Back-door or front-door adjustment for one treatment and one outcome."""
    graph, (x,), (y,) = query.graph, query.treatment, query.outcome
    chosen = efficient_adjustment_set(graph, x, y, observed=query.measured)
    choice: Literal["efficient", "minimal"] = "efficient"
    if chosen is None:
        chosen, choice = next(adjustment_sets(graph, x, y, observed=query.measured, limit=1), None), "minimal"
    if chosen is not None:
        derivation = derive_back_door(graph, x, y, chosen)
        return Estimand("backdoor", treatment, outcome, adjustment=chosen, choice=choice, derivation=derivation)
    mediators = front_door_set(graph, x, y, observed=query.measured)
    if mediators is None:
        return None
    derivation = derive_front_door(graph, x, y, mediators)
    return Estimand("frontdoor", treatment, outcome, mediators=mediators, derivation=derivation)


def _from_selected_rows(
    query: CausalQuery, treatment: str | tuple[str, ...], outcome: str | tuple[str, ...]
) -> Estimand:
    """Adjustment that gives the effect in the whole population in spite of the selection of the table's units."""
    if not query.is_plain:
        raise NotIdentifiableError(
            "Expected one treatment and one outcome, and no condition, where selection nodes decide which units are in the "
            "table; got several. Ask for one at a time."
        )
    graph, (x,), (y,) = query.graph, query.treatment, query.outcome
    bias = selection_bias(graph, treatment=x, outcome=y, observed=query.measured)
    if bias or bias.adjustment is None:
        raise NotIdentifiableError(
            f"Expected rows from which the effect can be identified; got selected ones. {bias.text}"
        )
    is_efficient = bias.adjustment == efficient_adjustment_set(graph, x, y, observed=query.measured)
    choice: Literal["efficient", "minimal"] = "efficient" if is_efficient else "minimal"
    return Estimand("backdoor", treatment, outcome, adjustment=bias.adjustment, choice=choice)
