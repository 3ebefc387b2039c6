"""`causalgen counterfactual --all`: counterfactuals of all units of a run's data, written as shards."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .terminal import print_files, print_json, print_notes, print_table, records

if TYPE_CHECKING:
    from ..studies.runfolder import RunFolder

__all__ = ["print_all"]

HEADER = ("split", "units", "answered", "within support", "shards")


def print_all(run: "RunFolder", do: Sequence[str], out: Path | None, *, as_json: bool, **how: Any) -> None:
    """Write the shards, and print how many units they hold; `how` holds options of `answer_all`."""
    from ..reports.counterfactual_shards import MANIFEST
    from ..studies.all_units import answer_all
    from ..training.progress import bars

    with bars() as progress:
        task = progress.add_task("answer all units", total=None, note="", visible=False)
        folder, shards = answer_all(
            run,
            do,
            out,
            progress=lambda done, total: progress.update(task, completed=done, total=total, visible=True),
            **how,
        )
    if as_json:
        print_json({"folder": folder, "manifest": folder / MANIFEST, "shards": records(shards)})
        return
    lines = []
    for name, own in shards.groupby("split", sort=False):
        counts = own[["units", "answered", "supported"]].sum()
        share = f"{counts['supported'] / counts['answered']:.0%}" if counts["answered"] else ""
        lines.append((name, f"{counts['units']:,}", f"{counts['answered']:,}", share, str(len(own))))
    print_table(HEADER, lines)
    unanswered = int((shards["units"] - shards["answered"]).sum())
    if unanswered:
        print_notes([f"{unanswered:,} units have no counterfactual because the intervention has no value for them."])
    print_files(folder / MANIFEST)
