"""All metrics of a fitted model on test units, with controls, strata, floors and intervals, in one table."""

from collections.abc import Mapping, Sequence

import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor, nn

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph
from ..mechanisms import Abductive
from ..predictors import AttributePredictor, Classifier
from ..scm import StructuralCausalModel
from .axioms import composition, reversibility
from .calibration import calibration, uncertain
from .case import ask
from .controls import MODEL, UNTRAINED, untrained_control
from .effectiveness import Measure, effectiveness
from .kept import classifier_accuracy, kept
from .leak import noise_leak
from .minimality import minimality
from .predicted import predicted_effectiveness
from .protocol import CAUSALGEN, Protocol, with_residual
from .queries import Query, QuerySpec, draw_from_other_bin, draw_query
from .realism import realism
from .result import MetricResult, MetricTable
from .samples import sample_quality
from .spaces import Space, feature_space
from .truth import attribute_error_to_truth, image_error_to_truth

__all__ = ["evaluate"]

REFERENCES = 2000
"""Most test units that minimality compares with."""


def evaluate(
    scm: StructuralCausalModel,
    data: Dataset,
    *,
    queries: Sequence[QuerySpec],
    measure: Mapping[str, Measure] | None = None,
    classifiers: Mapping[str, Classifier] | None = None,
    predictors: Mapping[str, AttributePredictor] | None = None,
    latents: Space | None = None,
    protocol: Protocol | None = None,
    particles: int | None = None,
    untrained: StructuralCausalModel | None = None,
    image: str | None = None,
    rows: int | None = 1000,
    cycle_rows: int | None = None,
    seed: int = 0,
    bars: Progress | None = None,
) -> MetricTable:
    """Evaluate the counterfactuals of `scm` on test units.

    Every query: effectiveness, distance to the truth, attributes kept, minimality, realism, calibration, reversibility.
    Once: composition, noise leak, and quality and variety of samples. Metrics whose ingredients are missing (truth,
    measurements, classifiers, predictors) are left out, and an image that cannot be abducted is evaluated on samples only;
    the notes list them.

    Args:
        scm: A fitted model.
        data: The data set; its test split is evaluated, its training split initialises the untrained control.
        queries: Each a node ("thickness") or nodes set together (("thickness", "intensity")), whose values are drawn
            from units of other groups, or fixed values ({"thickness": 4}).
        measure: Functions of uint8 images `(N, C, H, W)` to `(N,)`, by continuous attribute; NaN where one cannot
            measure.
        classifiers: Classifiers of the image by discrete attribute.
        predictors: Attribute predictors; their features also measure realism and variety.
        latents: Space in which minimality is measured, see `latent_space`.
        protocol: How to evaluate; None for "causalgen" with the model's own residual.
        particles: Draws of each unit's noise for calibration; None leaves it out.
        untrained: The untrained control; None builds it.
        image: The image node; may be left out if there is only one.
        rows: Number of test units, drawn at random; None for all.
        cycle_rows: Number of those units on which composition is evaluated; None for all.
        seed: Seed of units, queries, abduction and bootstrap.
        bars: Rich progress bars (see `causalgen.training.bars`).

    Raises:
        UnknownNameError: A query, measurement, classifier or predictor for a name that is not a node.
        DataError: There is no image node, or several and none is named; the protocol sets one node at a time.
    """
    measure, classifiers, predictors = dict(measure or {}), dict(classifiers or {}), dict(predictors or {})
    image = _image(scm.graph, image)
    for name in (*measure, *classifiers, *predictors):
        scm.graph.require(name)
    if protocol is not None:
        scm = with_residual(
            scm, image, scm.mechanisms[image].published_residual if protocol.published_residual else 0.0
        )
    rules = protocol or CAUSALGEN
    index = _choose(data.split["test"], rows, seed)
    factual, groups = data.rows(index), data.groups(index).numpy()
    drawn = [_draw(spec, scm, data, factual, groups, rules, seed) for spec in queries]
    models = {MODEL: scm, UNTRAINED: untrained or untrained_control(scm, data, seed=seed)}
    features = feature_space(predictors, data, image=image) if predictors else None
    task = bars.add_task("evaluate", total=len(drawn) + 3, note="abduction") if bars else None

    def step(note: str) -> None:
        if bars and task is not None:
            bars.update(task, advance=1, note=note)

    accuracies = {n: classifier_accuracy(c, data, image=image, seed=seed) for n, c in classifiers.items()}
    results: list[MetricResult] = list(accuracies.values())
    readers = {**classifiers, **{n: p for n, p in predictors.items() if p.variable.is_discrete}}
    notes = _missing(data, measure, readers) + _residual(scm, image)
    if predictors:
        results += sample_quality(
            models, factual, groups, image=image, features=features, predictors=predictors,
            batch_statistics=rules.batch_statistics, seed=seed,
        )  # fmt: skip
    step("samples")
    if not isinstance(scm.mechanisms[image], Abductive):
        notes += [f"{type(scm.mechanisms[image]).__name__} has no abduction: samples only, no counterfactuals."]
        return MetricTable(tuple(results), tuple(notes))
    posteriors = {row: model.abduct(factual, seed=seed) for row, model in models.items()}
    for query in drawn:
        case = ask(query, posteriors, data, index, image=image, seed=seed)
        results += effectiveness(case, measure)
        results += predicted_effectiveness(case, predictors, batch_statistics=rules.batch_statistics)
        if case.truth is not None:
            results += image_error_to_truth(case) + attribute_error_to_truth(case)
        results += kept(case, classifiers, accuracies)
        if latents is not None:
            results += minimality(case, latents, *_references(data, seed), index)
        if features is not None:
            shown = {answer.row: answer.images for answer in case.answers}
            results += realism(shown, factual[image], groups, features, query=query.label, seed=seed)
        if particles is not None and case.truth is not None and uncertain(scm, image):
            results += calibration(case, scm, measure, particles=particles, seed=seed)
        results += reversibility(case, models, data, seed=seed + 1)
        notes += [case.note] if case.note else []
        step(query.label)
    if particles is not None and not uncertain(scm, image):
        kind = scm.mechanisms[image].abduction.value
        notes += [f"Calibration is left out: no abduction uncertainty ({kind} abduction)."]
    named = [name for query in drawn for name in query.do]
    if named:
        results += composition(models, data, index[:cycle_rows], named, image=image, seed=seed)
    step("composition")
    results += noise_leak(posteriors, groups, image=image, seed=seed)
    step("noise leak")
    return MetricTable(tuple(rules.scaled(results, scm.graph[image].shape)), tuple(notes))


def _draw(
    spec: QuerySpec,
    scm: StructuralCausalModel,
    data: Dataset,
    factual: Mapping[str, Tensor],
    groups: NDArray,
    rules: Protocol,
    seed: int,
) -> Query:
    if rules.values == "another unit":
        return draw_query(spec, scm, factual, groups, seed=seed)
    if not isinstance(spec, str):
        raise DataError(f"Expected one node at a time under the protocol '{rules.name}'; got {spec!r}.")
    scm.graph.require(spec)
    return draw_from_other_bin(spec, scm, factual, data.part("test")[spec], seed=seed)


def _references(data: Dataset, seed: int) -> tuple[dict[str, Tensor], RowLabels]:
    """Test units that minimality compares with, and their row labels."""
    index = _choose(data.split["test"], REFERENCES, seed)
    return data.rows(index), index


def _image(graph: CausalGraph, name: str | None) -> str:
    images = [node for node in graph.nodes if graph[node].is_image]
    if name is None and len(images) == 1:
        return images[0]
    if name is None:
        raise DataError(f"Expected a graph with one image, or the name of one; got {images}. Pass image=...")
    if name not in images:
        raise UnknownNameError(f"Expected an image among {', '.join(images)}; got '{name}'." + nearest(name, images))
    return name


def _choose(test: RowLabels, rows: int | None, seed: int) -> RowLabels:
    if rows is None or rows >= len(test):
        return test
    if rows < 1:
        raise DataError(f"Expected at least one row to evaluate; got {rows}.")
    chosen = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))[:rows]
    return test[chosen.sort().values.numpy()]


def _missing(data: Dataset, measure: Mapping[str, Measure], readers: Mapping[str, nn.Module]) -> list[str]:
    missing = {
        "The generator of this data set is unknown: no distance to the truth and no oracle.": data.truth is None,
        "No measurement was given: effectiveness on the image is left out.": not measure,
        "No classifier was given: whether discrete attributes are kept is left out.": not readers,
    }
    return [note for note, applies in missing.items() if applies]


def _residual(scm: StructuralCausalModel, image: str) -> list[str]:
    residual = scm.mechanisms[image].options.get("residual")
    if residual is None:
        return []
    return [f"Counterfactual images carry the share {residual:g} of the factual image's pixel residual."]
