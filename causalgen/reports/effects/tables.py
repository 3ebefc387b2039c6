"""Tables of an effect: estimates, refutations, sensitivity, balance, controls, independencies, agreement.

Every p-value is shown with its hypothesis.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...datasets.hints import warns_of_codes
from ...datasets.kinds import describe
from ...effects.check_rates import CHECKED, FAULTS, check_rates, refuter_rate
from ...grammar.populations import ESTIMANDS
from ..folder import Group, Row, Table
from ..style import in_brackets, number, parted, with_interval

if TYPE_CHECKING:
    from ...effects import Agreement, EffectReport, Estimate, Refutation
    from ...effects.diagnostics import Diagnostics
    from ...effects.diagnostics.balance import Balance
    from ...effects.diagnostics.confounder import SimulatedConfounder
    from ...effects.diagnostics.implied import ImpliedIndependencies
    from ...effects.diagnostics.negative_controls import ControlTest
    from ...effects.diagnostics.robustness import Robustness
    from ...effects.diagnostics.table_one import TableOne

__all__ = [
    "agreement_table",
    "balance_table",
    "baseline_table",
    "benchmark_table",
    "confounder_table",
    "control_table",
    "e_value_table",
    "estimate_table",
    "independence_table",
    "rate_table",
    "refutation_table",
    "variable_table",
]

MOST_ROWS = 20
"""Maximum number of rows on the page; the file has all rows."""


def estimate_table(report: "EffectReport", file: str = "") -> Table:
    """List the recommended estimate, then its comparisons, and whether the intervals contain a known truth."""
    truth = report.truth
    shared = (report.estimate, *report.others)
    several = {row.population for row in shared} != {"whole"}
    header = ["Source", f"Effect{in_brackets(report.outcome_unit)}", f"{report.level:.0%} interval"]
    header += ["Estimand"] if several else []
    header += ["Contains the truth"] if truth is not None else []
    rows = []
    for row in shared:
        cells = [row.source, *_apart(row)]
        if several:
            cells.append(ESTIMANDS[row.population])
        if truth is not None:
            cells.append(_holds(row, truth, report.population))
        rows.append(Row(cells, note=row.note, strong=row == report.estimate or row.kind == "truth"))
    return Table(f"{report.question}: estimates", header, [Group(rows)], file)


def _holds(row: "Estimate", truth: float, population: str) -> str:
    if row.kind == "truth":
        return ""
    if row.population != population:
        return "another population"
    return {True: "yes", False: "no", None: "no interval"}[row.covers(truth)]


def variable_table(report: "EffectReport") -> Table:
    """List how each column was read; a note marks whole numbers that may be codes."""
    rows = []
    for variable in report.variables:
        doubtful = any(warns_of_codes(text, variable.name) for text in report.warnings)
        note = "Its whole numbers are read as quantities. If they are codes, declare the column categorical." * doubtful
        kind = f"{describe(variable)}{in_brackets(variable.unit)}"
        rows.append(Row([variable.name, kind], note=note))
    return Table("Kind of each column", ["Column", "Kind and unit"], [Group(rows)])


def refutation_table(refutations: "Sequence[Refutation]", file: str = "") -> Table:
    """List what each refuter does, how often it raises a concern, and its verdicts on adjusted and naive estimates."""
    header = ["Estimate tested", "Expected", "Found", "p", "Verdict", "Naive: found", "Naive: p", "Naive: verdict"]
    groups = []
    for name in dict.fromkeys(row.refuter for row in refutations):
        rows = [row for row in refutations if row.refuter == name]
        note = f"{rows[0].checks} Cannot show: {rows[0].cannot_show[:1].lower()}{rows[0].cannot_show[1:]}"
        note += "" if (rate := refuter_rate(name)) is None else f" {rate.reading}"
        groups.append(Group([_refutation_row(row) for row in rows], name[:1].upper() + name[1:], note))
    return Table("Refutations, each with the same test of the naive estimate", header, groups, file)


def rate_table() -> Table:
    """List how often each check raised a concern on tables without a fault and with one planted fault."""
    rows = [
        Row([rate.check, *(f"{spoke} of {tables}" for spoke, tables in rate.spoke.values())]) for rate in check_rates()
    ]
    header = ["Check", *(FAULTS[kind] for kind in CHECKED)]
    return Table("Number of tables in which each check raised a concern, by planted fault", header, [Group(rows)])


def _refutation_row(row: "Refutation") -> Row:
    own = [number(row.expected), number(row.found), p_text(row.p_value), row.verdict]
    naive = [number(row.naive_found), p_text(row.naive_p_value), row.naive_verdict]
    note = "" if row.informative else "not informative here: the naive estimate is not rejected either"
    return Row([row.estimate, *own, *naive], note=note, strong=row.verdict == "rejected")


def benchmark_table(sensitivity: "Robustness", file: str = "") -> Table:
    """List the linear estimate after adjusting for hidden causes as strong as observed ones, the strongest first."""
    rows = [row for row in sensitivity.benchmarks if row.times == 1]
    rows.sort(key=lambda row: row.estimate / sensitivity.effect if sensitivity.effect else 0)
    header = ["As strong as", "Explains of the treatment", "of the outcome", "Estimate left"]
    cells = [
        Row([row.covariate, percent(row.r2_treatment), percent(row.r2_outcome), number(row.estimate)])
        for row in rows[:MOST_ROWS]
    ]
    return Table(_limited("Hidden causes as strong as observed ones", rows), header, [Group(cells)], file)


def confounder_table(confounder: "SimulatedConfounder", file: str = "") -> Table:
    """List every estimate under simulated confounders of growing strength."""
    strengths = list(dict.fromkeys((row.like, row.r2_treatment, row.r2_outcome) for row in confounder.rows))
    found = {(row.estimate, row.like, row.r2_treatment, row.r2_outcome): row.value for row in confounder.rows}
    rows = [Row(["none", *map(number, confounder.original.values())])]
    for like, treatment, outcome in sorted(strengths, key=lambda strength: bool(strength[0])):
        shown = f"{percent(treatment)} and {percent(outcome)}" + (f", as strong as {like}" if like else "")
        values = [number(found[name, like, treatment, outcome]) for name in confounder.original]
        rows.append(Row([shown, *values]))
    header = ["Explains of treatment and outcome", *confounder.original]
    caption = f"Estimates after adjusting for a simulated hidden cause, mean of {confounder.simulations} draws"
    return Table(caption, header, [Group(rows)], file)


def e_value_table(doubt: "Diagnostics", file: str = "") -> Table:
    """List E-values, with a sentence that interprets them."""
    rows = [
        Row(
            [row.estimate, number(row.risk_ratio), number(row.value), "–" if row.limit is None else number(row.limit)],
            note=row.reading,
        )
        for row in doubt.e_values
    ]
    header = ["Estimate", "As a risk ratio", "E-value", "E-value of the interval's nearer end"]
    return Table("E-values: how strong a hidden cause must be, as a risk ratio", header, [Group(rows)], file)


def balance_table(balance: "Balance", file: str = "") -> Table:
    """List the love plot in numbers, least balanced first."""
    rows = sorted(balance.rows, key=lambda row: abs(row.after), reverse=True)
    cells = [
        Row([row.covariate, *(f"{value:.2f}".replace("-", "−") for value in (row.before, row.after))])
        for row in rows[:MOST_ROWS]
    ]
    return Table(
        _limited(f"{balance.kind[:1].upper()}{balance.kind[1:]} with {balance.treatment}", rows),
        ["Covariate", "Before", "After adjustment"],
        [Group(cells)],
        file,
    )


def baseline_table(table_one: "TableOne", file: str = "") -> Table:
    """Build Table 1: the covariates in each treatment group, before and after weighting."""
    frame = table_one.to_frame()
    cells = [
        Row(
            [
                "" if value != value else f"{value:z.2f}".replace("-", "−") if isinstance(value, float) else str(value)
                for value in row
            ]
        )
        for row in frame.itertuples(index=False, name=None)
    ]
    named = {"covariate": "Covariate", "missing": "Missing"}
    header = [named.get(name, name.replace("standardised", "Standardised")) for name in map(str, frame.columns)]
    among = f", weighted to the {table_one.population} population" if table_one.weighted else ""
    return Table(f"Table 1. Covariates by {table_one.treatment}{among}", header, [Group(cells)], file)


def control_table(controls: "Sequence[ControlTest]", file: str = "") -> Table:
    """List negative controls: the effect that must be 0, by method."""
    groups = []
    for name in dict.fromkeys(row.control.name for row in controls):
        own = [row for row in controls if row.control.name == name]
        note = f"Hypothesis of every p: the effect is 0, since {_why(own[0])}."
        groups.append(Group([_control_row(row) for row in own], f"{name} ({own[0].control.role})", note))
    header = ["Method", "Effect found", "Interval", "p (Holm)", "Verdict", "Naive: verdict"]
    return Table("Negative controls: where the graph says “no effect”", header, groups, file)


def _why(row: "ControlTest") -> str:
    cause, effect = row.hypothesis.partition(" no effect of ")[2].split(" on ", 1)
    return f"by the graph {cause} does not act on {effect}"


def _control_row(row: "ControlTest") -> Row:
    cells = [row.estimate.source, *_apart(row.estimate), p_text(row.adjusted), row.verdict, row.naive_verdict]
    return Row(cells, strong=row.verdict == "rejected")


def independence_table(implied: "ImpliedIndependencies", file: str = "") -> Table:
    """List tests of the implied independencies, rejected ones first."""
    ordered = sorted(implied.tests, key=lambda row: (row.verdict != "rejected", row.adjusted or 0.0))
    rows = [
        Row([row.hypothesis, p_text(row.p_value), p_text(row.adjusted), row.verdict], strong=row.verdict == "rejected")
        for row in ordered[:MOST_ROWS]
    ]
    header = ["Hypothesis", "p", "p (Holm)", "Verdict"]
    return Table(
        _limited("Implied independencies; each is the hypothesis of its p", ordered), header, [Group(rows)], file
    )


def agreement_table(agreement: "Agreement", file: str = "") -> Table:
    """List the comparison of every two sources."""
    rows = []
    for pair in agreement.pairs:
        interval = with_interval(pair.difference, pair.low, pair.high)
        rows.append(Row([f"{pair.second} − {pair.first}", interval, pair.verdict], strong=pair.verdict == "differ"))
    unit = in_brackets(agreement.outcome_unit)
    caption = f"Differences of sources; margin {number(agreement.margin)}{unit}, {agreement.margin_reason}"
    return Table(caption, ["Compared", f"Difference{unit}", "Verdict"], [Group(rows)], file)


def p_text(value: float | None) -> str:
    """Format a p-value for readers.

    >>> p_text(0.00004), p_text(0.321), p_text(None)
    ('< 0.001', '0.32', '–')
    """
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def percent(share: float) -> str:
    """Format a share for readers.

    >>> percent(0.0519), percent(1)
    ('5.2 %', '100 %')
    """
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def _apart(row: "Estimate") -> list[str]:
    """Put number and interval in separate cells."""
    shown, ends = parted(row.value, row.low, row.high)
    return [shown, ends or "–"]


def _limited(caption: str, rows: Sequence[object]) -> str:
    return caption if len(rows) <= MOST_ROWS else f"{caption}; {MOST_ROWS} of {len(rows)} rows, the file has them all"
