"""A table of a million rows and 20 covariates: linear, Hajek weighting and doubly robust ATE, beside plain DoWhy.

Each side runs in a process of its own, so that its peak memory is its own:

    python tests/timings/bench_effects.py [rows] [covariates]
"""

import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

EFFECT = 1.0
METHODS = ["linear adjustment", "weighting", "doubly robust"]


def main(arguments: list[str]) -> None:
    """Run both sides, or the one that is named."""
    rows, covariates = int(arguments[0]) if arguments else 1_000_000, int(arguments[1]) if arguments[1:] else 20
    if arguments[2:]:
        {"causalgen": ours, "dowhy": plain_dowhy}[arguments[2]](rows, covariates)
        return
    print(f"{rows} rows, {covariates} covariates, true effect {EFFECT}")
    seconds = {}
    for side in ("causalgen", "dowhy"):
        command = [sys.executable, __file__, str(rows), str(covariates), side]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds[side] = float(told.splitlines()[-1].split()[1])
        print(told, end="")
    print(f"ratio causalgen / dowhy: {seconds['causalgen'] / seconds['dowhy']:.2f}")


def table(rows: int, covariates: int) -> pd.DataFrame:
    """Half of the covariates are binary; all confound, two of them not linearly."""
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(rows, covariates))
    columns[:, covariates // 2 :] = columns[:, covariates // 2 :] > 0.5
    index = columns @ np.linspace(-0.3, 0.3, covariates) + 0.2 * columns[:, 0] ** 2
    t = (rng.random(rows) < 1 / (1 + np.exp(-index))).astype(float)
    y = EFFECT * t + index + 0.3 * np.sin(2 * columns[:, 1]) + rng.normal(size=rows)
    return pd.DataFrame(columns, columns=[f"z{i}" for i in range(covariates)]).assign(t=t, y=y)


def ours(rows: int, covariates: int) -> None:
    """Linear adjustment, Hajek weighting and doubly robust estimation, with influence-function intervals."""
    from causalgen.effects import estimate_effect
    from causalgen.graph import CausalGraph

    data = table(rows, covariates)
    names = [name for name in data if name not in ("t", "y")]
    graph = CausalGraph([*((name, end) for name in names for end in "ty"), ("t", "y")])
    estimate_effect(graph, data.head(2_000), treatment="t", outcome="y", contrast=(0, 1), refute=False)  # imports
    start = time.perf_counter()
    report = estimate_effect(
        graph, data, treatment="t", outcome="y", contrast=(0, 1), methods=METHODS, refute=False
    )  # fmt: skip
    seconds = time.perf_counter() - start
    for row in report.estimates:
        print(f"  {row}")
    tell("causalgen", seconds)


def plain_dowhy(rows: int, covariates: int) -> None:
    """DoWhy's linear regression and propensity score weighting (normalised), with DoWhy's own intervals where quick."""
    import logging

    from dowhy import CausalModel

    logging.getLogger("dowhy").setLevel(logging.CRITICAL)
    data = table(rows, covariates)
    names = [name for name in data if name not in ("t", "y")]
    start = time.perf_counter()
    model = CausalModel(data, treatment="t", outcome="y", common_causes=names)
    estimand = model.identify_effect(method_name="maximal-adjustment", proceed_when_unidentifiable=True)
    linear = model.estimate_effect(estimand, method_name="backdoor.linear_regression")
    data["t"] = data["t"].astype(bool)
    model = CausalModel(data, treatment="t", outcome="y", common_causes=names)
    estimand = model.identify_effect(method_name="maximal-adjustment", proceed_when_unidentifiable=True)
    weighted = model.estimate_effect(
        estimand,
        method_name="backdoor.propensity_score_weighting",
        method_params={"weighting_scheme": "ips_normalized_weight"},
    )
    seconds = time.perf_counter() - start
    print(f"  linear regression: {linear.value:.4f}; normalised weighting: {weighted.value:.4f}; no intervals")
    tell("dowhy", seconds)


def tell(side: str, seconds: float) -> None:
    """Print seconds and peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{side} {seconds:.1f} s, peak {peak:.2f} GB")


if __name__ == "__main__":
    main(sys.argv[1:])
