"""Do the estimate from data, the fitted model and the generated images agree within a margin? By a joint bootstrap."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, DivergenceError
from .agreement_result import SOURCES, Agreement
from .compared_sources import ComparedSources
from .encode import encode_question
from .measured_images import Images
from .modelled_contrast import ModelledContrast, RefittedUnits
from .question import EffectQuestion
from .table import CLUSTER

if TYPE_CHECKING:
    from ..scm import StructuralCausalModel

__all__ = ["agreement"]

LEAST_REPLICATES, LEAST_FITTED, LEAST_SAMPLES = 10, 50, 1_000
MOST_LOST = 0.2  # share of the replicates
DRAWN_SHARE = 4  # a replicate draws this many times fewer units: under common noise differences need fewer
Array = NDArray[np.float64]


def agreement(
    scm: "StructuralCausalModel",
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    images: Images | None = None,
    margin: float | None = None,
    method: str | None = None,
    cluster: str | None = None,
    fitted_on: Sequence[Hashable] | None = None,
    replicates: int = 30,
    iterations: int = 8,
    n: int = 20_000,
    level: float = 0.95,
    seed: int = 0,
) -> Agreement:
    """Compare the effect estimated from data with the one a fitted model implies, and the one its images show.

    Every replicate resamples rows (or clusters) once for all sources: it updates the data estimate by its influence
    function, refits the attribute mechanisms between treatment and outcome and queries them again, and reads the images
    of the resampled units. Images are generated once; if refitted mechanisms change a unit's counterfactual outcome,
    its reading changes along the regression line of measured on assigned outcomes of the generated images. A replicate
    is left out and counted if a refit diverges or if the images follow no line.

    Args:
        scm: The fitted model.
        table: Rows that the data estimate uses, with a column for every attribute.
        treatment: Name of the treatment.
        outcome: Name of a continuous or binary outcome.
        contrast: (a, b), labels or natural units.
        images: Units to measure on counterfactual images; None leaves this source out.
        margin: Largest difference that does not matter, in the outcome's unit; None for a tenth of the outcome's
            standard deviation, half of what is conventionally called a small effect.
        method: Key of `causalgen.effects.estimators.methods.METHODS`; None for doubly robust (discrete treatment) or
            g-computation (continuous).
        cluster: Column that names the cluster of each row.
        fitted_on: Index labels of the rows on which the model was fitted; None for all.
        replicates: Bootstrap replicates.
        iterations: L-BFGS iterations of every refit.
        n: Units sampled from the model under each value.
        level: Level of the intervals.
        seed: Seed of resamples, folds and samples.

    Raises:
        DataError: The table, the question or an option is faulty; an image is among the causes of the outcome; or more
            than a fifth of the replicates diverge.
        NotIdentifiableError: The graph does not identify the effect by adjustment.
    """
    _check_options(margin, replicates, iterations, n, level)
    from .refitting import Refitting
    from .row_influences import DEFAULT_METHOD, row_influences

    question = EffectQuestion(scm.graph, table, treatment, outcome, contrast, cluster=cluster)
    model = _causes(scm, treatment, outcome)
    nodes = model.graph.nodes
    table = table[table[[*nodes, *([cluster] if cluster in table else [])]].notna().all(axis=1)]
    question = replace(question, graph=model.graph, table=table)
    if question.estimand.method != "backdoor":
        raise DataError(
            f"Expected an effect to compare; the graph of the model has no path from '{treatment}' to '{outcome}'."
        )
    encoded = encode_question(question)
    method = method or DEFAULT_METHOD[encoded.kind]
    data = row_influences(question, encoded, method, seed)
    resampling = _Resampling(
        clusters=encoded.data[CLUSTER].to_numpy() if cluster else np.arange(len(table)),
        fitted=_fitted(table.index, fitted_on),
        seed=seed,
    )
    modelled = ModelledContrast(model, treatment, outcome, encoded.contrast, seed)
    effect, sampling = modelled.effect(n)
    units = None if images is None else RefittedUnits(scm, images, table.index, modelled)
    points = np.array([data.effect, effect, *([units.effect(units.once(), units.moved)] if units else [])])

    def replicate(counts: NDArray[np.int64], once: bool) -> list[float]:
        refit(counts * resampling.fitted)
        row = [data.effect + float(counts @ data.influence) / len(counts), modelled.effect(n // DRAWN_SHARE)[0]]
        if units is not None:
            row.append(units.effect(units.once() if once else units.counts(counts, resampling.rng), units.refitted()))
        return row

    values = {name: model.tensor(name, table[name].tolist()) for name in nodes}
    with Refitting(model, values, treatment, outcome, iterations) as refit:
        refit.settle(resampling.fitted.astype(np.int64))
        base = replicate(np.ones(len(table), dtype=np.int64), True)  # settling is not a difference of sources
        draws = np.array([_or_lost(replicate, resampling.draw(), len(points)) for _ in range(replicates)])
    draws = _kept(draws) + points - base
    spread = float(encoded.data[outcome].std())
    size = 0.1 * spread if margin is None else float(margin)
    compared = ComparedSources(points, draws, sampling, level)
    return Agreement(
        treatment=treatment,
        outcome=outcome,
        contrast=encoded.contrast,
        outcome_unit=encoded.outcome_unit,
        margin=size,
        margin_reason=f"a tenth of the outcome's standard deviation of {spread:.3g}" if margin is None else "as asked",
        sources=compared.sources(method),
        pairs=compared.pairs(size),
        draws=pd.DataFrame(draws, columns=SOURCES[: len(points)]),
        level=level,
        iterations=iterations,
        lost=replicates - len(draws),
        variables=encoded.variables,
    )


def _or_lost(replicate: Callable[..., list[float]], counts: NDArray[np.int64], sources: int) -> list[float]:
    """One replicate's effects; NaN where one cannot be computed."""
    try:
        return replicate(counts, False)
    except (DataError, DivergenceError):
        return [np.nan] * sources


def _kept(draws: Array) -> Array:
    """The finite replicates.

    Raises:
        DataError: More than a fifth are not finite.
    """
    kept = draws[np.isfinite(draws).all(axis=1)]
    lost = len(draws) - len(kept)
    if lost > MOST_LOST * len(draws):
        raise DataError(
            f"Expected refits that follow the resampled rows; {lost} of {len(draws)} replicates diverge, and intervals of "
            "the others would be too narrow. Train the mechanisms longer, or choose simpler ones."
        )
    return kept


def _causes(scm: "StructuralCausalModel", treatment: str, outcome: str) -> "StructuralCausalModel":
    """The part of a model that determines treatment and outcome; mechanisms are shared.

    Raises:
        DataError: It contains an image.
    """
    from ..scm import ancestral_model

    model = ancestral_model(scm, [treatment, outcome])
    images = [name for name in model.graph.nodes if model.graph[name].is_image]
    if images:
        raise DataError(
            f"Expected treatment and outcome that depend on attributes only; got the image {', '.join(images)} among "
            "their causes, whose mechanism is not refitted here."
        )
    return model


class _Resampling:
    """Rows (or clusters) drawn with replacement, as counts of every row."""

    def __init__(self, clusters: NDArray[np.int64], fitted: NDArray[np.bool_], seed: int) -> None:
        self.clusters, self.fitted = clusters, fitted
        self.rng = np.random.default_rng(seed)

    def draw(self) -> NDArray[np.int64]:
        groups = int(self.clusters.max()) + 1
        return self.rng.multinomial(groups, np.full(groups, 1 / groups))[self.clusters]


def _fitted(index: pd.Index, rows: Sequence[Hashable] | None) -> NDArray[np.bool_]:
    if rows is None:
        return np.ones(len(index), dtype=bool)
    fitted = index.isin(list(rows))
    if fitted.sum() < LEAST_FITTED:
        raise DataError(
            f"Expected at least {LEAST_FITTED} index labels of the table in fitted_on; got {fitted.sum()}. "
            "Give the labels of the rows on which the model was fitted."
        )
    return fitted


def _check_options(margin: float | None, replicates: int, iterations: int, n: int, level: float) -> None:
    if margin is not None and not (np.isfinite(margin) and margin > 0):
        raise DataError(f"Expected a positive margin in the outcome's unit; got {margin!r}.")
    if replicates < LEAST_REPLICATES:
        raise DataError(f"Expected at least {LEAST_REPLICATES} replicates; got {replicates}.")
    if iterations < 1:
        raise DataError(f"Expected at least 1 iteration of every refit; got {iterations}.")
    if n < LEAST_SAMPLES:
        raise DataError(f"Expected at least {LEAST_SAMPLES} samples of the model; got n={n}.")
    if not 0.5 < level < 1:
        raise DataError(f"Expected level between 0.5 and 1, such as 0.95; got {level!r}.")
