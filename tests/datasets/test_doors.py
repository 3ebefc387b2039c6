"""The package's doors: one value a unit, also as (N, 1); data without splits; models that save and load themselves."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import causalgen as cg
from causalgen.errors import DataError
from causalgen.predictors import AttributePredictor

ROWS = 40
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, ROWS)
IMAGES = RNG.integers(0, 256, (ROWS, 8, 8), dtype=np.uint8)
NAMES = np.array(["a", "b", "c"])


class Items(torch.utils.data.Dataset):
    """Labels as MedMNIST hands them out: an array of one number."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        return IMAGES[row], LABELS[row : row + 1]


@pytest.mark.parametrize(
    "column",
    [
        LABELS[:, None],
        torch.from_numpy(LABELS)[:, None],
        NAMES[LABELS][:, None],
        LABELS[:, None].astype(np.uint8),
        LABELS[:, None].tolist(),
    ],
    ids=["array", "tensor", "words", "bytes", "lists"],
)
def test_a_column_of_single_values_is_a_column(column: Any) -> None:
    data = cg.from_arrays({"label": column, "image": IMAGES}, "label -> image")
    flat = np.asarray(column).reshape(-1)
    assert data.frame()["label"].tolist() == flat.tolist()
    grouped = cg.from_arrays({"g": column, "x": RNG.normal(size=ROWS), "y": RNG.normal(size=ROWS)}, "x -> y", group="g")
    assert grouped.groups(grouped.frame().index).unique().numel() == 3


def test_items_of_single_values_are_a_column() -> None:
    data = cg.from_torch(Items(), ["image", "label"], "label -> image")
    assert data.frame()["label"].tolist() == LABELS.tolist()


@pytest.fixture(scope="module")
def scm() -> cg.StructuralCausalModel:
    word, x, y = cg.Variable("s", "categorical", labels=("a", "b", "c")), *(cg.Variable(n, "continuous") for n in "xy")
    model = cg.StructuralCausalModel(cg.CausalGraph("s -> y; x -> y", [word, x, y]), {"y": "additive-noise"})
    model.initialize({"s": list("abc" * 9), "x": RNG.normal(size=27), "y": RNG.normal(size=27)})
    model.declare_fitted()
    return model


@pytest.mark.parametrize("shape", [np.asarray, torch.as_tensor, list, lambda column: column.tolist()])
def test_factual_values_and_interventions_of_single_values(
    scm: cg.StructuralCausalModel, shape: Callable[[Any], Any]
) -> None:
    numbers = np.array([[0.5], [1.5]])
    unit = {"s": np.array([["a"], ["b"]]), "x": shape(numbers), "y": shape(numbers)}
    flat = {"s": ["a", "b"], "x": [0.5, 1.5], "y": [0.5, 1.5]}
    one, other = (scm.counterfactual(u, {"x": d}) for u, d in ((unit, shape(numbers + 1)), (flat, [1.5, 2.5])))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_two_values_a_unit_are_refused(scm: cg.StructuralCausalModel) -> None:
    doors: list[Callable[[], Any]] = [
        lambda: cg.from_arrays({"label": np.zeros((ROWS, 2)), "image": IMAGES}, "label -> image"),
        lambda: scm.counterfactual({"s": np.array([["a", "b"], ["b", "a"]]), "x": [0, 1], "y": [0, 1]}, {"x": 1}),
        lambda: scm.counterfactual({"s": ["a", "b"], "x": np.zeros((2, 2)), "y": [0, 1]}, {"x": 1}),
        lambda: scm.counterfactual({"s": ["a", "b"], "x": [0, 1], "y": [0, 1]}, {"x": torch.zeros(2, 2)}),
        lambda: AttributePredictor(scm.graph["s"], (1, 8, 8)).accuracy(
            torch.zeros(2, 1, 8, 8), torch.zeros(2, 2).long()
        ),
    ]
    for door in doors:
        with pytest.raises(DataError, match=r"Expected one value of .*\(N,\) or \(N, 1\); got the shape \(\d+, 2\)"):
            door()


def test_accuracy_compares_each_image_with_its_own_code() -> None:
    classifier = AttributePredictor(cg.Variable("s", "binary", labels=("a", "b")), (1, 8, 8))
    images, codes = torch.rand(20, 1, 8, 8) * 255, torch.randint(2, (20,))
    assert classifier.accuracy(images, codes) == classifier.accuracy(images, codes[:, None])


@pytest.mark.parametrize("kind", ["frame", "arrays", "codes", "split frames"])
def test_fit_splits_what_has_no_splits_and_says_so(scm: cg.StructuralCausalModel, kind: str) -> None:
    frame = pd.DataFrame({"s": list("abc") * 20, "x": RNG.normal(size=60), "y": RNG.normal(size=60)})
    frame.index = pd.Index([f"p{number}" for number in range(60)])
    codes = {name: torch.tensor(frame[name].tolist()) for name in "xy"} | {"s": torch.arange(60) % 3}
    forms: dict[str, Any] = {
        "frame": frame.assign(extra=1),
        "arrays": {name: frame[name].to_numpy() for name in frame},
        "codes": codes,
        "split frames": {"train": frame[:40], "validation": frame[40:]},
    }
    config = cg.FitConfig(attributes=cg.Stage(epochs=1))
    if kind == "split frames":
        assert scm.fit(forms[kind], config).data is None
        return
    with pytest.warns(
        cg.errors.DataWarning, match="The 60 rows were split: 42 for train, 9 for validation, 9 for test"
    ):
        data = scm.fit(forms[kind], config).data
    assert data is not None
    assert data.frame()["s"].tolist() == frame["s"].tolist()
    if kind == "frame":
        assert data.frame().index.equals(frame.index)


def test_fit_refuses_what_holds_no_data(scm: cg.StructuralCausalModel) -> None:
    for wrong, message in (
        (3, "got int"),
        ([1], "got list"),
        ({}, "the splits 'train'"),
        ({"train": {}}, "'validation'"),
    ):
        with pytest.raises(DataError, match=message):
            cg.fit(scm, wrong)  # type: ignore[arg-type]


def test_a_model_saves_and_loads_itself(scm: cg.StructuralCausalModel, tmp_path: Any) -> None:
    again = cg.StructuralCausalModel.load(scm.save(tmp_path / "model"))
    assert all(torch.equal(one, other) for one, other in zip(scm.state_dict().values(), again.state_dict().values()))


def test_rooms_are_reached_from_the_package() -> None:
    for room in ("audit", "datasets", "discovery", "effects", "graph", "mechanisms", "metrics", "reports", "training"):
        assert getattr(cg, room).__name__ == f"causalgen.{room}"
        assert room in dir(cg)
