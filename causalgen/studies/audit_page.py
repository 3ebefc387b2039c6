"""The page of an audit: what changes, on which images, how far they can be trusted, and what carries it all."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from ..audit import AuditReport, AuditRow, Movers, Trust
from ..graph import CausalGraph
from ..reports import Highlight, plot_changes, plot_graph, plot_samples
from ..reports.citations import cite
from ..reports.effects.latex import latex_document
from ..reports.effects.markdown import markdown_page
from ..reports.folder import Group, Picture, ReportFolder, Row, Table
from ..reports.page import html_page
from ..reports.parts import Formula, Part, Section
from ..reports.style import number, with_interval
from ..reports.tables import pairs_table
from .machine import versions

__all__ = ["write_audit"]

EVERYONE, ALL = "everyone", "all units"
MOST_ANSWERS = 8
CITED = ("causality", "image", "audit", "direct effect", "bootstrap")
OPEN_ROWS = 24
"""Rows of subgroups that stand open; longer tables are folded."""
CHANGE = Formula(
    "change = score(image under do(a = value)) − score(image under do(a = own value)), with the same noise u",
    r"\Delta(u) = f\bigl(X_{a=\mathrm{value}}(u)\bigr) - f\bigl(X_{a=\mathrm{own}}(u)\bigr)",
    "of one unit; u is its exogenous noise, abducted from its image and attributes",
)
WORDS = [
    (
        "Change",
        "Mean over the units, net of what rebuilding the factual image changes: that part stands under Reconstruction.",
    ),
    ("Total", "What descends from the attribute follows it."),
    ("Direct", "Mediators, the parents of the image that descend from the attribute, keep each unit's own values."),
    ("Gap", "Counterfactual-fairness gap: the mean absolute change, in which changes of opposite signs do not cancel."),
    ("Flipped", "Share of the units whose decision differs between the reconstructed and the counterfactual image."),
    (
        "Verdict",
        "Beyond the margin: the whole adjusted interval is. Within the margin: the whole interval is. Undecided: neither; "
        "more units may tell.",
    ),
    ("Within support", "Units whose attributes under the intervention were seen together in training."),
]
TICKS = (
    "The graph holds: no arrow is missing or turned round, and no hidden cause acts on two of the attributes or on one of them "
    "and the image.",
    "The generator draws what the intervention would have made of these units. No data can confirm that: counterfactual "
    "images are not identified by any mechanism.",
    "The classifier meets real images as it met these: of this size, these colours and this scale of the pixels.",
    "The audited units stand for those on whom the classifier will be used.",
    "Groups of units are independent of one another.",
)


def write_audit(
    folder: Path | str,
    report: AuditReport,
    graph: CausalGraph,
    *,
    about: Mapping[str, str] | None = None,
    command: str = "",
) -> dict[str, Path]:
    """Write an audit as a page, as Markdown, LaTeX, tables and JSON.

    Args:
        folder: Where to; created if it does not exist.
        report: What `causalgen.audit.audit` found.
        graph: The graph of the audited model.
        about: What a reader must know to repeat the audit, such as the file of the classifier.
        command: Command that repeats it.

    Returns:
        Format -> its file: "html", "markdown", "latex", "json", and the tables "changes", "trust" and "movers".

    Raises:
        RunFolderError: The folder cannot be written.
    """
    root = ReportFolder(folder, tables=False)
    tables = dict(zip(("json", "changes", "trust", "movers"), report.write(folder), strict=True))
    question = f"How does {report.outcome} of the same image change when an attribute is set?"
    title, answers = f"Audit: {report.outcome}", _answers(report)
    sections = _sections(report, graph, root)
    sections.append(_provenance(report, dict(about or {}), command))
    sections.append(Section("methods", "Methods to cite", [Part(works=cite(CITED))]))
    pages = {
        "html": ("audit.html", html_page(title, question, answers, sections)),
        "markdown": ("audit.md", markdown_page(question, answers, sections)),
        "latex": ("audit.tex", latex_document(question, answers, sections)),
    }
    return {name: root.write(file, text.encode()) for name, (file, text) in pages.items()} | tables


def _answers(report: AuditReport) -> list[Highlight]:
    """One line for each intervention and effect, everyone and all units."""
    whole = [row for row in report if row.subgroup == EVERYONE and row.stratum == ALL]
    whole.sort(key=lambda row: row.verdict != "beyond the margin")
    return [
        Highlight(
            f"{row.intervention}, {row.effect}",
            _change(row),
            f"{row.verdict} of {number(report.margin)}{_flipped(row)}",
        )
        for row in whole[:MOST_ANSWERS]
    ]


def _sections(report: AuditReport, graph: CausalGraph, folder: ReportFolder) -> list[Section]:
    wanted = [
        _changes(report, folder),
        _subgroups(report) if any(row.subgroup != EVERYONE for row in report) else None,
        _movers(report, graph, folder),
        _trust(report),
        _assumptions(report, graph, folder),
    ]
    return [section for section in wanted if section is not None]


def _changes(report: AuditReport, folder: ReportFolder) -> Section:
    """Warnings first, then the changes of everyone."""
    rows = [row for row in report if row.subgroup == EVERYONE]
    shown = [row for row in rows if row.stratum == ALL]
    frame = pd.DataFrame(
        [vars(row) | {"label": f"{row.intervention}, {row.effect}", "change": row.change.value} for row in shown]
    )
    score = f"{report.outcome} [{report.unit}]"
    caption = f"Mean changes of all units with intervals adjusted for {len(report)} rows; the band is the margin."
    alt = f"Changes of {score}: {'; '.join(f'{row.intervention}, {row.effect}: {_change(row)}' for row in shown)}."
    picture = folder.picture(plot_changes(frame, margin=report.margin, score=score), "changes", alt, caption)
    alert = (
        [Part(alert="Before using these numbers", points=[(text, "") for text in report.warnings])]
        if report.warnings
        else []
    )
    beyond = sum(row.verdict == "beyond the margin" for row in report)
    text = (
        f"{report.units:,} test units in {report.groups:,} groups. Margin of practical size: {number(report.margin)} "
        f"[{report.unit}]; {beyond} of {len(report)} changes are beyond it."
    )
    words = Part(text=text, points_heading="What the words mean:", points=WORDS, pictures=[picture], beside="after")
    formula = Part(formulas=[CHANGE])
    return Section(
        "changes", "What changes", [*alert, words, formula, Part(tables=[_table(report, rows, "Changes of everyone")])]
    )


def _subgroups(report: AuditReport) -> Section:
    rows = [row for row in report if row.subgroup != EVERYONE]
    table = _table(report, rows, "Changes by subgroup, by the units' own attributes")
    fold = f"The {len(rows)} rows" if len(rows) > OPEN_ROWS else ""
    beyond = [
        f"{_place(row)} under {row.intervention} ({row.effect})" for row in rows if row.verdict == "beyond the margin"
    ]
    text = (
        f"Beyond the margin: {'; '.join(beyond[:OPEN_ROWS])}."
        if beyond
        else "No subgroup's change is beyond the margin."
    )
    return Section("subgroups", "Subgroups", [Part(text=text), Part(fold=fold, tables=[table])])


def _table(report: AuditReport, rows: list[AuditRow], caption: str) -> Table:
    header = [
        "Units",
        "Number",
        "Change",
        f"Adjusted {report.level:.0%} interval",
        "Verdict",
        "Gap",
        "Flipped",
        "Reconstruction",
    ]
    groups = []
    for intervention, effect in dict.fromkeys((row.intervention, row.effect) for row in rows):
        own = [row for row in rows if (row.intervention, row.effect) == (intervention, effect)]
        groups.append(Group([_row(row) for row in own], f"{intervention}, {effect}"))
    return Table(f"{caption}, in {report.unit}", header, groups, "changes.csv")


def _row(row: AuditRow) -> Row:
    if not row.units:
        return Row([_place(row), "0", *["–"] * 6])
    shown, _, interval = _change(row).partition(" ")
    flipped = f"{row.flips.value:.1%}" if row.flips else "–"
    cells = [interval.strip("[]").replace(", ", " to ") or "–", row.verdict, number(row.gap.value), flipped]
    null = number(row.null_change.value)
    return Row([_place(row), f"{row.units:,}", shown, *cells, null], strong=row.verdict == "beyond the margin")


def _place(row: AuditRow) -> str:
    """Which units: subgroup, stratum, or both.

    Everyone among all units is "all units".
    """
    return (
        row.stratum if row.subgroup == EVERYONE else row.subgroup + (f", {row.stratum}" if row.stratum != ALL else "")
    )


def _change(row: AuditRow) -> str:
    return with_interval(row.change.value, row.adjusted_low, row.adjusted_high)


def _flipped(row: AuditRow) -> str:
    return f"; {row.flips.value:.1%} of the decisions flip" if row.flips and row.units else ""


def _movers(report: AuditReport, graph: CausalGraph, folder: ReportFolder) -> Section:
    pictures = [_grid(entry, place, report, graph, folder) for place, entry in enumerate(report.movers, 1)]
    reading = (
        "The units whose score an intervention changes most: as they are, as the generator rebuilds them, and under the "
        "intervention. The change is between the last two. Scores are means over the draws of a unit's noise; images are of "
        "the first draw."
    )
    return Section("movers", "The images that move most", [Part(pictures=pictures, small=False)], reading)


def _grid(entry: Movers, place: int, report: AuditReport, graph: CausalGraph, folder: ReportFolder) -> Picture:
    """Factual, reconstructed and counterfactual images, each with its score."""
    images = torch.stack([entry.factual_images, entry.null_images, entry.counterfactual_images], dim=1).flatten(0, 1)
    captions = [
        f"{name}\n{number(score)}"
        for row, *scores, inside in zip(
            entry.rows, entry.factual, entry.null, entry.counterfactual, entry.supported, strict=True
        )
        for name, score in zip((f"row {row}", "rebuilt", "under do" if inside else "extrapolated"), scores, strict=True)
    ]
    figure = plot_samples(images.numpy(), captions, variable=graph[report.image])
    title = f"{entry.intervention}, {entry.effect}"
    alt = f"Images that move most under {title}: factual, reconstructed, counterfactual, each with its score."
    return folder.picture(figure, f"movers-{place}-{title}", alt, title)


def _trust(report: AuditReport) -> Section:
    header = ["Attribute", "Readable on", "Misses what was asked by", "Left as they are, by", "Reading alone errs by"]
    groups = [_trust_group(entry, len(header)) for entry in report.trust]
    points = [(text, "") for text in report.notes]
    table = Table("How well the counterfactual images show the attributes", header, groups, "trust.csv")
    reading = (
        "An audit is as good as the images that it shows. Read off them, an attribute should miss the value asked for by "
        "little more than reading errs on real images, and by much less than images that were left as they are."
    )
    return Section("trust", "How far the images can be trusted", [Part(tables=[table]), Part(points=points)], reading)


def _trust_group(entry: Trust, columns: int) -> Group:
    rows = [
        Row(
            [
                f"{shown.attribute} ({shown.how})",
                f"{shown.read:.0%}",
                *(_error(value, shown.unit) for value in (shown.error, shown.unchanged, shown.floor)),
            ]
        )
        for shown in entry.shown
    ]
    inside = f"{entry.supported:.0%} of the units have attributes that training saw together."
    heading = f"{entry.intervention}, {entry.effect}"
    return Group(rows or [Row(["no attribute was read", *["–"] * (columns - 1)])], heading, inside)


def _error(value: float, unit: str) -> str:
    return f"{number(value)} {unit}".rstrip()


def _assumptions(report: AuditReport, graph: CausalGraph, folder: ReportFolder) -> Section:
    alt = f"Causal graph: {graph}."
    picture = folder.picture(plot_graph(graph), "graph", alt, "The assumed causal graph.")
    margin = f"A change of {number(report.margin)} [{report.unit}] is the least that matters."
    text = "Tick what you can defend; where one fails, so do the numbers."
    return Section(
        "assumptions", "Assumptions", [Part(text=text, ticks=(*TICKS, margin), pictures=[picture], beside="after")]
    )


def _provenance(report: AuditReport, about: dict[str, str], command: str) -> Section:
    particles = (
        "one noise for each unit" if report.particles is None else f"{report.particles} draws of each unit's noise"
    )
    told = about | {
        "audited score": f"{report.outcome} [{report.unit}]",
        "units and groups": f"{report.units:,} and {report.groups:,}",
        "abduction": particles,
        "level of the intervals": f"{report.level:.0%}",
        "seed": str(report.seed),
    }
    tables = [
        pairs_table("The audit", ("What", "Value"), told),
        pairs_table("Versions", ("Library", "Version"), versions()),
    ]
    again = [Part(text="The command that makes this audit again:", code=command)] if command else []
    return Section("provenance", "Where the numbers come from", [*again, Part(tables=tables)])
