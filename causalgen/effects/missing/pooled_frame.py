"""Curves and effects of groups pooled over completed tables."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import f as fisher

from ...errors import DataError, DataWarning
from ..bounded_means import from_logits, to_logits
from .impute import IMPUTATIONS, imputation
from .pooled_rows import PoolingRule
from .ways import MissingValues

if TYPE_CHECKING:
    from ..question import EffectQuestion

__all__ = ["pool_tests", "pooled_frame"]

ENDS = ("low", "high", "low_all", "high_all")
Ask = Callable[["EffectQuestion"], pd.DataFrame]


def pooled_frame(question: "EffectQuestion", value: str, seed: int, ask: Ask) -> pd.DataFrame:
    """Pool each row of an answer over completed tables by Rubin's rules; counts and shares are averaged.

    A simultaneous interval keeps its proportion to the pointwise one. Means with bounds are pooled as logits.

    Args:
        question: A question with missing values.
        value: The column of estimates; low, high, low_all and high_all are their intervals.
        seed: Seed of the imputations.
        ask: Answers the question on a completed table.

    Raises:
        DataError: The rows differ between the completed tables, or a column cannot be imputed.
    """
    found = imputation(question, [str(question.treatment), question.outcome, *question.used])
    if not found.incomplete:
        return ask(replace(question, missing="drop"))
    frames: list[pd.DataFrame] = []
    for completed in found.completed(seed, IMPUTATIONS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if frames else "default", DataWarning)  # the first table has already warned
            frames.append(ask(completed))
    pooled, attrs = frames[0].copy(), frames[0].attrs
    label = pooled.columns[0]
    if any(not frame[label].equals(pooled[label]) for frame in frames):
        raise DataError(
            f"Expected groups that are the same in every completed table; those of '{attrs.get('by')}' have quantiles that "
            "depend on its imputed values. Name the values at which to cut it."
        )
    for name in pooled.columns.difference([label, value, *ENDS]):
        mean = np.mean([frame[name] for frame in frames], axis=0)
        pooled[name] = mean.round().astype(int) if pooled[name].dtype.kind == "i" else mean
    cluster, rows = question.cluster, len(question.table)
    units = rows if cluster is None else question.table[cluster].nunique()
    bounds = attrs.get("bounds")
    every = {
        name: to_logits(np.stack([frame[name].to_numpy(dtype=float) for frame in frames]), bounds)
        for name in (value, *ENDS)
    }
    wider = np.mean((every["high_all"] - every["low_all"]) / (every["high"] - every["low"]), axis=0)
    for place in range(len(pooled)):
        own = int(pooled["rows"].iloc[place]) if cluster is None and "rows" in pooled else units
        rule = PoolingRule(attrs["level"], own, cluster is not None)
        one = rule.numbers(*(every[name][:, place].tolist() for name in (value, "low", "high")))
        assert one is not None
        reach = one.interval(rule.level)[1] - one.value
        ends = [one.value + factor * reach for factor in (-1, 1, -wider[place], wider[place])]
        pooled.loc[pooled.index[place], [value, *ENDS]] = from_logits(np.array([one.value, *ends]), bounds)
    pooled.attrs = dict(attrs)
    if "p_value" in attrs:
        pooled.attrs["p_value"] = pool_tests([frame.attrs["p_value"] for frame in frames], len(pooled) - 1)
    told = MissingValues("impute", found.holes, found.incomplete, rows, tuple(found.columns), len(frames))
    pooled.attrs["missing"] = f"{told.text} {told.assumption}"
    return pooled


def pool_tests(p_values: Sequence[float], hypotheses: int) -> float:
    r"""The p-value of Wald tests on several completed tables, combined by their statistics (rule D2).

    References:
        Li, Meng, Raghunathan and Rubin (1991), Significance levels from repeated p-values with multiply-imputed data.

    Args:
        p_values: One for each table.
        hypotheses: Degrees of freedom of the test.

    >>> round(pool_tests([0.04, 0.04, 0.04], 1), 3), pool_tests([0.001, 0.3, 0.04], 1) > 0.05
    (0.04, True)
    """
    count, statistics = len(p_values), chi2.isf(np.maximum(p_values, 1e-300), hypotheses)
    spread = (1 + 1 / count) * float(np.var(np.sqrt(statistics), ddof=1))
    pooled = (statistics.mean() / hypotheses - (count + 1) / (count - 1) * spread) / (1 + spread)
    if spread < 1e-12:
        return float(chi2.sf(pooled * hypotheses, hypotheses))
    freedom = hypotheses ** (-3 / count) * (count - 1) * (1 + 1 / spread) ** 2
    return float(fisher.sf(max(pooled, 0.0), hypotheses, freedom))
