"""`causalgen sample`: draw units from the model of a run."""

from pathlib import Path
from typing import Annotated

import typer

from .failures import failures
from .nifti import Nifti, write_volumes
from .opened import Sha256, opened_model
from .options import AsJson, Do, ModelArgument, Seed, TrustCode, split
from .terminal import print_files, print_json, print_notes, records
from .threads import Threads, cap_threads

__all__ = ["sample"]

SHOWN = 20
"""Number of table rows shown in the terminal."""


def sample(
    run: ModelArgument,
    n: Annotated[int, typer.Option("-n", help="Number of units.")] = 16,
    do: Do = None,
    given: Annotated[
        list[str] | None,
        typer.Option(help="Observed value name=value: units are weighted by how likely it is.", show_default=False),
    ] = None,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for images, grid and table.", show_default="RUN/samples/QUERY")
    ] = None,
    nifti: Nifti = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Draw units from the model of a run: observational, under an intervention, or given observed values.

    Example: causalgen sample runs/morphodigits -n 16 --do thickness=4 --given pen=felt-tip
    """
    with failures():
        folder = opened_model(run, trust_code=trust_code, sha256=sha256)
        from ..studies.sampling import draw_samples

        cap_threads()
        found = draw_samples(folder, n, do=split(do), given=split(given), seed=seed, out=out)
        write_volumes(found.images, nifti)
        if as_json:
            files = {"csv": found.csv, "grid": found.grid, "images": found.images}
            size = found.samples.effective_sample_size if given else None
            print_json(
                {
                    "query": found.title,
                    "effective_sample_size": size,
                    "table": records(found.table),
                    "notes": found.notes,
                    "files": files,
                }
            )
            return
        typer.echo(f"{n} unit{'s' * (n > 1)}, {found.title}")
        shown = found.table.loc[:, [name for name in found.table.columns if not name.endswith("_file")]]
        typer.echo(shown.head(SHOWN).to_string(index=False, float_format=lambda number: f"{number:.3g}"))
        if len(shown) > SHOWN:
            typer.echo(f"... and {len(shown) - SHOWN} more in the table")
        print_notes(found.notes)
        print_files(found.grid, found.csv)
