"""An effect with columns that are observed only through a proxy, uncorrected and corrected."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple, Unpack

import numpy as np
import pandas as pd
from scipy.stats import norm

from ...datasets.declared import type_columns
from ...errors import DataError
from ...graph import GraphLike, as_graph
from ...graph.notation import spell_number
from ..adjusted import adjusted
from ..question import ContrastWords, EffectQuestion
from ..report import EffectReport, Estimate
from ..settings import check_level
from ..table import EncodedTable, numeric
from .declare import Column, check_columns
from .versions import Versions, versions

if TYPE_CHECKING:
    from ..estimators.adjustment import Influence, Stated

__all__ = ["estimate_with_proxies"]

LEAST_RESAMPLES = 50  # for a standard error; the ends of a percentile interval need more
PLUG_IN = "proxies as if assigned"


def estimate_with_proxies(
    graph: GraphLike,
    table: pd.DataFrame,
    *,
    columns: Sequence[Column],
    method: str | None = None,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
    **question: Unpack[ContrastWords],
) -> EffectReport:
    """Estimate the average effect of do(treatment=b) against do(treatment=a) where columns are known by proxy.

    The first estimate treats the proxies as assigned values. The last one corrects it, depending on the declarations:

    - a predicted outcome: prediction-powered inference on doubly robust or g-computation scores (with clusters,
      predict-then-debias, since the library behind it does not support clusters);
    - a predicted treatment or confounder: predict-then-debias;
    - a measured outcome: its calibration line on rows with assigned values;
    - a measured treatment or confounder: regression calibration in a linear outcome model.

    Args:
        graph: The assumed causal graph.
        table: One row per unit; a proxied column is missing where its assigned value is unknown.
        columns: Sources of the columns; those left out are assigned.
        method: Key of `causalgen.effects.estimators.methods.METHODS`; None for doubly robust (discrete treatment) or
            g-computation (continuous). Regression calibration is always linear.
        resamples: Bootstrap resamples of regression calibration.
        level: Level of the intervals.
        seed: Seed of folds and resamples.
        question: As in `estimate_effect`: treatment, outcome, contrast, adjustment, cluster, variables. A prediction of
            a binary outcome may be a label or a probability.

    Returns:
        A report without refutations; its warnings name the source of every column.

    Raises:
        DataError: The treatment is a proxy, the labelled rows are not declared random, a predictor was fitted on them,
            a measurement does not follow the assigned values, or another fault of the table or the question.
        NotIdentifiableError: The graph does not identify the effect by adjustment.
        ImportError: Prediction-powered inference without the extra `ppi`.
    """
    graph = as_graph(graph)
    check_level(level)
    if resamples < LEAST_RESAMPLES:
        raise DataError(f"Expected at least {LEAST_RESAMPLES} resamples; got {resamples}.")
    asked = EffectQuestion(graph, table, **question)
    if asked.survival is not None:
        raise DataError(f"Expected an outcome without censoring for columns known by proxy; got '{asked.outcome}'.")
    check_columns(graph, asked, columns)
    if asked.weights is not None:
        raise DataError(
            f"Expected no sampling weights with proxies, whose corrections count every row alike; got '{asked.weights}'."
        )
    if asked.missing != "drop":
        raise DataError(
            f"Expected missing='drop' with proxies, which already stand for missing values; got {asked.missing!r}."
        )
    proxies = {column.proxy: column.name for column in columns if column.proxy is not None}
    attributes = asked.graph.project([name for name in asked.graph.nodes if name not in proxies])
    asked = replace(asked, graph=type_columns(attributes, table, proxies.values())[0])
    estimand = adjusted(asked.estimand)
    used = _used(columns, (str(asked.treatment), asked.outcome, *estimand.adjustment))
    task = _Task(asked, versions(asked, used), tuple(column.name for column in used), method, resamples, level, seed)
    correct = _debiased if any(column.source == "predicted" for column in used) else _calibrated
    estimates, warnings = correct(task)
    assigned = task.split.assigned
    return EffectReport(
        treatment=asked.treatment,
        outcome=asked.outcome,
        contrast=assigned.contrast,
        outcome_unit=assigned.outcome_unit,
        estimand=estimand,
        estimates=estimates,
        refutations=(),
        rows_used=len(task.split.labelled),
        rows_dropped=task.split.dropped,
        level=level,
        seed=seed,
        warnings=(*(column.reading for column in used), *warnings),
        versions={name: version(name) for name in ("dowhy", "scikit-learn")},
        cluster=asked.cluster,
        variables=assigned.variables,
    )


class _Corrected(NamedTuple):
    """Uncorrected and corrected estimates, with warnings."""

    estimates: tuple[Estimate, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Task:
    """Input of a correction."""

    question: EffectQuestion
    split: Versions
    names: tuple[str, ...]
    method: str | None
    resamples: int
    level: float
    seed: int

    @property
    def method_name(self) -> str:
        from ..row_influences import DEFAULT_METHOD

        return self.method or DEFAULT_METHOD[self.split.assigned.kind]

    def score(self, table: EncodedTable) -> "Influence":
        """Effect and row influences on one version of the table."""
        from ..row_influences import row_influences

        return row_influences(self.question, table, self.method_name, self.seed)

    def naive(self, found: "Influence | Stated", note: str) -> Estimate:
        """The estimate that treats proxies as assigned values."""
        return replace(self.corrected(PLUG_IN, found, note), kind="naive")

    def corrected(self, source: str, found: "Influence | Stated", note: str) -> Estimate:
        """An estimate with its interval; clusters count as often as they occur in the table."""
        from ..estimators.adjustment import interval

        clusters = self.split.everywhere.clusters
        freedom = getattr(found, "freedom", np.inf if clusters is None else float(clusters.max()))
        ends = interval(found.effect, found.standard_error, self.level, freedom)
        return Estimate(source, found.effect, *ends, "adjusted", note)


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
            f"Expected the labelled rows of {', '.join(not_random)} declared a random sample, which the correction "
            f"for predicted {', '.join(predicted)} rests on. Without a random sample the error of the predictions on the "
            "other rows is unknown. If they are one, declare it: labelled_at_random=True in Python, "
            "--labelled-at-random on the "
            "command line, `labelled_at_random: true` in a study."
        )
    return used


def _debiased(task: _Task) -> _Corrected:
    """Proxies corrected by a random sample of labelled rows."""
    from .debias import predict_then_debias
    from .prediction_powered import prediction_powered_mean

    split, labelled, name = task.split, task.split.labelled, task.method_name
    everywhere, assigned = task.score(split.everywhere), task.score(split.assigned)
    rows = f"{labelled.sum()} labelled of {len(labelled)} rows"
    first = (
        task.naive(everywhere, name),
        task.corrected("labelled rows only", assigned, f"{name}; {rows}."),
    )
    if task.names == (task.question.outcome,) and assigned.clusters is None:
        predicted = everywhere.effect + everywhere.influence
        truth = assigned.effect + assigned.influence
        numbers = prediction_powered_mean(truth, predicted[labelled], predicted[~labelled], task.level)
        note = (
            f"PPI++ on the scores of {name}; {rows}. It is right whatever the predictor is, and narrow if the "
            "predictor is good."
        )
        return _Corrected((*first, Estimate("prediction-powered", *numbers, "adjusted", note)))
    found, weight = predict_then_debias(labelled, split.groups, assigned, task.score(split.proxied), everywhere)
    note = (
        f"Predict-then-debias of {name}; {rows}, weight {weight:.2f} on the proxies. It is right whatever the "
        "predictors are, and narrow if they are good."
    )
    return _Corrected((*first, task.corrected("predict-then-debias", found, note)))


def _calibrated(task: _Task) -> _Corrected:
    """Measurements corrected by their calibration."""
    from .measurement import calibrated_outcome, shift_of_line

    question, split, name = task.question, task.split, task.method_name
    discrete = [column for column in task.names if question.graph[column].is_discrete]
    if discrete:
        raise DataError(
            f"Expected measured columns that are continuous; {', '.join(discrete)} is discrete, and a wrong label is "
            "not an additive error. Declare it 'predicted', with a random sample of labelled rows."
        )
    if task.names != (question.outcome,):
        return _regression(task)
    raw = task.score(split.everywhere)
    measured = split.proxied.data[question.outcome].to_numpy()
    exposed, assigned = split.assigned.data[list(split.assigned.names)].to_numpy().T
    corrected, line = calibrated_outcome(raw, measured, assigned, split.labelled, split.groups)
    note = (
        f"{name} on the measured outcome, divided by the slope of measured = {spell_number(line.offset)} + "
        f"{spell_number(line.slope)} assigned on {split.labelled.sum()} rows. It is right if that line is the same at "
        "every treatment; the interval includes its uncertainty."
    )
    shift, error = shift_of_line(measured, assigned, exposed, split.groups[split.labelled])
    change = split.assigned.treated - split.assigned.control
    warnings: tuple[str, ...] = ()
    if split.assigned.kind != "categorical" and abs(shift) > norm.ppf(0.995) * error:
        warnings = (
            f"The measurement of {question.outcome} depends on {question.treatment} at the same assigned value, by "
            f"{shift * change:.3g} +- {abs(error * change):.2g} over the contrast: the corrected effect is off by about "
            f"{shift * change / line.slope:.3g}. Label a random sample and declare the column 'predicted' instead.",
        )
    return _Corrected((task.naive(raw, name), task.corrected("calibrated measurement", corrected, note)), warnings)


def _regression(task: _Task) -> _Corrected:
    """Regression calibration in a linear outcome model."""
    from ..correction import calibrate
    from .measurement import Regression, regression_calibration

    split, table, names = task.split, task.split.everywhere, task.names
    treatment, outcome = table.names
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
    naive, corrected = (
        regression_calibration(one, change, resamples=task.resamples, seed=task.seed) for one in (plug_in, regression)
    )
    note = (
        f"Linear adjustment with the expected assigned value of {', '.join(names)} given its measurement and the other "
        f"columns, learned on {split.labelled.sum()} rows. It is right if the outcome is linear in them and the "
        "measurement errors are independent of treatment, outcome and one another. Interval from the standard error "
        f"of a bootstrap, {task.resamples} resamples."
    )
    return _Corrected(
        (
            task.naive(naive, "Linear adjustment on the measurements."),
            task.corrected("regression calibration", corrected, note),
        )
    )
