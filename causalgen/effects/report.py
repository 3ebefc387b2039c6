"""The effect report: estimates, comparisons and checks."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..datasets.hints import needs_no_action
from ..datasets.kinds import columns_line
from ..grammar.populations import ESTIMANDS
from ..graph import Estimand, Variable
from ..graph.notation import spell_estimate, spell_number, spell_value
from .concerns import Check, concerns_of, headline, report_checks
from .missing.ways import MissingValues
from .recommended import method_of, recommend, why
from .scales import Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .diagnostics import Diagnostics
    from .survival.follow_up import SurvivalSummary

__all__ = ["EffectReport", "Estimate", "Refutation", "Verdict"]

Verdict = Literal["rejected", "not rejected", "no verdict"]


@dataclass(frozen=True, repr=False)
class Estimate:
    """One number for the effect, from one source.

    Attributes:
        source: Where the number comes from, such as "doubly robust" or "fitted model under do".
        value: The effect, in the outcome's unit.
        low: Lower end of the interval; None if the source states none.
        high: Upper end of the interval.
        kind: "naive" (unadjusted), "adjusted", "comparison" (another source) or "truth".
        note: How the number and its interval were computed, as text.
        population: Population that the effect averages over: "whole", "overlap" (rows weighted by the product of both
            propensities), "treated", "control", or "compliers" (units whose treatment the instrument changes).
        caution: Why the number only approximates the requested effect, in a few words; empty if it is exact.
        scales: The two means and the effect on other scales, such as a risk ratio; empty if the source gives a
            difference only.
    """

    source: str
    value: float
    low: float | None = None
    high: float | None = None
    kind: Literal["naive", "adjusted", "comparison", "truth"] = "comparison"
    note: str = ""
    population: str = "whole"
    caution: str = ""
    scales: tuple[Scale, ...] = ()

    @property
    def method(self) -> str:
        """The method of the source, whose name may include the population."""
        return method_of(self.source)

    def covers(self, value: float) -> bool | None:
        """Whether the interval contains `value`; None without an interval."""
        return None if self.low is None or self.high is None else self.low <= value <= self.high

    def __str__(self) -> str:
        shown = f"{self.source}: {spell_estimate(self.value, self.low, self.high)}"
        return shown + (f" ({self.caution})" if self.caution else "")

    def __repr__(self) -> str:
        among = "" if self.population == "whole" else f", {self.population} population"
        return f"Estimate({self}{among})"


@dataclass(frozen=True, repr=False)
class Refutation:
    """One refuter run on one adjusted estimate and on the naive estimate.

    A verdict is "rejected" or "not rejected": a refuter can show that an estimate is wrong, never that it is right.

    Attributes:
        refuter: "placebo treatment", "random common cause", "data subset" or "dummy outcome".
        estimate: Source of the estimate that was tested.
        expected: Value that the refuter expects: 0 for placebo and dummy outcome, else the estimate itself (the doubly
            robust one from a single split into folds, as in the simulations).
        found: Mean over the refuter's simulations.
        p_value: Two-sided; hypothesis: `expected` is a draw from the simulated estimates. None when they do not vary.
        verdict: "rejected" when p_value <= 0.05 and `found` lies more than a quarter of the standard error from
            `expected`, "no verdict" without a p-value.
        naive_found: Mean over the simulations for the naive estimate.
        naive_p_value: The same p-value for the naive estimate.
        naive_verdict: Verdict on the naive estimate.
        checks: What the refuter checks, as text.
        cannot_show: What it cannot show, as text.
    """

    refuter: str
    estimate: str
    expected: float
    found: float
    p_value: float | None
    verdict: Verdict
    naive_found: float
    naive_p_value: float | None
    naive_verdict: Verdict
    checks: str
    cannot_show: str

    @property
    def hypothesis(self) -> str:
        """The hypothesis that the p-values test, as text."""
        return f"{spell_number(self.expected)} is a draw from the estimates that '{self.refuter}' simulates"

    @property
    def informative(self) -> bool:
        """Whether the refuter rejected this estimate or the naive one."""
        return "rejected" in (self.verdict, self.naive_verdict)

    @property
    def rejection(self) -> str:
        """The finding of a refuter that rejects the estimate, in a few words."""
        return f"'{self.refuter}' rejects {self.estimate}"

    @property
    def reading(self) -> str:
        """The verdict, with "not informative here" when the naive estimate passes as well."""
        if self.informative:
            return self.verdict
        return f"{self.verdict}; not informative here (the naive estimate is not rejected either)"

    def __repr__(self) -> str:
        return f"Refutation({self.refuter} on {self.estimate}: {self.reading})"


@dataclass(frozen=True, repr=False)
class EffectReport:
    """The effect of one contrast: estimates, checks and comparisons.

    Attributes:
        treatment: Name of the treatment, or names of several.
        outcome: Name of the outcome.
        contrast: (a, b): the effect is of do(treatment=b) against do(treatment=a), in labels or natural units; for
            several treatments, a tuple on both sides.
        outcome_unit: Unit of every number; "probability of ..." for a binary outcome.
        estimand: How the effect is identified, as text and as a formula, with the assumptions.
        estimates: The naive estimate first, then the adjusted ones.
        refutations: One row for each adjusted estimate and refuter.
        comparisons: Effects from other sources, the truth among them where the generator is known.
        rows_used: Rows that the estimates use.
        rows_dropped: Rows left out because a used column is missing.
        level: Level of the intervals.
        seed: Seed of folds and refuters.
        warnings: What a reader must know before using the estimates.
        remarks: What a reader must know about the comparisons and the images that they are read on.
        versions: Versions of the libraries that made the numbers.
        population: The requested population; each estimate names the one it averages over.
        weights: Column of sampling weights; None if there is none.
        cluster: Column of clusters; None when rows are independent.
        variables: Every used variable with the kind its column was read as.
        survival: For a censored outcome: the follow-up, and the effect on survival at the horizon.
        missing: How missing values were imputed or weighted for; None if incomplete rows were left out.
    """

    treatment: str | tuple[str, ...]
    outcome: str
    contrast: tuple[Any, Any]
    outcome_unit: str
    estimand: Estimand
    estimates: tuple[Estimate, ...]
    refutations: tuple[Refutation, ...]
    rows_used: int
    rows_dropped: int
    level: float
    seed: int
    warnings: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    comparisons: tuple[Estimate, ...] = ()
    population: str = "whole"
    weights: str | None = None
    cluster: str | None = None
    variables: tuple[Variable, ...] = ()
    remarks: tuple[Check, ...] = ()
    survival: "SurvivalSummary | None" = None
    missing: MissingValues | None = None

    @property
    def columns(self) -> str:
        """The kind that each used column was read as, as text; empty where it is not known."""
        return columns_line(self.variables)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What must hold: the assumptions of the estimand, and that about missing values."""
        return (*self.estimand.assumptions, *([self.missing.assumption] if self.missing else []))

    @property
    def question(self) -> str:
        """The requested effect, as text."""
        unit = f" [{self.outcome_unit}]" if self.outcome_unit else ""
        first, second = map(self._written, self.contrast)
        among = "" if self.population == "whole" else f": {ESTIMANDS[self.population]}"
        among += {"control": f", units with {first}", "treated": f", units with {second}"}.get(self.population, "")
        return f"Effect of do({second}) against do({first}) on {self.measured}{unit}{among}"

    @property
    def measured(self) -> str:
        """The outcome, as text; for a censored one, its restricted mean."""
        if self.survival is None:
            return self.outcome
        return f"the restricted mean of {self.outcome} (until '{self.survival.event}', up to {self.survival.horizon:g})"

    def _written(self, side: Any) -> str:
        """One side of the contrast, as inside do()."""
        pairs = ((self.treatment, side),) if isinstance(self.treatment, str) else zip(self.treatment, side, strict=True)
        return ", ".join(f"{name}={spell_value(value)}" for name, value in pairs)

    @property
    def treatment_name(self) -> str:
        """The treatment, or the treatments, as text."""
        return self.treatment if isinstance(self.treatment, str) else ", ".join(self.treatment)

    @property
    def estimate(self) -> Estimate:
        """The one estimate that answers the question; `recommended` says why. The others are comparisons.

        If the graph has no path from treatment to outcome, it is 0 by assumption and has no interval.
        """
        chosen = recommend(self)
        return chosen or Estimate("the graph", 0.0, kind="adjusted", note=why(self), population=self.population)

    @property
    def recommended(self) -> str:
        """Why `estimate` is recommended, in one sentence."""
        return why(self)

    @property
    def others(self) -> tuple[Estimate, ...]:
        """Comparisons of the estimate: the other methods, the naive estimate, and the other sources."""
        chosen = self.estimate
        rows = [row for row in self.estimates if row != chosen]
        return (*sorted(rows, key=lambda row: row.kind == "naive"), *self.comparisons)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks in this report: refuters, agreement of methods, interval, truth, warnings."""
        return report_checks(self)

    @property
    def concerns(self) -> tuple[str, ...]:
        """The concerns about the estimate, in full; `causalgen.effects.diagnostics.examine` checks more."""
        return concerns_of(self.checks)

    @property
    def headline(self) -> str:
        """How many checks raise a concern, and which."""
        return headline(self.checks)

    @property
    def truth(self) -> float | None:
        """The true effect, where a comparison states it."""
        return next((row.value for row in self.comparisons if row.kind == "truth"), None)

    def __getitem__(self, source: str) -> Estimate:
        """The estimate or comparison from `source`."""
        rows = {row.source: row for row in (*self.estimates, *self.comparisons)}
        if source not in rows:
            raise KeyError(f"Expected a source among {', '.join(rows)}; got {source!r}.")
        return rows[source]

    def compare(self, *comparisons: Estimate, truth: float | None = None) -> "EffectReport":
        """Return the report with effects from other sources, and the true effect, added."""
        if truth is not None:
            comparisons = (*comparisons, Estimate("truth", float(truth), kind="truth", note="The generator is known."))
        return replace(self, comparisons=self.comparisons + comparisons)

    def to_frame(self) -> pd.DataFrame:
        """The recommended estimate first, then what it is compared with; one row each, as for a forest plot.

        Columns source, kind, population, estimate, low, high, covers_truth (None without truth or interval, or where
        the row's population is not the requested one), note.
        """
        truth = self.truth
        rows = [
            {
                "source": row.source,
                "kind": row.kind,
                "population": row.population,
                "estimate": row.value,
                "low": row.low,
                "high": row.high,
                "covers_truth": None if truth is None or row.population != self.population else row.covers(truth),
                "note": row.note,
            }
            for row in (self.estimate, *self.others)
        ]
        return pd.DataFrame(rows).astype({"low": float, "high": float, "covers_truth": object})

    @property
    def scales(self) -> pd.DataFrame:
        """The means under both values, and the effect on other scales, of every estimate that has them.

        For a binary outcome risk difference, risk ratio, odds ratio and number needed to treat; for others the means and
        their difference. Columns source, population, scale, value, low, high, note; the recommended estimate first.
        """
        rows = [
            (row.source, row.population, one.name, one.value, one.low, one.high, one.note)
            for row in (self.estimate, *self.others)
            for one in row.scales
        ]
        columns = ["source", "population", "scale", "value", "low", "high", "note"]
        return pd.DataFrame(rows, columns=columns).astype({"value": float, "low": float, "high": float})

    def refutation_frame(self) -> pd.DataFrame:
        """Refutations, one row each, with hypothesis and reading as text."""
        rows = [{**asdict(row), "hypothesis": row.hypothesis, "reading": row.reading} for row in self.refutations]
        return pd.DataFrame(rows)

    def save(self, folder: str | Path, **options: Any) -> dict[str, Path]:
        """Write the report as a page, Markdown, LaTeX and tables; see `causalgen.reports.write_effect_report`.

        `graph=` and `table=` add a notebook that reproduces the numbers; `doubt=` adds the result of `examine`.
        """
        from ..reports import write_effect_report

        return write_effect_report(folder, self, **options)

    def plot(self) -> "Figure":
        """Forest plot of the estimates and their comparisons."""
        from ..reports import plot_forest

        return plot_forest(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form of everything in the report."""
        fields = asdict(self) | {"question": self.question, "estimate": asdict(self.estimate)}
        fields |= {"recommended": self.recommended, "headline": self.headline, "concerns": self.concerns}
        fields |= {} if self.survival is None else {"survival": self.survival.to_dict()}
        fields |= {"columns": self.columns, "variables": [variable.to_dict() for variable in self.variables]}
        for name in ("text", "formula", "latex", "assumptions"):
            fields["estimand"][name] = getattr(self.estimand, name)
        if self.missing is not None:
            fields["missing"] |= {"text": self.missing.text, "assumption": self.missing.assumption}
        for row, values in zip(self.refutations, fields["refutations"], strict=True):
            values["reading"] = row.reading
        return json.loads(json.dumps(fields, default=str))

    def describe(self, doubt: "Diagnostics | None" = None) -> str:
        """The report as text: question, estimate, concerns, then everything else.

        Args:
            doubt: Result of `causalgen.effects.diagnostics.examine`, whose checks are then counted as well.
        """
        line = self.headline if doubt is None else headline((*self.checks, *doubt.examined), doubt.fragile)
        rows = [self.question, f"  {ESTIMANDS[self.estimate.population]}, {self.estimate}", f"  {line}"]
        rows += [f"  {one}" for one in self.estimate.scales if not one.name.endswith("difference")]
        rows += [f"  {self.recommended}", f"  {self.estimand.text}"]
        rows += [f"  {self.estimand.formula}"] * (self.estimand.method == "general")
        rows += [f"  {self.rows_used} rows used, {self.rows_dropped} dropped"]
        rows += [f"  {self.missing.text}", f"  assumed: {self.missing.assumption}"] if self.missing else []
        rows += [f"  {self.columns}"] if self.columns else []
        rows += [f"  {row}" for row in (() if self.survival is None else self.survival.lines)]
        rows += [f"  compared with {row}" for row in self.others]
        rows += [f"  about the {row.subject}: {row.concern}" for row in self.remarks]
        rows += [f"  {row.refuter} on {row.estimate}: {row.reading}" for row in self.refutations if row.informative]
        silent = sum(not row.informative for row in self.refutations)
        counted = f"{silent} of {len(self.refutations)} refutations"
        rows += [f"  {counted} are not informative: they do not reject the naive estimate either"] * bool(silent)
        rows += [f"  {'note' if needs_no_action(text) else 'warning'}: {text}" for text in self.warnings]
        return "\n".join(rows + [f"  {text}" for text in (() if doubt is None else doubt.summary[1:])])

    def __str__(self) -> str:
        return self.describe()

    def __repr__(self) -> str:
        rows = [f"EffectReport({self.question}; {self.rows_used:,} rows)", f"  {self.estimate}", f"  {self.headline}"]
        return "\n".join(rows + [f"  compared with {row}" for row in self.others])

    def _repr_html_(self) -> str:
        from ..reports.display import effect_html

        return effect_html(self)
