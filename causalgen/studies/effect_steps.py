"""Effects of a study: estimated from the table, checked, implied by the model, measured on its images, and the truth."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..effects import (
    Agreement,
    EffectReport,
    Estimate,
    Images,
    agreement,
    estimate_effect,
    implied_effect,
    label_outcome,
    measured_effect,
    scored_effect,
)
from ..effects.concerns import Check, Subject, remark
from ..errors import AbductionError, DataError, SupportWarning
from ..grammar.outcome_labels import find_outcome_labels
from ..reports import EffectFindings
from ..scm import attribute_model
from ..scm.label_model import label_model
from .data_section import Source
from .further_steps import further_answers, study_rows
from .image_readers import ImageReaders
from .model_on_data import ModelOnData
from .study_sections import Effect

if TYPE_CHECKING:
    from ..effects.diagnostics import Diagnostics

__all__ = ["effect_findings"]

IMPLIED_SAMPLES = 20_000


def effect_findings(
    effect: Effect, model: ModelOnData, readers: ImageReaders, rows: int, source: Source | None = None
) -> EffectFindings:
    """One effect from all sources, with its checks; the estimators see every row of the data and no image.

    Args:
        effect: The effect.
        model: The fitted model and its data.
        readers: Measurements and scores, which may be its outcome.
        rows: Maximum number of test units whose images are read.
        source: The data of the study, whose own table has the rows with missing values; None for those of the model alone.
    """
    return _Sources(effect, model, readers, rows, source).findings()


class _Sources:
    """The evidence of the table, the fitted model, its images and the generator about one effect."""

    def __init__(
        self, effect: Effect, model: ModelOnData, readers: ImageReaders, rows: int, source: Source | None
    ) -> None:
        self.source = source
        self.label = find_outcome_labels(model.graph, effect.outcome)
        self.asked = effect.outcome
        every = None if source is None else study_rows(effect, source)
        if self.label is not None:
            every = None if every is None else label_outcome(model.graph, every, effect.outcome)[1]
            effect = effect.model_copy(update={"outcome": self.label.name})
        self.every, self.effect, self.model, self.readers = every, effect, model, readers
        self.scm, self.data, self.seed = model.scm, model.data, model.seed
        self.score = None if effect.outcome in model.graph else readers.scores.get(effect.outcome)
        self.measure = None if self.label else readers.measurements.get(effect.outcome)
        self.graph = readers.graph_with(self.asked, model.graph)
        self.question: dict[str, Any] = {
            "treatment": effect.treatment,
            "outcome": effect.outcome,
            "contrast": effect.contrast,
        }
        self.whole = effect.population == "whole" and effect.weights is None
        """Whether the effect averages over the units as they are, as model and images do."""
        self.rows = rows
        self.warnings: list[str] = []
        self.remarks: list[Check] = []

    def findings(self) -> EffectFindings:
        """The report with all its sources and checks."""
        effect, arguments = self.effect, _arguments(self.effect)
        report = estimate_effect(self.graph, self.table, **self.question, **arguments, seed=self.seed)
        doubt = self.examined(report) if effect.doubt else None
        with self.support_noted():
            compared = self.agreement() if effect.doubt and self.comparable(report) else None
            sources = self.comparisons() if compared is None else compared.sources[1:]
        if effect.event is not None:
            self.remark("The model and its images have observed times, which censoring shortens, and are not compared.")
        if effect.doubt and self.label is not None:
            self.remark("Table and model are shown but not tested against one another, since the outcome is a label.")
        if effect.doubt and len(effect.treatments) > 1:
            self.remark(
                "The sources are shown but not tested against one another, since the test exists for one "
                "treatment only."
            )
        if not self.whole:
            self.remark("The effects by model, images and generator average over all units, and are not compared.")
        if self.data.incomplete:
            self.remark(
                "The model was also trained on rows with missing values, which it inferred. Images are those of "
                "complete test rows. The sources are shown but not tested against one another, since the test exists "
                "for complete tables only."
            )
        elif effect.missing != "drop":
            self.remark("Model, images and agreement use only the complete rows, on which the model was trained.")
        if self.data.incomplete and self.table is self.complete:
            self.warnings.append(
                f"The estimate uses the {len(self.complete):,} rows without missing attributes; unless these are missing at "
                "random, the effect is that of the complete rows. Incomplete rows have no scores."
            )
        refused: list[str] = []
        further = further_answers(effect, self.graph, self.table, self.every, self.seed, refused, self.source)
        for note in refused:
            self.remark(note)
        remarks = tuple(dict.fromkeys(self.remarks))
        report = replace(report, warnings=(*report.warnings, *self.warnings), remarks=remarks)
        report = report.compare(*sources, truth=self.truth)
        return EffectFindings(report, doubt, compared, table=self.table, arguments=arguments, further=further)

    def comparable(self, report: EffectReport) -> bool:
        """Whether all sources estimate the same effect: of one treatment on an attribute, by the set that was found."""
        found = report.estimand.method == "backdoor" and self.effect.adjustment is None
        return (
            found
            and self.whole
            and self.effect.event is None
            and self.score is None
            and self.label is None
            and isinstance(self.effect.treatment, str)
            and not self.data.incomplete
        )

    @property
    def truth(self) -> float | None:
        """The effect by the generator; None where it is unknown, or averages over other units."""
        if self.data.truth is None or self.score is not None or not self.whole or self.effect.event is not None:
            return None
        try:
            return self.data.truth.effect(**self.question | {"outcome": self.asked})
        except DataError:
            return None

    @property
    def table(self) -> pd.DataFrame:
        """The rows that the estimators see, which drop or handle those with missing values; else the complete ones."""
        if self.every is None:
            return self.complete
        holes = bool(self.data.incomplete) and self.score is None
        return self.every if holes or self.effect.missing != "drop" else self.complete

    @cached_property
    def complete(self) -> pd.DataFrame:
        """All rows that the model knows, with the score or the data set's groups where the effect needs them."""
        return self.readers.table_with(self.asked, self.data, self.effect.cluster)

    @cached_property
    def images(self) -> Images | None:
        """Test units whose images are measured; None for an outcome that is not measured."""
        if self.measure is None:
            return None
        rows = self.model.test_rows(self.rows)
        return Images(self.model.image, self.measure, self.data.rows(rows), rows.tolist(), self.data.groups(rows))

    def examined(self, report: EffectReport) -> "Diagnostics | None":
        """The further checks of the report; None, with a note, if they are impossible."""
        from ..effects.diagnostics import examine  # loads DoWhy, which a study without effects does not need

        try:
            controls = self.effect.negative_controls
            return examine(self.graph, self.table, report, negative_controls=controls, seed=self.seed)
        except DataError as error:
            self.warnings.append(f"Not checked further: {error}")
            return None

    def agreement(self) -> Agreement | None:
        """The comparison of the sources; None with a note where they cannot be compared."""
        try:
            return agreement(
                self.scm,
                self.complete,
                **self.question,
                images=self.images,
                margin=self.effect.margin,
                cluster=self.effect.cluster,
                fitted_on=self.data.split["train"].tolist(),
                replicates=self.effect.replicates,
                seed=self.seed,
            )
        except (AbductionError, DataError) as error:
            self.remark(f"The sources were not compared: {error}")
            return None

    def comparisons(self) -> list[Estimate]:
        """The effect that the fitted model implies and the one that its images show, each separately."""
        if self.effect.event is not None:
            return []
        if self.score is not None:
            return self.scored()
        model = attribute_model(self.scm) if self.label is None else label_model(self.scm, self.label)
        implied = implied_effect(model, **self.question, n=IMPLIED_SAMPLES, seed=self.seed)
        return [implied, *self.measured()]

    def scored(self) -> list[Estimate]:
        """The effect on a score, read from counterfactual images of test units."""
        assert self.score is not None
        rows = self.model.test_rows(self.rows)
        images = Images(self.score.image, self.score.read, self.data.rows(rows), groups=self.data.groups(rows))
        try:
            treatment, contrast = self.effect.treatment, self.effect.contrast
            found = scored_effect(self.scm, images, treatment=treatment, contrast=contrast, seed=self.seed)
        except (AbductionError, DataError) as error:
            self.remark(f"Not read from generated images: {error}", "images")
            return []
        return [found]

    def measured(self) -> list[Estimate]:
        """The effect measured on counterfactual images of test units; none with a note where it cannot be measured."""
        if (images := self.images) is None:
            return []
        try:
            found = measured_effect(self.scm, images, **self.question, seed=self.seed)
        except (AbductionError, DataError) as error:
            self.remark(f"Not measured on generated images: {error}", "images")
            return []
        return [found]

    def remark(self, text: str, subject: Subject = "comparison") -> None:
        """Add a remark to the report that is not a concern about the estimate."""
        self.remarks.append(remark(text, subject))

    @contextmanager
    def support_noted(self) -> Iterator[None]:
        """Note in the report, instead of the terminal, which images are extrapolated."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", SupportWarning)
            yield
        for warning in caught:
            if issubclass(warning.category, SupportWarning):
                self.remark(str(warning.message).partition(" They are flagged")[0])  # only for users of the Python API
            else:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _arguments(effect: Effect) -> dict[str, Any]:
    """Further arguments of `estimate_effect`."""
    words = ("methods", "cluster", "weights", "adjustment", "instrument", "event", "horizon")
    given = {word: getattr(effect, word) for word in words}
    asked: dict[str, Any] = {"simulations": effect.simulations, "population": effect.population}
    asked |= {"interval": effect.interval, "resamples": effect.resamples, "level": effect.level}
    asked |= {} if effect.missing == "drop" else {"missing": effect.missing}
    return asked | {name: value for name, value in given.items() if value is not None}
