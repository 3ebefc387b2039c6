"""Layout of a causal graph: positions of the nodes, and routes of the arrows.

Nodes lie in layers by topological depth, causes above effects. An arrow that skips layers crosses each of them in a
separate lane, so that no arrow runs through a node; arrows of one cause share a lane. Between two layers arrows
are curves that stay between them.

References:
    Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system structures (1981).
    Gansner, Koutsofios, North and Vo, A technique for drawing directed graphs (1993).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import isotonic_regression

from ..graph import CausalGraph

__all__ = ["Layout", "depths", "lay_out"]

Point: TypeAlias = tuple[float, float]
Size: TypeAlias = tuple[float, float]

BAND = 0.52
"""Distance between two layers, where the arrows bend, in inches."""
MARGIN = 0.26
"""Minimum distance between neighbours in a layer, in inches."""
SWEEPS = 12
STRAIGHTNESS = (1, 2, 8)
"""Weight of a straight connection between two nodes, a node and a lane, and two lanes (Gansner et al., 1993)."""


class Lane(NamedTuple):
    """Position of arrows that cross a layer: those of one cause, or the two ends of a bidirected edge."""

    owner: tuple[str, ...]
    layer: int


Item: TypeAlias = str | Lane


@dataclass(frozen=True)
class Layout:
    """Positions in inches, origin at the lower left.

    Args:
        centre: Centre of each node.
        size: Width and height of each node.
        arrows: Way points of each directed edge, from the cause's lower side to the effect's upper side.
        arcs: Way points of each bidirected edge.
        width: Width of the drawing.
        height: Height of the drawing.
    """

    centre: dict[str, Point]
    size: dict[str, Size]
    arrows: dict[tuple[str, str], list[Point]]
    arcs: dict[tuple[str, str], list[Point]]
    width: float
    height: float


def depths(graph: CausalGraph) -> dict[str, int]:
    """Return the layer of each node: its longest path from a root; a root lies just above its first effect.

    >>> depths(CausalGraph("hurry -> pen -> thickness -> image; digit -> image"))
    {'hurry': 0, 'pen': 1, 'thickness': 2, 'digit': 2, 'image': 3}
    """
    depth: dict[str, int] = {}
    for node in graph.nodes:
        depth[node] = max((depth[parent] + 1 for parent in graph.parents(node)), default=0)
    for node in graph.nodes:
        if not graph.parents(node) and graph.children(node):
            depth[node] = min(depth[child] for child in graph.children(node)) - 1
    return depth


def lay_out(graph: CausalGraph, sizes: Mapping[str, Size]) -> Layout:
    """Place nodes of the given sizes (inches), and route every edge past the others' nodes."""
    depth = depths(graph)
    links = _Links(graph, depth)
    layers = _order(links)
    x = _columns(layers, links, {node: size[0] for node, size in sizes.items()})
    tops, bottoms = _rows(layers, sizes)
    centre = {node: (x[node], (tops[depth[node]] + bottoms[depth[node]]) / 2) for node in graph.nodes}
    router = _Router(links, x, tops, bottoms, centre, dict(sizes))
    arrows = {edge: router.arrow(edge) for edge in graph.edges}
    arcs = {pair: router.arc(pair) for pair in graph.confounded}
    width = max(
        [x[item] + (sizes[item][0] / 2 if isinstance(item, str) else 0) for layer in layers for item in layer],
        default=0.0,
    )
    return Layout(centre, dict(sizes), arrows, arcs, width + MARGIN / 2, tops[0] + BAND / 2)


class _Links:
    """Layers with their lanes, and the connections to the next layer."""

    def __init__(self, graph: CausalGraph, depth: Mapping[str, int]) -> None:
        self.graph, self.depth = graph, depth
        self.layers: list[list[Item]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for node in graph.nodes:
            self.layers[depth[node]].append(node)
        self.down: dict[Item, list[Item]] = {}
        self.up: dict[Item, list[Item]] = {}
        for a, b in graph.edges:
            self._join(self.way((a,), a, b))
        for pair in graph.confounded:
            upper, lower = sorted(pair, key=lambda node: depth[node])
            if depth[upper] < depth[lower]:
                self._join(self.way(pair, upper, lower))

    def way(self, owner: tuple[str, ...], a: str, b: str) -> list[Item]:
        """Return the route from node to node through the owner's lanes."""
        return [a, *(Lane(owner, layer) for layer in range(self.depth[a] + 1, self.depth[b])), b]

    def _join(self, way: Sequence[Item]) -> None:
        for one, other in pairwise(way):
            if isinstance(other, Lane) and other not in self.layers[other.layer]:
                self.layers[other.layer].append(other)
            if other not in self.down.setdefault(one, []):
                self.down[one].append(other)
                self.up.setdefault(other, []).append(one)


def _order(links: _Links) -> list[list[Item]]:
    """Order the layers with few crossings: sweep by the mean position of neighbours, and keep the best order."""
    layers = [list(layer) for layer in links.layers]
    best, fewest = layers, _crossings(layers, links)
    for sweep in range(SWEEPS):
        neighbours = links.up if sweep % 2 == 0 else links.down
        numbers = range(len(layers)) if sweep % 2 == 0 else reversed(range(len(layers)))
        for number in numbers:
            place = {item: index / max(1, len(layer) - 1) for layer in layers for index, item in enumerate(layer)}
            current = {item: index for index, item in enumerate(layers[number])}

            def mean(item: Item, neighbours: dict = neighbours, place: dict = place, current: dict = current) -> tuple:
                near = [place[other] for other in neighbours.get(item, ())]
                return (sum(near) / len(near) if near else place[item]), current[item]

            layers[number] = sorted(layers[number], key=mean)
        crossings = _crossings(layers, links)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _crossings(layers: Sequence[Sequence[Item]], links: _Links) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        place = {item: index for index, item in enumerate(lower)}
        ends = [sorted(place[other] for other in links.down.get(item, ())) for item in upper]
        flat = [end for each in ends for end in each]
        total += sum(a > b for i, a in enumerate(flat) for b in flat[i + 1 :])
    return total


def _columns(layers: Sequence[Sequence[Item]], links: _Links, widths: Mapping[str, float]) -> dict[Item, float]:
    """Return horizontal centres: items near the mean of their neighbours, at least the margin apart (least squares)."""
    x: dict[Item, float] = {}
    offsets = [_offsets([widths[item] if isinstance(item, str) else 0.0 for item in layer]) for layer in layers]
    for layer, offset in zip(layers, offsets, strict=True):
        x |= dict(zip(layer, offset - offset.mean(), strict=True))
    for _ in range(SWEEPS):
        for layer, offset in zip(layers, offsets, strict=True):
            wished, weights = np.array([_wish(item, links, x) for item in layer]).T
            placed = isotonic_regression(wished - offset, weights=weights).x + offset
            x |= dict(zip(layer, map(float, placed), strict=True))
    left = min((x[item] - (widths[item] / 2 if isinstance(item, str) else 0) for item in x), default=0.0)
    return {item: value - left + MARGIN / 2 for item, value in x.items()}


def _wish(item: Item, links: _Links, x: Mapping[Item, float]) -> tuple[float, float]:
    """Return the best position of an item, and its weight."""
    near = [*links.up.get(item, ()), *links.down.get(item, ())]
    weights = [STRAIGHTNESS[isinstance(item, Lane) + isinstance(other, Lane)] for other in near]
    if not near:
        return x[item], 1.0
    return float(np.average([x[other] for other in near], weights=weights)), float(sum(weights))


def _offsets(widths: Sequence[float]) -> np.ndarray:
    """Return the centres of items packed from 0 with the margin between them."""
    gaps = [(a + b) / 2 + MARGIN for a, b in pairwise(widths)]
    return np.concatenate([[0.0], np.cumsum(gaps)])


def _rows(layers: Sequence[Sequence[Item]], sizes: Mapping[str, Size]) -> tuple[list[float], list[float]]:
    """Return the upper and lower side of every layer."""
    heights = [max(sizes[item][1] for item in layer if isinstance(item, str)) for layer in layers]
    bottoms = [BAND / 2 + sum(heights[i + 1 :]) + BAND * (len(heights) - 1 - i) for i in range(len(heights))]
    return [bottom + height for bottom, height in zip(bottoms, heights, strict=True)], bottoms


class _Router:
    """Way points of edges; those that share a side of a node are spread along it."""

    def __init__(
        self,
        links: _Links,
        x: Mapping[Item, float],
        tops: Sequence[float],
        bottoms: Sequence[float],
        centre: Mapping[str, Point],
        sizes: Mapping[str, Size],
    ) -> None:
        self.links, self.x, self.tops, self.bottoms, self.centre, self.sizes = links, x, tops, bottoms, centre, sizes

    def arrow(self, edge: tuple[str, str]) -> list[Point]:
        """Route of a directed edge."""
        return _distinct(self._points(self.links.way((edge[0],), *edge)))

    def arc(self, pair: tuple[str, str]) -> list[Point]:
        """Route of a bidirected edge: through lanes, or over the upper sides of two nodes in one layer."""
        upper, lower = sorted(pair, key=lambda node: self.links.depth[node])
        if self.links.depth[upper] < self.links.depth[lower]:
            return _distinct(self._points(self.links.way(pair, upper, lower), shift=0.12))
        roof = self.tops[self.links.depth[upper]]
        ends = sorted((self.x[node] + side, node) for node, side in self._inner_sides(pair))
        sides = [(x, self.centre[node][1] + self.sizes[node][1] / 2) for x, node in ends]
        return _distinct([sides[0], (sides[0][0], roof), (sides[1][0], roof), sides[1]])

    def _inner_sides(self, pair: tuple[str, str]) -> list[tuple[str, float]]:
        left, right = sorted(pair, key=lambda node: self.x[node])
        return [(left, 0.38 * self.sizes[left][0]), (right, -0.38 * self.sizes[right][0])]

    def _points(self, way: Sequence[Item], shift: float = 0.0) -> list[Point]:
        first, last = way[0], way[-1]
        assert isinstance(first, str)
        assert isinstance(last, str)
        depth = self.links.depth
        start = self._port(first, way[1], self.links.down, shift)
        end = self._port(last, way[-2], self.links.up, shift)
        points = [(start, self.centre[first][1] - self.sizes[first][1] / 2), (start, self.bottoms[depth[first]])]
        for lane in way[1:-1]:
            layer = lane.layer  # type: ignore[union-attr]
            points += [(self.x[lane], self.tops[layer]), (self.x[lane], self.bottoms[layer])]
        return [*points, (end, self.tops[depth[last]]), (end, self.centre[last][1] + self.sizes[last][1] / 2)]

    def _port(self, node: str, neighbour: Item, joined: Mapping[Item, list[Item]], shift: float) -> float:
        near = sorted(joined[node], key=lambda item: self.x[item])
        step = min(0.16, 0.7 * self.sizes[node][0] / len(near))
        return self.x[node] + (near.index(neighbour) - (len(near) - 1) / 2) * step + shift


def _distinct(points: Sequence[Point]) -> list[Point]:
    """Remove repeated way points, which would leave an arrow's head without direction."""
    kept = [points[0]]
    kept += [point for before, point in pairwise(points) if abs(np.subtract(point, before)).max() > 1e-9]
    return kept
