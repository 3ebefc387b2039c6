"""The causal forest, the one estimator that needs the extra `econml`."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import effects_by_unit, estimate_effect
from causalgen.errors import DataError, NotIdentifiableError
from causalgen.graph import CausalGraph

from .generator import sigmoid

GRAPH = CausalGraph("{z, w} -> {t, y}; t -> y")
QUESTION = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    z, w = rng.uniform(-1, 1, size=(2, 1_500))
    t = (rng.random(1_500) < sigmoid(z)).astype(int)
    return pd.DataFrame({"z": z, "w": w, "t": t, "y": (1 + 2 * (z > 0)) * t + w + 0.3 * rng.normal(size=1_500)})


@pytest.mark.slow
def test_forest_finds_the_average_and_the_differing_effects(table: pd.DataFrame) -> None:
    pytest.importorskip("econml")
    row = estimate_effect(GRAPH, table, **QUESTION, methods=["causal forest"], refute=False)["causal forest"]
    assert row.covers(1 + 2 * np.mean(table["z"] > 0))
    units = effects_by_unit(GRAPH, table, **QUESTION)
    assert list(units.columns) == ["z", "w", "effect", "low", "high"]
    assert units["effect"][units["z"] > 0.2].mean() == pytest.approx(3.0, abs=0.3)
    assert units["effect"][units["z"] < -0.2].mean() == pytest.approx(1.0, abs=0.3)
    assert (units["low"] < units["high"]).all()


def test_effects_by_unit_need_adjustment(table: pd.DataFrame) -> None:
    pytest.importorskip("econml")
    with pytest.raises(NotIdentifiableError, match=r"adjustment identifies.*no directed path"):
        effects_by_unit(CausalGraph("{z, w} -> {t, y}"), table, **QUESTION)
    with pytest.raises(NotIdentifiableError, match=r"adjustment identifies.*front-door"):
        effects_by_unit(CausalGraph("t -> w -> y; t <-> y"), table, **QUESTION)
    with pytest.raises(DataError, match="level between 0 and 1"):
        effects_by_unit(GRAPH, table, **QUESTION, level=95)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "econml", None)
    monkeypatch.setitem(sys.modules, "econml.dml", None)
    monkeypatch.delitem(sys.modules, "causalgen.effects.estimators.econml_parts", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'causalgen\[econml\]'"):
        importlib.import_module("causalgen.effects.estimators.econml_parts")
