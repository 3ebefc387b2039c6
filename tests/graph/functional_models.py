"""Binary structural models with finitely many noise states, enumerated: every counterfactual of every unit is known."""

from itertools import product

import networkx as nx
import numpy as np

STATES = 4


class FunctionalModel:
    """Random response functions for every node of a graph; a hidden common cause is a fair-ish coin.

    A node's private noise picks one of four functions of its parents: always 0, always 1 and two random ones, so
    every value has positive probability whatever the parents are. `monotone=(x, y)` makes y increase with x.
    """

    def __init__(self, graph, rng, monotone=None):
        self.graph = graph
        self.dag = graph.canonical()
        self.order = list(nx.topological_sort(self.dag))
        self.hidden = [node for node in self.order if node not in graph.nodes]
        sizes = [2 if node in self.hidden else STATES for node in self.order]
        weights = [rng.dirichlet(np.full(size, 2.0)) for size in sizes]
        grid = np.indices(sizes).reshape(len(sizes), -1)
        self.noise = dict(zip(self.order, grid))
        self.weight = np.prod([w[states] for w, states in zip(weights, grid)], axis=0)
        self.tables = {node: self._table(node, rng, monotone) for node in graph.nodes}

    def _table(self, node, rng, monotone):
        """Array [noise, parents...] of values."""
        parents = list(self.dag.predecessors(node))
        table = rng.integers(0, 2, size=(STATES, *[2] * len(parents)))
        table[0], table[1] = 0, 1
        if monotone and node == monotone[1]:
            table = np.sort(table, axis=1 + parents.index(monotone[0]))
        return table

    def assign(self, node, values):
        """The node's value in every state, given its parents' values."""
        arguments = [self.noise[p] if p in self.hidden else values[p] for p in self.dag.predecessors(node)]
        return self.tables[node][(self.noise[node], *arguments)]

    def world(self, do=None):
        """Values of all nodes in every state; `do` holds numbers or one value per state."""
        values = {}
        for node in self.graph.nodes:
            if do and node in do:
                values[node] = np.broadcast_to(do[node], self.weight.shape)
            else:
                values[node] = self.assign(node, values)
        return values

    def along(self, treatment, outcome, active):
        """The outcome when the treatment is 1 along the active paths and 0 along the others, by definition."""

        def value(node, onward):
            path = (node, *onward)
            if node == treatment:
                return np.full(self.weight.shape, int(path in active))
            return self.assign(node, {parent: value(parent, path) for parent in self.graph.parents(node)})

        return value(outcome, ())

    def mean(self, values, given=True):
        weight = self.weight * given
        return float((weight * values).sum() / weight.sum())

    def joint(self, names):
        """P(names), one axis each."""
        return self._table_of(self.world(), names)

    def kernel(self, names, given):
        """P(names | do(given)): axes of `names`, then of `given`."""
        result = np.zeros([2] * (len(names) + len(given)))
        for setting in product((0, 1), repeat=len(given)):
            result[(..., *setting)] = self._table_of(self.world(dict(zip(given, setting))), names)
        return result

    def _table_of(self, values, names):
        table = np.zeros([2] * len(names))
        np.add.at(table, tuple(values[name] for name in names), self.weight)
        return table


def evaluate(estimand, model, held=()):
    """P(outcome = 1) by the formula of a nested estimand; a factor that is not plain is taken from the model."""
    nodes = model.graph.nodes
    joint = model.joint(nodes)
    total = np.ones([1] * len(nodes))
    for term in estimand.factors:
        x = (estimand.treatment,) if term.level else ()
        family = (*term.nodes, *term.given, *x)
        if term.plain:
            rest = tuple(i for i, name in enumerate(nodes) if name not in family)
            family = tuple(name for name in nodes if name in family)
            table = joint.sum(axis=rest)
            table = table / table.sum(axis=tuple(family.index(name) for name in term.nodes), keepdims=True)
        else:
            table = model.kernel(term.nodes, (*term.given, *x))
        if x:
            table = np.take(table, int(term.level == "b"), axis=family.index(x[0]))
        family = [name for name in family if name not in x]
        ordered = [name for name in nodes if name in family]
        table = table.transpose([family.index(name) for name in ordered])
        total = total * table.reshape([2 if name in family else 1 for name in nodes])
    axes = tuple(i for i, name in enumerate(nodes) if name not in (estimand.outcome, *held))
    return np.take(
        total.sum(axis=axes), 1, axis=[n for n in nodes if n in (estimand.outcome, *held)].index(estimand.outcome)
    )


def evaluate_stages(estimand, model, held=None):
    """E[outcome] by exact regression on regression, which is what the estimators do; `held` holds values set."""
    nodes, held = model.graph.nodes, held or {}
    joint = model.joint(nodes)

    def mean(target, given):
        rest = tuple(i for i, name in enumerate(nodes) if name not in given)
        return (joint * target).sum(axis=rest, keepdims=True) / joint.sum(axis=rest, keepdims=True)

    def fix(table, name, value):
        axis = nodes.index(name)
        return table if table.shape[axis] == 1 else np.take(table, [value], axis=axis)

    before = list(estimand.adjustment)
    histories = []
    for block, _ in estimand.stages:
        earlier = [name for name in held if nodes.index(name) < nodes.index(block[-1])]
        histories.append([*before, *earlier])
        before += block
    target = np.arange(2).reshape([2 if name == estimand.outcome else 1 for name in nodes])
    for (_, level), history in reversed(list(zip(estimand.stages, histories))):
        target = fix(mean(target, [estimand.treatment, *history]), estimand.treatment, int(level == "b"))
        for name, value in held.items():
            target = fix(target, name, value)
    return float((joint * target).sum())
