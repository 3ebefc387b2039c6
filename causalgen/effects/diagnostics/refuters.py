"""DoWhy's refuters on an estimate and on the naive estimate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_refuter import CausalRefutation
from dowhy.causal_refuters import refute_data_subset, refute_placebo_treatment, refute_random_common_cause
from dowhy.causal_refuters.placebo_treatment_refuter import PlaceboType

from ..estimators.doubly_robust import DoublyRobust
from ..quiet import quiet_dowhy
from ..report import Refutation, Verdict
from .dummy_outcome import refute_dummy_outcome

__all__ = ["REFUTERS", "Refuter", "refute", "run_refuter"]

SIGNIFICANCE = 0.05
DOWHY_BOOTSTRAP_TEST = 100  # from this number of simulations on, DoWhy's test is two-sided; below it, one-sided


@dataclass(frozen=True)
class Refuter:
    """One of DoWhy's refuters, as text and as a function."""

    run: Callable[..., CausalRefutation]
    checks: str
    cannot_show: str
    expects_zero: bool = False


def _placebo(data: pd.DataFrame, estimand: Any, estimate: CausalEstimate, **options: Any) -> CausalRefutation:
    # DoWhy's default placebo for a float treatment has standard deviation 0: a constant. A permutation does vary.
    names = estimand.treatment_variable
    return refute_placebo_treatment(data, estimand, estimate, names, placebo_type=PlaceboType.PERMUTE, **options)


REFUTERS: dict[str, Refuter] = {
    "placebo treatment": Refuter(
        run=_placebo,
        checks="Shuffles the treatment over the rows, which cuts every effect: the estimator should then find about 0.",
        cannot_show="Confounding: shuffling cuts the confounders' influence together with the effect.",
        expects_zero=True,
    ),
    "random common cause": Refuter(
        run=refute_random_common_cause,
        checks="Adjusts for an additional random variable, unrelated to everything: the estimate should stay.",
        cannot_show="Unobserved confounding: a random variable confounds nothing.",
    ),
    "data subset": Refuter(
        run=refute_data_subset,
        checks="Estimates again on random subsets of 80 % of the rows: the estimate should stay.",
        cannot_show="Bias: a biased estimate is as stable as an unbiased one.",
    ),
    "dummy outcome": Refuter(
        run=refute_dummy_outcome,
        checks="Replaces the outcome by one that depends on the covariates in the same way and not on the treatment: "
        "the estimator should then find about 0.",
        cannot_show="Unobserved confounding: the dummy outcome depends on observed covariates only.",
        expects_zero=True,
    ),
}


def run_refuter(
    name: str, estimate: CausalEstimate, *, simulations: int = 30, seed: int = 0
) -> tuple[float, float | None]:
    """Run one of DoWhy's refuters on one of its estimates.

    Args:
        name: Key of `REFUTERS`.
        estimate: DoWhy's estimate, with its estimator and table attached.
        simulations: Number of simulated tables.
        seed: Seed of the simulations.

    Returns:
        Mean of the simulated estimates; two-sided p-value, None when they do not vary.
    """
    # An integer seed makes DoWhy's subset refuter draw the same subset every time.
    options = {"num_simulations": simulations, "random_state": np.random.RandomState(seed)}
    with quiet_dowhy():
        result = REFUTERS[name].run(estimate._data, estimate.target_estimand, estimate, **options)
    found, p_value = float(result.new_effect), float(result.refutation_result["p_value"])
    unchanged = not REFUTERS[name].expects_zero and np.isclose(found, estimate.value, rtol=1e-12, atol=0)
    if unchanged or not np.isfinite(p_value):
        return found, None
    return found, p_value if simulations >= DOWHY_BOOTSTRAP_TEST else min(1.0, 2 * p_value)


def refute(
    estimates: dict[str, CausalEstimate],
    naive: CausalEstimate,
    *,
    refuters: Sequence[str] = tuple(REFUTERS),
    simulations: int = 30,
    seed: int = 0,
) -> tuple[Refutation, ...]:
    """Run refuters on every adjusted estimate and, on the same simulated tables, on the naive one."""
    rows = []
    once = {source: _of_one_split(estimate) for source, estimate in estimates.items()}
    for name in refuters:
        refuter = REFUTERS[name]
        naive_found, naive_p = run_refuter(name, naive, simulations=simulations, seed=seed)
        for source, estimate in once.items():
            found, p_value = run_refuter(name, estimate, simulations=simulations, seed=seed)
            rows.append(
                Refutation(
                    refuter=name,
                    estimate=source,
                    expected=0.0 if refuter.expects_zero else float(estimate.value),
                    found=found,
                    p_value=p_value,
                    verdict=_verdict(p_value),
                    naive_found=naive_found,
                    naive_p_value=naive_p,
                    naive_verdict=_verdict(naive_p),
                    checks=refuter.checks,
                    cannot_show=refuter.cannot_show,
                )
            )
    return tuple(rows)


def _of_one_split(estimate: CausalEstimate) -> CausalEstimate:
    """The doubly robust estimate from one split into folds: several splits would slow every simulated table."""
    estimator = estimate.estimator
    if not isinstance(estimator, DoublyRobust) or estimator.splits(len(estimate._data)) == 1:
        return estimate
    estimator = estimator.get_new_estimator_object(estimate.target_estimand)
    estimator.most_splits = 1
    return estimator.fit(estimate._data).estimate_effect(
        estimate._data,
        control_value=estimate.control_value,
        treatment_value=estimate.treatment_value,
        target_units=estimate.estimator._target_units,
    )


def _verdict(p_value: float | None) -> Verdict:
    if p_value is None:
        return "no verdict"
    return "rejected" if p_value <= SIGNIFICANCE else "not rejected"
