"""`causalgen new`: a starter study about your own table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures

if TYPE_CHECKING:
    from ..studies.starting import Columns

__all__ = ["new"]


def new(
    table: Annotated[
        Path | None,
        typer.Argument(
            help="CSV or Parquet file with a column of image paths, or a folder of images.", show_default="asked"
        ),
    ] = None,
    image: Annotated[str | None, typer.Option(help="Column of the images.", show_default="asked")] = None,
    edges: Annotated[
        str | None, typer.Option(help='The graph, as "age -> {volume, scan}; volume -> scan".', show_default="asked")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column whose rows belong together, such as the patient.", show_default="none")
    ] = None,
    out: Annotated[Path, typer.Option(help="The study file.")] = Path("study.yaml"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the proposals.")] = False,
) -> None:
    """Write a commented starter study about your own images and attributes.

    Example: causalgen new scans.csv --edges "age -> {volume, scan}; volume -> scan" --group patient
    """
    with failures():
        from ..errors import DataError

        if out.exists():
            raise DataError(f"Expected a new file for the study; '{out}' exists. Choose another with --out.")
        if table is None:
            table = Path(typer.prompt("Table of attributes and image paths (CSV, Parquet), or folder of images"))
        from ..studies.starting import propose_edges, starter_study, table_columns

        columns = table_columns(table)
        _show(columns)
        image = image or _image(columns, yes=yes)
        if edges is None:
            proposal = propose_edges(
                [name for name in columns.attributes if name not in (group, image, "split")], image
            )
            edges = proposal if yes else typer.prompt("Causal graph", default=proposal)
        name = "".join(c if c.isalnum() or c in "._-" else "-" for c in table.stem).strip("._-") or "study"
        text = starter_study(table, edges, name=name, group=group, below=out.parent)
        out.write_text(text, encoding="utf-8")
        typer.echo(f"{out}\nLook at it, then: causalgen check {out}")


def _image(columns: "Columns", *, yes: bool) -> str | None:
    """The column of the images; None where there is none."""
    if len(columns.images) < 2 or yes:
        return next(iter(columns.images), None)
    return str(typer.prompt(f"Image column among {', '.join(columns.images)}", default=columns.images[0]))


def _show(columns: "Columns") -> None:
    typer.echo("Attributes: " + (", ".join(columns.attributes) or "none"))
    typer.echo("Images: " + (", ".join(columns.images) or "none"))
    for name, reason in columns.unusable.items():
        typer.echo(f"Not usable: {name} ({reason})")
