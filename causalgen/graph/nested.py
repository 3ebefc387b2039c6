"""Identification of nested counterfactuals: direct and indirect effects, effects on the treated, causes of effects.

Throughout, X=b is compared with X=a. A nested counterfactual such as Y(b, M(a)) takes one variable's value from another
world of the same unit; no experiment shows it, and a graph identifies it only as a model of independent noises.

References:
    Pearl, Direct and indirect effects (2001); Interpretation and identification of causal mediation (2014).
    Shpitser and VanderWeele, A complete graphical criterion for the adjustment formula in mediation analysis (2011).
    Shpitser, Counterfactual graphical models for longitudinal mediation analysis with unobserved confounding (2013).
"""

from collections.abc import Collection, Iterable

from ..errors import GraphError, NotIdentifiableError
from .adjustment import (
    adjustment_sets,
    best_attempt,
    causal_nodes,
    check_pair,
    efficient_adjustment_set,
    observed_nodes,
    write_set,
)
from .causation import DEFINITIONS
from .edge_formula import Factor, carried_levels, factors
from .graph import CausalGraph
from .identify import identify
from .nested_estimand import NestedEstimand, Stage
from .nested_paths import Path, PathsLike, active_paths, causal_paths, write_directed
from .nested_terms import early, mediation_set, mediation_terms, stages
from .nested_words import assume, join, write_causation, write_nested, write_treated
from .parse import EdgesLike

__all__ = [
    "identify_controlled_direct_effect",
    "identify_effect_on_treated",
    "identify_natural_effects",
    "identify_path_specific_effect",
    "identify_probabilities_of_causation",
    "select_mediators",
]


def identify_natural_effects(
    graph: CausalGraph,
    *,
    treatment: str,
    outcome: str,
    mediators: str | Iterable[str] | None = None,
    observed: Iterable[str] | None = None,
) -> NestedEstimand:
    """Find a formula for Y(b, M(a)), from which the natural direct and indirect effects follow.

    Tried in turn: the mediation formula with one adjustment set; the edge g-formula, which also reaches graphs in
    which no one set suffices.

    Args:
        graph: The causal graph.
        treatment: X.
        outcome: Y.
        mediators: M, kept at what it would be under X=a; by default every observed variable on a causal path.
        observed: The measured variables; by default all but images.

    Raises:
        NotIdentifiableError: The message names the recanting witness, or the hidden common cause, and what would help.
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same, there is no mediator, or one is on no causal path.

    >>> graph = CausalGraph("hurry -> {pen, intensity}; pen -> thickness -> intensity; pen -> intensity")
    >>> print(identify_natural_effects(graph, treatment="pen", outcome="intensity").formula)
    P(intensity(pen=b, thickness(pen=a))) =
        Σ_{hurry, thickness} P(intensity | pen=b, hurry, thickness) P(thickness | pen=a, hurry) P(hurry)
    """
    measured = _measured(graph, treatment, outcome, observed)
    chosen = select_mediators(graph, treatment, outcome, mediators, observed=measured)
    adjustment = mediation_set(graph, treatment, outcome, chosen, measured)
    if adjustment is not None:
        terms = mediation_terms(outcome, chosen, adjustment, graph)
        blocks: tuple[Stage, ...] = ((chosen, "a"), ((outcome,), "b"))
    else:
        direct = {path for path in causal_paths(graph, treatment, outcome) if not set(path) & set(chosen)}
        terms = _edge_terms(graph, treatment, outcome, direct, measured)
        blocks = stages(graph, treatment, terms)
    m = join(chosen)
    return NestedEstimand(
        query="natural effects",
        method="edge g-formula" if adjustment is None else "mediation formula",
        treatment=treatment,
        outcome=outcome,
        text=(
            f"The natural direct effect of '{treatment}' on '{outcome}' compares what {outcome} would be under "
            f"{treatment}=b, with {m} kept at what would have been under {treatment}=a, with {outcome} under "
            f"{treatment}=a. The natural indirect effect keeps {treatment}=a and moves {m} to what would have been "
            f"under {treatment}=b."
        ),
        written=write_nested("natural effects", terms, treatment, outcome, mediators=chosen),
        assumptions=assume("natural effects", treatment, outcome, chosen, early(graph, treatment, terms)),
        mediators=chosen,
        adjustment=early(graph, treatment, terms),
        factors=terms,
        stages=blocks,
    )


def identify_path_specific_effect(
    graph: CausalGraph,
    *,
    treatment: str,
    outcome: str,
    paths: PathsLike | None = None,
    edges: EdgesLike | None = None,
    observed: Iterable[str] | None = None,
) -> NestedEstimand:
    """Find a formula for the outcome when X=b acts along the active paths and X=a along all others.

    Complete: an error means that no formula in the observed variables exists (Shpitser 2013).

    Args:
        graph: The causal graph.
        treatment: X.
        outcome: Y.
        paths: The active paths, such as "x -> m -> y".
        edges: Instead of paths: active edges; a path is active when all its edges are.
        observed: The measured variables; by default all but images.

    Raises:
        NotIdentifiableError: A recanting witness, a recanting district, or a hidden common cause.
        UnknownNameError: A name is not a node.
        GraphError: A path is not in the graph.

    >>> graph = CausalGraph("x -> l -> {m, y}; m -> y")
    >>> identify_path_specific_effect(graph, treatment="x", outcome="y", paths="x -> l -> m -> y")
    Traceback (most recent call last):
        ...
    causalgen.errors.NotIdentifiableError: Expected every variable to pass on one value of the treatment; got the
    recanting witness 'l': ...
    """
    measured = _measured(graph, treatment, outcome, observed)
    active = active_paths(graph, treatment, outcome, paths=paths, edges=edges)
    terms = _edge_terms(graph, treatment, outcome, active, measured)
    shown = tuple(path for path in causal_paths(graph, treatment, outcome) if path in active)
    along = join(tuple(map(write_directed, shown)))
    return NestedEstimand(
        query="path-specific effect",
        method="edge g-formula",
        treatment=treatment,
        outcome=outcome,
        text=(
            f"The effect of '{treatment}' on '{outcome}' along {along}: what {outcome} would be if {treatment}=b acted "
            f"along that and {treatment}=a along every other path, against {treatment}=a along all."
        ),
        written=write_nested("path-specific effect", terms, treatment, outcome, paths=shown),
        assumptions=assume("path-specific effect", treatment, outcome, (), early(graph, treatment, terms)),
        adjustment=early(graph, treatment, terms),
        paths=shown,
        factors=terms,
        stages=stages(graph, treatment, terms),
    )


def identify_controlled_direct_effect(
    graph: CausalGraph,
    *,
    treatment: str,
    outcome: str,
    mediators: str | Iterable[str],
    observed: Iterable[str] | None = None,
) -> NestedEstimand:
    """Find a formula for P(Y | do(X, M)), from which the controlled direct effect follows: M is set, not kept.

    It needs no assumption across worlds, and a variable that X affects may confound M and Y.

    Args:
        graph: The causal graph.
        treatment: X.
        outcome: Y.
        mediators: M, set to the same values for all units.
        observed: The measured variables; by default all but images.

    Raises:
        NotIdentifiableError: A hidden common cause hides how a variable responds.
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same, there is no mediator, or one is on no causal path.

    >>> graph = CausalGraph("x -> l -> {m, y}; m -> y; x -> y")
    >>> print(identify_controlled_direct_effect(graph, treatment="x", outcome="y", mediators="m").formula)
    P(y | do(x=b, m)) = Σ_{l} P(y | x=b, l, m) P(l | x=b)
    """
    measured = _measured(graph, treatment, outcome, observed)
    chosen = select_mediators(graph, treatment, outcome, mediators, observed=measured)
    visible = graph.project(measured)
    levels = dict.fromkeys(visible.children(treatment), "b")
    terms = factors(visible, treatment, outcome, levels, held=chosen)
    m = join(chosen)
    return NestedEstimand(
        query="controlled direct effect",
        method="g-formula",
        treatment=treatment,
        outcome=outcome,
        text=(
            f"The controlled direct effect of '{treatment}' on '{outcome}' compares {outcome} under {treatment}=b with "
            f"{outcome} under {treatment}=a when {m} is set to the same value for every unit under both."
        ),
        written=write_nested("controlled direct effect", terms, treatment, outcome, mediators=chosen),
        assumptions=assume("controlled direct effect", treatment, outcome, chosen, early(graph, treatment, terms)),
        mediators=chosen,
        adjustment=early(graph, treatment, terms),
        factors=terms,
        stages=stages(graph, treatment, terms, joined=False),
    )


def identify_effect_on_treated(
    graph: CausalGraph, *, treatment: str, outcome: str, observed: Iterable[str] | None = None
) -> NestedEstimand:
    """Find a formula for E[Y(b) - Y(a) | X=b], the effect on the units that have X=b, by back-door adjustment.

    Args:
        graph: The causal graph.
        treatment: X.
        outcome: Y.
        observed: The measured variables; by default all but images.

    Raises:
        NotIdentifiableError: No observed set blocks every back-door path; the message names one.
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same, or only open back-door paths connect them.

    >>> graph = CausalGraph("hurry -> {pen, intensity}; pen -> intensity")
    >>> print(identify_effect_on_treated(graph, treatment="pen", outcome="intensity").formula)
    E[intensity(b) - intensity(a) | pen=b] =
        E[intensity | pen=b] - Σ_{hurry} E[intensity | pen=a, hurry] P(hurry | pen=b)
    """
    measured = _measured(graph, treatment, outcome, observed)
    chosen = efficient_adjustment_set(graph, treatment, outcome, observed=measured)
    if chosen is None:
        chosen = next(iter(adjustment_sets(graph, treatment, outcome, observed=measured, limit=1)), None)
    if chosen is None and outcome not in graph.descendants(treatment):
        raise GraphError(
            f"Expected a treatment that acts on the outcome; no directed path leads from '{treatment}' to '{outcome}', so "
            "the effect on the treated is 0."
        )
    if chosen is None:
        attempt = best_attempt(graph, treatment, outcome, measured)
        raise NotIdentifiableError(
            f"Expected a set of observed variables that blocks every back-door path from '{treatment}' to '{outcome}'; "
            f"got {attempt.open_path}, which stays open given {write_set(attempt.adjustment)}. Measure the common cause "
            "on it and draw it as a variable."
        )
    return NestedEstimand(
        query="effect on the treated",
        method="back-door",
        treatment=treatment,
        outcome=outcome,
        text=(
            f"The effect of '{treatment}' on '{outcome}' among the units with {treatment}=b: what their {outcome} is, "
            f"against what it would have been under {treatment}=a."
        ),
        written=write_treated(treatment, outcome, chosen),
        assumptions=assume("effect on the treated", treatment, outcome, (), chosen),
        adjustment=chosen,
    )


def identify_probabilities_of_causation(
    graph: CausalGraph, *, treatment: str, outcome: str, observed: Iterable[str] | None = None
) -> NestedEstimand:
    """Bounds of the probabilities of necessity and sufficiency, for a binary treatment and a binary outcome.

    The bounds are Tian and Pearl's, in P(X, Y) and P(Y | do(X)), which must be identified. The assumptions name the
    one, monotonicity, under which the lower bounds are the probabilities themselves.

    Args:
        graph: The causal graph; kinds, where declared, must be binary.
        treatment: X, with b the value that may cause and a the value compared with.
        outcome: Y; its second label is the outcome that may be caused.
        observed: The measured variables; by default all but images.

    Raises:
        NotIdentifiableError: P(Y | do(X)) is not identified.
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same, or one is not binary.
    """
    measured = _measured(graph, treatment, outcome, observed)
    for name in (treatment, outcome):
        if graph[name].kind not in ("binary", None):
            raise GraphError(
                "Expected a binary treatment and a binary outcome for probabilities of causation; "
                f"'{name}' is {graph[name].kind}. Recode it into two labels."
            )
    effect = identify(graph, treatment=treatment, outcome=outcome, observed=measured)
    return NestedEstimand(
        query="probabilities of causation",
        method="bounds",
        treatment=treatment,
        outcome=outcome,
        text="; ".join(f"{name}, {words}" for name, words in DEFINITIONS.items()) + ".",
        written=write_causation(treatment, outcome),
        assumptions=(*effect.assumptions, *assume("probabilities of causation", treatment, outcome, (), ())),
        adjustment=effect.adjustment,
    )


def select_mediators(
    graph: CausalGraph,
    treatment: str,
    outcome: str,
    mediators: str | Iterable[str] | None,
    *,
    observed: Collection[str],
) -> tuple[str, ...]:
    """The mediators asked for, or every observed variable on a causal path, checked.

    Raises:
        NotIdentifiableError: A mediator that is asked for is not observed.
        GraphError: There is none, or one is on no causal path.
    """
    check_pair(graph, treatment, outcome)
    between = graph.select(set(causal_nodes(graph, treatment, outcome)) - {outcome})
    chosen = graph.select(set(between) & set(observed) if mediators is None else mediators)
    for name in chosen:
        if name not in between:
            raise GraphError(
                f"Expected mediators on a causal path from '{treatment}' to '{outcome}': "
                f"{', '.join(between) or 'there is none'}; got '{name}'."
            )
        if name not in observed:
            raise NotIdentifiableError(
                f"Expected observed mediators; got '{name}', which is not. Measure it, or ask a fitted model."
            )
    if not chosen:
        raise GraphError(
            f"Expected a mediator between '{treatment}' and '{outcome}'; got none. "
            + _without_mediators(graph, treatment, outcome, between)
        )
    return chosen


def _without_mediators(graph: CausalGraph, treatment: str, outcome: str, between: tuple[str, ...]) -> str:
    if between:
        return f"Measure or name {join(between)}."
    if outcome in graph.children(treatment):
        return "The whole effect is direct: ask for the effect itself."
    return f"'{treatment}' has no effect on '{outcome}'."


def _measured(graph: CausalGraph, treatment: str, outcome: str, observed: Iterable[str] | None) -> tuple[str, ...]:
    check_pair(graph, treatment, outcome)
    measured = observed_nodes(graph, observed)
    if observed is None:
        measured = graph.select((*measured, treatment, outcome))
    for name in (treatment, outcome):
        if name not in measured:
            raise NotIdentifiableError(f"Expected treatment and outcome to be observed; got '{name}' hidden.")
    return measured


def _edge_terms(
    graph: CausalGraph, treatment: str, outcome: str, active: Collection[Path], measured: tuple[str, ...]
) -> tuple[Factor, ...]:
    levels = carried_levels(graph, treatment, outcome, active, measured)
    return factors(graph.project(measured), treatment, outcome, levels)
