"""Facts about the data sets of the catalog that are known before they are loaded."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import yaml

from ..graph import CausalGraph
from . import DATASETS, check_options
from .resources import load_graph, resource

__all__ = ["Entry", "catalog", "entry", "stored_at"]


@dataclass(frozen=True)
class Entry:
    """A data set of the catalog.

    Args:
        name: Its name in a study file.
        graph: The assumed graph.
        what: Its description, in a sentence.
        rows: Total number of rows.
        licence: Its terms of use.
        comes: How it is obtained.
        bits: Number of bits per pixel.
    """

    name: str
    graph: CausalGraph
    what: str
    rows: int
    licence: str
    comes: str
    bits: int = 8

    @property
    def size(self) -> str:
        """Channels, height and width of its images."""
        return ", ".join("×".join(map(str, v.shape)) for v in self.graph.variables.values() if v.is_image)


def catalog() -> list[Entry]:
    """All data sets, by name."""
    return [entry(name) for name in sorted(DATASETS)]


def entry(name: str) -> Entry:
    """The facts in the `about.yaml` and `graph.yaml` of a data set.

    Raises:
        UnknownNameError: No data set has this name.

    >>> found = entry("morphodigits")
    >>> found.rows, found.size, found.licence
    (10000, '1×28×28', 'CC BY 4.0')
    """
    check_options(name, ())
    said = yaml.safe_load(resource(name, "about.yaml").read_text(encoding="utf-8"))
    return Entry(name, load_graph(name), **said)


def stored_at(name: str) -> Path | None:
    """The file or folder that holds a data set on this machine, or None."""
    module = import_module(f".{DATASETS[name].split(':')[0]}", __package__)
    return module.stored_at()
