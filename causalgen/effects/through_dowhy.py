"""Estimates, refuters and warnings for one encoded question; importing it loads DoWhy.

DoWhy provides the second opinion on the adjustment set, the estimand and estimator classes, and the refuters (except the
dummy outcome). The estimators are this package's, unless a word such as "dowhy:linear_regression" or
"econml:dml.LinearDML" names one of another library.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_identifier import IdentifiedEstimand

from ..datasets.hints import declare_remedy
from ..errors import DataError
from ..graph import CausalGraph, Estimand
from .bootstrap import bootstrap_interval
from .diagnostics.refit import NAIVE, contrast_of
from .diagnostics.refuters import refute
from .estimators.adjustment import AdjustmentEstimator
from .estimators.linear import LinearAdjustment
from .estimators.methods import METHODS, Method, able_methods, check_method_names, check_table, choose_methods
from .identification import (
    adjusted_estimand,
    dowhy_estimand,
    formula_estimand,
    instrument_estimand,
    unadjusted_estimand,
)
from .overlap import SHARE_WORTH_A_WARNING, Overlap, overlap_warnings, require_overlap, treatment_overlap
from .quiet import quiet_dowhy
from .recommended import IN_OVERLAP
from .report import Estimate, Refutation
from .scales import MeansInterval, scales_of
from .settings import INTERVALS, EstimationSettings
from .table import EncodedTable

__all__ = ["through_dowhy"]

ROBUST = "Robust interval (HC1, or by cluster)."
MEANS = f"Difference between the means of the two groups without adjustment: an association. {ROBUST}"
NAIVE_NOTES = {
    "binary": MEANS,
    "categorical": MEANS,
    "continuous": "Slope of the outcome on the treatment alone, times the difference between the two values: an association. "
    + ROBUST,
}


def through_dowhy(
    graph: CausalGraph, table: EncodedTable, estimand: Estimand, settings: EstimationSettings
) -> tuple[tuple[Estimate, ...], tuple[Refutation, ...], tuple[str, ...]]:
    """Estimates, the naive one first, refutations and warnings."""
    chosen: dict[str, Method] = {}
    check_method_names(settings.methods)
    if estimand.method != "no effect":
        chosen = choose_methods(
            settings.methods,
            table.kind,
            table.names[0],
            identified=estimand.method,
            population=settings.population,
        )
        chosen = able_methods(chosen, estimand, table, named=settings.methods is not None)
    _check_methods(chosen, table, settings)
    _check_beside(estimand, table)
    overlap = _overlap(table, estimand, settings)
    lost = _exploding(overlap, chosen, settings)
    if overlap is not None:
        require_overlap(overlap, table.names[0])
    with quiet_dowhy():
        identified = _identified(graph, table, estimand)
        discrete = table.kind == "categorical"
        beside = [name for name in estimand.beside if name != estimand.instrument]
        bare = unadjusted_estimand(*table.names, instrument=estimand.instrument, mediators=beside)
        if table.held:
            bare.set_adjustment_set(list(table.held))
        naive = contrast_of(LinearAdjustment(bare, discrete=discrete), table, "whole")
        adjusted = {
            name: contrast_of(_built(method, identified, table, settings), table, settings.population)
            for name, method in chosen.items()
            if name not in lost
        }
        fitted = {name: (adjusted[name], chosen[name], settings.population) for name in adjusted}
        in_overlap = _in_overlap(identified, table, chosen, overlap, settings)
        fitted |= in_overlap
        estimates = [_estimate(NAIVE, naive, table, NAIVE_NOTES[table.kind], "whole", settings, INTERVALS)]
        estimates += [
            _estimate(name, found, table, method.note, population, settings, method.intervals)
            for name, (found, method, population) in fitted.items()
        ]
        if lost:
            estimates = [_extrapolated(row) if row.source in adjusted else row for row in estimates]
        refutations: tuple[Refutation, ...] = ()
        refuted = adjusted or {name: found for name, (found, *_) in in_overlap.items()}
        if settings.simulations and refuted:
            refutations = refute(refuted, naive, simulations=settings.simulations, seed=settings.seed)
    doubts = _doubts(table, estimand, overlap, adjusted)
    if overlap is not None and lost:
        doubts = (_left_out(overlap, lost, list(adjusted)), *doubts)
    return tuple(estimates), refutations, doubts


def _check_methods(chosen: dict[str, Method], table: EncodedTable, settings: EstimationSettings) -> None:
    least = settings.least_resamples
    bootstrapped = settings.interval == "bootstrap" or any(
        "analytic" not in method.intervals for method in chosen.values()
    )
    if bootstrapped and settings.resamples < least:
        raise DataError(
            f"Expected at least {least} resamples for a bootstrap at level {settings.level:g}; got {settings.resamples}."
        )
    for name, method in chosen.items():
        check_table(name, table)
        if settings.interval == "bootstrap" and "bootstrap" not in method.intervals:
            raise DataError(
                f"Expected a method whose interval may be a bootstrap; the bootstrap is not valid or not offered for "
                f"{name!r}. Use interval='analytic'."
            )


def _check_beside(estimand: Estimand, table: EncodedTable) -> None:
    """Refuse an instrument or a mediator that does not vary, and an instrument with more than two labels."""
    for name in (estimand.instrument, *estimand.mediators):
        if name and table.data[name].nunique() < 2:
            raise DataError(f"Expected '{name}' to vary, since the effect's identification uses it; it is constant.")
    if len(table.labels.get(estimand.instrument, ())) > 2:
        raise DataError(
            f"Expected a binary or continuous instrument; '{estimand.instrument}' has "
            f"{len(table.labels[estimand.instrument])} labels. Recode it into two labels, or declare it continuous "
            f"if its numbers are quantities: {declare_remedy(estimand.instrument, 'continuous')}."
        )


def _overlap(table: EncodedTable, estimand: Estimand, settings: EstimationSettings) -> Overlap | None:
    if estimand.method != "backdoor" or table.kind == "continuous":
        return None
    return treatment_overlap(table, seed=settings.seed)


def _exploding(overlap: Overlap | None, chosen: dict[str, Method], settings: EstimationSettings) -> tuple[str, ...]:
    """The weighting methods, if the whole population was requested and most of it has no counterparts."""
    if overlap is None or settings.population != "whole" or not (overlap.explodes or overlap.one_sided):
        return ()
    return tuple(name for name, method in chosen.items() if method.weighs)


def _left_out(overlap: Overlap, lost: Sequence[str], others: Sequence[str]) -> str:
    named, rest = " and ".join(lost), " and ".join(others)
    why = (
        f"would leave an effective sample size of {min(overlap.effective):.1%} of a group's rows"
        if overlap.explodes
        else f"would rest on few rows: for {overlap.poor:.0%} of the rows one value has almost no counterparts"
    )
    return (
        f"Exploding weights: in the whole population those of {named} {why} (overlap fails where {overlap.where}), so "
        f"{named} is given in the overlap population only. There, rows have counterparts"
    ) + (f"; {rest} covers the whole population only by extrapolation." if others else ".")


def _extrapolated(row: Estimate) -> Estimate:
    """The estimate with the caution that most rows of the population have no counterparts."""
    return replace(row, caution="an extrapolation to rows without counterparts")


def _identified(graph: CausalGraph, table: EncodedTable, estimand: Estimand) -> IdentifiedEstimand:
    if not isinstance(estimand.treatment, str):
        return adjusted_estimand(*table.names, [*table.held, *estimand.adjustment])
    if estimand.method == "instrument":
        return instrument_estimand(estimand)
    if estimand.method in ("frontdoor", "general"):
        return formula_estimand(estimand)
    return dowhy_estimand(graph, estimand)


def _in_overlap(
    identified: IdentifiedEstimand,
    table: EncodedTable,
    chosen: dict[str, Method],
    overlap: Overlap | None,
    settings: EstimationSettings,
) -> dict[str, tuple[CausalEstimate, Method, str]]:
    """The weighting methods repeated in the overlap population, if overlap in the whole population is poor."""
    if overlap is None or settings.population != "whole":
        return {}
    if overlap.poor < SHARE_WORTH_A_WARNING:
        return {}
    able = {name: method for name, method in chosen.items() if method.weighs}
    return {
        f"{name}{IN_OVERLAP}": (
            contrast_of(_built(method, identified, table, settings), table, "overlap"),
            method,
            "overlap",
        )
        for name, method in able.items()
    }


def _built(
    method: Method, identified: IdentifiedEstimand, table: EncodedTable, settings: EstimationSettings
) -> AdjustmentEstimator:
    estimator = method.build(identified, table, settings.seed)
    return estimator.for_resamples() if settings.interval == "bootstrap" else estimator


def _possible(
    value: float, low: float | None, high: float | None, bounds: tuple[float, float] | None
) -> tuple[float | None, float | None]:
    """Remove differences that no outcome within `bounds` can have from the interval; this loses no coverage."""
    most = math.inf if bounds is None else bounds[1] - bounds[0]
    if abs(value) > most:  # a straight line may leave the bounds, as its note states
        return low, high
    return None if low is None else max(low, -most), None if high is None else min(high, most)


def _estimate(
    source: str,
    estimate: CausalEstimate,
    table: EncodedTable,
    note: str,
    population: str,
    settings: EstimationSettings,
    intervals: tuple[str, ...],
) -> Estimate:
    if "analytic" not in intervals or settings.interval == "bootstrap":
        ends, lost, draws = bootstrap_interval(
            estimate, table, level=settings.level, resamples=settings.resamples, seed=settings.seed
        )
        note += f" Here: bootstrap of {settings.resamples} resamples."
        note += f" {lost} of them could not be estimated and were left out." * bool(lost)
    else:
        ends, draws = estimate.get_confidence_intervals(confidence_level=settings.level), None
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    note += estimate.estimator.remark
    caution = _caution(source, table)
    note = f"{caution[0].upper()}{caution[1:]}. {note}" if caution else note
    kind: Literal["naive", "adjusted"] = "naive" if source == NAIVE else "adjusted"
    named = "compliers" if source == "instrumental variables" else population
    low, high = _possible(float(estimate.value), low, high, table.bounds)
    value, interval = float(estimate.value), MeansInterval(estimate.estimator.found, settings.level, draws)
    scales = scales_of(table, interval, (value, low, high))
    return Estimate(source, value, low, high, kind, note, named, caution, scales)


def _caution(source: str, table: EncodedTable) -> str:
    """The caution for a method linear in a continuous treatment: it approximates a curve by a straight line."""
    linear = METHODS[source].linear if source in METHODS else "never"
    if table.kind != "continuous" or linear == "never" or (linear == "unbounded outcomes" and table.bounds is not None):
        return ""
    reason = "" if table.bounds is None else ", and this outcome, which has limits, follows a curve"
    return f"a straight-line approximation{reason}"


def _doubts(
    table: EncodedTable, estimand: Estimand, overlap: Overlap | None, adjusted: dict[str, CausalEstimate]
) -> tuple[str, ...]:
    """Warnings about poor overlap, and those of the estimators about their fits."""
    poor = overlap_warnings(table, overlap) if estimand.method == "backdoor" else ()
    return (*poor, *(text for estimate in adjusted.values() for text in estimate.estimator.doubts))
