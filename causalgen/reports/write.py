"""A report as one self-contained page, with its figures and tables in the same folder."""

from pathlib import Path

from .content import ReportContent
from .first_screen import run_answer
from .folder import ReportFolder
from .parts import Page
from .render import render
from .sections import lead_pictures, sections

__all__ = ["write_report"]


def write_report(folder: str | Path, content: ReportContent) -> Path:
    """Write `report.html`, `figures/*.png` and `tables/*.csv` into `folder`.

    The page embeds its figures, needs no script and no network, and follows the reader's light or dark theme; parts
    that the content lacks have no section. All texts are escaped.

    Args:
        folder: The run folder; created if it does not exist.
        content: The content of the report.

    Returns:
        Path of the page.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    run = ReportFolder(folder)
    shown = sections(content, run)
    page = Page(
        content.name,
        content.question,
        shown,
        content.highlights,
        run_answer(content),
        lead_pictures(shown),
        names=content.graph.nodes,
    )
    return run.write("report.html", render(page, "html").encode())
