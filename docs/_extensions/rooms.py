"""The public names of each room as Markdown around Sphinx's autodoc."""

import inspect
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from sphinx.pycode import ModuleAnalyzer

import causalgen

__all__ = ["ROOMS", "room", "top_level"]

ROOMS = (
    "graph",
    "scm",
    "mechanisms",
    "datasets",
    "datasets.table",
    "training",
    "predictors",
    "metrics",
    "effects",
    "mediation",
    "effects.diagnostics",
    "discovery",
    "augmentation",
    "export",
    "audit",
    "models",
    "reports",
    "studies",
    "service",
    "benchmark",
    "app",
    "morphology",
    "grammar",
    "nn",
    "errors",
    "typing",
)


def room(name: str) -> str:
    """A table of the room's names, then each with its documentation, unless another room has that already."""
    module = import_module(f"causalgen.{name}")
    homes = {public: _home(module.__name__, public) for public in module.__all__}
    table = _table(
        (home, public, _summary(module.__name__, public, getattr(module, public))) for public, home in homes.items()
    )
    body = "\n\n".join(
        _entry(home, public, getattr(module, public)) for public, home in homes.items() if home == module.__name__
    )
    return f"{table}\n\n```{{eval-rst}}\n{body}\n```"


def _home(module: str, name: str) -> str:
    """The first room that lists a class or function, which a room above may list again."""
    value = getattr(import_module(module), name)
    if not _has_own_docstring(value):
        return module
    rooms = (import_module(f"causalgen.{room}") for room in ROOMS)
    return next(r.__name__ for r in rooms if name in r.__all__ and getattr(r, name) is value)


def top_level() -> str:
    """A table of the names that can be imported from `causalgen`, linked to the rooms in which they live."""
    found = [(name, getattr(causalgen, name)) for name in causalgen.__all__ if not name.startswith("__")]
    return _table((".".join(v.__module__.split(".")[:2]), name, _summary("", name, v)) for name, v in found)


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| {{py:obj}}`~{module}.{name}` | {text} |" for module, name, text in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _entry(module: str, name: str, value: Any) -> str:
    if inspect.isclass(value):
        options = "   :show-inheritance:" if issubclass(value, Exception) else "   :members:"
        return f".. autoclass:: {module}.{name}\n{options}"
    if inspect.isroutine(value):
        return f".. autofunction:: {module}.{name}"
    return f".. py:data:: {module}.{name}\n\n   {_summary(module, name, value)}"


def _has_own_docstring(value: Any) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value)


def _summary(module: str, name: str, value: Any) -> str:
    """The first line of a docstring; for a constant, that of the string below its assignment."""
    text = inspect.getdoc(value) if _has_own_docstring(value) else _below_assignment(module, name, value)
    return (text or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _below_assignment(module: str, name: str, value: Any) -> str:
    homes = [key for key, home in sys.modules.items() if key.startswith(module) and vars(home).get(name) is value]
    for home in sorted(homes, key=len, reverse=True):
        docs = ModuleAnalyzer.for_module(home).find_attr_docs()
        if ("", name) in docs:
            return "\n".join(docs["", name]).strip()
    return ""
