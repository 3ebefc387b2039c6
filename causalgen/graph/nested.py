"""Identification of nested counterfactuals: direct and indirect effects, effects on the treated, causes of effects.

Throughout, X=b is compared with X=a. A nested counterfactual such as Y(b, M(a)) takes one variable's value from another
world of the same unit; no experiment shows it, and a graph identifies it only as a model with independent noises.

References:
    Pearl, Direct and indirect effects (2001); Interpretation and identification of causal mediation (2014).
    Shpitser and VanderWeele, A complete graphical criterion for the adjustment formula in mediation analysis (2011).
    Shpitser, Counterfactual graphical models for longitudinal mediation analysis with unobserved confounding (2013).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx

from ..errors import DataError, GraphError, NotIdentifiableError, UnknownNameError, nearest
from .accepted import GraphLike, as_graph
from .adjustment import (
    adjustment_sets,
    best_attempt,
    causal_nodes,
    check_pair,
    efficient_adjustment_set,
    observed_nodes,
    write_set,
)
from .edge_formula import Factor, carried_levels, factors
from .graph import CausalGraph
from .identify import identify
from .nested_estimand import ESTIMANDS, EstimandName, NestedEstimand, Stage
from .notation import join
from .parse import EdgesLike
from .paths import Path, PathsLike, active_paths, causal_paths
from .separation import ancestral_closure

__all__ = ["NestedQuestion", "identify_nested", "select_mediators", "select_paths"]


@dataclass(frozen=True)
class NestedQuestion:
    """A question about the effect of X on Y across worlds of the same unit; X=b is compared with X=a.

    - "natural": Y(b, M(a)) - Y(a), the direct effect, and Y(a, M(b)) - Y(a), the indirect effect, as parts of the total.
    - "controlled": Y(b, m) - Y(a, m), the direct effect with M set to m in every unit.
    - "path": the effect when b acts along some paths and a along all others.
    - "treated": Y(b) - Y(a) among the units that have X=b.
    - "causation": the probabilities that X=b was necessary and sufficient for a binary outcome.

    Args:
        estimand: One of the words above.
        treatment: X.
        outcome: Y.
        contrast: (a, b), labels or natural units. Identification needs none, and an estimate from a table none for a
            binary treatment, whose two labels it compares.
        mediators: M. For "natural" names, by default every observed variable on a causal path; for "controlled" a mapping
            of each name to the value that it is set to (names alone suffice for identification).
        paths: For "path": the active paths, such as "x -> m -> y"; one string may hold several, separated by `;`.
        edges: For "path", instead of paths: active edges; a path is active when all its edges are.

    Raises:
        UnknownNameError: There is no such estimand.
        DataError: The estimand does not take mediators or paths that are given, or lacks those that it needs.
    """

    estimand: EstimandName
    treatment: str
    outcome: str
    contrast: tuple[Any, Any] | None = None
    mediators: str | Iterable[str] | Mapping[str, Any] | None = None
    paths: PathsLike | None = None
    edges: EdgesLike | None = None

    def __post_init__(self) -> None:
        if self.estimand not in ESTIMANDS:
            raise UnknownNameError(
                f"Expected an estimand among {', '.join(ESTIMANDS)}; got {self.estimand!r}."
                + nearest(str(self.estimand), ESTIMANDS)
            )
        if self.mediators is not None and self.estimand not in ("natural", "controlled"):
            raise DataError(f"Expected no mediators for the {ESTIMANDS[self.estimand]}; got some. Leave them out.")
        if self.estimand == "natural" and isinstance(self.mediators, Mapping):
            raise DataError(
                "Expected names of mediators for natural effects; got values. Ask for 'controlled', or leave the values out."
            )
        if (self.paths is not None or self.edges is not None) and self.estimand != "path":
            raise DataError(
                f"Expected no paths for the {ESTIMANDS[self.estimand]}; got some. Leave them out, or ask for 'path'."
            )
        if self.estimand == "controlled" and not self.mediators:
            raise DataError(
                "Expected the mediators that a controlled direct effect sets, such as {'name': value}; got none."
            )

    @property
    def settings(self) -> Mapping[str, Any]:
        """The values that the mediators of a controlled direct effect are set to.

        Raises:
            DataError: They are given without values.
        """
        if self.estimand != "controlled":
            return {}
        if not isinstance(self.mediators, Mapping):
            raise DataError(f"Expected mediators as a mapping such as {{'name': value}}; got {self.mediators!r}.")
        return self.mediators


def identify_nested(
    graph: GraphLike, question: NestedQuestion, *, observed: Iterable[str] | None = None
) -> NestedEstimand:
    """Find a formula in the observational distribution that answers a nested question.

    Natural effects use the mediation formula with one adjustment set, or else the edge g-formula, which also reaches
    graphs in which no single set suffices. Path-specific effects use the edge g-formula, which is complete: an error means
    that no formula exists. A controlled direct effect needs no assumption across worlds, and a variable that X affects may
    confound M and Y. Probabilities of causation are bounded (Tian and Pearl).

    Args:
        graph: The causal graph.
        question: The question; its contrast is not needed.
        observed: The measured variables; by default all but images.

    Raises:
        NotIdentifiableError: The message names the recanting witness, the recanting district or the hidden common cause,
            and what would help.
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same, there is no mediator, one is on no causal path, a path is not in
            the graph, or a variable that must be binary is not.

    >>> graph = CausalGraph("hurry -> {pen, intensity}; pen -> thickness -> intensity; pen -> intensity")
    >>> print(identify_nested(graph, NestedQuestion("natural", "pen", "intensity")).formula)
    P(intensity(pen=b, thickness(pen=a))) =
        Σ_{hurry, thickness} P(intensity | pen=b, hurry, thickness) P(thickness | pen=a, hurry) P(hurry)
    >>> print(identify_nested(graph, NestedQuestion("treated", "pen", "intensity")).formula)
    E[intensity(b) - intensity(a) | pen=b] =
        E[intensity | pen=b] - Σ_{hurry} E[intensity | pen=a, hurry] P(hurry | pen=b)
    >>> graph = CausalGraph("x -> l -> {m, y}; m -> y; x -> y")
    >>> print(identify_nested(graph, NestedQuestion("controlled", "x", "y", mediators="m")).formula)
    P(y | do(x=b, m)) = Σ_{l} P(y | x=b, l, m) P(l | x=b)
    >>> identify_nested(graph, NestedQuestion("path", "x", "y", paths="x -> l -> m -> y"))
    Traceback (most recent call last):
        ...
    causalgen.errors.NotIdentifiableError: Expected every variable to pass on one value of the treatment; got the
    recanting witness 'l': ...
    """
    graph = as_graph(graph)
    check_pair(graph, question.treatment, question.outcome)
    measured = observed_nodes(graph, observed)
    if observed is None:
        measured = graph.select((*measured, question.treatment, question.outcome))
    for name in (question.treatment, question.outcome):
        if name not in measured:
            raise NotIdentifiableError(f"Expected treatment and outcome to be observed; got '{name}' hidden.")
    return _FORMULAS[question.estimand](graph, question, measured)


def check_binary(graph: CausalGraph, treatment: str, outcome: str) -> None:
    """Raise if probabilities of causation are asked about a variable that is declared and not binary."""
    for name in (treatment, outcome):
        if graph[name].kind not in ("binary", None):
            raise GraphError(
                "Expected a binary treatment and a binary outcome for probabilities of causation; "
                f"'{name}' is {graph[name].kind}. Recode it into two labels."
            )


def select_mediators(graph: CausalGraph, question: NestedQuestion, *, observed: Collection[str]) -> tuple[str, ...]:
    """The mediators of the question, or every observed variable on a causal path, checked.

    Raises:
        NotIdentifiableError: A requested mediator is not observed.
        GraphError: There is none, or one is on no causal path.
    """
    x, y = question.treatment, question.outcome
    check_pair(graph, x, y)
    between = graph.select(set(causal_nodes(graph, x, y)) - {y})
    chosen = graph.select(set(between) & set(observed) if question.mediators is None else question.mediators)
    for name in chosen:
        if name not in between:
            raise GraphError(
                f"Expected mediators on a causal path from '{x}' to '{y}': {', '.join(between) or 'there is none'}; got "
                f"'{name}'."
            )
        if name not in observed:
            raise NotIdentifiableError(
                f"Expected observed mediators; got '{name}', which is not. Measure it, or ask a fitted model."
            )
    if not chosen:
        raise GraphError(f"Expected a mediator between '{x}' and '{y}'; got none. {_no_mediator(graph, x, y, between)}")
    return chosen


def select_paths(graph: CausalGraph, question: NestedQuestion) -> tuple[Path, ...]:
    """The active paths of a path-specific effect, checked, shortest first; see `active_paths`."""
    x, y = question.treatment, question.outcome
    active = active_paths(graph, x, y, paths=question.paths, edges=question.edges)
    return tuple(path for path in causal_paths(graph, x, y) if path in active)


def _no_mediator(graph: CausalGraph, x: str, y: str, between: tuple[str, ...]) -> str:
    if between:
        return f"Measure or name {join(between)}."
    if y in graph.children(x):
        return "The whole effect is direct: ask for the effect itself."
    reversed_ = f" '{y}' acts on '{x}': did you swap treatment and outcome?" if x in graph.descendants(y) else ""
    return f"'{x}' has no effect on '{y}'.{reversed_}"


def _natural(graph: CausalGraph, question: NestedQuestion, measured: tuple[str, ...]) -> NestedEstimand:
    x, y = question.treatment, question.outcome
    chosen = select_mediators(graph, question, observed=measured)
    adjustment = _mediation_set(graph, question, chosen, measured)
    if adjustment is None:
        direct = {path for path in causal_paths(graph, x, y) if not set(path) & set(chosen)}
        terms = _edge_terms(graph, question, direct, measured)
        return _summed(graph, question, "edge g-formula", terms, mediators=chosen)
    response = Factor((y,), graph.select((*adjustment, *chosen)), "b", True)
    terms = (Factor(chosen, adjustment, "a", True), response)
    terms = (Factor(adjustment, (), "", True), *terms) if adjustment else terms
    return _summed(graph, question, "mediation formula", terms, mediators=chosen, stages=((chosen, "a"), ((y,), "b")))


def _controlled(graph: CausalGraph, question: NestedQuestion, measured: tuple[str, ...]) -> NestedEstimand:
    chosen = select_mediators(graph, question, observed=measured)
    visible = graph.project(measured)
    levels = dict.fromkeys(visible.children(question.treatment), "b")
    terms = factors(visible, question.treatment, question.outcome, levels, held=chosen)
    return _summed(graph, question, "g-formula", terms, mediators=chosen)


def _path(graph: CausalGraph, question: NestedQuestion, measured: tuple[str, ...]) -> NestedEstimand:
    active = select_paths(graph, question)
    return _summed(graph, question, "edge g-formula", _edge_terms(graph, question, active, measured), paths=active)


def _treated(graph: CausalGraph, question: NestedQuestion, measured: tuple[str, ...]) -> NestedEstimand:
    x, y = question.treatment, question.outcome
    chosen = efficient_adjustment_set(graph, x, y, observed=measured)
    if chosen is None:
        chosen = next(iter(adjustment_sets(graph, x, y, observed=measured, limit=1)), None)
    if chosen is None and y not in graph.descendants(x):
        raise GraphError(
            f"Expected a treatment that acts on the outcome; no directed path leads from '{x}' to '{y}', so the effect on "
            "the treated is 0."
        )
    if chosen is None:
        attempt = best_attempt(graph, x, y, measured)
        raise NotIdentifiableError(
            f"Expected a set of observed variables that blocks every back-door path from '{x}' to '{y}'; got "
            f"{attempt.open_path}, which stays open given {write_set(attempt.adjustment)}. Measure the common cause on it "
            "and draw it as a variable."
        )
    return NestedEstimand("treated", "back-door", x, y, adjustment=chosen)


def _causation(graph: CausalGraph, question: NestedQuestion, measured: tuple[str, ...]) -> NestedEstimand:
    x, y = question.treatment, question.outcome
    check_binary(graph, x, y)
    effect = identify(graph, treatment=x, outcome=y, observed=measured)
    return NestedEstimand("causation", "bounds", x, y, adjustment=effect.adjustment, required=tuple(effect.assumptions))


_FORMULAS = {
    "natural": _natural,
    "controlled": _controlled,
    "path": _path,
    "treated": _treated,
    "causation": _causation,
}


def _summed(
    graph: CausalGraph,
    question: NestedQuestion,
    method: Any,
    terms: tuple[Factor, ...],
    *,
    stages: tuple[Stage, ...] | None = None,
    **named: Any,
) -> NestedEstimand:
    """An estimand that is a sum over factors; `named` holds its mediators or paths."""
    late = graph.descendants(question.treatment)
    early = graph.select(node for term in terms for node in term.nodes if node not in late)
    return NestedEstimand(
        question.estimand,
        method,
        question.treatment,
        question.outcome,
        adjustment=early,
        factors=terms,
        stages=_stages(graph, question, terms) if stages is None else stages,
        **named,
    )


def _mediation_set(
    graph: CausalGraph, question: NestedQuestion, mediators: tuple[str, ...], measured: tuple[str, ...]
) -> tuple[str, ...] | None:
    """A set W unaffected by X with (Y(b, m), M(a)) ⊥ X | W and Y(b, m) ⊥ M(a) | W; no member can be dropped.

    Both are checked in the graph without the arrows out of X; for the second, the arrows out of M are removed as well.
    W must not contain descendants of X, so a variable that X affects and that confounds M and Y leaves a path open.
    """
    treatment, outcome = question.treatment, question.outcome
    dag = graph.canonical()
    single = nx.restricted_view(dag, [], list(dag.out_edges(treatment)))
    double = nx.restricted_view(dag, [], list(dag.out_edges([treatment, *mediators])))
    allowed = set(measured) - {treatment, *graph.descendants(treatment)}

    def valid(chosen: Collection[str]) -> bool:
        return nx.is_d_separator(single, {treatment}, {*mediators, outcome}, set(chosen)) and nx.is_d_separator(
            double, set(mediators), {outcome}, set(chosen)
        )

    near = ancestral_closure(dag, [treatment, *mediators, outcome])
    nearer = ancestral_closure(double, [*mediators, outcome])
    for start in (allowed & near, allowed & nearer):
        if valid(start):
            for name in graph.select(start):
                start = start - {name} if valid(start - {name}) else start
            return graph.select(start)
    return None


def _edge_terms(
    graph: CausalGraph, question: NestedQuestion, active: Collection[Path], measured: tuple[str, ...]
) -> tuple[Factor, ...]:
    x, y = question.treatment, question.outcome
    return factors(graph.project(measured), x, y, carried_levels(graph, x, y, active, measured))


def _stages(graph: CausalGraph, question: NestedQuestion, terms: tuple[Factor, ...]) -> tuple[Stage, ...]:
    """Descendants of the treatment, with neighbours of one treatment value joined; empty unless every factor is plain.

    Neighbours are not joined for a controlled effect: a variable that is set may lie between them and depend on the first.
    """
    if not all(term.plain for term in terms):
        return ()
    late = graph.descendants(question.treatment)
    found: list[Stage] = []
    for term in terms:
        if term.nodes[0] not in late:
            continue
        level = term.level or (found[-1][1] if found else "b")
        if found and found[-1][1] == level and question.estimand != "controlled":
            found[-1] = ((*found[-1][0], *term.nodes), level)
        else:
            found.append((term.nodes, level))
    return tuple(found)
