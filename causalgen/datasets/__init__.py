"""Load, generate and verify data.

`load("morphodigits")` returns a `Dataset`: the assumed graph, the columns, the splits and, where the generator is
known, the truth. `load_table`, `from_arrays` and `from_torch` make one from your images and attributes.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from ..errors import UnknownNameError, nearest

if TYPE_CHECKING:
    from .dataset import Dataset, Truth
    from .table import from_arrays, from_torch, load_table

__all__ = ["DATASETS", "Dataset", "Truth", "check_options", "from_arrays", "from_torch", "load", "load_table"]

DATASETS: dict[str, str] = {
    "morphodigits": "morphodigits:load_morphodigits",
    "morphomnist": "morphomnist:load_morphomnist",
    "pendulum": "pendulum:load_pendulum",
    "phantom": "phantom:load_phantom",
}
"""Data sets by their names in a study file: the module here and the function that loads it."""


def load(name: str, **options: Any) -> "Dataset":
    """Load a data set by name, from the cache if it was loaded before.

    Args:
        name: A key of `DATASETS`.
        options: Passed to the loader; `root` (the cache folder), `rows`, `seed` and `progress` for all, `source` and
            `colour` for morphomnist, `size` and `variant` for pendulum, `size` and `volume` for phantom.

    Raises:
        UnknownNameError: No data set has this name, or the data set has no such option.
    """
    check_options(name, options)
    return _loader(name)(**options)


def check_options(name: str, options: Iterable[str]) -> None:
    """Raise `UnknownNameError` unless there is a data set of this name with these options, by name."""
    if name not in DATASETS:
        known = ", ".join(sorted(DATASETS))
        raise UnknownNameError(f"Expected a data set among {known}; got {name!r}." + nearest(name, DATASETS))
    known_options = list(signature(_loader(name)).parameters)
    for option in options:
        if option not in known_options:
            raise UnknownNameError(
                f"Expected options of {name} among {', '.join(known_options)}; got {option!r}."
                + nearest(option, known_options)
            )


def _loader(name: str) -> "Callable[..., Dataset]":
    module, function = DATASETS[name].split(":")
    loader: Callable[..., Dataset] = getattr(import_module(f".{module}", __name__), function)
    return loader


def __getattr__(name: str) -> Any:
    if name in ("Dataset", "Truth"):
        return getattr(import_module(".dataset", __name__), name)
    if name in ("from_arrays", "from_torch", "load_table"):
        return getattr(import_module(".table", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
