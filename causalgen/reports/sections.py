"""The sections of the page: each function writes its figures and tables, and returns what the template shows."""

from collections.abc import Iterable

import pandas as pd

from .ambiguity_plot import plot_ambiguity
from .ambiguity_table import ambiguity_table
from .citations import Citation, cite
from .content import ReportContent
from .counterfactual_plot import plot_counterfactual
from .curves import plot_history, plot_response
from .effects.sections import effect_parts
from .effects.works import effect_keys
from .first_screen import headline_metrics
from .folder import Picture, ReportFolder
from .graph_plot import plot_graph
from .image_changes import change_table
from .images import plot_samples
from .marginals import plot_data
from .mediation import mediation_keys, mediation_parts
from .metric_plot import plot_metrics
from .parts import Part, Section
from .tables import (
    attribute_table,
    evidence_table,
    mechanism_table,
    metric_tables,
    pairs_table,
    split_table,
)
from .words import READING, identification

__all__ = ["lead_pictures", "sections"]

LEADING = ("counterfactuals", "effects", "audits", "curves", "graph")
"""Sections whose first picture may go next to the answer, the most informative first."""
MOST_LEADING = 3


def sections(content: ReportContent, folder: ReportFolder) -> list[Section]:
    """Return all sections that the content allows, in their order."""
    wanted = [
        _counterfactuals(content, folder) if content.galleries else None,
        _changes(content, folder) if content.changes else None,
        _ambiguity(content, folder) if content.ambiguities else None,
        _curves(content, folder) if content.curves else None,
        _effects(content, folder) if content.effects else None,
        _mediation(content, folder) if content.mediation else None,
        _audits(content, folder) if content.audits else None,
        _metrics(content, folder) if content.metrics is not None and len(content.metrics) else None,
        _memorisation(content, folder) if content.memorisation is not None else None,
        _evidence(content, folder) if content.evidence is not None else None,
        _graph(content, folder),
        _data(content, folder) if content.data is not None else None,
        _training(content, folder) if content.history is not None or content.mechanisms else None,
        _assumptions(content),
        _run(content, folder),
        Section("methods", "Methods to cite", [Part(works=_works(content))]),
    ]
    return [section for section in wanted if section is not None]


def lead_pictures(sections: Iterable[Section]) -> list[Picture]:
    """Return the first picture of the sections that show the answer best, and remove it if its section has others."""
    shown = {section.key: [part for part in section.parts if part.pictures] for section in sections}
    leading = [shown[key][0].pictures for key in LEADING if shown.get(key)][:MOST_LEADING]
    return [pictures.pop(0) if len(pictures) > 1 else pictures[0] for pictures in leading]


def _graph(content: ReportContent, folder: ReportFolder) -> Section:
    graph = content.graph
    images = {name: shown[0] for name, shown in content.data.images.items()} if content.data else {}
    alt = f"Causal graph: {graph}."
    picture = folder.picture(plot_graph(graph, images=images), "graph", alt, "The assumed causal graph.")
    independencies = [(str(statement), "") for statement in graph.independencies()]
    text = "If the graph holds, the data show these independencies:" if independencies else ""
    part = Part(text=text, points=independencies, pictures=[picture], beside="before")
    return Section("graph", "The graph", [part], READING["graph"])


def _data(content: ReportContent, folder: ReportFolder) -> Section:
    data = content.data
    assert data is not None
    file = folder.table(data.frame.describe(include="all"), "attributes", index=True)
    parts = [Part(text=data.note, tables=[split_table(data), attribute_table(data.frame, content.graph, file)])]
    if data.groups is not None:
        shared = f" (rows of one group share {data.group_meaning})" if data.group_meaning else ""
        parts[0].text = f"{data.name}: {len(data.frame):,} rows in {data.groups:,} groups{shared}. {data.note}".strip()
    for name, images in data.images.items():
        figure = plot_samples(images, data.captions or None, variable=content.graph[name])
        alt = f"{len(images)} images of the training split."
        parts.append(
            Part(pictures=[folder.picture(figure, f"samples-{name}", alt, f"Training rows: {name}.")], small=False)
        )
    attributes = [name for name in content.graph.nodes if name in data.frame]
    marginals = [
        folder.picture(
            plot_data(data.frame[[name]], content.graph), f"data-{name}", f"Marginal distribution of {name}."
        )
        for name in attributes
    ]
    return Section("data", "The data", [*parts, Part("Marginals", pictures=marginals)], READING["data"])


def _training(content: ReportContent, folder: ReportFolder) -> Section:
    parts = []
    if content.mechanisms:
        parts.append(Part(tables=[mechanism_table(content.mechanisms)]))
    if content.history is not None and len(content.history):
        history = content.history
        folder.table(history, "training")
        pictures = [
            folder.picture(
                plot_history(history[history["node"] == node]), f"training-{node}", f"Training curve of {node}."
            )
            for node in dict.fromkeys(history["node"])
        ]
        parts.append(Part("Training curves", pictures=pictures))
    return Section("training", "The model and its training", parts, READING["training"])


def _counterfactuals(content: ReportContent, folder: ReportFolder) -> Section:
    pictures = []
    for number, gallery in enumerate(content.galleries, start=1):
        title = gallery.counterfactual.title
        figure = plot_counterfactual(gallery.counterfactual, gallery.units, gallery.truth)
        columns = "factual, counterfactual, " + (
            "truth, change and error" if gallery.truth is not None else "and change"
        )
        alt = f"Grid of images under {title}: {columns}, one unit per row."
        supported = gallery.counterfactual.supported
        inside = f"{int(supported.sum()):,} of {supported.numel():,} units are inside the joint support of training."
        caption = f"{title}: {inside} {gallery.note}".strip()
        pictures.append(folder.picture(figure, f"counterfactual-{number}-{title}", alt, caption))
    return Section(
        "counterfactuals", "Counterfactual images", [Part(pictures=pictures, small=False)], READING["counterfactuals"]
    )


def _changes(content: ReportContent, folder: ReportFolder) -> Section:
    frame = pd.DataFrame([change.to_dict() for change in content.changes])
    table = change_table(content.changes, folder.table(frame, "image-changes"))
    return Section("changes", "What changes on the image", [Part(tables=[table])], READING["changes"])


def _ambiguity(content: ReportContent, folder: ReportFolder) -> Section:
    frame = pd.concat([each.to_frame().assign(intervention=each.title) for each in content.ambiguities])
    table = ambiguity_table(content.ambiguities, folder.table(frame, "ambiguity"))
    pictures = [
        folder.picture(
            plot_ambiguity(each),
            f"ambiguity-{number}-{each.title}",
            f"Claims under {each.title} over the correlation of the noises of both worlds, with a band for single units.",
        )
        for number, each in enumerate(content.ambiguities, start=1)
    ]
    parts = [Part(tables=[table]), Part(pictures=pictures, small=False)]
    return Section("ambiguity", "What survives in other models", parts, READING["ambiguity"])


def _curves(content: ReportContent, folder: ReportFolder) -> Section:
    folder.table(pd.concat([curve.to_frame() for curve in content.curves]), "response-curves")
    pictures = [
        folder.picture(
            plot_response([curve]),
            f"response-{number}-{curve.response}",
            f"{curve.response} as {curve.cause} is imposed, from {curve.imposed[0]} to {curve.imposed[-1]}.",
            curve.interval if len(curve.low) else "",
        )
        for number, curve in enumerate(content.curves, start=1)
    ]
    return Section("curves", "How attributes respond", [Part(pictures=pictures)], READING["curves"])


def _metrics(content: ReportContent, folder: ReportFolder) -> Section:
    assert content.metrics is not None
    frame = content.metrics.to_frame()
    file = folder.table(frame, "metrics")
    names = list(dict.fromkeys(metric for metric, _ in headline_metrics(content)))
    pictures = [
        folder.picture(
            plot_metrics(frame, name),
            f"metric-{name}",
            f"{name}: model and controls, by query.",
            f"{name}, all units, with intervals.",
        )
        for name in names
    ]
    parts = [Part(pictures=pictures), Part(points=[(note, "") for note in content.metrics.notes])]
    parts.append(Part(tables=metric_tables(frame, file), columns=True))
    return Section("metrics", "Quality, with controls", parts, READING["metrics"])


def _memorisation(content: ReportContent, folder: ReportFolder) -> Section:
    found = content.memorisation
    assert found is not None
    verdicts = [(f"{verdict.surface.capitalize()}: {verdict.finding}", verdict.named) for verdict in found.verdicts]
    parts = [Part(points=verdicts), Part(points=[(note, "") for note in found.table.notes])]
    if len(found.table):
        frame = found.table.to_frame()
        tables = metric_tables(frame, folder.table(frame, "memorisation"))
        parts.append(Part(tables=tables, columns=True))
    return Section("memorisation", "Does the model give training units away?", parts, READING["memorisation"])


def _evidence(content: ReportContent, folder: ReportFolder) -> Section:
    assert content.evidence is not None
    frame = pd.DataFrame(content.evidence.to_dict()["fits"])
    table = evidence_table(content.evidence, folder.table(frame, "image-evidence"))
    text = f"Fitted on {content.evidence.fitted_on:,} validation units, and checked on {content.evidence.checked_on:,} others."
    return Section(
        "evidence", "Attributes inferred from images", [Part(text=text, tables=[table])], READING["evidence"]
    )


def _effects(content: ReportContent, folder: ReportFolder) -> Section:
    parts = [
        part
        for number, findings in enumerate(content.effects, start=1)
        for part in effect_parts(findings, number, folder)
    ]
    return Section("effects", "Effects", parts, READING["effects"])


def _mediation(content: ReportContent, folder: ReportFolder) -> Section:
    parts = [
        part
        for number, findings in enumerate(content.mediation, start=1)
        for part in mediation_parts(findings, number, folder)
    ]
    return Section("mediation", "Direct and indirect effects", parts)


def _audits(content: ReportContent, folder: ReportFolder) -> Section:
    parts = [part for audit in content.audits for part in audit.parts(folder)]
    return Section("audits", "Audits of classifiers", parts, READING["audits"])


def _assumptions(content: ReportContent) -> Section:
    parts = [Part("What is identified, and what is not", points=identification(content.graph, content.mechanisms))]
    if content.warnings:
        parts.append(Part("Warnings of this run", points=[(text, "") for text in content.warnings]))
    if content.limits:
        parts.append(Part("Limits", points=[(text, "") for text in content.limits]))
    return Section("assumptions", "Assumptions, warnings, limits", parts)


def _run(content: ReportContent, folder: ReportFolder) -> Section | None:
    tables = []
    if content.timings:
        total = sum(content.timings.values())
        shown = {part: f"{seconds:.1f}" for part, seconds in content.timings.items()} | {"total": f"{total:.1f}"}
        rows = pd.DataFrame(content.timings.items(), columns=["part", "seconds"])
        tables.append(pairs_table("Wall time by part", ("Part", "Seconds"), shown, folder.table(rows, "timings")))
    if content.versions:
        tables.append(pairs_table("Versions", ("Library", "Version"), content.versions))
    if content.seeds:
        tables.append(pairs_table("Seeds", ("Use", "Seed"), content.seeds))
    commands = {
        "The command that reproduces this report:": content.command,
        "The command that opens the model in the browser, to try other interventions:": content.explore,
    }
    parts = [Part("", text, code=command) for text, command in commands.items() if command]
    parts += [Part(tables=tables)] if tables else []
    return Section("run", "The run", parts) if parts else None


def _works(content: ReportContent) -> list[Citation]:
    """Return the works behind the methods of this report, then those that the content adds."""
    keys = {"causality", *(key for row in content.mechanisms for key in row.works)}
    kinds: Iterable[str | None] = [content.graph[row.node].kind for row in content.mechanisms]
    keys |= {"image", "image identification"} if "image" in kinds else set()
    keys |= {"discrete"} if {"binary", "categorical", "ordinal"}.intersection(kinds) else set()
    keys |= {"identification"} if content.mechanisms else set()
    if content.metrics is not None:
        measured = " ".join(result.metric.lower() for result in content.metrics)
        keys |= (
            {"axioms"} if any(word in measured for word in ("composition", "reversibility", "effectiveness")) else set()
        )
        keys |= {"ssim"} if "ssim" in measured else set()
    keys |= {"membership", "extraction"} if content.memorisation is not None else set()
    keys |= {"general posterior", "credible regions"} if content.evidence is not None else set()
    for findings in content.effects:
        keys |= effect_keys(findings)
    for nested in content.mediation:
        keys |= mediation_keys(nested)
    return [*cite(keys), *content.citations]
