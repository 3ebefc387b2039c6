"""Nested counterfactuals answered by a model: the worlds of one unit share its noise.

Y(b, M(a)) is computed as it reads: run the model under do(X=a), keep M; run it under do(X=b, M=those) on the same noise.
Units are drawn from the model, or are the observed units of a factual table with abducted noise. What the graph
identifies from data, and under which assumptions, is answered by `causalgen.graph.identify_natural_effects` and related
functions; a model answers every question, by the coupling of worlds that its mechanisms happen to have.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch

from ..errors import DataError
from ..graph import (
    active_paths,
    causal_paths,
    causation_bounds,
    identify_controlled_direct_effect,
    identify_effect_on_treated,
    identify_natural_effects,
    identify_path_specific_effect,
)
from ..graph.causation import DEFINITIONS
from ..graph.nested import select_mediators
from ..graph.nested_paths import PathsLike, write_directed
from ..graph.parse import EdgesLike
from .interventions import describe
from .model import StructuralCausalModel
from .nested_question import COUPLING, Question
from .nested_result import (
    CausationProbability,
    NestedEffects,
    ProbabilitiesOfCausation,
    mean_interval,
)

__all__ = [
    "controlled_direct_effect",
    "effect_on_treated",
    "natural_effects",
    "path_specific_effect",
    "probability_of_causation",
]


def natural_effects(
    scm: StructuralCausalModel,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    mediators: str | Iterable[str] | None = None,
    factual: Any = None,
    particles: int | None = None,
    n: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> NestedEffects:
    """Total effect, and its natural direct and indirect parts.

    With M the mediators: "total" Y(b) - Y(a); "natural direct" Y(b, M(a)) - Y(a); "natural indirect"
    Y(a, M(b)) - Y(a); "total indirect" Y(b) - Y(b, M(a)). For every unit, total = natural direct + total indirect,
    and the total indirect effect is minus the natural indirect effect of the reversed contrast.

    Args:
        scm: A fitted model.
        treatment: X.
        outcome: Y, continuous or binary.
        contrast: (a, b), labels or natural units.
        mediators: M; by default every node on a causal path.
        factual: Observed units, a value for the outcome, the treatment and each of their ancestors; None draws units.
        particles: Draws of the noise of each observed unit, see `StructuralCausalModel.abduct`.
        n: Number of units to draw without `factual`.
        level: Level of the intervals over units.
        seed: Seed.

    Raises:
        GraphError: Treatment equals outcome, or there is no mediator between them.
        UnknownNameError, DataError, SupportError, MissingValueError: A name or value that does not fit.
    """
    chosen = select_mediators(scm.graph, treatment, outcome, mediators, observed=scm.graph.nodes)
    asked = Question(scm, treatment, outcome, contrast, factual, particles, n, level, seed)
    under_a, under_b = asked.world(asked.a), asked.world(asked.b)
    base, shifted = under_a[outcome], under_b[outcome]
    direct = asked.world(asked.b, {m: under_a[m] for m in chosen})[outcome]
    indirect = asked.world(asked.a, {m: under_b[m] for m in chosen})[outcome]
    y = outcome
    kept, moved = (", ".join(f"{m}({x})" for m in chosen) for x in "ab")
    return asked.answer(
        {
            "total": (shifted, base, f"{y}(b) - {y}(a)"),
            "natural direct": (direct, base, f"{y}(b, {kept}) - {y}(a)"),
            "natural indirect": (indirect, base, f"{y}(a, {moved}) - {y}(a)"),
            "total indirect": (shifted, direct, f"{y}(b) - {y}(b, {kept})"),
        },
        "natural direct is what remains with the mediators kept as under a; it and the total indirect effect add up to "
        "the total",
        partial(identify_natural_effects, mediators=chosen),
    )


def controlled_direct_effect(
    scm: StructuralCausalModel,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    mediators: Mapping[str, Any],
    factual: Any = None,
    particles: int | None = None,
    n: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> NestedEffects:
    """The effect when the mediators are set: Y(b, m) - Y(a, m), as "controlled direct".

    Args:
        mediators: Mediator -> the value that it is set to, the same for all units.

    The other arguments and errors are those of `natural_effects`.
    """
    if not isinstance(mediators, Mapping):
        raise DataError(f"Expected mediators as a mapping such as {{'name': value}}; got {mediators!r}.")
    chosen = select_mediators(scm.graph, treatment, outcome, mediators, observed=scm.graph.nodes)
    asked = Question(scm, treatment, outcome, contrast, factual, particles, n, level, seed)
    held = {m: asked.set(m, mediators[m]) for m in chosen}
    under_a, under_b = (asked.world(x, held)[outcome] for x in (asked.a, asked.b))
    shown = ", ".join(describe(scm.graph[m], mediators[m]) for m in chosen)
    definition = f"{outcome}(b, {shown}) - {outcome}(a, {shown})"
    return asked.answer(
        {"controlled direct": (under_b, under_a, definition)},
        f"{shown} in every unit",
        partial(identify_controlled_direct_effect, mediators=chosen),
    )


def path_specific_effect(
    scm: StructuralCausalModel,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    paths: PathsLike | None = None,
    edges: EdgesLike | None = None,
    factual: Any = None,
    particles: int | None = None,
    n: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> NestedEffects:
    """The effect along some paths: X=b acts along these and X=a along all others, against X=a along all.

    A model answers even if a recanting witness rules out an answer from data; the reading then states this.

    Args:
        paths: The active paths, such as ["x -> m -> y"].
        edges: Instead of paths: active edges; a path is active when all its edges are.

    The other arguments and errors are those of `natural_effects`.
    """
    active = active_paths(scm.graph, treatment, outcome, paths=paths, edges=edges)
    asked = Question(scm, treatment, outcome, contrast, factual, particles, n, level, seed)
    base = asked.world(asked.a)[outcome]
    along = asked.units.along(treatment, asked.a, asked.b, outcome, active)
    shown = "; ".join(write_directed(path) for path in causal_paths(scm.graph, treatment, outcome) if path in active)
    definition = f"{outcome}(b along {shown}) - {outcome}(a)"
    return asked.answer(
        {"path-specific": (along, base, definition)},
        f"active: {shown}",
        partial(identify_path_specific_effect, paths=active),
    )


def effect_on_treated(
    scm: StructuralCausalModel,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    factual: Any = None,
    particles: int | None = None,
    n: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> NestedEffects:
    """The effect among the units that have X=b: Y(b) - Y(a), as "effect on the treated".

    Without `factual`, units with X=b are drawn by importance weighting, so the treatment may be continuous.

    The arguments and errors are those of `natural_effects`; of a factual table only the units with X=b count.
    """
    asked = Question(scm, treatment, outcome, contrast, factual, particles, n, level, seed, treated=True)
    under_a, under_b = (asked.world(x)[outcome] for x in (asked.a, asked.b))
    shown = describe(scm.graph[treatment], contrast[1])
    definition = f"{outcome}(b) - {outcome}(a) among units with {shown}"
    return asked.answer(
        {"effect on the treated": (under_b, under_a, definition)},
        f"units with {shown} only",
        identify_effect_on_treated,
    )


def probability_of_causation(
    scm: StructuralCausalModel,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    factual: Any = None,
    particles: int = 100,
    n: int = 20_000,
    level: float = 0.95,
    seed: int = 0,
) -> ProbabilitiesOfCausation:
    """Probabilities of necessity, sufficiency and both, with bounds that hold for any coupling of noises.

    Args:
        scm: A fitted model.
        treatment: X, binary.
        outcome: Y, binary; its second label is the outcome that may be caused.
        contrast: (a, b): b is the cause, a the reference.
        factual: Observed units; PN is then averaged over those with X=b and the outcome, each conditioned on all
            that is observed of it, PS over those with neither. None draws units.
        particles: Draws of the noise of each observed unit.
        n: Number of units to draw without `factual`.
        level: Level of the intervals over units.
        seed: Seed.

    Raises:
        DataError: Treatment or outcome is not binary, or no unit is in the group to which a probability refers.
        GraphError, UnknownNameError, SupportError, MissingValueError: A name or value that does not fit.
    """
    for name in (treatment, outcome):
        scm.graph.require(name)
        if scm.graph[name].kind != "binary":
            raise DataError(
                "Expected a binary treatment and a binary outcome for probabilities of causation; "
                f"'{name}' is {scm.graph[name].kind}. Recode it into two labels."
            )
    drawn = None if factual is None else particles
    asked = Question(scm, treatment, outcome, contrast, factual, drawn, n, level, seed)
    without, with_it = (asked.world(x)[outcome] == 1 for x in (asked.a, asked.b))
    treated = asked.units.own[treatment] == asked.b
    happened = asked.units.own[outcome] == 1
    joint = [[float((t & y).double().mean()) for y in (~happened, happened)] for t in (~treated, treated)]
    bounds = causation_bounds(joint, float(without.double().mean()), float(with_it.double().mean()))
    groups = {"PN": (treated & happened, ~without), "PS": (~treated & ~happened, with_it)}
    groups["PNS"] = (torch.ones_like(treated), with_it & ~without)
    rows = []
    for name, (among, caused) in groups.items():
        units = asked.by_unit(caused)[asked.first(among)]
        if not len(units):
            raise DataError(
                f"Expected units that {name} is about ({DEFINITIONS[name]}); got none. Give or draw more units."
            )
        value, low, high = mean_interval(units, level)
        least, most, monotone = map(float, bounds[name])
        rows.append(CausationProbability(name, value, low, high, least, most, monotone, len(units), DEFINITIONS[name]))
    return ProbabilitiesOfCausation(asked.question, tuple(rows), COUPLING + " The bounds hold for every coupling.")
