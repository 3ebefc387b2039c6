"""What commands print: tables, JSON, notes and files."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["print_files", "print_json", "print_notes", "print_table", "records"]


def print_table(columns: Iterable[str], rows: Iterable[Sequence[Any] | None], title: str = "") -> None:
    """A table of texts on standard output, its title at the left; None among the rows draws a line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left")
    for column in columns:
        table.add_column(Text(column))
    for row in rows:
        if row is None:
            table.add_section()
        else:
            table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    Console().print(table)


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Rows of a table for JSON: numbers with 7 digits, missing values as null."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return [{k: float(f"{v:.7g}") if isinstance(v, float) else v for k, v in row.items()} for row in found]


def print_json(content: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))


def print_notes(notes: Iterable[str]) -> None:
    """Print notes to standard error, so that the last lines of standard output are files."""
    for note in notes:
        typer.echo(typer.style("Note: ", fg="cyan") + note, err=True)


def print_files(*paths: Path | None) -> None:
    """The files that were written."""
    for path in paths:
        if path is not None:
            typer.echo(path)
