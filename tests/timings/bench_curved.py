"""Curved tables with 58 covariates of all kinds: error, width and coverage of the doubly robust methods.

    python tests/timings/bench_curved.py [TABLES] [FIRST SEED] [METHOD ...]

4,802 rows, a quarter of them treated. Propensity, outcome and effect are sums of linear, polynomial, step and exponential
terms and of products of two, in the manner of the ACIC 2016 competition (Dorie et al. 2019); every other four tables have
one effect for all rows.
"""

import sys
import time
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from causalgen.effects import estimate_effect
from causalgen.graph import CausalGraph

Array = np.ndarray
Rng = np.random.Generator

ROWS, TREATED, TERMS = 4_802, 0.25, 10
SIGNAL = 2.0  # standard deviation of the outcome's mean, in those of its noise
PRODUCTS, ALIGNED = 0.2, 0.6  # shares of the terms that are products, and that treatment and outcome have in common
FORMS = (
    ("linear", "polynomial"),
    ("linear", "step"),
    ("linear", "exponential"),
    ("linear", "polynomial", "step", "exponential"),
)


def covariates(rng: Rng) -> dict[str, Array]:
    """23 continuous columns, 27 counts, 5 switches and 3 columns of labels, which share six hidden causes."""
    shared = rng.normal(size=(ROWS, 6))

    def drive() -> Array:
        return shared @ rng.normal(size=6) / 2.4

    columns = {f"x{j}": 0.8 * drive() + rng.normal(size=ROWS) for j in range(23)}
    for j in range(3, 23, 4):
        columns[f"x{j}"] = np.exp(0.5 * columns[f"x{j}"])
    for j in range(23, 50):
        columns[f"x{j}"] = rng.poisson(np.exp(rng.uniform(-1, 2) + 0.5 * drive())).astype(float)
    for j in range(50, 55):
        columns[f"x{j}"] = (rng.random(ROWS) < expit(rng.normal() + drive())).astype(float)
    for j, labels in zip(range(55, 58), (3, 5, 8), strict=True):
        place = np.digitize(drive() + 0.5 * rng.normal(size=ROWS), np.linspace(-1.2, 1.2, labels - 1))
        columns[f"x{j}"] = np.array(list("abcdefgh"))[place]
    return columns


@dataclass(frozen=True)
class Terms:
    """Random terms of the covariates, each of mean 0 and deviation 1."""

    rng: Rng
    columns: dict[str, Array]
    forms: tuple[str, ...]

    def draw(self) -> Array:
        """One term, or a product of two."""
        found = self._single()
        if self.rng.random() < PRODUCTS:
            found = standard(found * self._single())
        return np.clip(found, -5, 5)

    def _single(self) -> Array:
        form, column = self.rng.choice(self.forms), self.columns[f"x{self.rng.integers(len(self.columns))}"]
        if column.dtype.kind != "f":
            return standard((column == self.rng.choice(np.unique(column))).astype(float))
        column = np.clip(standard(column), -3, 3)
        if form == "polynomial":
            return standard(column**2 if self.rng.random() < 0.6 else column**3 - 2 * column)
        if form == "step":
            return standard((column > 0.6 * self.rng.normal()).astype(float))
        return standard(np.exp(self.rng.choice([-0.8, 0.8]) * column)) if form == "exponential" else column


def draw(seed: int) -> tuple[pd.DataFrame, float]:
    """A table, and the mean effect in its rows."""
    rng = np.random.default_rng(seed)
    columns = covariates(rng)
    terms = Terms(rng, columns, FORMS[seed % len(FORMS)])
    causes = [terms.draw() for _ in range(TERMS)]
    index = standard(sum(rng.normal() * one for one in causes))
    shift = float(brentq(lambda shift: expit(index + shift).mean() - TREATED, -10, 10))
    t = (rng.random(ROWS) < np.clip(expit(index + shift), 0.02, 0.98)).astype(float)
    bases = [one if rng.random() < ALIGNED else terms.draw() for one in causes]
    base = SIGNAL * standard(sum(rng.normal() * one for one in bases) + 0.4 * index)
    effect = np.full(ROWS, rng.uniform(1, 4))
    if seed // len(FORMS) % 2:
        effect += (
            0.4 * SIGNAL * standard(sum(rng.normal() * terms.draw() for _ in range(4)) + 0.5 * rng.normal() * index)
        )
    return pd.DataFrame(columns).assign(t=t, y=base + effect * t + rng.normal(size=ROWS)), float(effect.mean())


def standard(values: Array) -> Array:
    """Values with mean 0 and deviation 1."""
    return (values - values.mean()) / (values.std() or 1.0)


def main(tables: int, first: int, methods: list[str]) -> None:
    """Print one row per method."""
    found: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in methods}
    start = time.process_time()
    for seed in range(first, first + tables):
        table, truth = draw(seed)
        names = [name for name in table if name not in ("t", "y")]
        graph = CausalGraph([*((name, end) for name in names for end in "ty"), ("t", "y")])
        asked = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "methods": methods, "refute": False}
        report = estimate_effect(graph, table, **asked)
        for name in methods:
            row = report[name]
            found[name].append((abs(row.value - truth), row.high - row.low, bool(row.covers(truth))))
    for name, rows in found.items():
        error, width, covered = np.array(rows, dtype=float).T
        print(f"{name:18} error {error.mean():.3f} width {width.mean():.3f} covers {covered.sum():.0f} of {tables}")
    print(f"{(time.process_time() - start) / tables:.1f} CPU s a table")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given = sys.argv[1:]
    main(int(given[0]) if given else 20, int(given[1]) if given[1:] else 0, given[2:] or ["doubly robust"])
