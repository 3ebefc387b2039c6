"""Imports only point down the floors; imports inside functions count too."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import causalgen
import causalgen.datasets.table
import causalgen.mediation
import causalgen.reports

from .imports import PACKAGE, UPWARD, imported

FLOORS = {
    "errors": 0, "typing": 0, "_version": 0, "moved": 0, "on_use": 0,
    "files": 1, "graph": 1, "morphology": 1, "own_code": 1, "columns": 1, "machine": 1, "address": 1, "launched": 1,
    "grammar": 2, "nn": 2, "spreadsheets": 2,
    "mechanisms": 3,
    "scm": 4,
    "datasets": 5,
    "training": 6,
    "predictors": 7,
    "metrics": 8, "effects": 8, "discovery": 8,
    "augmentation": 9, "export": 9, "mediation": 9,
    "reports": 10,
    "audit": 11, "models": 11,
    "studies": 12,
    "benchmark": 13,
    "app": 14, "service": 14,
    "cli": 15,
}  # fmt: skip
ENTRANCES = {"__init__.py", "__main__.py", "moved.py"}
"""The package's own lazy namespace, its command line entrance, and the old places of names."""
HEAVY = {"graph": {"torch", "pyro", "dowhy"}, "morphology": {"torch", "pyro", "dowhy"}}
MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if not (p.parent == PACKAGE and p.name in ENTRANCES)]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    room = relative.parts[0].removesuffix(".py")
    for name in imported(path):
        parts = name.split(".")
        if parts[0] in HEAVY.get(room, set()):
            pytest.fail(f"{relative} imports {parts[0]}, which {room} must not load")
        if parts[0] != "causalgen" or len(parts) < 2 or parts[1] == room or (str(relative), parts[1]) in UPWARD:
            continue
        assert parts[1] in FLOORS, f"{relative} imports the unknown room {parts[1]}"
        assert FLOORS[parts[1]] < FLOORS[room], f"{relative} (floor {FLOORS[room]}) imports {name}"


def _loaded(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("statement", ["import causalgen", "import causalgen.cli"])
def test_the_doors_load_nothing_heavy(statement: str) -> None:
    heavy = {
        "torch",
        "pyro",
        "dowhy",
        "pandas",
        "lightning_fabric",
        "matplotlib",
        "sklearn",
        "zuko",
        "scipy",
        "pydantic",
    }
    assert not heavy & _loaded(statement)


@pytest.mark.parametrize(
    "room",
    [
        causalgen,
        causalgen.benchmark,
        causalgen.datasets.table,
        causalgen.effects,
        causalgen.mediation,
        causalgen.reports,
        causalgen.studies,
    ],
    ids=lambda room: room.__name__,
)
def test_names_that_load_on_use_are_listed(room: ModuleType) -> None:
    assert set(room.__all__) <= set(dir(room))
    assert all(hasattr(room, name) for name in room.__all__)


def test_the_graph_room_loads_without_torch() -> None:
    assert "torch" not in _loaded("import causalgen.graph, causalgen.morphology")


def test_importing_the_models_keeps_torch_validating() -> None:
    """zuko switches off torch's argument validation for the whole process; the bridge restores it."""
    code = (
        "import torch.distributions as d; before = d.Distribution._validate_args\n"
        "import causalgen.mechanisms; assert d.Distribution._validate_args == before, 'changed'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_of_the_package_exists() -> None:
    assert all(getattr(causalgen, name) is not None for name in causalgen.__all__)
