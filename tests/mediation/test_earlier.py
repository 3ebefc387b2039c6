"""The functions of the previous release give the answers of those that replaced them."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalgen.graph import CausalGraph, Variable, identify_nested
from causalgen.mediation import NestedQuestion, earlier, estimate_nested, simulate_nested
from causalgen.scm import StructuralCausalModel

BINARY = [Variable(name, "binary") for name in "xmy"]
GRAPH = CausalGraph("x -> m -> y; x -> y", BINARY)
PAIR = {"treatment": "x", "outcome": "y"}
MORE: dict[str, dict[str, Any]] = {"controlled": {"mediators": {"m": 1}}, "path": {"paths": "x -> m -> y"}}
NAMES = {
    "natural": ("identify_natural_effects", "estimate_natural_effects", "natural_effects"),
    "controlled": (
        "identify_controlled_direct_effect", "estimate_controlled_direct_effect", "controlled_direct_effect",
    ),
    "path": ("identify_path_specific_effect", "estimate_path_specific_effect", "path_specific_effect"),
    "treated": ("identify_effect_on_treated", "estimate_effect_on_treated", "effect_on_treated"),
    "causation": (
        "identify_probabilities_of_causation", "bound_probabilities_of_causation", "probability_of_causation",
    ),
}  # fmt: skip
CASES = [(name, estimand, source) for estimand, names in NAMES.items() for source, name in enumerate(names)]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, 100)
    m = (rng.random(100) < 0.3 + 0.4 * x).astype(int)
    return pd.DataFrame({"x": x, "m": m, "y": (rng.random(100) < 0.2 + 0.3 * x + 0.3 * m).astype(int)})


@pytest.mark.parametrize(("name", "estimand", "source"), CASES)
def test_an_earlier_function_answers_as_before(table: pd.DataFrame, name: str, estimand: Any, source: int) -> None:
    asked: dict[str, Any] = PAIR | MORE.get(estimand, {}) | ({"contrast": (0, 1)} if source else {})
    question, scm = NestedQuestion(estimand, **asked), StructuralCausalModel(GRAPH).declare_fitted()
    given, now, options = [
        ((GRAPH,), identify_nested, {}),
        ((GRAPH, table), estimate_nested, {"seed": 1}),
        ((scm,), simulate_nested, {"seed": 1, "n": 50}),
    ][source]
    before, after = getattr(earlier, name)(*given, **asked, **options), now(*given, question, **options)
    if not source:
        assert before == after
    elif name == "bound_probabilities_of_causation":
        assert [(row.low, row.high) for row in before.effects] == [row.bounds for row in after.effects]
        assert "The interval is the bounds" in before.note
    else:
        assert list(map(asdict, before.effects)) == list(map(asdict, after.effects))


def test_every_earlier_function_is_tested() -> None:
    assert {name for name, *_ in CASES} == set(earlier.__all__)
