"""Refuters of the default methods next to DoWhy's own estimators and refuters, on the same tables.

    python tests/timings/bench_refuters.py [ROWS] [COVARIATES] [TABLES]

Both sides run the placebo treatment, a random common cause and data subsets, with 30 simulated tables each. Here they test
two adjusted estimates (linear, cross-fitted doubly robust) and the naive one, and a fourth refuter, the dummy outcome, tests
all three. DoWhy's side tests its linear regression and its propensity score weighting. CPU seconds, without the estimates.
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from dowhy import CausalModel

from causalgen.effects import estimate_effect
from causalgen.graph import CausalGraph

SIMULATIONS = 30
REFUTERS = {
    "placebo_treatment_refuter": {"placebo_type": "permute"},
    "random_common_cause": {},
    "data_subset_refuter": {"subset_fraction": 0.8},
}


def main(rows: int, covariates: int, tables: int) -> None:
    """Print the seconds of both sides and their ratio."""
    ratios = []
    for seed in range(tables):
        table = draw(seed, rows, covariates)
        here, there = ours(table), dowhys(table)
        ratios.append(here / there)
        print(f"table {seed}: causalgen {here:.2f} CPU s, DoWhy {there:.2f} CPU s, ratio {ratios[-1]:.2f}")
    print(f"{rows} rows, {covariates} covariates: mean ratio {np.mean(ratios):.2f}")


def draw(seed: int, rows: int, covariates: int) -> pd.DataFrame:
    """Half of the covariates are binary; all confound, one of them by a curve."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(rows, covariates))
    columns[:, covariates // 2 :] = columns[:, covariates // 2 :] > 0.5
    index = columns @ np.linspace(-0.3, 0.3, covariates) + 0.2 * columns[:, 0] ** 2
    t = rng.random(rows) < 1 / (1 + np.exp(-index))
    y = t + index + rng.normal(size=rows)
    return pd.DataFrame(columns, columns=[f"z{place}" for place in range(covariates)]).assign(t=t.astype(int), y=y)


def ours(table: pd.DataFrame) -> float:
    """Seconds that the refuters add to a report."""
    names = [name for name in table if name not in ("t", "y")]
    graph = CausalGraph([*((name, end) for name in names for end in "ty"), ("t", "y")])

    def estimate(*, refute: bool) -> None:
        estimate_effect(
            graph, table, treatment="t", outcome="y", contrast=(0, 1), refute=refute, simulations=SIMULATIONS
        )

    estimate(refute=False)  # imports
    return seconds(lambda: estimate(refute=True)) - seconds(lambda: estimate(refute=False))


def dowhys(table: pd.DataFrame) -> float:
    """Seconds of DoWhy's refuters."""
    names = [name for name in table if name not in ("t", "y")]
    model = CausalModel(table.assign(t=table.t.astype(bool)), treatment="t", outcome="y", common_causes=names)
    estimand = model.identify_effect(method_name="maximal-adjustment", proceed_when_unidentifiable=True)
    estimates = [
        model.estimate_effect(estimand, method_name=f"backdoor.{name}")
        for name in ("linear_regression", "propensity_score_weighting")
    ]

    def refute() -> None:
        for estimate in estimates:
            for name, options in REFUTERS.items():
                model.refute_estimate(estimand, estimate, method_name=name, num_simulations=SIMULATIONS, **options)

    return seconds(refute)


def seconds(work: Callable[[], None]) -> float:
    """CPU seconds of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    given = list(map(int, sys.argv[1:]))
    main(*[*given, *(2_000, 10, 3)[len(given) :]])
