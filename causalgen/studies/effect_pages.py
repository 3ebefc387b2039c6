"""A separate report for each effect of a study, next to the report of the run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..graph import CausalGraph
from ..reports import EffectFindings
from ..reports.folder import slug
from .study_sections import Effect

__all__ = ["FOLDER", "write_effects"]

FOLDER = "effects"


def write_effects(
    effects: Sequence[Effect],
    found: Sequence[EffectFindings],
    graphs: Sequence[CausalGraph],
    root: Path,
    *,
    warnings: Sequence[str] = (),
) -> list[EffectFindings]:
    """Write `effects/NUMBER-TREATMENT-OUTCOME/` for each effect: page, notebook with its table, Markdown, LaTeX, CSV.

    Args:
        effects: The effects of a study.
        found: Their findings, in the same order; nothing is estimated again.
        graphs: For each effect the graph with its outcome as a node.
        root: The run folder.
        warnings: Warnings at the top of every page, such as that the run was a smoke run.

    Returns:
        The same findings, each with the address of its page inside the run folder.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    paged = []
    for number, (effect, findings, graph) in enumerate(zip(effects, found, graphs, strict=True), start=1):
        folder = root / FOLDER / slug("-".join([str(number), *effect.treatments, effect.outcome]))
        report = replace(findings.report, warnings=(*warnings, *findings.report.warnings))
        written = report.save(
            folder,
            doubt=findings.doubt,
            agreement=findings.agreement,
            further=findings.further,
            graph=graph,
            table=findings.table,
            arguments=findings.arguments,
        )
        paged.append(replace(findings, page=written["html"].relative_to(root).as_posix()))
    return paged
