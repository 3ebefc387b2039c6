"""The metrics step: readers of attributes from images, then all metrics of `causalgen.metrics`."""

from collections.abc import Callable
from pathlib import Path

from rich.progress import Progress

from ..datasets import Dataset
from ..graph import CausalGraph
from ..metrics import MetricTable, evaluate
from ..predictors import Classifier, Regressor, fit_classifier, fit_regressor
from ..predictors.fit import LEAST_EPOCHS, classifier_cycle
from ..scm import StructuralCausalModel
from .measurements import measurement_of
from .queries import image_node
from .readers import keep_readers
from .schema import OwnData, Study

__all__ = ["classified", "evaluate_model", "headline", "regressed"]

MOST_LABELS = 20
"""Most labels of an attribute that a classifier reads by default."""


def evaluate_model(
    study: Study,
    scm: StructuralCausalModel,
    data: Dataset,
    *,
    keep: Path | None = None,
    smoke: bool = False,
    bars: Progress | None = None,
) -> MetricTable | None:
    """Metrics of the study's queries on test units; None without queries.

    Args:
        study: The study.
        scm: The fitted model.
        data: The data.
        keep: Folder for the trained classifiers and regressors, which an audit of the run reuses.
        smoke: Whether they are trained only briefly.
        bars: Rich progress bars.
    """
    if not study.evaluation.queries:
        return None
    regressors = {name: _regressor(study, name, data, smoke, bars) for name in regressed(study, data.graph)}
    classifiers = {name: _classifier(study, name, data, smoke, bars) for name in classified(study, data.graph)}
    if keep is not None:
        keep_readers(keep, {**regressors, **classifiers})
    return evaluate(
        scm,
        data,
        queries=[query[0] if len(query) == 1 else query for query in study.evaluation.queries],
        measure={name: measurement_of(study, name) for name in study.measurements} | regressors,
        classifiers=classifiers,
        rows=study.evaluation.rows,
        seed=study.seed,
        bars=bars,
    )


def classified(study: Study, graph: CausalGraph) -> tuple[str, ...]:
    """Discrete attributes that classifiers read from the images."""
    if study.evaluation.classify is not None:
        return study.evaluation.classify
    return _set_by_queries(study, graph, lambda name: len(graph[name].labels or ()) in range(2, MOST_LABELS + 1))


def regressed(study: Study, graph: CausalGraph) -> tuple[str, ...]:
    """Continuous attributes that regressors read from the images."""
    if study.evaluation.regress is not None:
        return study.evaluation.regress
    return _set_by_queries(
        study, graph, lambda name: graph[name].kind == "continuous" and name not in study.measurements
    )


def headline(study: Study, metrics: MetricTable) -> list[tuple[str, str]]:
    """Metric and query for the answer box: each query's effectiveness, its error to the truth, and what it preserves."""
    present = {(result.metric, result.query) for result in metrics}
    read = [result.metric for result in metrics if result.metric.endswith(" classifier accuracy")]
    wanted = []
    for query in study.evaluation.queries:
        label = f"do({', '.join(query)})"
        wanted += [(f"{name} {how}", label) for name in query for how in ("MAE", "MAE by regressor")]
        wanted += [(f"{name} shown", label) for name in query]
        wanted += [("image L1 to truth", label)]
    for name in dict.fromkeys(metric.removesuffix(" classifier accuracy") for metric in read):
        others = [query for query in study.evaluation.queries if name not in query]
        wanted += [(f"{name} kept", f"do({', '.join(query)})") for query in others[:1]]
    return [pair for pair in wanted if pair in present]


def _set_by_queries(study: Study, graph: CausalGraph, suits: Callable[[str], bool]) -> tuple[str, ...]:
    """Parents of the image that a query sets: the default for a user's own data, which come without measurements."""
    images = [name for name in graph.nodes if graph[name].is_image]
    if not isinstance(study.data, OwnData) or not images:
        return ()
    queried = {name for query in study.evaluation.queries for name in query}
    return tuple(name for name in graph.parents(images[0]) if name in queried and suits(name))


def _classifier(study: Study, name: str, data: Dataset, smoke: bool, bars: Progress | None) -> Classifier:
    """Trained on factual training images; the validation split decides when to stop."""
    image = image_node(data.graph)
    train, validation = data.part("train"), data.part("validation")
    return fit_classifier(
        data.graph[name],
        train[image],
        train[name],
        validation=(validation[image], validation[name]),
        epochs=LEAST_EPOCHS if smoke else classifier_cycle(len(train[name])).epochs,
        seed=study.seed,
        bars=bars,
    )


def _regressor(study: Study, name: str, data: Dataset, smoke: bool, bars: Progress | None) -> Regressor:
    """Trained on the pixels of factual training images only."""
    image = image_node(data.graph)
    return fit_regressor(data, name, image=image, epochs=1 if smoke else None, seed=study.seed, bars=bars)
