"""A separate effect report: a page, a notebook, Markdown, LaTeX, tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ...errors import UnknownNameError, nearest
from ...grammar.populations import ESTIMANDS
from ...spreadsheets import csv_text
from ..folder import Picture, ReportFolder
from ..parts import Page, Part, Section
from ..render import Format, render
from ..tables import pairs_table
from .doubts import counted_concerns, leading_doubts
from .findings import EffectFindings, FoundParts
from .notebook import TABLE, notebook, target_rows, used_rows
from .sections import effect_sections
from .sentences import answer_sentence, averaged_over, comparison_sentence, survival_sentence
from .target import TARGET
from .works import effect_works

if TYPE_CHECKING:
    from ...effects import EffectReport

__all__ = ["FORMATS", "check_formats", "write_effect_report"]

FILES: dict[Format, str] = {"html": "effect.html", "markdown": "effect.md", "latex": "effect.tex"}
NOTEBOOK = "effect.ipynb"
FORMATS = (*FILES, "notebook", "csv")
LEADING = ("effect", "doses", "assumptions")
"""Sections whose pictures may stand next to the answer, the most telling first."""
MOST_LEADING = 2


def write_effect_report(
    folder: str | Path,
    report: "EffectReport",
    *,
    formats: Sequence[str] | None = None,
    **parts: Unpack[FoundParts],
) -> dict[str, Path]:
    """Write a separate effect report.

    Args:
        folder: Target folder; created if it does not exist.
        report: The estimates.
        formats: Any of "html" (one self-contained page), "markdown", "latex", "notebook" (code that reproduces the
            numbers) and "csv" (tables); None for all that the given parts allow.
        parts: What the report shows next to the estimates: doubt (what `causalgen.effects.diagnostics.examine` found),
            agreement, further (answers to further questions), graph and table (both of which the notebook needs), and
            arguments of `estimate_effect` beyond treatment, outcome, contrast, level and seed, such as
            `{"simulations": 40}`, which the notebook repeats.

    Returns:
        Format -> its file; for "csv" the table of the estimates.

    Raises:
        UnknownNameError: A format does not exist.
        DataError: A notebook is requested without graph or table.
        RunFolderError: The folder cannot be written.
    """
    given: dict[str, Any] = {name: part for name, part in parts.items() if part is not None}
    findings = EffectFindings(report, **given)
    reproducible = findings.graph is not None and findings.table is not None
    chosen = (
        [one for one in FORMATS if one != "notebook" or reproducible] if formats is None else check_formats(formats)
    )
    root = ReportFolder(folder, figures=bool(set(FILES).intersection(chosen)), tables="csv" in chosen)
    sections = [*effect_sections(findings, root), _provenance(findings), _methods(findings)]
    title = f"Effect of {report.treatment_name} on {report.outcome}"
    sentences = (
        answer_sentence(report),
        survival_sentence(report),
        report.recommended,
        comparison_sentence(report),
    )
    page = Page(
        title,
        report.question,
        sections,
        sentences=list(filter(None, sentences)),
        doubts=leading_doubts(findings),
        checked=counted_concerns(findings),
        names=[variable.name for variable in report.variables],
        pictures=_leading(sections),
    )
    written: dict[str, Path] = {
        one: root.write(file, render(page, one).encode()) for one, file in FILES.items() if one in chosen
    }
    if "notebook" in chosen:
        written["notebook"] = root.write(NOTEBOOK, notebook(findings, page).encode())
        root.write(TABLE, csv_text(used_rows(findings)).encode())
        if len(target := target_rows(findings)):
            root.write(TARGET, csv_text(target).encode())
    if "csv" in chosen:
        written["csv"] = root.root / "tables" / "effect.csv"
    return written


def _leading(sections: Sequence[Section]) -> list[Picture]:
    """Take the pictures that show the effect and the graph out of their sections, to put them next to the answer."""
    shown = {section.key: part for section in sections for part in section.parts if part.pictures and part.small}
    found: list[Picture] = []
    for part in [shown[key] for key in LEADING if key in shown][:MOST_LEADING]:
        found += part.pictures
        part.pictures, part.beside = [], ""
    return found


def check_formats(formats: Sequence[str]) -> list[str]:
    """Check and return the formats.

    Raises:
        UnknownNameError: A format does not exist.
    """
    for one in formats:
        if one not in FORMATS:
            raise UnknownNameError(
                f"Expected formats among {', '.join(FORMATS)}; got {one!r}." + nearest(str(one), FORMATS)
            )
    return list(formats)


def _provenance(findings: EffectFindings) -> Section:
    report = findings.report
    told = {"estimand": ESTIMANDS[report.population], "averaged over": averaged_over(report)}
    told |= {"sampling weights": report.weights} if report.weights else {}
    told |= {"clusters": report.cluster} if report.cluster else {}
    rows = told | {
        "rows used": f"{report.rows_used:,}",
        "rows dropped": f"{report.rows_dropped:,}",
        "level of the intervals": f"{report.level:.0%}",
        "seed": str(report.seed),
    }
    tables = [pairs_table("Population, rows, level, seed", ("What", "Value"), rows)]
    if report.versions:
        tables.append(pairs_table("Versions", ("Library", "Version"), report.versions))
    return Section("provenance", "Where the numbers come from", [Part(tables=tables)])


def _methods(findings: EffectFindings) -> Section:
    return Section("methods", "Methods to cite", [Part(works=list(effect_works(findings)))])
