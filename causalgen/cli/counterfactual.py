"""`causalgen counterfactual`: what would these rows have been, had ...?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["counterfactual"]


def counterfactual(
    run: Annotated[Path, typer.Argument(help="The run folder.", show_default=False)],
    rows: Annotated[str, typer.Option(help="Row numbers of the data, such as 3,7 or 3-7.", show_default=False)],
    do: Annotated[
        list[str], typer.Option(help="Intervention name=value; may be given several times.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for grid and table.", show_default="RUN/counterfactuals/QUERY")
    ] = None,
) -> None:
    """Ask the model of a run what rows of its data would have been under an intervention.

    Example: causalgen counterfactual runs/morphodigits --rows 3,7 --do thickness=4 --do pen=felt-tip
    """
    numbers = _numbers(rows)
    with failures():
        from ..studies.runfolder import read_run

        folder = read_run(run)
        from ..studies.asking import answer

        found = answer(folder, numbers, do, out)
        _print_table(found.counterfactual.title, found.table)
        for path in (found.grid, found.csv):
            if path is not None:
                typer.echo(path)


def _numbers(text: str) -> list[int]:
    """Row numbers from "3,7" or "3-7".

    >>> _numbers("3, 7-9")
    [3, 7, 8, 9]
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) - int(first) > 10_000):
            raise typer.BadParameter(f"Expected row numbers such as 3,7 or 3-7; got {text!r}.", param_hint="--rows")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _print_table(title: str, table: "pd.DataFrame") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left")
    for column in ("row", "attribute", "factual", "counterfactual", "truth", "in support"):
        if column != "truth" or any(name.endswith("_true") for name in table.columns):
            shown.add_column(column)
    names = [name.removesuffix("_cf") for name in table.columns if name.endswith("_cf")]
    for _, row in table.iterrows():
        for position, name in enumerate(names):
            cells = [_show(row[name]), _show(row[f"{name}_cf"])]
            cells += [_show(row[f"{name}_true"])] if f"{name}_true" in table.columns else []
            first = position == 0
            support = ("yes" if row["supported"] else "no: extrapolated") if first else ""
            shown.add_row(*map(Text, (str(row["row"]) if first else "", name, *cells, support)))
        shown.add_section()
    Console().print(shown)


def _show(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
