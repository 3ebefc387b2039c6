"""The metrics step: classifiers where the study asks for them, then everything that `causalgen.metrics` measures."""

from rich.progress import Progress

from ..datasets import Dataset
from ..metrics import MetricTable, evaluate
from ..predictors import Classifier, fit_classifier
from ..scm import StructuralCausalModel
from .measurements import MEASUREMENTS
from .queries import image_node
from .schema import Study

__all__ = ["evaluate_model", "headline"]


def evaluate_model(
    study: Study, scm: StructuralCausalModel, data: Dataset, *, bars: Progress | None = None
) -> MetricTable | None:
    """Metrics of the study's queries on test units; None without queries."""
    if not study.evaluation.queries:
        return None
    return evaluate(
        scm,
        data,
        queries=[query[0] if len(query) == 1 else query for query in study.evaluation.queries],
        measure={name: MEASUREMENTS[measurement] for name, measurement in study.measurements.items()},
        classifiers={name: _classifier(study, name, data, bars) for name in study.evaluation.classify or ()},
        rows=study.evaluation.rows,
        seed=study.seed,
        bars=bars,
    )


def headline(study: Study, metrics: MetricTable) -> list[tuple[str, str]]:
    """Metric and query for the answer box: each query's effectiveness on the image, its error to the truth, what it keeps."""
    present = {(result.metric, result.query) for result in metrics}
    wanted = []
    for query in study.evaluation.queries:
        label = f"do({', '.join(query)})"
        wanted += [(f"{name} MAE", label) for name in query]
        wanted += [(f"{name} shown", label) for name in query]
        wanted += [("image L1 to truth", label)]
    for name in study.evaluation.classify or ():
        others = [query for query in study.evaluation.queries if name not in query]
        wanted += [(f"{name} kept", f"do({', '.join(query)})") for query in others[:1]]
    return [pair for pair in wanted if pair in present]


def _classifier(study: Study, name: str, data: Dataset, bars: Progress | None) -> Classifier:
    """Trained on real training images; the validation split says when to stop."""
    image = image_node(data.graph)
    train, validation = data.part("train"), data.part("validation")
    return fit_classifier(
        data.graph[name],
        train[image],
        train[name],
        validation=(validation[image], validation[name]),
        seed=study.seed,
        bars=bars,
    )
