"""The worked mechanisms of the page "Add a mechanism" keep the laws of every mechanism."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path

import pytest
import torch
from mechanism_cases import AGE, ALL, COLOUR, GREY, KIND, LENGTH, PEN, SCALARS, SHARE, UNIT, WAIT, Case, data
from mechanisms import test_laws

from causalgen.mechanisms.catalog import MECHANISMS
from causalgen.own_code import import_code

FOLDER = Path(__file__).parents[2] / "docs" / "worked"
WORDS = {"location-scale": "LocationScale", "principal-components": "PrincipalComponents"}
ROWS = [
    Case("location-scale", LENGTH, ALL, {}),
    Case("location-scale", SHARE, SCALARS, {"hidden": [8]}),
    Case("location-scale", WAIT, {"pen": PEN}, {}),
    Case("location-scale", LENGTH, {}, {}),
    Case("principal-components", GREY, SCALARS, {}),
    Case("principal-components", COLOUR, {"kind": KIND}, {"components": 3}),
    Case("principal-components", UNIT, {"age": AGE}, {"components": 60}),
    Case("principal-components", GREY, {}, {}),
]


def _is_cpu_law(law: Callable) -> bool:
    marks = [mark.name for mark in getattr(law, "pytestmark", [])]
    return "ready" in signature(law).parameters and "gpu" not in marks


LAWS = [law for name, law in vars(test_laws).items() if name.startswith("test_") and _is_cpu_law(law)]


@pytest.fixture(autouse=True)
def _in_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    for word, name in WORDS.items():
        file = FOLDER / f"{word.replace('-', '_')}.py"
        monkeypatch.setitem(MECHANISMS, word, import_code(f"{file}:{name}", trust=True, what=word))


def test_a_variable_and_parents_given_by_name_are_no_options() -> None:
    mechanism = MECHANISMS["location-scale"](variable=AGE, parents={"length": LENGTH}, hidden=[8])
    assert mechanism.spec() == {"hidden": [8]}


def test_there_are_laws() -> None:
    assert len(LAWS) >= 8


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__.removeprefix("test_"))
@pytest.mark.parametrize("case", ROWS, ids=str)
def test_the_worked_mechanism_keeps_the_law(law: Callable, case: Case) -> None:
    value, parents = data(case)
    mechanism = case.build()
    with torch.no_grad():
        mechanism.initialize(value, parents)
    known = {"ready": (mechanism, value, parents), "case": case}
    law(**{name: known[name] for name in signature(law).parameters})
