"""Every fault of a question or a table has a message that names thing, place and remedy."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import estimate_effect
from causalgen.errors import DataError, NotIdentifiableError, SupportError, UnknownNameError
from causalgen.graph import CausalGraph, Variable

from .generator import binary_table, digits_graph, digits_table

Spoil = Callable[[pd.DataFrame], pd.DataFrame]
PEN = {"treatment": "pen", "outcome": "intensity", "contrast": ("ballpoint", "felt-tip")}
THICKNESS = {"treatment": "thickness", "outcome": "intensity", "contrast": (2, 3)}


@pytest.mark.parametrize(
    ("question", "error", "message"),
    [
        (PEN | {"treatment": "pem"}, UnknownNameError, "Did you mean 'pen'"),
        (PEN | {"outcome": "intensty"}, UnknownNameError, "Did you mean 'intensity'"),
        (PEN | {"outcome": "pen"}, DataError, "Expected two different variables"),
        (PEN | {"outcome": "image"}, DataError, "got the image 'image'.*Measure or predict"),
        (PEN | {"contrast": ("felt-tip",)}, DataError, r"Expected contrast=\(a, b\)"),
        (PEN | {"contrast": "felt-tip"}, DataError, r"Expected contrast=\(a, b\)"),
        (PEN | {"contrast": ("ballpoint", "felt tip")}, DataError, "Did you mean 'felt-tip'"),
        (PEN | {"contrast": ("felt-tip", "felt-tip")}, DataError, "Expected two different values of 'pen'"),
        (THICKNESS | {"contrast": (2, 2.0)}, DataError, "Expected two different values of 'thickness'"),
        (THICKNESS | {"contrast": (2, "thick")}, DataError, "finite numbers in the contrast.*got 'thick'"),
        (THICKNESS | {"contrast": (2, np.nan)}, DataError, "finite numbers in the contrast.*got nan"),
        (THICKNESS | {"contrast": (2, 30)}, SupportError, r"inside the support \[0, 15\] of 'thickness'; got 30"),
        (PEN | {"methods": ["double robust"]}, UnknownNameError, "Did you mean 'doubly robust'"),
        (THICKNESS | {"methods": ["doubly robust"]}, DataError, "continuous treatment 'thickness'.*g-computation"),
        (PEN | {"methods": ["g-computation"]}, DataError, "binary treatment 'pen'.*doubly robust"),
        (PEN | {"level": 95}, DataError, "Expected level between 0 and 1"),
        (PEN | {"simulations": 1}, DataError, "Expected at least 10 simulations"),
    ],
)
def test_bad_question(question: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        estimate_effect(digits_graph(), digits_table(100, seed=0), **question)


@pytest.mark.parametrize(
    ("question", "spoil", "error", "message"),
    [
        (PEN, lambda t: t.rename(columns={"hurry": "hury"}), DataError, "'hurry' has none. Did you mean 'hury'"),
        (PEN, lambda t: t.drop(columns="thickness"), DataError, r"'thickness' has none.*graph.project"),
        (PEN, lambda t: pd.concat([t, t[["pen"]]], axis=1), DataError, r"distinct column names; got \['pen'\]"),
        (PEN, lambda t: t.to_dict("list"), DataError, "pandas DataFrame; got dict"),
        (PEN, lambda t: t.assign(pen="felt-tip"), DataError, "Expected 'pen' to vary; every row has 'felt-tip'"),
        (PEN, lambda t: t.assign(intensity=80.0), DataError, "Expected 'intensity' to vary"),
        (
            PEN,
            lambda t: t.assign(pen="marker"),
            DataError,
            "label of 'pen' among 'ballpoint', 'felt-tip'; got 'marker'",
        ),
        (PEN, lambda t: t.assign(hurry="low"), DataError, "finite numbers in column 'hurry'; got 'low'"),
        (PEN, lambda t: t.assign(hurry=np.inf), DataError, "finite numbers in column 'hurry'; got inf"),
        (PEN, lambda t: t.assign(hurry=np.nan), DataError, r"at least 50 rows.*got 0 \(100 of 100 rows lack one"),
        (PEN, lambda t: t.head(20), DataError, "Expected at least 50 rows"),
        (
            PEN,
            lambda t: t.assign(intensity=t["intensity"] * 4),
            SupportError,
            r"'intensity' inside its support \[0, 255",
        ),
        (
            PEN,
            lambda t: t.assign(pen=["felt-tip"] * 5 + ["ballpoint"] * 95),
            DataError,
            "at least 10 rows for each value of 'pen'; got 5",
        ),
    ],
)
def test_bad_table(question: dict, spoil: Spoil, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        estimate_effect(digits_graph(), spoil(digits_table(100, seed=0)), **question)


def test_kinds_without_an_estimator_are_refused() -> None:
    table = digits_table(100, seed=0)
    table["pen"] = np.resize(["a", "b", "c"], 100)
    graph = digits_graph(kinds=False, image=False)
    with pytest.raises(DataError, match=r"'pen' is categorical with 3 labels\. Recode it"):
        estimate_effect(graph, table, **PEN | {"contrast": ("a", "b")})
    with pytest.raises(DataError, match="Expected a continuous or binary outcome; 'pen' is categorical"):
        estimate_effect(CausalGraph("thickness -> pen"), table, treatment="thickness", outcome="pen", contrast=(2, 3))


def test_names_that_dowhy_takes_are_refused() -> None:
    table = binary_table(100, seed=0).rename(columns={"z": "placebo"})
    with pytest.raises(DataError, match=r"got 'placebo'\. Rename it"):
        estimate_effect(CausalGraph("placebo -> {t, y}; t -> y"), table, treatment="t", outcome="y", contrast=(0, 1))


def test_labels_by_the_hundred_need_rows() -> None:
    table = digits_table(200, seed=0)
    table["site"] = [f"site {i % 100}" for i in range(200)]
    variables = [Variable("site"), Variable("pen"), Variable("intensity")]
    graph = CausalGraph("site -> {pen, intensity}; pen -> intensity", variables)
    with pytest.raises(DataError, match="at least 5 rows for each of 100 columns"):
        estimate_effect(graph, table, **PEN)


def test_effects_beyond_adjustment_are_refused() -> None:
    table = binary_table(100, seed=0).assign(m=np.arange(100.0))
    question = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}
    with pytest.raises(NotIdentifiableError, match="stays open"):
        estimate_effect(CausalGraph("t -> y; t <-> y"), table, **question)
    with pytest.raises(NotIdentifiableError, match=r"identified by frontdoor through \['m'\] only"):
        estimate_effect(CausalGraph("t -> m -> y; t <-> y"), table, **question)
    hidden = CausalGraph("z -> {t, y}; t -> y").project(["t", "y"])
    with pytest.raises(NotIdentifiableError):
        estimate_effect(hidden, table, **question)
