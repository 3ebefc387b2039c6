"""The worked mechanism of the page "Add a mechanism" keeps the laws of every mechanism."""

import importlib.util
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import pytest
import torch
from mechanism_cases import ALL, LENGTH, PEN, SCALARS, SHARE, WAIT, Case, data
from mechanisms import test_laws

from causalgen.mechanisms.catalog import KINDS, MECHANISMS

FILE = Path(__file__).parents[2] / "docs" / "worked" / "location_scale.py"
WORD = "location-scale"
ROWS = [
    Case(WORD, LENGTH, ALL, {}),
    Case(WORD, SHARE, SCALARS, {"hidden": [8]}),
    Case(WORD, WAIT, {"pen": PEN}, {}),
    Case(WORD, LENGTH, {}, {}),
]


def _is_cpu_law(law: Callable) -> bool:
    marks = [mark.name for mark in getattr(law, "pytestmark", [])]
    return "ready" in signature(law).parameters and "gpu" not in marks


LAWS = [law for name, law in vars(test_laws).items() if name.startswith("test_") and _is_cpu_law(law)]


@pytest.fixture(autouse=True)
def _in_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("location_scale", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(MECHANISMS, WORD, module.LocationScale)
    monkeypatch.setitem(KINDS, WORD, ("continuous",))


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
