"""`causalgen new`: a starter study about your own table."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures
from .listing import some
from .signals import exit_code

if TYPE_CHECKING:
    from ..studies.offered_columns import OfferedColumns

__all__ = ["new"]


def new(
    table: Annotated[
        Path | None,
        typer.Argument(
            help="CSV or Parquet file with a column of images, .npz, tar, or a folder of images.", show_default="asked"
        ),
    ] = None,
    image: Annotated[str | None, typer.Option(help="Column of the images.", show_default="asked")] = None,
    edges: Annotated[
        str | None,
        typer.Option(
            "--edges", "--graph", help='The graph, as "age -> {volume, scan}; volume -> scan".', show_default="asked"
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Column of groups whose rows belong together, such as the patient.", show_default="none"),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder that image paths start from.", show_default="found below the table's folder"),
    ] = None,
    tags: Annotated[
        str | None,
        typer.Option(
            help="Elements of DICOM files that become columns, such as PatientAge,Manufacturer.", show_default="none"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The study file.")] = Path("study.yaml"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept all proposals without asking.")] = False,
) -> None:
    """Write a commented starter study about your own images and attributes.

    Example: causalgen new scans.csv --edges "age -> {volume, scan}; volume -> scan" --group patient
    """
    with failures():
        from ..errors import DataError
        from ..files import write_whole
        from ..studies.output import check_writable, writing

        if out.exists():
            raise DataError(f"Expected a new file for the study; '{out}' exists. Choose another with --out.")
        check_writable(out.parent)
        if table is None:
            question = "Table of attributes and image paths (CSV, Parquet), or folder of images"
            table = Path(_ask(question)).expanduser()
        from ..datasets.table.column_match import match_one
        from ..datasets.table.splits import given_split
        from ..studies.offered_columns import propose_edges, propose_group, table_columns
        from ..studies.starting import starter_study

        columns = table_columns(table, images, [word.strip() for word in tags.split(",")] if tags else [])
        _show(columns, group or propose_group(columns, ()))
        if edges is None:
            image = image or _image(columns, yes=yes)
            group = group and match_one(group, "the group", list(columns.frame.columns)).title
            kept_apart = (group or propose_group(columns, ()), image, given_split(columns.frame, ()))
            proposal = propose_edges([x for x in columns.attributes if x not in kept_apart], image)
            edges = proposal if yes else _ask("Causal graph", proposal, _read_graph)
        name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in table.absolute().stem)
        name = name.strip("._-") or "study"
        starter = starter_study(table, columns, edges, name=name, image=image, group=group, below=out.parent)
        with writing(out.parent):
            write_whole(out, starter.text)
        for note in starter.notes:
            typer.echo(f"Note: {note}")
        if starter.unused:
            typer.echo(f"Columns that the graph leaves out: {some(starter.unused)}")
        typer.echo(f"{out}\nReview it, then run: causalgen check {out}")


def _ask(question: str, proposal: str | None = None, read: Callable[[str], str] = str) -> str:
    """Ask on the terminal; if `read` raises `typer.BadParameter`, ask again."""
    try:
        return str(typer.prompt(question, default=proposal, value_proc=read))
    except typer.Abort as stop:
        typer.echo("\nNothing was written. Answer with TABLE, --image and --edges, or add --yes.", err=True)
        raise typer.Exit(exit_code(stop.__context__)) from None


def _read_graph(text: str) -> str:
    from ..errors import GraphError
    from ..graph import CausalGraph

    try:
        CausalGraph(text)
    except GraphError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _image(columns: "OfferedColumns", *, yes: bool) -> str | None:
    """Return the column of the images; None if there is none."""
    if len(columns.images) < 2 or yes:
        return next(iter(columns.images), None)
    return _ask(f"Image column among {', '.join(columns.images)}", columns.images[0])


def _show(columns: "OfferedColumns", group: str | None) -> None:
    typer.echo("Attributes: " + (some(columns.attributes, 50) or "none"))
    typer.echo("Images: " + (some(columns.images, 50) or "none"))
    unusable = [(name, reason) for name, reason in columns.unusable.items() if name != group]
    for name, reason in unusable[:50]:
        typer.echo(f"Not usable: {name} ({reason})")
    if len(unusable) > 50:
        typer.echo(f"Not usable: {len(unusable) - 50} more")
