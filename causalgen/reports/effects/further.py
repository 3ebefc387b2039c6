"""Sections of further questions: groups, doses, units, and columns known by proxy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...grammar.populations import ESTIMANDS
from ...graph.notation import spell_number
from ..folder import Group, Row, Table
from ..parts import Part, Section
from ..style import in_brackets, number, with_interval
from .further_plots import plot_doses, plot_groups, plot_units
from .tables import estimate_table, p_text, percent
from .target import target_section

if TYPE_CHECKING:
    import pandas as pd

    from ...effects import EffectReport
    from ...effects.further import FurtherAnswers
    from .sections import SectionMaker

__all__ = ["further_calls", "further_sections"]


def further_sections(answers: "FurtherAnswers", report: "EffectReport", made: "SectionMaker") -> list[Section]:
    """Return a section for every kind of question.

    Args:
        answers: The answers.
        report: The average effect.
        made: Writes figures and tables.
    """
    wanted = [
        _groups(answers, report, made) if answers.groups else None,
        _doses(answers.curve, report, made) if answers.curve is not None else None,
        _units(answers.units, report, made) if answers.units is not None else None,
        _proxies(answers.proxies, made) if answers.proxies is not None else None,
        target_section(answers.transported, report, made) if answers.transported is not None else None,
    ]
    return [section for section in wanted if section is not None]


def _groups(answers: "FurtherAnswers", report: "EffectReport", made: "SectionMaker") -> Section:
    text = (
        f"The effect averaged over all rows of a group, with {report.level:.0%} intervals, and with intervals that hold for "
        "all groups of an attribute at once. A difference between groups does not show that the attribute itself changes "
        "the effect."
    )
    parts = [Part(text=text)]
    compared = f"Rows ({' and '.join(f'{report.treatment_name} = {value}' for value in report.contrast)})"
    for frame in answers.groups:
        by = frame.attrs["by"]
        effects = "; ".join(f"{row['group']} {spell_number(row['effect'])}" for row in frame.to_dict("records"))
        alt = f"Effect by {by}: {effects}"
        caption = (
            f"By {by}. Thick: {report.level:.0%} intervals; thin: for all groups at once. Dashed: the "
            f"{ESTIMANDS[report.population]}."
        )
        drawn = made.picture(plot_groups(frame, report), f"by-{by}", f"{alt}.", caption)
        test = f"Hypothesis: all groups of {by} have the same effect; Wald test, p: {p_text(frame.attrs['p_value'])}."
        effect = f"Effect{in_brackets(report.outcome_unit)}"
        columns = {"Group": "group", effect: "effect", "All groups at once": "", compared: "counts"}
        columns["Poor overlap"] = "poor_overlap"
        table = _table(_counted(frame), f"Effects by {by}", columns, made.file(frame, f"by-{by}"))
        parts.append(Part(f"By {by}", test, 4, points=_notes(frame, report), pictures=[drawn], beside="after"))
        parts.append(Part(tables=[table]))
    return Section("groups", "Effects by group", parts)


def _counted(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Merge the row counts of a group and of its two arms, so that the table is narrow enough to stay unfolded."""
    columns = (frame[name] for name in ("rows", "rows_control", "rows_treated"))
    return frame.assign(counts=[f"{rows:,} ({a:,} and {b:,})" for rows, a, b in zip(*columns, strict=True)])


def _doses(curve: "pd.DataFrame", report: "EffectReport", made: "SectionMaker") -> Section:
    treatment, outcome = report.treatment_name, report.outcome
    ends = " to ".join(spell_number(curve["value"].iloc[end]) for end in (0, -1))
    caption = f"Dark: {report.level:.0%} interval at each dose; light: band for the whole curve. Below: support."
    drawn = made.picture(plot_doses(curve, report), "doses", f"Mean {outcome} under do({treatment}), {ends}.", caption)
    text = (
        f"The mean of {outcome} if every row had the same {treatment}. Support is the share of rows for which such a dose "
        "occurs among similar rows; where it is low, the curve extrapolates the fitted model."
    )
    columns = {
        treatment: "value",
        f"Mean {outcome}{in_brackets(report.outcome_unit)}": "mean",
        "Whole curve at once": "",
        "Support": "support",
    }
    table = _table(curve, f"Mean {outcome} by {treatment}", columns, made.file(curve, "doses"))
    parts = [Part(text=text, points=_notes(curve, report), pictures=[drawn], beside="after")]
    return Section("doses", "Dose-response curve", [*parts, Part(fold="The curve in numbers", tables=[table])])


def _units(units: "pd.DataFrame", report: "EffectReport", made: "SectionMaker") -> Section:
    from ...effects.further import unit_summary

    summary, file = unit_summary(units), made.file(units.reset_index(names="row"), "units")
    caption = f"Rows in the order of their effect, with {report.level:.0%} intervals that hold for one row at a time."
    drawn = made.picture(plot_units(units, report), "units", f"Effects by unit: {summary}", caption)
    text = f"By a causal forest, {summary}" + (f" Every row: {file}." if file else "")
    part = Part(text=text, points=_notes(units, report), pictures=[drawn], beside="after")
    return Section("units", "Effects by unit", [part])


def _proxies(found: "EffectReport", made: "SectionMaker") -> Section:
    text = (
        f"{found.rows_used:,} rows have the readings. The first estimate treats them as assigned values; the last one "
        "corrects it with the rows that have both."
    )
    table = estimate_table(found, made.file(found.to_frame(), "proxies"))
    parts = [Part(text=text, points=[(note, "") for note in found.warnings]), Part(tables=[table])]
    return Section("proxies", "Measured and predicted columns", parts)


def further_calls(answers: "FurtherAnswers", question: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Functions of `causalgen.effects` that repeat the answers in a notebook, with their keywords.

    Args:
        answers: The answers.
        question: Treatment, outcome, contrast, level and seed.
    """
    asked = answers.questions
    words = {**question, **{name: value for name, value in answers.words.items() if value is not None}}
    answered = [frame.attrs["by"] for frame in answers.groups]
    calls = [("effects_by_group", {"by": name, "bins": list(asked.by[name]) or 4, **words}) for name in answered]
    if answers.curve is not None:
        without = {name: value for name, value in words.items() if name != "contrast"}
        calls.append(("dose_response", {"values": answers.curve["value"].tolist(), **without}))
    calls += [("effects_by_unit", words)] if answers.units is not None else []
    if answers.transported is not None:
        calls.append(("transport_effect", words | {"adjustment": list(answers.transported.formula.adjustment)}))
    return calls


def _notes(frame: "pd.DataFrame", report: "EffectReport") -> list[tuple[str, str]]:
    """Return the warnings of an answer that the report does not already show."""
    return [(text, "") for text in frame.attrs["warnings"] if text not in report.warnings]


def _table(frame: "pd.DataFrame", caption: str, columns: Mapping[str, str], file: str) -> Table:
    """Build a table by header and column; the second has its interval, the third its simultaneous interval."""
    label, value, _, *others = columns.values()
    rows = []
    for row in frame.to_dict("records"):
        at_once = with_interval(row[value], row["low_all"], row["high_all"]).partition(" ")[2]
        cells = [row[label] if isinstance(row[label], str) else number(row[label])]
        cells += [with_interval(row[value], row["low"], row["high"]), at_once]
        rows.append(Row([*cells, *(percent(row[n]) if isinstance(row[n], float) else str(row[n]) for n in others)]))
    return Table(caption, list(columns), [Group(rows)], file)
