"""The causal graph as the page draws it: boxes and the way points of arrows, in pixels."""

from typing import Any

from ..graph import CausalGraph
from ..reports.layout import lay_out

__all__ = ["graph_layout"]

PIXELS_PER_INCH = 96
LETTER = 0.085
"""Width of a letter of a name, in inches."""
LONGEST = 22
"""Maximum number of letters of a name before it is truncated."""
HEIGHT, TILE = 0.48, 0.96
"""Heights of a box with a name and a value, and of one with a picture and a name, in inches."""
NARROWEST = 1.0


def graph_layout(graph: CausalGraph) -> dict[str, Any]:
    """Width and height of the drawing, nodes with centre and size, and edges with way points; y runs downwards."""
    sizes = {name: _size(graph, name) for name in graph.nodes}
    layout = lay_out(graph, sizes)

    def place(point: tuple[float, float]) -> list[float]:
        x, y = point
        return [round(x * PIXELS_PER_INCH, 1), round((layout.height - y) * PIXELS_PER_INCH, 1)]

    nodes = [
        {
            "name": name,
            "image": graph[name].is_image,
            "centre": place(layout.centre[name]),
            "size": [round(side * PIXELS_PER_INCH, 1) for side in sizes[name]],
        }
        for name in graph.nodes
    ]
    edges = [{"cause": a, "effect": b, "points": list(map(place, points))} for (a, b), points in layout.arrows.items()]
    width, height = (round(side * PIXELS_PER_INCH, 1) for side in (layout.width, layout.height))
    return {"width": width, "height": height, "nodes": nodes, "edges": edges}


def _size(graph: CausalGraph, name: str) -> tuple[float, float]:
    letters = min(len(f"do({name})"), LONGEST)
    return max(NARROWEST, LETTER * letters + 0.25), TILE if graph[name].is_image else HEIGHT
