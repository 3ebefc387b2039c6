"""All metrics of a fitted model on test units, with controls, strata, floors and intervals, in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from ..datasets import Dataset
from ..errors import DataError
from ..mechanisms import Abductive
from ..mechanisms.latent_image import LatentImage
from ..moved import with_old_options
from ..scm import StructuralCausalModel
from .axioms import composition, reversibility
from .calibration import calibration
from .case import Case, ask
from .cohort import AT_ONCE, Cohort, Readers, choose, even_parts, image_node, units_in_memory
from .compared_sets import GatheredNoise, Points
from .controls import MODEL, UNTRAINED, untrained_control
from .drift import off_target_drift
from .effectiveness import effectiveness
from .gradient import gradient_defect
from .kept import classifier_accuracy, kept
from .minimality import minimality
from .predicted import predicted_effectiveness
from .protocol import AS_FITTED, Protocol, with_residual
from .queries import Query, QuerySpec, draw_from_other_bin, draw_query
from .readability import unread_attributes
from .result import MetricResult, MetricTable
from .samples import sample_quality
from .spaces import feature_space
from .truth import attribute_error_to_truth, image_error_to_truth
from .units import PerUnit, Units, joined

__all__ = ["evaluate"]


def evaluate(
    scm: StructuralCausalModel,
    data: Dataset,
    *,
    queries: Sequence[QuerySpec],
    readers: Readers | None = None,
    protocol: Protocol | None = None,
    untrained: StructuralCausalModel | None = None,
    seed: int = 0,
    bars: Progress | None = None,
    **earlier: Any,
) -> MetricTable:
    """Evaluate the counterfactuals of `scm` on test units.

    For every query: effectiveness, distance to the truth, attributes kept, off-target drift, minimality, realism,
    calibration, reversibility.
    Once: composition, noise leak, gradient defect, and quality and variety of samples. Metrics whose ingredients are missing
    (truth, measurements, classifiers, predictors) are left out, and an image that cannot be abducted is evaluated on samples
    only; the notes list them.

    Args:
        scm: A fitted model.
        data: The data set; its test split is evaluated, its training split initialises the untrained control.
        queries: Each is a node ("thickness"), or nodes set together (("thickness", "intensity")), whose values are
            drawn from units of other groups, or fixed values ({"thickness": 4}).
        readers: Readers of attributes from the images.
        protocol: How to evaluate, and on how many units; None for "causalgen" with the model's own residual.
        untrained: The untrained control; None builds it.
        seed: Seed of units, queries, abduction and bootstrap.
        bars: Rich progress bars (see `causalgen.training.bars`).
        **earlier: Fields of `readers` and `protocol`, which used to be options; they still work, with a warning.

    Raises:
        UnknownNameError: A query, measurement, classifier or predictor for a name that is not a node.
        DataError: There is no image node, or several and none is named; the protocol sets one node at a time.
    """
    readers, rules = with_old_options("evaluate", earlier, readers=readers or Readers(), protocol=protocol or AS_FITTED)
    image = image_node(scm.graph, readers.image)
    for name in (*readers.measure, *readers.classifiers, *readers.predictors):
        scm.graph.require(name)
    if rules.published_residual is not None:
        published = scm.mechanisms[image].published_residual
        scm = with_residual(scm, image, published if rules.published_residual else 0.0)
    models = {MODEL: scm, UNTRAINED: untrained or untrained_control(scm, data, seed=seed)}
    # Published scores depend on the images that are normalised together.
    at_once = AT_ONCE if rules.batch_statistics else units_in_memory(scm.graph[image].shape)
    cohort = Cohort(models, data, choose(data.split["test"], rules.rows, seed), image, seed, at_once)
    drawn = [_draw(spec, cohort, rules) for spec in queries]
    features = feature_space(readers.predictors, data, image=image) if readers.predictors else None
    blocks = len(even_parts(len(cohort.rows), at_once))
    task = bars.add_task("evaluate", total=len(drawn) * blocks + 3, note="abduction") if bars else None

    def step(note: str) -> None:
        if bars and task is not None:
            bars.update(task, advance=1, note=note)

    accuracies = {n: classifier_accuracy(c, data, image=image, seed=seed) for n, c in readers.classifiers.items()}
    results = list(accuracies.values())
    unread = unread_attributes(readers, data, image=image, batch_statistics=rules.batch_statistics, seed=seed)
    notes = [*unread.values(), *_missing(data, readers), *_residual(cohort)]
    if features is not None:
        notes += [note for note in (Points(cohort, features).note,) if note]
        results += sample_quality(
            cohort, features=features, predictors=readers.predictors, batch_statistics=rules.batch_statistics
        )
    step("samples")
    if not isinstance(cohort.mechanism, Abductive):
        notes += [f"{type(cohort.mechanism).__name__} has no abduction: samples only, no counterfactuals."]
        return MetricTable(tuple(results), tuple(notes))
    answers = [_Answers(cohort, query, None if features is None else Points(cohort, features)) for query in drawn]
    noise, defect = GatheredNoise(cohort), []
    for block in cohort.blocks():
        for answer in answers:
            answer.add(ask(answer.query, block), readers, rules, accuracies, unread)
            step(answer.query.label)
        noise.add(block)
        if not block.start:
            defect = gradient_defect(block.posteriors, block.groups, image=image, seed=seed)
    for answer in answers:
        results += answer.results()
        notes += [answer.note] if answer.note else []
    notes += [noise.note] if noise.note else []
    if rules.particles is not None and not cohort.mechanism.abduction.is_random:
        kind = cohort.mechanism.abduction.value
        notes += [f"Calibration is left out: no abduction uncertainty ({kind} abduction)."]
    if named := [name for query in drawn for name in query.do]:
        results += composition(replace(cohort, rows=cohort.rows[: rules.cycle_rows]), named)
    step("composition")
    results += noise.leak() + defect
    step("noise leak")
    return MetricTable(tuple(rules.scaled(results, scm.graph[image].shape)), tuple(notes))


@dataclass(eq=False)
class _Answers:
    """Results on the answers to one query, gathered block by block.

    Args:
        cohort: All units.
        query: The query.
        points: Receives features of the images; None without predictors.
    """

    cohort: Cohort
    query: Query
    points: Points | None
    note: str = ""
    own: list[MetricResult] = field(default_factory=list)
    """Results that need no other block."""
    blocks: list[tuple[NDArray[np.bool_], list[PerUnit]]] = field(default_factory=list)
    """Which units are within support, and the numbers of every unit."""

    def add(
        self,
        case: Case,
        readers: Readers,
        rules: Protocol,
        accuracies: Mapping[str, MetricResult],
        unread: Mapping[str, str],
    ) -> None:
        """Add the answers of a block of units."""
        self.note = self.note or case.note
        self.own += _of_query(case, readers, rules, accuracies, unread)
        if self.points is not None:
            self.points.add(case.cohort, {answer.row: answer.images for answer in case.answers}, half=True)
        if case.units.kept is not None:
            self.blocks.append((case.units.supported, case.units.kept))

    def results(self) -> list[MetricResult]:
        """All metrics of the query."""
        results = [] if self.points is None else self.points.realism(self.query.label)
        if self.blocks:
            supported = np.concatenate([inside for inside, _ in self.blocks])
            units = Units(self.query.label, self.cohort.groups, supported, self.cohort.seed)
            found = joined([numbers for _, numbers in self.blocks])
            results = [result for numbers in found for result in units.means(numbers)] + results
        return self.own + results


def _of_query(
    case: Case,
    readers: Readers,
    rules: Protocol,
    accuracies: Mapping[str, MetricResult],
    unread: Mapping[str, str],
) -> list[MetricResult]:
    """The metrics of one query that are means over units."""
    results = effectiveness(case, readers.measure, unread)
    results += predicted_effectiveness(case, readers.predictors, batch_statistics=rules.batch_statistics, unread=unread)
    if case.truth is not None:
        results += image_error_to_truth(case) + attribute_error_to_truth(case)
    results += kept(case, readers.classifiers, accuracies, unread) + off_target_drift(case, readers)
    if readers.latents is not None:
        results += minimality(case, readers.latents)
    if rules.particles is not None:
        results += calibration(case, readers.measure, particles=rules.particles)
    return results + reversibility(case)


def _draw(spec: QuerySpec, cohort: Cohort, rules: Protocol) -> Query:
    scm = cohort.models[MODEL]
    if rules.values == "another unit":
        return draw_query(spec, scm, cohort.attributes, cohort.groups, seed=cohort.seed)
    if not isinstance(spec, str):
        raise DataError(f"Expected one node at a time under the protocol '{rules.name}'; got {spec!r}.")
    scm.graph.require(spec)
    if scm.graph[spec].is_image:
        raise DataError(f"Expected an attribute in a query; got the image '{spec}'. Ask about its parents.")
    column = cohort.data.attributes(cohort.data.split["test"])[spec]
    return draw_from_other_bin(spec, scm, cohort.attributes, column, seed=cohort.seed)


def _missing(data: Dataset, readers: Readers) -> list[str]:
    labelled = any(predictor.variable.is_discrete for predictor in readers.predictors.values())
    volume = data.truth is not None and any(data.graph[name].is_volume for name in data.graph.images)
    missing = {
        "No SSIM: it compares images of two dimensions, and this one is a volume.": volume,
        "The generator of this data set is unknown: no distance to the truth and no oracle.": data.truth is None,
        "No measurement was given, so effectiveness on the image is left out.": not readers.measure,
        "No classifier was given, so whether discrete attributes are kept is left out.": not (
            readers.classifiers or labelled
        ),
    }
    return [note for note, applies in missing.items() if applies]


def _residual(cohort: Cohort) -> list[str]:
    residual = cohort.mechanism.options.get("residual")
    if residual is None:
        return []
    note = f"Counterfactual images carry the share {residual:g} of the factual image's pixel residual"
    if not isinstance(cohort.mechanism, LatentImage):
        return [f"{note}."]
    return [
        f"{note} that its codec leaves.",
        "The codec control is a correct image passed through the codec alone: its error is the loss of the codec.",
    ]
