"""Display of results in notebooks: figures as SVG or PNG, an effect report as HTML."""

import io
from html import escape
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ..datasets.hints import warns_of_codes
from .effects.sentences import answer_sentence
from .forest_plot import plot_forest

if TYPE_CHECKING:
    from ..effects import EffectReport

__all__ = ["as_png", "as_svg", "effect_html"]

DOTS_PER_INCH = 160
PIXELS_PER_INCH = 96
"""Natural size in a notebook; the picture itself is finer."""


def as_svg(figure: Figure) -> str:
    """Render a figure as SVG with its text as curves, so that no name in it can be read as markup."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


def as_png(figure: Figure) -> tuple[bytes, dict[str, int]]:
    """Render a figure as PNG, with the size at which a notebook shows it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    return buffer.getvalue(), {"width": width, "height": height}


def effect_html(report: "EffectReport") -> str:
    """Render question, answer, estimate with its concerns, forest plot, verdicts of the refuters, and warnings."""
    rows = [f"{row.refuter} on {row.estimate}: {row.reading}" for row in report.refutations]
    listed = "".join(f"<li>{escape(text)}</li>" for text in rows)
    marks = ["Note" if warns_of_codes(text) else "Warning" for text in report.warnings]
    warned = "".join(f"<p><b>{mark}:</b> {escape(text)}</p>" for mark, text in zip(marks, report.warnings, strict=True))
    warned += "".join(f"<p>About the {row.subject}: {escape(row.concern)}</p>" for row in report.remarks)
    used = f"{report.rows_used:,} rows used, {report.rows_dropped:,} dropped<br/>{escape(report.columns)}"
    return (
        f"<div><p><b>{escape(report.question)}</b><br/>{escape(answer_sentence(report))}<br/>{escape(str(report.estimate))}<br/>"
        f"<b>{escape(report.headline)}</b><br/>{escape(report.recommended)}<br/>{escape(report.estimand.text)}<br/>{used}</p>"
        f"{as_svg(plot_forest(report))}{f'<ul>{listed}</ul>' if rows else ''}{warned}</div>"
    )
