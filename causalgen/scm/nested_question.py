"""A contrast evaluated on the units of a model, and the answer as numbers and text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ..errors import DataError, GraphError, NotIdentifiableError
from ..graph import NestedEstimand
from .interventions import describe
from .model import StructuralCausalModel
from .nested_result import NestedEffect, NestedEffects, mean_interval
from .nested_units import Units, ancestral_model

__all__ = ["COUPLING", "Question"]

COUPLING = (
    "The coupling between the worlds of one unit is the model's: no data identify the coupling of the noises of discrete "
    "variables and images, and that of continuous ones only under monotone noise without hidden confounding."
)


@dataclass(frozen=True)
class Question:
    """A contrast evaluated on the units of a model."""

    scm: StructuralCausalModel
    treatment: str
    outcome: str
    contrast: tuple[Any, Any]
    factual: Any
    particles: int | None
    n: int
    level: float
    seed: int
    treated: bool = False

    def __post_init__(self) -> None:
        graph, x, y = self.scm.graph, self.treatment, self.outcome
        if graph.require(x) == graph.require(y):
            raise GraphError(f"Expected two different variables as treatment and outcome; got '{x}' for both.")
        if graph[y].kind not in ("continuous", "binary"):
            raise DataError(
                f"Expected a continuous or binary outcome; '{y}' is {graph[y].kind}. Ask for an attribute measured on "
                "it, or for one label recoded as binary."
            )
        if not 0 < self.level < 1:
            raise DataError(f"Expected level between 0 and 1, such as 0.95; got {self.level!r}.")
        if self.factual is None and self.particles is not None:
            raise DataError(
                f"Expected particles with factual units, whose noise is not known; got particles={self.particles} without. "
                "Drawn units have one noise each: ask for more of them by n."
            )
        if self.factual is None and (not isinstance(self.n, int) or self.n < 2):
            raise DataError(f"Expected at least two units to draw; got n={self.n!r}.")
        if not isinstance(self.contrast, (tuple, list)) or len(self.contrast) != 2:
            raise DataError(
                f"Expected contrast=(a, b), which compares do({x}=b) with do({x}=a); got {self.contrast!r}."
            )
        ends = [self.scm.tensor(x, value, count=1) for value in self.contrast]
        if torch.equal(*ends):
            raise DataError(f"Expected two different values of '{x}' in the contrast; got {self.contrast!r}.")

    @cached_property
    def units(self) -> Units:
        small = ancestral_model(self.scm, [self.treatment, self.outcome])
        if self.factual is None:
            given = {self.treatment: self.contrast[1]} if self.treated else None
            return Units.drawn(small, self.n, given=given, seed=self.seed)
        if not isinstance(self.factual, Mapping | pd.DataFrame):
            raise DataError(f"Expected factual as a mapping or data frame; got {type(self.factual).__name__}.")
        for name in self.factual:
            self.scm.graph.require(str(name))
        kept = {name: self.factual[name] for name in small.graph.nodes if name in self.factual}
        if self.treated and self.treatment in kept:
            value = self.scm.tensor(self.treatment, kept[self.treatment])
            chosen = (value == self.scm.tensor(self.treatment, self.contrast[1])).nonzero()[:, 0]
            if not len(chosen):
                raise DataError(
                    f"Expected units with {describe(self.scm.graph[self.treatment], self.contrast[1])} among the "
                    "factual ones; got none. Leave factual out to draw such units."
                )
            kept = {name: small.tensor(name, value)[chosen] for name, value in kept.items()}
        return Units.observed(small, kept, particles=self.particles, seed=self.seed)

    @property
    def a(self) -> Tensor:
        return self.set(self.treatment, self.contrast[0])

    @property
    def b(self) -> Tensor:
        return self.set(self.treatment, self.contrast[1])

    @property
    def question(self) -> str:
        graph, x = self.scm.graph, self.treatment
        a, b = (describe(graph[x], value) for value in self.contrast)
        units = f"{self.n} drawn units" if self.factual is None else f"{len(self.by_unit(self.a))} observed units"
        return f"{self.outcome} under b: {b} against a: {a}, {units}"

    def set(self, name: str, value: Any) -> Tensor:
        """One value of a node, repeated for every unit."""
        tensor = self.scm.tensor(name, value, count=1)
        return tensor.expand(self.units.count, *tensor.shape[1:])

    def world(self, value: Tensor, held: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """All nodes under do(treatment=value, held)."""
        return self.units.world({self.treatment: value, **(held or {})})

    def by_unit(self, values: Tensor) -> Tensor:
        """Mean over particles, `(units,)`."""
        return values.double().reshape(self.particles or 1, -1).mean(0)

    def first(self, values: Tensor) -> Tensor:
        """A quantity that is the same for all particles of a unit, `(units,)`."""
        return values.reshape(self.particles or 1, -1)[0]

    def answer(
        self,
        compared: Mapping[str, tuple[Tensor, Tensor, str]],
        remark: str,
        identify: Callable[..., NestedEstimand],
    ) -> NestedEffects:
        """Effects from pairs of outcomes, the second subtracted from the first."""
        by_unit = {name: self.by_unit(b.double() - a.double()) for name, (b, a, _) in compared.items()}
        effects = tuple(
            NestedEffect(name, *mean_interval(values, self.level), compared[name][2])
            for name, values in by_unit.items()
        )
        supported = float(self.units.supported.double().mean())
        found = "; ".join(f"{effect.name} {effect.value:.4g}" for effect in effects)
        outside = "" if supported == 1 else f" For {1 - supported:.1%} of the units the model extrapolates."
        return NestedEffects(
            question=self.question,
            effects=effects,
            by_unit=pd.DataFrame({name: values.cpu().numpy() for name, values in by_unit.items()}),
            supported=supported,
            reading=f"{found} ({remark}).{outside} {self._identified(identify)} Intervals cover the variation over units, "
            f"not the uncertainty of the fit. {COUPLING}",
        )

    def _identified(self, identify: Callable[..., NestedEstimand]) -> str:
        if self.outcome not in self.scm.graph.descendants(self.treatment):
            return "It is 0 by the graph: no directed path leads from treatment to outcome."
        try:
            estimand = identify(self.scm.graph, treatment=self.treatment, outcome=self.outcome)
        except NotIdentifiableError as error:
            return f"The graph does not identify it from data, so the answer rests on the model alone: {error}"
        return f"The graph identifies it from data: {estimand.formula}."
