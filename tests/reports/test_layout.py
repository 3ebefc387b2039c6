"""Laws of the graph's layout, on random graphs: nodes apart, arrows never through a node."""

from itertools import combinations, pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from causalgen.graph import CausalGraph
from causalgen.reports.graph_plot import smooth
from causalgen.reports.layout import depths, lay_out


@st.composite
def graphs(draw: st.DrawFn) -> CausalGraph:
    names = [f"n{i}" for i in range(draw(st.integers(1, 12)))]
    pairs = list(combinations(names, 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    confounded = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=4)) if pairs else []
    return CausalGraph({name: [b for a, b in edges if a == name] for name in names}, confounded=confounded)


def sizes(graph: CausalGraph) -> dict[str, tuple[float, float]]:
    return {name: (0.6 + 0.11 * (index % 7), 0.35 + 0.2 * (index % 3)) for index, name in enumerate(graph)}


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_nodes_keep_apart_and_causes_stand_above_effects(graph: CausalGraph) -> None:
    layout = lay_out(graph, sizes(graph))
    for a, b in combinations(graph, 2):
        (xa, ya), (xb, yb) = layout.centre[a], layout.centre[b]
        (wa, ha), (wb, hb) = layout.size[a], layout.size[b]
        assert abs(xa - xb) > (wa + wb) / 2 or abs(ya - yb) > (ha + hb) / 2
    for a, b in graph.edges:
        assert layout.centre[a][1] > layout.centre[b][1]
    for x, y in layout.centre.values():
        assert 0 < x < layout.width
        assert 0 < y < layout.height


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_no_arrow_runs_through_a_node(graph: CausalGraph) -> None:
    layout = lay_out(graph, sizes(graph))
    for pair, points in (*layout.arrows.items(), *layout.arcs.items()):
        line = np.concatenate(smooth(points).to_polygons(closed_only=False))
        line = np.concatenate([np.linspace(a, b, 12) for a, b in pairwise(line)])
        for name in set(graph) - set(pair):
            inside = np.abs(line - layout.centre[name]) < np.array(layout.size[name]) / 2 - 1e-6
            assert not inside.all(axis=1).any(), f"{pair} runs through {name}"


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_arrows_start_and_end_at_their_nodes(graph: CausalGraph) -> None:
    layout = lay_out(graph, sizes(graph))
    for (a, b), points in layout.arrows.items():
        for name, (x, y), side in ((a, points[0], -1), (b, points[-1], 1)):
            assert abs(x - layout.centre[name][0]) <= layout.size[name][0] / 2
            assert np.isclose(y, layout.centre[name][1] + side * layout.size[name][1] / 2)


def test_a_root_stands_just_above_its_first_effect() -> None:
    depth = depths(CausalGraph("a -> b -> c -> d; late -> d"))
    assert depth == {"a": 0, "b": 1, "c": 2, "late": 2, "d": 3}
