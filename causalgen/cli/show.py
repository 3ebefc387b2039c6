"""`causalgen show`: the summary of a run in the terminal."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures

if TYPE_CHECKING:
    from rich.console import Console

    from ..studies.runfolder import RunFolder

__all__ = ["print_run", "show"]

STATUS_STYLE = {"finished": "green", "failed": "red"}


def show(run: Annotated[Path, typer.Argument(help="The run folder.", show_default=False)]) -> None:
    """Show the results of a run: effects, key metrics, time, and where report and audits are."""
    with failures():
        from ..studies.runfolder import read_run

        print_run(read_run(run))


def print_run(folder: "RunFolder") -> None:
    """Print the summary of a run to standard output."""
    from rich.console import Console

    console = Console()
    record = folder.record
    style = STATUS_STYLE.get(folder.status, "yellow")
    console.print(f"[bold]{record['name']}[/]  [{style}]{folder.status}[/]  seed {record['seed']}", highlight=False)
    if record.get("smoke"):
        console.print("[yellow]Smoke run: the numbers mean nothing.[/]")
    if record.get("error"):
        console.print(record["error"], style="red", markup=False, highlight=False)
    for sentence in record.get("changes", ()):
        console.print(sentence, markup=False, highlight=False)
    for path in sorted(folder.tables.glob("effect-*.csv")):
        _print_effect(console, path)
    if record.get("headline") and (folder.tables / "metrics.csv").exists():
        _print_metrics(console, folder.tables / "metrics.csv", record["headline"])
    _print_times(console, folder)
    if folder.report.exists():
        console.print(f"Report: {folder.report}", markup=False, soft_wrap=True)
    for path in sorted(folder.path.glob("audits/*/audit.html")):
        console.print(f"Audit: {path}", markup=False, soft_wrap=True)


def _print_effect(console: "Console", path: Path) -> None:
    from rich.table import Table

    table = Table(title=f"Effect: {path.stem.split('-', 2)[-1]}", title_justify="left")
    for column in ("source", "estimate", "95 % interval", "holds the truth"):
        table.add_column(column)
    for row in _rows(path):
        interval = f"{_number(row['low'])} to {_number(row['high'])}" if row["low"] else ""
        holds = {"True": "yes", "False": "[red]no[/]"}.get(row["covers_truth"], "")
        table.add_row(row["source"], _number(row["estimate"]), interval, "" if row["kind"] == "truth" else holds)
    console.print(table)


def _print_metrics(console: "Console", path: Path, headline: list[list[str]]) -> None:
    """The headline metrics, within joint support where there is such a stratum."""
    from rich.markup import escape
    from rich.table import Table

    rows = _rows(path)
    table = Table(title=escape(f"Key metrics (all of them: {path})"), title_justify="left")
    for column in ("query", "metric", "model", "identity", "untrained", "oracle", "floor"):
        table.add_column(column)
    for metric, query in headline:
        chosen = [row for row in rows if (row["metric"], row["query"]) == (metric, query)]
        inside = [row for row in chosen if row["stratum"] == "within support"] or chosen
        values = {row["row"]: row["value"] for row in inside}
        values["floor"] = next((row["floor"] for row in inside), "")
        shown = [values.get(name, "") for name in ("model", "identity control", "untrained control", "oracle", "floor")]
        table.add_row(query, metric, *map(_number, shown))
    console.print(table)


def _print_times(console: "Console", folder: "RunFolder") -> None:
    steps = folder.record["steps"]
    parts = ", ".join(f"{name} {entry['seconds']:.0f} s" for name, entry in steps.items())
    total = sum(entry["seconds"] for entry in steps.values())
    memory = folder.record.get("peak_memory_mib")
    peak = f"; peak memory {memory / 1024:.2f} GiB" if memory else ""
    console.print(f"Time: {total:.0f} s ({parts}){peak}", highlight=False)


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _number(text: str) -> str:
    return f"{float(text):.3g}" if text else ""
