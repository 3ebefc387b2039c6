"""The page of a repair: results for every training set, and when extrapolated images are right."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ..graph import CausalGraph
from ..machine import versions
from ..reports.citations import cite
from ..reports.folder import Group, Picture, ReportFolder, Row, Table
from ..reports.forest_plot import forest_figure
from ..reports.parts import Highlight, Page, Part, Section
from ..reports.render import Format, render
from ..reports.style import number, with_interval
from ..reports.tables import pairs_table
from .audit import MARGIN
from .judge import ACCURACY, AGAINST, CHANGE, TRUE_CHANGE, TrainingSetResult
from .page import write_audit
from .repair import GIVEN, RepairReport
from .training_sets import ALL, BALANCED, INSIDE, OBSERVED, REBUILT, REWEIGHTED

__all__ = ["repair_sentences", "write_repair"]

FILES: dict[Format, str] = {"html": "repair.html", "markdown": "repair.md", "latex": "repair.tex"}
AUDITS = {"audit-as-given": GIVEN, "audit-before": OBSERVED, "audit-after": ALL}
"""Folders of the audits, by training set."""
SETS = [
    (GIVEN, "The given classifier, unchanged."),
    (OBSERVED, "Retrained on the observed images."),
    (REWEIGHTED, "The same images, weighted so that label and attribute are independent. Needs no model."),
    (BALANCED, "The same images, every combination of label and attribute with the same weight. Needs no model."),
    (
        REBUILT,
        "Together with the model's images of the same units without a change, in the same number as the "
        "counterfactuals: the effect of generated images as such.",
    ),
    (INSIDE, "Together with those counterfactuals whose attributes occurred together in training."),
    (ALL, "Together with all counterfactuals, including the extrapolated ones."),
]
WORDS = [
    (ACCURACY.capitalize(), "Share of right labels on all test units."),
    (
        AGAINST.capitalize(),
        "The same on test units whose combination of label and attribute is rarer in training than if both were independent: "
        "there the shortcut misleads. Continuous attributes are split at their training median.",
    ),
    (
        CHANGE.capitalize(),
        "Mean over test units of the score under the second intervention minus that under the first, on counterfactuals of the "
        "model: 0 for a classifier that ignores the attribute. The same model made the training images, so that the change "
        "on true counterfactuals, where the generator is known, is the stronger evidence.",
    ),
    ("Interval", "95 %, over groups of test units, of the mean over seeds."),
    ("Over seeds", "Least and greatest value over trainings with other seeds."),
]
SUPPORT = (
    "Counterfactuals outside of support are extrapolated: as evidence about a unit they should be left out. As training images "
    "they are often the ones that help. A shortcut exists because some combinations of label and attribute are missing in "
    "training, so that the images that show these combinations are outside of support by construction, and those within "
    "support repeat the dependence. They need not be true counterfactuals; they have to show the new attribute and keep what "
    "the label depends on. The table shows whether they do."
)
CITED = ("causality", "image", "bootstrap")


def write_repair(
    folder: Path | str,
    report: RepairReport,
    graph: CausalGraph,
    *,
    about: Mapping[str, str] | None = None,
    command: str = "",
) -> dict[str, Path]:
    """Write a repair as a page, as Markdown, LaTeX and a table, with an audit before and after next to it.

    Args:
        folder: Target folder; created if it does not exist.
        report: What `causalgen.audit.repair` found.
        graph: The graph of the model.
        about: Information needed to repeat it, such as the file of the classifier.
        command: Command that repeats it.

    Returns:
        Format -> its file: "html", "markdown", "latex", and the table "training_sets".

    Raises:
        RunFolderError: The folder cannot be written.
    """
    root = ReportFolder(folder)
    table = root.table(report.to_frame(), "training-sets")
    links = []
    for place, name in AUDITS.items():
        if name in report.audits:
            audit = write_audit(root.root / place, report.audits[name], graph, about=about, command=command)["html"]
            links.append((f"Audit, {name}", audit.relative_to(root.root).as_posix()))
    sections = [
        _training_sets(report, root, table, links),
        Section("support", "When images outside of support are right", [Part(text=SUPPORT), *_support(report)]),
        _provenance(report, dict(about or {}), command),
        Section("methods", "Methods to cite", [Part(works=cite(CITED))]),
    ]
    question = (
        f"Which training set keeps a classifier of “{report.target}” from relying on what {report.query} changes?"
    )
    highlights = [
        _highlight(result) for result in report.results if result.training_set in (GIVEN, OBSERVED, REBUILT, ALL)
    ]
    page = Page(f"Repair: {report.target}", question, sections, highlights, repair_sentences(report), names=graph.nodes)
    return {form: root.write(file, render(page, form).encode()) for form, file in FILES.items()} | {
        "training_sets": root.root / table
    }


def repair_sentences(report: RepairReport) -> list[str]:
    """State the findings in sentences."""
    used = {result.training_set: result for result in report.results}
    if ALL not in used:
        return [
            f"The classifier cannot be trained again, so that only the row “{GIVEN}” remains: an accuracy of "
            f"{number(report.value(GIVEN, ACCURACY))}, {number(report.value(GIVEN, AGAINST))} against the shortcut. Give a "
            "trainer to compare training sets."
        ]
    measure = AGAINST if report.against else ACCURACY
    change = TRUE_CHANGE if TRUE_CHANGE in used[ALL].values else CHANGE
    where = "against the shortcut" if report.against else "on all test units"
    images = "true counterfactuals" if change == TRUE_CHANGE else "counterfactuals of the model"
    found = [
        f"Accuracy {where}: {report.value(ALL, measure):.0%} after training on all counterfactuals, "
        f"{report.value(OBSERVED, measure):.0%} after training on the observed images alone, and "
        f"{report.value(REBUILT, measure):.0%} with reconstructions.",
        f"From {report.contrast[0]} to {report.contrast[1]} the score “{report.outcome}” of the same unit changes by "
        f"{number(report.value(ALL, change))}, before the repair by {number(report.value(OBSERVED, change))} (on {images}).",
    ]
    before = used[OBSERVED].values[change]
    if before.low > -MARGIN and before.high < MARGIN:
        found.append("There was little to repair: that change was already small.")
    best = max(
        (one for name, one in used.items() if one.gains and name != ALL), key=lambda one: one.gains[measure].value
    )
    everything, inside = used[ALL].gains[measure], used[INSIDE].gains[measure]
    if everything.low > inside.high:
        found.append(
            f"The {1 - report.supported:.0%} of the counterfactuals outside of support make the difference: without them, "
            f"{report.value(INSIDE, measure):.0%} of the units are classified correctly."
        )
    elif inside.low > everything.high:
        found.append(
            f"The counterfactuals outside of support are harmful: without them, {report.value(INSIDE, measure):.0%} of "
            "the units are classified correctly. Leave them out."
        )
    if best.gains[measure].low > everything.high:
        found.append(f"A better training set here is “{best.training_set}”, with {best.values[measure].value:.0%}.")
    elif not everything.low > 0:
        found.append("These test units do not show whether the counterfactuals help.")
    return found


def _highlight(result: TrainingSetResult) -> Highlight:
    against, accuracy = result.values[AGAINST], result.values[ACCURACY]
    change = result.values.get(TRUE_CHANGE, result.values[CHANGE])
    return Highlight(
        result.training_set,
        f"{with_interval(*(100 * end for end in against))} % right against the shortcut",
        f"{accuracy.value:.0%} on all units; the score changes by {with_interval(*change)}",
    )


def _training_sets(report: RepairReport, root: ReportFolder, file: str, links: list[tuple[str, str]]) -> Section:
    measures = [name for name in (ACCURACY, AGAINST, CHANGE, TRUE_CHANGE) if name in report.results[0].values]
    header = ["Training set", "Images", *(name.capitalize() for name in measures)]
    rows = [_row(result, measures) for result in report.results]
    table = Table("Results on test units for every training set, with 95 % intervals", header, [Group(rows)], file)
    trainings = f"{len(report.seeds)} training{'s' * (len(report.seeds) != 1)}"
    text = (
        f"{report.units:,} test units, {report.against:,} of them against the shortcut; {trainings} of each training "
        f"set. The interventions compared are {report.contrast[0]} and {report.contrast[1]}."
    )
    notes = (
        [Part(alert="Before using these numbers", points=[(note, "") for note in report.notes])] if report.notes else []
    )
    shown = {result.training_set for result in report.results}
    parts = [
        *notes,
        Part(text=text, pictures=[_picture(report, root)], beside="after"),
        Part(tables=[table]),
        Part(fold="The training sets", points=[(name, words) for name, words in SETS if name in shown]),
        Part(fold="Meaning of the terms", points=WORDS),
    ]
    parts += [Part(text="The audits, each of the classifier of the first seed:", links=links)] if links else []
    return Section("training-sets", "Training sets compared", parts)


def _row(result: TrainingSetResult, measures: list[str]) -> Row:
    images = f"{result.images:,}" if result.images else "–"
    cells = [with_interval(*result.values[name]).replace(", ", ",\u00a0") for name in measures]
    gain = result.gains.get(AGAINST)
    notes = [f"{AGAINST} {with_interval(*gain)} more than “{OBSERVED}”"] if gain else []
    if result.seeds > 1:
        ends = {name: result.spread[name] for name in (AGAINST, measures[-1])}
        notes.append(
            "over seeds: " + ", ".join(f"{n} {number(low)} to {number(high)}" for n, (low, high) in ends.items())
        )
    return Row([result.training_set, images, *cells], "; ".join(notes), strong=result.training_set == ALL)


def _picture(report: RepairReport, root: ReportFolder) -> Picture:
    measure = AGAINST if report.against else ACCURACY
    rows = pd.DataFrame(
        {
            "source": result.training_set,
            "estimate": result.values[measure].value,
            "low": result.values[measure].low,
            "high": result.values[measure].high,
            "kind": "naive" if result.training_set in (GIVEN, OBSERVED) else "adjusted",
            "covers_truth": None,
        }
        for result in report.results
    )
    values = "; ".join(f"{result.training_set} {number(result.values[measure].value)}" for result in report.results)
    alt = f"Accuracy, {measure}: {values}."
    label = "accuracy against the shortcut" if report.against else ACCURACY
    return root.picture(forest_figure(rows, label), "training-sets", alt, f"{label.capitalize()}, with 95 % intervals.")


def _support(report: RepairReport) -> list[Part]:
    if report.supported != report.supported:
        return []
    return [Part(text=f"Here {report.supported:.0%} of the training counterfactuals are within support.")]


def _provenance(report: RepairReport, about: dict[str, str], command: str) -> Section:
    told = about | {
        "label": report.target,
        "score": report.outcome,
        "counterfactuals": report.query,
        "seeds": ", ".join(map(str, report.seeds)) or "none",
    }
    tables = [
        pairs_table("The repair", ("What", "Value"), told),
        pairs_table("Versions", ("Library", "Version"), versions()),
    ]
    again = [Part(text="The command that reproduces this page:", code=command)] if command else []
    return Section("provenance", "Where the numbers come from", [*again, Part(tables=tables)])
