"""`causalgen show`: the summary of a run in the terminal."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import failures
from .terminal import print_table

if TYPE_CHECKING:
    from rich.console import Console

    from ..studies.runfolder import RunFolder

__all__ = ["print_run", "show"]

SHOWN = ("model", "identity control", "untrained control", "codec control", "oracle", "floor")
"""Number of rows of key metrics."""

STATUS_STYLE = {"finished": "green", "failed": "red"}


def show(run: Annotated[Path, typer.Argument(help="The run folder.", show_default=False)]) -> None:
    """Show the results of a run: effects, key metrics, time, and where report, audits and repairs are."""
    with failures():
        from ..studies.runfolder import read_run

        print_run(read_run(run))


def print_run(folder: "RunFolder") -> None:
    """Print the summary of a run to standard output."""
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    record = folder.record
    style = STATUS_STYLE.get(folder.status, "yellow")
    name, status = escape(record["name"]), escape(folder.status)
    console.print(f"[bold]{name}[/]  [{style}]{status}[/]  seed {record.get('seed')}", highlight=False)
    if record.get("smoke"):
        console.print("[yellow]Smoke run: the numbers mean nothing.[/]")
    if record.get("error"):
        console.print(record["error"], style="red", markup=False, highlight=False)
    for sentence in (*record.get("privacy", ()), *record.get("changes", ())):
        console.print(sentence, markup=False, highlight=False)
    for path in sorted(folder.tables.glob("effect-*.csv")):
        _print_effect(path)
    for path in sorted(folder.tables.glob("mediation-*.csv")):
        _print_mediation(path)
    if record.get("headline") and (folder.tables / "metrics.csv").exists():
        _print_metrics(folder.tables / "metrics.csv", record["headline"])
    _print_times(console, folder)
    if folder.model.is_dir():
        from ..studies.fingerprint import fingerprint

        console.print(f"Fingerprint of model and study: {fingerprint(folder)}", highlight=False, soft_wrap=True)
    if folder.report.exists():
        console.print(f"Report: {folder.report}", markup=False, soft_wrap=True)
    for what in ("audit", "repair"):
        for path in sorted(folder.path.glob(f"{what}s/*/{what}.html")):
            console.print(f"{what.capitalize()}: {path}", markup=False, soft_wrap=True)


def _print_effect(path: Path) -> None:
    from rich.text import Text

    shown: list[tuple[Any, ...]] = []
    for row in _rows(path):
        interval = f"{_number(row['low'])} to {_number(row['high'])}" if row["low"] else ""
        holds = {"True": "yes", "False": Text("no", "red")}.get(row["covers_truth"], "")
        shown.append((row["source"], _number(row["estimate"]), interval, "" if row["kind"] == "truth" else holds))
    columns = ("source", "estimate", "interval", "contains the truth")
    print_table(*_without_empty(columns, shown), title=f"Effect: {path.stem.split('-', 2)[-1]}")


def _print_mediation(path: Path) -> None:
    rows = _rows(path)
    shown = [
        (row["name"], row["source"], _number(row["value"]), f"{_number(row['low'])} to {_number(row['high'])}")
        + ((_number(row["truth"]),) if "truth" in row else ())
        for row in rows
    ]
    columns = ("effect", "source", "value", "interval", *(["truth"] if "truth" in rows[0] else []))
    print_table(columns, shown, title=f"Parts of the effect: {path.stem.split('-', 2)[-1]}")


def _print_metrics(path: Path, headline: list[list[str]]) -> None:
    """The headline metrics, within joint support where there is such a stratum."""
    rows, table = _rows(path), []
    for metric, query in headline:
        chosen = [row for row in rows if (row["metric"], row["query"]) == (metric, query)]
        inside = [row for row in chosen if row["stratum"] == "within support"] or chosen
        values = {row["row"]: row["value"] for row in inside}
        values["floor"] = next((row["floor"] for row in inside), "")
        table.append((query, metric, *(_number(values.get(name, "")) for name in SHOWN)))
    columns = ("query", "metric", *(name.removesuffix(" control") for name in SHOWN))
    print_table(*_without_empty(columns, table), title=f"Key metrics (all of them: {path})")


def _print_times(console: "Console", folder: "RunFolder") -> None:
    steps = folder.record["steps"]
    parts = ", ".join(f"{name} {entry['seconds']:.0f} s" for name, entry in steps.items())
    total = sum(entry["seconds"] for entry in steps.values())
    memory = folder.record.get("peak_memory_mib")
    peak = f"; peak memory {memory / 1024:.2f} GiB" if memory else ""
    console.print(f"Time: {total:.0f} s ({parts}){peak}", highlight=False)


def _without_empty(
    columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Drop the columns that are empty in every row, such as the truth for the user's own data."""
    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    return tuple(columns[place] for place in kept), [tuple(row[place] for place in kept) for row in rows]


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _number(text: str) -> str:
    return f"{float(text):.3g}" if text else ""
