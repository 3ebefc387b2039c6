"""Effects from tables with missing values, by a model that was fitted to them; and the time to infer a missing attribute.

    python tests/timings/bench_holes.py 20 --rows 1000 --epochs 30 [--save FILE]
    python tests/timings/bench_holes.py --read FILE

In each fresh table of morphodigits, about 40 % of the cells of pen, thickness and intensity are missing, by other observed
columns alone: intensity by hurry, pen and thickness by intensity where it is known. The effect of the pen on intensity is
estimated by linear adjustment on the whole table, on complete rows, by chained equations (`missing="impute"`), and on tables
that the fitted model completes, pooled by Rubin's rules; the model's own effect has no interval. No image is used.
"""

import time
import warnings
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from judging import Row, judge_tables, table_options

import causalgen as cg
from causalgen.effects import estimate_effect, implied_effect
from causalgen.effects.missing.pool import pool
from causalgen.graph import CausalGraph
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

ASKED: dict[str, Any] = {"treatment": "pen", "outcome": "intensity", "contrast": ("ballpoint", "felt-tip")}
QUICK: dict[str, Any] = {"methods": ["linear adjustment"], "refute": False}
IMPUTATIONS = 20
UNITS = 1000


def with_holes(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The table without about 40 % of the cells of pen, thickness and intensity, missing at random."""
    random = np.random.default_rng([2, seed])
    hurry, bright = (table[name].rank(pct=True).to_numpy() for name in ("hurry", "intensity"))
    holes = table.copy()
    lost = random.random(len(table)) < 0.8 * hurry
    holes["intensity"] = holes["intensity"].mask(lost)
    for name, share in (("pen", bright), ("thickness", 1 - bright)):
        chance = np.where(lost, 0.4, 0.8 * share)
        holes[name] = holes[name].mask(random.random(len(table)) < chance)
    return holes


def fitted(graph: CausalGraph, table: pd.DataFrame, epochs: int, seed: int) -> StructuralCausalModel:
    torch.manual_seed(seed)
    scm = StructuralCausalModel(graph)
    cut = round(0.8 * len(table))
    parts = {"train": table.iloc[:cut], "validation": table.iloc[cut:]}
    fit(scm, parts, FitConfig(attributes=Stage(epochs=epochs), seed=seed), missing="model")
    return scm


@cache
def known() -> tuple[CausalGraph, Any]:
    """The graph of the attributes used, and the generator."""
    data = cg.load("morphodigits", rows=2000)
    return data.graph.project(["hurry", "pen", "thickness", "intensity"]), data.truth


def judge(rows: int, epochs: int, kind: str, number: int) -> Row:
    """Estimates with intervals, by source."""
    warnings.simplefilter("ignore")
    graph, truth = known()
    table = truth.table(rows, number)[list(graph.nodes)]
    holes = with_holes(table, number)
    found = {}
    for name, data, missing in (
        ("whole table", table, "drop"),
        ("complete rows", holes, "drop"),
        ("chained equations", holes, "impute"),
    ):
        one = estimate_effect(graph, data, **ASKED, **QUICK, missing=missing, seed=number).estimate
        found[name] = (one.value, one.low, one.high)
    scm = fitted(graph, holes, epochs, number)
    drawn = scm.abduct(holes, particles=IMPUTATIONS, seed=number).completed.by_particle()
    values, errors = [], []
    for draw in range(IMPUTATIONS):
        complete = {name: scm.graph[name] for name in graph.nodes}
        frame = pd.DataFrame(
            {
                name: np.array(variable.labels)[drawn[name][draw].numpy()]
                if variable.is_discrete
                else drawn[name][draw]
                for name, variable in complete.items()
            }
        )
        one = estimate_effect(graph, frame, **ASKED, **QUICK, seed=number).estimate
        values.append(one.value)
        errors.append((one.high - one.low) / (2 * 1.96))
    pooled = pool(values, errors, rows - 1)
    found["completed by the model"] = (pooled.value, *pooled.interval(0.95))
    found["implied by the model"] = (implied_effect(scm, **ASKED, n=20_000, seed=number).value, np.nan, np.nan)
    whole = {"complete": float(holes.notna().all(axis=1).mean()), "missing": holes.isna().mean().to_dict()}
    print(f"table {number}: {whole}", {name: round(one[0], 2) for name, one in found.items()}, flush=True)
    return {"table": number, "true": truth.effect(**ASKED), "found": found, **whole}


def summarise(rows: Sequence[Row]) -> None:
    true = rows[0]["true"]
    for name in rows[0]["found"]:
        value, low, high = np.array([row["found"][name] for row in rows], dtype=float).T
        held = f"{int(((low <= true) & (true <= high)).sum())} of {len(rows)} intervals hold it"
        error = value.std(ddof=1) / len(rows) ** 0.5 if len(rows) > 1 else np.nan
        print(
            f"{name}: bias {value.mean() - true:+.2f} (standard error {error:.2f}) of {true:.2f}; "
            + ("no interval" if np.isnan(low).any() else held)
        )


def timed(scm: StructuralCausalModel, particles: int) -> None:
    """Seconds to abduct complete units, and the ratio where one attribute is missing; the best of three."""
    units = dict(scm.sample(UNITS, seed=0))

    def seconds(known: dict[str, Any]) -> float:
        best = np.inf
        for _ in range(3):
            began = time.perf_counter()
            scm.abduct(known, particles=particles, seed=0)
            best = min(best, time.perf_counter() - began)
        return best

    whole = seconds(units)
    ratios = {n: seconds({name: t for name, t in units.items() if name != n}) / whole for n in scm.graph.attributes}
    shown = ", ".join(f"{name} {ratio:.1f}" for name, ratio in ratios.items())
    print(f"{UNITS} units, {particles} particles: complete {whole:.3f} s; times that, with one missing: {shown}")


def main() -> None:
    parser = table_options(["random"])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=30)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    judge_tables(asked, ["random"], partial(judge, asked.rows, asked.epochs), summarise)
    graph, truth = known()
    holes = with_holes(truth.table(asked.rows, 0), 0)[list(graph.nodes)]
    scm = fitted(graph, holes, 5, 0)
    for particles in (20, 50):
        timed(scm, particles)


if __name__ == "__main__":
    main()
