"""One effect where some columns are known by proxy only: uncorrected and corrected."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from ...datasets.declared import KindsLike, declare_kinds
from ...errors import DataError, NotIdentifiableError
from ...graph import CausalGraph, Estimand, identify
from ..estimate import check_level
from ..report import EffectReport, Estimate
from ..table import check_names, numeric
from .declare import Column, check_columns
from .versions import Versions, versions

__all__ = ["estimate_with_proxies"]

LEAST_RESAMPLES = 50
PLUG_IN = "proxies as if assigned"


def estimate_with_proxies(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    columns: Sequence[Column],
    method: str | None = None,
    cluster: str | None = None,
    variables: KindsLike | None = None,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> EffectReport:
    """Estimate the average effect of do(treatment=b) against do(treatment=a) where columns are known by proxy.

    The first estimate treats the proxies as assigned values. The last one corrects it, depending on the declarations:

    - a predicted outcome: prediction-powered inference on doubly robust or g-computation scores (with clusters,
      predict-then-debias, since the library behind it does not support clusters);
    - a predicted treatment or confounder: predict-then-debias;
    - a measured outcome: its calibration line on rows with assigned values;
    - a measured treatment or confounder: regression calibration in a linear outcome model.

    Args:
        graph: The assumed causal graph. Variables with a proxy declare their kind, here or in `variables`.
        table: One row per unit; a proxied column is missing where its assigned value is unknown.
        treatment: A binary, categorical or continuous variable.
        outcome: A binary or continuous variable. A prediction of a binary one may be a label or a probability.
        contrast: (a, b), labels or natural units.
        columns: Sources of the columns; those left out are assigned.
        method: Key of `causalgen.effects.estimators.methods.METHODS`; None for doubly robust (discrete treatment) or
            g-computation (continuous). Regression calibration is always linear.
        cluster: Column that names the cluster of each row.
        variables: Kinds of columns, which override those of the graph and the rule: {"clinic": "categorical"}.
        resamples: Bootstrap resamples of regression calibration.
        level: Level of the intervals.
        seed: Seed of folds and resamples.

    Returns:
        A report without refutations; its warnings name the source of every column.

    Raises:
        DataError: The treatment is a proxy, the labelled rows are not declared random, a predictor was fitted on them,
            a measurement does not follow the assigned values, or another fault of the table or the question.
        NotIdentifiableError: The graph does not identify the effect by adjustment.
        ImportError: Prediction-powered inference without the extra `ppi`.
    """
    check_level(level)
    if resamples < LEAST_RESAMPLES:
        raise DataError(f"Expected at least {LEAST_RESAMPLES} resamples; got {resamples}.")
    graph = declare_kinds(graph, table, variables)
    check_columns(graph, table, treatment, columns)
    check_names(graph, table, treatment, outcome)
    proxies = {column.proxy for column in columns}
    attributes = graph.project([n for n in graph.nodes if not graph[n].is_image and n not in proxies])
    estimand = identify(attributes, treatment=treatment, outcome=outcome)
    if estimand.method != "backdoor":
        raise NotIdentifiableError(
            f"Expected an effect that adjustment identifies; that of '{treatment}' on '{outcome}' is identified by "
            f"{estimand.method}. Corrections for proxies exist for adjustment only."
        )
    used = _used(columns, (treatment, outcome, *estimand.adjustment))
    split = versions(attributes, table, used, estimand, contrast, cluster)
    correct = _debiased if any(column.source == "predicted" for column in used) else _calibrated
    estimates, warnings = correct(attributes, estimand, split, used, _Options(method, resamples, level, seed))
    return EffectReport(
        treatment=treatment,
        outcome=outcome,
        contrast=split.assigned.contrast,
        outcome_unit=split.assigned.outcome_unit,
        estimand=estimand,
        estimates=estimates,
        refutations=(),
        rows_used=len(split.everywhere.data),
        rows_dropped=split.dropped,
        level=level,
        seed=seed,
        warnings=(*(column.reading for column in used), *warnings),
        versions={name: version(name) for name in ("dowhy", "scikit-learn")},
        cluster=cluster,
        variables=split.assigned.variables,
    )


class _Options(NamedTuple):
    """How to estimate: method, bootstrap resamples, level, seed."""

    method: str | None
    resamples: int
    level: float
    seed: int


def _used(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    """The declarations with a proxy that the estimate needs, in the order of `names`."""
    declared = {column.name: column for column in columns if column.proxy is not None}
    used = [declared[name] for name in names if name in declared]
    if not used:
        raise DataError(
            f"Expected a measured or predicted column among {', '.join(names)}; got {', '.join(declared) or 'none'}. "
            "Ask estimate_effect, which needs no proxy."
        )
    predicted = [column.name for column in used if column.source == "predicted"]
    not_random = [column.name for column in used if not column.labelled_at_random]
    if predicted and not_random:
        raise DataError(
            f"Expected the labelled rows of {', '.join(not_random)} declared a random sample (labelled_at_random=True), "
            f"which the correction for predicted {', '.join(predicted)} rests on. Without a random sample "
            "the error of the predictions on the other rows is unknown."
        )
    return used


def _debiased(
    graph: CausalGraph,
    estimand: Estimand,
    split: Versions,
    used: Sequence[Column],
    options: _Options,
) -> tuple[tuple[Estimate, ...], tuple[str, ...]]:
    """Proxies corrected by a random sample of labelled rows."""
    from ..estimators.adjustment import interval
    from .debias import predict_then_debias
    from .prediction_powered import prediction_powered_mean
    from .scores import Scorer

    scorer = Scorer(graph, estimand, options.method, options.seed)
    everywhere, assigned = scorer(split.everywhere), scorer(split.assigned)
    labelled, clustered = split.labelled, assigned.clusters is not None
    rows = f"{labelled.sum()} labelled of {len(labelled)} rows"
    first = (
        Estimate(PLUG_IN, everywhere.effect, *everywhere.interval(options.level), "naive", scorer.name),
        Estimate(
            "labelled rows only",
            assigned.effect,
            *assigned.interval(options.level),
            "adjusted",
            f"{scorer.name}; {rows}.",
        ),
    )
    if [column.name for column in used] == [estimand.outcome] and not clustered:
        predicted = everywhere.effect + everywhere.influence
        truth = assigned.effect + assigned.influence
        numbers = prediction_powered_mean(truth, predicted[labelled], predicted[~labelled], options.level)
        note = (
            f"PPI++ on the scores of {scorer.name}; {rows}. Right whatever the predictor is, narrow where it is good."
        )
        return (*first, Estimate("prediction-powered", *numbers, "adjusted", note)), ()
    effect, error, weight = predict_then_debias(labelled, split.groups, assigned, scorer(split.proxied), everywhere)
    note = (
        f"Predict-then-debias of {scorer.name}; {rows}, weight {weight:.2f} on the proxies. Right whatever the "
        "predictors are, narrow where they are good."
    )
    ends = interval(effect, error, options.level, everywhere.freedom)
    return (*first, Estimate("predict-then-debias", effect, *ends, "adjusted", note)), ()


def _calibrated(
    graph: CausalGraph,
    estimand: Estimand,
    split: Versions,
    used: Sequence[Column],
    options: _Options,
) -> tuple[tuple[Estimate, ...], tuple[str, ...]]:
    """Measurements corrected by their calibration."""
    from ..estimators.adjustment import interval
    from .measurement import calibrated_outcome, shift_of_line
    from .scores import Scorer

    discrete = [column.name for column in used if graph[column.name].is_discrete]
    if discrete:
        raise DataError(
            f"Expected measured columns that are continuous; {', '.join(discrete)} is discrete, and a wrong label is no "
            "additive error. Declare it 'predicted', with a random sample of labelled rows."
        )
    names = [column.name for column in used]
    if names != [estimand.outcome]:
        return _regression(estimand, split, names, options)
    scorer = Scorer(graph, estimand, options.method, options.seed)
    raw = scorer(split.everywhere)
    measured, assigned, exposed = (
        split.proxied.data[estimand.outcome].to_numpy(),
        split.assigned.data[estimand.outcome].to_numpy(),
        split.assigned.data[estimand.treatment].to_numpy(),
    )
    corrected, line = calibrated_outcome(raw, measured, assigned, split.labelled, split.groups)
    note = (
        f"{scorer.name} on the measured outcome, divided by the slope of measured = {line.offset:.4g} + "
        f"{line.slope:.4g} assigned on {split.labelled.sum()} rows. Right where that line is the same at every "
        "treatment; the interval holds its uncertainty."
    )
    shift, error = shift_of_line(measured, assigned, exposed, split.groups[split.labelled])
    change = split.assigned.treated - split.assigned.control
    warnings: tuple[str, ...] = ()
    if split.assigned.kind != "categorical" and abs(shift) > norm.ppf(0.995) * error:
        warnings = (
            f"The measurement of {estimand.outcome} depends on {estimand.treatment} at the same assigned value, by "
            f"{shift * change:.3g} +- {abs(error * change):.2g} over the contrast: the corrected effect is off by about "
            f"{shift * change / line.slope:.3g}. Label a random sample and declare the column 'predicted' instead.",
        )
    ends = interval(corrected.effect, corrected.error, options.level, raw.freedom)
    return (
        Estimate(PLUG_IN, raw.effect, *raw.interval(options.level), "naive", scorer.name),
        Estimate("calibrated measurement", corrected.effect, *ends, "adjusted", note),
    ), warnings


def _regression(
    estimand: Estimand, split: Versions, names: list[str], options: _Options
) -> tuple[tuple[Estimate, ...], tuple[str, ...]]:
    """Regression calibration in a linear outcome model."""
    from ..comparisons import calibrate
    from ..estimators.adjustment import interval
    from .measurement import Regression, regression_calibration

    table, treatment, outcome = split.everywhere, estimand.treatment, estimand.outcome
    if table.kind == "categorical":
        raise DataError(
            f"Expected a binary or continuous treatment with a measured confounder; '{treatment}' is categorical. "
            "Recode it into two labels."
        )
    for name in names:
        calibrate(split.proxied.data[name].to_numpy(), split.assigned.data[name].to_numpy())
    inputs = [treatment, *(name for name in names if name not in (treatment, outcome))]
    design = np.column_stack([table.data[inputs], numeric(table.covariates.drop(columns=inputs, errors="ignore"))])
    measured = [name for name in inputs if name in names]
    regression = Regression(
        outcome=table.data[outcome].to_numpy(),
        design=design,
        measured=tuple(inputs.index(name) for name in measured),
        assigned=split.assigned.data[measured].to_numpy(),
        assigned_outcome=split.assigned.data[outcome].to_numpy() if outcome in names else None,
        labelled=split.labelled,
        groups=split.groups,
    )
    change = table.treated - table.control
    plug_in = regression._replace(measured=(), assigned=np.zeros((0, 0)), assigned_outcome=None)
    naive = regression_calibration(plug_in, change, resamples=options.resamples, seed=options.seed)
    corrected = regression_calibration(regression, change, resamples=options.resamples, seed=options.seed)
    note = (
        f"Linear adjustment with the expected assigned value of {', '.join(names)} given its measurement and the other "
        f"columns, learned on {split.labelled.sum()} rows. Right where the outcome is linear in them and the "
        "measurement errors say nothing about treatment, outcome or one another. "
        f"Interval from the standard error of a bootstrap, {options.resamples} resamples."
    )
    freedom = np.inf if table.clusters is None else float(table.clusters.max())
    ends = [interval(found.effect, found.error, options.level, freedom) for found in (naive, corrected)]
    return (
        Estimate(PLUG_IN, naive.effect, *ends[0], "naive", "Linear adjustment on the measurements."),
        Estimate("regression calibration", corrected.effect, *ends[1], "adjusted", note),
    ), ()
