"""`causalgen augment`: counterfactual images of all units, as further examples for a training program."""

from pathlib import Path
from typing import Annotated

import typer

from .failures import failures
from .opened import Sha256, opened_run
from .options import AsJson, RunArgument, Seed, TrustCode, split
from .tables import names
from .terminal import print_files, print_json, print_notes, print_table, records
from .threads import Threads, cap_threads

__all__ = ["augment"]

HEADER = ("split", "observed", "counterfactual", "within support")


def augment(
    run: RunArgument,
    do: Annotated[
        list[str] | None,
        typer.Option(
            help="Intervention as in `causalgen counterfactual`, or thickness=shuffle for the value of another "
            "unit of the same split. Repeat it for several nodes at once; all shuffled values come from one "
            "unit.",
            show_default=False,
        ),
    ] = None,
    per_unit: Annotated[int, typer.Option(min=1, help="Counterfactuals of each unit.")] = 1,
    within_support: Annotated[
        bool, typer.Option("--within-support", help="Leave out counterfactuals outside the joint support of training.")
    ] = False,
    splits: Annotated[str, typer.Option("--split", help="Splits, joined by commas.")] = "train,validation",
    label: Annotated[str | None, typer.Option(help="Discrete attribute whose labels become class folders.")] = None,
    without_originals: Annotated[
        bool, typer.Option("--without-originals", help="Leave out the observed images.")
    ] = False,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for images and table.", show_default="RUN/augmentations/QUERY")
    ] = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Write counterfactual images of all units of a run's data, with a table, for training programs to read.

    No image crosses a split. The same command continues an interrupted one; a finished folder is never overwritten.

    Example: causalgen augment runs/morphodigits --do thickness=shuffle --per-unit 2 --label digit --out digits
    """
    if not do:
        raise typer.BadParameter("Expected an intervention, such as --do thickness=shuffle.", param_hint="--do")
    with failures():
        folder = opened_run(run, trust_code=trust_code, sha256=sha256)
        from ..studies.augmenting import augment as write
        from ..training.progress import bars

        cap_threads()
        with bars() as progress:
            task = progress.add_task("make counterfactual images", total=None, note="", visible=False)
            written = write(
                folder,
                split(do),
                out,
                per_unit=per_unit,
                splits=tuple(names(splits)),
                within_support=within_support,
                originals=not without_originals,
                label=label,
                progress=lambda done, total: progress.update(task, completed=done, total=total, visible=True),
                **({} if seed is None else {"seed": seed}),
            )
        counts = records(written.counts)
        if as_json:
            print_json({"counts": counts, "files": {"folder": written.folder, "tables": written.tables}})
            return
        print_table(HEADER, [_cells(row) for row in counts])
        print_notes(_notes(counts))
        print_files(*written.tables.values())


def _cells(row: dict) -> list[str]:
    made = int(row["counterfactual"])
    share = f"{row['within_support'] / made:.0%}" if made else ""
    return [row["split"], f"{row['observed']:,}", f"{made:,}", share]


def _notes(counts: list[dict]) -> list[str]:
    """Return notes about counterfactuals that were left out."""
    outside = sum(int(row["left_out_outside"]) for row in counts)
    unanswered = sum(int(row["left_out_unanswered"]) for row in counts)
    notes = [f"{outside:,} counterfactuals outside the joint support were left out."] if outside else []
    if unanswered:
        notes.append(
            f"{unanswered:,} counterfactuals were left out because the intervention has no value for the unit."
        )
    return notes
