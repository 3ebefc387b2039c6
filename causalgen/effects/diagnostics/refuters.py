"""DoWhy's refuters on an estimate and on the naive estimate."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_refuter import CausalRefutation
from dowhy.causal_refuters import refute_data_subset, refute_placebo_treatment, refute_random_common_cause
from dowhy.causal_refuters.placebo_treatment_refuter import PlaceboType

from ..estimators.adjustment import AdjustmentEstimator
from ..estimators.first_fit import FirstFit
from ..quiet import quiet_dowhy
from ..report import Refutation, Verdict
from .dummy_outcome import expected_outcome, refute_dummy_outcome

__all__ = ["PRACTICAL", "REFUTERS", "Refuter", "refute", "run_refuter"]

SIGNIFICANCE = 0.05
PRACTICAL = 0.25
"""Least shift that counts, in standard errors of the estimate: a bias of that size costs a 95 % interval 0.7 points of
its coverage."""
DOWHY_BOOTSTRAP_TEST = 100  # from this number of simulations on, DoWhy's test is two-sided; below it, one-sided


@dataclass(frozen=True)
class Refuter:
    """One of DoWhy's refuters, as text and as a function.

    Attributes:
        run: The function.
        checks: What it checks, as text.
        cannot_show: What it cannot show, as text.
        anew: What its tables keep of the first fit if they have another treatment or outcome; the effect is then 0.
    """

    run: Callable[..., CausalRefutation]
    checks: str
    cannot_show: str
    anew: Callable[[FirstFit], FirstFit] | None = None

    @property
    def expects_zero(self) -> bool:
        """Whether the simulated tables contain no effect; otherwise the estimate should not change."""
        return self.anew is not None


def _placebo(data: pd.DataFrame, estimand: Any, estimate: CausalEstimate, **options: Any) -> CausalRefutation:
    # DoWhy's default placebo for a float treatment has standard deviation 0: a constant. A permutation does vary.
    names = estimand.treatment_variable
    return refute_placebo_treatment(data, estimand, estimate, names, placebo_type=PlaceboType.PERMUTE, **options)


REFUTERS: dict[str, Refuter] = {
    "placebo treatment": Refuter(
        run=_placebo,
        checks="Shuffles the treatment over the rows, which removes every effect: the estimator should then find about 0.",
        cannot_show="Confounding: shuffling removes the influence of confounders together with the effect.",
        anew=lambda first: replace(first, penalties={}, starts={}, folds=None, keeps_folds=False),
    ),
    "random common cause": Refuter(
        run=refute_random_common_cause,
        checks="Adjusts for an additional random variable, unrelated to everything: the estimate should not change.",
        cannot_show="Unobserved confounding: a random variable confounds nothing.",
    ),
    "data subset": Refuter(
        run=refute_data_subset,
        checks="Repeats the estimate on random subsets of 80 % of the rows: the estimate should not change.",
        cannot_show="Bias: a biased estimate is as stable as an unbiased one.",
    ),
    "dummy outcome": Refuter(
        run=refute_dummy_outcome,
        checks="Replaces the outcome by one that depends on the covariates in the same way and not on the treatment: "
        "the estimator should then find about 0.",
        cannot_show="Unobserved confounding: the dummy outcome depends on observed covariates only.",
        anew=lambda first: replace(first, penalties={}, starts={}, propensities={}),
    ),
}


def run_refuter(
    name: str, estimate: CausalEstimate, *, simulations: int = 30, seed: int = 0, **more: Any
) -> tuple[float, float | None]:
    """Run one of DoWhy's refuters on one of its estimates.

    Args:
        name: Key of `REFUTERS`.
        estimate: DoWhy's estimate, with its estimator and table attached.
        simulations: Number of simulated tables.
        seed: Seed of the simulations.
        more: What the estimates of a table share, such as the dummy outcome's expectation.

    The simulated tables are estimated like the table itself: with its basis and, if treatment and outcome are
    unchanged, with its folds and the penalties of its models. Otherwise the first simulated table chooses the penalties
    for all. A doubly robust estimate is compared with that of a single split into folds.

    Returns:
        Mean of the simulated estimates; two-sided p-value, None when they do not vary.
    """
    estimate = _kept(estimate)
    if (anew := REFUTERS[name].anew) is not None:
        estimate = _chosen_anew(estimate, anew)
    # An integer seed makes DoWhy's subset refuter draw the same subset every time.
    options = {"num_simulations": simulations, "random_state": np.random.RandomState(seed), **more}
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
    """Run refuters on every adjusted estimate and, on the same simulated tables, on the naive one.

    An estimate is rejected where the p-value is at most 0.05 and the shift, from what is expected to the mean of the
    simulated estimates, exceeds a quarter of the estimate's standard error. The simulated estimates of a refuter that
    changes little vary little: without the second condition a shift far inside the interval would be rejected. An
    estimate without a standard error is judged by the p-value alone.
    """
    rows = []
    naive, once = _kept(naive), {source: _kept(estimate) for source, estimate in estimates.items()}
    for name in refuters:
        refuter = REFUTERS[name]
        more = {"expected": expected_outcome(naive._data, naive.target_estimand)} if name == "dummy outcome" else {}
        naive_found, naive_p = run_refuter(name, naive, simulations=simulations, seed=seed, **more)
        naive_expected = 0.0 if refuter.expects_zero else float(naive.value)
        for source, estimate in once.items():
            found, p_value = run_refuter(name, estimate, simulations=simulations, seed=seed, **more)
            expected = 0.0 if refuter.expects_zero else float(estimate.value)
            rows.append(
                Refutation(
                    refuter=name,
                    estimate=source,
                    expected=expected,
                    found=found,
                    p_value=p_value,
                    verdict=_verdict(p_value, found - expected, estimate),
                    naive_found=naive_found,
                    naive_p_value=naive_p,
                    naive_verdict=_verdict(naive_p, naive_found - naive_expected, naive),
                    checks=refuter.checks,
                    cannot_show=refuter.cannot_show,
                )
            )
    return tuple(rows)


def _kept(estimate: CausalEstimate) -> CausalEstimate:
    """Repeat the estimate so that refits keep its basis, folds and penalties.

    The doubly robust one comes from a single split into folds: several would slow every simulated table.
    """
    estimator = estimate.estimator
    if not isinstance(estimator, AdjustmentEstimator) or estimator.kept is not None:
        return estimate
    data = estimate._data.reset_index(drop=True)  # a unique index, by which folds are assigned
    again = estimator.keep(FirstFit()).fit(data)
    return again.estimate_effect(
        data,
        control_value=estimate.control_value,
        treatment_value=estimate.treatment_value,
        target_units=estimate.estimator._target_units,
    )


def _chosen_anew(estimate: CausalEstimate, first: Callable[[FirstFit], FirstFit]) -> CausalEstimate:
    """An estimate whose first simulated refit chooses again what does not fit another treatment or outcome."""
    estimator = estimate.estimator
    if not isinstance(estimator, AdjustmentEstimator) or estimator.kept is None:
        return estimate
    changed = copy(estimate)
    changed.add_estimator(estimator.keep(first(estimator.kept)))
    return changed


def _verdict(p_value: float | None, shift: float, estimate: CausalEstimate) -> Verdict:
    if p_value is None:
        return "no verdict"
    error = estimate.estimator.found.standard_error if isinstance(estimate.estimator, AdjustmentEstimator) else 0.0
    matters = not abs(shift) <= PRACTICAL * error  # with an error of NaN, the p-value decides alone
    return "rejected" if p_value <= SIGNIFICANCE and matters else "not rejected"
