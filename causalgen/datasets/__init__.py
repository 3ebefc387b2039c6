"""Load, generate and verify data.

`load("morphodigits")` returns a `Dataset`: the assumed graph, the columns, the splits and, where the generator is
known, the truth.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import UnknownNameError, nearest

if TYPE_CHECKING:
    from .dataset import Dataset, Truth

__all__ = ["DATASETS", "Dataset", "Truth", "load"]

DATASETS: dict[str, str] = {"morphodigits": "morphodigits:load_morphodigits"}
"""Data sets by the study file's words: the module here and the function that loads it."""


def load(name: str, **options: Any) -> "Dataset":
    """Load a data set by name, from the cache where it was loaded before.

    Args:
        name: A key of `DATASETS`.
        options: Passed to the loader; `root` (the cache folder) for all, `rows` and `seed` for morphodigits.

    Raises:
        UnknownNameError: No data set has this name.
    """
    if name not in DATASETS:
        known = ", ".join(sorted(DATASETS))
        raise UnknownNameError(f"Expected a data set among {known}; got {name!r}." + nearest(name, DATASETS))
    module, function = DATASETS[name].split(":")
    loader: Callable[..., Dataset] = getattr(import_module(f".{module}", __name__), function)
    return loader(**options)


def __getattr__(name: str) -> Any:
    if name in ("Dataset", "Truth"):
        return getattr(import_module(".dataset", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
