"""Studies: one YAML file, one command, one run folder. Everything is loaded on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..moved import keep_old_names

if TYPE_CHECKING:
    from ..grammar import parse_do
    from .runfolder import RunFolder, read_run
    from .runner import run_study
    from .schema import Study, load_study

__all__ = ["RunFolder", "Study", "load_study", "parse_do", "read_run", "run_study"]

_HOMES = {
    "RunFolder": "runfolder",
    "Study": "schema",
    "load_study": "schema",
    "parse_do": ".grammar",
    "read_run": "runfolder",
    "run_study": "runner",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


keep_old_names(__name__)
