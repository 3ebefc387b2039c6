"""The metrics step: networks that read attributes from images, then all metrics of `causalgen.metrics`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.progress import Progress

from ..datasets import Dataset
from ..graph import CausalGraph
from ..metrics import AS_FITTED, Memorisation, MetricTable, Readers, evaluate, memorisation
from ..predictors import LABELS, NUMBERS, AttributePredictor, PredictorConfig, Regressor, fit_predictor
from .data_section import OwnData
from .measurements import Measurement
from .model_on_data import ModelOnData
from .schema import Study
from .study_sections import MOST_CLASSES, EvaluationPlan

__all__ = ["CYCLE_ROWS", "ReadAttributes", "evaluate_model", "headline", "memorised", "train_readers"]

CYCLE_ROWS = 200
"""Maximum number of units for composition, whose ten cycles take long; 200 units give two digits."""
Query = tuple[str, ...]


@dataclass(frozen=True)
class ReadAttributes:
    """Attributes that networks read from the images.

    Args:
        classified: Discrete attributes, read by classifiers.
        regressed: Continuous attributes, read by regressors.
    """

    classified: tuple[str, ...]
    regressed: tuple[str, ...]

    @classmethod
    def of(cls, study: Study, graph: CausalGraph) -> "ReadAttributes":
        """Return the attributes that the study names; by default, for own data, the image parents that a query sets."""
        asked = study.evaluation
        queried = {name for query in asked.queries for name in query} if isinstance(study.data, OwnData) else set()
        parents = [name for image in graph.images[:1] for name in graph.parents(image) if name in queried]
        classes = [name for name in parents if len(graph[name].labels or ()) in range(2, MOST_CLASSES + 1)]
        numbers = [name for name in parents if graph[name].kind == "continuous" and name not in study.measurements]
        return cls(
            tuple(classes) if asked.classify is None else asked.classify,
            tuple(numbers) if asked.regress is None else asked.regress,
        )


def train_readers(
    read: ReadAttributes,
    data: Dataset,
    measurements: Mapping[str, Measurement],
    *,
    seed: int,
    smoke: bool = False,
    bars: Progress | None = None,
) -> Readers:
    """Return readers of attributes: measurements, and networks trained on factual training images only.

    Args:
        read: The attributes that networks read.
        data: The data; the validation split decides when to stop.
        measurements: Measurements by attribute.
        seed: Seed of weights and batches.
        smoke: Whether the networks are trained only briefly.
        bars: Rich progress bars.
    """

    def trained(names: Sequence[str], config: PredictorConfig) -> dict[str, AttributePredictor]:
        return {
            name: fit_predictor(data, name, image=data.graph.images[0], config=config, seed=seed, bars=bars)
            for name in names
        }

    numbers = trained(read.regressed, replace(NUMBERS, epochs=1 if smoke else None))
    labels = trained(read.classified, replace(LABELS, epochs=LABELS.least_epochs if smoke else None))
    return Readers({**measurements, **{name: Regressor(predictor) for name, predictor in numbers.items()}}, labels)


def evaluate_model(
    plan: EvaluationPlan, model: ModelOnData, readers: Readers, bars: Progress | None = None
) -> MetricTable:
    """Compute the metrics of a study's queries on test units.

    Args:
        plan: The queries, and the number of units.
        model: The fitted model and its data.
        readers: What reads attributes from images.
        bars: Rich progress bars.
    """
    return evaluate(
        model.scm,
        model.data,
        queries=[query[0] if len(query) == 1 else query for query in plan.queries],
        readers=readers,
        protocol=replace(AS_FITTED, rows=plan.rows, cycle_rows=CYCLE_ROWS),
        seed=model.seed,
        bars=bars,
    )


def memorised(plan: EvaluationPlan, model: ModelOnData) -> Memorisation | None:
    """Test whether the model reveals training units; None if the study turns the test off or has no image.

    Args:
        plan: The queries, and the number of units.
        model: The fitted model and its data.
    """
    if not plan.memorisation or not model.graph.images:
        return None
    queries = [query[0] if len(query) == 1 else query for query in plan.queries]
    return memorisation(
        model.scm, model.data, queries=queries or None, image=model.image, rows=plan.rows, seed=model.seed
    )


def headline(queries: Sequence[Query], metrics: MetricTable) -> list[tuple[str, str]]:
    """Select metrics for the first screen: each query's effectiveness, error to the truth, and what it preserves."""
    present = {(result.metric, result.query) for result in metrics}
    read = [result.metric for result in metrics if result.metric.endswith(" classifier accuracy")]
    wanted = []
    for query in queries:
        label = f"do({', '.join(query)})"
        wanted += [(f"{name} {how}", label) for name in query for how in ("MAE", "MAE by regressor")]
        wanted += [(f"{name} shown", label) for name in query]
        wanted += [("image L1 to truth", label)]
    for name in dict.fromkeys(metric.removesuffix(" classifier accuracy") for metric in read):
        others = [query for query in queries if name not in query]
        wanted += [(f"{name} kept", f"do({', '.join(query)})") for query in others[:1]]
    return [pair for pair in wanted if pair in present]
