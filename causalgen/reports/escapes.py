r"""Escapes of each format: a text that a template shows is read as text, never as markup."""

import re
from html import escape as escape_html
from pprint import pformat
from typing import Any

from markupsafe import Markup

__all__ = ["breakable", "code", "escape_latex", "escape_markdown", "in_formula", "subscripts"]

MARKDOWN = re.compile(r"[\\`*<>|\[\]$~&#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
LATEX = {
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
LATEX_SPECIAL = re.compile("|".join(map(re.escape, LATEX)))
IN_FORMULAS = str.maketrans(
    {"−": "-", "–": "-", "≤": r"\leq ", "≥": r"\geq ", "±": r"\pm ", "→": r"\rightarrow ", "\u00a0": r"\ "}
)
"""Characters to replace in formula names, which are already in math mode."""


def escape_latex(text: str) -> str:
    r"""Escape LaTeX's special characters.

    >>> print(escape_latex("a_b 5 % {x} ≤ 3"))
    a\_b 5 \% \{x\} $\leq$ 3
    """
    return LATEX_SPECIAL.sub(lambda match: LATEX[match[0]], text.replace("\n", " "))


def escape_markdown(text: str) -> str:
    r"""Escape Markdown's special characters; line breaks become spaces.

    >>> escape_markdown("a|b <i> 2*3 in_line _x")
    'a\\|b \\<i\\> 2\\*3 in_line \\_x'
    """
    return MARKDOWN.sub(lambda match: f"\\{match[0]}", " ".join(text.split()))


def in_formula(latex: str) -> Markup:
    """Replace characters in a LaTeX formula's names that math mode lacks by commands."""
    return Markup(latex.translate(IN_FORMULAS))


def breakable(latex: str) -> Markup:
    """Let a LaTeX formula break after its commas."""
    return Markup(re.sub(r"(, |\\, )", r"\1\\allowbreak ", latex))


def subscripts(formula: str) -> Markup:
    """Render a plain formula in HTML, with "_{...}" as subscripts."""
    return Markup(re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", escape_html(formula)))


def code(value: Any) -> Markup:
    """Render a value as Python source."""
    return Markup(pformat(value, width=100, sort_dicts=False))
