"""`causalgen data`: the available data sets, their contents and their location."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import failures
from .terminal import print_table

if TYPE_CHECKING:
    from ..datasets import Dataset
    from ..datasets.catalog import Entry

__all__ = ["get_data", "list_data", "show_data"]

PICTURES = 24
"""Images in a grid."""


def _complete(incomplete: str) -> list[str]:
    """Names of data sets, for shell completion."""
    from ..datasets import DATASETS

    return [name for name in sorted(DATASETS) if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        help="Name of a data set; `causalgen data list` has them.", show_default=False, autocompletion=_complete
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def list_data(as_json: AsJson = False) -> None:
    """List the data sets of the catalog, and which of them are on this machine.

    Example: causalgen data list
    """
    with failures():
        from ..datasets.catalog import catalog

        records = [_record(entry) for entry in catalog()]
        if as_json:
            typer.echo(json.dumps(records, indent=2, ensure_ascii=False))
        else:
            _print_list(records)


def get_data(name: Name) -> None:
    """Fetch or generate a data set, check it, and print where it is kept.

    Files to fetch are first looked for below CAUSALGEN_DATA. Data sets are kept in CAUSALGEN_CACHE, else in the user's cache.

    Example: causalgen data get morphodigits
    """
    with failures():
        data = _load(name)
        from ..datasets.catalog import stored_at

        typer.echo(data)
        typer.echo(stored_at(name) or "It could not be stored: set CAUSALGEN_CACHE to a folder that can be written.")


def show_data(
    name: Name,
    grid: Annotated[
        Path | None, typer.Option(help="Also draw a grid of images: .png, .svg or .pdf.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the card of a data set: source, licence, splits and causal assumptions; its graph and its columns.

    Example: causalgen data show morphodigits --grid digits.png
    """
    with failures():
        from ..datasets.catalog import entry
        from .pictures import check_picture

        found = entry(name)
        check_picture("--grid", grid)
        if as_json:
            record = _record(found) | {"card": _card(name), "graph": found.graph.to_dict(), "edges": str(found.graph)}
            typer.echo(json.dumps(record, indent=2, ensure_ascii=False))
        else:
            _print_card(found)
        if grid is not None:
            _draw(_load(name), grid)
            typer.echo(grid, err=as_json)


def _record(entry: "Entry") -> dict[str, Any]:
    from ..datasets.catalog import stored_at

    place = stored_at(entry.name)
    said = {key: getattr(entry, key) for key in ("name", "what", "rows", "size", "licence", "comes")}
    return said | {"here": None if place is None else str(place)}


def _card(name: str) -> str:
    from ..datasets.resources import card

    return card(name)


def _load(name: str) -> "Dataset":
    """Load the data, with a progress bar if images have to be drawn."""
    from rich.console import Console
    from rich.progress import Progress

    from ..datasets import load

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=None)
        return load(name, progress=lambda done, total: bars.update(task, completed=done, total=total))


def _print_list(records: list[dict[str, Any]]) -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    rows = [
        (one["name"], f"{one['rows']:,}", one["size"], one["licence"], "yes" if one["here"] else "no")
        for one in records
    ]
    print_table(("data set", "rows", "images", "licence", "here"), rows)
    for record in records:
        place = f"In {record['here']}" if record["here"] else f"Not here yet: {record['comes']}"
        console.print(f"{record['name']}: {record['what']}. {place}.", soft_wrap=True)


def _print_card(entry: "Entry") -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from .graph import print_graph

    console = Console(markup=False, highlight=False)
    console.print(Markdown(_card(entry.name)))
    print_graph(console, entry.graph)


def _draw(data: "Dataset", path: Path) -> None:
    """Draw evenly spaced test images with their attributes."""
    from ..reports.figure_files import write_figure
    from ..reports.images import plot_samples
    from ..reports.style import number

    image = next(variable for variable in data.graph.variables.values() if variable.is_image)
    rows = data.split["test"][:: max(1, len(data.split["test"]) // PICTURES)][:PICTURES]
    table = data.frame().loc[rows.tolist(), list(data.graph.parents(image.name))]
    captions = [
        "\n".join(f"{key} {number(value) if isinstance(value, float) else value}" for key, value in row.items())
        for row in table.to_dict("records")
    ]
    write_figure(plot_samples(data.rows(rows)[image.name], captions, variable=image), path, dpi=200)
