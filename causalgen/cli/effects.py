"""`causalgen effects`: the effect of one column of a table on another, with every check of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import failures
from .further import cuts, doses, proxies
from .options import (
    AsJson,
    AssumedGraph,
    Cluster,
    Kinds,
    Level,
    MissingWords,
    Outcome,
    ReportOut,
    TableFile,
    TableSeed,
)
from .tables import kinds, names, sides, table_of, treatments, words_in
from .terminal import print_json, print_text
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    import pandas as pd

    from ..effects import EffectReport
    from ..effects.diagnostics import Diagnostics
    from ..graph import CausalGraph

__all__ = ["effects"]

QUESTION = ("adjustment", "instrument", "weights", "cluster", "event", "horizon")
"""Options that belong to the question."""


def effects(
    table: TableFile,
    graph: AssumedGraph,
    treatment: Annotated[
        list[str],
        typer.Option(
            help="The column that is set; repeat the option, or join names by commas, for several.", show_default=False
        ),
    ],
    outcome: Outcome,
    contrast: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Two values: the effect compares the second with the first. For several columns, '0,0' '1,1' in "
            "their order.",
            show_default="the two labels of a binary treatment",
        ),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(help="Estimators, such as 'doubly robust, linear adjustment'.", show_default="all")
    ] = None,
    population: Annotated[
        str,
        typer.Option(help="Population to average over: whole (ATE), overlap (ATO), treated (ATT) or control (ATC)."),
    ] = "whole",
    adjustment: Annotated[
        str | None,
        typer.Option(help="Columns to adjust for, such as 'a, b', checked against the graph.", show_default="found"),
    ] = None,
    instrument: Annotated[
        str | None, typer.Option(help="An instrument of the graph, in place of adjustment.", show_default="none")
    ] = None,
    cluster: Cluster = None,
    weights: Annotated[str | None, typer.Option(help="Column of sampling weights.")] = None,
    missing: Annotated[
        str,
        typer.Option(
            help="Missing values: drop incomplete rows, impute the cells, or weight complete rows to stand for all."
        ),
    ] = "drop",
    missing_words: MissingWords = None,
    kind: Kinds = None,
    event: Annotated[
        str | None,
        typer.Option(
            help="For a censored time as outcome: the column that marks the event (1, true, yes), or status=dead."
        ),
    ] = None,
    horizon: Annotated[float | None, typer.Option(help="Time horizon of such an outcome.")] = None,
    negative_controls: Annotated[
        str | None, typer.Option(help="Columns that the treatment does not act on, such as 'a, b'.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Estimate effects in the groups of a column: sex, or age:40,60 to cut it; repeat the option for "
            "several."
        ),
    ] = None,
    curve: Annotated[
        str | None, typer.Option("--doses", help="Dose-response curve of a continuous treatment: auto, or '0,10,20'.")
    ] = None,
    units: Annotated[
        bool, typer.Option("--units", help="Estimate the effect in every row with a causal forest.")
    ] = False,
    measured: Annotated[
        list[str] | None, typer.Option(help="A column and another one that measures it in every row: pain=pain_read.")
    ] = None,
    predicted: Annotated[
        list[str] | None, typer.Option(help="A column and another one that predicts it in every row: pain=pain_hat.")
    ] = None,
    fitted_on: Annotated[
        str | None, typer.Option(help="Column that marks the rows on which the predictor was fitted, or none.")
    ] = None,
    labelled_at_random: Annotated[
        bool, typer.Option("--labelled-at-random", help="The rows with assigned values are a random sample.")
    ] = False,
    target: Annotated[
        Path | None,
        typer.Option(
            help="A table of another population, to which the effect is transported. Its covariates suffice; the "
            "graph declares what differs: '[site] -> age'."
        ),
    ] = None,
    doubt: Annotated[
        bool, typer.Option("--doubt/--no-doubt", help="Examine hidden confounding, balance and the graph.")
    ] = True,
    simulations: Annotated[int, typer.Option(min=0, help="Simulated tables per refuter; 0 for no refuters.")] = 30,
    level: Level = 0.95,
    seed: TableSeed = 0,
    out: ReportOut = None,
    formats: Annotated[
        str | None, typer.Option(help="Formats among html, markdown, latex, notebook, csv.", show_default="all")
    ] = None,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """Estimate the effect of one column of a table on another under an assumed graph, and check it.

    Example: causalgen effects t.csv --graph "age -> {dose, pain}; dose -> pain" --treatment dose --outcome pain --contrast 1 2
    """
    with failures():
        from ..errors import DataError
        from ..studies.graphs import find_graph

        if formats and out is None:
            raise DataError("Expected a folder for the report with --formats; got none. Name one with --out.")
        if negative_controls and not doubt:
            raise DataError(
                "Expected no negative controls with --no-doubt, which skips them; got some. Leave one of the two out."
            )
        assumed = find_graph(graph)
        asked = treatments(treatment, assumed)
        for name in asked:
            assumed.require(name)
        compared = sides(contrast, asked)
        absent = words_in(missing_words or ())
        rows = table_of(table, assumed, absent)
        from ..datasets.declared import declare_kinds
        from ..effects import estimate_effect, label_outcome
        from ..effects.estimators.methods import check_method_names
        from ..effects.further import FurtherQuestions
        from ..effects.question import EffectQuestion
        from ..effects.settings import EstimationSettings
        from ..reports.effects.write import check_formats

        cap_threads()
        groups = cuts(by or (), assumed.nodes)
        used = [*asked, *groups, *names(adjustment or ""), *names(instrument or ""), *names(negative_controls or "")]
        assumed = declare_kinds(assumed, rows, kinds(kind or ()))
        assumed, rows, outcome = label_outcome(assumed, rows, outcome, used=used)
        chosen = check_formats(names(formats)) if formats else None
        arguments: dict[str, Any] = {"simulations": simulations} if simulations else {"refute": False}
        estimators = names(methods or "") or None
        given = {
            "methods": estimators,
            "cluster": cluster,
            "weights": weights,
            "instrument": instrument,
            "event": event,
            "horizon": horizon,
        }
        given["adjustment"] = None if adjustment is None else names(adjustment)
        arguments |= {} if missing == "drop" else {"missing": missing}
        arguments |= {"population": population} | {name: value for name, value in given.items() if value is not None}
        further = FurtherQuestions(
            groups,
            None if curve is None else doses(curve),
            units,
            proxies(measured or (), predicted or (), rows, fitted_on, random=labelled_at_random),
            None if target is None else table_of(target, assumed, absent),
        )
        # Find mistakes in the options of the average effect before the further questions, which take minutes.
        EstimationSettings(population=population, simulations=simulations, level=level, seed=seed)
        check_method_names(estimators)
        answers = None
        if further:  # checked before the average effect, whose refuters take a while
            words: dict[str, Any] = {name: given[name] for name in QUESTION}
            words["missing"] = missing
            question = EffectQuestion(assumed, rows, asked, outcome, compared, **words)
            answers = further.answer(assumed, question, level=level, seed=seed)
        report = estimate_effect(
            assumed,
            rows,
            treatment=asked,
            outcome=outcome,
            contrast=compared,
            level=level,
            seed=seed,
            **arguments,
        )
        found = _doubt(assumed, rows, report, names(negative_controls or ""), seed) if doubt else None
        if as_json:
            parts = {"effect": report, "diagnostics": found, "further": answers}
            print_json({name: part.to_dict() for name, part in parts.items() if part is not None})
        else:
            print_text(report.describe(found))
            if answers is not None:
                print_text(answers.describe(report.warnings))
        if out is not None:
            written = report.save(
                out, doubt=found, further=answers, graph=assumed, table=rows, arguments=arguments, formats=chosen
            )
            for path in written.values():
                typer.echo(path, err=as_json)


def _doubt(
    graph: "CausalGraph", table: "pd.DataFrame", report: "EffectReport", controls: list[str], seed: int
) -> "Diagnostics":
    from ..effects.diagnostics import examine

    return examine(graph, table, report, negative_controls=controls, seed=seed)
