"""Modules import one another without cycles; imports inside functions count, and those for type checking do not."""

from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from .imports import PACKAGE, UPWARD, imported, module_name

FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _modules_imported(name: str, path: Path) -> Iterator[str]:
    """Modules that a module needs, without those of the allowed steps up."""
    allowed = {f"causalgen.{room}" for source, room in UPWARD if source == path.relative_to(PACKAGE).as_posix()}
    for other in imported(path, for_types=False):
        module = other if other in FILES else other.rpartition(".")[0]
        if module in FILES and module != name and ".".join(module.split(".")[:2]) not in allowed:
            yield module


def test_modules_import_one_another_without_cycles() -> None:
    """A room's `__init__` is left out: it lists the room's names, and its own modules do not import it."""
    modules = {name: path for name, path in FILES.items() if path.name != "__init__.py"}
    graph = nx.DiGraph((name, other) for name, path in modules.items() for other in _modules_imported(name, path))
    cycles = {tuple(sorted(part)) for part in nx.strongly_connected_components(graph) if len(part) > 1}
    assert not cycles
