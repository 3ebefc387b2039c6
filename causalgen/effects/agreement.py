"""Do the estimate from data, the fitted model and the generated images agree? Jointly bootstrapped, within a margin."""

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from ..errors import DataError, DivergenceError, SupportWarning
from ..graph import identify
from .agreement_result import Agreement, AgreementPair, Verdict
from .comparisons import Measure, calibrate, measure_units
from .encode import encode_question
from .question import EffectQuestion
from .report import Estimate
from .table import CLUSTER, check_names

if TYPE_CHECKING:
    from ..scm import StructuralCausalModel

__all__ = ["Images", "agreement"]

LEAST_REPLICATES, LEAST_FITTED, LEAST_SAMPLES = 10, 50, 1_000
MOST_LOST = 0.2  # share of the replicates
DRAWN_SHARE = 4  # a replicate draws this many times fewer units: under common noise differences need fewer
SOURCES = ("estimate from data", "fitted model under do", "measured on generated images")
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Images:
    """Real units on whose counterfactual images the outcome is measured.

    Args:
        name: Name of the image variable.
        measure: Images `(n, C, H, W)` -> the outcome measured on each, `(n,)`.
        factual: A value of every node for each unit.
        rows: Index labels of the units in the table, so that both are resampled together; None resamples them apart.
    """

    name: str
    measure: Measure
    factual: Mapping[str, Any]
    rows: Sequence[Hashable] | None = None


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

    Every replicate resamples rows (or clusters) once for all sources: it carries the data estimate along its influence
    function, refits the attribute mechanisms between treatment and outcome and asks them again, and reads the images
    of the resampled units. Images are generated once; where refitted mechanisms move a unit's counterfactual outcome,
    its reading moves along the line of measured on assigned outcomes of the generated images. A replicate whose refit
    diverges, or whose images follow no line, is left out and counted.

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
    from .refitting import Refitting, ancestral_model
    from .row_influences import DEFAULT_METHOD, row_influences

    check_names(scm.graph, table, treatment, outcome)
    model = ancestral_model(scm, treatment, outcome)
    estimand = identify(model.graph, treatment=treatment, outcome=outcome)
    if estimand.method != "backdoor":
        raise DataError(
            f"Expected an effect to compare; the graph of the model has no path from '{treatment}' to '{outcome}'."
        )
    nodes = model.graph.nodes
    table = table[table[[*nodes, *([cluster] if cluster in table else [])]].notna().all(axis=1)]
    question = EffectQuestion(model.graph, table, treatment, outcome, contrast, cluster=cluster)
    encoded = encode_question(question, estimand.adjustment)
    method = method or DEFAULT_METHOD[encoded.kind]
    data = row_influences(question, encoded, method, seed)
    resampling = _Resampling(
        clusters=encoded.data[CLUSTER].to_numpy() if cluster else np.arange(len(table)),
        fitted=_fitted(table.index, fitted_on),
        seed=seed,
    )
    modelled = _Question(model, treatment, outcome, encoded.contrast, seed)
    effect, sampling = modelled.effect(n)
    units = None if images is None else _Units(scm, images, table.index, modelled)
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
        base = replicate(np.ones(len(table), dtype=np.int64), True)  # what settling changes is no difference of sources
        draws = np.array([_or_lost(replicate, resampling.draw(), len(points)) for _ in range(replicates)])
    draws = _kept(draws) + points - base
    spread = float(encoded.data[outcome].std())
    size = 0.1 * spread if margin is None else float(margin)
    compared = _Compared(points, draws, sampling, level)
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
    """One replicate's effects; nan where one cannot be computed."""
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


class _Resampling:
    """Rows (or clusters) drawn with replacement, as counts of every row."""

    def __init__(self, clusters: NDArray[np.int64], fitted: NDArray[np.bool_], seed: int) -> None:
        self.clusters, self.fitted = clusters, fitted
        self.rng = np.random.default_rng(seed)

    def draw(self) -> NDArray[np.int64]:
        groups = int(self.clusters.max()) + 1
        return self.rng.multinomial(groups, np.full(groups, 1 / groups))[self.clusters]


@dataclass(frozen=True, eq=False)
class _Question:
    """A model of attributes, evaluated under both values of the contrast with common noise."""

    model: "StructuralCausalModel"
    treatment: str
    outcome: str
    contrast: tuple[Any, Any]
    seed: int

    def effect(self, n: int) -> tuple[float, float]:
        """Effect and its Monte Carlo error over `n` sampled units."""
        a, b = (
            self.model.sample(n, do={self.treatment: value}, seed=self.seed)[self.outcome].double().cpu().numpy()
            for value in self.contrast
        )
        return float((b - a).mean()), float((b - a).std() / np.sqrt(n))

    def counterfactuals(self, factual: Mapping[str, Any]) -> Array:
        """Outcomes of real units under both values, `(2, units)`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SupportWarning)  # given once, when the images were generated
            posterior = self.model.abduct(factual, seed=self.seed)
            worlds = [posterior.counterfactual({self.treatment: value}, seed=self.seed) for value in self.contrast]
        return np.stack([world[self.outcome].double().cpu().numpy() for world in worlds])


class _Units:
    """Measured units, whose readings follow refitted mechanisms along a line."""

    def __init__(
        self,
        scm: "StructuralCausalModel",
        images: Images,
        index: pd.Index,
        question: _Question,
    ) -> None:
        measured = measure_units(
            scm,
            image=images.name,
            measure=images.measure,
            factual=images.factual,
            treatment=question.treatment,
            outcome=question.outcome,
            contrast=question.contrast,
            seed=question.seed,
        )
        self._measured, self._question = measured, question
        columns = {name: images.factual[name] for name in question.model.graph.nodes}
        self._factual = {
            name: (np.asarray(column) if isinstance(column, list | tuple) else column)[measured.kept]
            for name, column in columns.items()
        }
        self._start = question.counterfactuals(self._factual)
        assigned = np.concatenate([measured.control_assigned, measured.treated_assigned])
        self._follow = calibrate(np.concatenate([measured.control, measured.treated]), assigned).slope
        self.moved = np.zeros_like(self._start)
        self._rows = None if images.rows is None else _positions(index, images.rows, len(measured.kept))[measured.kept]

    def once(self) -> NDArray[np.int64]:
        return np.ones(len(self._measured.factual), dtype=np.int64)

    def counts(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """How often each unit is drawn when the table's rows are drawn `rows` times."""
        if self._rows is not None:
            return rows[self._rows]
        units = len(self._measured.factual)
        return rng.multinomial(units, np.full(units, 1 / units))

    def refitted(self) -> Array:
        """Change of the outcomes that the refitted model makes under both values, `(2, units)`."""
        return self._question.counterfactuals(self._factual) - self._start

    def effect(self, counts: NDArray[np.int64], moved: Array) -> float:
        """Corrected effect over the units, each counted `counts` times."""
        measured = self._measured
        slope = calibrate(np.repeat(measured.factual, counts), np.repeat(measured.assigned, counts)).slope
        difference = measured.treated - measured.control + self._follow * (moved[1] - moved[0])
        return float(counts @ difference / counts.sum() / slope)


@dataclass(frozen=True, eq=False)
class _Compared:
    """Effects of the sources with their joint draws."""

    points: Array
    draws: Array
    sampling: float
    level: float

    def sources(self, method: str) -> tuple[Estimate, ...]:
        notes = (
            f"{method} on the rows of the table.",
            "Mean over samples of the fitted model; the interval holds the fit of the attribute mechanisms.",
            "Counterfactual images of real units, corrected by the line of measured on assigned outcomes; the interval "
            "holds the fit of the attribute mechanisms, the units and the correction, not the fit of the image.",
        )
        rows = []
        for j, (point, note) in enumerate(zip(self.points, notes, strict=False)):
            reach = self._error(self.draws[:, j], model=j == 1) * self._quantile(0.5 + self.level / 2)
            rows.append(Estimate(SOURCES[j], float(point), float(point - reach), float(point + reach), note=note))
        return tuple(rows)

    def pairs(self, margin: float) -> tuple[AgreementPair, ...]:
        rows = []
        for i, j in combinations(range(len(self.points)), 2):
            difference = float(self.points[j] - self.points[i])
            error = self._error(self.draws[:, j] - self.draws[:, i], model=1 in (i, j))
            reach, tested = (self._quantile(q) * error for q in (0.5 + self.level / 2, self.level))
            verdict: Verdict = "undecided"
            if abs(difference) + tested < margin:
                verdict = "agree within the margin"
            elif abs(difference) - reach > margin:
                verdict = "differ"
            rows.append(
                AgreementPair(SOURCES[i], SOURCES[j], difference, difference - reach, difference + reach, verdict)
            )
        return tuple(rows)

    def _quantile(self, probability: float) -> float:
        """Student's t interval, since the standard deviation comes from few replicates."""
        return float(student.ppf(probability, len(self.draws) - 1))

    def _error(self, draws: Array, *, model: bool) -> float:
        """Standard deviation of the draws, including the Monte Carlo error of the model's samples where they are used."""
        return float(np.hypot(draws.std(ddof=1), self.sampling if model else 0.0))


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


def _positions(index: pd.Index, rows: Sequence[Hashable], units: int) -> NDArray[np.int64]:
    if not index.is_unique:
        raise DataError(
            "Expected distinct index labels of the table, since `rows` refers to them. Reset the index first."
        )
    positions = index.get_indexer(pd.Index(list(rows)))
    if len(positions) != units or (positions < 0).any():
        raise DataError(
            f"Expected an index label of a complete row of the table for each of {units} units; got {len(positions)} "
            f"labels, {(positions < 0).sum()} of them unknown. Leave rows out to resample the units separately."
        )
    return positions


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
