"""`causalgen restore`: the image behind a damaged picture, and what it would have been."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import failures
from .opened import Sha256, opened_model
from .options import AnswerOut, AsJson, Do, ModelArgument, TrustCode, split
from .terminal import print_files, print_json, print_notes, print_table, records
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    from ..studies.restoring import Restoration

__all__ = ["restore"]


def restore(
    run: ModelArgument,
    image: Annotated[
        str, typer.Option(help="The damaged picture; NODE=FILE where the model has several images.", show_default=False)
    ],
    mask: Annotated[
        Path | None,
        typer.Option(help="An image of the picture's size, white where pixels are hidden.", show_default=False),
    ] = None,
    noise: Annotated[float, typer.Option(help="Standard deviation of its noise, in grey levels.")] = 0.0,
    blur: Annotated[float, typer.Option(help="Standard deviation of its blur, in pixels.")] = 0.0,
    downsample: Annotated[
        int, typer.Option(help="Factor by which each side was reduced: this many pixels became one.")
    ] = 1,
    grey: Annotated[bool, typer.Option("--grey", help="Its colours are lost.")] = False,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", help="Attribute of the image, name=value.", show_default="inferred"),
    ] = None,
    do: Do = None,
    particles: Annotated[
        int | None, typer.Option(help="Draws of the image, for mean and intervals.", show_default="50")
    ] = None,
    out: AnswerOut = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Restore a damaged picture with a run's or a saved model; with --do, also show what the image would have been.

    Example: causalgen restore runs/morphodigits --image damaged.png --mask mask.png --set digit=7 --do thickness=4
    """
    with failures():
        asked = opened_model(run, trust_code=trust_code, sha256=sha256)
        from ..scm import Damage
        from ..studies.restoring import read_mask, restore_outside

        cap_threads()
        hidden = None if mask is None else read_mask(mask)
        damage = Damage(grey=grey, blur=blur, downsample=downsample, mask=hidden, noise=noise)
        numbers = {"noise": noise, "blur": blur, "downsample": downsample - 1}
        words = [f"{name}={value:g}" for name, value in numbers.items() if value]
        words += [str(mask)] * (mask is not None) + ["grey"] * grey
        found = restore_outside(asked, image, damage, split(given), split(do), out, words=words, particles=particles)
        _print(found, as_json=as_json)


def _print(found: "Restoration", *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "query": None if found.counterfactual is None else found.counterfactual.title,
                "particles": found.posterior.particles,
                "table": records(found.table),
                "notes": found.notes,
                "files": {"csv": found.csv, "grid": found.grid, "images": found.images},
            }
        )
        return
    columns = [
        name
        for name in ("attribute", "value", "interval", "counterfactual")
        if name in found.table or name == "interval"
    ]
    shown = []
    for row in found.table.to_dict("records"):
        row["interval"] = _interval(row)
        shown.append([_show(row[name]) for name in columns])
    print_table(columns, shown, title="" if found.counterfactual is None else found.counterfactual.title)
    print_notes(found.notes)
    print_files(found.grid, found.csv)


def _interval(row: dict[Any, Any]) -> str:
    """Describe what is known about an attribute's value."""
    if not row["inferred"]:
        return "given"
    low, share = row["low"], row["share"]
    if share is not None and share == share:
        return f"{share:.0%} of the draws"
    return "not known" if low is None or low != low else f"{low:.3g} to {row['high']:.3g}"


def _show(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
