"""Every warning has a category of `causalgen.errors` and points at the user's line."""

import ast
import warnings

import pytest

from causalgen import CausalGraph, StructuralCausalModel, Variable
from causalgen.cli.failures import failures
from causalgen.errors import AbductionWarning, CausalgenWarning, DataNote, EvidenceWarning, SupportWarning, warn

from .imports import PACKAGE

MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "errors.py"]


def test_warnings_are_given_through_one_door() -> None:
    """`errors.warn` asks for a category and finds the user's line; the warnings module is only for filters elsewhere."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("warnings.warn", "warn"):
                given = ast.unparse(node.func) == "warn" and len(node.args) == 2
                assert given, f"{path.relative_to(PACKAGE)}:{node.lineno} warns without a category of causalgen.errors"


@pytest.fixture
def model() -> StructuralCausalModel:
    names = ("cause", "effect")
    graph = CausalGraph("cause -> effect", [Variable(name, "continuous") for name in names])
    scm = StructuralCausalModel(graph, dict.fromkeys(names, "linear-gaussian"))
    scm.initialize({"cause": [0.0, 1.0, 2.0, 3.0], "effect": [0.1, 0.9, 2.1, 2.9]})
    scm.declare_fitted()
    return scm


def test_warnings_point_at_the_line_that_asked(model: StructuralCausalModel) -> None:
    factual = {"cause": [1.0], "effect": [1.0]}
    asked = {
        SupportWarning: lambda: model.counterfactual(factual, {"cause": 900.0}),
        AbductionWarning: lambda: model.abduct(factual, particles=2),
        EvidenceWarning: lambda: model.sample(
            50, do={"cause": lambda value, parents: value}, given={"effect": 7.0}, seed=0
        ),
    }
    for category, ask in asked.items():
        with pytest.warns(category) as caught:
            ask()
        assert [warning.filename for warning in caught] == [__file__], category


def test_one_kind_can_be_silenced(model: StructuralCausalModel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SupportWarning)
        model.counterfactual({"cause": [1.0], "effect": [1.0]}, {"cause": 900.0})
        warnings.simplefilter("ignore", CausalgenWarning)
        model.abduct({"cause": [1.0], "effect": [1.0]}, particles=2)


def test_the_command_line_says_ours_and_no_one_elses(capsys: pytest.CaptureFixture[str]) -> None:
    with failures():
        warn("far from the data", SupportWarning)
        warn("rows have labels", DataNote)
        warnings.warn("of a library", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "Warning: far from the data\nNote: rows have labels\n"
