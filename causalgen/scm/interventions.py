"""Interventions: the values of `do`, and their effect in a world.

A value, one value per unit, a callable `(value, parents) -> value` that sees what the node would have been in this world,
or a `Mechanism` that replaces the node's own and draws fresh noise. A text has the same meaning as on the command line and in a
study file (see `causalgen.grammar`): a label, a number, a shift such as "+1", or an expression over the node and its parents.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from .. import errors
from ..errors import GraphError
from ..grammar import read_texts
from ..graph import CausalGraph, Variable
from ..mechanisms import Mechanism
from ..typing import Values
from .values import as_tensor

__all__ = ["act", "check_interventions", "describe", "differs", "listens", "world_graph"]


def check_interventions(graph: CausalGraph, do: Mapping[str, Any] | None) -> dict[str, Any]:
    """The interventions in topological order, with texts read.

    Raises:
        UnknownNameError: A name is not a node, or in an expression neither the node nor a parent.
        DataError, SupportError: A text that is not a label, number, shift or expression, or outside the support.
        GraphError: A replacing mechanism has a descendant of its node as a parent.
        NotFittedError: A replacing mechanism is not fitted.
    """
    if do is not None and not isinstance(do, Mapping):
        raise ValueError(f"Expected interventions as a mapping such as {{'node': value}}; got {do!r}.")
    do = dict(do or {})
    for name, what in do.items():
        graph.require(name)
        if isinstance(what, Mechanism):
            for parent in what.parents:
                graph.require(parent)
                if parent == name or parent in graph.descendants(name):
                    raise GraphError(
                        f"Expected the parents of the mechanism in do({name}) among its non-descendants; got '{parent}', "
                        "which would close a cycle."
                    )
            if not what.fitted:
                raise errors.NotFittedError(
                    f"Expected a fitted mechanism in do({name}); got a {type(what).__name__} that has seen no data. "
                    "Call its initialize(value, parents), or declare_fitted() if you have set its parameters by hand."
                )
    do = read_texts(graph, do)
    return {name: do[name] for name in graph.nodes if name in do}


def listens(what: Any) -> bool:
    """Whether an intervention uses the node's natural value, so that the node's own mechanism has to run."""
    return callable(what) and not isinstance(what, Mechanism)


def world_graph(graph: CausalGraph, do: Mapping[str, Any]) -> nx.DiGraph:
    """The graph under `do`, in topological order: intervened nodes have only the parents of their replacement."""
    world = graph.networkx()
    for name, what in do.items():
        own = graph.parents(name) if listens(what) else ()
        world.remove_edges_from([(parent, name) for parent in graph.parents(name) if parent not in own])
        if isinstance(what, Mechanism):
            world.add_edges_from((parent, name) for parent in what.parents)
    # Break ties by the order of the graph: the same seed has to draw the same noise for the same node.
    ordered = nx.DiGraph()
    ordered.add_nodes_from(nx.lexicographical_topological_sort(world, key=graph.nodes.index))
    ordered.add_edges_from(world.edges)
    return ordered


def act(
    variable: Variable,
    what: Any,
    *,
    natural: Callable[[], Tensor],
    parents: Values,
    values: Values,
    count: int,
    like: Tensor,
) -> Tensor:
    """Value `(B, ...)` of an intervened node.

    Args:
        variable: The node's variable.
        what: The intervention.
        natural: Computes what the node would have been in this world.
        parents: Values of the node's own parents in this world, for a callable.
        values: Values of all earlier nodes in this world, for a replacing mechanism.
        count: Number of units.
        like: Tensor whose device and dtype the result takes.
    """
    if isinstance(what, Mechanism):
        what = copy.deepcopy(what).to(like)  # the user's mechanism keeps its device
        noise = {name: p.sample() for name, p in what.noise((count,)).items()}
        what = what(noise, {name: values[name] for name in what.parents})
    elif callable(what):
        what = what(natural(), dict(parents))
    tensor = as_tensor(variable, what, like, count=count)
    return tensor.expand(count, *variable.shape).contiguous()


def differs(values: Tensor, other: Tensor) -> Tensor:
    """Which units differ in their values `(B, ...)`, bool `(B,)`."""
    return (values != other).reshape(len(values), -1).any(1)


def describe(variable: Variable, what: Any) -> str:
    """The intervention as text for titles and tables, such as "pen = felt-tip" or "thickness = 3 px".

    >>> describe(Variable("thickness", "continuous", unit="px"), 3)
    'thickness = 3 px'
    """
    unit = f" {variable.unit}" if variable.unit else ""
    if isinstance(what, Mechanism):
        return f"{variable.name} ~ {type(what).__name__}"
    if callable(what):  # an intervention from a study file or the command line keeps its text
        return getattr(what, "words", f"{variable.name} = {getattr(what, '__name__', 'function')}(...)")
    if isinstance(what, Tensor) and what.numel() == 1 and not variable.is_image:
        what = variable.decode(int(as_tensor(variable, what, torch.zeros(())))) if variable.is_discrete else what.item()
    elif isinstance(what, np.generic | np.ndarray) and what.size == 1 and not variable.is_image:
        what = what.item()
    if isinstance(what, bool | str):
        return f"{variable.name} = {what}"
    if isinstance(what, int | float):
        return f"{variable.name} = {what:g}{unit}"
    return f"{variable.name} = one value per unit"
