"""Negative controls: where the graph says "no effect", the same method must find none.

Reference:
    Lipsitch, Tchetgen Tchetgen and Cohen, Negative controls: a tool for detecting confounding and bias in
    observational studies (2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import networkx as nx
import pandas as pd

from ...datasets.declared import type_column
from ...errors import DataError
from ...graph import CausalGraph, GraphLike, as_graph
from ...graph.notation import spell_number
from ...graph.separation import open_path, write_path
from ..encode import encode_question
from ..estimators.methods import METHODS
from ..question import EffectQuestion
from ..report import EffectReport, Estimate, Verdict
from ..table import EncodedTable
from .refit import NAIVE, p_value, refit, repeatable
from .words import holm, verdict

__all__ = ["ControlTest", "NegativeControl", "check_controls"]

Role = Literal["outcome", "exposure"]


@dataclass(frozen=True)
class NegativeControl:
    """A column that the treatment must not affect, or that must not affect the outcome.

    Attributes:
        name: A variable of the graph.
        role: "outcome": the treatment must have no effect on it; "exposure": it must have none on the outcome.
        contrast: (a, b) for an exposure; None for its two labels, or one standard deviation around its mean.
    """

    name: str
    role: Role = "outcome"
    contrast: tuple[Any, Any] | None = None


@dataclass(frozen=True)
class ControlTest:
    """One method on one negative control.

    Attributes:
        control: The control.
        estimate: The method's estimate of an effect that is 0 by the graph.
        p_value: Two-sided; hypothesis: that effect is 0. None without an interval.
        adjusted: The p-value after Holm's correction for the method's controls.
        verdict: "rejected" when `adjusted` <= 0.05.
        naive_verdict: Verdict on the naive estimate.
        hypothesis: The hypothesis, as text.
    """

    control: NegativeControl
    estimate: Estimate
    p_value: float | None
    adjusted: float | None
    verdict: Verdict
    naive_verdict: Verdict
    hypothesis: str

    @property
    def informative(self) -> bool:
        """Whether the control rejects this estimate or the naive one."""
        return "rejected" in (self.verdict, self.naive_verdict)

    @property
    def concern(self) -> str:
        """The concern about the method; empty where the control is not rejected."""
        return f"Negative control: {self.reading}" if self.verdict == "rejected" else ""

    @property
    def reading(self) -> str:
        """The verdict as text, and what it cannot show."""
        test = f"{self.verdict}: {self.hypothesis} (found {spell_number(self.estimate.value)}"
        test += ")." if self.p_value is None or self.adjusted is None else f", p = {self.adjusted:.2g} after Holm)."
        if self.verdict == "rejected":
            return (
                f"{test} Something other than an effect connects them: a hidden common cause, which may also bias the "
                "estimate, a wrong graph, or a model of the wrong form. It cannot show which."
            )
        if self.naive_verdict != "rejected":
            test += " Not informative here: the naive estimate is not rejected either."
        return f"{test} It cannot show that nothing is hidden: it detects only what also affects '{self.control.name}'."


def check_controls(
    graph: GraphLike,
    table: pd.DataFrame,
    report: EffectReport,
    controls: Sequence[NegativeControl],
    *,
    seed: int = 0,
) -> tuple[ControlTest, ...]:
    """Check every negative control by the graph and estimate its effect with the report's methods.

    Args:
        graph: The assumed graph; images are projected out.
        table: A column for every control.
        report: The report to check. Its adjustment set, methods, weights and clusters are used, and the population of its
            recommended estimate for a negative-control outcome; the effect of a negative-control exposure is that in the
            whole population.
        controls: The controls.
        seed: Seed of folds.

    Raises:
        UnknownNameError: A control is not a node of the graph.
        DataError: By the graph the column is not a negative control (the message shows the path), or it does not suit.
    """
    graph = as_graph(graph)
    question = EffectQuestion.of_report(graph, table, report)
    for control in controls:
        _verify(graph, question.graph, report, control)
    sources = [row.method for row in repeatable(report)]
    found = [_estimates(question, report, control, [NAIVE, *sources], seed) for control in controls]
    naive = holm([p_value(estimates[NAIVE], encoded) for estimates, encoded in found])
    rows = []
    for source in sources:
        # A method for another kind of treatment, or for a bounded outcome, may not fit a control.
        asked = [place for place, (estimates, _) in enumerate(found) if source in estimates]
        p_values = [p_value(found[place][0][source], found[place][1]) for place in asked]
        adjusted = holm(p_values)
        for place, single, corrected in zip(asked, p_values, adjusted, strict=True):
            rows.append(
                ControlTest(
                    control=controls[place],
                    estimate=found[place][0][source],
                    p_value=single,
                    adjusted=corrected,
                    verdict=verdict(corrected),
                    naive_verdict=verdict(naive[place]),
                    hypothesis=_hypothesis(report, controls[place], source),
                )
            )
    return tuple(rows)


def _hypothesis(report: EffectReport, control: NegativeControl, source: str) -> str:
    cause, outcome = (_treatment(report), control.name) if control.role == "outcome" else (control.name, report.outcome)
    return f"{source} finds no effect of {cause} on {outcome}"


def _treatment(report: EffectReport) -> str:
    if not isinstance(report.treatment, str):
        raise DataError("Expected a report about one treatment for negative controls; got one about several.")
    return report.treatment


def _verify(graph: CausalGraph, attributes: CausalGraph, report: EffectReport, control: NegativeControl) -> None:
    """Refuse a column that is not a negative control by the graph."""
    if control.role not in ("outcome", "exposure"):
        raise DataError(f"Expected the role of a negative control to be 'outcome' or 'exposure'; got {control.role!r}.")
    graph.require(control.name)
    if graph[control.name].is_image:
        raise DataError(f"Expected an attribute as negative control; got the image '{control.name}'.")
    if control.name in (_treatment(report), report.outcome, *report.estimand.adjustment):
        raise DataError(
            f"Expected a negative control other than treatment, outcome and adjustment set; got '{control.name}', which is "
            "one of them."
        )
    given = list(report.estimand.adjustment)
    if control.role == "outcome":
        cause, outcome, remedy = (
            _treatment(report),
            control.name,
            "Choose a variable that the treatment does not cause.",
        )
    else:
        cause, outcome, remedy = control.name, report.outcome, "Choose a variable that does not cause the outcome."
        given.append(_treatment(report))
    _refuse_directed_path(attributes, cause, outcome, control, _treatment(report), remedy)
    if attributes.d_separated(cause, outcome):
        raise DataError(
            f"Expected a negative control that shares causes with what it is compared with; by the graph '{cause}' and "
            f"'{outcome}' have none in common, so confounding would not show on '{control.name}'. Draw their common "
            "causes, or choose another control."
        )
    dag = attributes.canonical()
    if (path := open_path(dag, cause, outcome, given)) is not None:
        raise DataError(
            f"Expected a negative control that adjusting for {', '.join(given) or 'nothing'} separates; by the graph "
            f"'{cause}' and '{outcome}' remain connected by {write_path(dag, path)}, so a rejection would not be "
            "informative. Choose another control."
        )


def _refuse_directed_path(
    graph: CausalGraph, cause: str, outcome: str, control: NegativeControl, treatment: str, remedy: str
) -> None:
    """A directed path; for an exposure, one that avoids the treatment, which is held fixed."""
    arrows = nx.DiGraph(graph.edges)
    arrows.add_nodes_from(graph.nodes)
    if control.role == "exposure":
        arrows.remove_node(treatment)
    if nx.has_path(arrows, cause, outcome):
        path = " -> ".join(nx.shortest_path(arrows, cause, outcome))
        raise DataError(f"Expected a negative control without effect; got '{control.name}' with {path}. {remedy}")


def _estimates(
    question: EffectQuestion, report: EffectReport, control: NegativeControl, names: Sequence[str], seed: int
) -> tuple[dict[str, Estimate], EncodedTable]:
    """Effects of, or on, one control, and the table behind them."""
    adjustment = list(report.estimand.adjustment)
    if control.role == "outcome":
        encoded = encode_question(replace(question, outcome=control.name), adjustment)
        return refit(encoded, _suited(names, encoded), population=report.estimate.population, seed=seed), encoded
    contrast = control.contrast or _usual_contrast(question.graph, question.table[control.name], control.name)
    exposed = replace(question, treatment=control.name, contrast=contrast)
    encoded = encode_question(exposed, [*adjustment, _treatment(report)])
    return refit(encoded, _suited(names, encoded), seed=seed), encoded


def _suited(names: Sequence[str], table: EncodedTable) -> list[str]:
    """The methods for a treatment of this kind and an outcome of this range; the naive one always fits."""

    def suits(name: str) -> bool:
        return table.kind in METHODS[name].kinds and (table.bounds is not None or not METHODS[name].bounded)

    return [name for name in names if name == NAIVE or suits(name)]


def _usual_contrast(graph: CausalGraph, column: pd.Series, name: str) -> tuple[Any, Any]:
    typed = type_column(graph[name], column)
    if typed.variable.labels is not None:
        return typed.variable.labels[0], typed.variable.labels[1]
    numbers = pd.Series(typed.reading.values)
    centre, spread = float(numbers.mean()), float(numbers.std())
    return centre - spread / 2, centre + spread / 2
