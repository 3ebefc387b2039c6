"""Effects of a study: estimated from the table, doubted, implied by the model, measured on its images, and the truth."""

from dataclasses import replace
from typing import Any

import pandas as pd

from ..datasets import Dataset
from ..effects import (
    Agreement,
    EffectReport,
    Estimate,
    Images,
    agreement,
    estimate_effect,
    implied_effect,
    measured_effect,
)
from ..errors import AbductionError, DataError
from ..reports import EffectFindings
from ..scm import StructuralCausalModel, attribute_model
from .measurements import MEASUREMENTS
from .queries import image_node, test_rows
from .schema import Effect, Study

__all__ = ["effect_findings"]

IMPLIED_SAMPLES = 20_000


def effect_findings(study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset) -> EffectFindings:
    """One effect from all sources, and what puts it in doubt; the estimators see every row of the data and no image."""
    table = data.frame()
    arguments = _arguments(effect)
    report = estimate_effect(data.graph, table, **_asked(effect), **arguments, seed=study.seed)
    doubt = compared = None
    if effect.doubt:
        from ..effects.doubt import examine  # loads DoWhy, which a study without effects does not need

        doubt = examine(data.graph, table, report, negative_controls=effect.negative_controls, seed=study.seed)
        compared, report = _agreement(study, effect, scm, data, table, report)
    if compared is None:
        report = _beside(study, effect, scm, data, report)
    else:
        report = report.compare(*compared.sources[1:])
    truth = _truth(effect, data)
    report = report if truth is None else report.compare(truth=truth)
    return EffectFindings(report, doubt, compared, arguments=arguments)


def _asked(effect: Effect) -> dict[str, Any]:
    return {"treatment": effect.treatment, "outcome": effect.outcome, "contrast": effect.contrast}


def _arguments(effect: Effect) -> dict[str, Any]:
    """Further arguments of `estimate_effect`."""
    given = {"methods": effect.methods}
    return {"simulations": effect.simulations} | {name: value for name, value in given.items() if value is not None}


def _agreement(
    study: Study,
    effect: Effect,
    scm: StructuralCausalModel,
    data: Dataset,
    table: pd.DataFrame,
    report: EffectReport,
) -> tuple[Agreement | None, EffectReport]:
    """The sources compared; None with a warning in the report where they cannot be."""
    if report.estimand.method != "backdoor":
        return None, report
    try:
        return agreement(
            scm,
            table,
            **_asked(effect),
            images=_images(study, effect, data),
            margin=effect.margin,
            fitted_on=data.split["train"].tolist(),
            replicates=effect.replicates,
            seed=study.seed,
        ), report
    except (AbductionError, DataError) as error:
        return None, replace(report, warnings=(*report.warnings, f"The sources were not compared: {error}"))


def _images(study: Study, effect: Effect, data: Dataset) -> Images | None:
    """Test units whose images are measured; None for an outcome that is not."""
    if effect.outcome not in study.measurements:
        return None
    rows = test_rows(data, study.evaluation.rows, study.seed)
    measure = MEASUREMENTS[study.measurements[effect.outcome]]
    return Images(image_node(data.graph), measure, data.rows(rows), rows.tolist())


def _beside(
    study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset, report: EffectReport
) -> EffectReport:
    """The report with what the fitted model implies and what its images show, each by itself."""
    comparisons = [implied_effect(attribute_model(scm), **_asked(effect), n=IMPLIED_SAMPLES, seed=study.seed)]
    if effect.outcome in study.measurements:
        try:
            comparisons.append(_measured(study, effect, scm, data))
        except (AbductionError, DataError) as error:
            report = replace(report, warnings=(*report.warnings, f"Not measured on generated images: {error}"))
    return report.compare(*comparisons)


def _measured(study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset) -> Estimate:
    """The effect read off counterfactual images of test units.

    Raises:
        DataError: The measurement does not follow the attribute on real images.
        AbductionError: The image's mechanism cannot abduct.
    """
    images = _images(study, effect, data)
    assert images is not None
    return measured_effect(
        scm,
        image=images.name,
        measure=images.measure,
        factual=images.factual,
        groups=data.group[list(images.rows or ())],
        **_asked(effect),
        seed=study.seed,
    )


def _truth(effect: Effect, data: Dataset) -> float | None:
    if data.truth is None:
        return None
    try:
        return data.truth.effect(effect.treatment, effect.outcome, effect.contrast)
    except DataError:
        return None
