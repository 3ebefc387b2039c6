"""Pages that are generated name everything that there is, and mean what the code says."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer

from causalgen.cli.app import app
from causalgen.effects.estimators.methods import METHODS
from causalgen.mechanisms.catalog import MECHANISMS
from causalgen.studies.measurements import MEASUREMENTS
from causalgen.studies.schema import Study

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch):
    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(DOCS / "_extensions")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


def test_every_key_of_a_study_is_listed_with_its_meaning(extension) -> None:
    page = extension("study_file").study_file()
    schema = Study.model_json_schema()
    sections = [schema, *(s for s in schema["$defs"].values() if "properties" in s)]
    for section in sections:
        assert section["description"] in page
        for key, entry in section["properties"].items():
            rows = [line for line in page.splitlines() if line.startswith(f"| `{key}` |")]
            meaning = " ".join(entry.get("description", "(nothing)").replace("|", "\\|").split())
            assert any(meaning in row for row in rows), f"{key}: give it an attribute docstring"


def test_every_word_for_a_mechanism_and_an_estimator_is_listed(extension) -> None:
    module = extension("study_file")
    assert all(f"| `{word}` |" in module.mechanism_words() for word in MECHANISMS)
    assert all(f"`{word}`" in module.method_words() for word in METHODS)
    rows = module.measurement_words().splitlines()
    assert all(any(row.startswith(f"| `{word}` | ") and row.split(" | ")[1] for row in rows) for word in MEASUREMENTS)


def test_every_command_and_option_is_listed(extension) -> None:
    page = extension("command_line").command_line()
    waiting = [("causalgen", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop()
        if hasattr(command, "commands"):
            waiting += [(f"{path} {name}", inner) for name, inner in command.commands.items()]
            continue
        assert f"## `{path}`" in page
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        options = [option for parameter in shown for option in parameter.opts if option.startswith("--")]
        assert all(f"`{option}`" in page for option in options)


def test_every_room_has_a_page(extension) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md")]
    rooms = extension("rooms").ROOMS
    assert all(any(f"% generated: room {room}\n" in page for page in pages) for room in rooms)
    packages = {folder.parent.name for folder in (DOCS.parent / "causalgen").glob("*/__init__.py")}
    assert packages - {"cli"} <= set(rooms)


def test_every_public_name_has_a_sentence(extension) -> None:
    module = extension("rooms")
    for room in module.ROOMS:
        empty = [
            line for line in module.room(room).splitlines() if line.startswith("| {py:obj}") and line.endswith("|  |")
        ]
        assert not empty
