"""Options common to several commands: those that query a fitted model, and those that read a table."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AnswerOut",
    "AsJson",
    "AssumedGraph",
    "Cluster",
    "Do",
    "Kinds",
    "Level",
    "MissingWords",
    "ModelArgument",
    "Outcome",
    "Particles",
    "ReportOut",
    "RunArgument",
    "Seed",
    "TableFile",
    "TableSeed",
    "TrustCode",
    "split",
]

JOINT = re.compile(r""",(?=\s*(?:"[^"]*"|'[^']*')\s*[-+*/]?=|[^,="']+=)""")
"""Commas before another name=; labels, expressions and names in quotes may hold commas too."""

ModelArgument = Annotated[
    Path,
    typer.Argument(
        help="The run folder, the folder of a saved model, or pretrained:NAME with a name that `causalgen models list` shows.",
        show_default=False,
    ),
]
RunArgument = Annotated[Path, typer.Argument(help="The run folder.", show_default=False)]
Do = Annotated[
    list[str] | None,
    typer.Option(
        help="Intervention: a label pen=felt-tip, a number thickness=4 or z=-0.5, a shift thickness+=1 (or =+1) or "
        "thickness-=0.5, an expression over the node itself and its parents thickness=thickness*1.2. Repeat it, or "
        "join by commas, for several nodes at once. Quote characters that the shell reads, such as * and spaces.",
        show_default=False,
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed.", show_default="the study's")]
TrustCode = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        help="Run Python code that comes with files: measurements and mechanisms that the study or its model "
        "names, and pickles. Use it only if you trust the authors.",
    ),
]
Particles = Annotated[
    int | None,
    typer.Option(
        help="Number of draws of each unit's noise, for mean and spread.",
        show_default="one answer; 100 to infer attributes",
    ),
]
AnswerOut = Annotated[
    Path | None,
    typer.Option(
        help="Folder for images, grid and table.", show_default="a folder below the run, named after the query"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
TableFile = Annotated[Path, typer.Argument(help="A .csv or .parquet file, one row per unit.", show_default=False)]
AssumedGraph = Annotated[
    str,
    typer.Option(
        help="The assumed graph: 'age -> {dose, health}; dose -> health', or a file (DOT, GML, GraphML, YAML, JSON).",
        show_default=False,
    ),
]
Outcome = Annotated[
    str,
    typer.Option(
        help="The column that responds, or severity=severe for the probability of a label.", show_default=False
    ),
]
Cluster = Annotated[str | None, typer.Option(help="Column that names the cluster of each row.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        help="Kind of a column, such as clinic=categorical: continuous, binary, categorical or ordinal.",
        show_default="inferred from its values",
    ),
]
MissingWords = Annotated[
    list[str] | None,
    typer.Option(
        help="Words and numbers that stand for missing values in every column, such as 'n/a, ., -9', except where the graph "
        "declares them as labels. Quotes keep a word with a comma whole.",
        show_default="empty cells",
    ),
]
Level = Annotated[float, typer.Option(help="Level of the intervals.")]
TableSeed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of all random numbers.")]
ReportOut = Annotated[Path | None, typer.Option(help="Folder for the report.")]


def split(texts: Iterable[str] | None) -> list[str]:
    """Split assignments, given one by one or joined by commas.

    >>> split(["thickness=min(thickness, 4),pen=felt-tip", "digit=3"])
    ['thickness=min(thickness, 4)', 'pen=felt-tip', 'digit=3']
    >>> split(['"age, years"+=3,pen=felt-tip'])
    ['"age, years"+=3', 'pen=felt-tip']
    """
    return [part for text in texts or () for part in JOINT.split(text)]
