"""All checks of a finished effect report that its graph and table allow."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
from scipy.stats import t as student

from ...errors import DataError
from ...graph import GraphLike, as_graph
from ...graph.notation import spell_number
from ..concerns import Check, concerns_of, headline, ranked
from ..encode import encode_question
from ..estimators.methods import METHODS
from ..estimators.stacking import is_stacked
from ..question import EffectQuestion
from ..report import EffectReport
from ..table import EncodedTable
from .affected import Affected, affected_variables
from .balance import Balance, balance
from .bearing import repaired
from .confounder import SimulatedConfounder, check_simulations, simulate_confounder
from .e_value import EValue, e_values
from .functional_form import FunctionalForm, functional_form, with_stacked
from .implied import ImpliedIndependencies, check_independencies, independence_test
from .negative_controls import ControlTest, NegativeControl, check_controls
from .refit import NAIVE, freedom_of, refit, repeatable
from .robustness import Robustness, robustness
from .table_one import TableOne, summarised

__all__ = ["Diagnostics", "examine"]

MOST_CONSEQUENCES = 3


@dataclass(frozen=True)
class Diagnostics:
    """Concerns about an effect report, and what cannot be known.

    The first five parts are for effects identified by adjustment; for others they are None or empty. So is a simulated
    confounder that was not requested.

    Attributes:
        question: The report's question.
        sensitivity: Partial-R2 robustness of the linear estimate to hidden confounding, with benchmarks and contour.
        confounder: Every estimate under a simulated hidden confounder.
        e_values: E-values of the estimates.
        balance: Overlap of the compared values and balance of the covariates.
        negative_controls: One row for each control and method.
        independencies: Tests of the independencies that the graph implies among the observed attributes.
        seed: Seed of simulations, folds and draws.
        of_report: The report's own checks: refuters, agreement of methods, interval, warnings.
        left_out: Parts of the report that the implied independencies do not take into account; empty when there are none.
        form: The recommended estimate with boosted trees' predictions as further covariates; None where not comparable.
        affected: Adjustment variables that look like effects of the treatment.
        table_one: The covariates in each group, before and after weighting; None where no groups exist.
        no_sensitivity: Why there is no sensitivity although the effect is identified by adjustment; else empty.
    """

    question: str
    sensitivity: Robustness | None
    confounder: SimulatedConfounder | None
    e_values: tuple[EValue, ...]
    balance: Balance | None
    negative_controls: tuple[ControlTest, ...]
    independencies: ImpliedIndependencies
    seed: int
    of_report: tuple[Check, ...] = ()
    left_out: str = ""
    form: FunctionalForm | None = None
    affected: tuple[Affected, ...] = ()
    table_one: TableOne | None = None
    no_sensitivity: str = ""

    @property
    def examined(self) -> tuple[Check, ...]:
        """The checks made here, beyond those of the report; sensitivity is a benchmark, not a check."""
        checks = []
        if self.balance is not None:
            said = any(check.concern.startswith("Poor overlap") for check in self.of_report)
            doubtful = self.balance.unbalanced if said else self.balance.doubtful
            text = f"Poor overlap or balance. {self.balance.reading}" * doubtful
            checks.append(Check(self.balance.flaw, text, kind="balance" if self.balance.unbalanced else "overlap"))
        checks += [
            Check(
                f"'{row.control.name}' as negative control rejects {row.estimate.source}",
                row.concern,
                kind="negative control",
            )
            for row in self.negative_controls
            if row.informative
        ]
        checks += [Check(row.about, row.reading, kind="independence") for row in self.affected]
        if self.form is not None:
            about = f"flexible models move {self.form.estimate} by {self.form.shift:.1f} standard errors"
            checks.append(Check(about, f"Functional form: {self.form.reading}" * self.form.doubtful, kind="form"))
        checks += [
            Check(
                row.rejection,
                f"Implied independence: {row.reading}" * row.is_rejected,
                kind="independence",
            )
            for row in self.independencies.tests
            if row.p_value is not None and row.bears
        ]
        return tuple(checks)

    @property
    def fragile(self) -> str:
        """What a hidden cause as strong as observed ones would do to the estimate; empty if the estimate is robust."""
        if self.sensitivity is not None and self.sensitivity.weakness:
            return self.sensitivity.weakness
        original = {} if self.confounder is None else self.confounder.original
        lost = [name for name in original if name != NAIVE and self.confounder.verdict(name) == "sign lost"]  # type: ignore[union-attr]
        return f"one as strong as observed ones would change the sign of {', '.join(lost)}" if lost else ""

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks, ranked: those of the report, and those made here."""
        return tuple(ranked((*self.of_report, *self.examined)))

    @property
    def reasons(self) -> tuple[str, ...]:
        """The concerns, in full; an empty result does not prove the estimate right."""
        return concerns_of(self.checks)

    @property
    def summary(self) -> tuple[str, ...]:
        """Short sentences: how many checks raise a concern and which, then every part as text."""
        words = [headline(self.checks, self.fragile)]
        words += [text for text in (self.no_sensitivity, self.left_out) if text]
        if self.sensitivity is not None:
            words.append(f"Hidden confounding: {self.sensitivity.reading}")
        if self.confounder is not None:
            words += [
                f"Simulated confounder, {name}: {self.confounder.reading(name)}"
                for name in self.confounder.original
                if name != NAIVE
            ]
        words += [f"E-value, {row.estimate}: {row.reading}" for row in self.e_values]
        if self.balance is not None:
            words.append(f"Overlap and balance: {self.balance.reading}")
        words += [f"Negative control '{row.control.name}': {row.reading}" for row in self.negative_controls]
        if self.form is not None:
            words.append(f"Functional form: {self.form.reading}")
        words.append(f"Implied independencies: {self.independencies.reading}")
        return tuple(words)

    def e_value_frame(self) -> pd.DataFrame:
        """E-values, one row for each estimate, with a sentence that reads them."""
        return pd.DataFrame([{**asdict(row), "reading": row.reading} for row in self.e_values])

    def control_frame(self) -> pd.DataFrame:
        """Negative controls, one row for each control and method, with hypothesis and reading as text."""
        rows = [
            {
                "control": row.control.name,
                "role": row.control.role,
                "method": row.estimate.source,
                "estimate": row.estimate.value,
                "low": row.estimate.low,
                "high": row.estimate.high,
                "p_value": row.p_value,
                "adjusted": row.adjusted,
                "verdict": row.verdict,
                "hypothesis": row.hypothesis,
                "reading": row.reading,
            }
            for row in self.negative_controls
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form of everything, with reasons and summary."""
        fields = asdict(self) | {"reasons": self.reasons, "summary": self.summary}
        return json.loads(json.dumps(fields, default=str))

    def __str__(self) -> str:
        return "\n".join([self.question, *(f"  {words}" for words in self.summary)])

    def __repr__(self) -> str:
        return f"Diagnostics({self.question}: {self.summary[0]})"


def examine(
    graph: GraphLike,
    table: pd.DataFrame,
    report: EffectReport,
    *,
    negative_controls: Sequence[NegativeControl | str] = (),
    simulations: int = 3,
    seed: int = 0,
) -> Diagnostics:
    """Examine a finished report: hidden confounding, overlap, balance, controls, implied independencies.

    Weights and clusters are those of the report, and the population is that of its recommended estimate. `left_out`
    names the parts that cannot take them into account.

    Args:
        graph: The graph that the report was made with.
        table: The table that the report was made with, plus a column for each negative control.
        report: From `estimate_effect`.
        negative_controls: Controls; a name stands for a negative-control outcome.
        simulations: Draws of the simulated hidden confounder for each strength, at least 2; 0 leaves it out, which halves
            the time.
        seed: Seed of simulations, folds and draws.

    Raises:
        UnknownNameError: A control is not a node of the graph.
        DataError: The table does not fit, by the graph a column is not a negative control, or `simulations` is 1 or
            negative.
    """
    graph = as_graph(graph)
    if not isinstance(report, EffectReport):
        raise DataError(f"Expected the report as an EffectReport from estimate_effect; got {type(report).__name__}.")
    if simulations != 0:
        check_simulations(simulations)
    question = EffectQuestion.of_report(graph, table, report)
    if not isinstance(report.treatment, str) and negative_controls:
        raise DataError(
            "Expected negative controls for one treatment; the report is about several. Examine the effect of each."
        )
    controls = [NegativeControl(one) if isinstance(one, str) else one for one in negative_controls]
    independencies = check_independencies(
        question.graph, question.table, estimand=report.estimand, cluster=report.cluster, seed=seed
    )
    if report.estimand.method != "backdoor":
        if controls:
            raise DataError(
                "Expected negative controls with an effect identified by adjustment; this one is identified as "
                f"'{report.estimand.method}'. Leave them out."
            )
        return Diagnostics(
            report.question, None, None, (), None, (), independencies, seed, report.checks, _left_out(report)
        )
    adjusted, population = repeatable(report), report.estimate.population
    if not adjusted:
        raise DataError(
            "Expected a report with an estimate by one of the methods of estimate_effect, which can be repeated; got "
            f"{', '.join(row.source for row in report.estimates)}."
        )
    encoded = encode_question(question, report.estimand.adjustment)
    independencies = _with_consequences(independencies, question, report, seed)
    sensitivity, impossible = _sensitivity(encoded, report.level)
    sources = [row.source for row in adjusted]
    return Diagnostics(
        question=report.question,
        sensitivity=sensitivity,
        confounder=simulate_confounder(
            encoded, sources, sensitivity, population=population, simulations=simulations, seed=seed
        )
        if simulations and sensitivity is not None
        else None,
        e_values=e_values(
            encoded,
            adjusted,
            population=population,
            strongest=sensitivity.strongest if sensitivity else None,
            seed=seed,
        ),
        balance=balance(encoded, population=population, seed=seed),
        negative_controls=check_controls(graph, table, report, controls, seed=seed) if controls else (),
        independencies=independencies,
        seed=seed,
        of_report=report.checks,
        left_out=_left_out(report),
        form=_form(encoded, report, seed),
        affected=_affected(independencies, question, report, seed),
        table_one=summarised(question, table, encoded, population),
        no_sensitivity=impossible,
    )


def _sensitivity(table: EncodedTable, level: float) -> tuple[Robustness | None, str]:
    """The robustness of the linear estimate; where the table has none, the reason."""
    try:
        return robustness(table, level=level), ""
    except DataError as error:
        return None, f"There is no robustness value and no simulated confounder: {error}"


def _form(table: EncodedTable, report: EffectReport, seed: int) -> FunctionalForm | None:
    """The form check of the recommended estimate, relative to the report's number, which may average splits."""
    chosen = report.estimate
    if chosen.method not in METHODS:
        return None
    found = functional_form(table, chosen.source, population=chosen.population, seed=seed)
    if found is None:
        return None
    if is_stacked(chosen.note) and chosen.low is not None and chosen.high is not None:
        error = (chosen.high - chosen.low) / (2 * float(student.ppf(0.5 + report.level / 2, freedom_of(table))))
        return with_stacked(found, chosen.value, error, freedom_of(table))
    return replace(found, value=chosen.value, corrected=chosen.value + found.corrected - found.value)


def _affected(
    implied: ImpliedIndependencies, question: EffectQuestion, report: EffectReport, seed: int
) -> tuple[Affected, ...]:
    """The adjustment variables that look like effects of the treatment, with the estimate that leaves each out."""
    found = affected_variables(
        [row.independence for row in implied.rejected],
        question.graph,
        report.estimand,
        lambda row: independence_test(question.graph, question.table, row, cluster=question.cluster, seed=seed)[0],
    )
    if report.estimate.method not in METHODS:
        return found
    return tuple(replace(row, consequence=_without(row.variable, question, report, seed)) for row in found)


def _without(name: str, question: EffectQuestion, report: EffectReport, seed: int) -> str:
    rest = tuple(other for other in report.estimand.adjustment if other != name)
    value = _value_with(question, rest, report, seed)
    return f" Without {name}, {value} instead of {spell_number(report.estimate.value)}."


def _with_consequences(
    implied: ImpliedIndependencies, question: EffectQuestion, report: EffectReport, seed: int
) -> ImpliedIndependencies:
    """State what the estimate would be with the first missing edges that would break its identification."""
    tests = list(implied.tests)
    places = [place for place, row in enumerate(tests) if row.is_rejected and row.breaking][:MOST_CONSEQUENCES]
    for place in places if report.estimate.method in METHODS else ():
        row = tests[place]
        found = repaired(row.independence, question.graph, row.breaking[0], report.estimand)
        if found is None:
            text = f" With {row.breaking[0]}, no set of the observed variables would."
        else:
            text = _estimated_again(question, found.adjustment, row.breaking[0], report, seed)
        tests[place] = replace(row, consequence=text)
    return replace(implied, tests=tuple(tests))


def _estimated_again(
    question: EffectQuestion, adjustment: tuple[str, ...], edge: str, report: EffectReport, seed: int
) -> str:
    """The estimate with the adjustment set that an edge would require, or why this table does not allow it."""
    value = _value_with(question, adjustment, report, seed)
    before = spell_number(report.estimate.value)
    return f" With {edge}, adjusting for {', '.join(adjustment) or 'nothing'}, {value} instead of {before}."


def _value_with(question: EffectQuestion, adjustment: tuple[str, ...], report: EffectReport, seed: int) -> str:
    """The recommended estimate with another adjustment set, as text."""
    chosen = report.estimate
    try:
        table = encode_question(question, adjustment)
        again = refit(table, [chosen.source], population=chosen.population, seed=seed)[chosen.source]
    except DataError as error:
        return f"there is no estimate, because this table does not allow it ({error}),"
    return f"the estimate is {spell_number(again.value)}"


def _left_out(report: EffectReport) -> str:
    if not report.weights:
        return ""
    return (
        f"The implied independencies are tested on the rows as they are, without the sampling weights '{report.weights}': "
        "an independence in the population may not hold among the sampled rows, and vice versa."
    )
