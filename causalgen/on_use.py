"""Packages whose names are loaded on first use, so that importing the package stays fast."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = ["load_on_use"]


def load_on_use(module: str, homes: Mapping[str, str]) -> None:
    """Let the package `module` find its names in their modules, and list them for completion.

    Args:
        module: The package, which calls this at the end of its file.
        homes: By name, the module that defines it, relative to the package.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(import_module(f".{homes[name]}", module), name)

    namespace = vars(sys.modules[module])
    namespace["__getattr__"] = find
    namespace["__dir__"] = lambda: sorted({*namespace, *homes})
