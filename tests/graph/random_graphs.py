"""Random mixed graphs, and the textbook definitions spelt out path by path: slow, and nothing to get wrong."""

from itertools import chain, combinations, pairwise

import networkx as nx
from hypothesis import settings
from hypothesis import strategies as st

from causalgen.graph import CausalGraph, Variable

law = settings(deadline=None, max_examples=80)
EDGES = ["", "", "->", "->", "<->", "both"]


@st.composite
def graphs(draw, max_nodes=6, min_nodes=2, confounded=True):
    """A graph over up to six letters, declared in another order than the arrows run."""
    size = draw(st.integers(min_nodes, max_nodes))
    names = draw(st.permutations("abcdef"[:size]))
    kinds = EDGES if confounded else EDGES[:4]
    directed, bidirected = [], []
    for pair in combinations(names, 2):
        kind = draw(st.sampled_from(kinds))
        directed += [pair] if kind in ("->", "both") else []
        bidirected += [pair] if kind in ("<->", "both") else []
    return CausalGraph(directed, [Variable(name) for name in sorted(names)], bidirected)


@st.composite
def effects(draw, **options):
    """A graph, a treatment and an outcome."""
    graph = draw(graphs(**options))
    treatment, outcome = draw(st.permutations(graph.nodes))[:2]
    return graph, treatment, outcome


def subsets(names):
    names = list(names)
    return chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))


def paths(dag, x, y):
    """Every path between x and y, against or along the arrows."""
    return list(nx.all_simple_paths(dag.to_undirected(), x, y))


def is_causal(dag, path):
    return all(dag.has_edge(a, b) for a, b in pairwise(path))


def is_open(dag, path, given):
    """Every collider is in `given` or has a descendant there; no other node is in `given`."""
    for a, middle, b in zip(path, path[1:], path[2:]):
        if dag.has_edge(a, middle) and dag.has_edge(b, middle):
            if not ({middle} | nx.descendants(dag, middle)) & set(given):
                return False
        elif middle in given:
            return False
    return True


def separated(dag, x, y, given):
    return not any(is_open(dag, path, given) for path in paths(dag, x, y))


def forbidden(dag, x, y):
    """Nodes on causal paths except x, their descendants, and x."""
    causal = {node for path in nx.all_simple_paths(dag, x, y) for node in path[1:]}
    return {x, y}.union(causal, *(nx.descendants(dag, node) for node in causal))


def valid_adjustment_sets(graph, x, y):
    """All sets without a forbidden node that block every non-causal path."""
    dag = graph.canonical()
    candidates = [name for name in graph if name not in forbidden(dag, x, y)]
    spurious = [path for path in paths(dag, x, y) if not is_causal(dag, path)]
    return [set(given) for given in subsets(candidates) if not any(is_open(dag, path, given) for path in spurious)]


def is_front_door(graph, x, y, mediators):
    """Pearl's three conditions, path by path."""
    dag = graph.canonical()
    causal = [path for path in paths(dag, x, y) if is_causal(dag, path)]
    if not all(set(path[1:-1]) & set(mediators) for path in causal):
        return False
    for m in mediators:
        if any(dag.has_edge(path[1], x) and is_open(dag, path, ()) for path in paths(dag, x, m)):
            return False
    cut = dag.copy()
    cut.remove_edges_from(list(dag.out_edges(mediators)))
    return all(separated(cut, m, y, {x}) for m in mediators)
