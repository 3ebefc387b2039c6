"""Direct and indirect effects follow a continuous treatment whose effect levels off."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from causalgen.graph import CausalGraph, NestedQuestion, Variable
from causalgen.mediation import estimate_nested

GRAPH = CausalGraph("z -> {x, m, y}; x -> m -> y; x -> y", [Variable(name, "continuous") for name in "zxmy"])
ASKED = NestedQuestion("natural", "x", "y", (-1.0, 0.5))
TABLES = 8


def _rise(x: np.ndarray | float) -> np.ndarray | float:
    return expit(4 * x)


def _table(seed: int) -> pd.DataFrame:
    """m = 1.5 s(x) + 0.5 z + e; y = s(x) + 2 m + 0.5 z + e, with a steep sigmoid s."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=1000)
    x = 0.7 * z + rng.normal(size=1000)
    m = 1.5 * _rise(x) + 0.5 * z + 0.5 * rng.normal(size=1000)
    return pd.DataFrame({"z": z, "x": x, "m": m, "y": _rise(x) + 2 * m + 0.5 * z + rng.normal(size=1000)})


def test_natural_effects_of_a_treatment_that_levels_off_are_covered() -> None:
    """Four knots of a quadratic spline covered the total effect of none of 15 such tables."""
    step = float(_rise(0.5) - _rise(-1.0))
    truth = {"natural direct": step, "total indirect": 3 * step, "total": 4 * step}
    answers = [estimate_nested(GRAPH, _table(seed), ASKED, seed=seed) for seed in range(TABLES)]
    for name, value in truth.items():
        assert sum(answer[name].low <= value <= answer[name].high for answer in answers) >= TABLES - 2
        assert np.mean([answer[name].value for answer in answers]) == pytest.approx(value, abs=0.25)
