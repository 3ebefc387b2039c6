"""How often an effect's checks raise a concern: on clean tables, and on tables with a planted violation.

    python tests/timings/bench_concerns.py [TABLES] [KIND ...]

Prints, for each kind of table, the share with any concern, the share whose first concern is the planted one, coverage,
refusals, and how often each check raised a concern. Kinds: clean, hidden, arrow, collider, overlap, form.
"""

import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.errors import DataError
from causalgen.graph import CausalGraph

Rng = np.random.Generator
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Table:
    """One drawn table.

    Attributes:
        graph: The graph that the analyst assumes.
        columns: What the generator drew.
        effect: The true average effect of do(t=1) against do(t=0).
        controls: Negative-control outcomes.
        wanted: Words of the concern that names the violation; any of them.
    """

    graph: str
    columns: Columns
    effect: float
    controls: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()


def covariates(rng: Rng, rows: int, count: int) -> tuple[str, Columns]:
    """Covariates of three kinds along a sparse chain: edges and columns."""
    edges, columns = [], {}
    for place in range(count):
        drive = np.zeros(rows)
        if place and rng.random() < 0.4:
            cause = f"x{rng.integers(place)}"
            edges.append(f"{cause} -> x{place}")
            drive = 0.6 * standard(columns[cause])
        kind = rng.choice(["number", "switch", "label"], p=[0.6, 0.25, 0.15])
        if kind == "number":
            columns[f"x{place}"] = drive + rng.normal(size=rows)
        elif kind == "switch":
            columns[f"x{place}"] = np.where(rng.random(rows) < sigmoid(drive), "yes", "no")
        else:
            columns[f"x{place}"] = np.array(list("abc"))[np.digitize(drive + rng.normal(size=rows), [-0.6, 0.6])]
    return "; ".join(edges), columns


def clean(rng: Rng, strength: float = 1.0) -> Table:
    """The graph is right, overlap is good, and nothing is hidden."""
    rows, count = int(np.exp(rng.uniform(np.log(500), np.log(5000)))), int(rng.integers(3, 26))
    edges, columns = covariates(rng, rows, count)
    shown = np.stack([standard(column) for column in columns.values()])
    used = rng.random(count) < min(1.0, 4 / count)
    weights = rng.normal(size=count) * used
    index = strength * weights @ shown / max(1.0, np.linalg.norm(weights))
    t = rng.random(rows) < sigmoid(index)
    causes = weights + rng.normal(size=count) * (rng.random(count) < 0.5)
    effect = rng.normal()
    bend = 0.4 * shown[0] ** 2 + 0.3 * shown[0] * shown[1]
    base = causes @ shown / max(1.0, np.linalg.norm(causes)) + bend
    change = effect + 0.3 * shown[0]
    columns |= {"t": np.where(t, "treated", "control"), "y": base + change * t + rng.normal(size=rows)}
    names = ", ".join(f"x{place}" for place in range(count))
    return Table(f"{edges}; {{{names}}} -> {{t, y}}; t -> y", columns, float(change.mean()))


def hidden(rng: Rng) -> Table:
    """A hidden cause of treatment and outcome, which also moves a control outcome that the treatment cannot reach."""
    table = clean(rng)
    columns, rows = dict(table.columns), len(table.columns["y"])
    cause = 0.8 * np.where(columns["t"] == "treated", 1.0, -1.0) + rng.normal(size=rows)
    columns["y"] = columns["y"] + 0.8 * cause
    columns["spared"] = 0.8 * cause + standard(columns["x0"]) + rng.normal(size=rows)
    return Table(f"{table.graph}; x0 -> spared", columns, table.effect, ("spared",), ("negative control", "spared"))


def arrow(rng: Rng) -> Table:
    """The analyst takes a mediator for a cause of the treatment; another cause of it tells."""
    table = clean(rng)
    columns, rows = dict(table.columns), len(table.columns["y"])
    t = columns["t"] == "treated"
    columns["other"] = rng.normal(size=rows)
    columns["m"] = 0.8 * t + columns["other"] + 0.7 * rng.normal(size=rows)
    columns["y"] = columns["y"] + columns["m"]
    graph = f"{table.graph}; other -> m; m -> {{t, y}}"
    return Table(graph, columns, table.effect + 0.8, (), ("other", "t ⊥", "independent"))


def collider(rng: Rng) -> Table:
    """The analyst adjusts for an effect of treatment and outcome; a cause of the treatment alone tells."""
    table = clean(rng)
    columns, rows = dict(table.columns), len(table.columns["y"])
    lever = rng.normal(size=rows)
    t = (columns["t"] == "treated") ^ (rng.random(rows) < 0.4 * sigmoid(2 * lever))
    columns["y"] = columns["y"] - table.effect * (columns["t"] == "treated") + table.effect * t
    columns["t"], columns["lever"] = np.where(t, "treated", "control"), lever
    columns["k"] = 1.0 * t + 0.7 * columns["y"] + rng.normal(size=rows)
    return Table(f"{table.graph}; lever -> t; k -> {{t, y}}", columns, table.effect, (), ("lever", "k"))


def overlap(rng: Rng) -> Table:
    """The covariates all but decide the treatment."""
    table = clean(rng, strength=6.0)
    return Table(table.graph, table.columns, table.effect, (), ("overlap", "explode", "separate"))


def form(rng: Rng) -> Table:
    """A confounder acts as a wave, which no line or spline of few knots follows."""
    table = clean(rng)
    columns, rows = dict(table.columns), len(table.columns["y"])
    x = rng.uniform(-3, 3, size=rows)
    wave = np.sin(5 * x)
    flipped = rng.random(rows) < 0.5 * np.abs(wave)
    t = np.where(flipped, wave > 0, columns["t"] == "treated")
    columns["y"] = columns["y"] + table.effect * (t.astype(float) - (columns["t"] == "treated")) + 2 * wave
    columns["t"], columns["wave"] = np.where(t, "treated", "control"), x
    return Table(f"{table.graph}; wave -> {{t, y}}", columns, table.effect, (), ("disagree", "balance", "rejects"))


KINDS: dict[str, Callable[[Rng], Table]] = {
    "clean": clean, "hidden": hidden, "arrow": arrow, "collider": collider, "overlap": overlap, "form": form,
}  # fmt: skip


def measure(kind: str, tables: int) -> None:
    """Print the rates of one kind of table."""
    alarmed = first = covered = refused = 0
    raised: Counter[str] = Counter()
    seconds = time.perf_counter()
    for number in range(tables):
        rng = np.random.default_rng([list(KINDS).index(kind), number])
        table = KINDS[kind](rng)
        graph, frame = CausalGraph(table.graph), pd.DataFrame(table.columns)
        try:
            report = estimate_effect(
                graph, frame, treatment="t", outcome="y", contrast=("control", "treated"), seed=number
            )
            checks = examine(graph, frame, report, negative_controls=table.controls, seed=number).checks
        except DataError as error:
            refused += 1
            first += any(word in str(error) for word in table.wanted)
            raised[f"refused: {str(error)[:70]}"] += 1
            continue
        concerns = [check.about for check in checks if check.concern and check.subject == "estimate"]
        alarmed += bool(concerns)
        first += bool(concerns) and any(word in concerns[0] for word in table.wanted)
        covered += bool(report.estimate.covers(table.effect))
        raised.update({" ".join(about.split()[:6]) for about in concerns})
    seconds = (time.perf_counter() - seconds) / tables
    print(f"{kind:9} {tables} tables, {seconds:.1f} s each: a concern in {alarmed}, the planted one first in {first}, "
          f"the interval covers in {covered}, refused {refused}")  # fmt: skip
    for about, count in raised.most_common(12):
        print(f"{'':12}{count:4}  {about}")


def standard(column: np.ndarray) -> np.ndarray:
    """A column as numbers with mean 0 and deviation 1."""
    numbers = column if column.dtype.kind == "f" else np.unique(column, return_inverse=True)[1].astype(float)
    return (numbers - numbers.mean()) / (numbers.std() or 1.0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for chosen in sys.argv[2:] or list(KINDS):
        measure(chosen, int(sys.argv[1]) if len(sys.argv) > 1 else 200)
