r"""A report as a LaTeX document: booktabs tables, formulas, figures by their paths.

It needs the packages amsmath, amssymb, array, booktabs, caption, graphicx, hyperref, iftex and longtable, which every
TeX distribution has.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from ..content import Highlight
from ..folder import Group, Table
from ..parts import Formula, Part, Section

__all__ = ["escape_latex", "latex_document"]

PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage{iftex}
\ifPDFTeX\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}\else\usepackage{fontspec}\fi
\usepackage[margin=22mm]{geometry}
\usepackage{amsmath,amssymb,array,booktabs,caption,graphicx,longtable}
\usepackage[hidelinks]{hyperref}
\setlength{\parindent}{0pt}\setlength{\parskip}{0.5em}"""

REPLACEMENTS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": r"$-$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    "⊥": r"$\perp$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "↔": r"$\leftrightarrow$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "…": r"\ldots{}",
    "•": r"\textbullet{}",
    "Π": r"$\Pi$",
    "Σ": r"$\Sigma$",
    "′": r"$'$",
    "“": "``",
    "”": "''",
    "–": "--",
    "[": "{[}",
    "*": "{*}",
    "\u00a0": "~",
} | {character: f"\\{character}" for character in "#$%&_{}"}
IN_FORMULAS = str.maketrans(
    {"−": "-", "–": "-", "≤": r"\leq ", "≥": r"\geq ", "±": r"\pm ", "→": r"\rightarrow ", "\u00a0": r"\ "}
)
"""Characters to replace in formula names, which are already in math mode."""
LONG = 80
"""Length in characters above which a plain formula may break over lines."""
TABLE = re.compile("|".join(map(re.escape, REPLACEMENTS)))


def latex_document(title: str, answers: Sequence[Highlight], sections: Sequence[Section]) -> str:
    """The whole report as a document for `pdflatex`, or for `lualatex` with non-Latin names."""
    lines = [PREAMBLE, rf"\title{{{escape_latex(title)}}}", r"\date{}", r"\begin{document}", r"\maketitle"]
    for line in answers:
        note = f" ({escape_latex(line.note)})" if line.note else ""
        lines.append(rf"\textbf{{{escape_latex(line.value)}}}{note}")
    for section in sections:
        lines.append(rf"\section*{{{escape_latex(section.title)}}}")
        if section.reading:
            lines.append(escape_latex(section.reading))
        lines += [line for part in section.parts for line in _part(part)]
    return "\n\n".join([*lines, r"\end{document}"]) + "\n"


def escape_latex(text: str) -> str:
    r"""The text, with LaTeX's special characters escaped.

    >>> print(escape_latex("a_b 5 % {x} ≤ 3"))
    a\_b 5 \% \{x\} $\leq$ 3
    """
    return TABLE.sub(lambda match: REPLACEMENTS[match[0]], str(text).replace("\n", " "))


def _part(part: Part) -> Iterator[str]:
    heading = part.heading or part.fold
    if heading:
        yield rf"\{'subsection' if part.heading else 'paragraph'}*{{{escape_latex(heading)}}}"
    if part.alert:
        yield rf"\textbf{{{escape_latex(part.alert)}}}"
    if part.text:
        yield escape_latex(part.text)
    yield from map(_formula, part.formulas)
    if part.points_heading:
        yield escape_latex(part.points_heading)
    if part.points:
        yield _items([_point(title, text) for title, text in part.points])
    if part.ticks:
        yield _items(map(escape_latex, part.ticks), mark=r"[$\square$]")
    if part.code:
        yield f"\\begin{{verbatim}}\n{part.code}\n\\end{{verbatim}}"
    for picture in part.pictures:
        yield rf"\includegraphics[width=0.62\linewidth]{{{picture.file}}}"
        if picture.caption:
            yield rf"\emph{{{escape_latex(picture.caption)}}}"
    yield from map(_table, part.tables)
    for text, address in part.links:
        yield rf"\href{{{address}}}{{{escape_latex(text)}}}"
    if part.works:
        yield _items([rf"{escape_latex(work.text)} \url{{{work.url}}}" for work in part.works])


def _formula(formula: Formula) -> str:
    latex = formula.latex.translate(IN_FORMULAS)
    reason = escape_latex(formula.reason)
    if len(formula.plain) < LONG:
        beside = rf"\quad\text{{{reason}}}" if reason else ""
        return f"\\[\n{latex}{beside}\n\\]"
    broken = re.sub(r"(, |\\, )", r"\1\\allowbreak ", latex)
    return "\n".join([r"\begin{flushleft}", rf"$\displaystyle {broken}$", reason, r"\end{flushleft}"]).replace(
        "\n\n", "\n"
    )


def _point(title: str, text: str) -> str:
    return rf"\textbf{{{escape_latex(title)}.}} {escape_latex(text)}" if text else escape_latex(title)


def _items(items: Iterable[str], mark: str = "{}") -> str:
    body = "\n".join(rf"\item{mark} {item}" for item in items)
    return f"\\begin{{itemize}}\n{body}\n\\end{{itemize}}"


def _table(table: Table) -> str:
    """A booktabs table that may break over pages; the first column wraps."""
    columns = len(table.header)
    width = 0.9 / columns
    layout = rf"@{{}}*{{{columns}}}{{>{{\raggedright\arraybackslash}}p{{{width:.3f}\linewidth}}}}@{{}}"
    head = " & ".join(map(escape_latex, table.header))
    body = "\n\\midrule\n".join(_group(group, columns) for group in table.groups)
    return "\n".join(
        [
            r"{\small",
            rf"\begin{{longtable}}{{{layout}}}",
            rf"\caption*{{{escape_latex(table.caption)}}}\\",
            r"\toprule",
            rf"{head} \\",
            r"\midrule\endhead",
            body,
            r"\bottomrule",
            r"\end{longtable}}",
        ]
    )


def _group(group: Group, columns: int) -> str:
    lines = []
    if group.heading:
        lines.append(_across(rf"\textbf{{{escape_latex(group.heading)}}}. {escape_latex(group.note)}".strip(), columns))
    for row in group.rows:
        lines.append(" & ".join(map(escape_latex, row.cells)) + r" \\")
        if row.note:
            lines.append(_across(rf"\footnotesize {escape_latex(row.note)}", columns))
    return "\n".join(lines)


def _across(text: str, columns: int) -> str:
    return rf"\multicolumn{{{columns}}}{{@{{}}p{{\linewidth}}@{{}}}}{{{text}}} \\"
