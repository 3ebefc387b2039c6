"""Graphs and tables whose nested effects are known, and functions that ask for them."""

import numpy as np
import pandas as pd

from causalgen.graph import CausalGraph
from causalgen.mediation import NestedQuestion, estimate_nested

__all__ = [
    "ASK",
    "CHAIN",
    "MEDIATION",
    "NAMES",
    "causation",
    "chain",
    "chain_with",
    "controlled",
    "interacting",
    "linear",
    "natural",
    "near",
    "on_treated",
    "path_specific",
    "sigmoid",
]

MEDIATION = CausalGraph("z -> {x, m, y}; x -> m -> y; x -> y")
NAMES = ("total", "natural direct", "total indirect", "natural indirect")
ASK = {"treatment": "x", "outcome": "y", "contrast": (0, 1)}


def asking(query):
    """A function that asks a table one kind of question."""

    def ask(graph, table, *, level=0.95, seed=0, cluster=None, variables=None, missing="drop", **question):
        question, options = NestedQuestion(query, **question), {"level": level, "seed": seed, "missing": missing}
        return estimate_nested(graph, table, question, cluster=cluster, variables=variables, **options)

    return ask


natural, controlled, path_specific, on_treated, causation = map(
    asking, ("natural", "controlled", "path", "treated", "causation")
)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def linear(rows, seed, *, continuous=False):
    """z -> {x, m, y}; x -> m -> y; x -> y. m = 1.5 x + z + e;  y = 0.7 x + 2 m + z + e: NDE 0.7, NIE 3."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    x = z + rng.normal(size=rows) if continuous else (rng.random(rows) < sigmoid(0.8 * z)).astype(float)
    m = 1.5 * x + z + rng.normal(size=rows)
    return pd.DataFrame({"z": z, "x": x, "m": m, "y": 0.7 * x + 2 * m + z + rng.normal(size=rows)})


def interacting(rows, seed):
    """The same graph with a binary mediator and an interaction. Returns the table and the true effects.

    P(m) = sigmoid(x + z - 0.5);  y = x (1 + z) + (1 + 2 x) m + e, over a uniform z.
    """
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1, 1, rows)
    x = rng.random(rows) < sigmoid(z)
    m = rng.random(rows) < sigmoid(x + z - 0.5)
    y = x * (1 + z) + (1 + 2 * x) * m + rng.normal(size=rows)
    table = pd.DataFrame({"z": z, "x": x, "m": m, "y": y})
    grid = (np.arange(10_000) + 0.5) / 5_000 - 1

    def mean(x, kept):
        share = sigmoid(kept + grid - 0.5)
        return float(np.mean(x + share + 2 * x * share + grid * x))

    truth = {
        "total": mean(1, 1) - mean(0, 0),
        "natural direct": mean(1, 0) - mean(0, 0),
        "natural indirect": mean(0, 1) - mean(0, 0),
        "total indirect": mean(1, 1) - mean(1, 0),
    }
    return table, truth


def chain(rows, seed):
    """x -> {l, m, y}; l -> m -> y; l -> y; x randomised. l = x + e;  m = l + x l + e;  y = 2 m + x + l m / 2 + e."""
    rng = np.random.default_rng(seed)
    x = (rng.random(rows) < 0.5).astype(float)
    e = rng.normal(size=(3, rows))
    return chain_with(x, x, x, e).assign(x=x)


def chain_with(for_l, for_m, for_y, e):
    """The chain when x takes a separate value for each variable that it acts on."""
    low = for_l + e[0]
    m = low + for_m * low + e[1]
    return pd.DataFrame({"l": low, "m": m, "y": 2 * m + for_y + 0.5 * low * m + e[2]})


CHAIN = CausalGraph("x -> {l, m, y}; l -> m -> y; l -> y")


def near(row, truth):
    """Within 3 standard errors: one table misses by chance in 0.3 % of the cases, not in 5 %."""
    return abs(row.value - truth) < 3 / (2 * 1.96) * (row.high - row.low)
