"""Binary models of a graph, with their exact observational and interventional distributions."""

import networkx as nx
import numpy as np


class BinaryModel:
    """Random conditional tables for every node of the canonical DAG, hidden causes included."""

    def __init__(self, graph, rng):
        dag = graph.canonical()
        self.axes = list(nx.topological_sort(dag))
        self.factors = {node: self._table(node, list(dag.predecessors(node)), rng) for node in self.axes}

    def _table(self, node, parents, rng):
        """P(node | parents) as an array that broadcasts over all axes."""
        family = sorted([node, *parents], key=self.axes.index)
        shape = [2 if axis in family else 1 for axis in self.axes]
        one = rng.uniform(0.05, 0.95, size=[1 if axis == node else n for axis, n in zip(self.axes, shape)])
        return np.concatenate([1 - one, one], axis=self.axes.index(node))

    def joint(self, names, do=()):
        """P(names), or the truncated factorisation without the tables of `do`; axes in the order of `names`."""
        product = np.ones([2] * len(self.axes))
        for node in self.axes:
            if node not in do:
                product = product * self.factors[node]
        rest = tuple(i for i, node in enumerate(self.axes) if node not in names)
        kept = [node for node in self.axes if node in names]
        return product.sum(axis=rest).transpose([kept.index(name) for name in names])


def evaluate(estimand, joint, names):
    """The estimand's formula on the observational distribution: array [x, y]."""
    x, y = estimand.treatment, estimand.outcome
    groups = [estimand.mediators or estimand.adjustment, (x,), (y,)]
    order = [name for group in groups for name in group]
    rest = tuple(i for i, name in enumerate(names) if name not in order)
    kept = [name for name in names if name in order]
    table = joint.sum(axis=rest).transpose([kept.index(name) for name in order]).reshape(-1, 2, 2)  # [z, x, y]
    y_given = table / table.sum(axis=2, keepdims=True)  # P(y | z, x)
    if estimand.method == "frontdoor":
        m_given_x = table.sum(axis=2) / table.sum(axis=(0, 2))
        p_x = table.sum(axis=(0, 2))
        return np.einsum("mx,mty,t->xy", m_given_x, y_given, p_x)
    if estimand.method == "no effect":
        return np.broadcast_to(table.sum(axis=(0, 1)), (2, 2))
    return np.einsum("zxy,z->xy", y_given, table.sum(axis=(1, 2)))
