"""Effects in a table of selected units: refused if selection biases them, marked if they hold for these units only."""

from collections.abc import Sequence

from ..errors import NotIdentifiableError
from ..graph import CausalGraph, Estimand, check_adjustment_set, selection_bias
from ..graph.adjustment import write_set

__all__ = ["estimand_among_rows", "selection_warnings"]


def estimand_among_rows(
    graph: CausalGraph,
    treatment: str | tuple[str, ...],
    outcome: str,
    adjustment: Sequence[str] | None,
    instrument: str | None,
) -> Estimand:
    """The adjustment that gives the effect in the whole population, or else the one among the units in the table.

    Raises:
        NotIdentifiableError: There are several treatments or an instrument, the given set is not valid, or the selection
            biases both effects.
    """
    if instrument is not None:
        raise NotIdentifiableError(
            f"Expected an adjustment set where selection nodes decide which units are in the table; got the instrument "
            f"'{instrument}', and the effect of the selection on it is not known. Leave instrument= out."
        )
    if not isinstance(treatment, str):
        raise NotIdentifiableError(
            "Expected one treatment where selection nodes decide which units are in the table; got "
            f"{', '.join(treatment)}. Ask for one of them at a time."
        )
    if outcome not in graph.descendants(treatment):
        return Estimand("no effect", treatment, outcome, adjustment=tuple(adjustment or ()))
    bias = selection_bias(graph, treatment=treatment, outcome=outcome)
    if bias.adjustment is None:
        raise NotIdentifiableError(
            f"Expected rows from which the effect can be estimated; got selected ones. {bias.text}"
        )
    chosen = bias.adjustment if adjustment is None else adjustment
    check = check_adjustment_set(graph, treatment, outcome, chosen)
    if bias.follows and bias.recovery is not None and not any(set(z) <= set(chosen) for z in bias.recovery.sets):
        raise NotIdentifiableError(
            "Expected a set given which the selection of the rows does not bias the effect; got "
            f"{write_set(chosen)}. {bias.text}"
        )
    if not check:
        raise NotIdentifiableError(
            f"Expected a set that is valid to adjust for; {check} Leave adjustment= out to have one found."
        )
    return Estimand("backdoor", treatment, outcome, adjustment=check.adjustment, choice="" if adjustment else "minimal")


def selection_warnings(graph: CausalGraph, estimand: Estimand) -> tuple[str, ...]:
    """The warning that the effect averages over the units in the table, if the whole population's effect differs."""
    treatment, outcome = estimand.treatment, estimand.outcome
    if not graph.selection.sampling or estimand.method != "backdoor" or not isinstance(treatment, str):
        return ()
    bias = selection_bias(graph, treatment=treatment, outcome=str(outcome))
    return (f"Selected rows: the effect is averaged over the units in the table. {bias.text}",) if bias else ()
