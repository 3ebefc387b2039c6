"""Python code that a file names, such as `areas.py:ventricle` in a study; it is imported only if its author is trusted.

Importing code runs it. A study file, a saved model or a pickle may come from anyone, so nothing that they name is imported
unless the user allows it: `trust_code=True` in Python, `--trust-code` on the command line.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import DataError, UntrustedCodeError, nearest

__all__ = ["FLAGS", "code_near", "import_code", "is_code", "name_of_code"]

FLAGS = "trust_code=True, --trust-code"
"""How a user declares code as trusted."""
FILE = "__causalgen_file__"
"""Attribute of a module that was imported from a file rather than from the Python path."""


def is_code(source: str) -> bool:
    """Whether a text names code, as module:name or file.py:name.

    >>> is_code("areas.py:ventricle"), is_code("package.module:Class"), is_code("conv-vae")
    (True, True, False)
    """
    module, _, name = source.rpartition(":")
    return bool(module) and all(part.isidentifier() for part in name.split("."))


def code_near(source: str, folder: Path) -> str:
    """Return the same code, with an absolute path if its module is a file in `folder`."""
    if not is_code(source):
        return source
    module, _, name = source.rpartition(":")
    paths = [folder / module] if module.endswith(".py") else [folder.joinpath(*module.split(".")).with_suffix(".py")]
    return next((f"{os.path.abspath(path)}:{name}" for path in paths if path.is_file()), source)


def import_code(source: str, *, trust: bool, what: str) -> Any:
    """Import the object that a text names.

    Args:
        source: "package.module:name", or "path/file.py:name".
        trust: Whether its author is trusted.
        what: Its purpose, such as "the score 'ventricle'".

    Raises:
        UntrustedCodeError: The code is not trusted.
        DataError: The code cannot be imported, or has no such name.
    """
    if not trust:
        raise UntrustedCodeError(
            f"Expected trusted code for {what}; '{source}' names Python code, and importing it runs it. If you trust its "
            f"author, allow it ({FLAGS})."
        )
    place, _, name = source.rpartition(":")
    try:
        found: Any = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except FileNotFoundError as error:
        raise DataError(f"Expected code for {what} in '{place}'; there is no such file ({error}).") from None
    except (Exception, SystemExit) as error:  # a script without a main guard may even exit
        absent = isinstance(error, ModuleNotFoundError) and error.name == place.partition(".")[0]
        advice = " Put it next to the study file, or on the Python path." if absent else ""
        raise DataError(
            f"Expected code for {what} at '{source}', as module:name or file.py:name; importing it gave "
            f"{type(error).__name__}: {error}.{advice}"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            known = [word for word in dir(found) if not word.startswith("_")]
            raise DataError(f"Expected '{part}' in '{place}' for {what}; it does not exist." + nearest(part, known))
        found = getattr(found, part)
    return found


def name_of_code(thing: Any) -> str:
    """Return the text by which `import_code` finds a class or function again."""
    module = sys.modules.get(thing.__module__)
    return f"{getattr(module, FILE, thing.__module__)}:{thing.__qualname__}"


def _from_file(path: Path) -> ModuleType:
    """Import the module in a file, once for each version of the file; it may import its neighbours."""
    path = path.resolve()
    state = f"{path}{path.stat().st_mtime_ns}".encode()
    name = f"{path.stem}_{hashlib.sha256(state).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"'{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    setattr(module, FILE, str(path))
    sys.modules[name] = module
    try:
        with _importing_from(path.parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
