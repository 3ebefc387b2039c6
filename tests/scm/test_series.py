"""A pandas series goes by its row labels: units are never exchanged."""

import numpy as np
import pandas as pd
import pytest
import torch

from causalgen.datasets import from_arrays
from causalgen.errors import DataError, MissingValueError
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel

N = 6
GRAPH = CausalGraph(
    [("x", "y")],
    [Variable("x", "continuous"), Variable("y", "continuous"), Variable("clinic", "categorical", labels=(1, 2, 3))],
)
LABELS = {
    "text": [f"p{number}" for number in range(N)],
    "numbers": [30, 10, 50, 20, 60, 40],
    "pairs": [("a", number) for number in range(N)],
}


def _table(index: list) -> pd.DataFrame:
    x = np.arange(N, dtype=float)
    table = pd.DataFrame({"x": x, "y": 2 * x + [0.1, -0.1, 0.2, 0.0, -0.2, 0.1], "clinic": [1, 2, 3, 3, 2, 1]})
    table.index = pd.Index(index)
    return table


@pytest.fixture(params=LABELS)
def table(request: pytest.FixtureRequest) -> pd.DataFrame:
    return _table(LABELS[request.param])


@pytest.fixture
def scm() -> StructuralCausalModel:
    model = StructuralCausalModel(GRAPH, {"x": "linear-gaussian", "y": "linear-gaussian", "clinic": "categorical"})
    model.initialize(_table(LABELS["text"]))
    return model.declare_fitted()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("particles", [None, 3])
@pytest.mark.parametrize("as_mapping", [False, True])
def test_interventions_go_by_row_labels(
    scm: StructuralCausalModel, table: pd.DataFrame, particles: int | None, *, as_mapping: bool
) -> None:
    posterior = scm.abduct({name: table[name] for name in table} if as_mapping else table, particles=particles, seed=0)
    for name, values in {"x": table["x"] + 1, "clinic": table["clinic"].map({1: 2, 2: 3, 3: 1})}.items():
        straight = posterior.counterfactual({name: values}, seed=0)
        mixed = posterior.counterfactual({name: values.sample(frac=1, random_state=1)}, seed=0)
        assert torch.equal(straight[name], mixed[name])
        plain = posterior.counterfactual({name: values.to_numpy()}, seed=0)
        assert torch.equal(straight["y"], plain["y"])
        numbered = posterior.counterfactual({name: pd.Series(values.to_list())}, seed=0)
        assert torch.equal(straight["y"], numbered["y"])


def test_series_of_other_rows_are_refused(scm: StructuralCausalModel, table: pd.DataFrame) -> None:
    other = table["x"].set_axis([f"q{number}" for number in range(N)])
    with pytest.raises(DataError, match="in the order of the units"):
        scm.abduct(table, seed=0).counterfactual({"x": other})
    numbered = scm.abduct(table.reset_index(drop=True), seed=0)
    with pytest.raises(DataError, match="to_numpy"):
        numbered.counterfactual({"x": table["x"].reset_index(drop=True)[::-1]})
    for changed in (table["x"][::-1], other):
        with pytest.raises(DataError, match="same rows in the same order"):
            scm.abduct({"x": changed, "y": table["y"], "clinic": table["clinic"]})
        with pytest.raises(DataError, match="same rows in the same order"):
            scm.abduct({"x": changed, "y": table["y"]}, particles=3)
        with pytest.raises(DataError, match="same rows in the same order"):
            from_arrays({"x": changed, "y": table["y"]}, "x -> y")


@pytest.mark.filterwarnings("ignore")
def test_what_a_callable_returns_is_read_like_a_value(scm: StructuralCausalModel, table: pd.DataFrame) -> None:
    posterior = scm.abduct(table, seed=0)
    expected = torch.arange(N).float()
    for found in (
        pd.Series(range(N), index=range(N)[::-1]),
        list(range(N)),
        np.arange(N),
        pd.Series(range(N), list("abcdef")),
    ):
        assert torch.equal(posterior.counterfactual({"x": lambda value, parents, found=found: found})["x"], expected)
    with pytest.raises(MissingValueError, match="'x'"):
        posterior.counterfactual({"x": lambda value, parents: None})


@pytest.mark.parametrize("value", [2, 2.0, "2", np.int64(2), np.array(2), torch.tensor(2.0), torch.tensor(1)])
def test_titles_name_the_label_that_is_set(scm: StructuralCausalModel, table: pd.DataFrame, value: object) -> None:
    result = scm.abduct(table, seed=0).counterfactual({"clinic": value})
    assert set(result.to_frame()["clinic_cf"]) == {2}
    assert result.title == "do(clinic = 2)"


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), [True] * N])
def test_true_is_not_the_label_1_of_several(scm: StructuralCausalModel, table: pd.DataFrame, value: object) -> None:
    with pytest.raises(DataError, match="got True"):
        scm.abduct(table, seed=0).counterfactual({"clinic": value})
    assert Variable("t", "binary", labels=(0, 1)).encode_all([True, False]) == [1, 0]
    assert Variable("t", "binary", labels=(False, True)).encode_all([1, False]) == [1, 0]


def test_a_cell_of_a_data_frame_may_hold_an_image() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    graph = CausalGraph("x -> scan", [Variable("x", "continuous"), Variable("scan", "image", shape=(1, 8, 8))])
    model = StructuralCausalModel(graph, {"x": "linear-gaussian"}).declare_fitted()
    for cells in (list(pixels), pixels[:, None].tolist(), list(torch.tensor(pixels))):
        frame = pd.DataFrame({"x": [0.0, 1.0, 2.0], "scan": pd.Series(cells)}).set_axis(["b", "c", "a"])
        posterior = model.abduct(frame)
        assert posterior.factual["scan"][:, 0].tolist() == pixels.tolist()
        assert list(posterior.counterfactual({}).to_frame().index) == ["b", "c", "a"]
