"""`causalgen graph`: what does a graph imply, which effects does it identify, and how?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import failures
from .tables import treatments
from .terminal import print_table

if TYPE_CHECKING:
    from rich.console import Console

    from ..errors import NotIdentifiableError
    from ..graph import CausalGraph, Estimand, Variable

__all__ = ["graph", "print_graph"]

SETS = 100
"""Maximum number of adjustment sets; there can be exponentially many."""
SHOWN = 30
"""Number of independencies that the terminal shows."""


def graph(
    source: Annotated[
        str,
        typer.Argument(
            help="A study file, a run folder, a graph file (.dot, .gml, .graphml, .yaml, .json), the name of a data set or of "
            "a shipped study, or edges such as 'a -> b; b <-> c'.",
            show_default=False,
        ),
    ],
    treatment: Annotated[
        list[str] | None,
        typer.Option(
            help="The node to intervene on; repeat the option, or join names by commas, for several.",
            show_default=False,
        ),
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="The node that may respond.", show_default=False)] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Convert it: .dot, .gml, .graphml, .yaml or .json.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show a causal graph, the independencies it implies, and how it identifies an effect.

    Example: causalgen graph "smoking -> tar -> cancer; smoking <-> cancer" --treatment smoking --outcome cancer
    """
    with failures():
        from ..errors import GraphError
        from ..files import write_whole
        from ..graph.formats import format_graph, format_of
        from ..studies.graphs import find_graph
        from .pictures import check_folder, check_picture

        if (not treatment) != (outcome is None):
            raise GraphError("Expected both --treatment and --outcome, or neither; got one of them.")
        check_picture("--draw", draw)
        if out is not None:
            format_of(out)
            check_folder("--out", out)
        found = find_graph(source)
        if not found.nodes:
            raise GraphError(f"Expected a graph with at least one variable; got none in '{source}'.")
        record = _record(found, treatments(treatment or (), found), outcome)
        if as_json:
            typer.echo(json.dumps(record, indent=2, ensure_ascii=False))
        else:
            _print(found, record)
        if draw is not None:
            from ..reports.figure_files import write_figure
            from ..reports.graph_plot import plot_graph

            write_figure(plot_graph(found), draw, dpi=200)
            typer.echo(draw, err=as_json)
        if out is not None:
            write_whole(out, format_graph(found, format_of(out)))
            typer.echo(out, err=as_json)


def _record(graph: "CausalGraph", treatment: tuple[str, ...], outcome: str | None) -> dict[str, Any]:
    """Return everything that is printed as JSON-serialisable values."""
    independencies = [independence._asdict() | {"text": str(independence)} for independence in graph.independencies()]
    effect = None
    if outcome is not None:
        effect = (
            _effect(graph, *treatment, outcome) if len(treatment) == 1 else _joint_effect(graph, treatment, outcome)
        )
    record = {"graph": graph.to_dict(), "edges": str(graph), "independencies": independencies, "effect": effect}
    if outcome is None or not graph.selection or len(treatment) > 1:
        return record
    return record | {"selection": _selection(graph, treatment[0], outcome)}


def _selection(graph: "CausalGraph", treatment: str, outcome: str) -> dict[str, Any]:
    """Describe how selection nodes affect the effect: selection bias of the rows, and transport to the target."""
    from ..errors import NotIdentifiableError
    from ..graph import selection_bias, transport

    found: dict[str, Any] = {}
    if graph.selection.sampling:
        bias = selection_bias(graph, treatment=treatment, outcome=outcome)
        found["bias"] = {"kind": bias.kind, "open_path": bias.open_path, "text": bias.text}
    try:
        formula = transport(graph, treatment=treatment, outcome=outcome)
    except NotIdentifiableError as error:
        return found | {"transport": {"carriers": None, "text": str(error)}}
    sets = {"carriers": list(formula.carriers), "sets": [list(names) for names in formula.sets]}
    texts = {
        "text": formula.text,
        "formula": formula.formula,
        "latex": formula.latex,
        "assumptions": formula.assumptions,
    }
    return found | {"transport": {**sets, "adjustment": list(formula.adjustment), **texts}}


def _effect(graph: "CausalGraph", treatment: str, outcome: str) -> dict[str, Any]:
    from ..graph import adjustment_sets, efficient_adjustment_set, instruments

    sets = [list(names) for names in adjustment_sets(graph, treatment, outcome, limit=SETS)]
    efficient = efficient_adjustment_set(graph, treatment, outcome)
    ways = [{"instrument": e.instrument, "given": list(e.adjustment)} for e in instruments(graph, treatment, outcome)]
    return {
        "treatment": treatment,
        "outcome": outcome,
        "adjustment_sets": sets,
        "more_adjustment_sets": len(sets) == SETS,
        "efficient_adjustment_set": None if efficient is None else list(efficient),
        "instruments": ways,
        **_answer(graph, treatment, outcome),
    }


def _joint_effect(graph: "CausalGraph", treatments: tuple[str, ...], outcome: str) -> dict[str, Any]:
    from ..graph import joint_adjustment_set

    found = joint_adjustment_set(graph, treatments, outcome)
    chosen = list(found) if isinstance(found, tuple) else None
    return {
        "treatment": list(treatments),
        "outcome": outcome,
        "adjustment_sets": [] if chosen is None else [chosen],
        "more_adjustment_sets": False,
        "efficient_adjustment_set": None,
        "instruments": [],
        **_answer(graph, treatments, outcome),
    }


def _answer(graph: "CausalGraph", treatment: str | tuple[str, ...], outcome: str) -> dict[str, Any]:
    from ..errors import NotIdentifiableError
    from ..graph import identify

    try:
        return _identified(identify(graph, treatment=treatment, outcome=outcome))
    except NotIdentifiableError as error:
        return _not_identified(error)


def _identified(estimand: "Estimand") -> dict[str, Any]:
    return {
        "identified": True,
        "method": estimand.method,
        "text": estimand.text,
        "formula": estimand.formula,
        "latex": estimand.latex,
        "assumptions": estimand.assumptions,
        "derivation": str(estimand.derivation or "").splitlines(),
    }


def _not_identified(error: "NotIdentifiableError") -> dict[str, Any]:
    from ..graph import Hedge

    hedge = error.hedge
    parts = ("larger", "smaller", "roots")
    found = {part: list(getattr(hedge, part)) for part in parts} if isinstance(hedge, Hedge) else None
    return {"identified": False, "text": str(error), "hedge": found}


def _print(graph: "CausalGraph", record: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    print_graph(console, graph)
    texts = [entry["text"] for entry in record["independencies"]]
    console.print("Independencies that data can refute" + ("" if texts else ": none"), style="bold")
    more = [f"and {len(texts) - SHOWN} more; --json lists them all"] if len(texts) > SHOWN else []
    _lines(console, texts[:SHOWN] + more)
    if record["effect"] is not None:
        _print_effect(console, record["effect"])
    if "selection" in record:
        _print_selection(console, record["selection"])


def _print_selection(console: "Console", selection: dict[str, Any]) -> None:
    if "bias" in selection:
        console.print("Selection of the rows", style="bold")
        _lines(console, [selection["bias"]["text"]])
    found = selection["transport"]
    console.print("Transport to the target", style="bold")
    _lines(console, [found["text"], *([found["formula"]] if found["carriers"] is not None else [])])
    sets = found.get("sets", [])
    if len(sets) > 1:
        console.print("Minimal sets that transport it")
        _lines(console, [_braces(names) for names in sets])
    if found["carriers"] is not None:
        console.print("This is the effect in the target only if:")
        _lines(console, [f"- {text}" for text in found["assumptions"]])


def _print_effect(console: "Console", effect: dict[str, Any]) -> None:
    asked = [effect["treatment"]] if isinstance(effect["treatment"], str) else effect["treatment"]
    joint = "joint " * (len(asked) > 1)
    console.print(f"The {joint}effect of {' and '.join(asked)} on {effect['outcome']}", style="bold")
    efficient, sets = effect["efficient_adjustment_set"], effect["adjustment_sets"]
    texts = [_braces(names) + ("  (efficient)" if names == efficient else "") for names in sets]
    if efficient is not None and efficient not in sets:
        texts.append(f"{_braces(efficient)}  (efficient, not minimal)")
    more = [f"and perhaps more than these {SETS}"] if effect["more_adjustment_sets"] else []
    title = "Minimal adjustment sets" if not joint else "One adjustment set for all treatments"
    console.print(title + ("" if texts else ": none"))
    _lines(console, texts + more)
    ways = [
        f"{w['instrument']}" + (f" given {_braces(w['given'])}" if w["given"] else "") for w in effect["instruments"]
    ]
    if not joint:
        console.print("Instruments" + ("" if ways else ": none"))
        _lines(console, ways)
    if not effect["identified"]:
        console.print("Not identified", style="bold")
        _lines(console, [effect["text"]])
        return
    console.print("Identified", style="bold")
    _lines(console, [effect["text"], effect["formula"]])
    console.print("Derivation")
    _lines(console, effect["derivation"])
    console.print("This is the effect only if:")
    _lines(console, [f"- {text}" for text in effect["assumptions"]])


def print_graph(console: "Console", graph: "CausalGraph") -> None:
    """Print the edges of a graph, and a table of its variables."""
    counts = {"Variables": graph.nodes, "edges": graph.edges, "hidden common causes": graph.confounded}
    counts |= {"selection nodes": graph.selection.squares} if graph.selection else {}
    console.print(", ".join(f"{what}: {len(items)}" for what, items in counts.items()), style="bold")
    _lines(console, str(graph).split("; "))
    if not any(variable.kind for variable in graph.variables.values()):
        return
    declared = graph.variables.values()
    rows = [(variable.name, variable.kind or "", _values(variable), variable.unit or "") for variable in declared]
    print_table(("variable", "kind", "values", "unit"), rows)


def _values(variable: "Variable") -> str:
    """Describe the values that a variable can have."""
    span = "" if variable.support is None else "{:g} to {:g}".format(*variable.support)
    if variable.is_image:
        return f"{'×'.join(map(str, variable.shape))}, {span}"
    return span if variable.labels is None else ", ".join(map(str, variable.labels))


def _lines(console: "Console", lines: list[str]) -> None:
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)


def _braces(names: list[str]) -> str:
    return "{" + ", ".join(names) + "}"
