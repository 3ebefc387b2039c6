"""DoWhy's identification of the estimand that causalgen's own identification found."""

from collections.abc import Sequence

import networkx as nx
from dowhy.causal_identifier import IdentifiedEstimand
from dowhy.causal_identifier.auto_identifier import BackdoorAdjustment, EstimandType, identify_effect_auto

from ..errors import NotIdentifiableError
from ..graph import CausalGraph, Estimand
from .quiet import quiet_dowhy

__all__ = [
    "adjusted_estimand",
    "dowhy_estimand",
    "dowhy_graph",
    "formula_estimand",
    "instrument_estimand",
    "unadjusted_estimand",
]


def dowhy_graph(graph: CausalGraph) -> nx.DiGraph:
    """Directed graph for DoWhy: every bidirected edge becomes a latent common cause."""
    directed: nx.DiGraph = nx.DiGraph()
    directed.add_nodes_from(graph.nodes)
    directed.add_edges_from(graph.edges)
    for one, other in graph.confounded:
        latent = f"latent({one}, {other})"
        directed.add_edges_from([(latent, one), (latent, other)])
    return directed


def dowhy_estimand(graph: CausalGraph, estimand: Estimand) -> IdentifiedEstimand:
    """Let DoWhy identify the same effect when only treatment, outcome and adjustment set are observed.

    DoWhy thus judges exactly this adjustment set. With every column observed it would search subsets, which takes about
    a minute for 20 common causes, and might return another valid set.

    Returns:
        DoWhy's estimand with identifier method "backdoor" (without it, DoWhy's random-common-cause refuter ignores
        the added cause) and the adjustment set in our order (DoWhy's follows string hashes).

    Raises:
        NotIdentifiableError: DoWhy does not agree.
    """
    treatment, outcome, adjustment = estimand.treatment, estimand.outcome, list(estimand.adjustment)
    assert isinstance(treatment, str)
    assert isinstance(outcome, str)
    if graph.selection.sampling and estimand.method == "backdoor":
        return adjusted_estimand(treatment, outcome, adjustment)  # DoWhy judges a graph without selection
    with quiet_dowhy():
        found = identify_effect_auto(
            dowhy_graph(graph),
            treatment,
            outcome,
            [treatment, outcome, *adjustment],
            EstimandType.NONPARAMETRIC_ATE,
            backdoor_adjustment=BackdoorAdjustment.BACKDOOR_MAX,
        )
    no_effect = estimand.method == "no effect"
    if found.no_directed_path != no_effect or not (no_effect or (found.estimands or {}).get("backdoor")):
        raise NotIdentifiableError(
            f"Expected DoWhy to agree with: {estimand.text} It does not. Please report this graph: "
            "one of the two identifications is wrong."
        )
    if no_effect:
        return unadjusted_estimand(treatment, outcome)
    found.set_identifier_method("backdoor")
    found.set_adjustment_set(adjustment)
    return found


def unadjusted_estimand(
    treatment: str, outcome: str, *, instrument: str = "", mediators: Sequence[str] = ()
) -> IdentifiedEstimand:
    """The naive estimand for DoWhy: an empty adjustment set, regardless of the graph.

    Instrument and mediators (all variables of a general formula) are named where the table holds them: they are not
    covariates of its outcome.
    """
    found = IdentifiedEstimand(
        None,
        treatment_variable=treatment,
        outcome_variable=outcome,
        estimand_type=EstimandType.NONPARAMETRIC_ATE,
        estimands={"backdoor": {}},
        backdoor_variables={"backdoor": []},
        instrumental_variables=[instrument] if instrument else [],
        default_backdoor_id="backdoor",
        identifier_method="backdoor",
    )
    found.frontdoor_variables = list(mediators)
    return found


def adjusted_estimand(treatment: str, outcome: str, adjustment: Sequence[str]) -> IdentifiedEstimand:
    """The back-door estimand for DoWhy with a set that causalgen found, as for several treatments encoded as one."""
    found = unadjusted_estimand(treatment, outcome)
    found.set_adjustment_set(list(adjustment))
    return found


def instrument_estimand(estimand: Estimand) -> IdentifiedEstimand:
    """The instrumental estimand for DoWhy, with the conditioning variables as its adjustment set."""
    return IdentifiedEstimand(
        None,
        treatment_variable=estimand.treatment,
        outcome_variable=estimand.outcome,
        estimand_type=EstimandType.NONPARAMETRIC_ATE,
        estimands={"iv": {}},
        backdoor_variables={"iv": list(estimand.adjustment)},
        instrumental_variables=[estimand.instrument],
        default_backdoor_id="iv",
        identifier_method="iv",
    )


def formula_estimand(estimand: Estimand) -> IdentifiedEstimand:
    """The estimand of a front door or a general formula for DoWhy: nothing to adjust for, until a refuter adds a variable."""
    found = unadjusted_estimand(estimand.treatment, estimand.outcome, mediators=estimand.beside)
    found.asked = estimand
    return found
