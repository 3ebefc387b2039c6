"""Effects of a study: estimated from the table, implied by the model, measured on its images, and the truth."""

from dataclasses import replace

from ..datasets import Dataset
from ..effects import EffectReport, Estimate, estimate_effect, implied_effect, measured_effect
from ..errors import AbductionError, DataError
from ..scm import StructuralCausalModel, attribute_model
from .measurements import MEASUREMENTS
from .queries import image_node, test_rows
from .schema import Effect, Study

__all__ = ["effect_report"]

IMPLIED_SAMPLES = 20_000


def effect_report(study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset) -> EffectReport:
    """One effect from all sources; every row of the data serves the estimators, which see no image."""
    report = estimate_effect(
        data.graph,
        data.frame(),
        treatment=effect.treatment,
        outcome=effect.outcome,
        contrast=effect.contrast,
        simulations=effect.simulations,
        seed=study.seed,
    )
    implied = implied_effect(
        attribute_model(scm),
        treatment=effect.treatment,
        outcome=effect.outcome,
        contrast=effect.contrast,
        n=IMPLIED_SAMPLES,
        seed=study.seed,
    )
    comparisons = [implied]
    if effect.outcome in study.measurements:
        try:
            comparisons.append(_measured(study, effect, scm, data))
        except (AbductionError, DataError) as error:
            report = replace(report, warnings=(*report.warnings, f"Not measured on generated images: {error}"))
    return report.compare(*comparisons, truth=_truth(effect, data))


def _measured(study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset) -> Estimate:
    """The effect read off counterfactual images of test units.

    Raises:
        DataError: The measurement does not follow the attribute on real images.
        AbductionError: The image's mechanism cannot abduct.
    """
    rows = test_rows(data, study.evaluation.rows, study.seed)
    return measured_effect(
        scm,
        image=image_node(data.graph),
        measure=MEASUREMENTS[study.measurements[effect.outcome]],
        factual=data.rows(rows),
        groups=data.group[rows],
        treatment=effect.treatment,
        outcome=effect.outcome,
        contrast=effect.contrast,
        seed=study.seed,
    )


def _truth(effect: Effect, data: Dataset) -> float | None:
    if data.truth is None:
        return None
    try:
        return data.truth.effect(effect.treatment, effect.outcome, effect.contrast)
    except DataError:
        return None
