"""`causalgen discover`: which graphs fit a table, and how they compare with the user's."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from .failures import failures
from .options import Cluster, Kinds, MissingWords, TableSeed
from .tables import kinds, names, without_words, words_in
from .terminal import print_table
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    import pandas as pd

    from ..datasets.table.words import MissingWord
    from ..discovery import Comparison, Discovery, Knowledge
    from ..graph import CausalGraph

__all__ = ["AlgorithmWord", "discover"]


class AlgorithmWord(StrEnum):
    """The search algorithm."""

    pc = "pc"
    fci = "fci"
    ges = "ges"
    lingam = "lingam"
    ica_lingam = "ica-lingam"


TESTED = (AlgorithmWord.pc, AlgorithmWord.fci)
LEVEL = 0.01


class Source(NamedTuple):
    """A table and the declarations of its data set."""

    table: "pd.DataFrame"
    graph: "CausalGraph | None" = None
    group: Any = None


def discover(
    table: Annotated[
        str, typer.Argument(help="A .csv or .parquet file, or a data set such as morphodigits.", show_default=False)
    ],
    algorithm: Annotated[
        AlgorithmWord,
        typer.Option(help="pc and ges: no hidden causes; fci: hidden causes allowed; lingam: non-Gaussian."),
    ] = AlgorithmWord.pc,
    columns: Annotated[
        str | None, typer.Option(help="Columns to search, such as 'a, b, c'.", show_default="all")
    ] = None,
    discrete: Annotated[str | None, typer.Option(help="Columns of numbers that are codes, such as 'a, b'.")] = None,
    missing_words: MissingWords = None,
    kind: Kinds = None,
    group: Cluster = None,
    tiers: Annotated[str | None, typer.Option(help="Order in time, such as 'a, b; c; d'.")] = None,
    ordered: Annotated[bool, typer.Option("--ordered", help="Take the order of the compared graph as tiers.")] = False,
    require: Annotated[list[str] | None, typer.Option(help="Required edges: 'a -> b'.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(help="Forbidden edges: 'a -> b'.")] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="Edges 'a -> b; b -> c', or a study or graph file.", show_default="the data set's graph"),
    ] = None,
    test: Annotated[str, typer.Option(help="auto, fisherz, kci, gsq, chisq or mixed.")] = "auto",
    alpha: Annotated[float | None, typer.Option(help="Level of the tests.", show_default="0.01")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples for the frequencies of edges.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes for the resamples.", show_default="1")] = None,
    seed: TableSeed = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the tables, as CSV and JSON, and a drawing.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    threads: Threads = None,
) -> None:
    """Find the class of causal graphs that fits a table, and print it with its assumptions.

    Example: causalgen discover scans.csv --tiers "age, sex; volume" --compare "age -> volume; sex -> volume" --bootstrap 50
    """
    with failures():
        _refuse_unused(algorithm, alpha, bootstrap, jobs)
        source = _read(table, words_in(missing_words or ()))
        from ..discovery import discover as search
        from ..studies.graphs import find_graph

        cap_threads()
        graph = find_graph(compare) if compare is not None else source.graph

        result = search(
            source.table,
            algorithm=algorithm,
            columns=names(columns) if columns else None,
            kinds=_kinds(discrete, kind),
            graph=source.graph,
            knowledge=_knowledge(tiers, ordered, require, forbid, graph, source.table),
            group=group or source.group,
            test=test,
            alpha=LEVEL if alpha is None else alpha,
            bootstrap=bootstrap,
            seed=seed,
            jobs=jobs or 1,
        )
        comparison = _compare(result, graph, asked=compare is not None)
        if as_json:
            typer.echo(json.dumps(_record(result, comparison), indent=2))
        else:
            _print(result, comparison)
        for path in _write(out, result, comparison) if out is not None else ():
            typer.echo(path, err=as_json)


def _refuse_unused(algorithm: AlgorithmWord, alpha: float | None, bootstrap: int, jobs: int | None) -> None:
    from ..errors import DataError

    if jobs is not None and not bootstrap:
        raise DataError(
            "Expected --jobs together with --bootstrap, whose resamples it spreads; got it alone. Leave it out."
        )
    if alpha is not None and algorithm not in TESTED:
        raise DataError(
            f"Expected --alpha with an algorithm that tests ({', '.join(TESTED)}); {algorithm} tests nothing. Leave it out."
        )


def _kinds(discrete: str | None, texts: list[str] | None) -> dict[str, str]:
    from ..errors import DataError

    codes, declared = dict.fromkeys(names(discrete or ""), "discrete"), kinds(texts or ())
    twice = [name for name in codes if name in declared]
    if twice:
        raise DataError(
            f"Expected a column in --discrete or in --kind; got '{twice[0]}' in both. Leave one of them out."
        )
    return codes | declared


def _read(table: str, words: "list[MissingWord]") -> Source:
    path = Path(table)
    if path.is_file() or path.suffix.lower() in (".csv", ".parquet"):
        from ..datasets.table import read_table

        return Source(without_words(read_table(path), words))
    from ..datasets import load
    from ..errors import DataError

    if words:
        raise DataError(
            f"Expected --missing-words with a table of your own; the data set '{table}' has every value. Leave them out."
        )

    data = load(table)
    grouped = len(data.group.unique()) < len(data)
    return Source(data.frame(), data.graph, data.group.numpy() if grouped else None)


def _compare(result: "Discovery", graph: "CausalGraph | None", *, asked: bool) -> "Comparison | None":
    """Compare with a graph; if the data set's own graph cannot be compared, that does not fail the command."""
    from ..errors import GraphError

    try:
        return None if graph is None else result.compare(graph)
    except GraphError as error:
        if asked:
            raise
        _warn(f"Not compared with the data set's graph. {error}")
        return None


def _knowledge(
    tiers: str | None,
    ordered: bool,
    require: list[str] | None,
    forbid: list[str] | None,
    graph: "CausalGraph | None",
    table: "pd.DataFrame",
) -> "Knowledge":
    from ..discovery import Knowledge
    from ..errors import GraphError

    if ordered and (graph is None or tiers):
        got = "--tiers too" if tiers else "no graph"
        raise GraphError(f"Expected --ordered with the graph of --compare and without --tiers; got {got}.")
    groups = [names(part) for part in (tiers or "").split(";") if part.strip()]
    if ordered and graph is not None:
        groups = [[name] for name in graph if name in table.columns]
    return Knowledge("; ".join(require or ()), "; ".join(forbid or ()), groups)


def _record(result: "Discovery", comparison: "Comparison | None") -> dict[str, Any]:
    return result.to_dict() | {"comparison": None if comparison is None else comparison.to_dict()}


def _write(folder: Path, result: "Discovery", comparison: "Comparison | None") -> list[Path]:
    from ..errors import NotIdentifiableError
    from ..files import write_whole
    from ..spreadsheets import write_csv

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "edges.csv", folder / "discovery.json"]
    write_csv(result.to_frame(), paths[0])
    write_whole(paths[1], json.dumps(_record(result, comparison), indent=2))
    if result.frequencies is not None:
        paths.append(folder / "frequencies.csv")
        write_csv(result.frequencies.to_frame(), paths[-1])
    if comparison is not None:
        paths.append(folder / "comparison.csv")
        write_csv(comparison.to_frame(), paths[-1])
    try:
        graph = result.found.graph()
    except NotIdentifiableError:  # a class is not a single graph to draw
        return paths
    from ..reports.figure_files import write_figure
    from ..reports.graph_plot import plot_graph

    paths.append(folder / "graph.png")
    write_figure(plot_graph(graph), paths[-1], dpi=200)
    return paths


def _print(result: "Discovery", comparison: "Comparison | None") -> None:
    from rich.console import Console

    console = Console()
    tested = f", test {result.test} at level {result.alpha:g}" if result.test else ""
    dropped = f", {result.rows_dropped:,} dropped" if result.rows_dropped else ""
    console.print(f"{result.algorithm}{tested}; {result.rows_used:,} rows{dropped}", highlight=False)
    console.print(result.columns, markup=False, highlight=False, soft_wrap=True)
    _print_table(f"Findings, under the assumptions below ({result.found.kind})", result.to_frame())
    console.print(str(result.found), markup=False, highlight=False, soft_wrap=True)
    if comparison is not None:
        _print_table("Compared with the graph", comparison.to_frame())
        console.print(str(comparison), markup=False, highlight=False, soft_wrap=True)
    console.print("These results hold only if:", highlight=False)
    for line in result.assumptions:
        console.print(f"  - {line}", markup=False, highlight=False, soft_wrap=True)
    for line in result.warnings:
        _warn(line)


def _warn(text: str) -> None:
    typer.echo(typer.style("Warning: ", fg="yellow") + text, err=True)


def _print_table(title: str, frame: "pd.DataFrame") -> None:
    columns = [column.replace("_", " ") for column in frame.columns]
    print_table(columns, [[_show(value) for value in row] for row in frame.itertuples(index=False)], title=title)


def _show(value: object) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
