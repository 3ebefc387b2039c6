"""`causalgen counterfactual`: what would these rows, or this image, have been, had ...?"""

from collections.abc import Sequence
from enum import StrEnum
from numbers import Integral, Real
from typing import TYPE_CHECKING, Annotated

import typer

from .all_units import print_all
from .failures import failures
from .nifti import Nifti, write_volumes
from .opened import Sha256, opened_model, opened_run
from .options import AnswerOut, AsJson, Do, ModelArgument, Particles, TrustCode, split
from .tables import names
from .terminal import print_files, print_json, print_notes, print_table, records
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    import pandas as pd

    from ..studies.asking import CounterfactualAnswer

__all__ = ["counterfactual", "print_answer", "words_of"]

HOLDS = "holds down to rho"
MEANING = """Holds down to rho: models in which the noises of the two worlds are only correlated fit the data just as well.
Down to this correlation the answer is a better guess than no change, in {level:.0%} of the draws; a label is the same.
{first:g}: no longer at {next:g}, the next that was tried; 0: in all of them.
Numbers are measured on the image where the study measures them."""
REDRAWN = 'For images, "no change" means the factual image as the model redraws it.'
INTERVAL = (0.025, 0.975)
"""Quantiles of the particles to show."""


class Cluster(StrEnum):
    """Where the shards are computed."""

    ray = "ray"


def counterfactual(
    run: ModelArgument,
    rows: Annotated[
        str | None,
        typer.Option(help="Row numbers of the table, such as 3,7 or 3-7, or labels of its index.", show_default=False),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="An image from outside the data; NODE=FILE for each of several images.", show_default=False),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Attribute of that image, name=value; attributes left out are measured, if the study measures "
            "them, or inferred.",
        ),
    ] = None,
    do: Do = None,
    everyone: Annotated[
        bool,
        typer.Option(
            "--all", help="Answer for all units of the data, and write Parquet shards; continues an interrupted folder."
        ),
    ] = False,
    splits: Annotated[
        str | None, typer.Option("--split", help="With --all: splits, joined by commas.", show_default="all")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --all: processes that answer at the same time.",
            show_default="1; with --on ray one per processor",
        ),
    ] = None,
    on: Annotated[
        Cluster | None,
        typer.Option(help="With --all: `ray` for tasks of Ray, at RAY_ADDRESS or on this machine.", show_default=False),
    ] = None,
    particles: Particles = None,
    out: AnswerOut = None,
    nifti: Nifti = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Use a run's model to show what rows of the data, or an outside image, would have been under an intervention.

    Example: causalgen counterfactual runs/morphodigits --rows 3,7 --do thickness+=1 --do pen=felt-tip

    Example: causalgen counterfactual runs/morphodigits --image 7.png --set digit=7,pen=ballpoint,hurry=0.5 --do thickness=4

    Example: causalgen counterfactual runs/morphodigits --all --do thickness=4 --out thick --processes 4
    """
    if [rows is not None, bool(image), everyone].count(True) != 1:
        raise typer.BadParameter("Expected one of --rows, --image and --all; got several or none.", param_hint="--rows")
    if everyone and particles is not None:
        raise typer.BadParameter("Expected no particles with --all, which gives one answer.", param_hint="--particles")
    if everyone and nifti is not None:
        raise typer.BadParameter("Expected no --nifti with --all, which writes shards.", param_hint="--nifti")
    if not everyone and (splits is not None or processes is not None or on is not None):
        raise typer.BadParameter("Expected --split, --processes and --on together with --all.", param_hint="--all")
    if given and not image:
        raise typer.BadParameter("Expected --set together with --image; rows have their values.", param_hint="--set")
    if not do:
        raise typer.BadParameter("Expected an intervention, such as --do thickness=4.", param_hint="--do")
    words = words_of(rows, "--rows") if rows is not None else []
    with failures():
        from ..studies.asking import answer, answer_outside

        cap_threads()
        if everyone:
            folder = opened_run(run, trust_code=trust_code, sha256=sha256)
            how = {"splits": names(splits) if splits else [], "processes": processes, "on": on and on.value}
            print_all(folder, split(do), out, as_json=as_json, **how)
            return
        asked = opened_model(run, trust_code=trust_code, sha256=sha256)
        if image:
            found = answer_outside(asked, image, split(given), split(do), out, particles=particles)
        else:
            found = answer(asked, words, split(do), out, particles=particles)
        write_volumes(found.images, nifti)
        print_answer(found, as_json=as_json)


def print_answer(found: "CounterfactualAnswer", *, as_json: bool) -> None:
    """Print an answer and the names of its files."""
    if as_json:
        print_json(_content(found))
        return
    _print_table(found)
    if found.report is not None:
        _print_report(found.report)
    print_notes(found.notes)
    print_files(found.grid, found.csv)


def words_of(text: str, option: str) -> list[str]:
    """Split a text such as "3, 7-9" at commas; the data decide what the parts mean.

    >>> words_of("3, 7-9", "--rows")
    ['3', '7-9']
    """
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise typer.BadParameter(f"Expected row numbers such as 3,7 or 3-7; got {text!r}.", param_hint=option)
    return words


def _content(found: "CounterfactualAnswer") -> dict[str, object]:
    return {
        "query": found.counterfactual.title,
        "particles": found.counterfactual.particles,
        "table": records(found.table),
        **({} if found.report is None else {"report": records(found.report)}),
        **({} if found.ambiguity is None else {"ambiguity": records(found.ambiguity.summary().reset_index())}),
        "notes": found.notes,
        "files": {"csv": found.csv, "grid": found.grid, "images": found.images},
    }


def _print_table(found: "CounterfactualAnswer") -> None:
    claims = () if found.ambiguity is None else tuple(found.ambiguity.claims)
    nodes = found.counterfactual.graph.nodes
    unit, names = found.table.columns[0], [n for n in nodes if f"{n}_cf" in found.table or n in claims]
    truth = any(f"{name}_true" in found.table for name in names)
    particles = found.counterfactual.particles
    columns = (unit, "attribute", "factual", "counterfactual", *(["truth"] if truth else []), "in support")
    columns += (HOLDS,) if claims else ()
    shown: list[Sequence[str] | None] = []
    for value, rows in found.table.groupby(unit, sort=False):
        for position, name in enumerate(names):
            written = [name, f"{name}_cf", *([f"{name}_true"] if truth else [])]
            cells = [
                "" if column not in rows
                else _spread(rows[column]) if particles and not column.endswith("_true")
                else _show(rows[column].iloc[0])
                for column in written
            ]  # fmt: skip
            first = position == 0
            cells = [str(value) if first else "", name, *cells, _support(rows) if first else ""]
            shown.append((*cells, _holds(rows, name)) if claims else tuple(cells))
        shown.append(None)
    print_table(columns, shown, title=found.counterfactual.title)
    if particles:
        typer.echo(
            f"Means with the central 95 % of {particles} particles; for labels, the most frequent one with its share."
        )
    if found.ambiguity is not None:
        tighter, looser = found.ambiguity.couplings[:2]
        typer.echo(MEANING.format(level=found.ambiguity.level, first=tighter, next=looser))
        if found.ambiguity.redrawn:
            typer.echo(REDRAWN)


def _print_report(report: "pd.DataFrame") -> None:
    """Print what the images of a style transfer show."""
    numbers = report.columns[3:]
    lines = [
        (
            f"{row['attribute']} ({row['unit']})" if row["unit"] else row["attribute"],
            row["part"],
            *map(_show, row[numbers]),
        )
        for _, row in report.iterrows()
    ]
    print_table(("attribute", "part", *numbers), lines, title="What the images show")
    typer.echo(
        "Mean absolute error; for labels, the share of wrong ones. content: the image as it was; all attributes, "
        "histogram:\n"
        "controls; floor: the same reading of the content's images."
    )


def _spread(values: "pd.Series") -> str:
    """Describe the particles of one attribute: the mean and the central 95 %, or the most frequent label."""
    if values.dtype.kind != "f":
        shares = values.value_counts(normalize=True)
        return f"{shares.index[0]}" + (f" ({shares.iloc[0]:.0%})" if len(shares) > 1 else "")
    low, high = values.quantile(list(INTERVAL))
    return _show(values.mean()) + (f" [{low:.3g}, {high:.3g}]" if f"{low:.3g}" != f"{high:.3g}" else "")


def _support(rows: "pd.DataFrame") -> str:
    share = rows["supported"].mean()
    return "yes" if share == 1 else "no: extrapolated" if share == 0 else f"{share:.0%} of particles"


def _holds(rows: "pd.DataFrame", name: str) -> str:
    """Return the lowest correlation down to which the answer holds; a dash where nothing changes for the unit."""
    column = f"{name}_holds_down_to"
    if column not in rows:
        return ""
    rho = rows[column].iloc[0]
    return "–" if rho != rho else f"{rho:g}"


def _show(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, Real) and not isinstance(value, Integral) else str(value)
