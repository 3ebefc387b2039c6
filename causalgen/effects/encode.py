"""The table of a question as the numbers that estimators take."""

from collections.abc import Sequence
from dataclasses import replace

from ..errors import DataError
from .joint import encode_joint
from .question import EffectQuestion
from .single import encode_single
from .table import EncodedTable

__all__ = ["encode_question"]


def encode_question(question: EffectQuestion, used: Sequence[str] | None = None) -> EncodedTable:
    """Encode the columns that an estimate uses, and drop their incomplete rows.

    Args:
        question: Contrast, variables, table and graph.
        used: The variables next to treatment and outcome; None for those of the estimand.

    Raises:
        DataError: The table or the contrast does not fit.
        SupportError: The contrast or an outcome lies outside the declared support.
        NotIdentifiableError: `used` is left out, and the effect is not identified.
    """
    if question.missing == "impute":
        raise DataError(
            "Expected missing='drop' or 'weight' here; got 'impute', which estimate_effect, effects_by_group and "
            "dose_response offer: their estimates can be pooled."
        )
    encode = encode_single if isinstance(question.treatment, str) else encode_joint
    encoded = encode(question, question.used if used is None else used)
    if question.survival is None:
        return encoded
    return replace(encoded, notes=(*encoded.notes, *question.survival.notes))
