"""Estimands that only adjustment answers here: of groups, rows, curves and proxies."""

from ..errors import DataError, NotIdentifiableError
from ..graph import Estimand

__all__ = ["adjusted"]


def adjusted(estimand: Estimand) -> Estimand:
    """The same estimand, of one treatment and identified by adjustment.

    Raises:
        DataError: There are several treatments.
        NotIdentifiableError: Something else identifies the effect, or nothing does.
    """
    if not isinstance(estimand.treatment, str):
        raise DataError(
            f"Expected one treatment here; got {', '.join(estimand.treatment)}. Ask for each of them in turn, or "
            "estimate_effect for their joint effect."
        )
    if estimand.method != "backdoor":
        raise NotIdentifiableError(
            f"Expected an effect of '{estimand.treatment}' on '{estimand.outcome}' that adjustment identifies; got another "
            f"one: {estimand.text} Ask estimate_effect for its average."
        )
    return estimand
