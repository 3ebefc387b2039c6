"""Subgroups of units by their factual attributes: the labels of discrete ones, bins of continuous ones."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..graph import CausalGraph, Variable

__all__ = ["EVERYONE", "Subgroups", "split_units"]

EVERYONE = "everyone"
BINS = 3

Subgroups = Sequence[str] | Mapping[str, Sequence[float] | None]


def split_units(
    graph: CausalGraph, factual: Mapping[str, Tensor], subgroups: Subgroups
) -> dict[str, NDArray[np.bool_]]:
    """Return which units belong to each subgroup, bool `(N,)`; "everyone" first, without empty subgroups.

    Args:
        graph: The graph.
        factual: Factual values `(N, ...)` by node.
        subgroups: Names of attributes, or a mapping from continuous ones to the cut points between their bins; without cut
            points, a continuous attribute is cut at its terciles.

    Raises:
        UnknownNameError: A name is not a node.
        DataError: An image, cut points of a discrete attribute, or cut points that do not increase.
    """
    if isinstance(subgroups, str):
        raise DataError(f"Expected a list of attributes for subgroups; got {subgroups!r}. Write [{subgroups!r}].")
    cuts = dict(subgroups) if isinstance(subgroups, Mapping) else dict.fromkeys(subgroups)
    members = {EVERYONE: np.ones(len(next(iter(factual.values()))), dtype=bool)}
    for name, points in cuts.items():
        variable = graph[graph.require(name)]
        if variable.is_image:
            raise DataError(f"Expected attributes for subgroups; got the image '{name}'. Name an attribute of it.")
        values = factual[name].cpu().numpy()
        members |= _by_label(variable, values, points) if variable.is_discrete else _by_bin(variable, values, points)
    return {label: inside for label, inside in members.items() if inside.any()}


def _by_label(variable: Variable, codes: NDArray, points: Sequence[float] | None) -> dict[str, NDArray[np.bool_]]:
    if points is not None:
        raise DataError(f"Expected no cut points for the discrete '{variable.name}'; got {list(points)}. Pass None.")
    return {f"{variable.name} = {label}": codes == code for code, label in enumerate(variable.labels or ())}


def _by_bin(variable: Variable, values: NDArray, points: Sequence[float] | None) -> dict[str, NDArray[np.bool_]]:
    if points is None:
        edges = np.unique(np.quantile(values.astype(np.float64), np.arange(1, BINS) / BINS))
        shown = _shown(edges)
    else:
        edges = np.asarray(points, dtype=np.float64).reshape(-1)
        shown = [f"{edge:.15g}" for edge in edges]
    if not len(edges) or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise DataError(f"Expected increasing cut points of '{variable.name}'; got {list(points or ())}.")
    bins = np.digitize(values, edges)
    unit = f" {variable.unit}" if variable.unit else ""
    inner = [f"{variable.name} {low} to {high}{unit}" for low, high in pairwise(shown)]
    labels = [f"{variable.name} < {shown[0]}{unit}", *inner, f"{variable.name} >= {shown[-1]}{unit}"]
    return {label: bins == number for number, label in enumerate(labels)}


def _shown(edges: NDArray[np.float64]) -> list[str]:
    """Format bin edges with the fewest digits that distinguish them, and at least all digits before the point.

    >>> _shown(np.array([1981.31, 1984.02])), _shown(np.array([0.123456, 0.123567]))
    (['1981', '1984'], ['0.123', '0.124'])
    """
    whole = max(len(f"{abs(edge):.0f}") for edge in edges)
    texts = ([f"{edge:.{digits}g}" for edge in edges] for digits in range(max(3, whole), 17))
    return next((text for text in texts if len(set(text)) == len(edges)), [repr(float(edge)) for edge in edges])
