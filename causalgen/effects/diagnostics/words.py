"""Numbers formatted for readers, and the one rule that turns p-values into verdicts."""

from collections.abc import Sequence

from ..report import Verdict

__all__ = ["SIGNIFICANCE", "holm", "percent", "verdict"]

SIGNIFICANCE = 0.05


def percent(share: float) -> str:
    """A share with two digits.

    >>> percent(0.0519), percent(0.00131), percent(0.5)
    ('5.2 %', '0.13 %', '50 %')
    """
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values of one family of tests; None stays None and counts as no test.

    statsmodels' `multipletests` gives the same, after a full garbage collection that takes up to a second.

    >>> holm([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    adjusted: list[float | None] = [None] * len(p_values)
    tested = sorted((p_value, place) for place, p_value in enumerate(p_values) if p_value is not None)
    least = 0.0
    for count, (p_value, place) in zip(range(len(tested), 0, -1), tested, strict=True):
        adjusted[place] = least = max(least, min(1.0, count * float(p_value)))
    return adjusted


def verdict(p_value: float | None) -> Verdict:
    """Turn a p-value into words: "rejected" at p <= 0.05, "not rejected" above, "no verdict" without a p-value."""
    if p_value is None:
        return "no verdict"
    return "rejected" if p_value <= SIGNIFICANCE else "not rejected"
