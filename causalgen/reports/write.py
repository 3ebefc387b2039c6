"""A report as one self-contained page, with its figures and tables beside it."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from .._version import __version__
from .content import ReportContent
from .folder import ReportFolder
from .highlights import answers
from .sections import sections

__all__ = ["write_report"]

TEMPLATES = Path(__file__).parent / "templates"


def write_report(folder: str | Path, content: ReportContent) -> Path:
    """Write `report.html`, `figures/*.png` and `tables/*.csv` into `folder`.

    The page embeds its figures, needs no script and no network, and follows the reader's light or dark theme; parts
    that the content lacks have no section. All texts are escaped.

    Args:
        folder: The run folder; created if it does not exist.
        content: What to report.

    Returns:
        Path of the page.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    run = ReportFolder(folder)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formula"] = _subscripts
    page = environment.get_template("report.html.j2").render(
        content=content, answers=answers(content), sections=sections(content, run), version=__version__
    )
    return run.write("report.html", page.encode())


def _subscripts(formula: str) -> Markup:
    """A plain formula with "_{...}" as subscripts; everything else is escaped."""
    parts = re.split(r"_\{([^{}]*)\}", formula)
    return Markup("").join(
        Markup("<sub>{}</sub>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )
