"""A nested answer pooled over tables whose missing values were imputed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..effects.missing.pooled_rows import PoolingRule
from ..effects.missing.ways import MissingValues
from .answer import NestedAnswer

__all__ = ["pooled_answer"]


def pooled_answer(answers: Sequence[NestedAnswer], missing: MissingValues, clusters: int | None) -> NestedAnswer:
    """Pool every effect over completed tables by Rubin's rules; intervals of a bootstrap count as normal ones.

    Args:
        answers: The answer from each completed table.
        missing: What was imputed.
        clusters: Number of clusters; None for independent rows.
    """
    first = answers[0]
    rule = PoolingRule(first.level, missing.rows if clusters is None else clusters, clusters is not None)
    effects = []
    for place, effect in enumerate(first.effects):
        rows = [answer.effects[place] for answer in answers]
        values = [np.nan if row.value is None else row.value for row in rows]
        pooled = rule.numbers(values, [row.low for row in rows], [row.high for row in rows])
        assert pooled is not None
        low, high = pooled.interval(first.level)
        effects.append(replace(effect, value=pooled.value, low=low, high=high))
    note = f"{first.note} {missing.text} {missing.assumption}"
    return replace(first, effects=tuple(effects), note=note)
