"""Questions that only adjustment answers here: groups, rows, curves and proxies."""

from ..errors import DataError, NotIdentifiableError
from ..graph import Estimand
from .question import EffectQuestion

__all__ = ["adjusted"]


def adjusted(question: EffectQuestion) -> Estimand:
    """The estimand of one treatment that adjustment identifies.

    Raises:
        DataError: There are several treatments.
        NotIdentifiableError: Something else identifies the effect, or nothing does.
    """
    if not isinstance(question.treatment, str):
        raise DataError(
            f"Expected one treatment here; got {', '.join(question.treatment)}. Ask for each of them in turn, or "
            "estimate_effect for their joint effect."
        )
    if question.estimand.method != "backdoor":
        raise NotIdentifiableError(
            f"Expected an effect of '{question.treatment}' on '{question.outcome}' that adjustment identifies; got another "
            f"one: {question.estimand.text} Ask estimate_effect for its average."
        )
    return question.estimand
