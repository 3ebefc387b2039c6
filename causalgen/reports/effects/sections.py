"""The sections of an effect: the answer and its concerns first, then assumptions and checks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ...effects.check_rates import COMMAND, DATE
from ...grammar.populations import ESTIMANDS
from ...graph.notation import LATEX
from ..folder import Picture, ReportFolder
from ..forest_plot import plot_forest
from ..graph_plot import plot_graph
from ..parts import Formula, Part, Section
from ..words import P_VALUE, READING
from .findings import EffectFindings
from .further import further_sections
from .plots import plot_balance, plot_overlap, plot_sensitivity
from .scale_tables import scale_parts
from .sentences import averaged_over, difference_sentences, like_estimate
from .survival_curves import follow_up_section
from .tables import (
    agreement_table,
    balance_table,
    baseline_table,
    benchmark_table,
    confounder_table,
    control_table,
    e_value_table,
    estimate_table,
    independence_table,
    rate_table,
    refutation_table,
    variable_table,
)

if TYPE_CHECKING:
    import pandas as pd

    from ...effects import EffectReport
    from ...effects.diagnostics.e_value import EValue
    from ...effects.diagnostics.robustness import Robustness
    from ...graph import Estimand

__all__ = ["SectionMaker", "effect_parts", "effect_sections"]

WIDEST = 620
"""Width of a picture next to text, in page pixels."""
MOST_OPEN = 6
"""Maximum number of concerns to list unfolded."""


def effect_parts(findings: EffectFindings, number: int, folder: ReportFolder) -> list[Part]:
    """Return the parts of an effect inside the report of a study."""
    report = findings.report
    first, *rest = effect_sections(findings, folder, f"{number}-{report.treatment_name}-{report.outcome}")
    first.parts[0].heading = report.question
    for section in rest:
        section.parts[0].heading = section.title
        section.parts[0].level = 4
    own = [Part(links=[("This effect as a separate page, notebook, Markdown and LaTeX", findings.page)])]
    return [*(part for section in (first, *rest) for part in section.parts), *(own if findings.page else [])]


def effect_sections(findings: EffectFindings, folder: ReportFolder, name: str = "") -> list[Section]:
    """Return all sections that the findings allow.

    Args:
        findings: The effect.
        folder: Folder of the figures and tables.
        name: Ending of their file names.
    """
    made = SectionMaker(findings, folder, name)
    doubt = findings.doubt
    wanted = [
        made.answer(),
        made.assumptions(),
        made.refutations() if findings.report.refutations else None,
        made.confounding() if doubt is not None and (doubt.sensitivity or doubt.no_sensitivity) else None,
        made.overlap() if doubt is not None and doubt.balance is not None else None,
        made.controls() if doubt is not None and doubt.negative_controls else None,
        made.independencies() if doubt is not None else None,
        made.agreement() if findings.agreement is not None else None,
        made.rates() if doubt is not None else None,
    ]
    answers = findings.further
    more = [] if answers is None else further_sections(answers, findings.report, made)
    if findings.report.survival is not None:
        more = [follow_up_section(findings.report, made), *more]
    answer, *rest = [section for section in wanted if section is not None]
    return [answer, *more, *rest]


class SectionMaker:
    """Makes the sections, one method each; each method writes its figures and tables."""

    def __init__(self, findings: EffectFindings, folder: ReportFolder, name: str) -> None:
        self.findings, self.report, self.folder, self.name = findings, findings.report, folder, name

    def answer(self) -> Section:
        """The concerns about the estimate, then the estimate and its comparisons."""
        report = self.report
        sources = (report.estimate, *report.others)
        known = report.truth is not None
        truth = (
            "the line marks the truth; the intervals of hollow points miss it"
            if known
            else "a dotted line marks no effect"
        )
        forest = self.picture(
            plot_forest(report),
            "effect",
            f"Forest plot. {'; '.join(map(str, sources))}.",
            f"Estimates with {report.level:.0%} intervals; {truth}.",
        )
        facts = [
            ("Method", report.recommended),
            ("Identification", report.estimand.text),
            ("Population", f"This is the {ESTIMANDS[report.estimate.population]}, over {averaged_over(report)}."),
            ("Rows", f"{report.rows_used:,} rows used, {report.rows_dropped:,} dropped. Seed {report.seed}."),
            *([("Missing values", report.missing.text)] if report.missing else []),
            *([("Other estimates", why)] if (why := difference_sentences(report)) else []),
        ]
        table = estimate_table(report, self.file(report.to_frame(), "effect"))
        parts = [*self._alerts(), Part(points=facts, pictures=[forest], beside="after"), Part(tables=[table])]
        parts += scale_parts(report, self)
        if report.variables:
            parts.append(Part(fold="How each column was read", tables=[variable_table(report)]))
        if report.remarks:
            points = [_titled(row.concern) for row in report.remarks]
            parts.append(Part(points_heading="About the numbers that the estimate is compared with:", points=points))
        return Section("effect", "The effect", parts)

    def _alerts(self) -> list[Part]:
        """Return warnings to read before the numbers; a long list is folded after its start."""
        points = [_titled(text) for text in self.findings.concerns]
        if not points:
            return [Part(text=self.findings.headline)]
        made = sum(check.subject == "estimate" for check in self.findings.checks)
        counted = f"{len(points)} of {made} checks raise{'s' * (len(points) == 1)} a concern"
        rest = points[MOST_OPEN:]
        more = [Part(fold=f"{len(rest)} further concerns", points=rest)] if rest else []
        return [Part(alert=counted, points=points[:MOST_OPEN]), *more]

    def assumptions(self) -> Section:
        """Write the assumptions to tick, the formula, and how it follows from the graph."""
        estimand = self.report.estimand
        ticks = Part(
            text="Tick the assumptions that you can defend. If one fails, the effect is wrong.",
            ticks=self.report.assumptions,
        )
        graph = self.findings.graph
        if graph is not None:
            alt = f"Causal graph: {graph}."
            picture = self.picture(plot_graph(graph), "graph", alt, "The assumed causal graph.")
            ticks.pictures, ticks.small = [picture], picture.width <= WIDEST
            ticks.beside = "after" if ticks.small else ""
        formula = Formula(estimand.formula, estimand.latex)
        parts = [ticks, Part(text="The estimand, as a formula:", formulas=[formula])]
        if estimand.derivation is not None and len(estimand.derivation):
            parts.append(Part(fold="How it follows from the graph, step by step", formulas=_steps(estimand)))
        return Section("assumptions", "Assumptions and estimand", parts)

    def refutations(self) -> Section:
        """Write what each refuter does, folded below the results."""
        rows = self.report.refutations
        rejected = [f"{row.refuter} on {row.estimate}" for row in rows if row.verdict == "rejected"]
        silent = [row for row in rows if not row.informative]
        text = f"{len(rejected)} of {len(rows)} refutations reject their estimate"
        text += f": {'; '.join(rejected)}." if rejected else "; this does not show that the estimates are right."
        text += _other_expectation(self.report)
        file, parts = self.file(self.report.refutation_frame(), "refutations"), [Part(text=text)]
        if len(silent) < len(rows):
            table = refutation_table([row for row in rows if row.informative], file)
            fold = "What each refuter does, what it found, and what it cannot show"
            parts.append(Part(fold=fold, text=P_VALUE, tables=[table]))
        if silent:
            fold = (
                f"{len(silent)} of {len(rows)} are not informative: they do not reject the naive estimate either, so they "
                "could not have detected anything"
            )
            parts.append(Part(fold=fold, text=P_VALUE, tables=[refutation_table(silent, file)]))
        return Section("refutations", "Refutations", parts)

    def rates(self) -> Section:
        """How often the checks are right."""
        text = (
            f"Measured on {DATE} on tables of known origin, with 500 to 5,000 rows and 3 to 25 covariates ({COMMAND}). Since "
            "then the doubly robust estimate stacks boosted trees where these help, which changes some counts. The "
            "first column counts false alarms. A hidden cause without a negative control, and a wrong arrow that implies "
            "the same independencies, cannot be detected by any check."
        )
        return Section(
            "rates",
            "How often these checks are right",
            [Part(text=text), Part(fold="Counts by check", tables=[rate_table()])],
        )

    def confounding(self) -> Section:
        """How strong a hidden common cause would have to be."""
        doubt = self.findings.doubt
        assert doubt is not None
        parts = [Part(text=doubt.no_sensitivity)] if doubt.sensitivity is None else self._robustness(doubt.sensitivity)
        if doubt.confounder is not None:
            confounder = doubt.confounder
            names = [name for name in confounder.original if name != "naive"]
            lost = [name for name in names if confounder.verdict(name) == "sign lost"]
            parts.append(
                Part(
                    fold=f"A simulated hidden cause as strong as observed ones changes the sign of {len(lost)} of "
                    f"{len(names)} estimates" + (f": {', '.join(lost)}" if lost else ""),
                    points=[(name, confounder.reading(name)) for name in names],
                    tables=[confounder_table(confounder, self.file(confounder.to_frame(), "confounder"))],
                )
            )
        if doubt.e_values:
            table = e_value_table(doubt, self.file(doubt.e_value_frame(), "e-values"))
            parts.append(Part(fold=_e_value_words(doubt.e_values), tables=[table]))
        return Section("confounding", "Hidden confounding", parts, READING["confounding"])

    def _robustness(self, sensitivity: "Robustness") -> list[Part]:
        """The reading with its contour, and the observed causes."""
        contour = self.picture(
            plot_sensitivity(sensitivity, unit=self.report.outcome_unit),
            "sensitivity",
            "Contours of the linear estimate after adjusting for a hidden confounder, over its partial R2 with "
            "treatment and outcome.",
            "The linear estimate after adjusting for a hidden confounder, by the share of treatment and outcome that "
            "it explains beyond the covariates. Points: confounders as strong as observed covariates. In the shaded "
            "region the estimate would change its sign.",
        )
        self.file(sensitivity.contour(), "contour")
        text = sensitivity.reading
        chosen = self.report.estimate
        if chosen.source != "linear adjustment":
            linear, own = (like_estimate(self.report, value) for value in (sensitivity.effect, chosen.value))
            text += (
                f" These formulas exist for linear adjustment alone, so they start from {linear} and not from {own}."
            )
        table = benchmark_table(sensitivity, self.file(sensitivity.to_frame(), "sensitivity"))
        return [
            Part(text=text, pictures=[contour], beside="after"),
            Part(fold="Observed causes to compare with", tables=[table]),
        ]

    def overlap(self) -> Section:
        """Are the compared rows comparable?"""
        assert self.findings.doubt is not None
        balance = self.findings.doubt.balance
        assert balance is not None
        parts = [Part(text=balance.reading)]
        if any(arm.histogram for arm in balance.arms):
            self.file(balance.histogram_frame(), "overlap")
            alt = f"Histograms of the propensity, by {balance.treatment}."
            caption = (
                "Propensity given the adjustment set, by group. No comparison is possible in regions with only "
                "one group."
            )
            parts[0].pictures.append(self.picture(plot_overlap(balance), "overlap", alt, caption))
        if balance.rows:
            alt = f"Love plot: {balance.kind} of every covariate, before and after adjustment."
            caption = (
                f"Love plot; the shaded region is the usual limit of 0.1 for the {balance.kind}, and ticks are the "
                "limits that chance alone may reach with this number of rows."
            )
            parts[0].pictures.append(self.picture(plot_balance(balance), "balance", alt, caption))
            table = balance_table(balance, self.file(balance.to_frame(), "balance"))
            parts.append(Part(fold="The love plot in numbers", tables=[table]))
        if (found := self.findings.doubt.table_one) is not None and found.rows:
            table = baseline_table(found, self.file(found.to_frame(), "table-one"))
            parts.append(Part("Table 1", found.reading, tables=[table]))
        return Section("overlap", "Overlap and balance", parts)

    def controls(self) -> Section:
        """Negative controls with their readings."""
        assert self.findings.doubt is not None
        rows = self.findings.doubt.negative_controls
        table = control_table(rows, self.file(self.findings.doubt.control_frame(), "negative-controls"))
        points = [_titled(f"{row.control.name}: {row.reading}") for row in rows]
        return Section("controls", "Negative controls", [Part(points=points), Part(tables=[table])])

    def independencies(self) -> Section:
        """Tests of the graph's implied independencies."""
        assert self.findings.doubt is not None
        implied = self.findings.doubt.independencies
        parts = [Part(text=" ".join(filter(None, [implied.reading, self.findings.doubt.left_out])))]
        if implied.tests:
            table = independence_table(implied, self.file(implied.to_frame(), "independencies"))
            parts.append(Part(fold=f"The {len(implied.tests)} tests", tables=[table]))
        return Section("independencies", "What the graph implies", parts)

    def agreement(self) -> Section:
        """Data, fitted model and generated images."""
        agreement = self.findings.agreement
        assert agreement is not None
        table = agreement_table(agreement, self.file(agreement.to_frame(), "agreement"))
        return Section(
            "agreement",
            "Agreement of data, model and images",
            [Part(text=agreement.reading), Part(tables=[table])],
        )

    def file(self, frame: "pd.DataFrame", kind: str) -> str:
        return self.folder.table(frame, f"{kind}-{self.name}")

    def picture(self, figure: Figure, kind: str, alt: str, caption: str) -> Picture:
        return self.folder.picture(figure, f"{kind}-{self.name}", alt, caption)


def _other_expectation(report: "EffectReport") -> str:
    """Explain why refuters compare with a number other than the recommended estimate; empty if they do not."""
    chosen = report.estimate
    for row in report.refutations:
        expected, own = (like_estimate(report, value) for value in (row.expected, chosen.value))
        if row.estimate == chosen.source and row.expected and expected != own:
            return (
                f" They compare with {expected} instead of {own}: a refuter repeats the estimate for one split of the "
                "rows into folds, whereas the estimate itself averages several splits."
            )
    return ""


def _titled(text: str) -> tuple[str, str]:
    """Split off the first sentence of a text as its title.

    >>> _titled("Poor overlap. 5 rows. None left.")
    ('Poor overlap', '5 rows. None left.')
    """
    title, found, rest = text.partition(". ")
    return (title, rest) if found else (text, "")


def _steps(estimand: "Estimand") -> list[Formula]:
    """List the derivation: the question, then each step with its rule."""
    derivation = estimand.derivation
    assert derivation is not None
    reserved = derivation.start.free
    reasons = ["", *(step.reason for step in derivation)]
    return [
        Formula(equals + state.write(reserved=reserved), equals + state.write(LATEX, reserved=reserved), reason)
        for state, reason, equals in zip(derivation.states(), reasons, ["", *["= "] * len(derivation)], strict=True)
    ]


def _e_value_words(rows: "Sequence[EValue]") -> str:
    """Summarise the smallest E-value of an interval, or of an estimate."""
    limits = [row.limit for row in rows if row.limit is not None]
    least = min(limits, default=min(row.value for row in rows))
    if least == 1:
        return "E-values: an interval includes no effect already, so no hidden cause is needed"
    return f"E-values: a hidden cause must multiply risks by {least:.2f} before an interval includes no effect"
