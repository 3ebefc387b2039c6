"""`causalgen power`: how many units a study needs to find an effect, by simulation from a fitted model."""

from pathlib import Path
from typing import Annotated

import typer

from .failures import failures
from .opened import Sha256, opened_model
from .options import AsJson, ModelArgument, Seed, TrustCode
from .tables import names
from .terminal import print_files, print_json, print_notes, print_table, records
from .threads import Threads, cap_threads

__all__ = ["power"]


def power(
    run: ModelArgument,
    treatment: Annotated[
        str | None, typer.Option(help="The attribute that is set.", show_default="that of the study's only effect")
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(help="An attribute, or a score of the study.", show_default="that of the study's only effect"),
    ] = None,
    contrast: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Two values: the effect compares the second with the first.", show_default="the study's"),
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="Numbers of units to try: rows, or groups if rows come in groups.")
    ] = "100,200,400,800,1600",
    tables: Annotated[int, typer.Option(help="Simulated tables of each size.")] = 100,
    method: Annotated[
        str | None, typer.Option(help="The estimator, such as 'doubly robust'.", show_default="the recommended one")
    ] = None,
    target: Annotated[float, typer.Option(help="The power to reach.")] = 0.8,
    read: Annotated[
        bool, typer.Option("--read", help="Read the outcome from generated images, with the study's measurement.")
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Attribute whose rows belong together, `group` for the groups of the data, '' for independent rows.",
            show_default="the study's",
        ),
    ] = None,
    level: Annotated[float | None, typer.Option(help="Level of the intervals.", show_default="the study's")] = None,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for table and figure.", show_default="RUN/power/QUERY")
    ] = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Find how many units a study needs: simulate tables from a fitted model, and estimate the effect in each.

    For each size, the answer gives the share of intervals that exclude 0 (power), their mean width, and the share that
    contains the model's own effect (coverage). It holds if the model is right.

    Example: causalgen power runs/morphodigits --treatment pen --outcome intensity --sizes 50,100,200,400

    Example: causalgen power pretrained:morphodigits --treatment thickness --outcome intensity --contrast 2 2.2
    """
    with failures():
        counts = _counts(sizes)
        asked = opened_model(run, trust_code=trust_code, sha256=sha256)
        from ..studies.power_of_model import PowerQuestion, power_of
        from ..training.progress import bars

        cap_threads()
        question = PowerQuestion(
            treatment, outcome, contrast, method, counts, tables, target, read, cluster, level, seed
        )
        with bars() as progress:
            task = progress.add_task("simulated tables", total=tables, note="")
            found = power_of(asked, question, out, on_table=lambda: progress.advance(task))
        curve, files = found.curve, {"csv": found.csv, "figure": found.figure}
        if as_json:
            ends = {"n": curve.needed.n, "low": curve.needed.low, "high": curve.needed.high}
            needed = {name: value if abs(value) != float("inf") else None for name, value in ends.items()}
            needed["reached"] = curve.needed.n < float("inf")  # null stands for an answer below or above all sizes
            print_json(
                {
                    "question": curve.question,
                    "answer": curve.answer,
                    "needed": needed,
                    "unit": curve.unit,
                    "method": curve.method,
                    "effect": curve.effect,
                    "table": records(curve.frame),
                    "notes": curve.notes,
                    "files": files,
                }
            )
            return
        from ..reports.style import with_interval

        rows = [
            (
                f"{row['n']:,}",
                *(
                    with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
                    for name in ("power", "width", "coverage")
                ),
                str(row["refused"]),
            )
            for row in curve.frame.to_dict("records")
        ]
        typer.echo(curve.question)
        typer.echo(f"Effect of the model under do: {curve.effect:.4g}. {curve.method}, {tables} tables of each size")
        print_table((curve.unit, "power", "mean width", "coverage", "without estimate"), rows)
        typer.echo(curve.answer)
        print_notes(curve.notes)
        print_files(found.figure, found.csv)


def _counts(text: str) -> list[int]:
    """Parse whole numbers from a text such as "100, 200".

    Raises:
        DataError: The text contains anything else.

    >>> _counts("100, 2000")
    [100, 2000]
    """
    from ..errors import DataError

    found = names(text)
    if not found or not all(word.isdecimal() for word in found):
        raise DataError(f"Expected sizes as whole numbers, such as --sizes 100,200,400; got {text!r}.")
    return [int(word) for word in found]
