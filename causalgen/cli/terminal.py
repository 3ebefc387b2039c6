"""Prints the output of commands: tables, JSON, notes and files."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["print_files", "print_json", "print_notes", "print_table", "print_text", "records", "wrapped"]


def print_table(columns: Iterable[str], rows: Iterable[Sequence[Any] | None], title: str = "") -> None:
    """Print a table of texts on standard output, its title at the left; None among the rows draws a line."""
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
    """Convert rows of a table for JSON: numbers have 7 digits, and missing values become null."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return [{k: float(f"{v:.7g}") if isinstance(v, float) else v for k, v in row.items()} for row in found]


def print_text(text: str) -> None:
    """Print lines on standard output, wrapped for a terminal and unchanged for a file or a pipe."""
    typer.echo(wrapped(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text)


def wrapped(text: str, width: int) -> str:
    """Wrap lines between words at `width` letters; continuation lines have a deeper indent.

    >>> print(wrapped("Effect of a on b\\n  1 concern: poor overlap", 16))
    Effect of a on b
      1 concern:
        poor overlap
    """
    lines = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        lines.append(fill(line, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False))
    return "\n".join(lines)


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object on standard output."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))


def print_notes(notes: Iterable[str]) -> None:
    """Print notes to standard error, so that the last lines of standard output are files."""
    for note in notes:
        typer.echo(typer.style("Note: ", fg="cyan") + note, err=True)


def print_files(*paths: Path | None) -> None:
    """Print the names of the files that were written."""
    for path in paths:
        if path is not None:
            typer.echo(path)
