"""Every old place of a public name works, warns at the user's line, and names the new place."""

import sys
import warnings
from importlib import import_module
from typing import Any

import pytest

import causalgen
from causalgen.errors import RenamedWarning
from causalgen.graph import CausalGraph
from causalgen.moved import ADAPTERS, MOVED_MODULES, MOVED_NAMES


def _silently(name: str) -> Any:
    """The value of a dotted name, of whatever module holds it."""
    home, _, last = name.rpartition(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RenamedWarning)
        return getattr(import_module(home), last)


@pytest.mark.parametrize(("old", "new"), MOVED_MODULES.items(), ids=MOVED_MODULES)
def test_a_moved_module_is_found_at_its_old_place(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(RenamedWarning, match=f"{old} is now {new}") as caught:
        module = import_module(old)
    # The first import of a library may warn of other things.
    assert {one.filename for one in caught if issubclass(one.category, RenamedWarning)} == {__file__}
    for name in import_module(new).__all__:
        assert getattr(module, name) is _silently(f"{new}.{name}")
    with pytest.raises(AttributeError, match=f"module '{old}' has no attribute 'nonsense'"):
        _ = module.nonsense


@pytest.mark.parametrize(("old", "new"), MOVED_NAMES.items(), ids=MOVED_NAMES)
def test_a_moved_name_is_found_at_its_old_place(old: str, new: str) -> None:
    home, _, last = old.rpartition(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RenamedWarning)
        module = import_module(home)
    with pytest.warns(RenamedWarning, match=f"{old} is now {new}") as caught:
        value = getattr(module, last)
    assert value is _silently(ADAPTERS.get(old, new))
    assert {warning.filename for warning in caught} == {__file__}
    with pytest.raises(AttributeError, match="nonsense"):
        _ = module.nonsense


STATEMENTS = [
    "from causalgen.studies import run_benchmark",
    "from causalgen.studies.benchmark import run_benchmark",
    "import causalgen.studies.benchmark; causalgen.studies.benchmark.run_benchmark",
    "causalgen.studies.run_benchmark",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_old_statements_warn_at_their_own_line(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "causalgen.studies.benchmark", raising=False)
    code = compile(f"\n\n{statement}", "users_script.py", "exec")
    with pytest.warns(RenamedWarning, match=r"is now causalgen\.benchmark") as caught:
        exec(code, {"__name__": "__main__", "causalgen": causalgen})
    assert {(warning.filename, warning.lineno) for warning in caught} == {("users_script.py", 3)}


def test_a_module_of_a_moved_package_is_found_at_its_old_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for old in ("causalgen.effects.doubt", "causalgen.effects.doubt.implied"):
        monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(RenamedWarning, match=r"is now causalgen\.effects\.diagnostics\.implied"):
        exec("from causalgen.effects.doubt.implied import check_independencies")


@pytest.mark.parametrize(
    "statement",
    [
        "import causalgen.effects.doubt.nonsense",
        "import causalgen.studies.nonsense",
        "from causalgen.studies import nonsense",
    ],
)
def test_an_unknown_name_raises_the_usual_error(statement: str) -> None:
    with pytest.raises(ImportError, match="nonsense"):
        exec(statement)


def test_earlier_functions_take_their_source_by_name() -> None:
    """As in the previous release, where the graph and the table had names."""
    with pytest.warns(RenamedWarning):
        identify = import_module("causalgen.graph").identify_natural_effects
    assert "P(m | x=a)" in identify(graph=CausalGraph("x -> m -> y; x -> y"), treatment="x", outcome="y").formula
