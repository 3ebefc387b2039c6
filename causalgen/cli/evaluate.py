"""`causalgen evaluate`: how good are the counterfactuals of a run, by which protocol?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures
from .opened import Sha256, opened_run
from .options import TrustCode
from .terminal import print_notes, print_table
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    from ..metrics import MetricTable

__all__ = ["evaluate"]

ROWS = ("model", "identity control", "untrained control", "permutation control", "codec control", "oracle")
SHOWN = (
    "MAE",
    "accuracy",
    "relative to identity",
    "composition",
    "CLD",
    "Frechet",
    "leak",
    "gradient defect",
    "coverage",
    "diversity",
)
"""The terminal shows metrics whose names contain these words; the file has all metrics."""


def evaluate(
    run: Annotated[Path, typer.Argument(help="The run folder.", show_default=False)],
    protocol: Annotated[str, typer.Option(help="causalgen or published.")] = "causalgen",
    rows: Annotated[int | None, typer.Option(help="Test units.", show_default="the study's number")] = None,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Evaluate the model of a finished run: attributes, truth, axioms, realism, calibration, noise leak, memory.

    Example: causalgen evaluate runs/morphodigits --protocol published
    """
    with failures():
        folder = opened_run(run, trust_code=trust_code, sha256=sha256)
        from ..studies.evaluating import evaluate_run

        cap_threads()
        found = evaluate_run(folder, protocol=protocol, rows=rows)
        _print(found.table, protocol)
        if (memory := found.memorisation) is not None:
            for line in memory.verdicts:
                typer.echo(line)
            print_notes(memory.table.notes)
        typer.echo(found.csv)


def _print(table: "MetricTable", protocol: str) -> None:
    results = [r for r in table if r.stratum == "all units" and any(word in r.metric for word in SHOWN)]
    rows = [row for row in ROWS if row != "codec control" or any(r.row == row for r in results)]
    columns = ("query", "metric", *(row.removesuffix(" control") for row in rows), "floor")
    shown = []
    for query, metric in dict.fromkeys((r.query, r.metric) for r in results):
        values = {r.row: r for r in results if (r.query, r.metric) == (query, metric)}
        floor = next((r.floor for r in values.values() if r.floor is not None), None)
        cells = [_number(values[row].value) if row in values else "" for row in rows]
        shown.append((query, metric, *cells, "" if floor is None else _number(floor)))
    print_table(columns, shown, title=f"Protocol {protocol}, all units")
    print_notes(table.notes)


def _number(value: float) -> str:
    return f"{value:.3g}"
