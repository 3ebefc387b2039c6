"""Nested counterfactuals answered by a model: the worlds of one unit share its noise.

Y(b, M(a)) is computed literally: run the model under do(X=a), keep M; run it under do(X=b, M=those values) on the same
noise. Units are drawn from the model, or are the observed units of a factual table with abducted noise. A model answers
every question, using the coupling of worlds that its mechanisms imply; the answer states whether the graph identifies
it from data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ..effects.settings import check_level
from ..errors import DataError, NotIdentifiableError
from ..grammar.outcome_labels import find_outcome_labels
from ..graph import NestedEstimand, NestedQuestion, causation_bounds, identify_nested
from ..graph.adjustment import check_pair
from ..graph.nested import check_binary, select_mediators, select_paths
from ..graph.nested_estimand import COMPARED, definitions
from ..graph.paths import Path
from ..scm import StructuralCausalModel, ancestral_model
from ..scm.interventions import describe
from ..scm.label_model import label_model
from .answer import NestedAnswer, NestedEffect, title
from .units import ModelUnits

__all__ = ["simulate_nested"]

NOTE = (
    "Intervals cover the variation over units, not the uncertainty of the fit. The coupling between the worlds of one unit is "
    "the model's: no data identify the coupling of the noises of discrete variables and images, and that of continuous ones "
    "only under monotone noise without hidden confounding."
)
CAUSATION_PARTICLES = 100


def simulate_nested(
    scm: StructuralCausalModel,
    question: NestedQuestion,
    *,
    factual: Any = None,
    particles: int | None = None,
    n: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> NestedAnswer:
    """Answer a nested question by a fitted model.

    For every unit, the total effect is the sum of the natural direct and the total indirect effect, and the total indirect
    effect is minus the natural indirect effect of the reversed contrast. An effect on the treated draws units with X=b by
    importance weighting, so the treatment may be continuous. Probabilities of causation come with the bounds that hold for
    every coupling of noises: PN averages over units with X=b and the outcome, PS over those with neither.

    Args:
        scm: A fitted model.
        question: The question; its outcome is continuous or binary, or "node=label" for the probability of a label. Its
            mediators are by default attributes, as from a table; an image on a causal path is one only by name.
        factual: Observed units, a value for the outcome, the treatment and each of their ancestors; None draws units.
        particles: Draws of the noise of each observed unit, see `StructuralCausalModel.abduct`; for probabilities of
            causation 100 by default.
        n: Number of units to draw without `factual`.
        level: Level of the intervals over units.
        seed: Seed.

    Raises:
        GraphError: Treatment equals outcome, there is no mediator between them, a path is not in the graph, or a variable
            that must be binary is not.
        UnknownNameError, DataError, SupportError, MissingValueError: A name or value that does not fit.
        AbductionError: A mechanism that the question recomputes for observed units cannot abduct.
    """
    if (label := find_outcome_labels(scm.graph, question.outcome)) is not None:
        if factual is not None:
            raise DataError(
                f"Expected units that the model draws for the probability in '{question.outcome}'; got observed ones. Leave "
                "factual out."
            )
        scm, question = label_model(scm, label), replace(question, outcome=label.name)
    if question.estimand == "causation" and factual is not None and particles is None:
        particles = CAUSATION_PARTICLES
    worlds = _Worlds(scm, question, factual, particles, n, seed)
    worlds.check(level)
    graph, estimand = scm.graph, question.estimand
    observed = graph.attributes if question.mediators is None else graph.nodes
    mediators = select_mediators(graph, question, observed=observed) if estimand in ("natural", "controlled") else ()
    paths = select_paths(graph, question) if estimand == "path" else ()
    defined = definitions(estimand, question.treatment, question.outcome, mediators, paths, question.settings)
    by_unit, note = None, NOTE
    if estimand == "causation":
        effects, note = _causation(worlds, defined, level), f"{NOTE} The bounds hold for every coupling."
    else:
        found = _compared(worlds, mediators, paths)
        effects = [NestedEffect(name, *_mean_interval(values, level), defined[name]) for name, values in found.items()]
        by_unit = pd.DataFrame({name: values.cpu().numpy() for name, values in found.items()})
    supported = float(worlds.units.supported.double().mean())
    extrapolated = f"The model extrapolates for {1 - supported:.1%} of the units." if supported < 1 else ""
    identified, identification = _identification(scm, replace(question, mediators=mediators or None))
    outcome = graph[question.outcome]
    unit = outcome.unit or "" if outcome.labels is None else f"probability of {outcome.labels[1]}"
    assert question.contrast is not None
    return NestedAnswer(
        question=question,
        title=title(question, question.contrast, unit),
        source="model",
        effects=tuple(effects),
        outcome_unit=unit,
        estimand=identified,
        identification=identification,
        rows_used=len(worlds.by_unit(worlds.levels["a"])),
        rows_dropped=0,
        level=level,
        seed=seed,
        note=note,
        warnings=(extrapolated,) if extrapolated else (),
        by_unit=by_unit,
        supported=supported,
    )


@dataclass(frozen=True)
class _Worlds:
    """A contrast on the units of a model."""

    scm: StructuralCausalModel
    question: NestedQuestion
    factual: Any
    particles: int | None
    n: int
    seed: int

    def check(self, level: float) -> None:
        graph, x, y, contrast = self.scm.graph, self.question.treatment, self.question.outcome, self.question.contrast
        check_pair(graph, x, y)
        check_level(level)
        if self.question.estimand == "causation":
            check_binary(graph, x, y)
        if graph[y].kind not in ("continuous", "binary"):
            raise DataError(
                f"Expected a continuous or binary outcome; '{y}' is {graph[y].kind}. Ask for an attribute measured on "
                f"an image, or for the probability of a label: outcome='{y}=LABEL'."
            )
        if self.factual is None and self.particles is not None:
            raise DataError(
                f"Expected particles with factual units, whose noise is not known; got particles={self.particles} without. "
                "Drawn units have one noise each: ask for more of them by n."
            )
        if self.factual is None and (not isinstance(self.n, int) or self.n < 2):
            raise DataError(f"Expected at least two units to draw; got n={self.n!r}.")
        if not isinstance(contrast, (tuple, list)) or len(contrast) != 2:
            raise DataError(f"Expected contrast=(a, b), which compares do({x}=b) with do({x}=a); got {contrast!r}.")
        if torch.equal(*(self.scm.tensor(x, value, count=1) for value in contrast)):
            raise DataError(f"Expected two different values of '{x}' in the contrast; got {contrast!r}.")

    @cached_property
    def units(self) -> ModelUnits:
        x, treated = self.question.treatment, self.question.estimand == "treated"
        assert self.question.contrast is not None
        b = self.question.contrast[1]
        small = ancestral_model(self.scm, [x, self.question.outcome])
        if self.factual is None:
            return ModelUnits.drawn(small, self.n, given={x: b} if treated else None, seed=self.seed)
        if not isinstance(self.factual, Mapping | pd.DataFrame):
            raise DataError(f"Expected factual as a mapping or data frame; got {type(self.factual).__name__}.")
        for name in self.factual:
            self.scm.graph.require(str(name))
        kept = {name: self.factual[name] for name in small.graph.nodes if name in self.factual}
        if treated and x in kept:
            chosen = (self.scm.tensor(x, kept[x]) == self.scm.tensor(x, b)).nonzero()[:, 0]
            if not len(chosen):
                raise DataError(
                    f"Expected units with {describe(self.scm.graph[x], b)} among the factual ones; got none. Leave factual "
                    "out to draw such units."
                )
            kept = {name: small.tensor(name, value)[chosen] for name, value in kept.items()}
        return ModelUnits.observed(small, kept, particles=self.particles, seed=self.seed)

    @cached_property
    def levels(self) -> dict[str, Tensor]:
        """The treatment of every unit at both ends of the contrast, by "a" and "b"."""
        assert self.question.contrast is not None
        return {level: self.set(self.question.treatment, value) for level, value in zip("ab", self.question.contrast)}

    def set(self, name: str, value: Any) -> Tensor:
        """One value of a node, repeated for every unit."""
        tensor = self.scm.tensor(name, value, count=1)
        return tensor.expand(self.units.count, *tensor.shape[1:])

    def under(self, level: str, held: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """All nodes under do(treatment=level, held)."""
        return self.units.world({self.question.treatment: self.levels[level], **(held or {})})

    def by_unit(self, values: Tensor) -> Tensor:
        """Mean over particles, `(units,)`."""
        return values.double().reshape(self.particles or 1, -1).mean(0)

    def first(self, values: Tensor) -> Tensor:
        """A quantity that is the same for all particles of a unit, `(units,)`."""
        return values.reshape(self.particles or 1, -1)[0]


def _compared(worlds: _Worlds, mediators: tuple[str, ...], paths: tuple[Path, ...]) -> dict[str, Tensor]:
    """Every effect by unit, from pairs of worlds."""
    question = worlds.question
    y, held = question.outcome, {name: worlds.set(name, value) for name, value in question.settings.items()}
    plain = {level: worlds.under(level, held) for level in "ab"}

    def outcome(direct: str, through: str) -> Tensor:
        if direct == through:
            return plain[direct][y]
        if paths:
            ends = worlds.levels[through], worlds.levels[direct]
            return worlds.units.along(question.treatment, *ends, y, paths)
        return worlds.under(direct, {m: plain[through][m] for m in mediators})[y]

    pairs = COMPARED[question.estimand].items()
    return {name: worlds.by_unit(outcome(*b).double() - outcome(*a).double()) for name, (b, a) in pairs}


def _causation(worlds: _Worlds, defined: Mapping[str, str], level: float) -> list[NestedEffect]:
    x, y = worlds.question.treatment, worlds.question.outcome
    without, with_it = (worlds.under(level)[y] == 1 for level in "ab")
    treated, happened = worlds.units.own[x] == worlds.levels["b"], worlds.units.own[y] == 1
    joint = [[float((t & o).double().mean()) for o in (~happened, happened)] for t in (~treated, treated)]
    bounds = causation_bounds(joint, float(without.double().mean()), float(with_it.double().mean()))
    groups = {"PN": (treated & happened, ~without), "PS": (~treated & ~happened, with_it)}
    groups["PNS"] = (torch.ones_like(treated), with_it & ~without)
    rows = []
    for name, (among, caused) in groups.items():
        units = worlds.by_unit(caused)[worlds.first(among)]
        if not len(units):
            raise DataError(
                f"Expected units that {name} is about ({defined[name]}); got none. Give or draw more units."
            )
        least, most, monotone = map(float, bounds[name])
        rows.append(NestedEffect(name, *_mean_interval(units, level), defined[name], (least, most), monotone))
    return rows


def _identification(scm: StructuralCausalModel, question: NestedQuestion) -> tuple[NestedEstimand | None, str]:
    if question.outcome not in scm.graph.descendants(question.treatment):
        return None, "It is 0 by the graph: no directed path leads from treatment to outcome."
    try:
        estimand = identify_nested(scm.graph, question)
    except NotIdentifiableError as error:
        return None, f"The graph does not identify it from data, so the answer rests on the model alone: {error}"
    return estimand, f"The graph identifies it from data: {estimand.formula}."


def _mean_interval(values: Tensor, level: float) -> tuple[float, float, float]:
    """Mean of `(N,)` values with the ends of its normal interval; NaN ends for a single value."""
    values = values.double()
    mean, error = float(values.mean()), float(values.std()) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    reach = NormalDist().inv_cdf(0.5 + level / 2) * error
    return mean, mean - reach, mean + reach
