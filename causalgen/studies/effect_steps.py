"""Effects of a study: estimated from the table, checked, implied by the model, measured on its images, and the truth."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
    scored_effect,
)
from ..errors import AbductionError, DataError, SupportWarning
from ..graph import CausalGraph
from ..reports import EffectFindings
from ..scm import StructuralCausalModel, attribute_model
from .measurements import measurement_of
from .queries import image_node, test_rows
from .schema import GROUP, Effect, Study
from .scores import add_scores, reader, with_score

if TYPE_CHECKING:
    from ..effects.diagnostics import Diagnostics

__all__ = ["effect_findings"]

IMPLIED_SAMPLES = 20_000


def effect_findings(study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset) -> EffectFindings:
    """One effect from all sources, with its checks; the estimators see every row of the data and no image."""
    table = add_scores(study, data, _table(effect, data), effect.outcome)
    graph = with_score(study, data.graph, effect.outcome)
    arguments = _arguments(effect)
    report = estimate_effect(graph, table, **_asked(effect), **arguments, seed=study.seed)
    doubt = compared = None
    notes: list[str] = []
    if effect.doubt:
        doubt = _doubt(study, effect, graph, table, report, notes)
    with _support_noted(notes):
        modelled = effect.outcome in data.graph
        comparable = _whole(effect) and modelled and effect.adjustment is None
        if effect.doubt and comparable and report.estimand.method == "backdoor" and isinstance(effect.treatment, str):
            compared = _agreement(study, effect, scm, data, table, notes)
        sources = compared.sources[1:] if compared is not None else _comparisons(study, effect, scm, data, notes)
    if effect.doubt and len(effect.treatments) > 1:
        notes.append("The sources are shown and not tested against one another: that exists for one treatment.")
    if not _whole(effect):
        notes.append("The effects by model, images and generator average over all units, and are not compared.")
    report = replace(report, warnings=(*report.warnings, *dict.fromkeys(notes)))
    report = report.compare(*sources, truth=_truth(effect, data) if _whole(effect) else None)
    return EffectFindings(report, doubt, compared, table=table, arguments=arguments)


@contextmanager
def _support_noted(notes: list[str]) -> Iterator[None]:
    """Note in the report, instead of the terminal, which images are extrapolated."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SupportWarning)
        yield
    for warning in caught:
        if issubclass(warning.category, SupportWarning):
            notes.append(str(warning.message).partition(" They are flagged")[0])  # only for users of the Python API
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _asked(effect: Effect) -> dict[str, Any]:
    return {"treatment": effect.treatment, "outcome": effect.outcome, "contrast": effect.contrast}


def _arguments(effect: Effect) -> dict[str, Any]:
    """Further arguments of `estimate_effect`."""
    words = ("methods", "cluster", "weights", "adjustment", "instrument")
    given = {word: getattr(effect, word) for word in words}
    asked: dict[str, Any] = {"simulations": effect.simulations, "population": effect.population}
    asked |= {"interval": effect.interval, "resamples": effect.resamples, "level": effect.level}
    return asked | {name: value for name, value in given.items() if value is not None}


def _table(effect: Effect, data: Dataset) -> pd.DataFrame:
    """All rows, with the data set's groups where they are the clusters."""
    table = data.frame()
    if effect.cluster == GROUP and GROUP not in table:
        table[GROUP] = data.group.numpy()
    return table


def _whole(effect: Effect) -> bool:
    """Whether the effect averages over the units as they are, as model and images do."""
    return effect.population == "whole" and effect.weights is None


def _doubt(
    study: Study, effect: Effect, graph: CausalGraph, table: pd.DataFrame, report: EffectReport, notes: list[str]
) -> "Diagnostics | None":
    """The checks of the report; None with a note where they cannot be made."""
    from ..effects.diagnostics import examine  # loads DoWhy, which a study without effects does not need

    try:
        return examine(graph, table, report, negative_controls=effect.negative_controls, seed=study.seed)
    except DataError as error:
        notes.append(f"Not checked further: {error}")
        return None


def _agreement(
    study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset, table: pd.DataFrame, notes: list[str]
) -> Agreement | None:
    """The comparison of the sources; None with a note where they cannot be compared."""
    try:
        return agreement(
            scm,
            table,
            **_asked(effect),
            images=_images(study, effect, data),
            margin=effect.margin,
            cluster=effect.cluster,
            fitted_on=data.split["train"].tolist(),
            replicates=effect.replicates,
            seed=study.seed,
        )
    except (AbductionError, DataError) as error:
        notes.append(f"The sources were not compared: {error}")
        return None


def _images(study: Study, effect: Effect, data: Dataset) -> Images | None:
    """Test units whose images are measured; None for an outcome that is not measured."""
    if effect.outcome not in study.measurements:
        return None
    rows = test_rows(data, study.evaluation.rows, study.seed)
    measure = measurement_of(study, effect.outcome)
    return Images(image_node(data.graph), measure, data.rows(rows), rows.tolist())


def _comparisons(
    study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset, notes: list[str]
) -> list[Estimate]:
    """The effect that the fitted model implies and the one that its images show, each separately."""
    if effect.outcome in study.scores:
        return _scored(study, effect, scm, data, notes)
    comparisons = [implied_effect(attribute_model(scm), **_asked(effect), n=IMPLIED_SAMPLES, seed=study.seed)]
    if effect.outcome in study.measurements:
        try:
            comparisons.append(_measured(study, effect, scm, data))
        except (AbductionError, DataError) as error:
            notes.append(f"Not measured on generated images: {error}")
    return comparisons


def _scored(
    study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset, notes: list[str]
) -> list[Estimate]:
    """The effect on a score, read from counterfactual images of test units."""
    rows = test_rows(data, study.evaluation.rows, study.seed)
    try:
        found = scored_effect(
            scm,
            image=study.scores[effect.outcome].image or image_node(data.graph),
            score=reader(study, effect.outcome),
            factual=data.rows(rows),
            treatment=effect.treatment,
            contrast=effect.contrast,
            groups=data.groups(rows),
            seed=study.seed,
        )
    except (AbductionError, DataError) as error:
        notes.append(f"Not read from generated images: {error}")
        return []
    return [found]


def _measured(study: Study, effect: Effect, scm: StructuralCausalModel, data: Dataset) -> Estimate:
    """The effect measured on counterfactual images of test units.

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
        groups=data.groups(images.rows),
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
