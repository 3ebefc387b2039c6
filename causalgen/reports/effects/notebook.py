"""An effect report as a Jupyter notebook whose code reproduces every number from the table in its folder."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DataError
from ...spreadsheets import neutral
from ..glossary import glossary_section
from ..parts import Page, Section
from ..render import fill
from .findings import EffectFindings
from .further import further_calls
from .target import TARGET

__all__ = ["TABLE", "notebook", "target_rows", "used_rows"]

TABLE = "table.csv"
CELL = re.compile(r"^%% (markdown|code)\n", re.MULTILINE)


def notebook(findings: EffectFindings, page: Page) -> str:
    """Return the notebook as JSON (format 4.5).

    Raises:
        DataError: Graph or table is missing.
    """
    if findings.graph is None or findings.table is None:
        raise DataError(
            "Expected graph and table for a notebook, whose code reproduces the numbers; got only a report. "
            "Pass graph= and table=, or leave the notebook out of the formats."
        )
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    told = {section.key: _without_pictures(section) for section in page.sections}
    text = fill(
        "notebook.md.j2",
        "markdown",
        page=page,
        findings=findings,
        assumptions=told["assumptions"],
        agreement=told.get("agreement"),
        proxies=told.get("proxies"),
        further=[] if findings.further is None else further_calls(findings.further, _question(findings)),
        table=TABLE,
        texts=_texts(used_rows(findings)),
        target=TARGET,
        target_texts=_texts(target_rows(findings)),
        estimate=_estimate(findings),
        examine=_examine(findings),
        glossary=glossary_section(page),
    )
    make = {"markdown": new_markdown_cell, "code": new_code_cell}
    _, *parts = CELL.split(text)
    cells = [make[kind](source.strip()) for kind, source in zip(parts[::2], parts[1::2], strict=True)]
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"  # nbformat's own ids are random: the same report would give another file
    python = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return nbformat.writes(new_notebook(cells=cells, metadata=python))


def used_rows(findings: EffectFindings) -> pd.DataFrame:
    """Return the table that the notebook reads: the columns that graph or arguments name."""
    assert findings.graph is not None
    assert findings.table is not None
    named = {value for value in findings.arguments.values() if isinstance(value, str)}
    named |= set() if findings.report.survival is None else {findings.report.survival.column}
    return findings.table[[name for name in findings.table.columns if name in findings.graph or name in named]]


def target_rows(findings: EffectFindings) -> pd.DataFrame:
    """Return the same columns of a transport target; an empty table if there is none."""
    given = None if findings.further is None else findings.further.questions.target
    columns = set(used_rows(findings).columns)
    return pd.DataFrame() if given is None else given[[name for name in given.columns if name in columns]]


def _texts(rows: pd.DataFrame) -> dict[str, str]:
    """Return the columns that hold text, as types for pandas."""
    return {neutral(name): "str" for name, column in rows.items() if _is_text(column)}


def _without_pictures(section: Section) -> Section:
    """Return the section without its pictures, whose files the notebook does not need."""
    return replace(section, parts=[replace(part, pictures=[]) for part in section.parts])


def _is_text(column: pd.Series) -> bool:
    return bool(column.dropna().map(lambda value: isinstance(value, str)).all()) and not column.isna().all()


def _estimate(findings: EffectFindings) -> Mapping[str, Any]:
    """Arguments of `estimate_effect`."""
    arguments = _question(findings) | {"refute": bool(findings.report.refutations)} | dict(findings.arguments)
    if (survival := findings.report.survival) is not None:
        arguments |= {"event": survival.event, "horizon": survival.horizon}
    return {name: _bare(value) for name, value in arguments.items()}


def _question(findings: EffectFindings) -> dict[str, Any]:
    """Treatment, outcome, contrast, level and seed."""
    words = ("treatment", "outcome", "contrast", "level", "seed")
    return {name: _bare(getattr(findings.report, name)) for name in words}


def _examine(findings: EffectFindings) -> Mapping[str, Any]:
    """Arguments of `examine`."""
    doubt = findings.doubt
    if doubt is None:
        return {}
    controls = list(dict.fromkeys(row.control for row in doubt.negative_controls))
    arguments: dict[str, Any] = {"negative_controls": controls} if controls else {}
    if doubt.sensitivity is not None:
        arguments["simulations"] = 0 if doubt.confounder is None else doubt.confounder.simulations
    return arguments | {"seed": doubt.seed}


def _bare(value: Any) -> Any:
    """Return a value whose repr plain Python can read: numpy scalars become Python numbers."""
    if isinstance(value, tuple | list):
        return type(value)(map(_bare, value))
    return value.item() if isinstance(value, np.generic) else value
