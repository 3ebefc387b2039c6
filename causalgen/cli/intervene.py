"""`causalgen intervene`: an interventional distribution next to the observational one, in a run's model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures
from .opened import Sha256, opened_model
from .options import AsJson, Do, ModelArgument, Seed, TrustCode, split
from .terminal import print_files, print_json, print_notes, print_table, records
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    from ..studies.intervening import WorldComparison

__all__ = ["intervene"]


def intervene(
    run: ModelArgument,
    do: Do = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Compare with another intervention, in the same form.", show_default="the observational distribution"
        ),
    ] = None,
    n: Annotated[int, typer.Option("-n", help="Number of draws in each world.")] = 1000,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for grid and table.", show_default="RUN/interventions/QUERY")
    ] = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Show what an intervention does to every attribute, and to images, in the model of a run.

    The answer comes from the model; `causalgen effects` estimates effects from data.

    Example: causalgen intervene runs/morphodigits --do pen=felt-tip --against pen=ballpoint
    """
    if not do:
        raise typer.BadParameter("Expected an intervention, such as --do thickness=4.", param_hint="--do")
    with failures():
        folder = opened_model(run, trust_code=trust_code, sha256=sha256)
        from ..studies.intervening import compare_worlds

        cap_threads()
        found = compare_worlds(folder, split(do), against=split(against), n=n, seed=seed, out=out)
        if as_json:
            worlds = dict(zip(("against", "do"), found.titles, strict=True))
            files = {"csv": found.csv, "grid": found.grid}
            print_json(
                {"worlds": worlds, "draws": n, "table": records(found.table), "notes": found.notes, "files": files}
            )
            return
        _print_table(found, n)
        print_notes(found.notes)
        print_files(found.grid, found.csv)


def _print_table(found: "WorldComparison", n: int) -> None:
    from ..reports.style import with_interval

    shown = []
    for row in found.table.to_dict("records"):
        name = f"{row['attribute']} = {row['label']}" if row["label"] else str(row["attribute"])
        name += f" [{row['unit']}]" if row["unit"] else ""
        cells = [with_interval(row[w], row[f"{w}_low"], row[f"{w}_high"]) for w in ("against", "do", "difference")]
        shown.append((name, *cells))
    title = f"Means and shares with 95 % intervals over {n:,} draws each"
    print_table(("attribute", *found.titles, "difference"), shown, title=title)
