"""Nested counterfactuals in a report: the parts of an effect, and their assumptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..graph import CausalGraph
from ..graph.nested_estimand import ESTIMANDS
from ..graph.notation import join, spell_value
from .citations import cite
from .folder import Group, ReportFolder, Row, Table
from .forest_plot import forest_figure
from .graph_plot import plot_graph
from .parts import Formula, Page, Part, Section
from .render import Format, render
from .style import in_brackets, number, with_interval
from .words import NESTED_READING, READING

if TYPE_CHECKING:
    from ..mediation import NestedAnswer, NestedEffect

__all__ = [
    "MediationFindings",
    "mediation_answer",
    "mediation_keys",
    "mediation_parts",
    "what_changes",
    "write_mediation_report",
]

FILES: dict[Format, str] = {"html": "mediation.html", "markdown": "mediation.md", "latex": "mediation.tex"}
KINDS = {"table": "adjusted", "model": "comparison"}
"""How the forest plot draws each source."""


@dataclass(frozen=True, eq=False)
class MediationFindings:
    """The answers to one nested question.

    Args:
        title: The question as text.
        answers: Answers from the table, from the fitted model, or from both; empty if no source has one.
        truth: True value of each effect where the generator is known.
        notes: Reasons why a source has no answer.
    """

    title: str
    answers: "Sequence[NestedAnswer]"
    truth: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the effects of every source, one below the other."""
        frames = [answer.to_frame().assign(source=answer.source) for answer in self.answers]
        frame = pd.concat(frames, ignore_index=True)
        return frame.assign(truth=frame["name"].map(self.truth)) if self.truth else frame


def mediation_answer(findings: MediationFindings) -> str:
    """State the effects of the first source in a sentence."""
    if not findings.answers:
        return f"{findings.title}: no source has an answer."
    first = findings.answers[0]
    identified = "identified by the graph" if first.estimand is not None else "not identified from data"
    basis = f"(from the {first.source}, {first.level:.0%} interval; {identified})"
    limits = "; ".join(map(_short, first.warnings))
    limits = f" Before using these numbers: {limits[0].lower()}{limits[1:]}." if limits else ""
    if first.question.estimand == "natural":
        return _split(first, basis) + limits
    shown = [f"{effect.name} {_cell(effect)}" for effect in first.effects]
    return f"{findings.title}: {'; '.join(shown)} {basis}.{limits}"


def _short(warning: str) -> str:
    """The first clause of a warning."""
    return warning.partition(": ")[0].partition("; ")[0].removesuffix(".")


def _split(answer: "NestedAnswer", basis: str) -> str:
    """State the total effect as the sum of its direct and its indirect part."""
    question = answer.question
    a, b = map(spell_value, question.contrast or ("a", "b"))
    mediators = answer.estimand.mediators if answer.estimand is not None else ()
    through = f"through {join(mediators)}" if mediators else "indirectly"
    total, direct, indirect = (_cell(answer[name]) for name in ("total", "natural direct", "total indirect"))
    outcome, unit = what_changes(question.outcome, answer.outcome_unit)
    return (
        f"Setting {question.treatment} to {b} instead of {a} changes {outcome} by {total}{unit}: "
        f"{direct} directly and {indirect} {through} {basis}."
    )


def what_changes(outcome: str, unit: str) -> tuple[str, str]:
    """Describe what an effect changes, and return the unit to print after a number."""
    if unit.startswith("probability of "):
        return f"the probability that {outcome} is {unit.removeprefix('probability of ')}", ""
    return f"the mean of {outcome}", f" {unit}" if unit else ""


def mediation_parts(findings: MediationFindings, number: int, folder: ReportFolder) -> list[Part]:
    """Return the numbers and their picture, then identification and assumptions.

    Args:
        findings: The answers.
        number: Its number in the report, for the names of files.
        folder: Folder of the figures and tables.
    """
    if not findings.answers:
        return [Part(heading=findings.title, alert="No answer", points=[(text, "") for text in findings.notes])]
    first = findings.answers[0]
    name = f"mediation-{number}-{first.question.treatment}-{first.question.outcome}"
    reading = NESTED_READING[first.question.estimand]
    numbers = Part(
        heading=findings.title, text=reading, tables=[_table(findings, folder.table(findings.to_frame(), name))]
    )
    if all(effect.bounds is None for effect in first.effects):
        frame = _forest_rows(findings)
        unit = in_brackets(first.outcome_unit)
        alt = "Forest plot. " + "; ".join(f"{a.source}: {'; '.join(map(str, a.effects))}" for a in findings.answers)
        hollow = " Hollow points miss the truth." if findings.truth else ""
        caption = (
            f"Effects with {first.level:.0%} intervals. Blue: from the table. Green: from the fitted model.{hollow}"
        )
        figure = forest_figure(frame, f"effect on {first.question.outcome}{unit}")
        numbers.pictures.append(folder.picture(figure, name, alt, caption))
    parts = [numbers]
    warnings = [f"{answer.source.capitalize()}: {text}" for answer in findings.answers for text in answer.warnings]
    if warnings or findings.notes:
        points = [(text, "") for text in (*findings.notes, *warnings)]
        parts.append(Part(alert="Before using these numbers", points=points))
    estimand = first.estimand
    if estimand is None:
        return [*parts, *([] if findings.notes else [Part(text=first.identification)])]
    ticks = Part(
        text="Tick the assumptions that you can defend. If one fails, the numbers are wrong.", ticks=first.assumptions
    )
    formula = Part(text="The estimand, as a formula:", formulas=[Formula(estimand.formula, estimand.latex)])
    sources = [(f"From the {answer.source}, {answer.rows_used:,} units", answer.note) for answer in findings.answers]
    return [*parts, ticks, formula, Part(fold="How the numbers are computed", points=sources)]


def mediation_keys(findings: MediationFindings) -> set[str]:
    """Keys of `CITATIONS` for the methods behind the answers."""
    return {key for answer in findings.answers for key in ("causality", ESTIMANDS[answer.question.estimand])}


def write_mediation_report(
    folder: str | Path, findings: MediationFindings, *, graph: CausalGraph | None = None
) -> dict[Format, Path]:
    """Write `mediation.html`, `mediation.md`, `mediation.tex` and the figures and tables that they show.

    Returns:
        Format -> its file.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    root = ReportFolder(folder)
    sections = [Section("mediation", "The answer", mediation_parts(findings, 1, root))]
    if graph is not None:
        picture = root.picture(plot_graph(graph), "graph", f"Causal graph: {graph}.", "The assumed causal graph.")
        sections.append(Section("graph", "The graph", [Part(pictures=[picture], small=False)], READING["graph"]))
    if findings.answers:
        sections.append(Section("methods", "Methods to cite", [Part(works=cite(mediation_keys(findings)))]))
    names = _asked(findings) if graph is None else graph.nodes
    page = Page(findings.title, "", sections, sentences=[mediation_answer(findings)], names=names)
    return {form: root.write(file, render(page, form).encode()) for form, file in FILES.items()}


def _asked(findings: MediationFindings) -> list[str]:
    """Return the columns of the questions if no graph lists them."""
    names = []
    for answer in findings.answers:
        names += [answer.question.treatment, answer.question.outcome]
        names += [] if answer.estimand is None else [*answer.estimand.mediators, *answer.estimand.adjustment]
    return names


def _table(findings: MediationFindings, file: str) -> Table:
    header = [
        "Effect",
        *(f"From the {answer.source}" for answer in findings.answers),
        *(["Truth"] if findings.truth else []),
    ]
    rows = []
    for effect in findings.answers[0].effects:
        cells = [effect.name, *(_cell(answer[effect.name]) for answer in findings.answers)]
        cells += (
            [number(findings.truth[effect.name])] if effect.name in findings.truth else ["–"] * bool(findings.truth)
        )
        rows.append(Row(cells, note=effect.definition, strong=effect.name == "total"))
    return Table(f"Values with {findings.answers[0].level:.0%} intervals", header, [Group(rows)], file)


def _cell(effect: "NestedEffect") -> str:
    """Format a value with its interval, and any bounds, which hold under every coupling of the worlds."""
    value = "" if effect.value is None else with_interval(effect.value, effect.low, effect.high)
    if effect.bounds is None:
        return value
    bounds = f"{number(effect.bounds[0])} to {number(effect.bounds[1])}"
    found = f"{value}; bounds {bounds}" if value else f"{bounds} [{number(effect.low)}, {number(effect.high)}]"
    if effect.monotone is None:
        return found
    ends = effect.monotone_interval
    point = number(effect.monotone) if ends is None else with_interval(effect.monotone, *ends)
    return f"{found}; under monotonicity {point}"


def _forest_rows(findings: MediationFindings) -> pd.DataFrame:
    """Return the effects in order, grouped by effect."""
    rows = []
    for effect in findings.answers[0].effects:
        for answer in findings.answers:
            found, truth = answer[effect.name], findings.truth.get(effect.name)
            covers = None if truth is None else found.covers(truth)
            row: dict[str, Any] = {
                "source": f"{effect.name}, {answer.source}",
                "kind": KINDS[answer.source],
                "covers_truth": covers,
            }
            rows.append(row | {"estimate": found.value, "low": found.low, "high": found.high})
    return pd.DataFrame(rows)
