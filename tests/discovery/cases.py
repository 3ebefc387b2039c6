"""Tables with known structures, random graphs, and equivalence by enumeration, which the library does not use."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, product

import networkx as nx
import numpy as np
import pandas as pd

from causalgen.graph import CausalGraph, Variable

Edges = frozenset[tuple[str, str]]


def table(graph: str, rows: int = 2000, seed: int = 0, noise: str = "normal") -> pd.DataFrame:
    """A linear table of the graph with weights of 0.6 to 1.4 in size; hidden causes for bidirected edges."""
    rng = np.random.default_rng(seed)
    read = CausalGraph(graph)
    values: dict[str, np.ndarray] = {}
    hidden = {pair: rng.normal(size=rows) for pair in read.confounded}
    for name in read:
        values[name] = rng.normal(size=rows) if noise == "normal" else rng.uniform(-1.7, 1.7, rows)
        for parent in read.parents(name):
            values[name] = values[name] + rng.uniform(0.6, 1.4) * rng.choice([-1, 1]) * values[parent]
        for pair, cause in hidden.items():
            values[name] = values[name] + (name in pair) * cause
    return pd.DataFrame(values)


def discrete_table(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    """a -> c <- b, c -> d: truth values and labels."""
    rng = np.random.default_rng(seed)
    a, b = rng.random(rows) < 0.5, rng.random(rows) < 0.4
    c = np.where(rng.random(rows) < 0.8, (a.astype(int) + b) % 3, rng.integers(0, 3, rows))
    d = np.where(rng.random(rows) < 0.8, c, rng.integers(0, 3, rows))
    return pd.DataFrame({"a": a, "b": b, "c": np.array(["x", "y", "z"])[c], "d": np.array(["u", "v", "w"])[d]})


def mixed_table(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    """pen -> width <- speed, width -> ink: pen has labels, the others are numbers."""
    rng = np.random.default_rng(seed)
    pen = rng.choice(["ball", "felt", "quill"], rows)
    speed = rng.normal(size=rows)
    width = pd.Series(pen).map({"ball": 0.0, "felt": 1.5, "quill": 0.7}).to_numpy() - speed + rng.normal(size=rows)
    return pd.DataFrame({"pen": pen, "speed": speed, "width": width, "ink": width + rng.normal(size=rows)})


def random_dag(nodes: str, seed: int, density: float = 0.5) -> Edges:
    """Edges along a random order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(list(nodes))
    return frozenset((str(a), str(b)) for a, b in combinations(order, 2) if rng.random() < density)


def graph_of(nodes: str, edges: Edges, confounded: tuple = ()) -> CausalGraph:
    """The graph, isolated nodes included."""
    return CausalGraph(sorted(edges), [Variable(name) for name in nodes], confounded)


def all_dags(nodes: str) -> Iterator[Edges]:
    """Every DAG over the nodes."""
    pairs = list(combinations(nodes, 2))
    for choice in product((0, 1, 2), repeat=len(pairs)):
        edges = [pair if k == 1 else pair[::-1] for pair, k in zip(pairs, choice) if k]
        if nx.is_directed_acyclic_graph(nx.DiGraph(edges)):
            yield frozenset(edges)


def separations(nodes: str, edges: Edges, confounded: tuple = ()) -> frozenset:
    """Every separation that the graph implies: what defines Markov equivalence."""
    graph = graph_of(nodes, edges, confounded)
    return frozenset(
        (a, b, given)
        for a, b in combinations(nodes, 2)
        for size in range(len(nodes) - 1)
        for given in combinations([name for name in nodes if name not in (a, b)], size)
        if graph.d_separated(a, b, given)
    )


def classes_of_dags(nodes: str) -> list[list[Edges]]:
    """The Markov equivalence classes, by comparing separations."""
    classes = defaultdict(list)
    for edges in all_dags(nodes):
        classes[separations(nodes, edges)].append(edges)
    return list(classes.values())
