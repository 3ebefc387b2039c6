"""The answer of an effect report: one sentence with the number, then how it was estimated and what it is compared with."""

from typing import TYPE_CHECKING

from ...grammar.populations import ESTIMANDS
from ...graph.notation import spell_value
from ..mediation import what_changes
from ..style import number, parted
from ..words import POPULATIONS

if TYPE_CHECKING:
    from ...effects import EffectReport, Estimate

__all__ = [
    "answer_sentence",
    "averaged_over",
    "comparison_sentence",
    "difference_sentences",
    "effect_clause",
    "interval_text",
    "like_estimate",
    "survival_sentence",
]


def answer_sentence(report: "EffectReport") -> str:
    """State the effect with its unit, interval, population and name."""
    clause = effect_clause(report)
    return f"{clause[0].upper()}{clause[1:]}."


def effect_clause(report: "EffectReport") -> str:
    """State the same as a clause of a longer sentence."""
    chosen = report.estimate
    outcome, unit = what_changes(report.outcome, report.outcome_unit)
    verbs = ("lowers", "raises")
    if (survival := report.survival) is not None:
        outcome, verbs = f"the mean time until '{survival.event}' within {survival.until}", ("shortens", "lengthens")
    single = isinstance(report.treatment, str)
    before = spell_value(report.contrast[0]) if single else _values(report, 0, "=")
    asked = f"setting {_values(report, 1, 'to')} instead of {before}"
    if report.estimand.method == "no effect":
        return f"{asked} cannot change {report.outcome}: the assumed graph has no directed path between them"
    named = ESTIMANDS[chosen.population].replace(" (", ", ").rstrip(")")
    basis = f"on average over {averaged_over(report)} ({named}; {report.rows_used:,} rows)"
    basis += f", {chosen.caution}" if chosen.caution else ""
    if chosen.low is None or chosen.high is None:
        return f"{asked} changes {outcome} by {number(chosen.value)}{unit} (no finite interval) {basis}"
    if chosen.covers(0):
        shown = interval_text(chosen.value, chosen.low, chosen.high, unit, report.level)
        return f"{asked} changes {outcome} by {shown} {basis}; the interval includes 0, so the sign is uncertain"
    sign = 1 if chosen.value > 0 else -1
    low, high = sorted((sign * chosen.low, sign * chosen.high))
    shown = interval_text(sign * chosen.value, low, high, unit, report.level)
    return f"{asked} {verbs[sign > 0]} {outcome} by {shown} {basis}"


def survival_sentence(report: "EffectReport") -> str:
    """State the effect on the probability of being free of the event at the horizon; empty without censoring."""
    survival = report.survival
    if survival is None or (row := survival.probability) is None:
        return ""
    shown = interval_text(row.value, row.low, row.high, "", report.level)
    return f"The probability of staying free of '{survival.event}' for {survival.until} changes by {shown}."


def interval_text(
    value: float, low: float | None, high: float | None, unit: str = "", level: float | None = None
) -> str:
    """Format a number with its unit and interval.

    >>> interval_text(3.453, 2.515, 4.392, " kg", 0.95), interval_text(2.5, None, None)
    ('3.5 kg (95% interval 2.5 to 4.4)', '2.50')
    """
    shown, ends = parted(value, low, high)
    if not ends:
        return shown + unit
    return f"{shown}{unit} ({f'{level:.0%} interval ' if level else ''}{ends})"


def like_estimate(report: "EffectReport", value: float) -> str:
    """Format a number with the decimals of the estimate, so that both can be compared."""
    chosen = report.estimate
    shown, _ = parted(chosen.value, chosen.low, chosen.high)
    if "e" in shown or value != value:
        return number(value)
    return f"{value:z,.{len(shown.partition('.')[2])}f}".replace("-", "−")


def averaged_over(report: "EffectReport") -> str:
    """Describe the population of the estimate."""
    population = report.estimate.population
    if population in ("treated", "control"):
        return f"the units with {_values(report, int(population == 'treated'), '=')}"
    return POPULATIONS[population]


def _values(report: "EffectReport", side: int, sign: str) -> str:
    """List each treatment with its value on one side of the contrast, and a sign between them."""
    named, values = report.treatment, report.contrast[side]
    pairs = [(named, values)] if isinstance(named, str) else zip(named, values, strict=True)
    return " and ".join(f"{name} {sign} {spell_value(value)}" for name, value in pairs)


def comparison_sentence(report: "EffectReport") -> str:
    """State the truth, if it is known, and the other sources; empty if there are none."""
    parts = []
    if report.truth is not None:
        place = {True: ", inside the interval", False: ", outside the interval", None: ""}
        parts.append(f"The true effect is {number(report.truth)}{place[report.estimate.covers(report.truth)]}")
    naive = [row for row in report.others if row.kind == "naive"]
    parts += [f"without adjustment, the difference is {_shown(row)}" for row in naive]
    parts += [f"{row.source}: {_shown(row)}" for row in report.others if row.kind == "comparison"]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def difference_sentences(report: "EffectReport") -> str:
    """Explain why other adjusted estimates differ from the recommended one; empty if there are none."""
    chosen = report.estimate
    rows = [row for row in report.estimates if row.kind == "adjusted" and row != chosen]
    lines = [row for row in rows if row.caution and row.population == chosen.population]
    texts = [
        f"The estimate by {row.source} ({like_estimate(report, row.value)}) is only {row.caution}, for comparison."
        for row in lines
    ]
    if any(row.population != chosen.population for row in rows):
        texts.append("Estimates over other populations answer other questions.")
    alike = [row for row in rows if row not in lines and row.population == chosen.population]
    if {like_estimate(report, row.value) for row in alike} - {like_estimate(report, chosen.value)}:
        texts.append(
            "The other estimates differ because each method models the data in another way; the table names the assumption of "
            "each."
        )
    return " ".join(texts)


def _shown(row: "Estimate") -> str:
    return interval_text(row.value, row.low, row.high)
