"""Input elements of the page: a slider or a choice for every attribute, from kind, labels, unit and support."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..graph import CausalGraph, Variable

__all__ = ["attribute_inputs", "slider_range"]

STEPS = 100
"""Minimum number of steps of a slider."""
BEYOND = 0.1
"""Share of the data's span that a slider reaches beyond either end, within the declared support."""


def attribute_inputs(graph: CausalGraph, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry per attribute, in topological order.

    Args:
        graph: The graph.
        frame: The attributes of the data, labels by name.

    Returns:
        name, kind and unit; for discrete ones the labels as text, in code order; for continuous ones low, high
        and step of a slider.
    """
    return [_input(graph, graph[name], frame) for name in graph.attributes]


def _input(graph: CausalGraph, variable: Variable, frame: pd.DataFrame) -> dict[str, Any]:
    found = {"name": variable.name, "kind": variable.kind, "unit": variable.unit or ""}
    if variable.labels is not None:
        return found | {"labels": [str(label) for label in variable.labels]}
    low, high, step = slider_range(frame[variable.name], variable.support)
    return found | {"low": low, "high": high, "step": step}


def slider_range(values: pd.Series, support: tuple[float, float] | None) -> tuple[float, float, float]:
    """Ends and step of a slider: the range of the data and a tenth beyond it, on round numbers, within the support.

    >>> slider_range(pd.Series([0.0, 0.62, 1.0]), (0.0, 1.0))
    (0.0, 1.0, 0.01)
    >>> slider_range(pd.Series([20, 61, 80]), None)  # whole numbers stay whole
    (14.0, 86.0, 1.0)
    """
    least, greatest = float(values.min()), float(values.max())
    margin = (greatest - least) * BEYOND
    step = next(size for size in _round_steps(greatest - least) if size <= (greatest - least) / STEPS)
    if (values == values.round()).all():
        step = max(1.0, step)
    bottom, top = support or (-math.inf, math.inf)
    # Rounding to twelve digits removes errors of binary fractions, as in 0.1 * 3.
    low = max(bottom, round(math.floor((least - margin) / step + 1e-9) * step, 12))
    high = min(top, round(math.ceil((greatest + margin) / step - 1e-9) * step, 12))
    return low, high, step


def _round_steps(span: float) -> Iterator[float]:
    """5, 2 and 1 times the powers of ten, descending from the span."""
    exponent = math.floor(math.log10(span))
    while True:
        yield from (float(f"{factor}e{exponent}") for factor in (5, 2, 1))
        exponent -= 1
