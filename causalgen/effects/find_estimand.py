"""What identifies an effect: an adjustment set, a front door, a general formula or an instrument."""

from collections.abc import Sequence
from dataclasses import replace

from ..errors import DataError, NotIdentifiableError
from ..graph import (
    CausalGraph,
    Estimand,
    check_adjustment_set,
    check_instrument,
    check_joint_adjustment_set,
    identify,
    instruments,
    joint_adjustment_set,
)
from .selected_rows import estimand_among_rows

__all__ = ["find_estimand"]


def find_estimand(
    graph: CausalGraph,
    treatment: str | tuple[str, ...],
    outcome: str,
    *,
    adjustment: Sequence[str] | None = None,
    instrument: str | None = None,
) -> Estimand:
    """Find the estimand: by the given adjustment set or instrument if valid, else by what `identify` finds.

    Raises:
        DataError: Adjustment set and instrument are both given.
        NotIdentifiableError: No estimator here can use what identifies the effect; the message shows the open path.
        UnknownNameError: A name is not a node of the graph.
    """
    if adjustment is not None and instrument is not None:
        raise DataError(
            "Expected an adjustment set or an instrument; got both. The instrument's conditioning set is found for you."
        )
    if graph.selection.sampling:
        return estimand_among_rows(graph, treatment, outcome, adjustment, instrument)
    if not isinstance(treatment, str):
        if instrument is not None:
            raise DataError("Expected one treatment with an instrument; got several. Leave instrument= out.")
        return _joint_estimand(graph, treatment, outcome, adjustment)
    if instrument is not None:
        for found in instruments(graph, treatment, outcome):
            if found.instrument == instrument:
                return found
        raise NotIdentifiableError(
            f"Expected an instrument for the effect of '{treatment}' on '{outcome}'; "
            f"{check_instrument(graph, treatment, outcome, instrument)} Leave instrument= out to identify without one."
        )
    if adjustment is not None:
        check = check_adjustment_set(graph, treatment, outcome, adjustment)
        if not check:
            raise NotIdentifiableError(
                f"Expected a set that is valid to adjust for; {check} Leave adjustment= out to have one found."
            )
        causes = outcome in graph.descendants(treatment)
        return Estimand("backdoor" if causes else "no effect", treatment, outcome, adjustment=check.adjustment)
    try:
        return identify(graph, treatment=treatment, outcome=outcome)
    except NotIdentifiableError as error:
        ways = ", ".join(f"'{found.instrument}'" for found in instruments(graph, treatment, outcome))
        if not ways:
            raise
        remedy = f"Or, if the effect is linear, use an instrument of the graph: {ways} as instrument=."
        raise NotIdentifiableError(f"{error} {remedy}", hedge=error.hedge) from None


def _joint_estimand(
    graph: CausalGraph, treatments: tuple[str, ...], outcome: str, adjustment: Sequence[str] | None = None
) -> Estimand:
    """The estimand of the joint effect of several treatments, identified by one adjustment set."""
    names = ", ".join(treatments)
    if adjustment is not None:
        check = check_joint_adjustment_set(graph, treatments, outcome, adjustment)
        if not check:
            raise NotIdentifiableError(
                f"Expected a set that is valid to adjust for the joint effect of {names}; {check} Leave adjustment= out "
                "to have one found."
            )
        causes = any(outcome in graph.descendants(name) for name in treatments)
        return Estimand("backdoor" if causes else "no effect", treatments, outcome, adjustment=check.adjustment)
    found = identify(graph, treatment=treatments, outcome=outcome)
    if found.method == "general":
        raise NotIdentifiableError(
            f"Expected a joint effect that one adjustment set identifies; that of {names} on '{outcome}' has none: "
            f"{joint_adjustment_set(graph, treatments, outcome)} A cause of the later treatment that the earlier one changes "
            f"(time-varying confounding) has this form. The effect has another formula, {found.formula}, which no estimator "
            "here uses; ask for one treatment at a time."
        )
    return replace(found, treatment=treatments)
