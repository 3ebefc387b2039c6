"""DoWhy's refuters on an estimate and on the naive estimate beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_refuter import CausalRefutation, test_significance
from dowhy.causal_refuters import refute_data_subset, refute_placebo_treatment, refute_random_common_cause
from dowhy.causal_refuters.placebo_treatment_refuter import PlaceboType
from sklearn.ensemble import HistGradientBoostingRegressor

from ..quiet import quiet_dowhy
from ..report import Refutation, Verdict
from ..table import CLUSTER, WEIGHTS, numeric

__all__ = ["REFUTERS", "Refuter", "refute", "run_refuter"]

SIGNIFICANCE = 0.05
DOWHY_BOOTSTRAP_TEST = 100  # from so many simulations on, DoWhy's test is two-sided; below it is one-sided


@dataclass(frozen=True)
class Refuter:
    """One of DoWhy's refuters, in words and as a function."""

    run: Callable[..., CausalRefutation]
    checks: str
    cannot_show: str
    expects_zero: bool = False


def _placebo(data: pd.DataFrame, estimand: Any, estimate: CausalEstimate, **options: Any) -> CausalRefutation:
    # DoWhy's default placebo for a float treatment has standard deviation 0: a constant. A permutation does vary.
    names = estimand.treatment_variable
    return refute_placebo_treatment(data, estimand, estimate, names, placebo_type=PlaceboType.PERMUTE, **options)


def _dummy_outcome(
    data: pd.DataFrame,
    estimand: Any,
    estimate: CausalEstimate,
    *,
    num_simulations: int,
    random_state: np.random.RandomState,
) -> CausalRefutation:
    """Replace the outcome by f(covariates) + noise, on which the treatment has no effect.

    DoWhy's own refuter cannot do this: it groups the rows by treatment to fit f, which fails on a float treatment, and
    its noise leaves the range of a bounded outcome. So the outcome is simulated here and refitted as DoWhy does it.
    An instrument and the mediators of a front door are no covariates: an outcome that listens to them has an effect.
    """
    (outcome,), (treatment,) = estimand.outcome_variable, estimand.treatment_variable
    observed = data[outcome].to_numpy(dtype=float)
    beside = [*(estimand.instrumental_variables or ()), *(estimand.frontdoor_variables or ())]
    covariates = data.drop(columns=[treatment, outcome, CLUSTER, WEIGHTS, *beside], errors="ignore")
    expected = _from_covariates(numeric(covariates), observed)
    found = []
    for _ in range(num_simulations):
        dummy = _draw(expected, observed, random_state)
        changed = data.assign(**{outcome: dummy})
        estimator = estimate.estimator.get_new_estimator_object(estimand)
        estimator.fit(changed, effect_modifier_names=estimate.estimator._effect_modifier_names)
        contrast = {"control_value": estimate.control_value, "treatment_value": estimate.treatment_value}
        found.append(
            estimator.estimate_effect(changed, **contrast, target_units=estimate.estimator._target_units).value
        )
    result = CausalRefutation(0.0, float(np.mean(found)), refutation_type="Refute: Use a Dummy Outcome")
    result.add_significance_test_results(test_significance(_Zero, np.asarray(found)))
    return result


class _Zero:
    """The effect that a dummy outcome has, in the form that DoWhy's test reads."""

    value = 0.0


def _from_covariates(columns: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """The outcome as boosted trees predict it without the treatment: of another form than any estimator's model."""
    if not columns.shape[1]:
        return np.full(len(outcome), outcome.mean())
    leaf = max(20, len(outcome) // 50)
    model = HistGradientBoostingRegressor(
        max_iter=50, max_leaf_nodes=8, min_samples_leaf=leaf, early_stopping=False, random_state=0
    )
    return model.fit(columns, outcome).predict(columns)


def _draw(expected: np.ndarray, observed: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Coins for an outcome of two values, else expectation plus shuffled residuals inside the observed range."""
    low, high = observed.min(), observed.max()
    if np.isin(observed, [low, high]).all():
        return np.where(random.uniform(low, high, len(expected)) < expected, high, low)
    return np.clip(expected + random.permutation(observed - expected), low, high)


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
        run=_dummy_outcome,
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
    for name in refuters:
        refuter = REFUTERS[name]
        naive_found, naive_p = run_refuter(name, naive, simulations=simulations, seed=seed)
        for source, estimate in estimates.items():
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


def _verdict(p_value: float | None) -> Verdict:
    if p_value is None:
        return "no verdict"
    return "rejected" if p_value <= SIGNIFICANCE else "not rejected"
