"""Queries on which a model is evaluated, drawn independently of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..scm import StructuralCausalModel
from ..scm.interventions import describe

__all__ = ["BINS", "Query", "QuerySpec", "bin_edges", "donors", "draw_from_other_bin", "draw_query"]

BINS = 9
"""Bins of equal width over a continuous attribute."""

QuerySpec = str | Sequence[str] | Mapping[str, Any]
"""A node, several nodes that are set together, or fixed values by node."""


@dataclass(frozen=True)
class Query:
    """An intervention with one value per unit.

    Args:
        label: Name in tables, such as "do(thickness)".
        do: Values `(B,)` by node, natural units or codes.
    """

    label: str
    do: dict[str, Tensor]

    def of(self, places: slice) -> "Query":
        """Return the same intervention on a part of the units."""
        return replace(self, do={name: values[places] for name, values in self.do.items()})


def donors(groups: NDArray, *, seed: int) -> NDArray[np.int64]:
    """Draw a random permutation `(N,)` that maps every unit to a unit of another group.

    Raises:
        DataError: One group contains more than half of the units.

    >>> groups = np.array([0, 0, 1, 1])
    >>> bool((groups[donors(groups, seed=0)] != groups).all())
    True
    """
    if not len(groups) or np.unique(groups, return_counts=True)[1].max() * 2 > len(groups):
        raise DataError(f"Expected units of several groups, none above half of them; got {len(groups)} units.")
    rng = np.random.default_rng(seed)
    donor = rng.permutation(len(groups))
    while len(clashes := np.flatnonzero(groups[donor] == groups)):
        for i, j in zip(clashes, rng.integers(len(groups), size=len(clashes))):
            donor[i], donor[j] = donor[j], donor[i]
    return donor


def draw_query(
    spec: QuerySpec, scm: StructuralCausalModel, factual: Mapping[str, Tensor], groups: NDArray, *, seed: int
) -> Query:
    """Turn the specification of a query into one value per unit.

    A node named without a value gives every unit the value of a unit of another group: the marginal of the evaluated
    units, and for several nodes their joint distribution.

    Args:
        spec: "thickness", ("thickness", "intensity"), or {"thickness": 4}.
        scm: The model, for its graph and its device.
        factual: Observed values of the units, `(B, ...)` by node.
        groups: `(B,)`.
        seed: Seed of the permutation.

    Raises:
        UnknownNameError: A name that is not a node.
        DataError: An image among the nodes.
    """
    names = (spec,) if isinstance(spec, str) else tuple(spec)
    for name in names:
        scm.graph.require(name)
        if scm.graph[name].is_image:
            raise DataError(f"Expected attributes in a query; got the image '{name}'. Ask about its parents.")
    if isinstance(spec, Mapping):
        inner = ", ".join(describe(scm.graph[name], value) for name, value in spec.items())
        values = {n: scm.tensor(n, v, count=len(groups)).expand(len(groups)).contiguous() for n, v in spec.items()}
        return Query(f"do({inner})", values)
    donor = torch.from_numpy(donors(groups, seed=seed))
    return Query(f"do({', '.join(names)})", {name: scm.tensor(name, factual[name][donor]) for name in names})


def bin_edges(values: NDArray) -> NDArray[np.float64]:
    """Inner edges of nine bins of equal width over `values` `(N,)`, for `numpy.digitize`.

    >>> bin_edges(np.array([0.0, 9.0])).tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    return np.linspace(values.min(), values.max(), BINS + 1)[1:-1]


def draw_from_other_bin(
    node: str, scm: StructuralCausalModel, factual: Mapping[str, Tensor], column: Tensor, *, seed: int
) -> Query:
    """Set one node to a value drawn uniformly from those in `column` that lie in another of nine bins (or are another label).

    Args:
        node: An attribute.
        scm: The model, for its graph and its device.
        factual: Observed values of the units, `(B, ...)` by node.
        column: Values of the node in the whole test split.
        seed: Seed of the draws.

    Raises:
        UnknownNameError: A name that is not a node.
        DataError: An image, or an attribute with values in one bin only.
    """
    scm.graph.require(node)
    variable = scm.graph[node]
    if variable.is_image:
        raise DataError(f"Expected an attribute in a query; got the image '{node}'. Ask about its parents.")
    values, own = column.numpy(), factual[node].numpy()
    edges = None if variable.is_discrete else bin_edges(values)
    place = values if edges is None else np.digitize(values, edges)
    own_place = own if edges is None else np.digitize(own, edges)
    rng, drawn = np.random.default_rng(seed), own.copy()
    for here in np.unique(own_place):
        units, others = np.flatnonzero(own_place == here), values[place != here]
        if not len(others):
            raise DataError(f"Expected values of '{node}' in several bins of the test split; got one bin only.")
        drawn[units] = rng.choice(others, size=len(units))
    return Query(f"do({node})", {node: scm.tensor(node, torch.from_numpy(drawn))})
