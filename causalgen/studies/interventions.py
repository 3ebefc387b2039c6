"""Interventions as people write them: `thickness=4`, `pen=felt-tip`; read as data, never as code."""

import math
from collections.abc import Iterable
from typing import Any

from ..errors import DataError, SupportError
from ..graph import CausalGraph, Variable

__all__ = ["check_value", "parse_do"]


def parse_do(graph: CausalGraph, texts: Iterable[str]) -> dict[str, Any]:
    """Interventions from texts such as "thickness=4".

    Args:
        graph: Graph whose nodes may be named.
        texts: Each `name=value`; the value is a number or a label, whichever the node's variable has.

    Raises:
        DataError: A text without `=`, a node named twice, a label that is not declared, no number.
        UnknownNameError: A name that is no node.
        SupportError: A number outside the support.

    >>> pen = Variable("pen", "binary", labels=("ballpoint", "felt-tip"))
    >>> graph = CausalGraph("pen -> thickness", [pen, Variable("thickness", "continuous", unit="px")])
    >>> parse_do(graph, ["thickness=4", "pen = felt-tip"])
    {'thickness': 4.0, 'pen': 'felt-tip'}
    """
    do: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise DataError(f"Expected an intervention as name=value, such as thickness=4; got {text!r}.")
        graph.require(name)
        if name in do:
            raise DataError(f"Expected every node at most once in do; got '{name}' again with {value!r}.")
        do[name] = check_value(graph[name], value)
    return do


def check_value(variable: Variable, value: Any) -> Any:
    """The declared label or the number that `value` names.

    Raises:
        DataError: An image, an undeclared label, or no finite number.
        SupportError: A number outside the support.
    """
    if variable.is_image:
        raise DataError(f"Expected an attribute to set; got the image '{variable.name}'. Intervene on its parents.")
    if variable.is_discrete:
        return variable.decode(variable.encode(value))
    number = _number(variable, value)
    low, high = variable.support or (-math.inf, math.inf)
    if not low <= number <= high:
        unit = f" {variable.unit}" if variable.unit else ""
        raise SupportError(f"Expected '{variable.name}' within its support [{low:g}, {high:g}]{unit}; got {number:g}.")
    return number


def _number(variable: Variable, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"Expected a number for '{variable.name}'; got {value!r}.")
    return number
