"""A report as a Jupyter notebook whose code reproduces every number from the table next to it."""

import json
from collections.abc import Mapping, Sequence
from pprint import pformat
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DataError
from ...spreadsheets import neutral
from ..content import Highlight
from ..parts import Section
from .findings import EffectFindings
from .markdown import escape, part_blocks

__all__ = ["TABLE", "notebook", "used_columns"]

TABLE = "table.csv"
TOLD = ("effect", "assumptions", "agreement")
"""Sections written as text; the code shows the content of the others."""


def notebook(findings: EffectFindings, answers: Sequence[Highlight], sections: Sequence[Section]) -> str:
    """The notebook as JSON (format 4.5).

    Raises:
        DataError: Graph or table is missing.
    """
    if findings.graph is None or findings.table is None:
        raise DataError(
            "Expected graph and table for a notebook, whose code reproduces the numbers; got only a report. "
            "Pass graph= and table=, or leave the notebook out of the formats."
        )
    told = {section.key: _words(section) for section in sections if section.key in TOLD}
    cells = [_markdown(_title(findings, answers)), _markdown(told["assumptions"])]
    cells += [_code(code) for code in (_setup(findings), _estimate(findings), ESTIMATES, REFUTATIONS)]
    if findings.doubt is not None:
        cells += [_code(_examine(findings)), *map(_code, DOUBTS)]
    if "agreement" in told:
        cells.append(_markdown(told["agreement"] + "\n\nThis part needs the fitted model and is not reproduced here."))
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"
    python = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": python, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def used_columns(findings: EffectFindings) -> list[str]:
    """Columns of the table that graph or arguments name."""
    assert findings.graph is not None
    assert findings.table is not None
    named = {value for value in findings.arguments.values() if isinstance(value, str)}
    return [name for name in findings.table.columns if name in findings.graph or name in named]


ESTIMATES = "report.to_frame()"
REFUTATIONS = "report.refutation_frame()"
DOUBTS = (
    "doubt.independencies.to_frame()",
    "if doubt.sensitivity is not None:\n"
    "    display(plot_sensitivity(doubt.sensitivity, unit=report.outcome_unit))\n"
    "    display(doubt.sensitivity.to_frame())",
    "if doubt.balance is not None and doubt.balance.rows:\n"
    "    display(plot_balance(doubt.balance))\n"
    "    display(doubt.balance.to_frame())",
)


def _title(findings: EffectFindings, answers: Sequence[Highlight]) -> str:
    lines = [f"# {escape(findings.report.question)}"]
    lines += [f"**{escape(line.value)}** ({escape(line.note)})" for line in answers]
    lines += [f"> **{escape(findings.headline)}**", *(f"> {escape(text)}" for text in findings.concerns)]
    return "\n\n".join(lines)


def _words(section: Section) -> str:
    """A section as Markdown without figures, whose files the notebook does not need."""
    blocks = [f"## {escape(section.title)}"]
    blocks += [block for part in section.parts for block in part_blocks(part) if not block.startswith("![")]
    return "\n\n".join(blocks)


def _setup(findings: EffectFindings) -> str:
    assert findings.graph is not None
    assert findings.table is not None
    marked = {neutral(name): "str" for name in used_columns(findings) if _is_text(findings.table[name])}
    return "\n".join(
        [
            "from math import inf",
            "",
            "import pandas as pd",
            "from IPython.display import display",
            "",
            "from causalgen.effects import estimate_effect",
            "from causalgen.effects.diagnostics import NegativeControl, examine",
            "from causalgen.graph import CausalGraph",
            "from causalgen.reports import plot_balance, plot_forest, plot_sensitivity",
            "from causalgen.spreadsheets import restored",
            "",
            f"graph = CausalGraph.from_dict({pformat(findings.graph.to_dict(), width=100, sort_dicts=False)})",
            "table = pd.read_csv(",
            f'    "{TABLE}", dtype={marked!r}, keep_default_na=False, na_values=[""], float_precision="round_trip"',
            ")",
            "table = restored(table)  # texts that a spreadsheet would run as formulas start with an apostrophe in the file",
        ]
    )


def _is_text(column: pd.Series) -> bool:
    return bool(column.dropna().map(lambda value: isinstance(value, str)).all()) and not column.isna().all()


def _estimate(findings: EffectFindings) -> str:
    report = findings.report
    arguments = {
        "treatment": report.treatment,
        "outcome": report.outcome,
        "contrast": report.contrast,
        "refute": bool(report.refutations),
        "level": report.level,
        "seed": report.seed,
    } | dict(findings.arguments)
    return f"report = estimate_effect(\n    graph,\n    table,\n{_keywords(arguments)})\ndisplay(plot_forest(report))"


def _examine(findings: EffectFindings) -> str:
    doubt = findings.doubt
    assert doubt is not None
    arguments: dict[str, Any] = {}
    if doubt.negative_controls:
        arguments["negative_controls"] = list(dict.fromkeys(row.control for row in doubt.negative_controls))
    if doubt.confounder is not None:
        arguments["simulations"] = doubt.confounder.simulations
    arguments["seed"] = doubt.seed
    return f"doubt = examine(\n    graph,\n    table,\n    report,\n{_keywords(arguments)})\nprint(doubt)"


def _keywords(arguments: Mapping[str, Any]) -> str:
    return "".join(f"    {name}={_bare(value)!r},\n" for name, value in arguments.items())


def _bare(value: Any) -> Any:
    """A value whose repr plain Python reads: numpy scalars become Python numbers."""
    if isinstance(value, tuple | list):
        return type(value)(map(_bare, value))
    return value.item() if isinstance(value, np.generic) else value


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
