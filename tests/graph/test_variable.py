import json

import numpy as np
import pytest

from causalgen.errors import DataError, GraphError
from causalgen.graph import Variable

PEN = Variable("pen", "binary", labels=("ballpoint", "felt-tip"))


@pytest.mark.parametrize(
    "variable",
    [
        PEN,
        Variable("age"),
        Variable("age", "continuous", support=(0, 120), unit="years"),
        Variable("grade", "ordinal", labels=np.array([1, 2, 3])),
        Variable("scan", "image", shape=(1, 64, 48)),
        Variable("smiles", "binary"),
    ],
)
def test_json_round_trip(variable):
    assert Variable.from_dict(json.loads(json.dumps(variable.to_dict()))) == variable


def test_labels_and_codes_are_inverse():
    assert PEN.encode_all(["felt-tip", "ballpoint"]) == [1, 0]
    assert [PEN.decode(code) for code in (1, 0)] == ["felt-tip", "ballpoint"]
    assert Variable("n", "ordinal", labels=(3, 5)).encode("5") == 1


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: PEN.encode("felt tip"), "'felt-tip'; got 'felt tip'. Did you mean 'felt-tip'"),
        (lambda: PEN.encode_all(["felt-tip", "quill"]), "got 'quill'"),
        (lambda: PEN.decode(2), "Expected a code of 'pen' in 0..1; got 2"),
        (lambda: Variable("age", "continuous").encode(3), "Expected a discrete variable; got 'age'"),
    ],
)
def test_values_that_do_not_fit(ask, message):
    with pytest.raises(DataError, match=message):
        ask()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "non-empty string"),
        ({"name": "a", "kind": "continous"}, "Did you mean 'continuous'"),
        ({"name": "a", "kind": "categorical"}, "Expected labels .* got none"),
        ({"name": "a", "kind": "binary", "labels": (1, 2, 3)}, "Expected exactly 2 labels"),
        ({"name": "a", "kind": "ordinal", "labels": (1, 1)}, "Expected distinct labels"),
        ({"name": "a", "kind": "continuous", "labels": (1, 2)}, "Expected no labels"),
        ({"name": "a", "kind": "image", "shape": (28, 28)}, r"\(channels, height, width\), or .*; got \(28, 28\)"),
        ({"name": "a", "kind": "continuous", "shape": (3,)}, "Only images have a shape"),
        ({"name": "a", "kind": "image", "shape": 28}, "whole numbers such as"),
        ({"name": "a", "kind": "image", "shape": (1, float("inf"), 8)}, "whole numbers such as"),
        ({"name": "a", "kind": "binary", "labels": "yn"}, "as a list in code order; got 'yn'"),
        ({"name": "a", "kind": "binary", "labels": 2}, "as a list in code order; got 2"),
        ({"name": "a", "kind": "binary", "labels": ([0], [1])}, "strings or numbers"),
        ({"name": "a", "kind": "continuous", "support": (1, 0)}, "low < high"),
        ({"name": "a", "kind": "continuous", "support": 3}, "low < high; got 3"),
        ({"name": "a", "kind": "image", "shape": (1, 8, 8), "support": (0, float("inf"))}, "black and white for 'a'"),
        ({"name": "a", "kind": "continuous", "support": (0, "x")}, "low < high"),
    ],
)
def test_contradictory_fields(fields, message):
    with pytest.raises(GraphError, match=message):
        Variable(**fields)
