"""Effects that are known, method by method: the figures of `tests/effects/test_known_effects.py` as one table.

Run with the environment variable CAUSALGEN_DATA set to the folder of the real data sets:

    python tests/timings/bench_known_effects.py
"""

import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from effects.known import Known, ihdp, lalonde, lalonde_observational, nhefs, twins

from causalgen.effects import EffectReport, estimate_effect

METHODS = ["linear adjustment", "weighting", "matching", "doubly robust"]


def main() -> None:
    """Print the tables."""
    data = Path(os.environ["CAUSALGEN_DATA"])
    show_ihdp(data)
    print(f"\n{'sample':28} {'rows':>6} {'estimator':36} {'population':10} {'estimate':>10} {'low':>10} {'high':>10} "
          f"{'known':>9} {'difference':>10}")  # fmt: skip
    for known in (lalonde(data), nhefs(data), twins(data)):
        show(
            known,
            estimate(known, METHODS if known.name != "Twins" else ["linear adjustment", "weighting", "doubly robust"]),
        )
    for controls in ("psid_controls.csv", "cps_controls.csv.gz"):
        known = lalonde_observational(data, controls)
        show(known, estimate(known, METHODS, population="treated"))


def estimate(known: Known, methods: list[str], population: str = "whole") -> EffectReport:
    """The report without refuters."""
    return estimate_effect(
        known.graph, known.table, **known.question, methods=methods, population=population, refute=False
    )


def show(known: Known, report: EffectReport) -> None:
    """Print one row per estimate."""
    for row in report.estimates:
        print(f"{known.name:28} {report.rows_used:6} {row.source:36} {row.population:10} {row.value:10.4g} "
              f"{row.low:10.4g} {row.high:10.4g} {known.effect:9.4g} {row.value - known.effect:10.3g}")  # fmt: skip


def show_ihdp(data: Path) -> None:
    """Print the ten replications' errors, coverage and widths."""
    tables = [ihdp(data, replication) for replication in range(1, 11)]
    reports = [estimate(known, METHODS) for known in tables]
    print(f"{'IHDP 1-10':28} {'mean |error|':>12} {'covered':>8} {'mean width':>10}")
    for source in ["naive", *METHODS]:
        rows = [(report[source], known.effect) for report, known in zip(reports, tables, strict=True)]
        errors = [abs(row.value - truth) for row, truth in rows]
        covered = sum(bool(row.covers(truth)) for row, truth in rows)
        width = np.mean([row.high - row.low for row, _ in rows])
        print(f"{source:28} {np.mean(errors):12.3f} {covered:6}/10 {width:10.3f}")


if __name__ == "__main__":
    main()
