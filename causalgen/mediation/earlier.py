"""The functions of the previous release, one for each estimand and source, kept for one release (see `causalgen.moved`)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..graph import NestedQuestion, identify_nested
from ..graph.nested_estimand import EstimandName
from .answer import NestedAnswer
from .estimate import estimate_nested
from .simulate import simulate_nested

__all__ = [
    "bound_probabilities_of_causation",
    "controlled_direct_effect",
    "effect_on_treated",
    "estimate_controlled_direct_effect",
    "estimate_effect_on_treated",
    "estimate_natural_effects",
    "estimate_path_specific_effect",
    "identify_controlled_direct_effect",
    "identify_effect_on_treated",
    "identify_natural_effects",
    "identify_path_specific_effect",
    "identify_probabilities_of_causation",
    "natural_effects",
    "path_specific_effect",
    "probability_of_causation",
]

BOUNDS_NOTE = "Tian and Pearl's bounds. The interval is the bounds themselves, without their sampling error."
ASKED = ("contrast", "mediators", "paths", "edges")


def _call(answer: Callable[..., Any], estimand: EstimandName, **defaults: Any) -> Callable[..., Any]:
    """A function that takes the fields of the question as keywords."""

    def call(*source: Any, treatment: str, outcome: str, **given: Any) -> Any:
        asked = {name: given.pop(name) for name in ASKED if name in given}
        question = NestedQuestion(estimand, treatment, outcome, **asked)
        return answer(*source, question=question, **defaults | given)

    return call


identify_natural_effects = _call(identify_nested, "natural")
identify_controlled_direct_effect = _call(identify_nested, "controlled")
identify_path_specific_effect = _call(identify_nested, "path")
identify_effect_on_treated = _call(identify_nested, "treated")
identify_probabilities_of_causation = _call(identify_nested, "causation")
estimate_natural_effects = _call(estimate_nested, "natural")
estimate_controlled_direct_effect = _call(estimate_nested, "controlled")
estimate_path_specific_effect = _call(estimate_nested, "path")
estimate_effect_on_treated = _call(estimate_nested, "treated")
natural_effects = _call(simulate_nested, "natural")
controlled_direct_effect = _call(simulate_nested, "controlled")
path_specific_effect = _call(simulate_nested, "path")
effect_on_treated = _call(simulate_nested, "treated")
probability_of_causation = _call(simulate_nested, "causation", n=20_000)


def bound_probabilities_of_causation(*source: Any, **given: Any) -> NestedAnswer:
    """Probabilities of causation from a table, whose low and high are the bounds, as they were."""
    answer = _call(estimate_nested, "causation")(*source, **given)
    rows = [replace(row, low=row.bounds[0], high=row.bounds[1]) for row in answer.effects if row.bounds]
    return replace(answer, effects=tuple(rows), note=BOUNDS_NOTE)
