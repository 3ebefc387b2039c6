"""Columns that do not fit their variables are refused by name."""

from pathlib import Path

import pytest
import torch

from causalgen.datasets import Dataset, resources
from causalgen.datasets.resources import card, load_graph, resource
from causalgen.errors import DataError, UnknownNameError
from causalgen.graph import CausalGraph, Variable

GRAPH = CausalGraph(
    "dose -> scan; group -> scan",
    [
        Variable("dose", "continuous", support=(0, 10)),
        Variable("group", "binary", labels=("a", "b")),
        Variable("scan", "image", shape=(1, 4, 5)),
    ],
)
COLUMNS = {
    "dose": torch.tensor([1.0, 2.0, 3.0, 4.0]),
    "group": torch.tensor([0, 1, 0, 1]),
    "scan": torch.arange(80, dtype=torch.uint8).reshape(4, 1, 4, 5),
}
SPLIT = {"train": torch.tensor([0, 1]), "test": torch.tensor([2, 3])}


def build(split=SPLIT, **columns) -> Dataset:
    values = {name: column for name, column in (COLUMNS | columns).items() if column is not None}
    return Dataset("toy", GRAPH, values, split, torch.arange(4))


def test_good_columns_pass() -> None:
    data = build()
    assert data.rows([1, 3])["dose"].tolist() == [2.0, 4.0]
    assert data.frame("test")["group"].tolist() == ["a", "b"]
    assert "4 rows" in repr(data)
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        data.part("trian")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"dose": torch.tensor([1.0, float("nan"), 3.0, 4.0])}, "'dose'; got 1 rows with NaN, the first is row 1"),
        (
            {"dose": torch.tensor([1.0, 2.0, 3.0, 11.0])},
            r"'dose' within its support \[0, 10\]; got values from 1 to 11",
        ),
        ({"dose": torch.full((4,), 2.0)}, "'dose' to vary"),
        ({"dose": torch.ones(3)}, r"'dose' of shape \(4,\); got \(3,\)"),
        ({"dose": None}, "'dose' has none"),
        ({"group": torch.tensor([0, 1, 2, 0])}, "codes 0 to 1 in column 'group'; got 2"),
        ({"group": torch.tensor([0.0, 1.0, 0.0, 1.0])}, "int64 codes in column 'group'"),
        ({"scan": torch.zeros(4, 4, 5, dtype=torch.uint8)}, r"'scan' of shape \(4, 1, 4, 5\)"),
        ({"scan": torch.rand(4, 1, 4, 5)}, "uint8 or uint16 images in column 'scan'"),
        ({"doze": torch.ones(4)}, "got 'doze'. Did you mean 'dose'"),
        (
            {"split": {"train": torch.tensor([0, 1]), "test": torch.tensor([1, 2])}},
            "row 1 is in both 'train' and 'test'",
        ),
        ({"split": {"train": torch.tensor([0, 4])}}, "rows 0 to 3 in split 'train'"),
        ({"split": {"train": torch.tensor([], dtype=torch.int64)}}, "rows in split 'train'; got none"),
    ],
)
def test_bad_columns_are_named(columns: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(**columns)


def test_card_and_graph_are_found_in_the_repository_and_in_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "CC BY 4.0" in card("morphodigits")
    assert load_graph("morphodigits")["image"].shape == (1, 28, 28)
    package = tmp_path / "site" / "causalgen"
    (package / "_data" / "datasets" / "toy").mkdir(parents=True)
    (package / "_data" / "datasets" / "toy" / "graph.yaml").write_text(
        "edges: 'x -> y'\nvariables:\n  x: {kind: continuous, unit: mm}\n  y: {kind: binary}\n", encoding="utf-8"
    )
    monkeypatch.setattr(resources, "__file__", str(package / "datasets" / "resources.py"))
    assert load_graph("toy")["x"].unit == "mm"
    with pytest.raises(DataError, match=r"toy/README\.md"):
        resource("toy", "README.md")
