"""Replaces a censored outcome by its pseudo-observations, which all estimators treat as a complete outcome."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...datasets.declared import TypedColumn, type_column, type_columns, with_variables
from ...datasets.kinds import read_values
from ...errors import DataError, nearest
from ...graph import CausalGraph, Variable
from ..contrast import read_contrast, read_joint_contrast
from ..estimators.basis import FlexibleBasis
from ..table import numeric
from .pseudo import FollowUp, pseudo_observations

if TYPE_CHECKING:
    from ..question import EffectQuestion

__all__ = ["CensoredOutcome", "replace_censored"]

TIMES = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
"""Column names that are units of time."""
YES_OR_NO = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
RARE, SHARE_WORTH_A_WARNING = 0.05, 0.01
LEAST_AT_RISK = 10
"""With fewer rows at risk of a compared value, a curve is unreliable."""


@dataclass(frozen=True, eq=False)
class CensoredOutcome:
    """A censored outcome; arrays have an entry for every row of the table.

    Attributes:
        column: The column of the event.
        horizon: Time up to which the outcome is followed.
        unit: Unit of time; empty where it is not known.
        event: The event as requested: a column, or "column=label".
        time: Time of the event or of censoring.
        happened: Whether the event happened then.
        free: Pseudo-observations of being free of the event at the horizon; NaN in incomplete rows.
        given: The columns on which censoring may depend, treatments first.
        notes: What a reader must know about the follow-up.
    """

    column: str
    horizon: float
    unit: str
    event: str
    time: NDArray[np.float64]
    happened: NDArray[np.bool_]
    free: NDArray[np.float64]
    given: tuple[str, ...]
    notes: tuple[str, ...] = ()


def replace_censored(
    question: "EffectQuestion", event: str | None, horizon: float | None
) -> tuple[CausalGraph, pd.DataFrame, CensoredOutcome]:
    """Return graph and table with pseudo-observations of min(T, horizon) as the outcome, and its record.

    Censoring is modelled in every arm of a discrete treatment, and with the treatment as a covariate otherwise.

    Args:
        question: The question, whose outcome is the time until the event or until censoring.
        event: Column that indicates whether the event happened at that time, or "column=label".
        horizon: Time up to which the outcome is followed.

    Raises:
        DataError: The event, a time or the horizon does not fit, or an arm has no event or is not followed up to the horizon.
        NotIdentifiableError: The effect is not identified.
    """
    if event is None:
        raise DataError(
            "Expected the column of the event with a horizon; got none. Name it with event=, or leave both out."
        )
    outcome, table = question.outcome, question.table
    unit = question.graph[outcome].unit or (outcome if outcome.lower() in TIMES else None)
    time = type_column(Variable(outcome, "continuous", unit=unit), table[outcome])
    column, label = _event_column(question, event)
    happened = _happened(table[column], label)
    treatments = question.treatments
    given = _given(question, column)
    typed = type_columns(question.graph, table, given)[1]
    complete = ~(np.isnan(happened) | np.any([one.reading.missing for one in (time, *typed.values())], axis=0))
    if not complete.any():
        raise DataError(f"Expected rows with {', '.join([outcome, column, *given])}; every row lacks one.")
    followed = FollowUp(time.reading.values[complete], happened[complete] == 1, _horizon(horizon))
    _check_times(outcome, followed.time)
    features = numeric(_columns(typed, complete))
    arms = np.zeros(len(features))
    if len(treatments) == 1 and typed[treatments[0]].variable.is_discrete:
        arms = typed[treatments[0]].reading.values[complete]
        features = numeric(_columns({name: typed[name] for name in given[1:]}, complete))
    notes = _check_arms(_compared(question, typed, complete), followed, horizon_given=horizon is not None)
    pseudo = np.full((3, len(table)), np.nan)
    pseudo[:, complete] = _by_arm(followed, features, arms)
    replaced = table.copy()
    replaced[outcome] = pseudo[0]
    found = CensoredOutcome(
        column=column,
        horizon=followed.horizon,
        unit=unit or "",
        event=event,
        time=time.reading.values,
        happened=happened == 1,
        free=pseudo[1],
        given=given,
        notes=(*notes, *_rarely_followed(pseudo[2, complete], given)),
    )
    return with_variables(question.graph, [time.variable]), replaced, found


def _by_arm(followed: FollowUp, features: NDArray[np.float64], arms: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.zeros((3, len(arms)))
    for arm in np.unique(arms):
        rows = arms == arm
        own = FollowUp(followed.time[rows], followed.happened[rows], followed.horizon)
        fails = int((own.happened & ~own.reached).sum())
        rarer = min(fails, int((~own.happened & ~own.reached).sum()))
        basis = FlexibleBasis(features[rows], units=rarer)
        found[:, rows] = pseudo_observations(own, basis(features[rows]))
    return found


def _columns(typed: dict[str, TypedColumn], complete: NDArray[np.bool_]) -> pd.DataFrame:
    """Columns as numbers; labels of more than two as categories."""
    numbers = {name: column.reading.values[complete] for name, column in typed.items()}
    found = pd.DataFrame(numbers, index=range(int(complete.sum())))  # a trial may have no covariates
    for name, column in typed.items():
        if len(column.variable.labels or ()) > 2:
            found[name] = found[name].astype("category")
    return found


def _given(question: "EffectQuestion", column: str) -> tuple[str, ...]:
    """The columns on which censoring may depend: those that the estimate uses, and the event's parents in the graph."""
    if column in (used := question.used):
        raise DataError(
            f"Expected an adjustment set without the event; got '{column}', which is part of the outcome. Leave it out, or "
            "draw the arrows into it."
        )
    drawn = question.graph.parents(column) if column in question.graph else ()
    return tuple(dict.fromkeys([*question.treatments, *used, *(name for name in drawn if name != question.outcome)]))


def _event_column(question: "EffectQuestion", event: str) -> tuple[str, str | None]:
    """The column of the event, and the label that means it; None if 1, true or yes does."""
    columns = question.table.columns.tolist()
    column, label = event, ""
    if event not in columns:
        column, _, label = str(event).partition("=")
        column = column if column in columns else column.strip()
    if column not in columns:
        raise DataError(f"Expected a column of the event; '{column}' has none." + nearest(column, map(str, columns)))
    if column in (*question.treatments, question.outcome):
        raise DataError(f"Expected a separate column for the event; got '{column}', which is compared.")
    return column, label.strip() or None


def _happened(column: pd.Series, label: str | None) -> NDArray[np.float64]:
    """1 if the event happened, 0 if the row is censored, NaN if unknown."""
    reading = read_values(column, kind="categorical")
    if reading.faults or reading.labels is None or len(reading.labels) > 2:
        count = len(reading.labels) if reading.labels else column.nunique()
        raise DataError(
            f"Expected two values in column '{column.name}', event or censored; got {count}. Rows with another event "
            "are not censored: the requested event can no longer happen to them. Combine the events into one."
        )
    labels = [str(item) for item in reading.labels]
    if label is not None and label not in labels:
        raise DataError(
            f"Expected the label of the event among {', '.join(labels)} in column '{column.name}'; got '{label}'."
        )
    means = [item == label if label is not None else YES_OR_NO.get(item.lower().removesuffix(".0")) for item in labels]
    if None in means:
        raise DataError(
            f"Expected 1 and 0, true and false, or yes and no in column '{column.name}' of the event; got {', '.join(labels)}. "
            f"Name the label that means the event, such as '{column.name}={labels[-1]}'."
        )
    found = np.full(len(column), np.nan)
    found[~reading.missing] = np.array(means, dtype=float)[reading.values[~reading.missing].astype(int)]
    return found


def _horizon(horizon: float | None) -> float:
    if horizon is None:
        return np.inf  # _check_arms requests one
    if isinstance(horizon, bool) or not isinstance(horizon, int | float | np.number) or not 0 < horizon < np.inf:
        raise DataError(f"Expected the horizon as a positive number; got {horizon!r}.")
    return float(horizon)


def _check_times(outcome: str, times: NDArray[np.float64]) -> None:
    if (times < 0).any():
        raise DataError(
            f"Expected times of at least 0 in column '{outcome}'; got {times.min():g} and {(times < 0).sum() - 1} more. "
            "Count from the start of the follow-up, or leave these rows out."
        )


def _compared(
    question: "EffectQuestion", typed: dict[str, TypedColumn], complete: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """The complete rows of both sides of the contrast; all rows together where a treatment is continuous."""
    variables = [typed[name].variable for name in question.treatments]
    unknown = len(variables) == 1 and variables[0].kind != "binary" and question.contrast is None
    if unknown or not all(variable.is_discrete for variable in variables):  # the encoding asks for an unknown contrast
        return {"the rows": np.ones(int(complete.sum()), dtype=bool)}
    if len(variables) == 1:
        sides = [(value,) for value in read_contrast(variables[0], question.contrast)[0]]
    else:
        sides = list(read_joint_contrast(variables, question.contrast))
    codes = np.stack([typed[name].reading.values[complete] for name in question.treatments], axis=1)
    found = {}
    for side in sides:
        named = ", ".join(f"{variable.name} = {value}" for variable, value in zip(variables, side, strict=True))
        asked = [variable.encode(value) for variable, value in zip(variables, side, strict=True)]
        found[f"the rows with {named}"] = (codes == asked).all(axis=1)
    return found


def _check_arms(compared: dict[str, NDArray[np.bool_]], followed: FollowUp, *, horizon_given: bool) -> tuple[str, ...]:
    """Refuse compared values without events or follow-up, and warn if few rows are left at the horizon."""
    counted = {text: rows for text, rows in compared.items() if rows.any()}  # the encoding refuses an empty one
    latest = min((np.sort(followed.time[rows])[-LEAST_AT_RISK:][0] for rows in counted.values()), default=0.0)
    advice = (
        f"at most {_rounded(latest)}, up to which at least {LEAST_AT_RISK} rows of every compared value are at risk"
    )
    if not horizon_given:
        raise DataError(f"Expected a horizon with event=; got none. Choose one, {advice}.")
    for text, rows in counted.items():
        own, fails = followed.time[rows], followed.happened[rows]
        if not (fails & (own <= followed.horizon)).any():
            censored = int((~fails & (own < followed.horizon)).sum())
            raise DataError(
                f"Expected events up to {followed.horizon:g} among {text}; got none ({censored} of {len(own)} are censored "
                "before). Choose a later horizon if events happen later; without events, no difference can be "
                "estimated."
            )
        if own.max() < followed.horizon and not fails[own == own.max()].all():
            raise DataError(
                f"Expected a horizon within the follow-up; {text} are followed up to {own.max():g}, and got "
                f"{followed.horizon:g}. Choose one, {advice}."
            )
    left = {text: int((followed.time[rows] >= followed.horizon).sum()) for text, rows in counted.items()}
    few = [f"{count} of {text}" for text, count in left.items() if count < LEAST_AT_RISK]
    if not few:
        return ()
    return (
        f"Few rows at the horizon: {' and '.join(few)} are followed up to {followed.horizon:g}. Choose one, {advice}.",
    )


def _rarely_followed(uncensored: NDArray[np.float64], given: tuple[str, ...]) -> tuple[str, ...]:
    """Warn of rows for which almost all similar rows are censored earlier."""
    share = float((uncensored < RARE).mean())
    if share < SHARE_WORTH_A_WARNING:
        return ()
    return (
        f"Heavy censoring: {share:.0%} of the rows are followed for longer than all but {RARE:.0%} of those with the same "
        f"{', '.join(given)}, and represent many censored ones. Choose an earlier horizon.",
    )


def _rounded(time: float) -> str:
    """A time rounded down to two digits.

    >>> _rounded(61.9), _rounded(1234.0)
    ('61', '1200')
    """
    if time <= 0:
        return "0"
    unit = 10.0 ** (np.floor(np.log10(time)) - 1)
    return f"{np.floor(time / unit) * unit:g}"
