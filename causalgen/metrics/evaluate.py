"""All metrics of a fitted model on test units, with controls, strata, floors and intervals, in one table."""

from collections.abc import Mapping, Sequence

import torch
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph
from ..predictors import Classifier
from ..scm import StructuralCausalModel
from .axioms import composition, reversibility
from .case import ask
from .controls import MODEL, UNTRAINED, untrained_control
from .effectiveness import Measure, effectiveness
from .kept import classifier_accuracy, kept
from .leak import noise_leak
from .queries import QuerySpec, draw_query
from .result import MetricResult, MetricTable
from .truth import attribute_error_to_truth, image_error_to_truth

__all__ = ["evaluate"]


def evaluate(
    scm: StructuralCausalModel,
    data: Dataset,
    *,
    queries: Sequence[QuerySpec],
    measure: Mapping[str, Measure] | None = None,
    classifiers: Mapping[str, Classifier] | None = None,
    untrained: StructuralCausalModel | None = None,
    image: str | None = None,
    rows: int | None = 1000,
    seed: int = 0,
    bars: Progress | None = None,
) -> MetricTable:
    """Evaluate the counterfactuals of `scm` on test units.

    Every query: effectiveness, distance to the truth, attributes kept, reversibility. Once: composition and noise leak.
    Metrics whose ingredients are missing (no truth, no measurement, no classifier) are left out and named in the notes.

    Args:
        scm: A fitted model.
        data: The data set; only its test split is asked, its training split initialises the untrained control.
        queries: Each a node ("thickness") or nodes set together (("thickness", "intensity")), whose values are drawn
            from units of other groups, or fixed values ({"thickness": 4}).
        measure: Functions of uint8 images `(N, C, H, W)` to `(N,)`, by continuous attribute; NaN where one cannot
            measure.
        classifiers: Classifiers of the image by discrete attribute.
        untrained: The untrained control; None builds it.
        image: The image node; may be left out if there is only one.
        rows: Number of test units, drawn at random; None for all.
        seed: Seed of units, queries, abduction and bootstrap.
        bars: Rich progress bars (see `causalgen.training.bars`).

    Raises:
        UnknownNameError: A query, measurement or classifier for a name that is no node.
        DataError: There is no image node, or several and none is named.
    """
    measure, classifiers = dict(measure or {}), dict(classifiers or {})
    image = _image(scm.graph, image)
    for name in (*measure, *classifiers):
        scm.graph.require(name)
    models = {MODEL: scm, UNTRAINED: untrained or untrained_control(scm, data, seed=seed)}
    index = _choose(data.split["test"], rows, seed)
    factual, groups = data.rows(index), data.group[index].numpy()
    drawn = [draw_query(spec, scm, factual, groups, seed=seed) for spec in queries]
    task = bars.add_task("evaluate", total=len(drawn) + 2, note="abduction") if bars else None

    def step(note: str) -> None:
        if bars and task is not None:
            bars.update(task, advance=1, note=note)

    posteriors = {row: model.abduct(factual, seed=seed) for row, model in models.items()}
    accuracies = {n: classifier_accuracy(c, data, image=image, seed=seed) for n, c in classifiers.items()}
    results: list[MetricResult] = list(accuracies.values())
    notes = _missing(data, measure, classifiers) + _residual(scm, image)
    for query in drawn:
        case = ask(query, posteriors, data, index, image=image, seed=seed)
        results += effectiveness(case, measure)
        if case.truth is not None:
            results += image_error_to_truth(case) + attribute_error_to_truth(case)
        results += kept(case, classifiers, accuracies)
        results += reversibility(case, models, data, seed=seed + 1)
        notes += [case.note] if case.note else []
        step(query.label)
    named = [name for query in drawn for name in query.do]
    if named:
        results += composition(models, data, index, named, image=image, seed=seed)
    step("composition")
    results += noise_leak(posteriors, groups, image=image, seed=seed)
    step("noise leak")
    return MetricTable(tuple(results), tuple(notes))


def _image(graph: CausalGraph, name: str | None) -> str:
    images = [node for node in graph.nodes if graph[node].is_image]
    if name is None and len(images) == 1:
        return images[0]
    if name is None:
        raise DataError(f"Expected a graph with one image, or the name of one; got {images}. Pass image=...")
    if name not in images:
        raise UnknownNameError(f"Expected an image among {', '.join(images)}; got '{name}'." + nearest(name, images))
    return name


def _choose(test: Tensor, rows: int | None, seed: int) -> Tensor:
    if rows is None or rows >= len(test):
        return test
    if rows < 1:
        raise DataError(f"Expected at least one row to evaluate; got {rows}.")
    chosen = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))[:rows]
    return test[chosen.sort().values]


def _missing(data: Dataset, measure: Mapping[str, Measure], classifiers: Mapping[str, Classifier]) -> list[str]:
    missing = {
        "The generator of this data set is unknown: no distance to the truth and no oracle.": data.truth is None,
        "No measurement was given: effectiveness on the image is left out.": not measure,
        "No classifier was given: whether discrete attributes are kept is left out.": not classifiers,
    }
    return [note for note, applies in missing.items() if applies]


def _residual(scm: StructuralCausalModel, image: str) -> list[str]:
    residual = scm.mechanisms[image].options.get("residual")
    if residual is None:
        return []
    return [f"Counterfactual images carry the share {residual:g} of the factual image's pixel residual."]
