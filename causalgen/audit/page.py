"""The page of an audit: what changes, on which images, how far they can be trusted, and under which assumptions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch

from ..graph import CausalGraph
from ..machine import versions
from ..reports import Highlight, plot_changes, plot_graph, plot_samples
from ..reports.citations import cite
from ..reports.folder import Picture, ReportFolder
from ..reports.parts import Page, Part, Section
from ..reports.render import Format, render
from ..reports.style import number
from ..reports.tables import pairs_table
from .movers import Movers
from .report import AuditReport
from .rows import ALL, BEYOND, CANNOT_TELL, FEWEST_GROUPS, AuditRow
from .subgroups import EVERYONE
from .tables import change_table, change_text, place_text, trust_table
from .words import CHANGE, MOVERS, TICKS, TRUST, WORDS

__all__ = ["change_picture", "concerns", "mover_pictures", "write_audit"]

FILES: dict[Format, str] = {"html": "audit.html", "markdown": "audit.md", "latex": "audit.tex"}
MOST_ANSWERS = 8
FEW = 6
"""Maximum number of subgroup changes to name in a sentence."""
CITED = ("causality", "image", "identification", "image identification", "audit", "direct effect", "bootstrap")
OPEN_ROWS = 24
"""Maximum number of subgroup rows to show unfolded; longer tables are folded."""


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
        folder: Target folder; created if it does not exist.
        report: What `causalgen.audit.audit` found.
        graph: The graph of the audited model.
        about: Information needed to repeat the audit, such as the file of the classifier.
        command: Command that repeats it.

    Returns:
        Format -> its file: "html", "markdown", "latex", "json", and the tables "changes", "trust" and "movers".

    Raises:
        RunFolderError: The folder cannot be written.
    """
    root = ReportFolder(folder, tables=False)
    tables = dict(zip(("json", "changes", "trust", "movers"), report.write(folder), strict=True))
    question = f"How does the score “{report.outcome}” of the same image change when an attribute is set?"
    sections = _sections(report, graph, root)
    sections.append(_provenance(report, dict(about or {}), command))
    sections.append(Section("methods", "Methods to cite", [Part(works=cite(CITED))]))
    page = Page(f"Audit: {report.outcome}", question, sections, _answers(report), names=graph.nodes)
    return {form: root.write(file, render(page, form).encode()) for form, file in FILES.items()} | tables


def _answers(report: AuditReport) -> list[Highlight]:
    """One line for each intervention and effect, over all units: the verdict, and its reasons."""
    return [
        Highlight(
            f"{row.intervention}, {row.effect}",
            "cannot tell" if row.verdict == CANNOT_TELL else f"changes by {change_text(row)}, {row.verdict}",
            f"{_against(row, report)}{_flipped(row)}",
        )
        for row in report.headline[:MOST_ANSWERS]
    ]


def _against(row: AuditRow, report: AuditReport) -> str:
    """The basis of a verdict: the margin, and the concerns about the number."""
    reasons = "; ".join(row.reasons)
    if row.verdict == CANNOT_TELL:
        shown = f"; the number, which should not be used: {change_text(row)}" if row.units else ""
        return f"{reasons}{shown}"
    return f"margin {number(report.margin)}" + (f"; but {reasons}" if reasons else "")


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
    """Return warnings, the reasons that the first screen does not show, and the changes of all units."""
    rows = [row for row in report if row.subgroup == EVERYONE]
    beyond = sum(row.verdict == BEYOND for row in report)
    unknown = sum(row.verdict == CANNOT_TELL for row in report)
    text = (
        f"{report.units:,} test units in {report.groups:,} groups. Margin of practical size: {number(report.margin)} "
        f"[{report.unit}]. Of {len(report)} changes, {beyond} are beyond it, {len(report) - beyond - unknown} are within it, "
        f"and {unknown} cannot be decided."
    )
    parts = [
        Part(text=text, pictures=[change_picture(report, folder, "changes")], beside="after"),
        Part(tables=[change_table(report, rows, "Changes of everyone")]),
        Part(fold="Meaning of the terms", points=WORDS, formulas=[CHANGE]),
    ]
    return Section("changes", "What changes", [*concerns(report, MOST_ANSWERS), *parts])


def concerns(report: AuditReport, shown: int = 0) -> list[Part]:
    """Warnings, and the reasons against each verdict after the first `shown`; empty without any."""
    rows = [row for row in report.headline[shown:] if row.reasons]
    reasons = [(f"{row.intervention}, {row.effect}", "; ".join(row.reasons)) for row in rows]
    points = [*((text, "") for text in report.warnings), *reasons]
    return [Part(alert="Before using these numbers", points=points)] if points else []


def change_picture(report: AuditReport, folder: ReportFolder, name: str) -> Picture:
    """The changes of all units with their intervals and the margin.

    Args:
        report: The audit.
        folder: Folder of the figures.
        name: Name of the figure.
    """
    shown = [row for row in report if row.subgroup == EVERYONE and row.stratum == ALL]
    frame = pd.DataFrame(
        [vars(row) | {"label": f"{row.intervention}, {row.effect}", "change": row.change.value} for row in shown]
    )
    score = f"{report.outcome} [{report.unit}]"
    caption = f"Mean changes of all units with intervals adjusted for {len(report)} rows; the band is the margin."
    alt = f"Changes of {score}: {'; '.join(f'{row.intervention}, {row.effect}: {change_text(row)}' for row in shown)}."
    return folder.picture(plot_changes(frame, margin=report.margin, score=score), name, alt, caption)


def _subgroups(report: AuditReport) -> Section:
    rows = [row for row in report if row.subgroup != EVERYONE]
    table = change_table(report, rows, "Changes by subgroup, by the units' own attributes")
    fold = f"The {len(rows)} rows" if len(rows) > OPEN_ROWS else ""
    beyond = [row for row in rows if row.verdict == BEYOND]
    text = f"{len(beyond)} of {len(rows)} changes are beyond the margin{_untold(rows)}."
    if 0 < len(beyond) <= FEW:
        text += f" {'; '.join(f'{place_text(row)}, under {row.intervention} ({row.effect})' for row in beyond)}."
    return Section("subgroups", "Subgroups", [Part(text=text), Part(fold=fold, tables=[table])])


def _untold(rows: Sequence[AuditRow]) -> str:
    """The number of undecided changes, and the reason if it is the same for all."""
    untold = [row for row in rows if row.verdict == CANNOT_TELL]
    few = all(row.groups < FEWEST_GROUPS for row in untold)
    reason = f", because they concern fewer than {FEWEST_GROUPS} groups of units" if few else ""
    return f"; {len(untold)} are undecided{reason}" if untold else ""


def _flipped(row: AuditRow) -> str:
    if row.flips is None or not row.units or row.verdict == CANNOT_TELL:
        return ""
    return f"; {row.flips.value:.1%} of the decisions flip"


def _movers(report: AuditReport, graph: CausalGraph, folder: ReportFolder) -> Section:
    pictures = mover_pictures(report, graph, folder, "movers")
    return Section("movers", "Images with the largest change", [Part(pictures=pictures, small=False)], MOVERS)


def mover_pictures(report: AuditReport, graph: CausalGraph, folder: ReportFolder, name: str) -> list[Picture]:
    """For each intervention and effect, the images with the largest change.

    Args:
        report: The audit.
        graph: The graph of the audited model.
        folder: Folder of the figures.
        name: Beginning of their names.
    """
    return [
        _grid(entry, f"{name}-{place}", report, graph, folder) for place, entry in enumerate(report.movers, start=1)
    ]


def _grid(entry: Movers, name: str, report: AuditReport, graph: CausalGraph, folder: ReportFolder) -> Picture:
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
    alt = f"Images with the largest change under {title}: factual, reconstructed, counterfactual, each with its score."
    return folder.picture(figure, f"{name}-{title}", alt, title)


def _trust(report: AuditReport) -> Section:
    held = [entry.sentence() for entry in report.surviving]
    points = [(text, "") for text in (*filter(None, held), *report.notes)]
    return Section(
        "trust", "How far the images can be trusted", [Part(tables=[trust_table(report)]), Part(points=points)], TRUST
    )


def _assumptions(report: AuditReport, graph: CausalGraph, folder: ReportFolder) -> Section:
    alt = f"Causal graph: {graph}."
    picture = folder.picture(plot_graph(graph), "graph", alt, "The assumed causal graph.")
    margin = f"A change of {number(report.margin)} [{report.unit}] is the smallest that matters."
    text = "Tick the assumptions that you can defend. If one fails, the numbers are wrong."
    return Section(
        "assumptions",
        "Assumptions",
        [Part(text=text, ticks=(*TICKS, *report.assumptions, margin), pictures=[picture], beside="after")],
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
    again = [Part(text="The command that reproduces this audit:", code=command)] if command else []
    return Section("provenance", "Where the numbers come from", [*again, Part(tables=tables)])
