"""Whatever takes a causal graph takes it in every form that `CausalGraph` reads, and refuses anything else alike."""

from collections.abc import Callable
from functools import cache
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from causalgen import discovery, effects, graph, mediation, reports, scm
from causalgen.errors import GraphError
from causalgen.graph import CausalGraph, NestedQuestion, as_graph

TEXT = "z -> t -> m -> y; z -> {m, y}; t -> y"
FORMS = {
    "text": TEXT,
    "pairs": CausalGraph(TEXT).edges,
    "children": {"z": ["t", "m", "y"], "t": ["m", "y"], "m": "y"},
    "networkx": nx.DiGraph(CausalGraph(TEXT).edges),
}
PAIR: dict[str, Any] = {"treatment": "t", "outcome": "y"}
ASKED = PAIR | {"contrast": (0.0, 1.0)}
NESTED = NestedQuestion("natural", "t", "y", contrast=(0.0, 1.0), mediators="m")


def _table(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    z = rng.normal(size=n)
    t = z + rng.normal(size=n)
    m = t - z + rng.normal(size=n)
    return pd.DataFrame({"z": z, "t": t, "m": m, "y": m + t + z + rng.normal(size=n)})


TABLE = _table()
CASES: dict[str, Callable[[Any], Any]] = {
    "identify": lambda g: graph.identify(g, **PAIR),
    "identify_nested": lambda g: graph.identify_nested(g, NESTED),
    "adjustment_sets": lambda g: list(graph.adjustment_sets(g, "t", "y")),
    "efficient_adjustment_set": lambda g: graph.efficient_adjustment_set(g, "t", "y"),
    "check_adjustment_set": lambda g: graph.check_adjustment_set(g, "t", "y", {"z"}),
    "joint_adjustment_set": lambda g: graph.joint_adjustment_set(g, ("t", "m"), "y"),
    "front_door_set": lambda g: graph.front_door_set(g, "t", "y"),
    "instruments": lambda g: graph.instruments(g, "t", "y"),
    "causal_paths": lambda g: graph.causal_paths(g, "t", "y"),
    "class_of_graph": lambda g: discovery.class_of_graph(g, "CPDAG", ("z", "t", "m", "y")),
    "estimate_effect": lambda g: (
        effects.estimate_effect(g, TABLE, **ASKED, methods=["linear adjustment"], refute=False).estimates
    ),
    "dose_response": lambda g: effects.dose_response(g, TABLE, values=[0.0, 1.0], **PAIR).to_numpy().tolist(),
    "effects_by_unit": lambda g: effects.effects_by_unit(g, TABLE, **ASKED),
    "estimate_nested": lambda g: mediation.estimate_nested(g, TABLE, NESTED).to_frame().to_numpy().tolist(),
    "plot_graph": lambda g: len(reports.plot_graph(g).axes),
    "as_graph": lambda g: as_graph(g).edges,
}


@cache
def answer(name: str) -> str:
    return str(CASES[name](CausalGraph(TEXT)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_every_form_gives_one_answer(name: str, form: str) -> None:
    assert str(CASES[name](FORMS[form])) == answer(name)


@pytest.mark.parametrize("wrong", [None, 3, TABLE], ids=["none", "number", "table"])
@pytest.mark.parametrize("name", CASES)
def test_anything_else_has_one_message(name: str, wrong: Any) -> None:
    with pytest.raises(GraphError, match=r"Expected a graph as a CausalGraph, as text.*got (NoneType|int|DataFrame)"):
        CASES[name](wrong)


def test_a_model_tells_what_the_text_does_not_declare() -> None:
    with pytest.raises(ValueError, match="Expected 'a' to have a kind"):
        scm.StructuralCausalModel("a -> b")  # type: ignore[arg-type]
