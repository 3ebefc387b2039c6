"""Discrete models of a graph, with their exact observational and interventional distributions."""

import networkx as nx
import numpy as np


class DiscreteModel:
    """Random conditional tables for every node of the canonical DAG, hidden causes included.

    `values` lists the numbers of values that a variable may have.
    """

    def __init__(self, graph, rng, values=(2,)):
        self.dag = graph.canonical()
        self.axes = list(nx.topological_sort(self.dag))
        self.sizes = {node: int(rng.choice(values)) for node in self.axes}
        self.tables = {node: self._table(node, rng) for node in self.axes}

    def _table(self, node, rng):
        """P(node | parents), the parents' axes first."""
        weights = rng.uniform(0.1, 1, size=[self.sizes[name] for name in (*self.dag.predecessors(node), node)])
        return weights / weights.sum(axis=-1, keepdims=True)

    def joint(self, names, do=()):
        """P(names), or the truncated factorisation without the tables of `do`; axes in the order of `names`."""
        arguments = []
        for node in self.axes:
            if node in list(do):
                arguments += [np.ones(self.sizes[node]), [self.axes.index(node)]]
            else:
                arguments += [
                    self.tables[node],
                    [self.axes.index(name) for name in (*self.dag.predecessors(node), node)],
                ]
        return np.einsum(*arguments, [self.axes.index(name) for name in names], optimize="greedy")

    def effect(self, outcome, treatment, given=()):
        """P(outcome | do(treatment), given); axes in that order."""
        table = self.joint([*outcome, *treatment, *given], do=treatment)
        return table / table.sum(axis=tuple(range(len(outcome))), keepdims=True)

    def value(self, expression, names):
        """An expression with interventions, each of its probabilities taken from the model; one axis per name."""
        sizes = {name: self.sizes[name] for name in names}

        def leaf(term):
            table = self.effect(term.of, term.do, term.given)
            order = [*term.of, *term.do, *term.given]
            present = [name for name in names if name in order]
            table = table.transpose([order.index(name) for name in present])
            return table.reshape([sizes[name] if name in present else 1 for name in names])

        return np.broadcast_to(expression.value(leaf, sizes), list(sizes.values()))
